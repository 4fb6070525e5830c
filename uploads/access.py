"""Who gets which upload."""

from django.db.models import Exists, OuterRef, Q

from courses.access import visible_students
from uploads.models import Upload
from uploads.store import naming


def uploads_visible(user):
    """The uploads that `user` may have.

    One's own; those that a writing which is not hidden names, of a student whom
    one sees; all of them for staff.
    """
    if user.is_staff:
        return Upload.objects.all()
    if not user.is_authenticated:
        return Upload.objects.none()
    shown = Exists(visible_students(user).filter(pk=OuterRef("student"))) & naming(hidden_at=None)
    return Upload.objects.filter(Q(owner=user) | shown)
