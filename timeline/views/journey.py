"""Student Journey: a video as a class watches it."""

import uuid

from django.core.exceptions import BadRequest
from django.shortcuts import get_object_or_404

from timeline import access, kinds, queries
from timeline.fold import folded, with_reached
from timeline.views.page import Page, text_asked, uuid_asked


class VideoJourney(Page):
    """Activity at its second of the video, for one student (?student=) or for all."""

    template_name = "timeline/video_journey.html"
    fragments = ("entries", "journey")
    GROUPS = ("watching", "reflections", "quizzes")  # whose entries have a video

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.video = get_object_or_404(access.videos_taught(request.user), pk=kwargs["video"])
        self.student = None
        if student := request.GET.get("student"):
            self.student = get_object_or_404(access.visible_students(request.user), pk=uuid_asked(student))

    def get_context_data(self, **kwargs):
        groups = self.request.GET.getlist("kind")
        if unknown := [group for group in groups if group not in self.GROUPS]:
            raise BadRequest(f"There is no kind of activity in a video called “{unknown[0][:40]}”.")
        asked = {
            "video": self.video,
            "student": self.student,
            "kinds": kinds.of_groups(groups) if groups else None,
        }
        after = self.request.GET.get("after") or self._from_second()
        page = queries.video_journey(**asked, after=after)
        access.mark_visible(self.request.user, queries.with_places(page.entries))
        items = folded(page.entries)
        counted = not self.student and (not groups or "watching" in groups)
        if counted:
            lines = queries.reached(
                video=self.video,
                after=queries.BY_SECOND.parse(after)[0] if after else None,
                until=page.entries[-1].video_timestamp_seconds if page.next else None,
            )
            items = with_reached(items, lines)
        name = text_asked(self.request, "name")
        return super().get_context_data(
            video=self.video,
            student=self.student,
            groups=[(group, kinds.GROUPS[group], group in groups) for group in self.GROUPS],
            filtered=bool(groups),
            counted=counted,
            items=items,
            more=page.next,
            count=queries.video_journey_count(**asked),
            name=name,
            found=queries.students_of_course(course=self.video.lesson.course, name=name, size=12),
            **kwargs,
        )

    def _from_second(self):
        """The cursor before `?t=`, a second of the video."""
        second = self.request.GET.get("t")
        if not second:
            return None
        if not (second.isascii() and second.isdigit() and len(second) <= 10 and int(second) < 2**31):
            raise BadRequest("The second of the video (t) must be a whole number.")
        return f"{int(second) - 1}~{uuid.UUID(int=2**128 - 1)}"
