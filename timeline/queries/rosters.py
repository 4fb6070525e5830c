"""A video's class: how far each student is, when they were last seen, and what of theirs waits."""

import datetime
import uuid
from dataclasses import dataclass

from django.db import connection

from profiles.models import Profile
from timeline.keyset import BigInt, Keyset, Page, RowComparison
from timeline.queries.common import BY_NAME, like

SORTS = ("name", "coverage", "seen", "waiting")
SORTED_CLASS = 5_000  # students, of whom everybody's values are looked up to sort by them
PENDING_LIMIT = 100_000  # entries that wait, in one video, that are counted for it: then each number has a "+"
PENDING_OF_A_STUDENT = 1_000  # entries that wait, in all videos, that are looked through for those in one


@dataclass(frozen=True)
class RosterRow:
    """A student in a video: how much of it they watched, 0 to 100, and when last (None: not yet); what waits.

    `limited`: not all that waits was looked through, so that there may be more.
    """

    student: Profile
    percent: int | None
    watched_at: datetime.datetime | None
    waiting: int
    limited: bool = False


@dataclass(frozen=True)
class RosterPage(Page):
    """A page of RosterRow; not `sortable`, the class is too large for another order than by name."""

    sortable: bool


def roster(*, video, name="", sort="name", after=None, size=50):
    """Everybody who is enrolled in the video's course now, and their part in this video, as a RosterPage.

    With `name`, those whose name contains it.  Sorted by "coverage" (most
    first), "seen" (last first) or "waiting" (most first), then by name; who
    has not watched comes last.  That looks up every student of the class, so
    a class of more than SORTED_CLASS is by name, whatever `sort` says.
    Indexes: enrollments_current; by name profiles_full_name, courses_videoprogress_once and
    idx_student_pending; else idx_video_pending.
    """
    sortable = _is_sortable(video)
    if sort == "name" or not sortable:
        page = BY_NAME.page(_class(video, name).only("full_name", "email"), after, size)
        return RosterPage(_rows(video, page.entries), page.next, sortable)
    order = BY_RANK.sql
    statement = f"{_ranked(sort, name)} SELECT * FROM ranked"
    params = _params(video, name) | {"limit": size + 1}
    if after:
        statement, params = f"{statement} WHERE {BY_RANK.condition()}", params | BY_RANK.params(after)
    found = list(Profile.objects.raw(f"{statement} ORDER BY {order} LIMIT %(limit)s", params))
    rows = [
        RosterRow(student, student.percent, student.watched_at, student.waiting, student.limited)
        for student in found[:size]
    ]
    return RosterPage(rows, BY_RANK.cursor(found[size - 1]) if len(found) > size else None, sortable)


def roster_neighbours(*, video, student, name="", sort="name"):
    """The students before and after `student` in the order of `roster()`; None where there is none.

    `student` need not be in it: they stand where they would.  Indexes: as there.
    """
    if sort == "name" or not _is_sortable(video):
        rows, key = _class(video, name), [student.full_name, student.pk]
        before = rows.filter(RowComparison(BY_NAME.columns, "<", key)).order_by("-full_name", "-id").first()
        return before, rows.filter(RowComparison(BY_NAME.columns, ">", key)).order_by("full_name", "id").first()
    with connection.cursor() as cursor:
        cursor.execute(f"{_ranked(sort, name)} {NEIGHBOURS}", _params(video, name) | {"student": student.pk})
        neighbours = cursor.fetchone() or (None, None)  # `student` is erased meanwhile
    found = Profile.objects.in_bulk([pk for pk in neighbours if pk])
    return tuple(map(found.get, neighbours))


def _class(video, name):
    students = Profile.objects.filter(enrollments__course=video.lesson.course_id, enrollments__left_at=None)
    return students.filter(full_name__icontains=name) if name else students


def _is_sortable(video):
    with connection.cursor() as cursor:
        cursor.execute(CLASS_SIZE, {"course": video.lesson.course_id, "limit": SORTED_CLASS + 1})
        return cursor.fetchone()[0] <= SORTED_CLASS


def _rows(video, students):
    params = _params(video) | {"students": [student.pk for student in students], "entries": PENDING_OF_A_STUDENT}
    with connection.cursor() as cursor:
        cursor.execute(VALUES_OF_STUDENTS, params)
        values = {pk: row for pk, *row in cursor.fetchall()}
    return [RosterRow(student, *values[student.pk]) for student in students]


def _ranked(sort, name):
    return RANKED.format(value=VALUES[sort], named=NAMED if name else "true")


def _params(video, name=""):
    return {
        "video": video.pk,
        "duration": video.duration_seconds,
        "course": video.lesson.course_id,
        "name": like(name),
        "student": None,
        "class": SORTED_CLASS,
        "pending": PENDING_LIMIT,
    }


BY_RANK = Keyset(("rank", "full_name", "id"), (BigInt, str, uuid.UUID))

# What a sorted roster has most of first; rank is its opposite, so that names can ascend with it.
VALUES = {
    "coverage": "percent",
    "seen": "(extract(epoch FROM watched_at) * 1000000)::bigint",
    "waiting": "waiting",
}

CLASS_SIZE = """
    SELECT count(*)
    FROM (
        SELECT FROM enrollments WHERE course_id = %(course)s AND left_at IS NULL
        ORDER BY student_id
        LIMIT %(limit)s
    ) AS counted
"""

# What courses.seconds_covered() says, written out: called for a whole class, the function takes ten times as long.
PERCENT = """
    CASE WHEN progress.id IS NOT NULL THEN (
        SELECT coalesce(sum(upper(part) - lower(part)), 0) * 100 / %(duration)s
        FROM unnest(watched * int4multirange(int4range(0, %(duration)s))) AS part
    ) END
"""

RANKED = f"""
    WITH person AS MATERIALIZED (
        SELECT profiles.id, profiles.full_name, profiles.email
        FROM (
            (
                SELECT student_id FROM enrollments WHERE course_id = %(course)s AND left_at IS NULL
                ORDER BY student_id
                LIMIT %(class)s
            )
            UNION SELECT %(student)s::uuid
        ) AS member
        JOIN profiles ON profiles.id = member.student_id
        WHERE {{named}}
    ), pending AS MATERIALIZED (
        SELECT student_id, count(*) AS entries
        FROM (
            SELECT student_id FROM student_activity_timeline
            WHERE video_id = %(video)s AND response_status = 'pending'
            ORDER BY video_timestamp_seconds, id -- so that the same ones are counted each time
            LIMIT %(pending)s + 1
        ) AS counted
        GROUP BY student_id
    ), told AS (
        SELECT person.*, {PERCENT} AS percent, progress.watched_at, coalesce(pending.entries, 0) AS waiting,
            (SELECT sum(entries) > %(pending)s FROM pending) IS TRUE AS limited
        FROM person
        LEFT JOIN video_progress AS progress ON progress.student_id = person.id AND progress.video_id = %(video)s
        LEFT JOIN pending ON pending.student_id = person.id
    ), ranked AS (
        SELECT *, coalesce(-{{value}}, {2**63 - 1}) AS rank FROM told
    )
"""

NEIGHBOURS = f"""
    SELECT previous, next
    FROM (
        SELECT id, lag(id) OVER sorted AS previous, lead(id) OVER sorted AS next
        FROM ranked WINDOW sorted AS (ORDER BY {BY_RANK.sql})
    ) AS place
    WHERE id = %(student)s
"""

NAMED = "(upper(profiles.full_name) LIKE upper(%(name)s) OR profiles.id = %(student)s::uuid)"

VALUES_OF_STUDENTS = f"""
    SELECT student.id, {PERCENT}, progress.watched_at, pending.entries, pending.limited
    FROM unnest(%(students)s::uuid[]) AS student (id)
    LEFT JOIN video_progress AS progress ON progress.student_id = student.id AND progress.video_id = %(video)s
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE video_id = %(video)s) AS entries, count(*) > %(entries)s AS limited
        FROM (
            SELECT video_id FROM student_activity_timeline
            WHERE student_id = student.id AND response_status = 'pending'
            ORDER BY created_at, id
            LIMIT %(entries)s + 1
        ) AS looked_at
    ) AS pending
"""
