"""The server that production runs, on the database of a benchmark, and how a browser asks it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import harness

HOST = "timeline.example.org"


@contextmanager
def production(connection):
    """The port of the production server on this database, and a function of its log."""
    from django.conf import settings

    from config.database.embedded import embedded_postgres
    from config.health import can_serve

    described = connection.settings_dict
    if described["ENGINE"] == "config.database":
        url = embedded_postgres(described["OPTIONS"]["directory"]).url(described["NAME"])
    else:
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{described['NAME']}").geturl()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        variables = os.environ | {
            "SECRET_KEY": settings.SECRET_KEY,
            "ALLOWED_HOSTS": HOST,
            "DATABASE_URL": url,
            "BEHIND_PROXY": "on",
            "LOCAL": "off",
            "DEBUG": "off",
            "STATIC_ROOT": f"{folder}/static",
            "MEDIA_ROOT": f"{folder}/media",
            "PORT": str(port),
        }
        collect = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
        subprocess.run(collect, cwd=settings.BASE_DIR, env=variables, check=True)
        command = [sys.executable, "-m", "gunicorn"]
        with log.open("a") as file:
            server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=variables, stdout=file, stderr=file)
        try:
            deadline = time.monotonic() + 30
            while not can_serve(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"The server does not start:\n{log.read_text()}")
                time.sleep(0.1)
            yield port, log.read_text
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)


def cookie(person):
    """The header Cookie of a browser in which `person` is logged in."""
    from django.conf import settings

    name = settings.SESSION_COOKIE_NAME
    return f"{name}={harness.logged_in(person).cookies[name].value}"


def headers(cookie):
    """What a browser's request has, once it has come through the proxy."""
    return {"Host": HOST, "X-Forwarded-Proto": "https", "Cookie": cookie}
