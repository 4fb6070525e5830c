"""What the source tables refuse, whoever writes: in the database, and in words of their own."""

import itertools

import pytest
from django.db import DataError, IntegrityError, transaction

from tests import factories
from tests.databases import execute
from tests.drift import assert_no_drift
from tests.test_invariants import LENDERS, SOURCES

pytestmark = pytest.mark.django_db


def refusal(sql, *parameters):
    """What the database says when it refuses this statement; None when it does not."""
    try:
        with transaction.atomic():
            execute(sql, *parameters)
            execute("SET CONSTRAINTS ALL IMMEDIATE")
    except (IntegrityError, DataError) as error:
        diagnosis = error.__cause__.diag
        assert "timeline" not in f"{diagnosis.message_primary} {diagnosis.table_name} {diagnosis.constraint_name}"
        return diagnosis
    return None


@pytest.fixture
def rows():
    """A row of every source, by table."""
    return {row._meta.db_table: row for row in factories.everything_of(factories.ProfileFactory())}


SAMPLES = {
    "text": "'x'",
    "character varying": "'x'",
    "integer": "1",
    "numeric": "1",
    "boolean": "true",
    "uuid": "gen_random_uuid()",
    "timestamp with time zone": "'2025-03-15'",
    "tstzrange": "'[2025-03-15,)'",
    "timestamp with time zone[]": "array_fill(NULL::timestamptz, ARRAY[9])",
    "text[]": "'{x}'",
}


@pytest.mark.parametrize("table", [*SOURCES, *LENDERS, "profiles", "courses", "checkpoints"])
def test_no_check_is_answered_by_null(table):
    """PostgreSQL lets a row pass whose CHECK gives NULL: none gives it, for whatever columns are NULL."""
    checks = execute(
        "SELECT conname, pg_get_expr(conbin, conrelid), conkey::integer[] FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'c'",
        table,
    )
    assert checks
    for name, expression, keys in checks:
        columns = execute(
            "SELECT quote_ident(attname), format_type(atttypid, NULL), attnotnull FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum = ANY (%s)",
            table,
            keys,
        )
        values = [
            [f"{SAMPLES[kind]}::{kind} AS {column}", *([] if not_null else [f"NULL::{kind} AS {column}"])]
            for column, kind, not_null in columns
        ]
        for row in itertools.product(*values):
            ((answer,),) = execute(f"SELECT ({expression}) FROM (SELECT {', '.join(row)}) AS {table}")
            assert answer is not None, f"{name} is answered by NULL for {row}"


@pytest.mark.parametrize("table", [*SOURCES, "goal_periods"])
def test_no_time_lies_outside_the_calendar(rows, table):
    columns = execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = %s AND data_type = 'timestamp with time zone'",
        table,
    )
    values = ("infinity", "-infinity", "1899-12-31 23:59:59Z", "9999-01-01 00:00Z")
    for (column,), value in itertools.product(columns, values):
        said = refusal(f"UPDATE {table} SET {column} = %s", value)
        if said is None:  # only what was there already was kept instead
            assert execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", value) == [(0,)]
        else:
            assert said.table_name == table
    assert_no_drift()


BAD = {
    "a second without its video": (
        "UPDATE reflections SET video_id = NULL",
        "reflections_reflection_moment",
    ),
    "a video without a second": (
        "UPDATE reflections SET video_timestamp_seconds = NULL",
        "reflections_reflection_moment",
    ),
    "a second before the video's first": (
        "UPDATE reflections SET video_timestamp_seconds = -1",
        "reflections_reflection_moment",
    ),
    "a quiz with a second and no video": ("UPDATE quizzes SET video_id = NULL", "courses_quiz_moment"),
    "a quiz with a video and no second": ("UPDATE quizzes SET video_timestamp_seconds = NULL", "courses_quiz_moment"),
    "a quiz in the video of another lesson": (
        "UPDATE quizzes SET lesson_id = (SELECT id FROM course_chapters WHERE id <> quizzes.lesson_id LIMIT 1)",
        "courses_quiz_video_of_lesson",
    ),
    "a checkpoint reached nowhere": (
        "UPDATE learning_milestones SET video_timestamp_seconds = NULL",
        None,
    ),
    "a medium without an address": ("UPDATE reflections SET media_type = 'audio'", "reflections_reflection_media"),
    "an address without a medium": ("UPDATE reflections SET media_url = '/a'", "reflections_reflection_media"),
    **{
        f"a medium at {address[:20]!r}": (
            f"UPDATE {table} SET media_type = 'audio', media_url = E'{address}'",
            f"{constraint}_media_address",
        )
        for table, constraint, address in (
            ("reflections", "reflections_reflection", "javascript:alert(1)"),
            ("daily_notes", "goals_dailynote", "data:text/html,x"),
            ("goal_messages", "goals_goalmessage", "//elsewhere.example/a"),
            ("success_proofs", "goals_successproof", " https://media.example.org/a"),
            ("reflections", "reflections_reflection", "javascript:\\nhttps://x"),
            ("reflections", "reflections_reflection", "media.example.org/a"),
        )
    },
    "a medium at an endless address": (
        "UPDATE reflections SET media_type = 'audio', media_url = '/' || repeat('a', 2000)",
        "reflections_reflection_media_address_length",
    ),
    "a duration of nothing": ("UPDATE daily_notes SET media_duration_seconds = 3", "goals_dailynote_media"),
    "an unknown medium": (
        "UPDATE daily_notes SET media_type = 'smell', media_url = '/a'",
        "goals_dailynote_media",
    ),
    "a negative duration": (
        "UPDATE success_proofs SET media_type = 'audio', media_url = '/a', media_duration_seconds = -1",
        "goals_successproof_media_duration",
    ),
    "an empty note": ("UPDATE daily_notes SET content = ''", "goals_dailynote_says_something"),
    "an answer without words": (
        "UPDATE reflections SET instructor_response = NULL",
        "reflections_reflection_response",
    ),
    "an answer of no letters": ("UPDATE reflections SET instructor_response = ''", "reflections_reflection_response"),
    "an answer at no time": ("UPDATE reflections SET responded_at = NULL", "reflections_reflection_response"),
    "a pass without a submission": (
        "UPDATE quiz_attempts SET submitted_at = NULL",
        "courses_quizattempt_marked_when_submitted",
    ),
    "a submission without a score": (
        "UPDATE quiz_attempts SET score = NULL",
        "courses_quizattempt_marked_when_submitted",
    ),
    "a submission that neither passed nor failed": (
        "UPDATE quiz_attempts SET passed = NULL",
        "courses_quizattempt_marked_when_submitted",
    ),
    "a submission before the start": (
        "UPDATE quiz_attempts SET submitted_at = started_at - interval '1 s'",
        "courses_quizattempt_marked_when_submitted",
    ),
    "a score above all points": ("UPDATE quiz_attempts SET score = 100.01", "courses_quizattempt_score"),
    "a score that is no number": ("UPDATE quiz_attempts SET score = 'NaN'", "courses_quizattempt_score"),
    "a tenth reached outside the calendar": (
        "UPDATE video_progress SET tenth_reached_at[9] = 'infinity'",
        "courses_videoprogress_calendar",
    ),
    "watching nothing known": ("UPDATE video_progress SET watched = NULL", None),
    "watching a video that is not there": (
        "UPDATE video_progress SET video_id = gen_random_uuid()",
        "video_progress_video_id_01251935_fk_media_files_id",
    ),
    "a message from the student": (
        "UPDATE goal_messages SET author_id = student_id",
        "goals_goalmessage_from_another",
    ),
    "a message about another student's goal": (
        "UPDATE goal_messages SET goal_id = (SELECT id FROM goals WHERE student_id <> goal_messages.student_id)",
        "goals_goalmessage_goal_of_student",
    ),
    "a proof of another student's goal": (
        "UPDATE success_proofs SET goal_id = (SELECT id FROM goals WHERE student_id <> success_proofs.student_id)",
        "goals_successproof_goal_of_student",
    ),
    "a period of another student's goal": (
        "UPDATE goal_periods SET goal_id = (SELECT id FROM goals WHERE student_id <> goal_periods.student_id)",
        "goals_goalperiod_goal_of_student",
    ),
    "an empty period": ("UPDATE goal_periods SET period = 'empty'", "goals_goalperiod_half_open"),
    "a period without a start": (
        "UPDATE goal_periods SET period = tstzrange(NULL, upper(period))",
        "goals_goalperiod_half_open",
    ),
    "a period that holds its end": (
        "UPDATE goal_periods SET period = tstzrange(lower(period), now(), '[]')",
        "goals_goalperiod_half_open",
    ),
    "a period until infinity": (
        "UPDATE goal_periods SET period = tstzrange(lower(period), 'infinity')",
        "goals_goalperiod_calendar",
    ),
    "two current goals at a time": (
        "INSERT INTO goal_periods (student_id, goal_id, period) SELECT student_id, goal_id, period FROM goal_periods",
        "goals_goalperiod_one_goal_at_a_time",
    ),
    "a video of no seconds": ("UPDATE media_files SET duration_seconds = 0", "courses_video_duration"),
    "a threshold that is no number": (
        "UPDATE media_files SET completion_threshold = 'NaN'",
        "courses_video_completion_threshold",
    ),
    "enrolling twice": (
        "INSERT INTO enrollments (student_id, course_id) SELECT student_id, course_id FROM enrollments",
        "courses_enrollment_once",
    ),
}


@pytest.mark.parametrize(("statement", "constraint"), BAD.values(), ids=BAD)
def test_a_source_refuses(rows, statement, constraint):
    factories.GoalFactory(), factories.LessonFactory()  # somebody else's
    said = refusal(statement)
    assert said, "the row was let in"
    if constraint:
        assert said.constraint_name == constraint
    else:
        assert "null value" in said.message_primary
    assert_no_drift()
