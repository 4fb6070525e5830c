"""The journey of a video: what was done at which second of it."""

from dataclasses import dataclass, replace

from django.db import connection

from timeline.keyset import Page
from timeline.kinds import IN_VIDEO, of_groups
from timeline.models import Activity
from timeline.queries.common import COUNT_LIMIT, NEWEST
from timeline.queries.filters import WRITTEN, reading

SCAN_LIMIT = 10_000  # entries that are looked through for what no index can find
CHECKPOINTS = 100  # of a video, that a page counts


@dataclass(frozen=True)
class Reached:
    """How many students reached a second of a video; `deed` says what they did there: "watched 10%"."""

    second: int
    deed: str
    students: int

    template = "timeline/entries/reached.html"


@dataclass(frozen=True)
class JourneyPage(Page):
    """A page of a journey.

    `first` is the number of its first entry among all `total` of them; both
    are counted to COUNT_LIMIT + 1 (`first` to one more).  `limited` says that
    there were more entries than SCAN_LIMIT to look through, and which ones
    were: the "newest 10,000" of the video, or the "first 10,000" by second; else "".
    """

    first: int
    total: int
    limited: str


def video_journey(asked, *, after=None, size=50, totals=None):
    """What a JourneyFilter asks for, as a JourneyPage; `totals()`, where they are known, are not counted again.

    Of everyone, what each student leaves at the same seconds is not listed:
    `reached()` counts it.  Where an index gives the entries in the order that
    is asked for, at most size + 1 of each kind are read, and index entries
    alone for the counts; else at most SCAN_LIMIT entries, the newest or the
    first ones, are looked through.
    Indexes: those of `filters.reading()`.
    """
    source = reading(asked)
    if not source.branches:
        return JourneyPage([], None, 1, 0, "")
    steps = source.order == asked.order and source.rest == "true"
    entries, before, total, limited = _step(asked, after, size, totals) if steps else _scan(asked, after, size)
    page = asked.order.first_page(entries, size)
    return JourneyPage(page.entries, page.next, before + 1, total, limited)


def _step(asked, after, size, totals):
    """A page where an index has the order: by keyset."""
    order, later, earlier = asked.order, asked, asked
    if after and asked.newest:
        # A range that has two bounds on one side is entered at either of them: leave the one that the cursor makes.
        (moment, _), dates = order.parse(after), asked.params
        later = replace(asked, end=None) if asked.end and moment < dates["end"] else asked
        earlier = replace(asked, start=None) if asked.start and moment >= dates["start"] else asked
    params = asked.params | (order.params(after) if after else {})
    statement = reading(later).sql("*", condition=order.condition() if after else "true")
    entries = list(Activity.objects.raw(statement, params | {"limit": size + 1}))
    counted, total, before = {}, _total(asked, totals), 0
    if total is None:
        counted["total"] = reading(asked).sql("1", ordered=False)
    if after:
        counted["before"] = reading(earlier).sql("1", ordered=False, condition=order.condition(after=False))
    if counted:
        counts = ", ".join(f"(SELECT count(*) FROM ({rows}) AS counted) AS {name}" for name, rows in counted.items())
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {counts}", params | {"limit": COUNT_LIMIT + 1})
            found = dict(zip(counted, cursor.fetchone(), strict=True))
        total, before = found.get("total", total), found.get("before", 0)
    return entries, before, total, ""


def _total(asked, totals):
    """How many entries a JourneyFilter has, as far as `totals()` say; None if they do not."""
    if totals is None or asked.start or asked.end or asked.text:
        return None
    if asked.waiting:
        return totals["waiting"] if asked.kinds is None or {*WRITTEN} <= {*asked.kinds} else None
    groups = [group for group in IN_VIDEO if asked.kinds is None or {*of_groups([group])} <= {*asked.kinds}]
    if asked.kinds is not None and {*of_groups(groups)} != {*asked.kinds}:
        return None
    return min(sum(totals[group] for group in groups), COUNT_LIMIT + 1)


def _scan(asked, after, size):
    """A page where none has it: what is asked for is picked out of SCAN_LIMIT entries, and put in order."""
    source, order = reading(asked), asked.order
    statement = SCAN.format(
        candidates=source.sql(f"id, video_timestamp_seconds, created_at, ({source.rest}) AS matches"),
        looked=source.order.sql,
        after=order.condition() if after else "true",
        before=order.condition(after=False) if after else "false",
        order=order.sql,
    )
    params = asked.params | (order.params(after) if after else {})
    params |= {"limit": SCAN_LIMIT + 1, "most": SCAN_LIMIT, "size": size + 1}
    rows = list(Activity.objects.raw(statement, params))
    entries = [row for row in rows if row.pk]  # without any, the one row has the counts alone
    which = "newest" if source.order == NEWEST else "first"
    limited = f"{which} {SCAN_LIMIT:,}" if rows[0].candidates > SCAN_LIMIT else ""
    return entries, rows[0].before, rows[0].total, limited


# The entry after the last that is looked through says that there are more, and matches nothing.
SCAN = """
    WITH candidate AS MATERIALIZED (
        SELECT id, video_timestamp_seconds, created_at,
            matches AND row_number() OVER (ORDER BY {looked}) <= %(most)s AS matches
        FROM ({candidates}) AS candidates
    ), page AS MATERIALIZED (
        SELECT id FROM candidate WHERE matches AND {after}
        ORDER BY {order}
        LIMIT %(size)s
    ), told AS (
        SELECT
            count(*) FILTER (WHERE matches) AS total,
            count(*) FILTER (WHERE matches AND {before}) AS before,
            count(*) AS candidates
        FROM candidate
    )
    SELECT entry.*, told.total, told.before, told.candidates
    FROM told LEFT JOIN (page JOIN student_activity_timeline AS entry USING (id)) ON true
    ORDER BY {order}
"""


def reached(*, video, after=None, until=None):
    """How many students got how far: [Reached], by second: the tenths of the video and its checkpoints.

    Of the seconds after `after` up to `until`; None: from the start, to the
    end.  Each number is counted to COUNT_LIMIT + 1 by an index-only scan.  A
    checkpoint stands where it is now, and was reached wherever it stood then.
    A video shorter than ten seconds has several tenths at one second, and so
    none here.  Indexes: idx_video_kind, that of learning_milestones.checkpoint_id.
    """
    tenths = range(1, 10) if video.duration_seconds >= 10 else ()
    marks = [(video.duration_seconds * tenth // 10, None, f"watched {tenth * 10}%") for tenth in tenths]
    marks += [
        (checkpoint.video_timestamp_seconds, checkpoint.pk, f"reached “{checkpoint.title}”")
        for checkpoint in video.checkpoints.order_by("video_timestamp_seconds")[:CHECKPOINTS]
    ]
    marks = [mark for mark in marks if (after is None or mark[0] > after) and (until is None or mark[0] <= until)]
    marks.sort(key=lambda mark: (mark[0], mark[1] is None))
    with connection.cursor() as cursor:
        cursor.execute(
            REACHED,
            {
                "video": video.pk,
                "seconds": [second for second, _, _ in marks],
                "checkpoints": [checkpoint for _, checkpoint, _ in marks],
                "deeds": [deed for _, _, deed in marks],
                "limit": COUNT_LIMIT + 1,
            },
        )
        return [Reached(*row) for row in cursor.fetchall()]


# A mark without a checkpoint is a tenth; of the two branches, the other one is not read.
REACHED = """
    SELECT mark.second, mark.deed, reached.students
    FROM unnest(%(seconds)s::integer[], %(checkpoints)s::uuid[], %(deeds)s::text[])
        WITH ORDINALITY AS mark (second, checkpoint_id, deed, number)
    CROSS JOIN LATERAL (
        SELECT count(*) AS students
        FROM (
            (
                SELECT FROM student_activity_timeline
                WHERE mark.checkpoint_id IS NULL AND video_id = %(video)s
                    AND activity_type = 'video_progress' AND video_timestamp_seconds = mark.second
                LIMIT %(limit)s
            )
            UNION ALL
            (SELECT FROM learning_milestones WHERE checkpoint_id = mark.checkpoint_id LIMIT %(limit)s)
        ) AS counted
    ) AS reached
    WHERE reached.students > 0
    ORDER BY mark.number
"""
