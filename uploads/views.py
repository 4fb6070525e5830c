"""An upload's file, for those who may have it."""

from django.contrib.auth.decorators import login_not_required
from django.shortcuts import get_object_or_404
from django.utils.csp import CSP
from django.utils.timezone import localtime
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from config.files import send
from uploads.access import uploads_visible

# Opened in a tab of its own it runs nothing, whatever it is.  The browser's own player there asks for the file once
# more, as somebody who is logged in, and brings its own styles.
ALONE = {
    "default-src": [CSP.NONE],
    "media-src": [CSP.SELF],
    "style-src": [CSP.UNSAFE_INLINE],
    "sandbox": ["allow-same-origin"],
}


@login_not_required  # no page of ours is where a picture or a recording is asked for: 404, as for anybody else
@csp_override(ALONE)
@require_safe
def upload(request, upload):
    found = get_object_or_404(uploads_visible(request.user), pk=upload)
    title = f"{found.get_media_type_display()} {localtime(found.created_at):%Y-%m-%d}"
    return send(request, found.file, title=title)
