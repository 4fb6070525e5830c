"""A journey to take away."""

from timeline.models import Activity
from timeline.queries.common import BY_SECOND
from timeline.queries.filters import reading_by_second
from timeline.queries.places import with_places

BATCH = 2_000  # entries that one statement looks at


def journey_export(asked):
    """Every entry that a JourneyFilter asks for, by second, with what it refers to; an iterator.

    That includes what a list of everyone's entries only counts.  Each batch is
    a statement of its own, which looks at BATCH entries: memory stays flat, and
    no snapshot is held open while somebody downloads slowly.  What is written
    meanwhile at a second that is still to come is in it.
    Indexes: those of `filters.reading_by_second()`.
    """
    source = reading_by_second(asked)
    params, condition = asked.params | {"limit": BATCH}, "true"
    while source.branches:
        statement = EXPORT.format(entries=source.sql("*", condition=condition), rest=source.rest)
        rows = list(Activity.objects.raw(statement, params))
        yield from with_places([row for row in rows if row.matches], in_video=asked.video)
        if not rows or rows[-1].number < BATCH:
            return
        params |= BY_SECOND.params(BY_SECOND.cursor(rows[-1]))
        condition = BY_SECOND.condition()


# The last entry of a full batch is read even if it is not asked for: the next batch starts after it.
EXPORT = """
    SELECT *
    FROM (
        SELECT looked_at.*, ({rest}) AS matches,
            row_number() OVER (ORDER BY video_timestamp_seconds, id) AS number
        FROM ({entries}) AS looked_at
    ) AS entry
    WHERE matches OR number = %(limit)s
    ORDER BY video_timestamp_seconds, id
"""
