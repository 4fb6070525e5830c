"""A student's goals, and what led to each."""

from collections import defaultdict
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count

from goals.models import Goal, GoalMilestone, GoalPeriod
from timeline.keyset import Page
from timeline.models import DAY_ZONE, Activity
from timeline.queries.common import BY_TIME, first_page, today


@dataclass(frozen=True)
class GoalTimeline:
    """A goal with how many entries of each activity_type led to it, and the first of them."""

    goal: Goal
    counts: dict[str, int]
    entries: Page


@dataclass(frozen=True)
class GoalMove:
    """How a student's goals moved since a moment.

    `goal` is the current one (None without), today its day number `day`, with
    `reached` of its `planned` milestones.  `milestones`: those reached since,
    of any goal, oldest first; `goals`: the goals reached since.
    """

    goal: Goal | None
    day: int | None
    reached: int
    planned: int
    milestones: list
    goals: list


def goal_move(*, student, since, size=5):
    """How the student's goals moved since a moment, as a GoalMove with at most `size` milestones and goals.

    Indexes: goals_goalperiod_of_student, that of a goal's milestones, goal_milestones_of_student, goals_of_student.
    """
    current = GoalPeriod.objects.filter(student=student, period__endswith=None).select_related("goal").first()
    goal = current and current.goal
    numbers = GoalMilestone.objects.filter(student=student, goal=goal).aggregate(
        planned=Count("pk"), reached=Count("reached_at")
    )
    milestones = GoalMilestone.objects.filter(student=student, reached_at__gt=since).select_related("goal")
    return GoalMove(
        goal=goal,
        day=current and (today() - current.period.lower.astimezone(DAY_ZONE).date()).days + 1,
        milestones=list(milestones.order_by("reached_at")[:size]),
        goals=list(Goal.objects.filter(student=student, completed_at__gt=since).order_by("completed_at")[:size]),
        **numbers,
    )


def student_goals(*, student, after=None, size=10, entries_of_a_goal=10):
    """The student's goals in the order in which they were set, as a Page of GoalTimeline.

    Counts are an index-only scan of the entries of the goals shown.
    Indexes: goals_of_student, idx_student_goal.
    """
    page = BY_TIME.page(Goal.objects.filter(student=student).prefetch_related("periods"), after, size)
    goals = [goal.pk for goal in page.entries]
    counts = _goal_counts(student, goals)
    entries = defaultdict(list)
    for entry in Activity.objects.raw(
        ENTRIES_OF_GOALS, {"student": student.pk, "goals": goals, "limit": entries_of_a_goal + 1}
    ):
        entries[entry.goal_id].append(entry)
    timelines = [
        GoalTimeline(goal, counts[goal.pk], first_page(entries[goal.pk], entries_of_a_goal, BY_TIME))
        for goal in page.entries
    ]
    return Page(timelines, page.next)


def goal_timeline(*, goal, after=None, size=50):
    """What led to one goal, in order of time, as a GoalTimeline.  Index: idx_student_goal."""
    entries = Activity.objects.filter(student=goal.student_id, goal=goal)
    counts = _goal_counts(goal.student, [goal.pk])[goal.pk]
    return GoalTimeline(goal, counts, BY_TIME.page(entries, after, size))


def _goal_counts(student, goals):
    counts = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(GOAL_COUNTS, {"student": student.pk, "goals": goals})
        for goal, activity_type, number in cursor.fetchall():
            counts[goal][activity_type] = number
    return counts


# Without a limit, which would cut off whole kinds: a goal holds what one person did.
GOAL_COUNTS = """
    SELECT goal_id, activity_type, count(*)
    FROM student_activity_timeline
    WHERE student_id = %(student)s AND goal_id = ANY (%(goals)s::uuid[])
    GROUP BY goal_id, activity_type
"""

ENTRIES_OF_GOALS = """
    SELECT entry.*
    FROM unnest(%(goals)s::uuid[]) AS goal (id)
    CROSS JOIN LATERAL (
        SELECT * FROM student_activity_timeline
        WHERE student_id = %(student)s AND goal_id = goal.id
        ORDER BY created_at, id
        LIMIT %(limit)s
    ) AS entry
    ORDER BY entry.created_at, entry.id
"""
