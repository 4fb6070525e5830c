"""The journey of a video: what was done at which second of it."""

from dataclasses import dataclass

from django.db import connection

from timeline.kinds import COUNTED, KINDS
from timeline.models import Activity
from timeline.queries.common import BY_SECOND, COUNT_LIMIT, first_page

CHECKPOINTS = 100  # of a video, that a page counts


@dataclass(frozen=True)
class Reached:
    """How many students reached a second of a video; `deed` says what they did there: "watched 10 %"."""

    second: int
    deed: str
    students: int

    template = "timeline/entries/reached.html"


def video_journey(*, video, student=None, kinds=None, after=None, size=50):
    """A video's entries by second, of `student` or of everyone; of some `kinds` (activity_types) or of all.

    Of everyone, what each student leaves at the same seconds is not listed:
    `reached()` counts it.  Reads at most size + 1 index entries of each kind.
    Indexes: idx_student_video, or idx_video_kind for everyone.
    """
    if student:
        entries = Activity.objects.filter(video=video, student=student)
        return BY_SECOND.page(entries.filter(activity_type__in=kinds) if kinds else entries, after, size)
    condition, params = "", {"video": video.pk, "kinds": _listed(kinds), "limit": size + 1}
    if after:
        condition = "AND (video_timestamp_seconds, id) > (%(video_timestamp_seconds)s, %(id)s)"
        params |= zip(BY_SECOND.columns, BY_SECOND.parse(after), strict=True)
    entries = list(Activity.objects.raw(JOURNEY_OF_EVERYONE.format(condition=condition), params))
    return first_page(entries, size, BY_SECOND)


def video_journey_count(*, video, student=None, kinds=None):
    """How many entries `video_journey()` has, up to COUNT_LIMIT + 1.  Indexes: as there."""
    if student:
        entries = Activity.objects.filter(video=video, student=student)
        return (entries.filter(activity_type__in=kinds) if kinds else entries)[: COUNT_LIMIT + 1].count()
    with connection.cursor() as cursor:
        cursor.execute(
            JOURNEY_OF_EVERYONE_COUNT, {"video": video.pk, "kinds": _listed(kinds), "limit": COUNT_LIMIT + 1}
        )
        return cursor.fetchone()[0]


def _listed(kinds):
    """The activity_types that the journey of everyone lists."""
    return [kind.value for kind in KINDS if kind.value not in COUNTED and (kinds is None or kind.value in kinds)]


JOURNEY_OF_EVERYONE = """
    SELECT entry.*
    FROM (
        SELECT found.id
        FROM unnest(%(kinds)s::text[]) AS kind (activity_type)
        CROSS JOIN LATERAL (
            SELECT video_timestamp_seconds, id FROM student_activity_timeline
            WHERE video_id = %(video)s AND activity_type = kind.activity_type {condition}
            ORDER BY video_timestamp_seconds, id
            LIMIT %(limit)s
        ) AS found
        ORDER BY found.video_timestamp_seconds, found.id
        LIMIT %(limit)s
    ) AS page
    JOIN student_activity_timeline AS entry ON entry.id = page.id
    ORDER BY entry.video_timestamp_seconds, entry.id
"""

JOURNEY_OF_EVERYONE_COUNT = """
    SELECT count(*)
    FROM (
        SELECT
        FROM unnest(%(kinds)s::text[]) AS kind (activity_type)
        CROSS JOIN LATERAL (
            SELECT FROM student_activity_timeline
            WHERE video_id = %(video)s AND activity_type = kind.activity_type
            LIMIT %(limit)s
        ) AS found
        LIMIT %(limit)s
    ) AS counted
"""


def reached(*, video, after=None, until=None):
    """How many students got how far: [Reached], by second: the tenths of the video and its checkpoints.

    Of the seconds after `after` up to `until`; None: from the start, to the
    end.  Each number is counted to COUNT_LIMIT + 1 by an index-only scan.  A
    video shorter than ten seconds has several tenths at one second, and so
    none here.  Index: idx_video_kind.
    """
    tenths = range(1, 10) if video.duration_seconds >= 10 else ()
    marks = [(video.duration_seconds * tenth // 10, "video_progress", f"watched {tenth * 10} %") for tenth in tenths]
    marks += [
        (checkpoint.video_timestamp_seconds, "checkpoint_reached", f"reached “{checkpoint.title}”")
        for checkpoint in video.checkpoints.order_by("video_timestamp_seconds")[:CHECKPOINTS]
    ]
    marks = sorted(mark for mark in marks if (after is None or mark[0] > after) and (until is None or mark[0] <= until))
    with connection.cursor() as cursor:
        cursor.execute(
            REACHED,
            {
                "video": video.pk,
                "seconds": [second for second, _, _ in marks],
                "types": [activity_type for _, activity_type, _ in marks],
                "deeds": [deed for _, _, deed in marks],
                "limit": COUNT_LIMIT + 1,
            },
        )
        return [Reached(*row) for row in cursor.fetchall()]


REACHED = """
    SELECT mark.second, mark.deed, reached.students
    FROM unnest(%(seconds)s::integer[], %(types)s::text[], %(deeds)s::text[])
        WITH ORDINALITY AS mark (second, activity_type, deed, number)
    CROSS JOIN LATERAL (
        SELECT count(*) AS students
        FROM (
            SELECT FROM student_activity_timeline
            WHERE video_id = %(video)s AND video_timestamp_seconds = mark.second AND activity_type = mark.activity_type
            LIMIT %(limit)s
        ) AS counted
    ) AS reached
    WHERE reached.students > 0
    ORDER BY mark.number
"""
