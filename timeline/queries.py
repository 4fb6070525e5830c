"""What the pages ask of the timeline.  Nothing else reads `Activity.objects`.

Each function names the index that answers it; `tests/test_queries.py` reads
the plans.  Lists are paged by keyset (`timeline.keyset`), counts over many
students stop at COUNT_LIMIT, and what entries refer to is fetched by
`with_places()` in a fixed number of queries.
"""

import datetime
import uuid
from collections import defaultdict
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from courses.models import Checkpoint, Course, Lesson, Quiz, Video
from goals.models import Goal
from profiles.models import Profile
from timeline.keyset import Keyset, Page
from timeline.kinds import COUNTED, KINDS
from timeline.models import DAY_ZONE, Activity

COUNT_LIMIT = 10_000  # a count shown to a person is exact up to here, then "10,000+"
CHECKPOINTS = 100  # of a video, that a page counts

BY_SECOND = Keyset(("video_timestamp_seconds", "id"), (int, uuid.UUID))
BY_TIME = Keyset(("created_at", "id"), (datetime.datetime, uuid.UUID))
BY_DAY = Keyset(("activity_date",), (datetime.date,), descending=True)
BY_TITLE = Keyset(("title", "id"), (str, uuid.UUID))
BY_NAME = Keyset(("full_name", "id"), (str, uuid.UUID))


@dataclass(frozen=True)
class Reached:
    """How many students reached a second of a video; `deed` says what they did there: "watched 10 %"."""

    second: int
    deed: str
    students: int

    template = "timeline/entries/reached.html"


@dataclass(frozen=True)
class Day:
    """A student's day: how many entries of each activity_type, and the first of them in order of time."""

    date: datetime.date
    counts: dict[str, int]
    entries: Page


@dataclass(frozen=True)
class GoalTimeline:
    """A goal with how many entries of each activity_type led to it, and the first of them."""

    goal: Goal
    counts: dict[str, int]
    entries: Page


def today():
    """The day it is in the zone whose days are the timeline's."""
    return timezone.now().astimezone(DAY_ZONE).date()


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
    return _first(entries, size, BY_SECOND)


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


def students_of_course(*, course, name="", after=None, size=50):
    """The people enrolled in a course, by name; with `name`, those whose name contains it.

    Indexes: profiles_full_name, courses_enrollment_once (or, in a small
    course of a large platform, the index of enrollments.course_id).
    """
    students = Profile.objects.filter(enrollments__course=course)
    return BY_NAME.page(students.filter(full_name__icontains=name) if name else students, after, size)


def awaiting_response(*, courses, after=None, size=20):
    """Reflections in `courses` (ids) that wait for an answer, oldest first.

    Reads at most size + 1 entries of each course.  Index: idx_response_status.
    """
    condition, params = "", {"courses": courses, "limit": size + 1}
    if after:
        condition = "AND (created_at, id) > (%(created_at)s, %(id)s)"
        params |= zip(BY_TIME.columns, BY_TIME.parse(after), strict=True)
    entries = list(Activity.objects.raw(AWAITING_RESPONSE.format(condition=condition), params))
    return _first(entries, size, BY_TIME)


AWAITING_RESPONSE = """
    SELECT entry.*
    FROM unnest(%(courses)s::uuid[]) AS course (id)
    CROSS JOIN LATERAL (
        SELECT * FROM student_activity_timeline
        WHERE course_id = course.id AND response_status = 'pending' {condition}
        ORDER BY created_at, id
        LIMIT %(limit)s
    ) AS entry
    ORDER BY entry.created_at, entry.id
    LIMIT %(limit)s
"""


def awaiting_response_count(*, courses):
    """How many reflections wait in all of `courses` (ids), up to COUNT_LIMIT + 1.  Index: idx_response_status."""
    with connection.cursor() as cursor:
        cursor.execute(AWAITING_RESPONSE_COUNT, {"courses": courses, "limit": COUNT_LIMIT + 1})
        return cursor.fetchone()[0]


AWAITING_RESPONSE_COUNT = """
    SELECT count(*)
    FROM (
        SELECT
        FROM unnest(%(courses)s::uuid[]) AS course (id)
        CROSS JOIN LATERAL (
            SELECT FROM student_activity_timeline
            WHERE course_id = course.id AND response_status = 'pending'
            LIMIT %(limit)s
        ) AS waiting
        LIMIT %(limit)s
    ) AS counted
"""


def awaiting_response_counts(*, courses):
    """How many reflections wait in each of `courses` (ids): {id: number up to COUNT_LIMIT + 1}.

    Index: idx_response_status.
    """
    with connection.cursor() as cursor:
        cursor.execute(AWAITING_RESPONSE_COUNTS, {"courses": courses, "limit": COUNT_LIMIT + 1})
        return dict(cursor.fetchall())


AWAITING_RESPONSE_COUNTS = """
    SELECT course.id, waiting.number
    FROM unnest(%(courses)s::uuid[]) AS course (id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS number
        FROM (
            SELECT FROM student_activity_timeline
            WHERE course_id = course.id AND response_status = 'pending'
            LIMIT %(limit)s
        ) AS counted
    ) AS waiting
"""


def courses_by_title(courses, *, after=None, size=24):
    """A page of `courses` (a queryset) in order of title: a sort of what there is, for catalogues are small."""
    return BY_TITLE.page(courses, after, size)


def student_days(*, student, before=None, size=7, entries_of_a_day=20):
    """The student's days with activity, newest first, as a Page of Day.

    Steps from day to day through the index; counts are an index-only scan of
    the days shown.  Index: idx_student_date.
    """
    first = BY_DAY.parse(before)[0] if before else datetime.date.max
    with connection.cursor() as cursor:
        cursor.execute(DAYS, {"student": student.pk, "before": first, "limit": size + 1})
        dates = [date for (date,) in cursor.fetchall()]
    dates, more = dates[:size], len(dates) > size
    counts = _day_counts(student, dates)
    entries = defaultdict(list)
    for entry in Activity.objects.raw(
        ENTRIES_OF_DAYS, {"student": student.pk, "dates": dates, "limit": entries_of_a_day + 1}
    ):
        entries[entry.activity_date].append(entry)
    days = [Day(date, counts[date], _first(entries[date], entries_of_a_day, BY_TIME)) for date in dates]
    return Page(days, dates[-1].isoformat() if more else None)


def student_day(*, student, date, after=None, size=100):
    """One Day of a student, paged within itself.  Index: idx_student_date."""
    entries = Activity.objects.filter(student=student, activity_date=date)
    return Day(date, _day_counts(student, [date])[date], BY_TIME.page(entries, after, size))


def neighbouring_days(*, student, date):
    """The days with activity before and after `date`, None where there is none.  Index: idx_student_date."""
    days = Activity.objects.filter(student=student).values_list("activity_date", flat=True)
    before = days.filter(activity_date__lt=date).order_by("-activity_date").first()
    after = days.filter(activity_date__gt=date).order_by("activity_date").first()
    return before, after


def _day_counts(student, dates):
    counts = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(DAY_COUNTS, {"student": student.pk, "dates": dates})
        for date, activity_type, number in cursor.fetchall():
            counts[date][activity_type] = number
    return counts


DAYS = """
    WITH RECURSIVE day (date) AS (
        (
            SELECT activity_date FROM student_activity_timeline
            WHERE student_id = %(student)s AND activity_date < %(before)s
            ORDER BY activity_date DESC LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT activity_date FROM student_activity_timeline
            WHERE student_id = %(student)s AND activity_date < day.date
            ORDER BY activity_date DESC LIMIT 1
        )
        FROM day WHERE day.date IS NOT NULL
    )
    SELECT date FROM day WHERE date IS NOT NULL LIMIT %(limit)s
"""

DAY_COUNTS = """
    SELECT activity_date, activity_type, count(*)
    FROM student_activity_timeline
    WHERE student_id = %(student)s AND activity_date = ANY (%(dates)s::date[])
    GROUP BY activity_date, activity_type
"""

ENTRIES_OF_DAYS = """
    SELECT entry.*
    FROM unnest(%(dates)s::date[]) AS day (date)
    CROSS JOIN LATERAL (
        SELECT * FROM student_activity_timeline
        WHERE student_id = %(student)s AND activity_date = day.date
        ORDER BY created_at, id
        LIMIT %(limit)s
    ) AS entry
    ORDER BY entry.activity_date DESC, entry.created_at, entry.id
"""


def student_goals(*, student, after=None, size=10, entries_of_a_goal=10):
    """The student's goals in the order in which they were set, as a Page of GoalTimeline.

    Counts are an index-only scan of the entries of the goals shown.
    Indexes: goals_of_student, idx_student_goal.
    """
    page = BY_TIME.page(Goal.objects.filter(student=student).prefetch_related("periods"), after, size)
    goals = [goal.pk for goal in page.entries]
    counts = _goal_counts(student, goals)
    entries = defaultdict(list)
    for entry in Activity.objects.raw(
        ENTRIES_OF_GOALS, {"student": student.pk, "goals": goals, "limit": entries_of_a_goal + 1}
    ):
        entries[entry.goal_id].append(entry)
    timelines = [
        GoalTimeline(goal, counts[goal.pk], _first(entries[goal.pk], entries_of_a_goal, BY_TIME))
        for goal in page.entries
    ]
    return Page(timelines, page.next)


def goal_timeline(*, goal, after=None, size=50):
    """What led to one goal, in order of time, as a GoalTimeline.  Index: idx_student_goal."""
    entries = Activity.objects.filter(student=goal.student_id, goal=goal)
    counts = _goal_counts(goal.student, [goal.pk])[goal.pk]
    return GoalTimeline(goal, counts, BY_TIME.page(entries, after, size))


def _goal_counts(student, goals):
    counts = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(GOAL_COUNTS, {"student": student.pk, "goals": goals})
        for goal, activity_type, number in cursor.fetchall():
            counts[goal][activity_type] = number
    return counts


# Without a limit, which would cut off whole kinds: a goal holds what one person did.
GOAL_COUNTS = """
    SELECT goal_id, activity_type, count(*)
    FROM student_activity_timeline
    WHERE student_id = %(student)s AND goal_id = ANY (%(goals)s::uuid[])
    GROUP BY goal_id, activity_type
"""

ENTRIES_OF_GOALS = """
    SELECT entry.*
    FROM unnest(%(goals)s::uuid[]) AS goal (id)
    CROSS JOIN LATERAL (
        SELECT * FROM student_activity_timeline
        WHERE student_id = %(student)s AND goal_id = goal.id
        ORDER BY created_at, id
        LIMIT %(limit)s
    ) AS entry
    ORDER BY entry.created_at, entry.id
"""


def _first(entries, size, keyset):
    """A Page of rows that were read with a limit of size + 1."""
    return Page(entries[:size], keyset.cursor(entries[size - 1]) if len(entries) > size else None)


def with_places(entries):
    """Give the entries the rows that they refer to; one query for each table, by primary key.

    Sets student, video, course, lesson, goal, quiz, responded_by, `author` (of
    a message) and `checkpoint`; None where the row is gone by now.
    """
    authors = {entry.pk: _uuid(entry.metadata.get("author_id")) for entry in entries}
    checkpoints = {entry.pk: _uuid(entry.metadata.get("checkpoint_id")) for entry in entries}
    people = {entry.student_id for entry in entries} | {entry.responded_by_id for entry in entries}
    people = Profile.objects.only("full_name", "email").in_bulk((people | set(authors.values())) - {None})
    marked = Checkpoint.objects.in_bulk(set(checkpoints.values()) - {None})
    for name, model in (("video", Video), ("course", Course), ("lesson", Lesson), ("goal", Goal), ("quiz", Quiz)):
        found = model.objects.only("title").in_bulk({getattr(entry, f"{name}_id") for entry in entries} - {None})
        for entry in entries:
            entry._state.fields_cache[name] = found.get(getattr(entry, f"{name}_id"))
    for entry in entries:
        entry._state.fields_cache["student"] = people.get(entry.student_id)
        entry._state.fields_cache["responded_by"] = people.get(entry.responded_by_id)
        entry.author = people.get(authors[entry.pk])
        entry.checkpoint = marked.get(checkpoints[entry.pk])
    return entries


def _uuid(text):
    return uuid.UUID(text) if text else None
