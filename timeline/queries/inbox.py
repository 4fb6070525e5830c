"""What waits for an answer."""

from django.db import connection

from timeline.models import Activity
from timeline.queries.common import BY_TIME, COUNT_LIMIT, first_page


def awaiting_response(*, courses, after=None, size=20):
    """Reflections in `courses` (ids) that wait for an answer, oldest first.

    Reads at most size + 1 entries of each course.  Index: idx_response_status.
    """
    condition, params = "", {"courses": courses, "limit": size + 1}
    if after:
        condition = "AND (created_at, id) > (%(created_at)s, %(id)s)"
        params |= zip(BY_TIME.columns, BY_TIME.parse(after), strict=True)
    entries = list(Activity.objects.raw(AWAITING_RESPONSE.format(condition=condition), params))
    return first_page(entries, size, BY_TIME)


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
