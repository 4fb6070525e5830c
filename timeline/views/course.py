"""A course, as its instructor sees it."""

from django.shortcuts import get_object_or_404

from timeline import access, queries
from timeline.views.page import Page, text_asked


class CoursePage(Page):
    """A course as its instructor sees it: its videos, each with its journey, and its students."""

    template_name = "timeline/course.html"

    def setup(self, request, *args, **kwargs):
        super().setup(request, *args, **kwargs)
        self.course = get_object_or_404(access.courses_taught(request.user), pk=kwargs["course"])

    def get_context_data(self, **kwargs):
        name = text_asked(self.request, "name")
        students = queries.students_of_course(course=self.course, name=name, after=self.request.GET.get("after"))
        return super().get_context_data(
            course=self.course,
            lessons=self.course.lessons.prefetch_related("videos")[:200],
            name=name,
            students=students.entries,
            more=students.next,
            **kwargs,
        )
