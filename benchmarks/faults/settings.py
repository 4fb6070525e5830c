"""The site's settings, with a clock that is the machine's and what the file FALSE_CLOCK says more or less, in seconds.

libfaketime, which sets PostgreSQL's clock, stops Python from sleeping; so here what our code asks for the time is told
something else.
"""

import datetime
import os
import time
from pathlib import Path

from django.utils import timezone

from config.settings import *  # noqa: F403

_offset = Path(os.environ["FALSE_CLOCK"])
_time, _now = time.time, timezone.now


def false_time():
    return _time() + float(_offset.read_text())


def false_now():
    return _now() + datetime.timedelta(seconds=float(_offset.read_text()))


time.time, timezone.now = false_time, false_now
