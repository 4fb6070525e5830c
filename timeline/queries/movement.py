"""Which students of a course are active and which are quiet: their goals, rhythm, and what they reached."""

import uuid
from collections import defaultdict
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Count

from goals.models import Goal, GoalMilestone, GoalPeriod
from profiles.models import Profile
from timeline.keyset import BigInt, Keyset, Page
from timeline.models import Activity
from timeline.queries.common import COUNT_LIMIT, today
from timeline.rhythm import WEEK, Rhythm, Silence

CLASS = COUNT_LIMIT  # students whose last activity is looked up
LOOK = 500  # students who are looked at for one page
ACTIVE_DAYS = 12  # of a student, from which their rhythm is read
AT_ONCE = 48  # of a student's last entries, whose days are read together; days before these are found one by one
GAPS = 3  # between active days; with fewer there is no rhythm to speak of
QUIET = 3  # days; less than that is never quiet
QUIET_WITHOUT_RHYTHM = 7  # days
WEEKS_ENTRIES = 1_000  # of a student, looked through for what they reached in the last WEEK
REACHED_SHOWN = 3  # of a student


@dataclass(frozen=True)
class Movement:
    """A student of the course.

    `goal`: their current one (None: none), today its day number `day`, with `reached` of its `planned` milestones;
    `entries`: the last REACHED_SHOWN of what they reached in the last WEEK, newest first; `more`: there is more, among
    the last WEEKS_ENTRIES of their entries.
    """

    student: Profile
    rhythm: Rhythm
    goal: Goal | None = None
    day: int | None = None
    planned: int = 0
    reached: int = 0
    entries: list = field(default_factory=list)
    more: bool = False


@dataclass(frozen=True)
class ClassSize:
    """How many students a course has, up to CLASS + 1, and how many of the first CLASS were active in the last WEEK."""

    students: int
    active: int

    most = CLASS


@dataclass(frozen=True)
class ClassMovement(Page):
    """A Page of Movement, and the ClassSize of the whole course, whatever is shown."""

    size: ClassSize


def class_movement(*, course, show="all", after=None, size=25):
    """The students of `course`, who was active last first, as a ClassMovement.

    `show`: "all"; "active" in the last WEEK; "quiet", for twice as many days as
    usual for them; "reached", a milestone, a goal or a proof in the last WEEK;
    "aimless", without a current goal.  The last activity of every student is
    looked up, of at most CLASS, once for counts and page; at most LOOK of them
    are looked at more closely: a page may hold fewer than `size`, even none,
    and have a `next`.
    Indexes: enrollments_current, idx_student_date, goals_goalperiod_of_student.
    """
    within, wanted = SHOWN[show]
    params = PARAMS | {"course": course.pk, "today": today(), "size": size + 1}
    if after:
        within, params = f"{within} AND {BY_LAST.condition()}", params | BY_LAST.params(after)
    with connection.cursor() as cursor:
        cursor.execute(MOVING.format(within=within, wanted=wanted), params)
        rows = cursor.fetchall()
    counted = ClassSize(*rows[0][:2])
    looked_at = [_Looked(*row) for _, _, *row in rows if row[0]]
    found = [row for row in looked_at if row.wanted]
    last = found[size - 1] if len(found) > size else next((row for row in looked_at if row.place == LOOK), None)
    return ClassMovement(_movements(found[:size]), last and BY_LAST.cursor(last), counted)


def silences(*, students):
    """{student id: Silence}, of some ids of students.

    Index: idx_student_date.
    """
    with connection.cursor() as cursor:
        cursor.execute(LAST_OF_SOME, {"students": students, "today": today()})
        return {student: Silence(days, acted) for student, days, acted in cursor}


@dataclass(frozen=True)
class _Looked:
    id: uuid.UUID
    rank: int
    place: int
    usual: int | None
    silent: int | None
    active: int
    quiet: bool
    acted: bool
    wanted: bool


def _movements(rows):
    """Their Movement, by four statements, however many they are."""
    ids = [row.id for row in rows]
    students = Profile.objects.in_bulk(ids)
    periods = GoalPeriod.objects.filter(student__in=ids, period__endswith=None).select_related("goal")
    current = {period.student_id: period for period in periods}
    milestones = GoalMilestone.objects.filter(goal__in=[period.goal_id for period in current.values()])
    numbers = {
        row.pop("goal"): row
        for row in milestones.values("goal").annotate(planned=Count("pk"), reached=Count("reached_at"))
    }
    reached = defaultdict(list)
    params = PARAMS | {"students": ids, "today": today(), "shown": REACHED_SHOWN + 1}
    for entry in Activity.objects.raw(REACHED_LATELY, params):
        reached[entry.student_id].append(entry)
    movements = []
    for row in rows:
        if row.id not in students:
            continue  # erased meanwhile
        goal, period = {}, current.get(row.id)
        if period:
            goal = {"goal": period.goal, "day": period.days} | numbers.get(period.goal_id, {})
        rhythm = Rhythm(row.usual, row.silent, row.active, row.quiet, row.acted)
        entries, more = reached[row.id][:REACHED_SHOWN], len(reached[row.id]) > REACHED_SHOWN
        movements.append(Movement(students[row.id], rhythm, entries=entries, more=more, **goal))
    return movements


PARAMS = {
    "class": CLASS,
    "look": LOOK,
    "week": WEEK,
    "days": ACTIVE_DAYS,
    "at_once": AT_ONCE,
    "gaps": GAPS,
    "least": QUIET,
    "unknown": QUIET_WITHOUT_RHYTHM,
    "entries": WEEKS_ENTRIES,
    "kinds": ["goal_milestone", "goal_completion", "success_proof"],
}

# rank is the last moment, negative so that it and the id ascend together.
BY_LAST = Keyset(("rank", "id"), (BigInt, uuid.UUID))

# What a student receives is not what they do, and others may have enrolled them.
BY_STUDENT = "activity_type NOT IN ('instructor_message', 'course_enrollment')"

# What a wrong clock dated in the future has not been done yet, as far as anybody can tell.
SO_FAR = "activity_date <= %(today)s::date"

# Of each `member`: what they did last or, as long as they did nothing, when they were last enrolled.
LAST = f"""
    LEFT JOIN LATERAL (
        SELECT activity_date, created_at FROM student_activity_timeline
        WHERE student_id = member.student_id AND {BY_STUDENT} AND {SO_FAR}
        ORDER BY activity_date DESC, created_at DESC, id DESC
        LIMIT 1
    ) AS own ON true
    LEFT JOIN LATERAL (
        SELECT activity_date, created_at FROM student_activity_timeline
        WHERE own.created_at IS NULL AND student_id = member.student_id AND activity_type = 'course_enrollment'
        ORDER BY activity_date DESC, created_at DESC, id DESC
        LIMIT 1
    ) AS enrolled ON true
    CROSS JOIN LATERAL (
        SELECT
            coalesce(own.activity_date, enrolled.activity_date) AS day,
            coalesce(own.created_at, enrolled.created_at) AS at,
            own.created_at IS NOT NULL AS acted
    ) AS last
"""

LAST_OF_SOME = f"""
    SELECT member.student_id, %(today)s::date - last.day, last.acted
    FROM unnest(%(students)s::uuid[]) AS member (student_id) {LAST}
    WHERE last.day IS NOT NULL
"""

SEEN = f"""
    WITH class AS MATERIALIZED (
        SELECT student_id, row_number() OVER (ORDER BY student_id) AS place
        FROM enrollments WHERE course_id = %(course)s AND left_at IS NULL
        ORDER BY student_id
        LIMIT %(class)s + 1
    ), seen AS MATERIALIZED (
        SELECT
            member.student_id AS id, last.day, last.acted,
            coalesce((extract(epoch FROM last.at) * -1000000)::bigint, 0) AS rank  -- last, of whom nothing is known
        FROM (SELECT student_id FROM class WHERE place <= %(class)s) AS member
        {LAST}
    )
"""

ACTIVE_LATELY = "acted AND day > %(today)s::date - %(week)s"

# A student's last active days are those of their last entries, which lie side by side in the index; where there was
# much to a day, further days are found one by one, each a step into the index.  The last row that was looked at comes
# along, wanted or not: there the next page begins.  The counts come with each row, and alone if there is none.
MOVING = f"""
    {SEEN}
    SELECT
        size.students, size.active, moving.id, rank, place, usual, silent, moving.active, quiet, acted, wanted
    FROM (
        SELECT (SELECT count(*) FROM class) AS students, count(*) FILTER (WHERE {ACTIVE_LATELY}) AS active FROM seen
    ) AS size
    LEFT JOIN (
        SELECT id, rank, place, usual, silent, active, quiet, acted, wanted
        FROM (
            SELECT *, row_number() OVER (ORDER BY {BY_LAST.sql}) AS place
            FROM seen
            WHERE {{within}}
            ORDER BY {BY_LAST.sql}
            LIMIT %(look)s
        ) AS candidate
        CROSS JOIN LATERAL (
            WITH RECURSIVE latest AS (
                SELECT DISTINCT activity_date AS day
                FROM (
                    SELECT activity_date FROM student_activity_timeline
                    WHERE student_id = candidate.id AND {BY_STUDENT} AND {SO_FAR}
                    ORDER BY activity_date DESC, created_at DESC, id DESC
                    LIMIT %(at_once)s
                ) AS entry
            ), earlier (day, number) AS (
                SELECT min(day), count(*) FROM latest
                UNION ALL
                SELECT (
                    SELECT activity_date FROM student_activity_timeline
                    WHERE student_id = candidate.id AND activity_date < earlier.day AND {BY_STUDENT}
                    ORDER BY activity_date DESC, created_at DESC, id DESC
                    LIMIT 1
                ), number + 1
                FROM earlier
                WHERE earlier.day IS NOT NULL AND number < %(days)s
            ), active AS (
                SELECT day FROM latest UNION SELECT day FROM earlier WHERE day IS NOT NULL
                ORDER BY day DESC
                LIMIT %(days)s
            )
            SELECT
                CASE WHEN count(gap) >= %(gaps)s THEN percentile_disc(0.5) WITHIN GROUP (ORDER BY gap) END AS usual,
                count(*) FILTER (WHERE day > %(today)s::date - %(week)s) AS active,
                %(today)s::date - candidate.day AS silent
            FROM (SELECT day, lag(day) OVER (ORDER BY day DESC) - day AS gap FROM active) AS step
        ) AS rhythm
        CROSS JOIN LATERAL (
            SELECT coalesce(
                silent >= CASE WHEN usual IS NULL THEN %(unknown)s ELSE greatest(%(least)s, 2 * usual) END, false
            ) AS quiet
        ) AS compared
        CROSS JOIN LATERAL (SELECT {{wanted}} AS wanted) AS chosen
        WHERE wanted OR place = %(look)s
        ORDER BY {BY_LAST.sql}
        LIMIT %(size)s
    ) AS moving ON true
    ORDER BY {BY_LAST.sql}
"""

# The entries of a week, newest first, of which an index tells the kinds.
OF_THE_WEEK = f"""
    SELECT id, activity_type
    FROM student_activity_timeline
    WHERE student_id = {{student}} AND activity_date > %(today)s::date - %(week)s AND {SO_FAR}
    ORDER BY activity_date DESC, created_at DESC, id DESC
    LIMIT %(entries)s
"""

# What of `show` an order by the last activity tells, and what has to be looked at.
SHOWN = {
    "all": ("true", "true"),
    "active": (ACTIVE_LATELY, "true"),
    "quiet": ("day <= %(today)s::date - %(least)s", "quiet"),
    "reached": (
        "day > %(today)s::date - %(week)s",
        f"EXISTS (SELECT FROM ({OF_THE_WEEK.format(student='candidate.id')}) AS done"
        " WHERE activity_type = ANY (%(kinds)s))",
    ),
    "aimless": (
        "true",
        "NOT EXISTS (SELECT FROM goal_periods WHERE student_id = candidate.id AND upper(period) IS NULL)",
    ),
}

REACHED_LATELY = f"""
    SELECT entry.*
    FROM unnest(%(students)s::uuid[]) AS student (id)
    CROSS JOIN LATERAL (
        SELECT id FROM ({OF_THE_WEEK.format(student="student.id")}) AS done
        WHERE activity_type = ANY (%(kinds)s)
        LIMIT %(shown)s
    ) AS reached
    JOIN student_activity_timeline AS entry ON entry.id = reached.id
    ORDER BY entry.created_at DESC, entry.id DESC
"""
