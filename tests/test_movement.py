"""A course's students: towards which goal, how often, since when not, and what they reached this week."""

import csv
import datetime
import itertools
import re
from html import unescape
from unittest import mock
from urllib.parse import urljoin

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.range import TimestamptzRange

from tests import factories
from tests.test_pages import text_of
from timeline import queries
from timeline.models import DAY_ZONE
from timeline.queries import movement
from timeline.rhythm import Rhythm, Silence

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)


@pytest.fixture
def course():
    return factories.CourseFactory()


def student_of(course, name, active, *, enrolled=200):
    """A student who wrote a note at noon of each day of `active`, counted back from today."""
    noon = datetime.datetime.now(DAY_ZONE).replace(hour=12, minute=0)
    student = factories.ProfileFactory(full_name=name)
    factories.EnrollmentFactory(student=student, course=course, enrolled_at=noon - enrolled * DAY)
    for day in active:
        factories.DailyNoteFactory(student=student, created_at=noon - day * DAY)
    return student


def names(page):
    return [row.student.full_name for row in page.entries]


@pytest.mark.parametrize(
    ("rhythm", "words"),
    [
        (Rhythm(None, 0, 1, False), "Active today."),
        (Rhythm(3, 0, 1, False), "Active today."),
        (Rhythm(1, 0, 7, False), "Active on 7 of the last 7 days."),
        (Rhythm(2, 1, 3, False), "Active on 3 of the last 7 days."),
        (Rhythm(5, 1, 1, False), "Usually active every 5 days; last yesterday."),
        (Rhythm(5, 8, 0, False), "Usually active every 5 days; last 8 days ago."),
        (Rhythm(2, 6, 1, True), "Usually active every 2 days; nothing for 6."),
        (Rhythm(1, 4, 3, True), "Usually active every day; nothing for 4."),
        (Rhythm(None, 1, 1, False), "Active yesterday."),
        (Rhythm(None, 30, 0, True), "Nothing for 30 days."),
        (Rhythm(None, 0, 0, False, acted=False), "Enrolled today."),
        (Rhythm(None, 1, 0, False, acted=False), "Enrolled yesterday."),
        (Rhythm(None, 9, 0, True, acted=False), "Enrolled 9 days ago, nothing since."),
        (Rhythm(None, -3, 0, False, acted=False), "Enrolled with a date in the future."),
        (Rhythm(None, None, 0, False, acted=False), "Nothing recorded yet."),
    ],
)
def test_a_rhythm_is_said_in_words(rhythm, words):
    assert str(rhythm) == words


@settings(max_examples=25, deadline=None)
@given(active=st.sets(st.integers(0, 40), max_size=15), at_once=st.sampled_from([1, 4, movement.AT_ONCE]))
def test_the_rhythm_is_the_median_of_the_days_between_the_last_active_ones(active, at_once):
    """Told of one student by the database, however many days it reads at once, and by a list in Python."""
    with transaction.atomic(), mock.patch.dict(movement.PARAMS, at_once=at_once):
        course = factories.CourseFactory()
        student_of(course, "Ann", active, enrolled=100)
        days = sorted(active)[: movement.ACTIVE_DAYS]
        silent = days[0] if days else 100  # since they were enrolled
        gaps = sorted(later - earlier for earlier, later in itertools.pairwise(days))
        usual = gaps[(len(gaps) - 1) // 2] if len(gaps) >= movement.GAPS else None
        least = movement.QUIET_WITHOUT_RHYTHM if usual is None else max(movement.QUIET, 2 * usual)
        expected = Rhythm(usual, silent, sum(day < 7 for day in days), silent >= least, acted=bool(days))
        (row,) = queries.class_movement(course=course).entries
        assert row.rhythm == expected
        assert bool(queries.class_movement(course=course, show="quiet").entries) == expected.quiet
        transaction.set_rollback(True)


def test_who_is_active_quiet_reached_something_or_has_no_goal(course):
    ann = student_of(course, "Ann", [1, 3, 5])
    ben = student_of(course, "Ben", [6, 8, 10, 12])  # every 2 days; nothing for 6
    student_of(course, "Cem", [6, 16, 26, 36])  # as usual
    student_of(course, "Dana", [0])
    gone = student_of(course, "Gone", [0])
    gone.enrollments.update(left_at=timezone.now())
    student_of(factories.CourseFactory(), "Elsewhere", [0])
    factories.GoalMessageFactory(student=ben)  # received, not done
    now = timezone.now()
    goal = factories.GoalPeriodFactory(goal__student=ann, period=TimestamptzRange(now - 40 * DAY, None)).goal
    factories.GoalMilestoneFactory(goal=goal, title="First sale", reached_at=now - DAY / 24)
    factories.GoalMilestoneFactory(goal=goal, title="Second", reached_at=None)
    factories.GoalPeriodFactory(goal__student=ben, period=TimestamptzRange(now - 40 * DAY, now - 30 * DAY))

    everybody = queries.class_movement(course=course)
    assert names(everybody)[0] in ("Ann", "Dana")
    assert set(names(everybody)) == {"Ann", "Ben", "Cem", "Dana"}
    row = next(row for row in everybody.entries if row.student == ann)
    assert (row.goal, row.reached, row.planned) == (goal, 1, 2)
    assert row.day in (40, 41, 42)
    assert [entry.content for entry in row.entries] == ["First sale"]
    shown = {show: set(names(queries.class_movement(course=course, show=show))) for show in movement.SHOWN}
    assert shown == {
        "all": {"Ann", "Ben", "Cem", "Dana"},
        "active": {"Ann", "Ben", "Cem", "Dana"},
        "quiet": {"Ben"},
        "reached": {"Ann"},
        "aimless": {"Ben", "Cem", "Dana"},
    }
    assert everybody.size == queries.ClassSize(4, 4)


def test_a_class_that_was_just_enrolled_is_not_active_yet(client, course):
    ann = student_of(course, "Ann", [], enrolled=0)
    ben = student_of(course, "Ben", [], enrolled=8)
    cem = student_of(course, "Cem", [2], enrolled=8)
    factories.EnrollmentFactory(student=cem)  # elsewhere, today
    factories.GoalMessageFactory(student=ann)  # received, not done
    found = queries.class_movement(course=course)
    assert {row.student.full_name: str(row.rhythm) for row in found.entries} == {
        "Ann": "Enrolled today.",
        "Ben": "Enrolled 8 days ago, nothing since.",
        "Cem": "Nothing for 2 days.",
    }
    assert names(found) == ["Ann", "Cem", "Ben"]
    assert found.size == queries.ClassSize(3, 1)
    assert names(queries.class_movement(course=course, show="active")) == ["Cem"]
    assert names(queries.class_movement(course=course, show="quiet")) == ["Ben"]
    told = queries.silences(students=[ann.pk, ben.pk, cem.pk, factories.ProfileFactory().pk])
    assert told == {ann.pk: Silence(0, False), ben.pk: Silence(8, False), cem.pk: Silence(2)}
    client.force_login(factories.CourseInstructorFactory(course=course).instructor)
    lines = client.get(reverse("class_export", args=[course.pk])).getvalue().decode("utf-8-sig").splitlines()
    last_active = {row["Student"]: row["Last active"] for row in csv.DictReader(lines)}
    assert last_active["Ann"] == last_active["Ben"] == ""
    assert last_active["Cem"] == str(queries.today() - 2 * DAY)


def test_what_is_dated_in_the_future_is_no_activity_yet(client, course):
    student_of(course, "Ann", [-1, 12])
    student_of(course, "Ben", [-1, -2, -3], enrolled=8)
    cem = student_of(course, "Cem", [], enrolled=-2)
    dana = student_of(course, "Dana", [-6, -4, -2, 0, 2, 4, 6])  # every 2 days
    goal = factories.GoalPeriodFactory(goal__student=dana).goal
    factories.GoalMilestoneFactory(goal=goal, reached_at=timezone.now() + DAY)
    found = queries.class_movement(course=course)
    assert {row.student.full_name: str(row.rhythm) for row in found.entries} == {
        "Ann": "Nothing for 12 days.",
        "Ben": "Enrolled 8 days ago, nothing since.",
        "Cem": "Enrolled with a date in the future.",
        "Dana": "Active on 4 of the last 7 days.",
    }
    assert found.size == queries.ClassSize(4, 1)
    assert names(queries.class_movement(course=course, show="active")) == ["Dana"]
    assert names(queries.class_movement(course=course, show="quiet")) == ["Ben", "Ann"]
    assert not names(queries.class_movement(course=course, show="reached"))
    assert str(queries.silences(students=[cem.pk])[cem.pk]) == "Enrolled with a date in the future"
    client.force_login(factories.CourseInstructorFactory(course=course).instructor)
    lines = client.get(reverse("class_export", args=[course.pk])).getvalue().decode("utf-8-sig").splitlines()
    last_active = {row["Student"]: row["Last active"] for row in csv.DictReader(lines)}
    assert last_active["Ann"] == str(queries.today() - 12 * DAY)


def test_a_class_of_which_the_timeline_has_nothing_yet_has_its_page(client, course):
    """As after a restore without it, until the backfill."""
    ada = student_of(course, "Ada", [1])
    factories.EnrollmentFactory.create_batch(25, course=course)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM student_activity_timeline")
    zoe = student_of(course, "Zoe", [9])
    client.force_login(factories.StaffFactory())
    address = reverse("class_movement", args=[course.pk])
    first = client.get(address)
    pages = [first, client.get(address, {"after": first.context["more"]})]
    students = [movement.student for page in pages for movement in page.context["movements"]]
    assert students[0] == zoe, "of whom something is known"
    assert len(students) == len(set(students)) == 27
    assert ada in students
    assert sum(page.text.count("Nothing recorded yet.") for page in pages) == 26
    assert not any(page.text.count("Quiet</span>") for page in pages[1:])


def test_of_a_large_class_as_many_are_looked_at_as_is_said(client, course, monkeypatch):
    students = [student_of(course, f"Student {number}", [0]) for number in range(4)]
    monkeypatch.setitem(movement.PARAMS, "class", 3)
    monkeypatch.setattr(queries.ClassSize, "most", 3)
    found = queries.class_movement(course=course)
    assert found.size == queries.ClassSize(4, 3)
    assert {row.student for row in found.entries} == {*sorted(students, key=lambda student: student.pk)[:3]}
    client.force_login(factories.CourseInstructorFactory(course=course).instructor)
    page = client.get(reverse("class_movement", args=[course.pk])).text
    assert "Only the 3 who have been here longest are looked at." in page


def test_pages_follow_one_another_and_a_search_goes_on_where_it_stopped(course, monkeypatch):
    for number in range(7):
        student_of(course, f"Student {number}", [number + 8], enrolled=100 + number)
    pages = []
    after = None
    while after or not pages:
        page = queries.class_movement(course=course, after=after, size=3)
        pages.append(names(page))
        after = page.next
    assert pages == [[f"Student {n}" for n in part] for part in ((0, 1, 2), (3, 4, 5), (6,))]

    monkeypatch.setitem(movement.PARAMS, "look", 3)
    monkeypatch.setattr(movement, "LOOK", 3)
    first = queries.class_movement(course=course, show="reached")
    assert (first.entries, first.next, first.size) == ([], None, queries.ClassSize(7, 0))  # nobody was active this week
    found = []
    after = None
    for _ in range(3):
        page = queries.class_movement(course=course, show="quiet", after=after)
        found += names(page)
        after = page.next
    assert (len(found), after) == (7, None)


def test_who_looks_further_is_told_where_there_is_nobody_further(client, course, monkeypatch):
    monkeypatch.setitem(movement.PARAMS, "look", 2)
    monkeypatch.setattr(movement, "LOOK", 2)
    for name in ("Ann", "Ben", "Cem"):
        factories.GoalPeriodFactory(goal__student=student_of(course, name, [1]))
    client.force_login(factories.CourseInstructorFactory(course=course).instructor)
    address = f"{reverse('class_movement', args=[course.pk])}?show=aimless"
    first = client.get(address)
    assert "None among the next students; look further. Look further" in text_of(first)
    more = unescape(re.search(r'class="load-more"><a class="button" href="([^"]+)"', first.text)[1])
    part = client.get(urljoin(address, more), headers={"HX-Request": "true"})
    assert text_of(part) == "None among the next students."


def test_who_is_erased_while_the_class_is_looked_up_is_left_out(course, monkeypatch):
    student_of(course, "Ann", [1])
    gone = student_of(course, "Gone", [1])
    look_closer = movement._movements

    def when_somebody_has_gone(rows):
        gone.delete()
        return look_closer(rows)

    monkeypatch.setattr(movement, "_movements", when_somebody_has_gone)
    assert names(queries.class_movement(course=course)) == ["Ann"]


def test_the_page_is_for_who_teaches_the_course_with_a_fixed_number_of_queries(client, course):
    instructor = factories.CourseInstructorFactory(course=course).instructor
    ann = student_of(course, "Ann", [1])
    address = reverse("class_movement", args=[course.pk])
    assert client.get(address).status_code == 302
    others = factories.CourseInstructorFactory().instructor
    for person, status in ((ann, 404), (others, 404), (factories.StaffFactory(), 200), (instructor, 200)):
        client.force_login(person)
        assert client.get(address).status_code == status
    assert b"Ann" in client.get(address).content
    for show in ("quiet", "reached", "aimless", "active", ""):
        assert client.get(address, {"show": show}).status_code == 200
    for nonsense in ("after", "show"):
        assert client.get(address, {nonsense: "nonsense"}).status_code == 400

    def number_of_queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        return len(captured)

    numbers = set()
    for number in range(3):
        student = student_of(course, f"Student {number}", [1, 2])
        goal = factories.GoalPeriodFactory(goal__student=student).goal
        factories.GoalMilestoneFactory(goal=goal)
        numbers.add(number_of_queries())
    assert len(numbers) == 1
