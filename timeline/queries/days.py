"""A student's days."""

import datetime
from collections import defaultdict
from dataclasses import dataclass

from django.db import connection

from timeline.keyset import Page, RowComparison
from timeline.models import Activity
from timeline.queries.common import BY_DAY, BY_TIME, NEWEST


@dataclass(frozen=True)
class Day:
    """A student's day: how many entries of each activity_type, and the first of them in order of time."""

    date: datetime.date
    counts: dict[str, int]
    entries: Page


def student_days(*, student, before=None, size=5, entries_of_a_day=20):
    """The student's days with activity, newest first, as a Page of Day.

    Steps from day to day through the index; counts are an index-only scan of
    the days shown.  Index: idx_student_date.
    """
    first = BY_DAY.parse(before)[0] if before else datetime.date.max
    with connection.cursor() as cursor:
        cursor.execute(DAYS, {"student": student.pk, "before": first, "limit": size + 1})
        dates = [date for (date,) in cursor.fetchall()]
    dates, more = dates[:size], len(dates) > size
    counts = day_counts(student=student, dates=dates)
    entries = defaultdict(list)
    for entry in Activity.objects.raw(
        ENTRIES_OF_DAYS, {"student": student.pk, "dates": dates, "limit": entries_of_a_day + 1}
    ):
        entries[entry.activity_date].append(entry)
    days = [Day(date, counts[date], BY_TIME.first_page(entries[date], entries_of_a_day)) for date in dates]
    return Page(days, dates[-1].isoformat() if more else None)


def student_day(*, student, date, after=None, size=100):
    """One Day of a student, paged within itself.  Index: idx_student_date."""
    entries = Activity.objects.filter(student=student, activity_date=date)
    return Day(date, day_counts(student=student, dates=[date])[date], BY_TIME.page(entries, after, size))


def end_of_day(*, student, date, size=20):
    """The last entries of a student's day, in order of time, as a Page whose `next` leads back before them.

    Index: idx_student_date.
    """
    page = NEWEST.page(Activity.objects.filter(student=student, activity_date=date), None, size)
    return Page(page.entries[::-1], page.next)


def entry_with_id(pk):
    """The entry with that id, or None.  Index: the primary key."""
    return Activity.objects.filter(pk=pk).first()


def page_with(entry, *, size=100):
    """The cursor after which a page of the entry's day, in `student_day()`, holds it; None: the first page does.

    Half a page of what came before it stands above it.  Index: idx_student_date.
    """
    before = Activity.objects.filter(
        RowComparison(("created_at", "id"), "<", (entry.created_at, entry.pk)),
        student_id=entry.student_id,
        activity_date=entry.activity_date,
    )
    rows = list(before.order_by("-created_at", "-id").only("created_at")[:size])
    return BY_TIME.cursor(rows[size // 2]) if len(rows) == size else None


def has_begun(*, student):
    """Whether the student ever did anything but enrol.  Index: idx_student_date."""
    done = Activity.objects.filter(student=student).exclude(
        activity_type__in=("course_enrollment", "instructor_message")
    )
    # In order, so that it is the index that is looked through.
    first = done.order_by("activity_date", "created_at", "id").values_list("activity_type").first()
    return first is not None


def neighbouring_days(*, student, date):
    """The days with activity before and after `date`, None where there is none.  Index: idx_student_date."""
    days = Activity.objects.filter(student=student).values_list("activity_date", flat=True)
    before = days.filter(activity_date__lt=date).order_by("-activity_date").first()
    after = days.filter(activity_date__gt=date).order_by("activity_date").first()
    return before, after


def day_counts(*, student, dates):
    """{date: {activity_type: number}} of the student's days; those without entries are empty.

    An index-only scan.  Index: idx_student_date.
    """
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
