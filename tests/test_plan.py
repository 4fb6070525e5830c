"""The original plan's queries for its three use cases, word for word but for the ids."""

import datetime

import pytest
from django.db import connection
from psycopg.types.range import TimestamptzRange

from tests import factories
from timeline.models import DAY_ZONE

pytestmark = pytest.mark.django_db

NOON = datetime.datetime(2025, 3, 15, 16, tzinfo=datetime.UTC)  # in New York
HOUR = datetime.timedelta(hours=1)

STUDENT_ON_VIDEO = """
SELECT * FROM student_activity_timeline
WHERE video_id = 'abc123'
  AND student_id = 'sarah'
ORDER BY video_timestamp_seconds ASC;
"""

EVERYBODY_ON_VIDEO = """
SELECT
  sat.*,
  p.full_name,
  p.email
FROM student_activity_timeline sat
JOIN profiles p ON sat.student_id = p.id
WHERE video_id = 'abc123'
ORDER BY video_timestamp_seconds ASC;
"""

DAY = """
SELECT * FROM student_activity_timeline
WHERE student_id = 'sarah'
  AND activity_date = '2025-03-15'
ORDER BY created_at ASC;
"""

PAST_WEEK = """
SELECT
  activity_date,
  COUNT(*) as activity_count,
  json_agg(json_build_object(
    'type', activity_type,
    'content', content,
    'timestamp', created_at
  ) ORDER BY created_at) as activities
FROM student_activity_timeline
WHERE student_id = 'sarah'
  AND activity_date >= CURRENT_DATE - INTERVAL '7 days'
GROUP BY activity_date
ORDER BY activity_date DESC;
"""

GOAL = """
SELECT * FROM student_activity_timeline
WHERE student_id = 'sarah'
  AND goal_id = 'goal-1k'
ORDER BY created_at ASC;
"""

EVERY_GOAL = """
SELECT
  goal_id,
  MIN(created_at) as goal_start,
  MAX(created_at) as goal_end,
  COUNT(*) as total_activities,
  json_agg(json_build_object(
    'type', activity_type,
    'content', content,
    'timestamp', created_at,
    'video_id', video_id,
    'course_id', course_id
  ) ORDER BY created_at) as timeline
FROM student_activity_timeline
WHERE student_id = 'sarah'
  AND goal_id IS NOT NULL
GROUP BY goal_id
ORDER BY MIN(created_at);
"""


def run(query, **ids):
    """The query's rows as dicts, after real ids took the places of the plan's: abc123=…, sarah=…."""
    for name, row in ids.items():
        query = query.replace(f"'{name.replace('_', '-')}'", f"'{row.pk}'")
    with connection.cursor() as cursor:
        cursor.execute(query)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


@pytest.fixture
def sarah():
    return factories.ProfileFactory(full_name="Sarah", email="sarah@example.org")


@pytest.fixture
def video(sarah):
    """One that Sarah and Tom watched, answered a quiz in and wrote about."""
    video = factories.VideoFactory(duration_seconds=100)
    tom = factories.ProfileFactory(full_name="Tom")
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=45)
    for student in (sarah, tom):
        factories.VideoProgressFactory(student=student, video=video, watched=[(0, 30)])
        factories.QuizAttemptFactory(student=student, quiz=quiz)
        factories.ReflectionFactory(student=student, video=video, video_timestamp_seconds=15)
        factories.ReflectionFactory(student=student, video_timestamp_seconds=1)  # on another
    return video


def test_a_students_activity_on_a_video_comes_by_second(sarah, video):
    entries = run(STUDENT_ON_VIDEO, abc123=video, sarah=sarah)
    assert [(entry["video_timestamp_seconds"], entry["activity_type"]) for entry in entries] == [
        (10, "video_progress"),
        (15, "text_reflection"),
        (20, "video_progress"),
        (30, "video_progress"),
        (45, "quiz_attempt"),
    ]
    assert {entry["student_id"] for entry in entries} == {sarah.pk}


def test_all_students_activity_on_a_video_comes_by_second_with_their_names(sarah, video):
    entries = run(EVERYBODY_ON_VIDEO, abc123=video)
    assert [entry["video_timestamp_seconds"] for entry in entries] == [10, 10, 15, 15, 20, 20, 30, 30, 45, 45]
    assert {entry["full_name"] for entry in entries} == {"Sarah", "Tom"}
    assert all(entry["email"] for entry in entries)


def test_a_day_is_a_day_in_new_york(sarah):
    midnight = datetime.datetime(2025, 3, 15, 4, tzinfo=datetime.UTC)
    microsecond = datetime.timedelta(microseconds=1)
    for at, content in (
        (midnight - microsecond, "the day before"),
        (midnight + 24 * HOUR - microsecond, "last"),
        (midnight, "first"),
        (NOON, "noon"),
        (midnight + 24 * HOUR, "the day after"),
    ):
        factories.DailyNoteFactory(student=sarah, created_at=at, content=content)
    assert [entry["content"] for entry in run(DAY, sarah=sarah)] == ["first", "noon", "last"]


def test_the_past_week_comes_by_day_newest_first(sarah):
    today = datetime.datetime.now(DAY_ZONE).replace(hour=12)
    for days, hours, content in ((0, 0, "today"), (3, -3, "morning"), (3, 8, "evening"), (20, 0, "long ago")):
        at = today + datetime.timedelta(days=-days, hours=hours)
        factories.DailyNoteFactory(student=sarah, created_at=at, content=content)
    today, earlier = run(PAST_WEEK, sarah=sarah)
    assert today["activity_date"] - earlier["activity_date"] == datetime.timedelta(days=3)
    assert (today["activity_count"], earlier["activity_count"]) == (1, 2)
    assert [activity["content"] for activity in earlier["activities"]] == ["morning", "evening"]
    assert today["activities"][0]["type"] == "daily_note"


def test_goals_come_in_order_with_all_that_happened_under_each(sarah):
    goals = factories.GoalFactory.create_batch(2, student=sarah)
    for number, goal in enumerate(goals):
        start = NOON + number * 10 * HOUR
        factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(start, start + 10 * HOUR))
        factories.DailyNoteFactory(student=sarah, created_at=start + HOUR, content=f"note {number}")
        factories.ReflectionFactory(student=sarah, created_at=start + 2 * HOUR, content=f"reflection {number}")
    factories.DailyNoteFactory(student=sarah, created_at=NOON - HOUR, content="under no goal")
    assert [entry["content"] for entry in run(GOAL, sarah=sarah, goal_1k=goals[0])] == ["note 0", "reflection 0"]
    first, second = run(EVERY_GOAL, sarah=sarah)
    assert [first["goal_id"], second["goal_id"]] == [goals[0].pk, goals[1].pk]
    assert (first["goal_start"], first["goal_end"]) == (NOON + HOUR, NOON + 2 * HOUR)
    assert second["total_activities"] == 2
    note, reflection = second["timeline"]
    assert (note["content"], reflection["type"]) == ("note 1", "text_reflection")
    assert reflection["video_id"]
    assert reflection["course_id"]
