"""A student's goals: the path that they make, what led to each, and what was corrected."""

import datetime
from dataclasses import dataclass

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.functional import cached_property

from config.counts import counted
from goals import living
from goals.models import Goal, GoalCorrection, GoalPeriod
from timeline import calendar, curve, kinds, queries
from timeline.fold import folded
from timeline.views.page import Page
from timeline.views.student import StudentPage

PROPOSALS = 20  # that are shown; those that wait go first
PLANNED = 5  # goals at a time, so that the current one is not far
A_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class OnPath:
    """A goal as the path shows it: a `queries.LivedGoal` and its Curve, which is None where nothing was done."""

    lived: queries.LivedGoal
    curve: curve.Curve | None

    @property
    def goal(self):
        return self.lived.goal


def on_path(lived, first_weekday):
    """`queries.LivedGoal`s as OnPath."""
    return [OnPath(each, _curve(each, first_weekday)) for each in lived]


def _curve(lived, first_weekday):
    spans = [period.span for period in lived.periods]
    counts = {week: sum(kinds.done(numbers).values()) for week, numbers in lived.weeks.items()}
    return curve.drawn(counts, spans=spans, week_of=lambda day: queries.week_of(day, first_weekday))


class GoalsPage(StudentPage):
    """What the pages of a student's goals share."""

    varies_with = (*Page.varies_with, "Accept-Language")  # says where weeks begin

    @cached_property
    def first_weekday(self):
        return calendar.first_weekday(self.request)

    def get_context_data(self, **kwargs):
        return super().get_context_data(today=queries.today(), recently=timezone.now() - A_DAY, **kwargs)

    def item_of(self, goal):
        """A goal of the student as an OnPath; 404 if there is none with that id."""
        goal = goal_of(self.student, goal)
        lived = queries.lived_goals(student=self.student, goals=[goal], first_weekday=self.first_weekday)
        return on_path(lived, self.first_weekday)[0]


class StudentGoals(GoalsPage):
    """A student's goals as one path: what is proposed and planned, then what was lived, the latest first."""

    template_name = "timeline/student_goals.html"
    fragments = ("goals", "planned", "path")

    @cached_property
    def fragment(self):
        asked = super().fragment
        return "planned" if asked == "goals" and "planned" in self.request.GET else asked

    def get_context_data(self, **kwargs):
        asked = {"student": self.student, "first_weekday": self.first_weekday}
        if self.fragment != "planned":
            page = queries.goal_path(**asked, after=self.request.GET.get("after"))
            kwargs |= {"goals": on_path(page.entries, self.first_weekday), "more": page.next}
        if self.fragment != "goals":
            page = queries.planned_goals(**asked, after=self.request.GET.get("planned"), size=PLANNED)
            kwargs |= {"planned": on_path(page.entries, self.first_weekday), "more_planned": page.next}
        if self.fragment in (None, "path"):
            proposals = list(living.open_proposals(self.student)[: PROPOSALS + 1])
            more, proposals = len(proposals) > PROPOSALS, proposals[:PROPOSALS]
            kwargs |= {
                "limited_proposals": PROPOSALS if more else None,
                "proposals": [each for each in proposals if not each.declined_at],
                "declined": [each for each in proposals if each.declined_at],
                "corrected": GoalCorrection.objects.filter(student=self.student).exists(),
            }
        return super().get_context_data(**kwargs)


class StudentGoal(GoalsPage):
    """What led to one goal, in order of time, by weeks."""

    template_name = "timeline/student_goal.html"

    def setup(self, request, *args, goal, **kwargs):
        super().setup(request, *args, **kwargs)
        self.goal = goal_of(self.student, goal)

    def get_context_data(self, **kwargs):
        timeline = queries.goal_timeline(
            goal=self.goal, first_weekday=self.first_weekday, after=self.request.GET.get("after")
        )
        self.prepare(timeline.entries)
        if not self.fragment:
            kwargs["item"] = self.item_of(self.goal.pk)
        weeks = [(week, kinds.sentence(week.counts), folded(week.entries)) for week in timeline.weeks]
        return super().get_context_data(goal=self.goal, weeks=weeks, more=timeline.next, **kwargs)


def goal_of(student, pk):
    """A goal of a student, with its periods, the newest first; 404 if it is another's."""
    periods = Prefetch("periods", GoalPeriod.objects.order_by("-period"))
    goals = Goal.objects.filter(student=student).select_related("student").prefetch_related(periods)
    return get_object_or_404(goals, pk=pk)


class Corrections(StudentPage):
    """When the periods of a student's goals were corrected: by whom, why, and what moved; the newest first."""

    template_name = "timeline/goal_corrections.html"

    def get_context_data(self, **kwargs):
        rows = GoalCorrection.objects.filter(student=self.student).select_related("author", "goal")
        page = queries.NEWEST.page(rows, self.request.GET.get("after"), 25)
        named = {move[end] for row in page.entries for move in row.moves for end in ("from", "to")} - {None}
        titles = {str(goal.pk): goal.title for goal in Goal.objects.filter(student=self.student, pk__in=named)}
        corrections = [(row, [self._said(move, titles) for move in row.moves]) for row in page.entries]
        return super().get_context_data(corrections=corrections, more=page.next, **kwargs)

    @staticmethod
    def _said(move, titles):
        source, target = (titles.get(move[end], "a goal that is gone") if move[end] else None for end in ("from", "to"))
        return f"{said_of_number(move['entries'])} moved {said_of_way(source, target)}."


def said_of_number(entries):
    return counted(entries, "entry", "entries") if entries else "No entries"


def said_of_way(source, target):
    """From one goal to another, by their titles; None is no goal."""
    return " ".join(
        f"{word} {f'“{title}”' if title else 'no goal'}" for word, title in (("from", source), ("to", target))
    )
