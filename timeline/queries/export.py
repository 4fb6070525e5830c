"""A journey to download."""

import datetime
import json
import uuid
from typing import NamedTuple

from django.db import connection

from courses.models import Checkpoint, Quiz
from profiles.models import Profile
from timeline.kinds import BY_VALUE
from timeline.queries.common import BY_SECOND
from timeline.queries.filters import reading_by_second

FIRST_BATCH = 200  # entries that the first statement looks at, so that a download begins at once
BATCH = 2_000  # … and each further one
NAMES = 20_000  # that are remembered from batch to batch


class Exported(NamedTuple):
    """An entry as a row of a file.  A million of them are cheap, which as many rows of the model are not.

    In place of what an entry refers to it has the name: of `student`, `quiz`, `checkpoint` and `responded_by`.
    """

    pk: uuid.UUID
    created_at: datetime.datetime
    activity_date: datetime.date
    video_timestamp_seconds: int
    student_id: uuid.UUID
    activity_type: str
    content: str | None
    media_url: str | None
    response_status: str | None
    instructor_response: str | None
    responded_at: datetime.datetime | None
    metadata: dict
    student: str | None
    responded_by: str | None
    quiz: str | None
    checkpoint: str | None

    @property
    def kind(self):
        return BY_VALUE[self.activity_type]


COLUMNS = ", ".join(["id", *Exported._fields[1:11]])


def journey_export(asked):
    """Every entry that a JourneyFilter asks for, by second, as an iterator of Exported.

    That includes what a list of everyone's entries only counts.  Each batch is
    a statement of its own, which looks at BATCH entries: memory stays flat, and
    no snapshot is held open while somebody downloads slowly.  What is written
    meanwhile at a second that is still to come is in it.
    Indexes: those of `filters.reading_by_second()`.
    """
    source = reading_by_second(asked)
    names = {}
    params, condition, size = asked.params, "true", min(FIRST_BATCH, BATCH)
    while source.branches:
        entries = source.sql("*", condition=condition)
        with connection.cursor() as cursor:
            cursor.execute(EXPORT.format(columns=COLUMNS, entries=entries, rest=source.rest), params | {"limit": size})
            rows = cursor.fetchall()
        yield from _exported([row[:-2] for row in rows if row[-2]], names)
        if not rows or rows[-1][-1] < size:
            return
        last = dict(zip(("id", *Exported._fields[1:]), rows[-1], strict=False))
        params |= {f"after_{column}": last[column] for column in BY_SECOND.columns}
        condition, size = BY_SECOND.condition(), BATCH


# The last entry of a full batch is read even if it is not asked for: the next batch starts after it.
EXPORT = """
    SELECT {columns}, metadata, responded_by, quiz_id, matches, number
    FROM (
        SELECT looked_at.*, ({rest}) AS matches,
            row_number() OVER (ORDER BY video_timestamp_seconds, id) AS number
        FROM ({entries}) AS looked_at
    ) AS entry
    WHERE matches OR number = %(limit)s
    ORDER BY video_timestamp_seconds, id
"""


def _exported(rows, names):
    """The Exported of rows of EXPORT; `names` of rows by their id is what batches before have looked up."""
    if len(names) > NAMES:
        names.clear()
    facts = [json.loads(row[11]) for row in rows]
    checkpoints = [uuid.UUID(each["checkpoint_id"]) if "checkpoint_id" in each else None for each in facts]
    people = {row[4] for row in rows} | {row[12] for row in rows}
    for model, ids in ((Profile, people), (Quiz, {row[13] for row in rows}), (Checkpoint, {*checkpoints})):
        if unknown := ids - names.keys() - {None}:
            names |= dict.fromkeys(unknown)  # what is gone by now has none
            names |= {pk: str(row) for pk, row in model.objects.in_bulk(unknown).items()}
    for row, metadata, checkpoint in zip(rows, facts, checkpoints, strict=True):
        yield Exported(*row[:11], metadata, *map(names.get, (row[4], row[12], row[13], checkpoint)))
