"""What the pages read of a student with 50 goals and 100,000 entries, and of a class of 5,000 whose stories are shared:
little, and from the indexes that are named.
"""

import datetime
import json
import uuid
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from psycopg.types.range import TimestamptzRange

from courses.progress import lessons_done_by
from goals import living, sharing
from goals.models import Goal, SharedStory
from tests import databases, factories
from tests.plans import buffers, empty_tables, nodes, plans_of, vacuum
from timeline import queries
from timeline.kinds import KINDS

pytestmark = pytest.mark.django_db

ENTRIES, GOALS, CLASS = 100_000, 50, 5_000
BUFFERS = 300  # pages of 8 kB that one query of a page may read
COUNTED = 1_600  # of the overview's counts: ten goals with COUNT_LIMIT entries each, index-only; of a story's: 100,000
NOW = datetime.datetime.now(datetime.UTC)
day = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def student(django_db_setup, django_db_blocker):
    """50 goals of twenty days each, of which the last is current; milestones and proofs; the newest goal has a fifth.

    The entries are without their sources, as nothing here writes anything.
    """
    with django_db_blocker.unblock(), empty_tables() as cursor:
        student = factories.ProfileFactory()
        for number in range(GOALS):
            start = NOW - 20 * day * (GOALS - number)
            end = start + 20 * day if number < GOALS - 1 else None
            goal = factories.GoalFactory(student=student, title=f"Goal {number}", created_at=start)
            factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(start, end))
            factories.GoalMilestoneFactory.create_batch(3, goal=goal, reached_at=start + day)
            factories.SuccessProofFactory(goal=goal, created_at=start + day)
        factories.GoalFactory.create_batch(20, student=student)
        cursor.execute("DELETE FROM student_activity_timeline")
        cursor.execute(FILLING, {"student": student.pk, "kinds": [kind.value for kind in KINDS], "entries": ENTRIES})
        vacuum(cursor)
        yield student


# A fifth of all under the newest goal, the rest even; each within the goal's time.
FILLING = """
    INSERT INTO student_activity_timeline (
        id, student_id, activity_type, created_at, goal_id, content, metadata, source_table, source_id
    )
    SELECT
        gen_random_uuid(), %(student)s, (%(kinds)s::text[])[1 + n %% 17],
        lower(period) + n %% 2000 * INTERVAL '14 minutes', goal_id, repeat('words ', 20), '{"percent": 50}',
        'daily_notes', gen_random_uuid()
    FROM generate_series(1, %(entries)s) AS n
    JOIN (
        SELECT goal_id, period, row_number() OVER (ORDER BY period) - 1 AS place FROM goal_periods
        WHERE student_id = %(student)s
    ) AS periods ON place = CASE WHEN n %% 5 = 0 THEN 49 ELSE n / 5 %% 50 END
"""


@pytest.fixture(scope="module")
def course(student, django_db_blocker):
    """5,000 students, each active on nine days with a goal that is reached and shared; all like the student's newest.

    The student's newest goal has no notes.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        course = factories.CourseFactory()
        cursor.execute(
            "INSERT INTO profiles (full_name) SELECT 'Student ' || n FROM generate_series(1, %s) AS n", [CLASS]
        )
        asked = {"course": course.pk, "student": student.pk, "newest": Goal.objects.get(title="Goal 49").pk}
        for sql in SHARING:
            cursor.execute(sql, asked)
        vacuum(cursor)
    return course


SHARING = [
    "UPDATE student_activity_timeline SET activity_type = 'text_reflection'"
    " WHERE goal_id = %(newest)s AND activity_type = 'daily_note'",
    "INSERT INTO reflections (student_id, content, created_at, instructor_response, responded_at)"
    " SELECT %(student)s, 'A thought', now() - n * INTERVAL '1 hour', 'An answer', now() - n * INTERVAL '10 minutes'"
    " FROM generate_series(1, 200) AS n",
    "INSERT INTO enrollments (student_id, course_id) SELECT id, %(course)s FROM profiles",
    "INSERT INTO goals (student_id, title, completed_at) SELECT id, 'Earn $1K', now() FROM profiles"
    " WHERE id <> %(student)s",
    "INSERT INTO shared_stories (student_id, goal_id, parts, course_id, community_at)"
    " SELECT student_id, id, '{notes}', %(course)s, now() - random() * INTERVAL '300 days' FROM goals"
    " WHERE completed_at IS NOT NULL OR id = %(newest)s",
    "DELETE FROM student_activity_timeline WHERE student_id <> %(student)s",  # of today, all of it
    "INSERT INTO congratulations (story_id, person_id) SELECT shared_stories.id, profiles.id"
    " FROM shared_stories CROSS JOIN profiles WHERE goal_id = %(newest)s AND profiles.id <> %(student)s",
    """
    INSERT INTO student_activity_timeline (id, student_id, activity_type, created_at, metadata, source_table, source_id)
    SELECT
        gen_random_uuid(), id, CASE WHEN n %% 3 = 0 THEN 'goal_milestone' ELSE 'daily_note' END,
        now() - INTERVAL '1 day' * (n * (1 + place %% 5) + place %% 11), '{}', 'daily_notes', gen_random_uuid()
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM profiles WHERE id <> %(student)s) AS people
    CROSS JOIN generate_series(0, 8) AS n
    """,
]


def plans_of_page(client, address):
    """(sql, plan) of each query that a page asks."""
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200
    found = []
    for query in captured:
        sql = query["sql"].strip()
        if not sql.startswith(("SELECT", "WITH")):
            continue
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql.replace("%", "%%"), [])
            found.append((sql, cursor.fetchone()[0][0]["Plan"]))
    return found


def test_every_page_reads_little_but_for_the_counts_of_the_overview_which_are_bounded(student):
    client = Client()
    client.force_login(student)
    goals = list(Goal.objects.filter(student=student, title__startswith="Goal ").order_by("created_at"))
    first = queries.goal_path(student=student)
    deep = queries.goal_timeline(goal=goals[-1])
    for _ in range(10):
        deep = queries.goal_timeline(goal=goals[-1], after=deep.next)
    path, of_goal = reverse("my_goals"), reverse("student_goal", args=[student.pk, goals[-1].pk])
    pages = {
        "path": path,
        "path, deep": f"{path}?{urlencode({'after': first.next})}",
        "planned, deep": f"{path}?{urlencode({'planned': queries.planned_goals(student=student).next})}",
        "goal": of_goal,
        "goal, deep": f"{of_goal}?{urlencode({'after': deep.next})}",
        "setting": reverse("new_goal", args=[student.pk]),
        "switching": reverse("make_current", args=[student.pk, goals[3].pk]),
        "corrections": reverse("goal_corrections", args=[student.pk]),
        **{name: reverse(name, args=[student.pk, goals[-1].pk]) for name in ("reach_goal", "pause_goal")},
        **{name: reverse(name, args=[student.pk, goals[-1].pk]) for name in ("change_goal", "add_milestone")},
        "proof": reverse("submit_proof", args=[student.pk, goals[-1].pk]),
    }
    instructor, staff = Client(), factories.StaffFactory()
    instructor.force_login(staff)
    theirs = {
        "path, of an instructor": reverse("student_goals", args=[student.pk]),
        "correcting": reverse("correct_period", args=[goals[-1].periods.get().pk]),
        "proposing": reverse("new_goal", args=[student.pk]),
    }
    counts = 0
    for name, address in (pages | theirs).items():
        for sql, plan in plans_of_page(instructor if name in theirs else client, address):
            is_count = "AS week, activity_type, count(*)" in sql
            counts += is_count
            bound = COUNTED if is_count and "LATERAL" in sql else BUFFERS
            assert buffers(plan) <= bound, (name, buffers(plan), sql[:300])
            if is_count:
                scans = [node for node in nodes(plan) if node.get("Relation Name") == "student_activity_timeline"]
                kinds = {(scan["Node Type"], scan.get("Index Name")) for scan in scans}
                assert kinds == {("Index Only Scan", "idx_student_goal")}, (name, json.dumps(plan, indent=1))
    assert counts >= 6


def test_the_counts_of_a_goal_stop_at_the_newest_10000_and_say_so(student):
    newest = queries.goal_path(student=student).entries[0]
    assert newest.limited
    assert sum(newest.counts.values()) == queries.COUNT_LIMIT
    client = Client()
    client.force_login(student)
    page = client.get("/goals/").content.decode()
    assert "What led to it: 10,000+ entries" in page
    assert "Of its newest 10,000 entries." in page


def test_the_order_of_the_path_and_the_planned_goals_come_from_their_indexes(student):
    with connection.cursor() as cursor:
        for other in ("seqscan", "sort", "bitmapscan"):  # seventy goals are one page of a table
            cursor.execute(f"SET LOCAL enable_{other} = off")
    for ask, index in (
        (lambda: queries.goal_path(student=student), "goals_goalperiod_of_student"),
        (lambda: queries.planned_goals(student=student), "goals_of_student"),
    ):
        plan = plans_of(ask)[0]
        assert index in {node.get("Index Name") for node in nodes(plan)}, json.dumps(plan, indent=1)
        assert buffers(plan) <= BUFFERS


def test_how_many_entries_a_correction_moves_is_counted_from_the_index(student):
    goals = {goal.title: goal for goal in Goal.objects.filter(student=student)}
    start = NOW - 20 * day * 40
    move = living.Move(start, start + 10 * day, goals["Goal 10"], goals["Goal 9"])
    plans = plans_of(lambda: queries.entries_moved(move))
    (scan,) = [node for node in nodes(plans[0]) if node.get("Relation Name") == "student_activity_timeline"]
    assert (scan["Node Type"], scan["Index Name"]) == ("Index Only Scan", "idx_student_date")
    assert all(buffers(plan) <= BUFFERS for plan in plans)
    assert queries.entries_moved(move) > 500


def test_stories_read_little_but_for_their_counts_which_are_bounded(student, course):
    newest = Goal.objects.get(student=student, title="Goal 49")
    Goal.objects.filter(pk=newest.pk).update(completed_at=NOW)
    shared = SharedStory.objects.get(goal=newest)
    SharedStory.objects.filter(pk=shared.pk).update(link=uuid.uuid4())
    shared.refresh_from_db()
    client = Client()
    client.force_login(student)
    of_goal = [student.pk, newest.pk]
    deep = queries.story_entries(goal=newest)
    for _ in range(10):
        deep = queries.story_entries(goal=newest, after=deep.next)
    rare = queries.story_entries(goal=newest, kinds=["daily_note"])
    assert (rare.entries, rare.next is None) == ([], False)
    stories = queries.shared_stories(courses=[course])
    for _ in range(10):
        stories = queries.shared_stories(courses=[course], after=stories.next)
    story, told = reverse("goal_story", args=of_goal), reverse("shared_story", args=[sharing.token(shared)])
    pages = {
        "story": story,
        "story, deep": f"{story}?{urlencode({'after': deep.next})}",
        "story, whole": f"{story}?whole=1",
        "sharing": reverse("share_story", args=of_goal),
        "preview": f"{reverse('preview_story', args=of_goal)}?parts=watching",
        "secret link": told,
        "secret link, of what is rare, deep": f"{told}?{urlencode({'after': rare.next})}",
        "in the community": reverse("community_story", args=[shared.pk]),
        "community": reverse("community"),
        "community, deep": f"{reverse('community')}?{urlencode({'after': stories.next})}",
    }
    counts = set()
    for name, address in pages.items():
        for sql, plan in plans_of_page(client, address):
            is_count = "array_agg" in sql
            counts |= {name} if is_count else set()
            assert buffers(plan) <= (COUNTED if is_count else BUFFERS), (name, buffers(plan), sql[:300])
            found = [node.get("Index Name") or "" for node in nodes(plan)]
            indexes = {index for index in found if index.startswith(("idx_", "student_activity_timeline"))}
            assert indexes <= {"idx_student_goal", "student_activity_timeline_pkey"}, (name, json.dumps(plan, indent=1))
            scanned = {node.get("Relation Name") for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
            assert "student_activity_timeline" not in scanned, (name, json.dumps(plan, indent=1))
    assert {"story", "preview", "secret link", "in the community"} <= counts


@pytest.mark.parametrize("show", ["all", "active", "quiet", "reached", "aimless"])
def test_a_class_of_5000_is_looked_up_by_steps_into_indexes(course, show):
    """A step of three buffers for each student, counts included, and one or two more for each of those looked at."""
    plan, *others = plans_of(lambda: queries.class_movement(course=course, show=show))
    assert {"enrollments_current", "idx_student_date"} <= {node.get("Index Name") for node in nodes(plan)}
    for each in (plan, *others):
        assert "student_activity_timeline" not in {
            node.get("Relation Name") for node in nodes(each) if node["Node Type"] in ("Seq Scan", "Bitmap Heap Scan")
        }, json.dumps(each, indent=1)
    assert buffers(plan) <= 3 * CLASS + 1_000, json.dumps(plan, indent=1)
    assert sum(map(buffers, others)) <= 1_000


def test_a_class_of_5000_is_told_how_far_it_is_by_steps_into_two_indexes(course):
    """The completions of 50 students in 20 lessons, of a platform where everybody completed 40; the last of each."""
    lessons = factories.LessonFactory.create_batch(20, course=course)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO course_chapters (course_id, title) SELECT %s, 'L' FROM generate_series(1, 20)",
            [factories.CourseFactory().pk],
        )
        cursor.execute("ALTER TABLE lesson_completions DISABLE TRIGGER USER")  # entries are not asked about here
        databases.pass_triggers(cursor)  # 200,000 rows of people and lessons that are there
        cursor.execute(
            "INSERT INTO lesson_completions (student_id, lesson_id)"
            " SELECT profiles.id, course_chapters.id FROM profiles CROSS JOIN course_chapters"
        )
        cursor.execute("ANALYZE course_chapters, lesson_completions")
    students = [student.pk for student in queries.students_of_course(course=course).entries]
    (done,) = plans_of(lambda: lessons_done_by(students, [lesson.pk for lesson in lessons]))
    (last,) = plans_of(lambda: queries.silences(students=students))
    for plan, index, table in (
        (done, "courses_lessoncompletion_once", "lesson_completions"),
        (last, "idx_student_date", "student_activity_timeline"),
    ):
        scans = [node for node in nodes(plan) if node.get("Relation Name") == table]
        assert {scan.get("Index Name") for scan in scans} == {index}, json.dumps(plan, indent=1)
        assert buffers(plan) <= BUFFERS, json.dumps(plan, indent=1)
    assert set(lessons_done_by(students, [lesson.pk for lesson in lessons]).values()) == {20}
    assert queries.silences(students=students).keys() == set(students)
