"""Error pages that Django does not make by itself."""

from django.core.exceptions import BadRequest, RequestDataTooBig
from django.shortcuts import render


def bad_request(request, exception):
    """400, with the sentence that a view's BadRequest said; other exceptions speak of internals and stay silent."""
    reason = str(exception) if isinstance(exception, BadRequest) else ""
    if isinstance(exception, RequestDataTooBig):
        reason = "What you sent is too large. Nothing was saved: go back, and send less."
    return render(request, "400.html", {"reason": reason}, status=400)
