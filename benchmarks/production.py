"""The server that production runs, on the database of a benchmark, and how a browser asks it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

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
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as log:
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
        server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=variables, stdout=log, stderr=log)

        def read_log():
            log.seek(0)
            return log.read()

        try:
            deadline = time.monotonic() + 30
            while not can_serve(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"The server does not start:\n{read_log()}")
                time.sleep(0.1)
            yield port, read_log
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)


def cookie(person):
    """The header Cookie of a browser in which `person` is logged in."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from profiles.sessions import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def headers(cookie):
    """What a browser's request has, once it has come through the proxy."""
    return {"Host": HOST, "X-Forwarded-Proto": "https", "Cookie": cookie}
