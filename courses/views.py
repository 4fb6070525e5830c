"""A video's files, for those who may watch it."""

from django.contrib.auth.decorators import login_not_required
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from config.files import send
from courses.access import videos_watchable


@login_not_required  # a player could do nothing with the page of the log-in: 404, as for anybody else
@require_safe
def video_file(request, video, part):
    """The video itself or its poster: `part` is "file" or "poster"."""
    found = get_object_or_404(videos_watchable(request.user).only("title", part), pk=video)
    return send(request, getattr(found, part), title=found.title)
