"""Every query of every page is answered by the index that it names, and reads a bounded part of it."""

import datetime
import json
import time
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from timeline import access, queries
from timeline.kinds import KINDS, of_groups

pytestmark = pytest.mark.django_db

HOT_ENTRIES = 30_000  # of the hot student; as many on the hot video; and as many of everyone else
DAYS = 400


@pytest.fixture(scope="module")
def school(django_db_setup, django_db_blocker):
    """A busy timeline, without its sources: one student with a year of entries, one video that everyone watches."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        course, student = factories.CourseFactory(), factories.ProfileFactory()
        videos = [factories.VideoFactory(lesson__course=course) for _ in range(20)]
        goals = [factories.GoalFactory(student=student) for _ in range(12)]
        cursor.execute("INSERT INTO profiles (full_name) SELECT 'Student ' || n FROM generate_series(1, 3000) AS n")
        for each in (course, *factories.CourseFactory.create_batch(3)):
            cursor.execute("INSERT INTO enrollments (student_id, course_id) SELECT id, %s FROM profiles", [each.pk])
        cursor.execute("INSERT INTO goals (student_id, title) SELECT id, 'Earn $1K' FROM profiles")
        for video in videos[:3]:
            cursor.execute(WATCHING, [video.pk])
        cursor.execute(LANDMARKS, {"videos": [video.pk for video in videos]})
        cursor.execute("TRUNCATE student_activity_timeline")
        cursor.execute(
            ENTRIES,
            {
                "kinds": [kind.value for kind in KINDS],
                "student": student.pk,
                "course": course.pk,
                "videos": [video.pk for video in videos],
                "goals": [goal.pk for goal in goals],
                "entries": HOT_ENTRIES,
                "days": DAYS,
            },
        )
        vacuum(cursor)
        yield {"course": course, "student": student, "video": videos[0], "goal": goals[0]}
        cursor.execute("TRUNCATE profiles, courses, student_activity_timeline CASCADE")


def vacuum(cursor):
    """Make every page all-visible, which an autovacuum worker's own snapshot may put off for a moment."""
    for _ in range(50):
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute(
            "SELECT bool_and(relallvisible = relpages) FROM pg_class WHERE relname = ANY (%s)",
            [["student_activity_timeline", "video_progress", "enrollments", "profiles"]],
        )
        if cursor.fetchone()[0]:
            return
        time.sleep(0.1)
    pytest.fail("Something in the database holds an old snapshot.")


WATCHING = """
    INSERT INTO video_progress (student_id, video_id, watched)
    SELECT id, %s, int4multirange(int4range(0, 1 + (random() * 598)::integer)) FROM profiles
"""

LANDMARKS = """
    WITH spots AS (
        SELECT media_files.id AS video_id, lesson_id, n AS video_timestamp_seconds, 'Spot ' || n AS title
        FROM media_files CROSS JOIN generate_series(0, 590, 5) AS n
        WHERE media_files.id = ANY (%(videos)s::uuid[])
    ), quizzes AS (
        INSERT INTO quizzes (video_id, lesson_id, video_timestamp_seconds, title) SELECT * FROM spots
    )
    INSERT INTO checkpoints (video_id, video_timestamp_seconds, title)
    SELECT video_id, video_timestamp_seconds, title FROM spots
"""

ENTRIES = """
    INSERT INTO student_activity_timeline (
        id, student_id, activity_type, created_at, video_id, video_timestamp_seconds, course_id, goal_id,
        response_status, source_table, source_id
    )
    SELECT
        gen_random_uuid(),
        CASE WHEN n <= %(entries)s THEN %(student)s ELSE people.ids[1 + n %% cardinality(people.ids)] END,
        (%(kinds)s::text[])[1 + n %% 17],
        TIMESTAMPTZ '2025-01-01 12:00+00' + n %% %(days)s * INTERVAL '1 day' + n * INTERVAL '1 second',
        CASE
            WHEN n > 2 * %(entries)s THEN (%(videos)s::uuid[])[1]
            WHEN n %% 2 = 0 THEN (%(videos)s::uuid[])[1 + n / 2 %% 20]
        END,
        CASE WHEN n > 2 * %(entries)s OR n %% 2 = 0 THEN n %% 600 END,
        %(course)s,
        CASE WHEN n <= %(entries)s THEN (%(goals)s::uuid[])[1 + n %% 12] END,
        CASE WHEN n %% 5 = 0 THEN 'pending' END,
        'reflections',
        gen_random_uuid()
    FROM generate_series(1, 3 * %(entries)s) AS n
    CROSS JOIN (SELECT array_agg(id) AS ids FROM profiles) AS people
"""

LATE = f"2025-12-01T12:00:00+00:00~{uuid.UUID(int=2**127)}"
FAR = f"540~{uuid.UUID(int=2**127)}"

QUESTIONS = {
    "journey": (lambda s: queries.video_journey(video=s["video"]), "idx_video_kind"),
    "journey, deep": (lambda s: queries.video_journey(video=s["video"], after=FAR), "idx_video_kind"),
    "journey of a rare kind": (
        lambda s: queries.video_journey(video=s["video"], kinds=["daily_note"]),
        "idx_video_kind",
    ),
    "journey of some kinds, deep": (
        lambda s: queries.video_journey(video=s["video"], kinds=["loom_reflection", "quiz_attempt"], after=FAR),
        "idx_video_kind",
    ),
    "count of some kinds": (
        lambda s: queries.video_journey_count(video=s["video"], kinds=["loom_reflection", "quiz_attempt"]),
        "idx_video_kind",
    ),
    "journey of one": (lambda s: queries.video_journey(video=s["video"], student=s["student"]), "idx_student_video"),
    "journey of one, deep": (
        lambda s: queries.video_journey(video=s["video"], student=s["student"], after=FAR),
        "idx_student_video",
    ),
    "journey count": (lambda s: queries.video_journey_count(video=s["video"]), "idx_video_kind"),
    "reached": (lambda s: queries.reached(video=s["video"]), "idx_video_kind"),
    "markers": (lambda s: queries.markers(video=s["video"]), "idx_video_kind"),
    "markers of what waits": (lambda s: queries.markers(video=s["video"]), "idx_video_pending"),
    "markers of a group": (
        lambda s: queries.markers(video=s["video"], kinds=of_groups(["quizzes"])),
        "idx_video_kind",
    ),
    "markers of one": (lambda s: queries.markers(video=s["video"], student=s["student"]), "idx_student_video"),
    "waiting": (lambda s: queries.awaiting_response(courses=[s["course"].pk]), "idx_response_status"),
    "waiting, deep": (lambda s: queries.awaiting_response(courses=[s["course"].pk], after=LATE), "idx_response_status"),
    "waiting count": (lambda s: queries.awaiting_response_count(courses=[s["course"].pk]), "idx_response_status"),
    "waiting counts": (lambda s: queries.awaiting_response_counts(courses=[s["course"].pk]), "idx_response_status"),
    "days": (lambda s: queries.student_days(student=s["student"]), "idx_student_date"),
    "days, deep": (lambda s: queries.student_days(student=s["student"], before="2025-03-01"), "idx_student_date"),
    "day": (
        lambda s: queries.student_day(student=s["student"], date=datetime.date(2025, 6, 1)),
        "idx_student_date",
    ),
    "day, deep": (
        lambda s: queries.student_day(student=s["student"], date=datetime.date(2025, 6, 1), after=LATE),
        "idx_student_date",
    ),
    "neighbouring days": (
        lambda s: queries.neighbouring_days(student=s["student"], date=datetime.date(2025, 6, 1)),
        "idx_student_date",
    ),
    "goals": (lambda s: queries.student_goals(student=s["student"]), "idx_student_goal"),
    "goal": (lambda s: queries.goal_timeline(goal=s["goal"]), "idx_student_goal"),
    "goal, deep": (lambda s: queries.goal_timeline(goal=s["goal"], after=LATE), "idx_student_goal"),
}

# Pages of 8 kB that one query may read: lists of at most 51 rows (of everyone's journey each is looked up
# by its primary key, 4 pages, once the index has said which), and counts that stop at 10,000.  Markers are
# 24 slots of 5 kinds and of what waits, each a descent of the index.
BUFFERS = {
    "journey": 300,
    "journey, deep": 300,
    "journey of a rare kind": 300,
    "journey of some kinds, deep": 300,
    "journey count": 500,
    "count of some kinds": 500,
    "markers": 800,
    "markers of what waits": 800,
    "markers of one": 1_000,  # 760 entries
    "waiting count": 500,
    "reached": 500,
    "waiting counts": 500,
    "goals": 600,
}
BUFFERS_OF_A_LIST = 200


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered_by_the_index_that_it_names(school, name):
    ask, index = QUESTIONS[name]
    plans = [plan for plan in plans_of(lambda: ask(school)) if "student_activity_timeline" in relations(plan)]
    assert plans
    for plan in plans:
        used = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
        assert index in used, json.dumps(plan, indent=1)
        assert not [
            node
            for node in nodes(plan)
            if node.get("Relation Name") == "student_activity_timeline" and "Index Name" not in node
        ], json.dumps(plan, indent=1)
        assert buffers(plan) <= BUFFERS.get(name, BUFFERS_OF_A_LIST), json.dumps(plan, indent=1)


def test_counts_read_the_index_alone(school):
    for name in ("journey count", "reached", "waiting counts", "markers", "markers of what waits"):
        ask, index = QUESTIONS[name]
        plan = plans_of(lambda ask=ask: ask(school))[-1]
        (scan,) = (node for node in nodes(plan) if node.get("Index Name") == index)
        assert scan["Node Type"] == "Index Only Scan", name


def test_the_audience_is_a_sample_and_two_counts_from_indexes(school):
    (plan,) = plans_of(lambda: queries.audience(video=school["video"]))
    scans = {node["Index Name"]: node for node in nodes(plan) if "Index Name" in node}
    assert scans.keys() == {"video_progress_sample", "enrollments_current"}, json.dumps(plan, indent=1)
    assert {node["Node Type"] for node in nodes(plan)} & {"Seq Scan", "Sort", "Bitmap Heap Scan"} == set()
    assert buffers(plan) <= 2_000 + 200


def test_what_one_student_watched_and_the_landmarks_are_found_by_index(school):
    for ask in (
        lambda: queries.watched_by(video=school["video"], student=school["student"]),
        lambda: queries.landmarks(video=school["video"]),
    ):
        for plan in plans_of(ask):
            assert buffers(plan) <= 150, json.dumps(plan, indent=1)
            assert "Seq Scan" not in {node["Node Type"] for node in nodes(plan)}, json.dumps(plan, indent=1)


def test_students_of_a_course_come_in_order_of_name_from_an_index(school):
    (plan,) = plans_of(lambda: queries.students_of_course(course=school["course"]))
    assert "profiles_full_name" in {node.get("Index Name") for node in nodes(plan)}, json.dumps(plan, indent=1)
    assert "Seq Scan" not in {node["Node Type"] for node in nodes(plan)}


def test_whether_a_student_may_be_seen_does_not_depend_on_how_many_are_taught(school):
    instructor = factories.CourseInstructorFactory(course=school["course"]).instructor
    (plan,) = plans_of(lambda: access.visible_students(instructor).get(pk=school["student"].pk))
    assert buffers(plan) <= 50, json.dumps(plan, indent=1)


def test_a_students_goals_come_from_an_index(school):
    plans = plans_of(lambda: queries.student_goals(student=school["student"]))
    indexes = {node.get("Index Name") for plan in plans for node in nodes(plan)}
    assert indexes & {"goals_of_student", "goals_goal_of_student"}


def test_deep_pages_cost_what_first_pages_cost(school):
    for first, deep in (("journey", "journey, deep"), ("goal", "goal, deep"), ("waiting", "waiting, deep")):
        cost = {}
        for name in (first, deep):
            plans = plans_of(lambda name=name: QUESTIONS[name][0](school))
            cost[name] = buffers(plans[-1])
        assert cost[deep] <= cost[first] * 1.5 + 10, cost


def plans_of(ask):
    """The executed plan of each query that `ask` runs."""
    with CaptureQueriesContext(connection) as captured:
        ask()
    plans = []
    for query in captured:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query["sql"].replace("%", "%%"), [])
            plans.append(cursor.fetchone()[0][0]["Plan"])
    return plans


def buffers(plan):
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def relations(plan):
    return {node.get("Relation Name") for node in nodes(plan)}
