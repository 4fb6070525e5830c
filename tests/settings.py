"""Settings of the tests: those of a machine of one's own, whatever .env or the shell say, with a server in a hurry.

DATABASE_URL is obeyed: the tests then make their `test_…` database there.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

os.environ.update(LOCAL="on", DEBUG="off", ENV_FILE=os.devnull)
os.environ.pop("ALLOWED_HOSTS", None)
os.environ.pop("EMAIL_URL", None)

from config.database.embedded import digest
from config.settings import *  # noqa: F403
from config.settings import BASE_DIR, DATABASES


def database_directory():
    """In memory, where there is enough of it: emptying the tables after a test that commits makes hundreds of files.

    A process that a test starts finds the same one, though there may be less left by then.
    """
    memory = Path("/dev/shm")
    found = memory / f"student-activity-timeline-{os.geteuid()}-{digest(BASE_DIR)}"
    if found.exists() or (os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 2**30):
        return found
    return BASE_DIR / ".data" / "test"


if DATABASES["default"]["ENGINE"] == "config.database":
    DATABASES["default"]["OPTIONS"] = {
        "directory": str(database_directory()),
        # Nothing here is worth keeping: a crash may take it.
        "server_settings": {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_wal_size": "1GB",
            "max_connections": "200",
        },
    }

MEDIA_ROOT = tempfile.mkdtemp(prefix="media-")
atexit.register(shutil.rmtree, MEDIA_ROOT, ignore_errors=True)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast

WHITENOISE_AUTOREFRESH = True  # a static file is looked for when it is asked for: else all are, by every test client
