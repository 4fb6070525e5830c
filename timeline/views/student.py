"""What the pages about one student share."""

from django.shortcuts import get_object_or_404

from timeline import access, queries
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
