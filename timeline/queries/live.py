"""What is new in a journey since its page was loaded."""

import uuid

from django.db import connection
from django.db.models.functions import Now

from profiles.models import BEGINNING
from timeline.kinds import COUNTED
from timeline.models import DAY_ZONE, Activity
from timeline.queries.common import BY_TIME, NEW_LIMIT
from timeline.queries.filters import JourneyFilter, listed, reading_of_new

NEW_SCAN = 1_000  # entries since then that are looked at


def newest_cursor(asked):
    """The cursor of the newest entry that there is by now: of the one student, else of the kinds that are listed of
    all; None without any.

    Indexes: idx_student_date, else idx_video_listed.
    """
    if asked.student:
        entries = Activity.objects.filter(student=asked.student, created_at__lte=Now())
        newest = entries.order_by("-activity_date", "-created_at", "-id").only("created_at").first()
    else:
        kinds = listed(JourneyFilter(asked.video))
        newest = next(iter(Activity.objects.raw(NEWEST_OF_KINDS, {"video": asked.video.pk, "kinds": kinds})), None)
    return newest and BY_TIME.cursor(newest)


# That no kind is a counted one is said once more, for it is by this that the index is found.
NEWEST_OF_KINDS = f"""
    SELECT entry.id, entry.created_at
    FROM unnest(%(kinds)s::text[]) AS kind
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM student_activity_timeline
        WHERE video_id = %(video)s AND activity_type = kind AND created_at <= statement_timestamp()
        AND activity_type NOT IN ({", ".join(f"'{kind}'" for kind in sorted(COUNTED))})
        ORDER BY created_at DESC, id DESC
        LIMIT 1
    ) AS entry
    ORDER BY entry.created_at DESC, entry.id DESC
    LIMIT 1
"""


def new_since(asked, *, since):
    """How many entries a JourneyFilter has that are newer than the cursor `since` (None: all), as (number, limited).

    Looks at no more than NEW_SCAN of them, or NEW_LIMIT + 1 where all of them are asked for; `limited`: there are more,
    which were not looked at.  An entry is as old as what the student did: one that was recorded late may not be new.
    Indexes: those of `filters.reading_of_new()`.
    """
    source = reading_of_new(asked)
    if not source.branches:
        return 0, False
    params = BY_TIME.params(since or f"{BEGINNING.isoformat()}~{uuid.UUID(int=0)}")
    day = params["after_created_at"].astimezone(DAY_ZONE).date()
    looked_at = source.sql(
        f"({source.rest}) AS matches",
        ordered=False,
        condition=f"{BY_TIME.condition()} AND created_at <= statement_timestamp()",
    )
    most = NEW_LIMIT if source.rest == "true" else NEW_SCAN
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FILTER (WHERE matches), count(*) FROM ({looked_at}) AS looked_at",
            asked.params | params | {"after_day": day, "limit": most + 1},
        )
        number, seen = cursor.fetchone()
    return min(number, NEW_LIMIT), seen > most or number > NEW_LIMIT
