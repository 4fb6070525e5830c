"""A student's goal conversation beyond its days: the calendar, what is new, what was found, and since when."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby

from django.db import connection

from goals.models import GoalMessage
from profiles.models import BEGINNING
from reflections.models import Reflection
from timeline.keyset import Page
from timeline.models import DAY_ZONE, Activity
from timeline.queries.common import BY_TIME, COUNT_LIMIT, NEW_LIMIT, WORDS_ASKED, like, today
from timeline.queries.days import Day
from timeline.queries.places import with_places

WEEKS = 53  # of a calendar
LOOK = 1_000  # entries whose kinds and courses one step of a search looks through, in an index
LOOK_ROWS = 100  # entries that one step of a search reads, to look through what the index does not say
STEPS = 10  # of one search
BATCH = 100  # entries that one statement of an export looks at
SINCE_LIMIT = 5_000  # what was done since a moment is exact up to here, then "5,000+"


@dataclass(frozen=True)
class DaysFilter:
    """What of a student's days is asked for: activity_types, a course or goal (ids), words, since when, what waits."""

    kinds: tuple[str, ...] | None = None
    course: str | None = None
    goal: str | None = None
    text: str = ""
    since: datetime.datetime | None = None
    waiting: bool = False

    def __bool__(self):
        return bool(self.kinds is not None or self.course or self.goal or self.text or self.since or self.waiting)


@dataclass(frozen=True)
class FoundDays:
    """Days with what was found of them; `next` is where to look on, `back_to` the day down to which was looked.

    `back_to` is None where nothing is left to look through, or the page is full.
    """

    days: list
    next: str | None
    back_to: datetime.date | None


@dataclass(frozen=True)
class SinceSpoken:
    """What a student did since `moment`, when an instructor last wrote to them or answered them.

    `counts`: {activity_type: entries} of the newest SINCE_LIMIT; `limited`: there are more; `first`: the first of all;
    `waiting`: their oldest reflections without an answer, and how many there are;
    `last`: what the student did last, today or before, and `quiet`: whole days since then (None: they never did
    anything); `ahead`: a wrong clock dated something in the future.
    """

    moment: datetime.datetime | None
    counts: dict[str, int]
    limited: bool
    first: Activity | None
    waiting: list
    waiting_count: int
    last: Activity | None
    quiet: int | None
    ahead: bool

    @property
    def total(self):
        """How many entries, up to SINCE_LIMIT + 1."""
        return sum(self.counts.values()) + self.limited


def calendar(*, student, until):
    """How many entries each of the WEEKS * 7 days up to `until` has: {day: number}, without the empty ones.

    An index-only scan of these days' entries.  Index: idx_student_day.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            CALENDAR,
            {"student": student.pk, "first": until - datetime.timedelta(days=WEEKS * 7 - 1), "until": until},
        )
        return dict(cursor.fetchall())


CALENDAR = """
    SELECT activity_date, count(*)
    FROM student_activity_timeline
    WHERE student_id = %(student)s AND activity_date BETWEEN %(first)s AND %(until)s
    AND source_table > ''  -- always; it is by this that the index is found
    GROUP BY activity_date
"""


def found_days(*, student, asked, before=None, size=25):
    """What `asked` (a DaysFilter) finds in the student's days, newest first: up to `size` entries, as FoundDays.

    Goes back in at most STEPS small steps, until the page is full.  A step
    looks through LOOK entries for kinds or a course, which the index says;
    LOOK_ROWS for words, of the entries that have any, for what waits, and for
    two things that no index says together.  Indexes: idx_student_pending for
    what waits, else idx_student_words for words, else idx_student_goal for a
    goal, else idx_student_date.
    """
    condition, said, rest, columns, params = _reading(student, asked)
    params["look"] = LOOK_ROWS if rest else LOOK
    parts = {
        "order": ", ".join(f"{column} DESC" for column in columns),
        "said": said,
        "rest": rest,
        "course": ", course_id" * (COURSE_ASKED in said),
    }
    entries, following, back_to = [], before, None
    for _ in range(STEPS):
        parts["condition"] = condition
        if following:
            moment, entry = BY_TIME.parse(following)
            params |= {"activity_date": moment.astimezone(DAY_ZONE).date(), "created_at": moment, "id": entry}
            parts["condition"] += f" AND {_beyond(columns, '<')}"
        params["size"] = size + 1 - len(entries)
        entries += Activity.objects.raw((FOUND if rest else FOUND_SAID).format(**parts), params)
        if len(entries) > size:
            following, back_to = BY_TIME.cursor(entries[size - 1]), None
            break
        with connection.cursor() as cursor:
            cursor.execute(LOOKED_BACK_TO.format(**parts), params)
            last = cursor.fetchone()
        if last is None:
            following = back_to = None
            break
        back_to, following = last[0], BY_TIME.cursor_of(last[1:])
    days = []
    for date, of_day in groupby(entries[:size], key=lambda entry: entry.activity_date):
        of_day = list(of_day)[::-1]
        counts = defaultdict(int)
        for entry in of_day:
            counts[entry.activity_type] += 1
        days.append(Day(date, counts, Page(of_day, None)))
    return FoundDays(days, following, back_to)


def days_export(*, student, asked):
    """Every entry that `asked` (a DaysFilter) finds in the student's days, oldest first, with what it refers to.

    An iterator.  Each batch is a statement of its own, which looks at BATCH
    entries: memory stays flat, and no snapshot is held open while somebody
    downloads slowly.  Indexes: those of `found_days()`.
    """
    condition, said, rest, columns, params = _reading(student, asked)
    params["limit"] = BATCH
    parts = {"order": ", ".join(columns), "said": said, "rest": rest or "true"}
    after = ""
    while True:
        statement = EXPORT.format(condition=condition + after, **parts)
        rows = list(Activity.objects.raw(statement, params))
        yield from with_places([row for row in rows if row.matches])
        if not rows or rows[-1].number < BATCH:
            return
        params |= {column: getattr(rows[-1], column) for column in columns}
        after = f" AND {_beyond(columns, '>')}"


def _reading(student, asked):
    """How to look for what a DaysFilter asks for.

    (the condition that an index answers; what it says beside; the rest, "" if
    there is none; the columns of the index's order; the values)
    """
    condition, said, rest = ["student_id = %(student)s"], [KINDS_ASKED] * bool(asked.kinds), []
    columns = ("activity_date", "created_at", "id")
    named = [GOAL_ASKED] * bool(asked.goal) + [COURSE_ASKED] * bool(asked.course)
    if asked.waiting:
        condition.append("response_status = 'pending'")
        rest = [*([WORDS_ASKED] if asked.text else []), *named] or ["true"]
        columns = columns[1:]
    elif asked.text:
        condition.append("content IS NOT NULL")
        rest = [WORDS_ASKED, *named]
    elif asked.goal:
        condition.append(GOAL_ASKED)
        rest, columns = named[1:], columns[1:]
    else:
        said += named
    if asked.since:
        condition.append("created_at > %(since)s")
        if "activity_date" in columns:
            condition.append("activity_date >= %(since_day)s")
    params = {
        "student": student.pk,
        "goal": asked.goal,
        "course": asked.course,
        "kinds": list(asked.kinds or ()),
        "text": like(asked.text) if asked.text else None,
        "since": asked.since,
        "since_day": asked.since and asked.since.astimezone(DAY_ZONE).date(),
    }
    return " AND ".join(condition), " AND ".join(said) or "true", " AND ".join(rest), columns, params


def _beyond(columns, operator):
    values = ", ".join(f"%({column})s" for column in columns)
    return f"({', '.join(columns)}) {operator} ({values})"


KINDS_ASKED = "activity_type = ANY (%(kinds)s)"
GOAL_ASKED = "goal_id = %(goal)s"
COURSE_ASKED = "course_id = %(course)s"

FOUND = """
    SELECT looked.*
    FROM (
        SELECT * FROM student_activity_timeline WHERE {condition} ORDER BY {order} LIMIT %(look)s
    ) AS looked
    WHERE {said} AND {rest}
    ORDER BY {order}
    LIMIT %(size)s
"""

FOUND_SAID = """
    SELECT entry.*
    FROM (
        SELECT id AS found
        FROM (
            SELECT activity_date, created_at, id, activity_type{course} FROM student_activity_timeline
            WHERE {condition} ORDER BY {order} LIMIT %(look)s
        ) AS looked
        WHERE {said}
        ORDER BY {order}
        LIMIT %(size)s
    ) AS page
    JOIN student_activity_timeline AS entry ON entry.id = page.found
    ORDER BY {order}
"""

# The last entry of a full batch is read even if it is not asked for: the next batch starts after it.
EXPORT = """
    SELECT *
    FROM (
        SELECT looked.*, ({said} AND {rest}) AS matches, row_number() OVER (ORDER BY {order}) AS number
        FROM (
            SELECT * FROM student_activity_timeline WHERE {condition} ORDER BY {order} LIMIT %(limit)s
        ) AS looked
    ) AS entry
    WHERE matches OR number = %(limit)s
    ORDER BY {order}
"""

LOOKED_BACK_TO = """
    SELECT activity_date, created_at, id
    FROM student_activity_timeline
    WHERE {condition}
    ORDER BY {order}
    OFFSET %(look)s - 1 LIMIT 1
"""


def first_new(*, student, viewer, since):
    """The first entry of the conversation since a moment that is not the viewer's own doing, and how many there are.

    (entry or None, number up to NEW_LIMIT + 1).  To the student, what they did
    themself is not new; to others, what they wrote.  Indexes: idx_student_date,
    goal_messages_of_student.
    """
    if viewer == student:
        messages = GoalMessage.objects.filter(student=student, created_at__gt=since, hidden_at=None)
        moments = list(messages.order_by("created_at").values_list("created_at", flat=True)[: NEW_LIMIT + 1])
        if not moments:
            return None, 0
        first = Activity.objects.filter(
            student=student,
            activity_date=moments[0].astimezone(DAY_ZONE).date(),
            created_at=moments[0],
            activity_type="instructor_message",
        ).first()
        return first, len(moments)
    asked = {"student": student.pk, "day": since.astimezone(DAY_ZONE).date(), "since": since}
    entries = list(Activity.objects.raw(NEW, asked | {"viewer": str(viewer.pk), "limit": NEW_LIMIT + 1}))
    return (entries[0] if entries else None), len(entries)


NEW = """
    SELECT * FROM student_activity_timeline
    WHERE student_id = %(student)s AND activity_date >= %(day)s AND created_at > %(since)s
    AND (activity_type <> 'instructor_message' OR metadata ->> 'author_id' IS DISTINCT FROM %(viewer)s)
    ORDER BY activity_date, created_at, id
    LIMIT %(limit)s
"""


def answers_since(*, student, since, size=20):
    """The entries of the student's reflections that were answered after a moment, oldest answer first.

    Indexes: reflections_answered, the primary key.
    """
    return list(Activity.objects.raw(ANSWERS, {"student": student.pk, "since": since, "limit": size}))


ANSWERS = """
    SELECT entry.*
    FROM (
        SELECT id, responded_at FROM reflections
        WHERE student_id = %(student)s AND responded_at > %(since)s AND hidden_at IS NULL
        ORDER BY responded_at
        LIMIT %(limit)s
    ) AS answered
    JOIN student_activity_timeline AS entry ON entry.id = timeline_entry_id('reflections', answered.id, 'entry', 0)
    ORDER BY answered.responded_at
"""


def last_spoken(*, student, instructor):
    """When `instructor` last wrote to the student or answered them; None if never.

    Indexes: goal_messages_of_student, reflections_answered.
    """
    written = GoalMessage.objects.filter(student=student, author=instructor, hidden_at=None).order_by("-created_at")
    answered = Reflection.objects.filter(student=student, responded_by=instructor, responded_at__isnull=False)
    last_written = written.values_list("created_at", flat=True)[:1]
    last_answered = answered.order_by("-responded_at").values_list("responded_at", flat=True)[:1]
    return max(last_written.union(last_answered, all=True), default=None)


def since_spoken(*, student, instructor, size=5):
    """What the student did since `instructor` last wrote to them or answered them, as SinceSpoken.

    Indexes: those of `last_spoken()`; idx_student_date; idx_student_pending.
    """
    moment = last_spoken(student=student, instructor=instructor)
    since = moment or BEGINNING
    asked = {
        "student": student.pk,
        "day": since.astimezone(DAY_ZONE).date(),
        "since": since,
        "limit": SINCE_LIMIT,
        "today": today(),
    }
    counts, limited = {}, False
    with connection.cursor() as cursor:
        cursor.execute(SINCE_COUNTS, asked)
        for beyond, activity_type, number in cursor.fetchall():
            if beyond:
                limited = True
            else:
                counts[activity_type] = number
    first = next(iter(Activity.objects.raw(FIRST_SINCE, asked)), None)
    latest = list(Activity.objects.raw(LAST_DOING, asked))
    last = next((entry for entry in latest if entry.activity_date <= asked["today"]), None)
    waiting, waiting_count = waiting_of_student(student=student, size=size)
    return SinceSpoken(
        moment,
        counts,
        limited,
        first,
        waiting,
        waiting_count,
        last,
        quiet=last and (asked["today"] - last.activity_date).days,
        ahead=any(entry.activity_date > asked["today"] for entry in latest),
    )


# Of the newest SINCE_LIMIT, and the one `beyond` them: an index-only scan.
SINCE_COUNTS = """
    SELECT place > %(limit)s AS beyond, activity_type, count(*)
    FROM (
        SELECT activity_type, row_number() OVER (ORDER BY activity_date DESC, created_at DESC, id DESC) AS place
        FROM student_activity_timeline
        WHERE student_id = %(student)s AND activity_date >= %(day)s AND created_at > %(since)s
        AND activity_type <> 'instructor_message'
        ORDER BY activity_date DESC, created_at DESC, id DESC
        LIMIT %(limit)s + 1
    ) AS counted
    GROUP BY 1, 2
"""

FIRST_SINCE = """
    SELECT * FROM student_activity_timeline
    WHERE student_id = %(student)s AND activity_date >= %(day)s AND created_at > %(since)s
    AND activity_type <> 'instructor_message'
    ORDER BY activity_date, created_at, id
    LIMIT 1
"""

# The newest of all, and the newest that is not dated in the future: as a rule twice the same one.
# Others may have enrolled them.
LAST_DOING = """
    (
        SELECT * FROM student_activity_timeline
        WHERE student_id = %(student)s AND activity_type NOT IN ('instructor_message', 'course_enrollment')
        ORDER BY activity_date DESC, created_at DESC, id DESC
        LIMIT 1
    )
    UNION ALL
    (
        SELECT * FROM student_activity_timeline
        WHERE student_id = %(student)s AND activity_type NOT IN ('instructor_message', 'course_enrollment')
        AND activity_date <= %(today)s
        ORDER BY activity_date DESC, created_at DESC, id DESC
        LIMIT 1
    )
"""


def waiting_of_student(*, student, size=5):
    """The student's oldest reflections that wait for an answer, and how many wait, up to COUNT_LIMIT + 1.

    Index: idx_student_pending.
    """
    waiting = Activity.objects.filter(student=student, response_status="pending")
    return list(waiting.order_by("created_at", "id")[:size]), waiting[: COUNT_LIMIT + 1].count()
