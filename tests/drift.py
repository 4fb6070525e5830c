"""The one question that most tests of the database end with: does the timeline say what its sources say?"""

from django.db import connection

COLUMNS = (
    "id, student_id, activity_type, created_at, video_id, video_timestamp_seconds, course_id, lesson_id, goal_id,"
    " quiz_id, content, metadata::text, media_url, media_type, media_duration_seconds, requires_response,"
    " response_status, instructor_response, responded_at, responded_by, source_table, source_id"
)

# metadata as text: jsonb holds 70 and 70.00 for equal, a reader does not.
DRIFT = f"""
    WITH present AS (
        SELECT {COLUMNS}, activity_date FROM student_activity_timeline
    ),
    expected AS (
        SELECT {COLUMNS}, (created_at AT TIME ZONE 'America/New_York')::date AS activity_date FROM timeline_expected
    )
    SELECT 'expected' AS side, missing.* FROM (TABLE expected EXCEPT ALL TABLE present) AS missing
    UNION ALL
    SELECT 'present', wrong.* FROM (TABLE present EXCEPT ALL TABLE expected) AS wrong
"""


def drift(using=None):
    """Every entry that is missing ("expected") or wrong ("present"), as dicts; compares each row and each column."""
    with (using or connection).cursor() as cursor:
        cursor.execute(DRIFT)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def assert_no_drift(using=None):
    assert drift(using) == []
