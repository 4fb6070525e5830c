"""What is along a video's track: clusters of entries, and the video's own checkpoints and quizzes."""

from dataclasses import dataclass

from django.db import connection

from timeline.kinds import COUNTED, IN_VIDEO, of_groups
from timeline.queries.common import BY_SECOND, COUNT_LIMIT
from timeline.queries.filters import PENDING

SLOTS = 24  # equal parts of the track, with at most one marker of a group in each
MARKER_LIMIT = 99  # a marker's counts are exact up to here, then "99+"
LANDMARKS = 100
ENTRIES_OF_A_SLOT = 500  # of one student, that are looked at

# The activity_types that the markers of a group count.  A passed attempt has two entries, which lists show as
# one: attempts alone say how many there were.
MARKED = {"reflections": tuple(of_groups(["reflections"])), "quizzes": ("quiz_attempt",)}


@dataclass(frozen=True)
class Marker:
    """The entries of a group in one slot of the track.

    `slot` counts from 0; second s is in slot s * SLOTS // duration.  `second`
    is the first entry's.  `count` and `waiting` (how many of them wait for an
    answer) go up to MARKER_LIMIT + 1.  `limited`: more may be in the slot than was looked at.
    """

    slot: int
    group: str
    second: int
    count: int
    waiting: int
    limited: bool = False


@dataclass(frozen=True)
class Landmark:
    """A "checkpoint" or a "quiz" (its `kind`) that the author put at a second of the video."""

    second: int
    title: str
    kind: str


def markers(*, video, student=None, kinds=None):
    """The video's [Marker], of `student` or of everyone, by slot and group; of some `kinds` (activity_types) or of all.

    What stands after the end of the video counts for the slot of its last second; what waits
    is counted over all kinds of reflections.  Of everyone, probes each slot
    once for each of the five kinds and once for what waits, for at most
    MARKER_LIMIT + 1 index entries each, without reading entries; of one, looks
    at the first ENTRIES_OF_A_SLOT in each slot.
    Indexes: idx_video_kind and idx_video_pending, or idx_student_video.
    """
    last = (video.duration_seconds - 1) * SLOTS // video.duration_seconds
    starts = [-(-slot * video.duration_seconds // SLOTS) for slot in range(last + 1)]
    marked = [(kind, group) for group, of in MARKED.items() for kind in of if kinds is None or kind in kinds]
    with connection.cursor() as cursor:
        cursor.execute(
            MARKERS_OF_ONE if student else MARKERS_OF_EVERYONE,
            {
                "video": video.pk,
                "student": student.pk if student else None,
                "starts": starts,
                "ends": [*starts[1:], 2**31],
                "kinds": [kind for kind, _ in marked],
                "groups": [group for _, group in marked],
                "limit": MARKER_LIMIT + 1,
                "entries": ENTRIES_OF_A_SLOT,
            },
        )
        return [Marker(*row) for row in cursor.fetchall()]


def totals(*, video, student=None):
    """How many entries a list has of each group, and how many of all wait: {"watching": 9, …, "waiting": 2}.

    Of everyone's, what they only count (kinds.COUNTED) is left out.  Each number is counted to COUNT_LIMIT + 1, by
    index-only scans for everyone, which their order holds them to.
    Indexes: idx_video_kind and idx_video_pending, or idx_student_video.
    """
    if student:
        of = "student_id = %(student)s AND video_id = %(video)s"
        conditions = {group: [f"{of} AND activity_type = ANY (%({group})s::text[])"] for group in IN_VIDEO}
    else:
        of = "video_id = %(video)s"
        conditions = {
            group: [f"{of} AND activity_type = '{kind}'" for kind in of_groups([group]) if kind not in COUNTED]
            for group in IN_VIDEO
        }
    conditions["waiting"] = [f"{of} AND {PENDING}"]
    counts = []
    for branches in conditions.values():
        rows = " UNION ALL ".join(
            f"(SELECT 1 FROM student_activity_timeline WHERE {branch} ORDER BY {BY_SECOND.sql} LIMIT %(limit)s)"
            for branch in branches
        )
        counts.append(f"(SELECT count(*) FROM (SELECT 1 FROM ({rows}) AS merged LIMIT %(limit)s) AS counted)")
    params = {"video": video.pk, "student": student and student.pk, "limit": COUNT_LIMIT + 1}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", params | {group: of_groups([group]) for group in IN_VIDEO})
        return dict(zip(conditions, cursor.fetchone(), strict=True))


MARKERS_OF_EVERYONE = """
    SELECT cluster.slot, cluster.name, cluster.second, cluster.entries, waiting.entries
    FROM (
        SELECT slot.number - 1 AS slot, slot.start, slot."end", kind.name,
            min(found.second) AS second, least(sum(found.entries), %(limit)s)::integer AS entries
        FROM unnest(%(starts)s::integer[], %(ends)s::bigint[]) WITH ORDINALITY AS slot (start, "end", number)
        CROSS JOIN unnest(%(kinds)s::text[], %(groups)s::text[]) AS kind (activity_type, name)
        CROSS JOIN LATERAL (
            SELECT min(counted.video_timestamp_seconds) AS second, count(*) AS entries
            FROM (
                SELECT video_timestamp_seconds FROM student_activity_timeline
                WHERE video_id = %(video)s AND activity_type = kind.activity_type
                    AND video_timestamp_seconds >= slot.start AND video_timestamp_seconds < slot."end"
                ORDER BY video_timestamp_seconds
                LIMIT %(limit)s
            ) AS counted
        ) AS found
        WHERE found.entries > 0
        GROUP BY slot.number, slot.start, slot."end", kind.name
    ) AS cluster
    CROSS JOIN LATERAL (
        SELECT count(*) AS entries
        FROM (
            SELECT FROM student_activity_timeline
            WHERE video_id = %(video)s AND response_status = 'pending' AND cluster.name = 'reflections'
                AND video_timestamp_seconds >= cluster.start AND video_timestamp_seconds < cluster."end"
            ORDER BY video_timestamp_seconds, id
            LIMIT %(limit)s
        ) AS counted
    ) AS waiting
    ORDER BY cluster.slot, cluster.name
"""

MARKERS_OF_ONE = """
    SELECT slot.number - 1, kind.name, min(entry.video_timestamp_seconds), least(count(*), %(limit)s),
        least(count(*) FILTER (WHERE entry.response_status = 'pending'), %(limit)s),
        bool_or(entry.looked_at > %(entries)s)
    FROM unnest(%(starts)s::integer[], %(ends)s::bigint[]) WITH ORDINALITY AS slot (start, "end", number)
    CROSS JOIN LATERAL (
        SELECT *, count(*) OVER () AS looked_at, row_number() OVER (ORDER BY video_timestamp_seconds, id) AS place
        FROM (
            SELECT id, activity_type, video_timestamp_seconds, response_status FROM student_activity_timeline
            WHERE student_id = %(student)s AND video_id = %(video)s
                AND video_timestamp_seconds >= slot.start AND video_timestamp_seconds < slot."end"
            ORDER BY video_timestamp_seconds, id
            LIMIT %(entries)s + 1
        ) AS first
    ) AS entry
    JOIN unnest(%(kinds)s::text[], %(groups)s::text[]) AS kind (activity_type, name)
        ON kind.activity_type = entry.activity_type
    WHERE entry.place <= %(entries)s
    GROUP BY slot.number, kind.name
    ORDER BY slot.number, kind.name
"""


def landmarks(*, video):
    """The checkpoints and quizzes that stand in the video: the first LANDMARKS of them as [Landmark], by second.

    Indexes: courses_checkpoint_once, and that of quizzes.video_id.
    """
    found = [
        Landmark(second, title, kind)
        for kind, rows in (("checkpoint", video.checkpoints), ("quiz", video.quizzes))
        for second, title in rows.order_by("video_timestamp_seconds", "id").values_list(
            "video_timestamp_seconds", "title"
        )[:LANDMARKS]
    ]
    return sorted(found, key=lambda landmark: landmark.second)[:LANDMARKS]
