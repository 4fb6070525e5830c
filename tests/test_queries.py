"""Every query of every page is answered by the index that it names, and reads a bounded part of it."""

import datetime
import json
import uuid
from itertools import islice

import pytest
from django.db import connection
from django.utils import timezone

from courses.models import Course
from profiles.models import Profile
from reflections.access import answerable_reflections
from tests import factories
from tests.plans import buffers, empty_tables, nodes, plans_of, relations, vacuum
from timeline import access, queries
from timeline.kinds import KINDS, of_groups
from timeline.models import Activity

pytestmark = pytest.mark.django_db

HOT_ENTRIES = 30_000  # of the hot student; as many on the hot video; and as many of everyone else
DAYS = 400
SCANNED = 1_000  # entries that are looked through here for what no index can find


@pytest.fixture(scope="module")
def school(django_db_setup, django_db_blocker):
    """A busy timeline, without its sources: one student with a year of entries, one video that everyone watches."""
    with django_db_blocker.unblock(), empty_tables() as cursor:
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
        cursor.execute(REACHED, [videos[0].pk])
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


@pytest.fixture(autouse=True)
def short_scans(monkeypatch):
    """So that the hot video has more entries than are looked through, as a video of 100,000 entries has."""
    monkeypatch.setattr(queries.journey, "SCAN_LIMIT", SCANNED)


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

REACHED = """
    INSERT INTO learning_milestones (student_id, checkpoint_id, video_id, video_timestamp_seconds)
    SELECT profiles.id, checkpoints.id, video_id, video_timestamp_seconds
    FROM profiles CROSS JOIN checkpoints
    WHERE video_id = %s AND video_timestamp_seconds < 10
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
LATE_IN_MAY = f"2025-05-03T12:00:00+00:00~{uuid.UUID(int=2**127)}"
FAR = f"540~{uuid.UUID(int=2**127)}"

DAYS_OF_MAY = {"start": datetime.date(2025, 5, 1), "end": datetime.date(2025, 5, 31)}


def journey(school, *, after=None, **asked):
    return queries.video_journey(queries.JourneyFilter(school["video"], **asked), after=after)


QUESTIONS = {
    "journey": (lambda s: journey(s), "idx_video_kind"),
    "journey, deep": (lambda s: journey(s, after=FAR), "idx_video_kind"),
    "journey of a rare kind": (lambda s: journey(s, kinds=["voice_reflection"]), "idx_video_kind"),
    "journey of some kinds, deep": (
        lambda s: journey(s, kinds=["loom_reflection", "quiz_attempt"], after=FAR),
        "idx_video_kind",
    ),
    "journey, newest": (lambda s: journey(s, newest=True), "idx_video_listed"),
    "journey, newest, deep": (lambda s: journey(s, newest=True, after=LATE), "idx_video_listed"),
    "journey, newest, of some days": (lambda s: journey(s, newest=True, **DAYS_OF_MAY), "idx_video_listed"),
    "journey, newest, of some days, deep": (
        lambda s: journey(s, newest=True, **DAYS_OF_MAY, after=LATE_IN_MAY),
        "idx_video_listed",
    ),
    "journey of some days": (lambda s: journey(s, **DAYS_OF_MAY), "idx_video_listed"),
    "journey of some days, deep": (lambda s: journey(s, **DAYS_OF_MAY, after=FAR), "idx_video_listed"),
    "journey of a text": (lambda s: journey(s, text="early"), "idx_video_listed"),
    "journey of what waits": (lambda s: journey(s, waiting=True), "idx_video_pending"),
    "journey of what waits, deep": (lambda s: journey(s, waiting=True, after=FAR), "idx_video_pending"),
    "journey of what waits, newest": (lambda s: journey(s, waiting=True, newest=True), "idx_video_pending"),
    "journey of one": (lambda s: journey(s, student=s["student"]), "idx_student_video"),
    "journey of one, deep": (lambda s: journey(s, student=s["student"], after=FAR), "idx_student_video"),
    "journey of one, newest": (lambda s: journey(s, student=s["student"], newest=True), "idx_student_video"),
    "journey of one, narrowed": (
        lambda s: journey(s, student=s["student"], text="early", waiting=True, **DAYS_OF_MAY),
        "idx_student_video",
    ),
    "newest": (lambda s: queries.newest_cursor(queries.JourneyFilter(s["video"])), "idx_video_listed"),
    "newest of one": (
        lambda s: queries.newest_cursor(queries.JourneyFilter(s["video"], student=s["student"])),
        "idx_student_date",
    ),
    "new": (lambda s: queries.new_since(queries.JourneyFilter(s["video"]), since=LATE), "idx_video_listed"),
    "new of one": (
        lambda s: queries.new_since(queries.JourneyFilter(s["video"], student=s["student"]), since=LATE),
        "idx_student_date",
    ),
    "reached": (lambda s: queries.reached(video=s["video"]), "idx_video_kind"),
    "markers": (lambda s: queries.markers(video=s["video"]), "idx_video_kind"),
    "markers of what waits": (lambda s: queries.markers(video=s["video"]), "idx_video_pending"),
    "markers of a group": (
        lambda s: queries.markers(video=s["video"], kinds=of_groups(["quizzes"])),
        "idx_video_kind",
    ),
    "markers of one": (lambda s: queries.markers(video=s["video"], student=s["student"]), "idx_student_video"),
    "waiting counts": (
        lambda s: queries.awaiting_response_counts(courses=[s["course"].pk], by=s["student"]),
        "idx_response_status",
    ),
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
    "goals": (lambda s: queries.lived_goals(student=s["student"], goals=[s["goal"]]), "idx_student_goal"),
    "goal": (lambda s: queries.goal_timeline(goal=s["goal"]), "idx_student_goal"),
    "goal, deep": (lambda s: queries.goal_timeline(goal=s["goal"], after=LATE), "idx_student_goal"),
    "story": (lambda s: queries.goal_story(goal=s["goal"], kinds=[kind.value for kind in KINDS]), "idx_student_goal"),
    "story, entries": (lambda s: queries.story_entries(goal=s["goal"]), "idx_student_goal"),
    "story, entries, deep": (lambda s: queries.story_entries(goal=s["goal"], after=LATE), "idx_student_goal"),
    "story, entries of a kind": (
        lambda s: queries.story_entries(goal=s["goal"], kinds=["daily_note"]),
        "idx_student_goal",
    ),
    "story, entries of a kind, deep": (
        lambda s: queries.story_entries(goal=s["goal"], kinds=["daily_note"], after=LATE),
        "idx_student_goal",
    ),
}

# Pages of 8 kB that one query may read: lists of at most 51 rows, counts that stop at 10,000, and what looks
# through SCANNED entries.  Markers are 24 slots of 5 kinds and of what waits, each a descent of the index.
BUFFERS = {
    "journey, deep": 500,
    "journey, newest, deep": 500,
    "journey of what waits, deep": 300,
    "journey of some days": 300,
    "journey of some days, deep": 300,
    "journey of a text": SCANNED + 300,  # of 7,400 reflections
    "journey of what waits, newest": 300,  # of 6,300
    "journey of one, newest": SCANNED + 300,
    "journey of one, narrowed": SCANNED + 300,
    "new of one": 500,
    "markers": 800,
    "markers of what waits": 800,
    "markers of one": 1_000,  # 760 entries
    "reached": 500,
    "waiting counts": 500,
    "goals": 600,
    "story": 300,
    "story, entries of a kind": 300,
}
BUFFERS_OF_A_LIST = 200


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered_by_the_index_that_it_names(school, name):
    ask, index = QUESTIONS[name]
    plans = [plan for plan in plans_of(lambda: ask(school)) if "student_activity_timeline" in relations(plan)]
    assert index in {node.get("Index Name") for node in nodes(plans[0])}, json.dumps(plans[0], indent=1)
    for plan in plans:
        whole = [node["Node Type"] for node in nodes(plan) if node.get("Relation Name") == "student_activity_timeline"]
        assert "Seq Scan" not in whole, json.dumps(plan, indent=1)
        assert buffers(plan) <= BUFFERS.get(name, BUFFERS_OF_A_LIST), json.dumps(plan, indent=1)


def test_a_page_of_a_journey_costs_few_buffers_at_any_depth(school):
    for name, (ask, _) in QUESTIONS.items():
        if name.startswith("journey") and not name.endswith(("newest", "narrowed", "text")):
            page = plans_of(lambda ask=ask: ask(school))[0]
            assert buffers(page) <= 300, name


COUNTS = [
    "journey",
    "journey, deep",
    "journey of some kinds, deep",
    "journey, newest, deep",
    "journey, newest, of some days, deep",
    "journey of what waits, deep",
    "journey of one, deep",
    "reached",
    "waiting counts",
    "markers",
    "markers of what waits",
]


def test_counts_read_the_index_alone(school):
    for name in COUNTS:
        ask, _ = QUESTIONS[name]
        plan = plans_of(lambda ask=ask: ask(school))[-1]
        read = {"student_activity_timeline", "learning_milestones"}
        scans = [node for node in nodes(plan) if node.get("Relation Name") in read]
        assert {scan["Node Type"] for scan in scans} == {"Index Only Scan"}, name


def test_a_story_counts_in_the_index_alone(school):
    plan = plans_of(lambda: QUESTIONS["story"][0](school))[0]
    scans = [node for node in nodes(plan) if node.get("Relation Name") == "student_activity_timeline"]
    assert {(scan["Node Type"], scan["Index Name"]) for scan in scans} == {("Index Only Scan", "idx_student_goal")}
    # The second, whether there are more than are counted, waits until so many were.
    assert sorted(scan["Actual Loops"] for scan in scans) == [0, 1]
    assert buffers(plan) <= 100  # of 2,500 entries; 100,000, the most that it counts, are some 1,500


def test_shared_stories_are_found_by_course_the_newest_first(school):
    courses = list(Course.objects.all())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE goals SET completed_at = now()")
        cursor.execute(SHARED, [[course.pk for course in courses[:2]]])
        cursor.execute("ANALYZE shared_stories, goals")
    first = queries.shared_stories(courses=courses)
    for after in (None, first.next):
        places, stories = plans_of(lambda after=after: queries.shared_stories(courses=courses, after=after))
        assert "shared_with_course" in {node.get("Index Name") for node in nodes(places)}, json.dumps(places, indent=1)
        assert "shared_stories" not in {
            node.get("Relation Name") for node in nodes(places) if node["Node Type"] in ("Seq Scan", "Sort")
        }
        assert buffers(places) <= 300, json.dumps(places, indent=1)
        assert buffers(stories) <= 300
    (plan,) = plans_of(lambda: queries.applause(first.entries, by=school["student"]))
    assert buffers(plan) <= 100


SHARED = """
    INSERT INTO shared_stories (student_id, goal_id, course_id, community_at)
    SELECT student_id, id, (%s::uuid[])[1 + (random() > 0.5)::integer], now() - random() * INTERVAL '900 days'
    FROM goals
"""


@pytest.mark.parametrize("days", [None, 30])
def test_the_export_steps_along_the_index_of_students_at_any_depth(school, days):
    since = days and timezone.localdate() - datetime.timedelta(days=days)
    others = tuple(Profile.objects.exclude(pk=school["student"].pk).values_list("pk", flat=True)[:150])
    for students in (None, (school["student"].pk,), others):
        telling = queries.Telling(students=students, start=since)
        plans = plans_of(lambda telling=telling: [*islice(queries.statement_pages(telling), 6)])
        entries = [plan for plan in plans if "student_activity_timeline" in relations(plan)]
        watched = [plan for plan in plans if "video_progress" in relations(plan)]
        assert len(entries) > 4 or watched
        for plan in entries:
            assert {node.get("Index Name") for node in nodes(plan)} == {None, "idx_student_date"}
            types = {node["Node Type"] for node in nodes(plan)}
            # Of students who have little more than a page, all is read and sorted.
            assert types == {"Limit", "Index Scan"} or students == others, json.dumps(plan, indent=1)
            assert "Seq Scan" not in types
            assert buffers(plan) <= 2_500, json.dumps(plan, indent=1)
        for plan in watched:
            assert "courses_videoprogress_once" in {node.get("Index Name") for node in nodes(plan)}


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


def test_the_roster_by_name_steps_along_an_index(school):
    size, students, values = plans_of(
        lambda: queries.roster(video=school["video"], after=f"Student 2~{uuid.UUID(int=0)}")
    )
    for plan, index, bound in (
        (size, "enrollments_current", 50),
        (students, "profiles_full_name", 300),
        (values, "courses_videoprogress_once", 1_000),
        (values, "idx_student_pending", 1_000),  # up to ten entries that wait of each of 50 students
    ):
        assert index in {node.get("Index Name") for node in nodes(plan)}, json.dumps(plan, indent=1)
        assert "Seq Scan" not in {node["Node Type"] for node in nodes(plan)}, json.dumps(plan, indent=1)
        assert buffers(plan) <= bound
    for plan in plans_of(lambda: queries.roster_neighbours(video=school["video"], student=school["student"])):
        assert buffers(plan) <= 20


@pytest.mark.parametrize("sort", ["coverage", "seen", "waiting"])
def test_a_sorted_roster_looks_up_the_class_and_what_waits_once(school, sort):
    """3,001 students, 7,500 entries that wait; every table is met once, whatever the depth."""
    after = f"{-50 if sort == 'coverage' else 0}~Student 2~{uuid.UUID(int=0)}"
    for ask in (
        lambda: queries.roster(video=school["video"], sort=sort),
        lambda: queries.roster(video=school["video"], sort=sort, after=after),
        lambda: queries.roster_neighbours(video=school["video"], student=school["student"], sort=sort),
    ):
        plan = plans_of(ask)[1]
        (scan,) = (node for node in nodes(plan) if node.get("Relation Name") == "student_activity_timeline")
        assert (scan["Node Type"], scan["Index Name"]) == ("Index Only Scan", "idx_video_pending")
        assert buffers(plan) <= 1_000, json.dumps(plan, indent=1)


def test_students_of_a_course_come_in_order_of_name_from_an_index(school):
    (plan,) = plans_of(lambda: queries.students_of_course(course=school["course"]))
    assert "profiles_full_name" in {node.get("Index Name") for node in nodes(plan)}, json.dumps(plan, indent=1)
    assert "Seq Scan" not in {node["Node Type"] for node in nodes(plan)}


def test_who_is_in_a_class_is_read_at_once_and_then_by_batches_from_an_index(school):
    read = iter(queries.everybody_of_course(course=school["course"], size=200))
    who, batch = plans_of(lambda: next(read))
    assert (who["Actual Rows"], batch["Actual Rows"]) == (3_001, 200)
    for plan, buffers_read in ((who, 1_000), (batch, 300)):
        assert "enrollments" not in {
            node.get("Relation Name") for node in nodes(plan) if node["Node Type"] == "Seq Scan"
        }, json.dumps(plan, indent=1)
        assert buffers(plan) <= buffers_read
    assert "profiles_pkey" in {node.get("Index Name") for node in nodes(batch)}, json.dumps(batch, indent=1)


def test_a_class_is_counted_in_an_index(school):
    (plan,) = plans_of(lambda: queries.class_size(course=school["course"]))
    assert "enrollments_current" in {node.get("Index Name") for node in nodes(plan)}, json.dumps(plan, indent=1)


def test_whether_a_student_may_be_seen_does_not_depend_on_how_many_are_taught(school):
    instructor = factories.CourseInstructorFactory(course=school["course"]).instructor
    (plan,) = plans_of(lambda: access.visible_students(instructor).get(pk=school["student"].pk))
    assert buffers(plan) <= 50, json.dumps(plan, indent=1)


def test_whom_of_a_page_one_may_see_is_asked_of_their_enrolments_alone(school):
    instructor = factories.ProfileFactory()
    for course in Course.objects.all():
        factories.CourseInstructorFactory(course=course, instructor=instructor)
    students = Profile.objects.order_by("pk").values_list("pk", flat=True)[::100]
    entries = [Activity(student_id=student, requires_response=True) for student in students]
    for mark in (access.mark_visible, access.mark_answerable):
        (plan,) = plans_of(lambda mark=mark: mark(instructor, entries))
        (read,) = (node["Actual Rows"] for node in nodes(plan) if node.get("Relation Name") == "enrollments")
        assert read <= 4 * len(entries), json.dumps(plan, indent=1)
        assert buffers(plan) <= 100


def test_whom_of_a_page_one_may_see_and_answer_are_the_visible_students():
    instructor, stranger = factories.CourseInstructorFactory(), factories.ProfileFactory()
    student = factories.EnrollmentFactory(course=instructor.course).student
    left = factories.EnrollmentFactory(course=instructor.course, left_at=timezone.now()).student
    elsewhere = factories.EnrollmentFactory().student
    people = [instructor.instructor, stranger, student, left, elsewhere]
    for person in people:
        factories.ReflectionFactory(student=person)
        factories.ReflectionFactory(student=person, video=None, video_timestamp_seconds=None)
    factories.ReflectionFactory(student=stranger, video=factories.VideoFactory(lesson__course=instructor.course))
    for reader, seen in (
        (instructor.instructor, {instructor.instructor, student, left}),
        (student, {student}),
        (factories.StaffFactory(), set(people)),
    ):
        entries = access.mark_visible(reader, [Activity(student=person) for person in people])
        assert {entry.student for entry in entries if entry.leads_to_student} == seen
        assert set(access.visible_students(reader).filter(pk__in=[person.pk for person in people])) == seen
        entries = access.mark_answerable(reader, Activity.objects.filter(requires_response=True))
        answerable = set(answerable_reflections(reader).values_list("pk", flat=True))
        assert {entry.source_id for entry in entries if entry.answerable} == answerable
        assert len(answerable) == {instructor.instructor: 3, student: 0}.get(reader, 11)


def test_a_students_planned_goals_come_from_an_index(school):
    plans = plans_of(lambda: queries.planned_goals(student=school["student"]))
    indexes = {node.get("Index Name") for plan in plans for node in nodes(plan)}
    assert indexes & {"goals_of_student", "goals_goal_of_student"}


def test_deep_pages_cost_what_first_pages_cost(school):
    lists = [
        "journey",
        "journey, newest",
        "journey, newest, of some days",
        "journey of what waits",
        "journey of one",
        "goal",
    ]
    for first, deep in ((name, f"{name}, deep") for name in lists):
        cost = {}
        for name in (first, deep):
            plans = plans_of(lambda name=name: QUESTIONS[name][0](school))
            cost[name] = buffers(plans[0 if name.startswith("journey") else -1])  # the rest of a journey's count
        assert cost[deep] <= cost[first] * 1.5 + 10, cost


def test_what_is_counted_is_counted_by_an_index_even_where_one_video_has_nearly_all_entries():
    video = factories.VideoFactory()
    factories.ReflectionFactory.create_batch(3, video=video)
    asked = [
        lambda: queries.totals(video=video),
        lambda: queries.video_journey(queries.JourneyFilter(video)),
        lambda: queries.video_journey(queries.JourneyFilter(video, newest=True)),
        lambda: queries.video_journey(queries.JourneyFilter(video, waiting=True)),
        lambda: queries.new_since(queries.JourneyFilter(video), since=LATE),
    ]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE student_activity_timeline")
        cursor.execute("SET LOCAL enable_sort = off")  # which is cheap for three entries, and not for millions
    for ask in asked:
        for plan in plans_of(ask):
            assert "Seq Scan" not in {
                node["Node Type"] for node in nodes(plan) if node.get("Relation Name") == "student_activity_timeline"
            }, json.dumps(plan, indent=1)


# What waits, in pages of 8 kB.  In `school` 18,000 wait in one course: half of them in its videos, 6,300 in one.

LATE = f"2025-12-01T12:00:00+00:00~{uuid.UUID(int=2**127)}"
COSTS = {
    "inbox": (lambda s, by: queries.inbox(courses=[s["course"].pk], by=by), "idx_response_status", 400),
    "inbox, deep": (
        lambda s, by: queries.inbox(courses=[s["course"].pk], by=by, after=LATE),
        "idx_response_status",
        400,
    ),
    "moments of a video": (lambda s, by: queries.moments_of_video(video=s["video"], by=by), "idx_video_pending", 200),
    "each video": (
        lambda s, by: queries.awaiting_response_in_videos(videos=[s["video"].pk]),
        "idx_video_pending",
        20,
    ),
    "totals of a video": (
        lambda s, by: queries.totals(video=s["video"]),
        "idx_video_kind",
        800,
    ),
    "a moment": (lambda s, by: queries.moment(video=s["video"], second=300, by=by), "idx_video_pending", 200),
}


@pytest.mark.parametrize("name", COSTS)
def test_what_waits_is_found_by_its_indexes_and_within_bounds(school, name):
    ask, index, most = COSTS[name]
    by = factories.ProfileFactory()
    plans = plans_of(lambda: ask(school, by))
    scans = [node for plan in plans for node in nodes(plan) if "Scan" in node["Node Type"] and "Relation Name" in node]
    assert "Seq Scan" not in {node["Node Type"] for node in scans}, json.dumps(plans[0], indent=1)
    assert index in {node.get("Index Name") for node in scans}
    for plan in plans:
        assert buffers(plan) <= most, json.dumps(plan, indent=1)


def test_what_waits_on_no_video_is_looked_through_in_order_and_no_further_than_said(school):
    by = factories.ProfileFactory()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE student_activity_timeline SET course_id = NULL"
            " WHERE response_status = 'pending' AND video_id IS NULL"
        )
        assert cursor.rowcount > 2 * queries.waiting.ALONE_LIMIT
    (plan,) = plans_of(lambda: queries.awaiting_response_on_no_video(by=by))
    (scan,) = (node for node in nodes(plan) if "Index Name" in node)
    assert scan["Index Name"] == "idx_response_status"
    assert scan["Actual Rows"] == queries.waiting.ALONE_LIMIT


def test_what_is_looked_through_is_read_from_the_index_alone(school):
    by = factories.ProfileFactory()
    for name in ("inbox", "moments of a video"):
        plan = plans_of(lambda ask=COSTS[name][0]: ask(school, by))[0]
        (scan,) = (node for node in nodes(plan) if "Index Name" in node)
        assert scan["Node Type"] == "Index Only Scan", name
