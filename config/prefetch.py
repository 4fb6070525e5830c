"""Requests for pages that nobody may ever look at: they use up no notice, and note down of nothing that it was read."""


def is_ahead(request):
    """Whether a browser asks before anybody has gone to the page, so as to have it if they do."""
    return "prefetch" in (request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or "")


def is_looked_at(request):
    """Whether somebody is shown the answer: it is neither asked for ahead nor without its content (HEAD)."""
    return request.method != "HEAD" and not is_ahead(request)
