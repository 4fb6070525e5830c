"""A student's goals, and what led to each."""

import datetime
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Prefetch, Q

from goals.living import current_period
from goals.models import Goal, GoalMessage, GoalMilestone, GoalPeriod, GoalProposal, SuccessProof
from timeline.keyset import Page
from timeline.models import DAY_ZONE, Activity
from timeline.queries.common import BY_START, BY_TIME, COUNT_LIMIT, NEWEST

PERIODS = 5  # of a goal, that are told one by one, the last ones
MARKS = 20  # milestones and pieces of proof of a goal that its line has, of each the newest


@dataclass(frozen=True)
class LivedGoal:
    """A goal and what there is of it by now.

    `periods`: the newest first.  `weeks`: {the week's first day: {activity_type: number}} of its newest COUNT_LIMIT
    entries; `limited`: there are more.  `milestones`: planned ones first, then those reached, the newest first;
    `proofs` likewise, each with the `entry_id` that it has in the timeline; at most MARKS of each, and `more_marks`
    where there are more of one.
    """

    goal: Goal
    weeks: dict
    limited: bool
    milestones: list
    proofs: list
    more_marks: bool

    most, most_marks = COUNT_LIMIT, MARKS

    @property
    def marks(self):
        """Its milestones and proofs as they stand on its line: planned ones, then all by time, the newest first."""
        planned = [milestone for milestone in self.milestones if milestone.reached_at is None]
        made = [(milestone.reached_at, milestone) for milestone in self.milestones[len(planned) :]]
        made += [(proof.created_at, proof) for proof in self.proofs]
        return planned + [mark for _, mark in sorted(made, key=itemgetter(0), reverse=True)]

    @property
    def periods(self):
        return self.goal.periods.all()

    @property
    def latest(self):
        """The last PERIODS of its periods, in the order in which they were lived."""
        return self.periods[:PERIODS][::-1]

    @property
    def earlier(self):
        """How many periods it had before these."""
        return max(len(self.periods) - PERIODS, 0)

    @property
    def counts(self):
        """How many entries of each activity_type."""
        counts = defaultdict(int)
        for week in self.weeks.values():
            for activity_type, number in week.items():
                counts[activity_type] += number
        return dict(counts)

    @property
    def total(self):
        """How many entries, up to COUNT_LIMIT + 1."""
        return sum(self.counts.values()) + self.limited


@dataclass(frozen=True)
class Week:
    """A week of a goal's timeline: `counts` of all of it, and those of its entries that are on this page.

    `continued`: earlier ones are on the page before.
    """

    first: datetime.date
    counts: dict[str, int]
    entries: list
    continued: bool

    @property
    def last(self):
        return self.first + datetime.timedelta(days=6)


@dataclass(frozen=True)
class GoalTimeline:
    """A page of what led to a goal, in order of time, by weeks."""

    weeks: list[Week]
    next: str | None

    @property
    def entries(self):
        return [entry for week in self.weeks for entry in week.entries]


@dataclass(frozen=True)
class GoalMove:
    """How a student's goals moved since a moment.

    `goal` is the current one (None without), today its day number `day`, with
    `reached` of its `planned` milestones.  `milestones`: those reached since,
    of any goal, oldest first; `goals`: the goals reached since, likewise;
    `proposals`: the instructor's that are undecided, or decided since, the
    newest first.  `more`: which of these three go on beyond what is listed.
    """

    goal: Goal | None
    day: int | None
    reached: int
    planned: int
    milestones: list
    goals: list
    proposals: list
    more: set[str]


def goal_move(*, student, instructor, since, size=5):
    """How the student's goals moved since a moment, as a GoalMove with at most `size` of each.

    Indexes: goals_goalperiod_of_student, that of a goal's milestones, goal_milestones_of_student, goals_of_student,
    goal_proposals_of_student.
    """
    current = current_period(student)
    goal = current and current.goal
    numbers = GoalMilestone.objects.filter(student=student, goal=goal).aggregate(
        planned=Count("pk"), reached=Count("reached_at")
    )
    milestones = GoalMilestone.objects.filter(student=student, reached_at__gt=since).select_related("goal")
    goals = Goal.objects.filter(student=student, completed_at__gt=since)
    proposals = GoalProposal.objects.filter(
        Q(accepted_at=None, declined_at=None) | Q(accepted_at__gt=since) | Q(declined_at__gt=since),
        student=student,
        author=instructor,
    )
    moves = {
        "milestones": list(milestones.order_by("reached_at")[: size + 1]),
        "goals": list(goals.order_by("completed_at")[: size + 1]),
        "proposals": list(proposals.order_by("-created_at", "-pk")[: size + 1]),
    }
    return GoalMove(
        goal=goal,
        day=current and current.days,
        more={name for name, rows in moves.items() if len(rows) > size},
        **{name: rows[:size] for name, rows in moves.items()},
        **numbers,
    )


def goal_path(*, student, after=None, size=10, first_weekday=0):
    """The goals that were the student's current one at some time, or are reached, as a Page of LivedGoal.

    The one that was so last comes first.  Counts are an index-only scan of at most COUNT_LIMIT + 1 entries of each
    goal of the page.  `first_weekday`: with which day weeks begin, 0 for Sunday to 6.
    Indexes: goals_goalperiod_of_student, goals_of_student, idx_student_goal, those of a goal's milestones and proofs.
    """
    asked = {"student": student.pk, "limit": size + 1}
    condition = BY_START.condition() if after else "true"
    with connection.cursor() as cursor:
        cursor.execute(PATH.format(after=condition), asked | (BY_START.params(after) if after else {}))
        places = [Place(*row) for row in cursor.fetchall()]
    goals = _goals([place.id for place in places[:size]])
    lived = lived_goals(student=student, goals=goals, first_weekday=first_weekday)
    return Page(lived, BY_START.cursor(places[size - 1]) if len(places) > size else None)


def planned_goals(*, student, after=None, size=10, first_weekday=0):
    """The goals that never were the current one nor reached, the last set first, as a Page of LivedGoal.

    Index: goals_of_student.
    """
    lived = Exists(GoalPeriod.objects.filter(goal=OuterRef("pk")))
    page = NEWEST.page(Goal.objects.filter(~lived, student=student, completed_at=None), after, size)
    goals = _goals([goal.pk for goal in page.entries])
    return Page(lived_goals(student=student, goals=goals, first_weekday=first_weekday), page.next)


def lived_goals(*, student, goals, first_weekday=0):
    """Each of the student's `goals` as a LivedGoal, in their order; counts as in `goal_path()`.

    They come with their periods, the newest first; one of the same days as the one after it has `repeats` set.
    """
    if not goals:
        return []
    for goal in goals:
        for later, period in pairwise(goal.periods.all()):
            period.repeats = period.span == later.span
    asked = {"student": student.pk, "goals": [goal.pk for goal in goals]}
    weeks, limited = defaultdict(lambda: defaultdict(dict)), set()
    with connection.cursor() as cursor:
        cursor.execute(GOAL_WEEKS, asked | {"limit": COUNT_LIMIT, "shift": _shift(first_weekday)})
        for goal, week, activity_type, number, has_more in cursor.fetchall():
            weeks[goal][week][activity_type] = number
            if has_more:
                limited.add(goal)
    milestones, proofs = defaultdict(list), defaultdict(list)
    for model, sql, found in ((GoalMilestone, MILESTONES, milestones), (SuccessProof, PROOFS, proofs)):
        for row in model.objects.raw(sql, asked | {"limit": MARKS + 1}):
            found[row.goal_id].append(row)
    return [
        LivedGoal(
            goal,
            {week: weeks[goal.pk][week] for week in sorted(weeks[goal.pk])},
            goal.pk in limited,
            milestones[goal.pk][:MARKS],
            proofs[goal.pk][:MARKS],
            max(len(milestones[goal.pk]), len(proofs[goal.pk])) > MARKS,
        )
        for goal in goals
    ]


def goal_timeline(*, goal, first_weekday=0, after=None, size=50):
    """What led to one goal, as a GoalTimeline; whole weeks are counted, index-only.  Index: idx_student_goal."""
    page = BY_TIME.page(Activity.objects.filter(student=goal.student_id, goal=goal), after, size)
    starts = [week_of(entry.activity_date, first_weekday) for entry in page.entries]
    counts = _counts_of_weeks(goal, starts, first_weekday)
    above = after and week_of(BY_TIME.parse(after)[0].astimezone(DAY_ZONE).date(), first_weekday)
    entries = zip(starts, page.entries, strict=True)
    weeks = [
        Week(first, counts[first], [entry for _, entry in found], first == above)
        for first, found in groupby(entries, key=lambda pair: pair[0])
    ]
    return GoalTimeline(weeks, page.next)


def entries_moved(move):
    """How many entries a `goals.living.Move` files under another goal: all of its time but those that name their goal.

    An index-only scan of that time.  Indexes: idx_student_date, goal_messages_of_student.
    """
    span = {"student": (move.source or move.target).student_id, "created_at__gte": move.start}
    days = {"activity_date__gte": move.start.astimezone(DAY_ZONE).date()}
    if move.end:
        span["created_at__lt"] = move.end
        days["activity_date__lte"] = move.end.astimezone(DAY_ZONE).date()
    own = ("success_proof", "goal_milestone", "goal_completion")
    entries = Activity.objects.filter(**span, **days).exclude(activity_type__in=own)
    return entries.count() - GoalMessage.objects.filter(**span, goal__isnull=False, hidden_at=None).count()


@dataclass(frozen=True)
class Place:
    """Where a goal stands on the path: when it last began to be the current one, or else was reached."""

    id: object
    at: datetime.datetime


def _goals(ids):
    """These goals with their periods, the newest first, in the order of their ids."""
    periods = Prefetch("periods", GoalPeriod.objects.order_by("-period"))
    found = Goal.objects.prefetch_related(periods).in_bulk(ids)
    return [found[each] for each in ids if each in found]


def _shift(first_weekday):
    """How many days before Monday weeks begin."""
    return (1 - first_weekday) % 7


def week_of(date, first_weekday):
    """The first day of a day's week."""
    return date - datetime.timedelta(days=(date.isoweekday() - first_weekday) % 7)


def _counts_of_weeks(goal, starts, first_weekday):
    counts = defaultdict(dict)
    if starts:
        asked = {"student": goal.student_id, "goal": goal.pk, "shift": _shift(first_weekday)}
        asked |= {"first": starts[0], "beyond": starts[-1] + datetime.timedelta(weeks=1)}
        with connection.cursor() as cursor:
            cursor.execute(COUNTS_OF_WEEKS, asked)
            for week, activity_type, number in cursor.fetchall():
                counts[week][activity_type] = number
    return counts


# A goal is placed by its last period; only if it has none, by when it was reached.
PATH = """
    SELECT id, at FROM (
        (
            SELECT goal_id AS id, lower(period) AS at FROM goal_periods
            WHERE student_id = %(student)s
        )
        UNION ALL
        (
            SELECT id, completed_at FROM goals
            WHERE student_id = %(student)s AND completed_at IS NOT NULL
                AND NOT EXISTS (SELECT FROM goal_periods WHERE goal_id = goals.id)
        )
    ) AS places
    WHERE {after} AND NOT EXISTS (
        SELECT FROM goal_periods WHERE goal_id = places.id AND lower(period) > places.at
    )
    ORDER BY at DESC, id DESC
    LIMIT %(limit)s
"""

# The first day of a day's week, `shift` days before Monday: counted from a Monday that is earlier than any entry.
# date_trunc() would go by the zone of the session, there and back, at twice the price of the whole count.
WEEK = "day - (day - DATE '1800-01-06' + %(shift)s) %% 7"
DAY = "(created_at AT TIME ZONE 'America/New_York')::date AS day"

# Of each goal's newest entries.  Whether it has more is asked only where so many were counted: to number the entries
# would cost every goal as much as counting them.
GOAL_WEEKS = f"""
    SELECT goal.id, counted.*
    FROM unnest(%(goals)s::uuid[]) AS goal (id)
    CROSS JOIN LATERAL (
        SELECT {WEEK} AS week, activity_type, count(*),
            CASE WHEN sum(count(*)) OVER () = %(limit)s THEN EXISTS (
                SELECT FROM student_activity_timeline
                WHERE student_id = %(student)s AND goal_id = goal.id
                ORDER BY created_at DESC, student_activity_timeline.id DESC
                OFFSET %(limit)s
            ) END AS has_more
        FROM (
            SELECT {DAY}, activity_type FROM student_activity_timeline
            WHERE student_id = %(student)s AND goal_id = goal.id
            ORDER BY created_at DESC, student_activity_timeline.id DESC
            LIMIT %(limit)s
        ) AS entry
        GROUP BY 1, 2
    ) AS counted
"""

COUNTS_OF_WEEKS = f"""
    SELECT {WEEK} AS week, activity_type, count(*)
    FROM (
        SELECT {DAY}, activity_type FROM student_activity_timeline
        WHERE student_id = %(student)s AND goal_id = %(goal)s
            AND created_at >= %(first)s::date::timestamp AT TIME ZONE 'America/New_York'
            AND created_at < %(beyond)s::date::timestamp AT TIME ZONE 'America/New_York'
        OFFSET 0  -- so that each day is worked out once
    ) AS entry
    GROUP BY 1, 2
"""

MILESTONES = """
    SELECT milestone.*
    FROM unnest(%(goals)s::uuid[]) AS goal (id)
    CROSS JOIN LATERAL (
        SELECT * FROM goal_milestones WHERE goal_id = goal.id
        ORDER BY reached_at DESC NULLS FIRST, goal_milestones.id DESC
        LIMIT %(limit)s
    ) AS milestone
"""

PROOFS = """
    SELECT proof.*, timeline_entry_id('success_proofs', proof.id, 'entry', 0) AS entry_id
    FROM unnest(%(goals)s::uuid[]) AS goal (id)
    CROSS JOIN LATERAL (
        SELECT * FROM success_proofs WHERE goal_id = goal.id AND hidden_at IS NULL
        ORDER BY created_at DESC, success_proofs.id DESC
        LIMIT %(limit)s
    ) AS proof
"""
