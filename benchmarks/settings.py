"""The settings of the benchmarks: those of the site, and django-activity-stream beside it where it is installed."""

from importlib.util import find_spec

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS

if find_spec("actstream"):
    INSTALLED_APPS = [*INSTALLED_APPS, "actstream"]
