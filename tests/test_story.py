"""The story of a reached goal: what it tells, and that it tells nothing that entries do not say."""

import datetime
import html
import re
from urllib.parse import unquote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.range import TimestamptzRange

from goals import sharing
from goals.models import DailyNote, Goal
from tests import factories
from tests.htmx import by_class, loaded, swapped
from timeline import queries
from timeline.fold import folded
from timeline.kinds import KINDS
from timeline.models import Activity
from timeline.queries.story import longest_run
from timeline.story import EVERYTHING

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
NOON = datetime.datetime(2026, 3, 2, 17, tzinfo=datetime.UTC)  # a Monday, in New York too


@pytest.fixture
def goal():
    """A goal, reached after 30 days: notes on days 1, 3, 4, 5 and 9, and one of each turning point."""
    student = factories.ProfileFactory(full_name="Sara Lindqvist")
    goal = factories.GoalFactory(student=student, title="Ten paying customers", completed_at=NOON + 30 * DAY)
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(NOON, NOON + 30 * DAY + DAY))
    for number in (1, 3, 4, 5, 9):
        factories.DailyNoteFactory(student=student, content=f"Note {number}", created_at=NOON + number * DAY)
    video = factories.VideoFactory(lesson__course=factories.EnrollmentFactory(student=student).course)
    for number in (6, 12):
        factories.QuizAttemptFactory(
            student=student,
            quiz=factories.QuizFactory(title=f"Quiz {number}"),
            submitted=True,
            started_at=NOON + number * DAY,
        )
    factories.GoalMilestoneFactory(goal=goal, title="First sale", reached_at=NOON + 11 * DAY)
    factories.SuccessProofFactory(goal=goal, content="Paid.", created_at=NOON + 20 * DAY)
    for number, answered in ((14, 15), (13, 18)):
        factories.ReflectionFactory(
            student=student,
            video=video,
            content=f"Thought {number}",
            created_at=NOON + number * DAY,
            instructor_response=f"Answer {number}",
            responded_at=NOON + answered * DAY,
            responded_by=factories.ProfileFactory(full_name="Ines Teixeira"),
        )
    return goal


def told(goal, kinds=EVERYTHING, **asked):
    return queries.goal_story(goal=goal, kinds=kinds, **asked)


def test_a_story_tells_its_turning_points_in_order_each_with_its_entries(goal):
    story = told(goal)
    assert [(turn.name, (turn.at - NOON).days) for turn in story.turns] == [
        ("first", 1),
        ("run", 3),
        ("quiz", 6),
        ("milestone", 11),
        ("answer", 15),
        ("proof", 20),
        ("goal", 30),
    ]
    first, run, quiz, milestone, answer, proof, reached = story.turns
    assert first.entry.content == "Note 1"
    assert (run.entry.content, run.last.source_table, run.number) == ("Note 3", "quiz_attempts", 4)
    assert quiz.entry.activity_type == "quiz_completion"
    assert (milestone.entry.content, answer.entry.content, proof.entry.content) == ("First sale", "Thought 14", "Paid.")
    assert reached.entry.source_id == goal.pk
    assert (answer.last.content, answer.number) == ("Thought 13", 2)
    assert sum(story.counts.values()) == Activity.objects.filter(goal=goal).count()
    assert (story.limited, story.more) == (False, 0)


def test_what_is_not_asked_for_has_no_part_in_any_of_it(goal):
    story = told(goal, ["daily_note", "goal_completion"])
    assert [turn.name for turn in story.turns] == ["first", "run", "goal"]
    assert story.turns[1].number == 3
    assert story.counts == {"daily_note": 5, "goal_completion": 1}
    assert [turn.name for turn in told(goal, ["text_reflection"]).turns] == ["first", "answer"]
    assert [turn.name for turn in told(goal, ["text_reflection"], answers=False).turns] == ["first"]
    assert [turn.name for turn in told(goal, ["goal_completion"]).turns] == ["goal"]
    assert told(goal, ["loom_reflection"]) is None


def test_a_message_is_received_not_done(goal):
    factories.GoalMessageFactory(student=goal.student, created_at=NOON + DAY / 2)
    factories.GoalMessageFactory(student=goal.student, created_at=NOON + 2 * DAY)
    story = told(goal)
    assert story.turns[0].entry.content == "Note 1"
    assert story.turns[1].number == 4
    assert [turn.name for turn in told(goal, ["instructor_message"]).turns] == []


def test_answers_to_other_goals_and_hidden_words_are_not_told(goal):
    other = factories.ReflectionFactory(
        student=goal.student,
        created_at=NOON - 9 * DAY,
        instructor_response="Elsewhere.",
        responded_at=NOON + 2 * DAY,
        responded_by=factories.ProfileFactory(),
    )
    assert Activity.objects.get(source_id=other.pk).goal_id is None
    assert next(turn for turn in told(goal).turns if turn.name == "answer").entry.content == "Thought 14"
    goal.proofs.update(hidden_at=NOON)
    assert "proof" not in {turn.name for turn in told(goal).turns}


def test_how_many_answers_there_were_is_told_only_where_all_were_looked_at(goal, monkeypatch):
    for limit, last in ((2, "Thought 13"), (1, None)):
        monkeypatch.setattr(queries.story, "ANSWERS", limit)
        answer = next(turn for turn in told(goal).turns if turn.name == "answer")
        assert (answer.entry.content, answer.last and answer.last.content) == ("Thought 14", last)


def test_only_some_milestones_are_told_one_by_one_and_the_rest_is_counted(goal, monkeypatch):
    monkeypatch.setattr(queries.story, "TURNS", 3)
    for number in range(5):
        factories.GoalMilestoneFactory(goal=goal, title=f"Step {number}", reached_at=NOON + (21 + number) * DAY)
    story = told(goal)
    assert [turn.entry.content for turn in story.turns if turn.name in ("milestone", "proof", "goal")] == [
        "First sale",
        "Paid.",
        "Step 0",
        None,
    ]
    assert story.turns[-1].name == "goal"
    assert story.more == 4


def test_what_goes_while_a_story_is_told_is_not_told(goal):
    """As when its student hides a note just then."""

    def hide(execute, sql, params, many, context):
        found = execute(sql, params, many, context)
        if "array_agg" in sql:
            DailyNote.objects.update(hidden_at=NOON)
            goal.student.quiz_attempts.all().delete()
        return found

    with connection.execute_wrapper(hide):
        assert [turn.name for turn in told(goal).turns] == ["milestone", "answer", "proof", "goal"]


@given(st.sets(st.integers(0, 30)))
def test_the_longest_run_is_the_first_of_the_longest(numbers):
    days = [NOON.date() + number * DAY for number in sorted(numbers)]
    run = longest_run(days)
    starts = [day for day in days if day - DAY not in days]
    lengths = {day: next(n for n in range(1, 40) if day + n * DAY not in days) for day in starts}
    assert len(run) == max(lengths.values(), default=0)
    assert not run or run[0] == min(day for day in starts if lengths[day] == len(run))


def test_every_kind_is_always_told_or_in_one_part():
    parts = [*sharing.ALWAYS, *(kind for kinds in sharing.KINDS.values() for kind in kinds)]
    assert sorted(parts) == sorted(kind.value for kind in KINDS)


def test_the_page_links_each_turning_point_to_its_entry_and_pages_through_all_entries(client, goal):
    client.force_login(goal.student)
    address = reverse("goal_story", args=[goal.student_id, goal.pk])
    page = client.get(address)
    text = " ".join(re.sub(r"<[^>]+>", " ", page.text).split())
    for words in (
        "Sara Lindqvist reached this goal on 1 April 2026",
        "From 2 March 2026 to 2 April 2026 : 32 days, 12 of them active.",
        "4 days in a row, from 5 March to 8 March",
        "First quiz passed : Quiz 6",
        "First answer received , from Ines Teixeira; 2 in all, the last on 20 March",
        "Milestone reached : First sale",
    ):
        assert words in text, words
    for turn in told(goal).turns:
        assert reverse("entry", args=[turn.entry.pk]) in page.text
    assert client.get(reverse("entry", args=[told(goal).turns[0].entry.pk])).status_code == 302

    for number in range(120):
        factories.DailyNoteFactory(
            student=goal.student, content=f"Late {number}", created_at=NOON + 21 * DAY + DAY / 200 * number
        )
    first = loaded(client.get(address))
    (more,) = by_class(first, "load-more")
    cursor = unquote(re.search(r'after=([^"&]+)', str(more))[1])
    second = client.get(address, {"after": cursor}, headers={"HX-Request": "true"})
    assert "<h1" not in second.text
    assert "Late 110" not in second.text
    page = swapped(first, second, more)
    shown = [queries.story_entries(goal=goal).entries, queries.story_entries(goal=goal, after=cursor).entries]
    assert len(by_class(page, "entry")) == len(folded(shown[0])) + len(folded(shown[1]))
    assert shown[0][-1] not in shown[1]


def test_a_goal_has_as_many_days_and_weeks_in_its_story_as_among_the_goals_whatever_is_shared_or_received(client):
    """With a break while another goal was the current one; what an instructor writes is no doing of the student."""
    student = factories.ProfileFactory(full_name="Sara Lindqvist")
    goal, other = (factories.GoalFactory(student=student, title=title) for title in ("Three customers", "Rest"))
    for of, start, end in ((goal, 0, 15), (other, 15, 23), (goal, 23, 42)):
        factories.GoalPeriodFactory(goal=of, period=TimestamptzRange(NOON + start * DAY, NOON + end * DAY))
    Goal.objects.filter(pk=goal.pk).update(completed_at=NOON + 42 * DAY)
    for number in (1, 2, 30):
        factories.DailyNoteFactory(student=student, created_at=NOON + number * DAY)
    for number in (9, 10, 49):
        factories.GoalMessageFactory(student=student, goal=goal, created_at=NOON + number * DAY)
    course = factories.EnrollmentFactory(student=student, enrolled_at=NOON - DAY).course
    shared = sharing.share(goal, contents=sharing.Contents(frozenset()), course=course, link=True)

    def read(address):
        return " ".join(re.sub(r"<[^>]+>|&nbsp;", " ", client.get(address).text).split())

    client.force_login(student)
    page = read(reverse("my_goals"))
    assert "2 March 2026 to 17 March 2026 , then 25 March 2026 to 13 April 2026 · 36 days" in page
    assert "Active in 3 of 7 weeks, most in the week of 1 March 2026 (2 entries)." in page
    story, active = reverse("goal_story", args=[student.pk, goal.pk]), {}
    for name, address in (
        ("own", story),
        ("linked", reverse("shared_story", args=[sharing.token(shared)])),
        ("community", reverse("community_story", args=[shared.pk])),
    ):
        page = read(address)
        assert "From 2 March 2026 to 13 April 2026 , with breaks: 36 days, " in page, name
        active[name] = re.search(r"36 days, (\d+ of them [a-z ]+)\..*(Active in .*? weeks)", page).groups()
    assert active["own"] == ("4 of them active", "Active in 3 of 7 weeks")
    assert active["linked"] == active["community"] == ("1 of them shown here", "Active in 1 of 7 weeks")
    assert "Received a message" not in read(story).split("Week by week")[1].split("From start to finish")[0]
    assert "7 entries." in read(story)


def test_there_is_no_story_of_a_goal_that_is_not_reached_nor_for_strangers(client, goal):
    address = reverse("goal_story", args=[goal.student_id, goal.pk])
    instructor = factories.CourseInstructorFactory(course=goal.student.enrollments.get().course).instructor
    for person, status in (
        (goal.student, 200),
        (instructor, 200),
        (factories.StaffFactory(), 200),
        (factories.CourseInstructorFactory().instructor, 404),
        (factories.EnrollmentFactory(course=goal.student.enrollments.get().course).student, 404),
    ):
        client.force_login(person)
        assert client.get(address).status_code == status
    client.logout()
    assert client.get(address).status_code == 302
    Goal.objects.update(completed_at=None)
    client.force_login(goal.student)
    assert client.get(address).status_code == 404
    assert client.get(reverse("share_story", args=[goal.student_id, goal.pk])).status_code == 404


def test_a_story_takes_the_same_number_of_queries_however_long_it_is(client, goal):
    client.force_login(goal.student)
    address = reverse("goal_story", args=[goal.student_id, goal.pk])
    client.get(address)
    numbers = set()
    for number in range(2):
        for each in range(number * 60):
            factories.DailyNoteFactory(student=goal.student, created_at=NOON + 25 * DAY + each * DAY / 100)
        factories.GoalMilestoneFactory(goal=goal, reached_at=NOON + 22 * DAY)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        numbers.add(len(captured))
    assert len(numbers) == 1, numbers


def test_what_begins_with_a_milestone_or_a_passed_quiz_tells_it_once():
    student = factories.ProfileFactory()
    goal = factories.GoalFactory(student=student, completed_at=NOON + 3 * DAY)
    factories.GoalMilestoneFactory(goal=goal, reached_at=NOON)
    factories.SuccessProofFactory(goal=goal, created_at=NOON + DAY)
    assert [turn.name for turn in told(goal).turns] == ["milestone", "proof", "goal"]
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(NOON, NOON + 4 * DAY))
    factories.QuizAttemptFactory(student=student, submitted=True, started_at=NOON + 2 * DAY)
    assert [turn.name for turn in told(goal, ["quiz_completion"]).turns] == ["quiz"]


def test_of_a_long_way_the_oldest_entries_are_told_and_not_one_more(goal, monkeypatch):
    entries = Activity.objects.filter(goal=goal).count()
    for most, limited in ((entries, False), (entries - 1, True)):
        monkeypatch.setattr(queries.story, "ENTRIES", most)
        story = told(goal)
        assert (sum(story.counts.values()), story.limited) == (most, limited)


def test_what_is_rare_is_looked_for_some_entries_at_a_time(client, goal, monkeypatch):
    monkeypatch.setattr(queries.story, "LOOKED", 4)
    kinds, after, pages = ["success_proof", "goal_completion"], None, []
    while not pages or after:
        page = queries.story_entries(goal=goal, kinds=kinds, after=after)
        pages.append([entry.activity_type for entry in page.entries])
        after = page.next
    entries = Activity.objects.filter(goal=goal).count()
    assert len(pages) == -(-entries // 4)
    assert [kind for page in pages for kind in page] == kinds
    assert [] in pages
    whole = queries.whole_story(goal=goal, kinds=kinds)
    assert ([entry.activity_type for entry in whole.entries], whole.next) == (kinds, None)
    monkeypatch.setattr(queries.story, "ENTRIES", 8)
    assert queries.whole_story(goal=goal, kinds=kinds).next  # and it says that it stopped

    story = sharing.share(goal, contents=sharing.Contents(frozenset({"proofs"})), link=True)
    address = reverse("shared_story", args=[sharing.token(story)])
    page, shown, pages = client.get(address), [], 0
    while True:
        shown += by_class(loaded(page), "entry")
        more = re.search(r'hx-get="([^"]+)"', page.text)
        if not more:
            break
        pages += 1
        assert "Looked on to <time" in page.text
        page = client.get(address + html.unescape(more[1]), headers={"HX-Request": "true"})
    assert pages > 2
    assert len(shown) == 3  # a milestone, the proof, and that the goal was reached


def test_all_of_a_story_can_be_shown_at_once_as_far_as_is_said(client, goal, monkeypatch):
    client.force_login(goal.student)
    address = reverse("goal_story", args=[goal.student_id, goal.pk])
    assert "Show all" not in client.get(address).text
    for number in range(70):
        factories.DailyNoteFactory(student=goal.student, content=f"Late {number}", created_at=NOON + 21 * DAY)
    assert "Show all, to read or print" in client.get(address).text
    page = client.get(address, {"whole": "1"}).text
    entries = Activity.objects.filter(goal=goal).count()
    assert f"{entries} entries." in page
    assert "load-more" not in page
    assert "Late 69" in page
    monkeypatch.setattr(queries, "PRINTED", 60)
    monkeypatch.setattr(queries.story, "PRINTED", 60)
    assert "Show 60 of them" in client.get(address).text
    page = client.get(address, {"whole": "1"}).text
    assert f"The first 60 of {entries} entries." in page
    assert "load-more" in page
    assert "to read or print" not in page


def test_a_story_of_one_day_says_so(client):
    goal = factories.GoalFactory(completed_at=NOON)
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(NOON - DAY / 24, NOON))
    client.force_login(goal.student)
    text = client.get(reverse("goal_story", args=[goal.student_id, goal.pk])).text
    assert "All on" in text
    assert "2 March 2026</time>.</p>" in text
    assert "It began" not in text
