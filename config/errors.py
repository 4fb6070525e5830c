"""Error pages that Django does not make by itself, and what the log says of refused requests."""

import copy
import logging
import sys

from django.core.exceptions import BadRequest, RequestDataTooBig
from django.db import Error
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.csrf import csrf_failure
from django.views.decorators.csrf import requires_csrf_token
from django.views.defaults import server_error

from config.links import LeadsNowhere
from config.log import without_secrets
from config.outage import cannot_serve

RETRY_AFTER = 30  # seconds, for whoever waits by itself


def bad_request(request, exception):
    """400, with the sentence that a view's BadRequest said; other exceptions speak of internals and stay silent."""
    reason = str(exception) if isinstance(exception, BadRequest) else ""
    if isinstance(exception, RequestDataTooBig):
        reason = "What you sent is too large. Nothing was saved: go back and send less."
    return render(request, "400.html", {"reason": reason}, status=400)


@requires_csrf_token  # as Django's own: the page has forms
def not_found(request, exception):
    """404; where a secret link leads nowhere, with the sentence that its view said."""
    link = str(exception) if isinstance(exception, LeadsNowhere) else ""
    return render(request, "404.html", {"link": link}, status=404)


def failed(request):
    """500; but 503 where it is the database that is away or, as a standby, takes no changes: that passes."""
    error = sys.exception()
    if isinstance(error, Error) and cannot_serve(error):
        return HttpResponse(render_to_string("503.html"), status=503, headers={"Retry-After": RETRY_AFTER})
    return server_error(request)


def form_expired(request, reason=""):
    """403; but sending a log-in form again that has succeeded leads on, as the first response would have."""
    if request.user.is_authenticated and request.resolver_match.url_name in ("login", "invitation"):
        return redirect(request.get_full_path())
    return csrf_failure(request, reason)


class Line(logging.Formatter):
    """How the log is written: never with what opens a secret link."""

    def format(self, record):
        return without_secrets(super().format(record))


class Refusals(logging.Filter):
    """In the log, a refused request (4xx) is one line; faults of ours (5xx) keep their traceback."""

    def filter(self, record):
        if getattr(record, "status_code", 500) >= 500:
            return True
        record = copy.copy(record)
        record.msg, record.args = " ".join(record.getMessage().split()), ()
        record.exc_info = record.exc_text = None
        return record
