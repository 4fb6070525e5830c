"""Enrolling in a course and leaving it.  The row stays, and with it everything that was done."""

from django.utils import timezone

from courses.models import Enrollment


def enrol(student, course):
    """Enrol, or come back; returns the Enrollment.  Whoever is in the course already stays as they are."""
    enrollment, _ = Enrollment.objects.get_or_create(student=student, course=course)
    if enrollment.left_at:
        Enrollment.objects.filter(pk=enrollment.pk).update(left_at=None)
        enrollment.left_at = None
    return enrollment


def leave(enrollment):
    """Leave the course; whoever left it already, left it then."""
    Enrollment.objects.filter(pk=enrollment.pk, left_at=None).update(left_at=timezone.now())
