"""What is done with goals: set, proposed, made current, paused, resumed, reached; milestones, proof, corrections.

What changes which goal is the current one first holds the student's row
(docs/decisions/0002) and looks then.  Who asks for it says what they had
before their eyes (`seen`, of `standing()`): if that has changed, nothing is
done.  The page that shows a form makes the ids of the rows that it will write,
so that a form sent twice counts once.
"""

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F, Q
from django.utils import timezone
from django.utils.formats import date_format

from config.counts import counted
from goals.models import Goal, GoalCorrection, GoalMilestone, GoalPeriod, GoalProposal, SharedStory, SuccessProof
from profiles.models import Profile
from profiles.writing import words, write_once

NO_END = "Say when it ended. Only the student can take up a goal again."
TAKEN = "This form cannot be sent. Reload the page and try again."


class GoalsChanged(Exception):
    """The student's goals are not any more as they were when the form was made; `current`: the open period, or None."""

    def __init__(self, current):
        super().__init__("These goals have changed since you opened them.")
        self.current = current


class AlreadyDecided(Exception):
    """The `proposal` has been accepted, declined or withdrawn meanwhile."""

    def __init__(self, proposal):
        super().__init__("This proposal has been decided in the meantime.")
        self.proposal = proposal


@dataclass(frozen=True)
class Begin:
    """That a goal becomes the current one: `id` of the period that it will have, and what was `seen`."""

    id: str
    seen: str


def current_period(student):
    """The open period of a student, with its goal; None without.  Index: goals_goalperiod_of_student."""
    return GoalPeriod.objects.filter(student=student, period__endswith=None).select_related("goal").first()


def standing(current, goal=None):
    """What a form has seen: the open period, and whether the goal that it is about was reached."""
    return f"{current.pk if current else 'none'}{'-reached' if goal and goal.completed_at else ''}"


@contextlib.contextmanager
def held(student):
    """Hold the student's row until the end of the transaction; gives the database's clock as it is then."""
    with transaction.atomic():
        Profile.objects.select_for_update().filter(pk=student.pk).first()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (now,) = cursor.fetchone()
        yield now


# What will be, said before it is done


def said_of_switch(goal, current):
    """What making `goal` the current one does, in sentences to the student; None: one that is being set."""
    reached = getattr(goal, "completed_at", None)
    sentences = [f"“{goal}” counts as not reached any more."] if reached else []
    if reached and _is_shared(goal):
        sentences.append("Its story is shown to nobody until it is reached again.")
    name = f"“{goal}”" if goal else "the new goal"
    if current:
        return [*sentences, f"{_stops(current)}; what you do from now on counts towards {name}."]
    return [*sentences, f"What you do from now on counts towards {name}."]


def said_of_reaching(goal, current):
    again = ["Its story is shared again, as you had chosen."] if _is_shared(goal) else []
    if current and current.goal_id == goal.pk:
        after = "What you do from now on counts towards no goal until you choose one."
        return [f"{_stops(current, 'ends')}, reached. {after}", *again]
    return [f"“{goal}” counts as reached today.", *again]


def said_of_pausing(goal, current):
    if current and current.goal_id == goal.pk:
        return [
            f"{_stops(current)}. What you did stays with it, and you can come back to it. "
            "What you do from now on counts towards no goal until you choose one."
        ]
    return [f"“{goal}” is not your current goal."]


def _is_shared(goal):
    """Whether its student has chosen to whom its story is shown, once it is reached."""
    story = SharedStory.objects.filter(student=goal.student_id, goal=goal)
    return story.exclude(course=None, link=None).exists()


def _stops(current, how="pauses"):
    return f"“{current.goal}” {how} today after {counted(current.days, 'day')}"


# Setting and proposing


def set_goal(*, id, student, title, measure="", target_date=None, begin=None):
    """A goal of the student's own, which becomes the current one if there is a `begin`.

    ValidationError (code "taken") if that id has another goal by now; GoalsChanged.
    """
    with held(student) as now:
        goal = write_once(
            Goal(id=id, student=student, title=title, measure=measure, target_date=target_date, created_at=now)
        )
        if (goal.title, goal.measure, goal.target_date) != (title, measure, target_date):
            raise ValidationError(TAKEN, "taken")
        if begin:
            _make_current(goal, begin, now)
    return goal


def reword(goal, *, title, measure, target_date):
    """Say a goal in other words."""
    with held(goal.student):
        Goal.objects.filter(pk=goal.pk).update(title=title, measure=measure, target_date=target_date)


def propose(*, id, student, author, title, measure="", target_date=None):
    """A goal that is not yet the student's."""
    proposal = write_once(
        GoalProposal(
            id=id,
            student=student,
            author=author,
            title=title,
            measure=measure,
            target_date=target_date,
            created_at=timezone.now(),
        )
    )
    if (proposal.title, proposal.measure, proposal.target_date) != (title, measure, target_date):
        raise ValidationError(TAKEN, "taken")
    return proposal


def waiting_proposals(student):
    """The student's undecided proposals, the newest first."""
    proposals = GoalProposal.objects.filter(student=student, accepted_at=None, declined_at=None)
    return proposals.select_related("author").order_by("-created_at", "-pk")


def open_proposals(student):
    """What is proposed to the student and not accepted: undecided, the newest first, then declined, the last first.

    Index: goal_proposals_of_student.
    """
    proposals = GoalProposal.objects.filter(student=student, accepted_at=None).select_related("author")
    return proposals.order_by(F("declined_at").desc(nulls_first=True), "-created_at", "-pk")


def accept(proposal, begin=None):
    """The proposed goal is the student's, with the proposal's id; AlreadyDecided, GoalsChanged."""
    with held(proposal.student) as now:
        present = GoalProposal.objects.filter(pk=proposal.pk).first()
        goal = present and present.accepted_at and Goal.objects.filter(pk=present.pk).first()
        if not goal:
            if present is None or present.accepted_at or present.declined_at:
                raise AlreadyDecided(present)
            goal = Goal.objects.create(
                id=present.pk,
                student_id=present.student_id,
                title=present.title,
                measure=present.measure,
                target_date=present.target_date,
                created_at=now,
            )
            GoalProposal.objects.filter(pk=present.pk).update(accepted_at=now)
        if begin:
            _make_current(goal, begin, now)
    return goal


def decline(proposal):
    """AlreadyDecided, if it was accepted or withdrawn."""
    waiting = GoalProposal.objects.filter(pk=proposal.pk, accepted_at=None, declined_at=None)
    if not waiting.update(declined_at=timezone.now()):
        present = GoalProposal.objects.filter(pk=proposal.pk).first()
        if present is None or present.accepted_at:
            raise AlreadyDecided(present)


def withdraw(proposal):
    """The author takes a proposal back; AlreadyDecided, if the student was quicker."""
    waiting = GoalProposal.objects.filter(pk=proposal.pk, accepted_at=None, declined_at=None)
    if not waiting.delete()[0] and (present := GoalProposal.objects.filter(pk=proposal.pk).first()):
        raise AlreadyDecided(present)


# The current goal


def make_current(goal, begin):
    """A new period of `goal` begins now, and the open one ends; a reached goal is to be reached again.

    Returns the open period.  GoalsChanged; ValidationError if a period is set down for the future.
    """
    with held(goal.student) as now:
        return _make_current(goal, begin, now)


def _make_current(goal, begin, now):
    goal = _present(goal)
    sent = GoalPeriod.objects.filter(pk=begin.id).first()
    if sent and sent.goal_id != goal.pk:
        raise ValidationError(TAKEN, "taken")
    current = current_period(goal.student_id)
    if sent or (current and current.goal_id == goal.pk):
        return sent or current
    if standing(current, goal) != begin.seen:
        raise GoalsChanged(current)
    _refuse_the_future(goal.student_id, now)
    if current:
        _end(current, now)
    Goal.objects.filter(pk=goal.pk, completed_at__isnull=False).update(completed_at=None)
    return GoalPeriod.objects.create(
        id=begin.id, student_id=goal.student_id, goal=goal, period=DateTimeTZRange(now, None, "[)")
    )


def reach(goal, seen):
    """The goal is reached now, and its period ends if it is the current one; GoalsChanged."""
    with held(goal.student) as now:
        goal = _present(goal)
        if goal.completed_at:
            return
        current = current_period(goal.student_id)
        if standing(current, goal) != seen:
            raise GoalsChanged(current)
        if current and current.goal_id == goal.pk:
            _refuse_the_future(goal.student_id, now)
            _end(current, now)
        Goal.objects.filter(pk=goal.pk).update(completed_at=now)


def pause(goal, seen):
    """The goal is not the current one any more; GoalsChanged, if it has become so anew."""
    with held(goal.student) as now:
        current = current_period(goal.student_id)
        if current is None or current.goal_id != goal.pk:
            return
        if standing(current, current.goal) != seen:
            raise GoalsChanged(current)
        _refuse_the_future(goal.student_id, now)
        _end(current, now)


def remove(goal):
    """Delete a planned goal, of which nothing has come; ValidationError if something has."""
    with held(goal.student):
        goal = Goal.objects.filter(pk=goal.pk).first()
        if goal is None:
            return
        kept = (goal.periods, goal.milestones.exclude(reached_at=None), goal.proofs, goal.messages)
        if goal.completed_at or any(rows.exists() for rows in kept):
            raise ValidationError(f"“{goal}” stays on your path: it has a history by now.")
        goal.delete()


def _present(goal):
    """The goal as it is by now; GoalsChanged if it is gone."""
    present = Goal.objects.filter(pk=goal.pk).first()
    if present is None:
        raise GoalsChanged(current_period(goal.student_id))
    return present


def _end(period, now):
    GoalPeriod.objects.filter(pk=period.pk).update(period=DateTimeTZRange(period.period.lower, now, "[)"))


def _refuse_the_future(student, now):
    """Only the admin and other programs write periods that lie ahead; nobody switches into one unawares."""
    ahead = GoalPeriod.objects.filter(Q(period__startswith__gte=now) | Q(period__endswith__gt=now), student=student)
    period = ahead.select_related("goal").first()
    if period:
        raise ValidationError(
            f"“{period.goal}” is entered as the goal for a time in the future, until {say(period.period.upper)}. "
            "Ask your instructor to correct that first."
            if period.period.upper
            else f"“{period.goal}” is entered as the goal from {say(period.period.lower)} on. "
            "Ask your instructor to correct that first."
        )


# Milestones and proof


def plan_milestone(*, id, goal, title):
    """A step towards a goal, to be reached."""
    milestone = write_once(GoalMilestone(id=id, student_id=goal.student_id, goal=goal, title=title, reached_at=None))
    if (milestone.goal_id, milestone.title) != (goal.pk, title):
        raise ValidationError(TAKEN, "taken")
    return milestone


def reach_milestone(milestone):
    """It was reached now; when it was reached already stays as it is, as do the milestones of a reached goal."""
    with held(milestone.student) as now:
        GoalMilestone.objects.filter(pk=milestone.pk, goal__completed_at=None, reached_at=None).update(reached_at=now)


def reopen_milestone(milestone):
    """It was not reached after all; the milestones of a reached goal stay as they are."""
    with held(milestone.student):
        GoalMilestone.objects.filter(pk=milestone.pk, goal__completed_at=None).update(reached_at=None)


def submit_proof(*, id, goal, text, **media):
    """What shows that a goal, or a part of it, was achieved; `media` as of goals.conversation.write_note()."""
    return write_once(
        SuccessProof(
            id=id, student_id=goal.student_id, goal=goal, content=words(text), created_at=timezone.now(), **media
        )
    )


# Corrections


@dataclass(frozen=True)
class Move:
    """That what was done within [start, end) belongs to the goal `target` instead of `source`; None is no goal."""

    start: datetime
    end: datetime | None
    source: Goal | None
    target: Goal | None


@dataclass(frozen=True)
class Plan:
    """What a correction would do: `moves`, and {period's id: its new range} of the `neighbours` that give or take."""

    period: GoalPeriod
    after: DateTimeTZRange
    neighbours: dict
    moves: list
    seen: str


def plan_correction(period, start, end):
    """What it would do if the period had been `[start, end)`; `end` is None while it is open.

    A boundary that a switch made moves for both goals, and a period that the
    corrected one now reaches into gives way.  ValidationError, by field, if it
    cannot be.
    """
    now = timezone.now()
    if start > now:
        raise ValidationError({"start": "That is in the future: a period begins in the past."})
    if end and end > now:
        raise ValidationError({"end": "That is in the future: leave it empty while it is the current goal."})
    if end is None and period.period.upper:
        raise ValidationError({"end": NO_END})
    if end and end <= start:
        raise ValidationError({"end": "A period ends after it has begun."})
    periods = list(GoalPeriod.objects.filter(student=period.student_id).select_related("goal").order_by("period"))
    before, after = period.period, DateTimeTZRange(start, end, "[)")
    if after == before:
        raise ValidationError("Nothing would change.")
    neighbours = {}
    for other in periods:
        if other.pk != period.pk and (changed := _beside(other, before, after)) != other.period:
            neighbours[other.pk] = changed
    then = {each.pk: each.period for each in periods} | neighbours | {period.pk: after}
    return Plan(period, after, neighbours, _moves(periods, then), _fingerprint(periods))


def _beside(other, before, after):
    """The range of another period once the corrected one goes from `before` to `after`."""
    lower, upper = other.period.lower, other.period.upper
    if lower < before.lower:
        upper = after.lower if upper == before.lower else min(upper, after.lower)
    else:
        end = after.upper or timezone.now()
        lower = end if lower == before.upper else max(lower, end)
    if upper and lower >= upper:
        raise ValidationError(
            f"From {say(other.period.lower)} to {say(other.period.upper)} the goal was “{other.goal}”, "
            "of which nothing would be left."
        )
    return DateTimeTZRange(lower, upper, "[)")


def _moves(periods, then):
    """Where the goal of a moment is another than before, in order of time."""
    goals = {period.pk: period.goal for period in periods}
    now = {period.pk: period.period for period in periods}
    edges = sorted(
        {edge for ranges in (now, then) for each in ranges.values() for edge in (each.lower, each.upper) if edge}
    )
    moves = []
    for start, end in pairwise([*edges, None]):
        source, target = (_holding(ranges, goals, start) for ranges in (now, then))
        if source == target:
            continue
        last = moves and moves[-1]
        if last and (last.end, last.source, last.target) == (start, source, target):
            moves[-1] = Move(last.start, end, source, target)
        else:
            moves.append(Move(start, end, source, target))
    return moves


def _holding(ranges, goals, moment):
    for key, each in ranges.items():
        if each.lower <= moment and (each.upper is None or moment < each.upper):
            return goals[key]
    return None


def _fingerprint(periods):
    text = " ".join(f"{each.pk} {each.goal_id} {each.period}" for each in periods)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def correct(*, id, period, start, end, author, reason, seen, count):
    """Carry a correction out and write it into the log; returns the GoalCorrection.

    `seen`: the Plan's.  `count`: how many entries a Move moves, asked before
    they do.  GoalsChanged if periods have changed; ValidationError as
    `plan_correction()`.
    """
    with held(period.student) as now:
        sent = GoalCorrection.objects.filter(pk=id).first()
        if sent:
            if (sent.goal_id, sent.author_id) != (period.goal_id, author.pk):
                raise ValidationError(TAKEN, "taken")
            return sent
        present = GoalPeriod.objects.select_related("goal").filter(pk=period.pk).first()
        if present is None:
            raise GoalsChanged(current_period(period.student_id))
        plan = plan_correction(present, start, end)
        if plan.seen != seen:
            raise GoalsChanged(current_period(period.student_id))
        numbers = [count(move) for move in plan.moves]
        _carry_out(plan)
        return GoalCorrection.objects.create(
            id=id,
            student_id=period.student_id,
            goal_id=period.goal_id,
            author=author,
            created_at=now,
            before=present.period,
            after=plan.after,
            moves=[
                {
                    "from": move.source and str(move.source.pk),
                    "to": move.target and str(move.target.pk),
                    "entries": number,
                }
                for move, number in zip(plan.moves, numbers, strict=True)
            ],
            moved=sum(numbers),
            reason=reason,
        )


def _carry_out(plan):
    """First the neighbours that shrink, then the period, then those that grow into what it left."""
    grown = {}
    for key, changed in plan.neighbours.items():
        present = GoalPeriod.objects.get(pk=key).period
        if _contains(present, changed):
            GoalPeriod.objects.filter(pk=key).update(period=changed)
        else:
            grown[key] = changed
    GoalPeriod.objects.filter(pk=plan.period.pk).update(period=plan.after)
    for key, changed in grown.items():
        GoalPeriod.objects.filter(pk=key).update(period=changed)


def _contains(one, other):
    """Whether `one` holds all of `other`; of two that share an end."""
    return one.lower <= other.lower and (one.upper is None or (other.upper is not None and other.upper <= one.upper))


def say(moment):
    """A moment in a sentence."""
    return date_format(timezone.localtime(moment), "j F Y, g:i a") if moment else "now"
