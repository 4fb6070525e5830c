"""Student Journey: a video as a class watches it."""

import uuid

from django.core.exceptions import BadRequest
from django.shortcuts import get_object_or_404

from timeline import access, kinds, queries, track
from timeline.fold import folded, with_reached
from timeline.views.asked import GROUPS, groups_asked, journey_asked
from timeline.views.page import Page, text_asked, uuid_asked


class VideoJourney(Page):
    """A video, its track, and what one student (?student=) or everybody did at which second of it."""

    template_name = "timeline/video_journey.html"
    fragments = ("entries", "panel", "track")

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.video = get_object_or_404(access.videos_taught(request.user), pk=kwargs["video"])
        self.student = None
        if student := request.GET.get("student"):
            self.student = get_object_or_404(access.visible_students(request.user), pk=uuid_asked(student))
        self.groups = groups_asked(request)
        self.asked = journey_asked(request, self.video, self.student)
        self.second = self._second_asked()

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            video=self.video,
            student=self.student,
            second=self.second,
            groups=[(group, kinds.GROUPS[group], group in self.groups) for group in GROUPS],
            fragment=self.fragment,
            **(self.track() if self.fragment != "entries" else {}),
            **(self.list() if self.fragment != "track" else {}),
            **kwargs,
        )

    def track(self):
        """The track under the video, and what it says."""
        duration = self.video.duration_seconds
        audience = queries.audience(video=self.video)
        found = queries.markers(video=self.video, student=self.student)
        watched = queries.watched_by(video=self.video, student=self.student) if self.student else None
        story = (
            track.story_of_student(duration=duration, watched=watched, markers=found)
            if self.student
            else track.story_of_class(duration=duration, audience=audience, markers=found)
        )
        return {
            "track": track.draw(
                duration=duration,
                audience=audience,
                markers=[marker for marker in found if not self.groups or marker.group in self.groups],
                landmarks=queries.landmarks(video=self.video),
                watched=watched,
            ),
            "story": story,
            "waiting": track.waiting(found),
            "playhead": track.at(self.second or 0, duration),
        }

    def list(self):
        """A page of the entries."""
        asked = self.asked
        after = self.request.GET.get("after") or self._before_second()
        page = queries.video_journey(asked, after=after)
        access.mark_visible(self.request.user, queries.with_places(page.entries))
        access.mark_answerable(self.request.user, page.entries)
        items = folded(page.entries)
        whole = not (asked.narrowed or asked.newest)
        counted = whole and not self.student and (not self.groups or "watching" in self.groups)
        if counted:
            lines = queries.reached(
                video=self.video,
                after=queries.BY_SECOND.parse(after)[0] if after else None,
                until=page.entries[-1].video_timestamp_seconds if page.next else None,
            )
            items = with_reached(items, lines)
        name = text_asked(self.request, "name")
        return {
            "filtered": bool(self.groups or asked.narrowed),
            "counted": counted,
            "items": items,
            "more": page.next,
            "count": page.total,
            "name": name,
            "found": queries.students_of_course(course=self.video.lesson.course, name=name, size=12),
        }

    def _second_asked(self):
        """`?t=`, a second of the video; None without."""
        second = self.request.GET.get("t")
        if not second:
            return None
        if not (second.isascii() and second.isdigit() and len(second) <= 10 and int(second) < 2**31):
            raise BadRequest("The second of the video (t) must be a whole number.")
        return int(second)

    def _before_second(self):
        """The cursor before `?t=`, where entries are by second."""
        return None if self.second is None or self.asked.newest else f"{self.second - 1}~{uuid.UUID(int=2**128 - 1)}"
