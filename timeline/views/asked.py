"""What the address of a journey asks for; if it makes no sense, a BadRequest in the reader's words."""

import datetime
import re
from urllib.parse import urlsplit

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse

from profiles.models import OUTSIDE_YEARS, YEARS
from timeline import access
from timeline.kinds import IN_VIDEO, of_groups
from timeline.queries import JourneyFilter
from timeline.views.page import text_asked, uuid_asked


def journey_asked(request, video):
    """The JourneyFilter of ?student=, ?kind=, ?waiting=, ?from=, ?until=, ?q= and ?order=.

    `video` is one that the reader may see; 404 if they do not see the student.
    """
    student = request.GET.get("student") or None
    if student:
        student = get_object_or_404(access.visible_students(request.user), pk=uuid_asked(student))
    groups = groups_asked(request)
    return JourneyFilter(
        video=video,
        student=student,
        kinds=tuple(of_groups(groups)) if groups else None,
        waiting=choice_asked(request, "waiting", ("1",)) == "1",
        start=day_asked(request, "from"),
        end=day_asked(request, "until"),
        text=text_asked(request, "q"),
        newest=choice_asked(request, "order", ("newest",)) == "newest",
    )


def moment_links(video, came_from=""):
    """How entries link to moments of their video: {"journey": its address, "seek": the same, up to the second}.

    `seek` keeps whom and what `came_from`, an address of that journey, shows, whichever part of it and in whichever
    order.
    """
    journey = reverse("video_journey", args=[video.pk])
    origin = urlsplit(came_from)
    kept = QueryDict(origin.query if origin.path == journey else "", mutable=True)
    for name in ("t", "after", "order", "view"):
        kept.pop(name, None)
    return {"journey": journey, "seek": f"{journey}?{kept.urlencode()}{'&' if kept else ''}t="}


def groups_asked(request):
    """The groups of kinds that are to be shown: some of IN_VIDEO; none means all."""
    groups = request.GET.getlist("kind")
    if unknown := [group for group in groups if group not in IN_VIDEO]:
        raise BadRequest(f"There is no kind of activity in a video called “{unknown[0][:40]}”.")
    return groups


def day_asked(request, name):
    """A day of the query string, as 2026-03-15; None without one."""
    text = request.GET.get(name, "").strip()
    if not text:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError
        day = datetime.date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"“{text[:40]}” is not a day. Write a day as 2026-03-15.") from error
    if day.year not in YEARS:
        raise BadRequest(OUTSIDE_YEARS)
    return day


def choice_asked(request, name, choices):
    """One of `choices` by the query string; "" without."""
    text = request.GET.get(name, "")
    if text and text not in choices:
        words = " or ".join(f"“{choice}”" for choice in choices)
        raise BadRequest(f"The address has “{text[:40]}” for “{name}”, where it may only have {words}.")
    return text
