"""Settings of the tests: those of a machine of one's own, whatever .env or the shell say, with a server in a hurry.

DATABASE_URL is obeyed: the tests then make their `test_…` database there.
"""

import atexit
import os
import shutil
import tempfile

os.environ.update(LOCAL="on", DEBUG="off", ENV_FILE=os.devnull)
os.environ.pop("ALLOWED_HOSTS", None)
os.environ.pop("EMAIL_URL", None)

from config.settings import *  # noqa: F403
from config.settings import BASE_DIR, DATABASES

if DATABASES["default"]["ENGINE"] == "config.database":
    DATABASES["default"]["OPTIONS"] = {
        "directory": str(BASE_DIR / ".data" / "test"),
        # Nothing here is worth keeping: a crash may take it.
        "server_settings": {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_wal_size": "4GB",
            "max_connections": "200",
        },
    }

MEDIA_ROOT = tempfile.mkdtemp(prefix="media-")
atexit.register(shutil.rmtree, MEDIA_ROOT, ignore_errors=True)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast

WHITENOISE_AUTOREFRESH = True  # a static file is looked for when it is asked for: else all are, by every test client
