"""A student's days and goals."""

from django.shortcuts import get_object_or_404

from goals.models import Goal
from timeline import access, queries
from timeline.fold import folded
from timeline.views.page import Page


class StudentPage(Page):
    """A page about one student: the one of the address, or oneself."""

    def setup(self, request, *args, student=None, **kwargs):
        super().setup(request, *args, **kwargs)
        self.student = get_object_or_404(access.visible_students(request.user), pk=student or request.user.pk)
        self.own = self.student == request.user

    def get_context_data(self, **kwargs):
        return super().get_context_data(student=self.student, own=self.own, **kwargs)

    def prepare(self, entries):
        """Look up what the entries refer to, and which of them the visitor may answer."""
        access.mark_answerable(self.request.user, queries.with_places(entries))


class StudentGoals(StudentPage):
    """A student's goals in order, each with its period, counts and the start of its timeline."""

    template_name = "timeline/student_goals.html"
    fragments = ("goals",)

    def get_context_data(self, **kwargs):
        page = queries.student_goals(student=self.student, after=self.request.GET.get("after"))
        self.prepare([entry for timeline in page.entries for entry in timeline.entries.entries])
        goals = [(timeline, folded(timeline.entries.entries)) for timeline in page.entries]
        return super().get_context_data(goals=goals, more=page.next, **kwargs)


class StudentGoal(StudentPage):
    """What led to one goal, in order of time."""

    template_name = "timeline/student_goal.html"

    def setup(self, request, *args, goal, **kwargs):
        super().setup(request, *args, **kwargs)
        self.goal = get_object_or_404(
            Goal.objects.filter(student=self.student).select_related("student").prefetch_related("periods"), pk=goal
        )

    def get_context_data(self, **kwargs):
        timeline = queries.goal_timeline(goal=self.goal, after=self.request.GET.get("after"))
        self.prepare(timeline.entries.entries)
        return super().get_context_data(
            timeline=timeline, items=folded(timeline.entries.entries), more=timeline.entries.next, **kwargs
        )
