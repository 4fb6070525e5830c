"""What the queries share: the orders of rows, and how far counts go."""

import datetime
import uuid

from django.db import connection
from django.utils import timezone

from timeline.keyset import Keyset
from timeline.models import DAY_ZONE

COUNT_LIMIT = 10_000  # a count shown to a person is exact up to here, then "10,000+"
NEW_LIMIT = 99  # … of what is new, up to here
BY_SECOND = Keyset(("video_timestamp_seconds", "id"), (int, uuid.UUID))
BY_TIME = Keyset(("created_at", "id"), (datetime.datetime, uuid.UUID))
NEWEST = Keyset(BY_TIME.columns, BY_TIME.types, descending=True)
BY_START = Keyset(("at", "id"), NEWEST.types, descending=True)
BY_COMMUNITY = Keyset(("community_at", "id"), NEWEST.types, descending=True)
BY_MOMENT = Keyset(("created_at",), (datetime.datetime,))
BY_HIDING = Keyset(("hidden_at", "id"), (datetime.datetime, uuid.UUID), descending=True)
BY_DAY = Keyset(("activity_date",), (datetime.date,), descending=True)
BY_CALLED = Keyset(("called", "id"), (str, uuid.UUID))
BY_TITLE = Keyset(("title", "id"), (str, uuid.UUID))
BY_NAME = Keyset(("full_name", "id"), (str, uuid.UUID))


def today():
    """The day it is in the zone whose days are the timeline's."""
    return timezone.now().astimezone(DAY_ZONE).date()


def midnight(day):
    """When a day of the timeline begins."""
    return datetime.datetime.combine(day, datetime.time(), DAY_ZONE)


WORDS_ASKED = "(content ILIKE %(text)s OR instructor_response ILIKE %(text)s)"


def like(text):
    """The pattern of LIKE that finds `text` as it is written."""
    return f"%{connection.ops.prep_for_like_query(text)}%"
