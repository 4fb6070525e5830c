"""Who in a course is active, who is quiet, and who reached something."""

from django.shortcuts import get_object_or_404

from timeline import access, queries
from timeline.rhythm import WEEK
from timeline.views.asked import choice_asked
from timeline.views.page import Page


class ClassMovement(Page):
    """The students of a course: each one's goal, who moves, who is quiet, and who reached something."""

    template_name = "timeline/class_movement.html"
    shown = {
        "all": "All",
        "active": "Active this week",
        "quiet": "Quiet",
        "reached": "Reached something",
        "aimless": "No goal",
    }

    def setup(self, request, *args, course):
        super().setup(request, *args)
        self.course = get_object_or_404(access.courses_taught(request.user), pk=course)

    def get_context_data(self, **kwargs):
        show = choice_asked(self.request, "show", self.shown) or "all"
        page = queries.class_movement(course=self.course, show=show, after=self.request.GET.get("after"))
        queries.with_places([entry for movement in page.entries for entry in movement.entries])
        return super().get_context_data(
            course=self.course,
            show=show,
            tabs=self.shown,
            label=self.shown[show],
            movements=page.entries,
            more=page.next,
            size=page.size,
            week=WEEK,
            looked_at=queries.WEEKS_ENTRIES,
            **kwargs,
        )
