"""Courses and who is in them."""

from profiles.models import Profile
from timeline.queries.common import BY_NAME, BY_TITLE


def students_of_course(*, course, name="", after=None, size=50):
    """The people enrolled in a course, by name; with `name`, those whose name contains it.

    Indexes: profiles_full_name, courses_enrollment_once (or, in a small
    course of a large platform, the index of enrollments.course_id).
    """
    students = Profile.objects.filter(enrollments__course=course)
    return BY_NAME.page(students.filter(full_name__icontains=name) if name else students, after, size)


def courses_by_title(courses, *, after=None, size=24):
    """A page of `courses` (a queryset) in order of title: a sort of what there is, for catalogues are small."""
    return BY_TITLE.page(courses, after, size)
