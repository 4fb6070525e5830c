"""Student Journey: a video as a class watches it."""

import uuid

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.views.decorators.cache import never_cache

from courses.forms import ROUNDED
from courses.watching import percent
from timeline import access, kinds, queries, track
from timeline.fold import folded, with_reached
from timeline.views.asked import choice_asked, groups_asked, journey_asked, moment_links
from timeline.views.page import Page, text_asked

# The columns of the roster: how it is sorted by them, what they are called, and in which direction.
SORTS = (
    ("name", "Student", "ascending"),
    ("coverage", "Watched", "descending"),
    ("seen", "Last seen", "descending"),
    ("waiting", "Waiting", "descending"),
)


class JourneyView(Page):
    """What the address of a journey asks for: `video`, `student` (None: everyone), `asked`, `second`, `since`."""

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.video = get_object_or_404(access.videos_taught(request.user), pk=kwargs["video"])
        self.asked = journey_asked(request, self.video)
        self.student = self.asked.student
        self.groups = groups_asked(request)
        self.second = second_asked(request)
        self.since = request.GET.get("since") or None
        self.since_values = queries.BY_TIME.parse(self.since) if self.since else None


class VideoJourney(JourneyView):
    """A video, its track, and what one student (?student=) or everybody did at which second of it."""

    template_name = "timeline/video_journey.html"
    fragments = ("entries", "panel", "list", "track")

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.of_students = choice_asked(request, "view", ("students",)) == "students"
        if self.of_students:
            self.fragments = ("entries", "panel", "track")  # there is no list beside the class
        self.name = text_asked(request, "name")
        self.sort = choice_asked(request, "sort", queries.SORTS) or "name"

    def get_context_data(self, **kwargs):
        context = super().get_context_data(
            video=self.video,
            student=self.student,
            everyone=self.student is None,
            asked=self.asked,
            second=self.second,
            fragment=self.fragment,
            of_students=self.of_students,
            rounded=ROUNDED,
            name=self.name,
            sort=self.sort,
            **moment_links(self.video, came_from=self.request.get_full_path()),
            **kwargs,
        )
        if self.fragment in (None, "panel", "track"):
            context |= self.track()
        if self.fragment in (None, "panel"):
            context |= {"in_words": self.in_words(), "since": queries.newest_cursor(self.asked)}
        if self.fragment in (None, "panel") and self.student and not self.of_students:
            context |= self.neighbours()
        if self.fragment in (None, "panel", "track") and self.asked.waiting and not self.student:
            context["moments"] = queries.moments_of_video(video=self.video, by=self.request.user)
        if self.fragment != "track":
            context |= self.roster() if self.of_students else self.list(context.get("totals"))
        return context

    def track(self):
        """The track under the video, and what it says."""
        duration = self.video.duration_seconds
        audience = queries.audience(video=self.video)
        found = queries.markers(video=self.video, student=self.student)
        totals = queries.totals(video=self.video, student=self.student)
        watched = queries.watched_by(video=self.video, student=self.student) if self.student else None
        story = (
            track.story_of_student(duration=duration, watched=watched, markers=found, totals=totals)
            if self.student
            else track.story_of_class(duration=duration, audience=audience, markers=found, totals=totals)
        )
        return {
            "track": track.draw(
                duration=duration,
                audience=audience,
                markers=track.shown(found, groups=self.groups, waiting=self.asked.waiting),
                landmarks=queries.landmarks(video=self.video),
                watched=watched,
            ),
            "story": story,
            "percent": watched and percent(watched, duration),
            "totals": totals,
            "groups": [
                # Of everyone's watching, a list has a part: how many there are says nothing.
                (group, kinds.GROUPS[group], group in self.groups, None if group == "watching" else totals[group])
                for group in kinds.IN_VIDEO
            ],
            "waiting": totals["waiting"],
            "playhead": track.at(self.second or 0, duration),
        }

    def list(self, totals=None):
        """A page of the entries; `totals` of them, where they were counted already."""
        asked = self.asked
        given = self.request.GET.get("after")
        after = given or before_second(self.second, asked)
        page = queries.video_journey(asked, after=after, totals=totals)
        access.mark_visible(self.request.user, queries.with_places(page.entries, in_video=self.video))
        access.mark_answerable(self.request.user, page.entries, in_video_taught=True)
        for entry in page.entries:
            entry.is_new = self.since_values is not None and [entry.created_at, entry.pk] > self.since_values
        items = folded(page.entries)
        if not (asked.student or asked.narrowed or asked.newest) and (not self.groups or "watching" in self.groups):
            lines = queries.reached(
                video=self.video,
                after=queries.BY_SECOND.parse(after)[0] if after else None,
                until=page.entries[-1].video_timestamp_seconds if page.next else None,
            )
            items = with_reached(items, lines)
        starts_at = None
        if not asked.newest:
            starts_at = queries.BY_SECOND.parse(given)[0] if given else self.second or 0
        return {
            "items": items,
            "more": page.next,
            "page": page,
            "last": page.first + len(page.entries) - 1,
            "starts_at": starts_at,
            "paged": bool(after),
            "filtered": asked.narrowed or asked.kinds is not None,
            "of_several": sum(map(bool, (asked.kinds, asked.waiting, asked.start or asked.end, asked.text))) > 1,
        }

    def roster(self):
        """A page of the class."""
        page = queries.roster(video=self.video, name=self.name, sort=self.sort, after=self.request.GET.get("after"))
        return {"roster": page, "more": page.next, "sorts": SORTS}

    def neighbours(self):
        """The students before and after the chosen one, as the roster has them."""
        before, after = queries.roster_neighbours(
            video=self.video, student=self.student, name=self.name, sort=self.sort
        )
        return {"student_before": before, "student_after": after}

    def in_words(self):
        """What is shown, for a page on paper: "Reflections and quizzes, waiting for an answer, from 1 May 2026"."""
        asked = self.asked
        words = [
            " and ".join(kinds.GROUPS[group].lower() for group in kinds.IN_VIDEO if group in self.groups)
            or "all entries",
            asked.waiting and "waiting for an answer",
            asked.start and f"from {date_format(asked.start, 'j F Y')}",
            asked.end and f"until {date_format(asked.end, 'j F Y')}",
            asked.text and f"with “{asked.text}”",
            asked.newest and "newest first",
        ]
        return capfirst(", ".join(filter(None, words)))


def second_asked(request):
    """`?t=`, a second of the video; None without."""
    second = request.GET.get("t")
    if not second:
        return None
    if not (second.isascii() and second.isdigit()):
        raise BadRequest("The second of the video (t) must be a whole number.")
    digits = second.lstrip("0") or "0"
    if len(digits) > 10 or int(digits) >= 2**31:
        raise BadRequest("The second of the video (t) is too large: no video is that long.")
    return int(digits)


def before_second(second, asked):
    """The cursor before a second, where entries are by second."""
    if second is None or asked.newest:
        return None
    return queries.BY_SECOND.cursor_of([second - 1, uuid.UUID(int=2**128 - 1)])


@method_decorator(never_cache, "dispatch")
class NewInJourney(JourneyView):
    """How much came in since the cursor `?since=`; 204 if nothing did."""

    def get(self, request, *args, **kwargs):
        number, limited = queries.new_since(self.asked, since=self.since)
        if not number:
            return HttpResponse(status=204)
        context = {"number": number, "limited": limited, "video": self.video, "since": self.since}
        return render(request, "timeline/news.html", context)
