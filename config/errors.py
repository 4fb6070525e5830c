"""Error pages that Django does not make by itself."""

from django.core.exceptions import BadRequest
from django.shortcuts import render


def bad_request(request, exception):
    """400, with the sentence that a view's BadRequest said; other exceptions speak of internals and stay silent."""
    reason = str(exception) if isinstance(exception, BadRequest) else ""
    return render(request, "400.html", {"reason": reason}, status=400)
