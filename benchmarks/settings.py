"""The settings of the benchmarks: those of the site, django-activity-stream beside it where it is installed, memory."""

from importlib.util import find_spec

from config.settings import *  # noqa: F403
from config.settings import DATABASES, INSTALLED_APPS

if find_spec("actstream"):
    INSTALLED_APPS = [*INSTALLED_APPS, "actstream"]

# A server of our own begins with 128 MB of shared memory, less than the timeline's indexes take here: who runs a
# site gives it more.  It counts if it is the benchmark that starts the server, and what holds is printed.
if DATABASES["default"]["ENGINE"] == "config.database":
    DATABASES["default"]["OPTIONS"]["server_settings"] = {"shared_buffers": "1GB", "max_wal_size": "4GB"}
