"""/healthz: whether this process can serve, for load balancers and containers.

`python -m config.health` asks the server on this machine's PORT and exits 1 unless it can.
"""

import contextlib
import http.client
import logging
import os
import sys

from django.db import Error, connection
from django.http import HttpResponse

log = logging.getLogger(__name__)


class HealthMiddleware:
    """Answer /healthz: 200 when the database answers, else 503.

    It stands before the checks of host and scheme: probes come by address and without TLS.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path == "/healthz":
            return self.healthz()
        return self.get_response(request)

    def healthz(self):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except Error as error:
            log.error("The database does not answer: %s", error)
            return HttpResponse("The database does not answer.\n", content_type="text/plain", status=503)
        return HttpResponse("OK\n", content_type="text/plain")


def can_serve(port):
    """Whether a server on this machine's `port` says that it can serve."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(client), contextlib.suppress(OSError, http.client.HTTPException):
        client.request("GET", "/healthz")
        return client.getresponse().status == 200
    return False


if __name__ == "__main__":
    sys.exit(not can_serve(os.environ.get("PORT", 8000)))
