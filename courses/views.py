"""A video's files, for those who may watch it; and what students' players report of it."""

from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from config.files import send
from courses import watching
from courses.access import videos_recorded, videos_watchable


@login_not_required  # a player could do nothing with the page of the log-in: 404, as for anybody else
@require_safe
def video_file(request, video, part):
    """The video itself, its poster or its captions: `part` is "file", "poster" or "captions"."""
    found = get_object_or_404(videos_watchable(request.user).only("title", part), pk=video)
    return send(request, getattr(found, part), title=found.title)


@csrf_exempt  # no other site has the token that a report must carry
@login_not_required  # nor could a player's report do anything with that page
@require_POST
def watched(request, video):
    """Takes a report of watching (courses/watching.py); answers, as all it says in JSON, what is watched by now.

    `error` is for whoever reads it: with 401 the report may be sent again after
    a log-in of the same person; with 400, 403, 404 or 413 it never will be taken.
    """
    try:
        found = _watched(request, video)
    except watching.Refused as refused:
        return JsonResponse({"error": str(refused)}, status=refused.status)
    return JsonResponse(found, headers={"Cache-Control": "no-store"})


def _watched(request, video):
    if not request.user.is_authenticated:
        raise watching.Refused(f"You are logged out. {watching.KEPT}", 401)
    body = request.read(watching.MOST_BYTES + 1)
    if len(body) > watching.MOST_BYTES:
        raise watching.Refused("That is too long for a report.", 413)
    token, report = watching.read(body)
    session = watching.session_of(token, student=request.user.pk, video=video)
    found = videos_recorded(request.user).filter(pk=video).first()
    if found is None and not videos_watchable(request.user).filter(pk=video).exists():
        raise watching.Refused("You no longer have access to this video: nothing more of it is recorded.", 404)
    if found is None:
        raise watching.Refused("Watching is recorded for students of the course only.", 403)
    progress = watching.record(request.user, found, session, report, now=timezone.now())
    ranges = progress.watched if progress else []
    return {"watched": ranges, "percent": watching.percent(ranges, found.duration_seconds)}
