"""The production server: `gunicorn`, started in this folder, reads this file.  `manage.py demo` uses it, too."""

import os
import re
import sys

from config.log import without_secrets

# Told to (HUP), this process starts workers of a new version, which are to have nothing of the version before.
del sys.modules["config.log"]

wsgi_app = "config.wsgi"
# This machine alone: the proxy that does HTTPS is here, or, for a container, where its image says (Dockerfile).
bind = f"{os.environ.get('WEB_HOST', '127.0.0.1')}:{os.environ.get('PORT', 8000)}"
workers = int(os.environ.get("WEB_CONCURRENCY", 2))
threads = int(os.environ.get("WEB_THREADS", 4))
worker_class = "gthread"
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a disk that stalls would stop the workers
forwarder_headers = ""  # no visitor's header SCRIPT_NAME says where the site begins
accesslog = "-"
control_socket_disable = True


def is_trouble(record):
    """Whether the log needs to know: not that a player stopped reading and so lost its connection (config/files.py)."""
    return not (record.exc_info and isinstance(record.exc_info[1], TimeoutError))


def tells_no_secrets(record):
    """Takes out of a line of the log what opens secret links, and what was asked: the words and names looked for."""
    record.msg, record.args = re.sub(r'\?[^\s"]+', "?…", without_secrets(record.getMessage())), ()
    return True


def on_starting(server):
    server.log.error_log.addFilter(is_trouble)
    for log in (server.log.access_log, server.log.error_log):
        log.addFilter(tells_no_secrets)
