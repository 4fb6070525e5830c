"""What is new in a journey since its page was loaded."""

import uuid

from django.db import connection
from django.db.models.functions import Now

from timeline.models import DAY_ZONE, Activity
from timeline.queries.common import BY_TIME
from timeline.queries.filters import reading_of_new

NEW_LIMIT = 99  # new entries are counted to here, then "99+"
NEW_SCAN = 1_000  # entries since then that are looked at


def newest_cursor(asked):
    """The cursor of the newest entry that the video has by now, of whatever kind; None without any.

    Index: idx_video_recent.
    """
    entries = Activity.objects.filter(video=asked.video, created_at__lte=Now()).order_by("-created_at", "-id")
    newest = entries.only("created_at").first()
    return newest and BY_TIME.cursor(newest)


def new_since(asked, *, since):
    """How many entries a JourneyFilter has that are newer than the cursor `since` (None: all), to NEW_LIMIT + 1.

    Looks at no more than NEW_SCAN of them.  An entry is as old as what the
    student did: one that was recorded late may not be new.
    Indexes: those of `filters.reading_of_new()`.
    """
    source = reading_of_new(asked)
    if not source.branches:
        return 0
    params = BY_TIME.params(since or f"1900-01-01T00:00:00+00:00~{uuid.UUID(int=0)}")
    day = params["after_created_at"].astimezone(DAY_ZONE).date()
    looked_at = source.sql(
        f"({source.rest}) AS matches",
        ordered=False,
        condition=f"{BY_TIME.condition()} AND created_at <= statement_timestamp()",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT FROM ({looked_at}) AS looked_at WHERE matches LIMIT %(most)s) AS counted",
            asked.params | params | {"after_day": day, "limit": NEW_SCAN, "most": NEW_LIMIT + 1},
        )
        return cursor.fetchone()[0]
