"""What a goal conversation asks: right for a small student, bounded for one with a hundred thousand entries."""

import datetime
import json

import pytest
from django.utils import timezone

from goals import conversation, living
from tests import factories
from tests.plans import empty_tables, nodes, plans_of, vacuum
from timeline import queries
from timeline.kinds import KINDS

pytestmark = pytest.mark.django_db

NOON = datetime.datetime(2026, 3, 15, 16, tzinfo=datetime.UTC)  # of a Sunday in New York
hour, day = datetime.timedelta(hours=1), datetime.timedelta(days=1)


@pytest.fixture
def student():
    return factories.ProfileFactory()


@pytest.fixture
def instructor():
    return factories.ProfileFactory()


def note(student, at, content="A note."):
    return factories.DailyNoteFactory(student=student, created_at=at, content=content)


def contents(days):
    return [(day.date, [entry.content for entry in day.entries.entries]) for day in days]


# The calendar


def test_the_calendar_counts_days_of_new_york_in_the_last_53_weeks(student):
    note(student, NOON), note(student, NOON + hour)
    note(student, datetime.datetime(2026, 3, 15, 3, 59, tzinfo=datetime.UTC))  # 23:59 of the 14th
    note(student, NOON - 370 * day), note(student, NOON - 371 * day)  # the first day of the calendar; the one before
    factories.DailyNoteFactory(created_at=NOON)
    days = queries.calendar(student=student, until=NOON.date())
    assert days == {
        datetime.date(2026, 3, 15): 2,
        datetime.date(2026, 3, 14): 1,
        NOON.date() - 370 * day: 1,
    }


@pytest.mark.parametrize(
    ("moment", "date"),
    [
        ("2026-03-08T04:59:59+00:00", "2026-03-07"),  # the night in which clocks go forward
        ("2026-03-08T05:00:00+00:00", "2026-03-08"),
        ("2026-03-09T03:59:59+00:00", "2026-03-08"),
        ("2026-03-09T04:00:00+00:00", "2026-03-09"),
        ("2026-11-01T03:59:59+00:00", "2026-10-31"),  # and back
        ("2026-11-01T04:00:00+00:00", "2026-11-01"),
        ("2026-11-02T04:59:59+00:00", "2026-11-01"),
        ("2026-11-02T05:00:00+00:00", "2026-11-02"),
        ("2027-01-01T04:59:59+00:00", "2026-12-31"),
        ("2027-01-01T05:00:00+00:00", "2027-01-01"),
    ],
)
def test_calendar_day_sentence_and_list_agree_on_what_a_day_is(student, moment, date):
    moment, date = datetime.datetime.fromisoformat(moment), datetime.date.fromisoformat(date)
    note(student, moment)
    (listed,) = queries.student_days(student=student).entries
    (found,) = queries.found_days(student=student, asked=queries.DaysFilter(text="note")).days
    assert queries.calendar(student=student, until=date) == {date: 1}
    assert queries.calendar(student=student, until=date - day) == {}
    assert listed.date == found.date == date
    assert queries.student_day(student=student, date=date).counts == {"daily_note": 1}


# What is found


def test_days_are_found_by_kind_course_goal_and_words(student):
    goal = factories.GoalPeriodFactory(goal__student=student).goal
    milestone = factories.GoalMilestoneFactory(goal=goal, student=student)
    reflection = factories.ReflectionFactory(student=student, content="About the 50% discount.")
    words = note(student, NOON, "About 50 and a discount.")
    course = reflection.video.lesson.course_id
    without_words = factories.LessonCompletionFactory(student=student, lesson=reflection.video.lesson)

    def found(**asked):
        days = queries.found_days(student=student, asked=queries.DaysFilter(**asked)).days
        return {entry.source_id for day in days for entry in day.entries.entries}

    assert found(kinds=("daily_note", "goal_milestone")) == {words.pk, milestone.pk}
    assert found(course=course) == {reflection.pk, without_words.pk}
    assert found(goal=goal.pk) >= {milestone.pk}
    assert words.pk not in found(goal=goal.pk), "the goal began after the note"
    assert found(text="DISCOUNT") == {reflection.pk, words.pk}
    assert found(text="50%") == {reflection.pk}, "a per cent sign is one, not anything"
    assert found(text="discount", kinds=("daily_note",)) == {words.pk}
    assert found(text="nothing like it") == set()


def test_words_are_found_in_answers(student):
    factories.ReflectionFactory(
        student=student, instructor_response="Raise the price.", responded_at=NOON, responded_by=None
    )
    days = queries.found_days(student=student, asked=queries.DaysFilter(text="raise THE")).days
    assert len(days) == 1


def test_found_days_are_paged_newest_first_without_repeating_or_losing_any(student):
    for number in range(23):
        note(student, NOON + number * 9 * hour, f"Note {number}.")
    asked, cursor, seen = queries.DaysFilter(text="note"), None, []
    for _ in range(10):
        page = queries.found_days(student=student, asked=asked, before=cursor, size=4)
        seen += [entry.content for day in page.days for entry in reversed(day.entries.entries)]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [f"Note {number}." for number in reversed(range(23))]


def test_a_search_says_how_far_it_looked(student, monkeypatch):
    monkeypatch.setattr("timeline.queries.conversation.LOOK_ROWS", 2)
    monkeypatch.setattr("timeline.queries.conversation.STEPS", 3)
    for number in range(12):
        note(student, NOON + number * day, "A find." if number == 1 else "Else.")
    asked = queries.DaysFilter(text="find")
    first = queries.found_days(student=student, asked=asked)
    assert (first.days, first.back_to) == ([], (NOON + 6 * day).date())
    second = queries.found_days(student=student, asked=asked, before=first.next)
    assert contents(second.days) == [((NOON + day).date(), ["A find."])]
    assert second.back_to == NOON.date()
    assert queries.found_days(student=student, asked=asked, before=second.next) == queries.FoundDays([], None, None)


# What is new, and since when


def test_to_a_student_only_what_others_wrote_is_new(student, instructor):
    note(student, NOON + hour)
    assert queries.first_new(student=student, viewer=student, since=NOON) == (None, 0)
    factories.GoalMessageFactory(student=student, author=instructor, created_at=NOON - hour)
    message = factories.GoalMessageFactory(student=student, author=instructor, created_at=NOON + 2 * hour)
    first, number = queries.first_new(student=student, viewer=student, since=NOON)
    assert (first.source_id, number) == (message.pk, 1)


def test_to_an_instructor_everything_but_their_own_messages_is_new(student, instructor):
    factories.GoalMessageFactory(student=student, author=instructor, created_at=NOON + hour)
    other = factories.GoalMessageFactory(student=student, created_at=NOON + 2 * hour)
    note(student, NOON + 3 * hour)
    first, number = queries.first_new(student=student, viewer=instructor, since=NOON)
    assert (first.source_id, number) == (other.pk, 2)


def test_since_we_last_spoke_counts_from_the_last_message_or_answer(student, instructor):
    before = queries.since_spoken(student=student, instructor=instructor)
    assert (before.moment, before.counts, before.first, before.last, before.quiet) == (None, {}, None, None, None)
    note(student, NOON)
    assert queries.since_spoken(student=student, instructor=instructor).counts == {"daily_note": 1}
    factories.GoalMessageFactory(student=student, author=instructor, created_at=NOON + hour)
    factories.GoalMessageFactory(student=student, created_at=NOON + 9 * hour)  # of somebody else
    later = note(student, NOON + 2 * hour)
    waiting = factories.ReflectionFactory(student=student, created_at=NOON + 3 * hour)
    since = queries.since_spoken(student=student, instructor=instructor)
    assert since.moment == NOON + hour
    assert since.counts == {"daily_note": 1, "text_reflection": 1}
    assert since.first.source_id == later.pk
    assert [entry.source_id for entry in since.waiting] == [waiting.pk]
    assert since.waiting_count == 1
    assert since.last.source_id == waiting.pk
    assert since.quiet == (queries.today() - since.last.activity_date).days
    waiting.instructor_response, waiting.responded_by = "Well seen.", instructor
    waiting.responded_at = NOON + 4 * hour
    waiting.save()
    answered = queries.since_spoken(student=student, instructor=instructor)
    assert (answered.moment, answered.counts, answered.waiting) == (NOON + 4 * hour, {}, [])
    (answer,) = queries.answers_since(student=student, since=NOON)
    assert answer.source_id == waiting.pk


def test_of_much_since_we_last_spoke_the_newest_are_counted_and_not_one_more(student, instructor, monkeypatch):
    monkeypatch.setattr(queries.conversation, "SINCE_LIMIT", 3)
    factories.ReflectionFactory(student=student, created_at=NOON)
    for hours in (1, 2):
        note(student, NOON + hours * hour)
    since = queries.since_spoken(student=student, instructor=instructor)
    assert (since.counts, since.limited, since.total) == ({"daily_note": 2, "text_reflection": 1}, False, 3)
    note(student, NOON + 3 * hour)
    since = queries.since_spoken(student=student, instructor=instructor)
    assert (since.counts, since.limited, since.total) == ({"daily_note": 3}, True, 4)


# The busy student


ENTRIES = 100_000


@pytest.fixture(scope="module")
def busy(django_db_setup, django_db_blocker):
    """A student with 100,000 entries in the calendar's 53 weeks, among others with as many, without their sources.

    They were written in no order, so that no two stand together in the table, nor close in an index.
    """
    with django_db_blocker.unblock(), empty_tables() as cursor:
        student, course, goal = factories.ProfileFactory(), factories.CourseFactory(), factories.GoalFactory()
        instructor, reader = factories.ProfileFactory(), factories.ProfileFactory()
        cursor.execute("TRUNCATE student_activity_timeline")
        cursor.execute(
            BUSY,
            {
                "kinds": [kind.value for kind in KINDS],
                "student": student.pk,
                "course": course.pk,
                "goal": goal.pk,
                "entries": ENTRIES,
                "until": queries.today(),
            },
        )
        cursor.execute(
            "INSERT INTO goal_messages (student_id, author_id, content, created_at)"
            " SELECT %s, %s, 'Go on.', now() - n * INTERVAL '1 day' FROM generate_series(1, 400) AS n",
            [student.pk, instructor.pk],
        )
        cursor.execute(
            "INSERT INTO goal_proposals (student_id, author_id, title)"
            " SELECT CASE WHEN n %% 100 = 0 THEN %s ELSE %s END, %s, 'A goal' FROM generate_series(1, 3_000) AS n",
            [student.pk, reader.pk, instructor.pk],
        )
        vacuum(cursor)
        yield {"student": student, "course": course, "goal": goal, "instructor": instructor, "reader": reader}


BUSY = """
    INSERT INTO student_activity_timeline (
        id, student_id, activity_type, created_at, course_id, goal_id, content, response_status, source_table, source_id
    )
    SELECT
        gen_random_uuid(), CASE WHEN n <= %(entries)s THEN %(student)s ELSE people.ids[1 + n %% 500] END,
        (%(kinds)s::text[])[1 + n %% 17],
        %(until)s::date - INTERVAL '1 minute' - (n - 1) %% %(entries)s * INTERVAL '5.3 minutes',
        CASE WHEN n %% 3 = 0 THEN %(course)s::uuid END, CASE WHEN n %% 2 = 0 THEN %(goal)s::uuid END,
        CASE WHEN n %% 5 = 0 THEN 'Words of the entry number ' || n END,
        CASE WHEN n %% 50 = 0 THEN 'pending' END, 'reflections', gen_random_uuid()
    FROM generate_series(1, 2 * %(entries)s) AS n
    CROSS JOIN (SELECT array_agg(gen_random_uuid()) AS ids FROM generate_series(1, 500)) AS people
    ORDER BY md5(n::text)
"""

LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
MIDDLE = (timezone.now() - 200 * day).isoformat() + "~00000000-0000-7000-8000-000000000000"


def found(**asked):
    before = asked.pop("before", None)
    return lambda busy: queries.found_days(
        student=busy["student"],
        asked=queries.DaysFilter(
            **{name: busy[value].pk if name in {"course", "goal"} else value for name, value in asked.items()}
        ),
        before=before,
    )


# (the question, the index that answers it, buffers that one query of it may read)
QUESTIONS = {
    "calendar": (lambda b: queries.calendar(student=b["student"], until=queries.today()), "idx_student_day", 1000),
    "days": (lambda b: queries.student_days(student=b["student"]), "idx_student_date", 150),
    "end of today": (
        lambda b: queries.end_of_day(student=b["student"], date=queries.today()),
        "idx_student_date",
        150,
    ),
    "found by kind": (found(kinds=("daily_note",)), "idx_student_date", 150),
    "found by kind, deep": (found(kinds=("daily_note",), before=MIDDLE), "idx_student_date", 150),
    "found by goal": (found(goal="goal"), "idx_student_goal", 150),
    "found by kind of a goal": (found(goal="goal", kinds=("daily_note",)), "idx_student_goal", 150),
    "found by words": (found(text="number 1"), "idx_student_words", 150),
    "found by words, deep": (found(text="number 1", before=MIDDLE), "idx_student_words", 150),
    "found by words that nobody wrote": (found(text="bicycle"), "idx_student_words", 150),
    "found by words of a goal in a course": (
        found(text="number", goal="goal", course="course"),
        "idx_student_words",
        150,
    ),
    "found by course": (found(course="course"), "idx_student_date", 150),
    "found by kind in a course": (found(course="course", kinds=("daily_note",)), "idx_student_date", 150),
    "found by course, deep": (found(course="course", before=MIDDLE), "idx_student_date", 150),
    "found by course and goal": (found(course="course", goal="goal"), "idx_student_goal", 150),
    "found since a moment": (found(since=timezone.now() - 90 * day, kinds=("daily_note",)), "idx_student_date", 150),
    "found by goal since a moment": (found(goal="goal", since=timezone.now() - 90 * day), "idx_student_goal", 150),
    "found waiting": (found(waiting=True), "idx_student_pending", 150),
    "found waiting, deep": (found(waiting=True, before=MIDDLE), "idx_student_pending", 150),
    "found waiting with words": (found(waiting=True, text="number 1"), "idx_student_pending", 150),
    "the page that holds an entry": (
        lambda b: queries.page_with(queries.student_days(student=b["student"]).entries[0].entries.entries[-1]),
        "idx_student_date",
        150,
    ),
    "begun": (lambda b: queries.has_begun(student=b["student"]), "idx_student_date", 150),
    "a batch of the export": (
        lambda b: next(queries.days_export(student=b["student"], asked=queries.DaysFilter())),
        "idx_student_date",
        150,
    ),
    "a batch of a goal's export": (
        lambda b: next(queries.days_export(student=b["student"], asked=queries.DaysFilter(goal=b["goal"].pk))),
        "idx_student_goal",
        150,
    ),
    "new": (
        lambda b: queries.first_new(student=b["student"], viewer=b["instructor"], since=timezone.now() - 90 * day),
        "idx_student_date",
        150,
    ),
    "since we spoke": (
        lambda b: queries.since_spoken(student=b["student"], instructor=b["reader"]),
        "idx_student_",
        150,
    ),
    "waiting": (lambda b: queries.waiting_of_student(student=b["student"]), "idx_student_pending", 150),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_about_a_busy_student_is_answered_by_the_index_that_it_names(busy, name):
    ask, index, bound = QUESTIONS[name]
    plans = [plan for plan in plans_of(lambda: ask(busy)) if "student_activity_timeline" in relations(plan)]
    assert 0 < len(plans) <= 2 * queries.conversation.STEPS
    for plan in plans:
        used = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
        assert any(each.startswith(index) for each in used), json.dumps(plan, indent=1)
        buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        assert buffers <= bound, (buffers, json.dumps(plan, indent=1))


def test_the_calendar_reads_an_index_alone(busy):
    (plan,) = plans_of(lambda: queries.calendar(student=busy["student"], until=queries.today()))
    scans = [node for node in nodes(plan) if node.get("Relation Name") == "student_activity_timeline"]
    assert [(scan["Node Type"], scan["Heap Fetches"]) for scan in scans] == [("Index Only Scan", 0)]
    assert sum(queries.calendar(student=busy["student"], until=queries.today()).values()) >= ENTRIES


def relations(plan):
    return {node.get("Relation Name") for node in nodes(plan)}


def test_answers_and_messages_come_from_their_indexes(busy):
    plans = plans_of(lambda: queries.last_spoken(student=busy["student"], instructor=busy["instructor"]))
    plans += plans_of(lambda: queries.first_new(student=busy["student"], viewer=busy["student"], since=LONG_AGO))
    plans += plans_of(lambda: queries.answers_since(student=busy["reader"], since=LONG_AGO))
    for plan in plans:
        assert (
            "Seq Scan"
            not in {
                node["Node Type"]
                for node in nodes(plan)
                if node.get("Relation Name") in {"goal_messages", "reflections"}
            }
            or plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= 10
        ), json.dumps(plan, indent=1)


def test_what_home_and_the_goals_tell_of_instructors_comes_from_an_index(busy):
    """400 messages, none of them read; 30 proposals to the student, among 3,000."""
    student, instructor = busy["student"], busy["instructor"]
    asked = {
        "goal_messages": (lambda: list(conversation.unread(student)[:3]), "goal_messages_of_student"),
        "goal_proposals": (lambda: list(living.open_proposals(student)[:20]), "goal_proposals_of_student"),
    }
    moved = plans_of(lambda: queries.goal_move(student=student, instructor=instructor, since=LONG_AGO))
    for table, (ask, index) in asked.items():
        for plan in [*plans_of(ask), *(each for each in moved if table in relations(each))]:
            scans = {node.get("Index Name") for node in nodes(plan)}
            assert index in scans, json.dumps(plan, indent=1)
