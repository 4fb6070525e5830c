"""Living with goals, as the domain does it: whatever is done in whatever order, no two periods overlap."""

import contextlib
import datetime
import uuid
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import close_old_connections, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.range import TimestamptzRange

from goals import living, sharing
from goals.living import AlreadyDecided, Begin, GoalsChanged
from goals.models import Goal, GoalCorrection, GoalMilestone, GoalPeriod, GoalProposal, SuccessProof
from tests import factories
from tests.drift import assert_no_drift
from tests.threads import at_once
from timeline.models import DAY_ZONE, Activity

pytestmark = pytest.mark.django_db

UTC = datetime.UTC
day = datetime.timedelta(days=1)


@pytest.fixture
def student():
    return factories.ProfileFactory()


def new_id():
    return str(uuid.uuid4())


def seen(student, goal=None):
    return living.standing(living.current_period(student), goal)


def begin(student, goal=None):
    return Begin(new_id(), seen(student, goal))


def a_goal(student, title="Earn $1K", current=False):
    return living.set_goal(id=new_id(), student=student, title=title, begin=begin(student) if current else None)


def state(goal):
    return Goal.objects.prefetch_related("periods").get(pk=goal.pk).state


# Setting a goal and living with it


def test_a_goal_goes_from_planned_to_current_to_paused_and_back_and_is_reached(student):
    goal = a_goal(student)
    assert state(goal) == "planned"
    living.make_current(goal, begin(student, goal))
    assert state(goal) == "current"
    living.pause(goal, seen(student, goal))
    assert state(goal) == "paused"
    living.make_current(goal, begin(student, goal))
    assert goal.periods.count() == 2
    living.reach(goal, seen(student, goal))
    goal.refresh_from_db()
    assert (state(goal), living.current_period(student)) == ("reached", None)
    assert Activity.objects.get(student=student).activity_type == "goal_completion"
    living.make_current(goal, begin(student, goal))
    assert state(goal) == "current"
    assert not Activity.objects.filter(student=student).exists()


def test_a_switch_ends_one_goal_where_the_other_begins(student):
    old = a_goal(student, "Old", current=True)
    factories.DailyNoteFactory(student=student, content="before")
    new = a_goal(student, "New", current=True)
    factories.DailyNoteFactory(student=student, content="after")
    ended, open_ = old.periods.get().period, new.periods.get().period
    assert (ended.upper, open_.upper) == (open_.lower, None)
    assert {entry.content: entry.goal_id for entry in Activity.objects.filter(student=student)} == {
        "before": old.pk,
        "after": new.pk,
    }


def test_what_a_switch_does_is_said_with_the_days_of_what_ends(student):
    goal = factories.GoalFactory(student=student, title="New")
    assert living.said_of_switch(goal, None) == ["What you do from now on counts towards “New”."]
    start = datetime.datetime.now(DAY_ZONE) - 40 * day  # by the calendar, whatever the clocks did since
    factories.GoalPeriodFactory(goal__student=student, goal__title="Old", period=TimestamptzRange(start, None))
    current = living.current_period(student)
    assert living.said_of_switch(goal, current) == [
        "“Old” pauses today after 41 days; what you do from now on counts towards “New”."
    ]
    goal.completed_at = start
    assert living.said_of_switch(goal, current)[0] == "“New” counts as not reached any more."
    shared = factories.SharedStoryFactory(goal=goal)
    assert "shown to nobody" in living.said_of_switch(goal, current)[1]
    assert living.said_of_reaching(goal, current)[-1] == "Its story is shared again, as you had chosen."
    sharing.stop(shared.goal)
    assert len(living.said_of_switch(goal, current)) == 2
    assert len(living.said_of_reaching(goal, current)) == 1
    assert living.said_of_pausing(current.goal, current)[0].startswith("“Old” pauses today after 41 days.")


def test_the_same_form_sent_again_counts_once(student):
    asked = {"id": new_id(), "student": student, "title": "Earn $1K", "begin": begin(student)}
    assert living.set_goal(**asked) == living.set_goal(**asked)
    goal = Goal.objects.get()
    assert GoalPeriod.objects.count() == 1
    living.pause(goal, seen(student))
    assert living.set_goal(**asked) == goal, "a late retry does not take it up again"
    assert state(goal) == "paused"
    again = begin(student, goal)
    assert living.make_current(goal, again) == living.make_current(goal, again)
    before = seen(student)
    living.reach(goal, before)
    living.reach(goal, before)
    living.pause(goal, before)
    assert (state(goal), GoalPeriod.objects.count()) == ("reached", 2)


def test_an_id_that_another_row_has_is_refused_and_nothing_is_written(student):
    theirs = a_goal(factories.ProfileFactory(), current=True)
    with pytest.raises(ValidationError) as error:
        living.set_goal(id=theirs.pk, student=student, title="Mine", begin=begin(student))
    assert error.value.code == "taken"
    mine = a_goal(student)
    with pytest.raises(ValidationError):
        living.set_goal(id=mine.pk, student=student, title="In other words")
    with pytest.raises(ValidationError):
        living.make_current(mine, Begin(theirs.periods.get().pk, seen(student)))
    assert (state(mine), state(theirs)) == ("planned", "current")


@pytest.mark.parametrize("what", ["make_current", "reach", "pause", "set_goal"])
def test_nothing_is_done_by_a_form_that_saw_another_current_goal(student, what):
    goal, other = a_goal(student, "One", current=True), a_goal(student, "Two")
    stale = begin(student, other)
    third = a_goal(student, "Three", current=True)
    living.make_current(goal, begin(student, goal)) if what == "pause" else None
    before = list(GoalPeriod.objects.order_by("pk").values())
    act = {
        "make_current": lambda: living.make_current(other, stale),
        "reach": lambda: living.reach(other, stale.seen),
        "pause": lambda: living.pause(goal, stale.seen),
        "set_goal": lambda: living.set_goal(id=new_id(), student=student, title="Four", begin=stale),
    }[what]
    with pytest.raises(GoalsChanged) as changed:
        act()
    assert changed.value.current.goal == (goal if what == "pause" else third)
    assert list(GoalPeriod.objects.order_by("pk").values()) == before
    assert not Goal.objects.filter(title="Four").exists()


def test_a_goal_that_was_reached_meanwhile_is_not_taken_up_unawares(student):
    goal = a_goal(student)
    stale = begin(student, goal)
    living.reach(goal, seen(student, goal))
    with pytest.raises(GoalsChanged):
        living.make_current(goal, stale)
    assert state(goal) == "reached"


def test_a_goal_that_is_gone_is_told_of(student):
    goal = a_goal(student)
    stale = begin(student, goal)
    living.remove(goal)
    for act in (lambda: living.make_current(goal, stale), lambda: living.reach(goal, stale.seen)):
        with pytest.raises(GoalsChanged):
            act()
    with pytest.raises(ValidationError):
        living.plan_milestone(id=new_id(), goal=goal, title="First customer")


@pytest.mark.parametrize("ahead", [(1, None), (1, 2), (-1, 1)])
def test_nobody_switches_into_a_period_that_lies_ahead(student, ahead):
    now = datetime.datetime.now(UTC)
    period = TimestamptzRange(*(bound and now + bound * day for bound in ahead))
    factories.GoalPeriodFactory(goal__student=student, goal__title="Later", period=period)
    goal = a_goal(student)
    with pytest.raises(ValidationError, match="“Later” is entered"):
        living.make_current(goal, begin(student, goal))
    assert state(goal) == "planned"


def test_a_planned_goal_is_removed_and_one_with_a_history_stays(student):
    goal = a_goal(student)
    living.plan_milestone(id=new_id(), goal=goal, title="First customer")
    living.remove(goal)
    living.remove(goal)
    assert not Goal.objects.exists()
    goal = a_goal(student)
    living.submit_proof(id=new_id(), goal=goal, text="An invoice.")
    with pytest.raises(ValidationError, match="stays on your path"):
        living.remove(goal)


def test_milestones_are_planned_reached_and_opened_again_and_count_once(student):
    goal = a_goal(student)
    asked = {"id": new_id(), "goal": goal, "title": "First customer"}
    milestone = living.plan_milestone(**asked)
    assert living.plan_milestone(**asked) == milestone
    assert not Activity.objects.exists()
    living.reach_milestone(milestone)
    first = GoalMilestone.objects.get().reached_at
    living.reach_milestone(milestone)
    assert GoalMilestone.objects.get().reached_at == first
    assert Activity.objects.get().goal_id == goal.pk
    living.reopen_milestone(milestone)
    assert not Activity.objects.exists()


def test_proof_belongs_to_its_own_goal(student):
    goal, _ = a_goal(student, "One"), a_goal(student, "Two", current=True)
    asked = {"id": new_id(), "goal": goal, "text": " An invoice. "}
    assert living.submit_proof(**asked) == living.submit_proof(**asked) == SuccessProof.objects.get()
    assert Activity.objects.get().goal_id == goal.pk
    with pytest.raises(ValidationError, match="Write something"):
        living.submit_proof(id=new_id(), goal=goal, text=" ")


# Proposals


def test_a_proposed_goal_is_the_students_once_they_accept_it(student):
    author = factories.ProfileFactory()
    asked = {"id": new_id(), "student": student, "author": author, "title": "Speak once", "measure": "3 minutes"}
    proposal = living.propose(**asked)
    assert living.propose(**asked) == proposal
    assert not Goal.objects.exists()
    goal = living.accept(proposal, begin(student))
    assert living.accept(proposal) == goal
    assert (goal.student_id, goal.title, goal.measure, state(goal)) == (
        student.pk,
        "Speak once",
        "3 minutes",
        "current",
    )
    assert not living.waiting_proposals(student).exists()
    for late in (living.decline, living.withdraw):
        with pytest.raises(AlreadyDecided):
            late(proposal)


def test_a_declined_or_withdrawn_proposal_cannot_be_accepted(student):
    one, two = factories.GoalProposalFactory.create_batch(2, student=student)
    living.decline(one)
    living.decline(one)
    living.withdraw(two)
    living.withdraw(two)
    for proposal in (one, two):
        with pytest.raises(AlreadyDecided):
            living.accept(proposal, begin(student))
    assert not Goal.objects.exists()
    assert GoalProposal.objects.get().declined_at


def test_a_proposal_stays_undecided_when_its_goal_cannot_become_the_current_one(student):
    proposal = factories.GoalProposalFactory(student=student)
    stale = begin(student)
    a_goal(student, current=True)
    with pytest.raises(GoalsChanged):
        living.accept(proposal, stale)
    assert living.waiting_proposals(student).get() == proposal
    assert Goal.objects.count() == 1


# Corrections


def at(number):
    return datetime.datetime(2026, 3, number, 12, tzinfo=UTC)


@pytest.fixture
def path(student):
    """One from the 5th, Two from the 10th to the 15th, One again from the 20th on; a note a day until the 25th."""
    one, two = (factories.GoalFactory(student=student, title=title) for title in ("One", "Two"))
    for number in range(1, 26):
        factories.DailyNoteFactory(student=student, content=str(number), created_at=at(number))
    for goal, start, end in ((one, 5, 10), (two, 10, 15), (one, 20, None)):
        factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(at(start), end and at(end)))
    return list(GoalPeriod.objects.select_related("goal").order_by("period"))


def told(plan):
    return [
        (move.start.day, move.end and move.end.day, str(move.source or "-"), str(move.target or "-"))
        for move in plan.moves
    ]


def count(move):
    """Entries in the span of a move, by the definition of it."""
    entries = Activity.objects.filter(created_at__gte=move.start, goal=move.source)
    return (entries.filter(created_at__lt=move.end) if move.end else entries).count()


@pytest.mark.parametrize(
    ("number", "start", "end", "moves", "moved"),
    [
        (1, 8, 15, [(8, 10, "One", "Two")], 2),  # the boundary of a switch moves for both
        (1, 12, 15, [(10, 12, "Two", "One")], 2),
        (0, 5, 12, [(10, 12, "Two", "One")], 2),
        (0, 2, 10, [(2, 5, "-", "One")], 3),
        (1, 10, 18, [(15, 18, "-", "Two")], 3),
        (1, 10, 13, [(13, 15, "Two", "-")], 2),
        (1, 7, 22, [(7, 10, "One", "Two"), (15, 20, "-", "Two"), (20, 22, "One", "Two")], 10),
        (2, 13, None, [(13, 15, "Two", "One"), (15, 20, "-", "One")], 7),
        (2, 20, 23, [(23, None, "One", "-")], 3),
        (1, 16, 18, [(10, 15, "Two", "One"), (15, 16, "-", "One"), (16, 18, "-", "Two")], 8),
    ],
)
def test_a_correction_says_what_moves_and_moves_it(student, path, number, start, end, moves, moved):
    period = path[number]
    plan = living.plan_correction(period, at(start), end and at(end))
    assert told(plan) == moves
    before = dict(Activity.objects.values_list("id", "goal_id"))
    asked = {"id": new_id(), "period": period, "start": at(start), "end": end and at(end), "seen": plan.seen}
    asked |= {"author": factories.ProfileFactory(), "reason": "She says so.", "count": count}
    row = living.correct(**asked)
    after = dict(Activity.objects.values_list("id", "goal_id"))
    assert row.moved == moved == sum(before[key] != after[key] for key in before)
    assert (row.before, row.after.lower) == (period.period, at(start))
    assert sum(move["entries"] for move in row.moves) == moved
    assert living.correct(**asked) == row
    assert GoalCorrection.objects.count() == 1
    assert_no_drift()


@pytest.mark.parametrize(
    ("number", "start", "end", "field", "words"),
    [
        (0, 5, None, "end", "Say when it ended"),
        (0, 5, 5, "end", "ends after it has begun"),
        (0, 5, 16, None, "nothing would be left"),
        (1, 4, 15, None, "“One”, of which nothing would be left"),
        (1, 10, 15, None, "Nothing would change"),
        (2, 900, None, "start", "in the future"),
        (2, 20, 900, "end", "in the future"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_in_words(student, path, number, start, end, field, words):
    later = datetime.datetime.now(UTC) + day
    start, end = (bound and (later if bound == 900 else at(bound)) for bound in (start, end))
    with pytest.raises(ValidationError) as error:
        living.plan_correction(path[number], start, end)
    assert words in str(error.value)
    assert field is None or field in error.value.error_dict


def test_a_correction_does_nothing_when_the_periods_have_changed_since_it_was_planned(student, path):
    plan = living.plan_correction(path[0], at(4), at(10))
    living.pause(path[2].goal, seen(student))
    asked = {"id": new_id(), "period": path[0], "start": at(4), "end": at(10), "seen": plan.seen, "count": count}
    with pytest.raises(GoalsChanged):
        living.correct(**asked, author=factories.ProfileFactory(), reason="So.")
    path[0].delete()
    with pytest.raises(GoalsChanged):
        living.correct(**asked, author=factories.ProfileFactory(), reason="So.")
    assert not GoalCorrection.objects.exists()


# Whatever is done in whatever order


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["set", "switch", "switch", "pause", "reach", "proof", "correct", "correct", "stale"]),
        st.integers(0, 3),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    max_size=14,
)


@settings(max_examples=25, deadline=None)
@given(deeds=DEEDS)
def test_every_entry_is_under_the_goal_whose_period_holds_it(deeds):
    with transaction.atomic():
        student, author = factories.ProfileFactory.create_batch(2)
        goals = [a_goal(student, f"Goal {number}") for number in range(2)]
        moments, stale = [], begin(student)
        for deed, which, one, other in deeds:
            goal = Goal.objects.get(pk=goals[which % len(goals)].pk)
            moments.append(note_now(student))
            match deed:
                case "set":
                    goals.append(a_goal(student, "Another", current=which > 1))
                case "switch":
                    living.make_current(goal, begin(student, goal))
                    assert living.current_period(student).goal == goal
                case "pause":
                    living.pause(goal, seen(student, goal))
                case "reach":
                    living.reach(goal, seen(student, goal))
                case "proof":
                    living.submit_proof(id=new_id(), goal=goal, text="See?")
                case "stale":
                    with contextlib.suppress(GoalsChanged):
                        living.make_current(goal, stale)
                    stale = begin(student, goal)
                case "correct":
                    correct_some(student, author, moments, which, one, other)
            moments.append(note_now(student))
            assert_filed_rightly(student)
        transaction.set_rollback(True)


def note_now(student):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO daily_notes (student_id, content, created_at) VALUES (%s, 'n', clock_timestamp())"
            " RETURNING created_at",
            [student.pk],
        )
        return cursor.fetchone()[0]


def correct_some(student, author, moments, which, one, other):
    periods = list(GoalPeriod.objects.filter(student=student).select_related("goal").order_by("period"))
    if not periods:
        return
    period = periods[which % len(periods)]
    start = moments[one % len(moments)]
    end = moments[other % len(moments)] if period.period.upper or which == 0 else None
    try:
        plan = living.plan_correction(period, start, end)
    except ValidationError:
        return
    before = dict(Activity.objects.filter(student=student).values_list("id", "goal_id"))
    row = living.correct(
        id=new_id(), period=period, start=start, end=end, author=author, reason="So.", seen=plan.seen, count=moving
    )
    after = dict(Activity.objects.filter(student=student).values_list("id", "goal_id"))
    assert row.moved == sum(before[key] != after[key] for key in before)


def moving(move):
    borrowing = Activity.objects.filter(created_at__gte=move.start, goal=move.source, activity_type="daily_note")
    return (borrowing.filter(created_at__lt=move.end) if move.end else borrowing).count()


def assert_filed_rightly(student):
    periods = list(GoalPeriod.objects.filter(student=student).order_by("period"))
    for entry in Activity.objects.filter(student=student, activity_type="daily_note"):
        holding = [each.goal_id for each in periods if entry.created_at in Span(each.period)]
        assert len(holding) < 2
        assert entry.goal_id == (holding[0] if holding else None)
    assert_no_drift()


class Span:
    """A range whose `in` needs no bound above."""

    def __init__(self, period):
        self.period = period

    def __contains__(self, moment):
        return self.period.lower <= moment and (self.period.upper is None or moment < self.period.upper)


# At the same time


@pytest.mark.django_db(transaction=True)
def test_of_two_tabs_that_switch_at_once_one_is_told_and_no_periods_overlap():
    student = factories.ProfileFactory()
    a_goal(student, "Old", current=True)
    goals = [a_goal(student, f"New {number}") for number in range(4)]
    stale = seen(student)

    def switch(goal):
        try:
            living.make_current(goal, Begin(new_id(), stale))
        except GoalsChanged as changed:
            return f"told of {str(changed.current.goal)[:3]}"
        return "done"

    outcomes = at_once(*(partial(switch, goal) for goal in goals))
    assert sorted(outcomes) == ["done", *["told of New"] * 3]
    assert GoalPeriod.objects.filter(student=student).count() == 2
    close_old_connections()
    assert_no_drift()
