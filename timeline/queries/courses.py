"""Courses and who is in them."""

from dataclasses import dataclass

from django.db.models.functions import Left

from courses.models import TITLE_BEGINNING, Course, Enrollment, Video
from profiles.models import Profile
from timeline.queries.common import BY_CALLED, BY_NAME, BY_TITLE


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


def open_courses(*, title="", after=None, size=24):
    """A page of the courses that are open for enrolment, by title; with `title`, those whose title contains it.

    Index: courses_in_order.
    """
    courses = Course.objects.filter(open_for_enrolment=True).annotate(called=Left("title", TITLE_BEGINNING))
    return BY_CALLED.page(courses.filter(title__icontains=title) if title else courses, after, size)


@dataclass(frozen=True)
class Beginning:
    """Where a student begins: the course that they enrolled in last, and its first video; None where there is none."""

    enrollment: Enrollment | None
    video: Video | None


def beginning(*, student):
    """Where a student begins, as a Beginning.  Indexes: courses_enrollment_once, course_chapters_in_order."""
    enrollments = Enrollment.objects.filter(student=student, left_at=None).select_related("course")
    enrollment = enrollments.order_by("-enrolled_at").first()
    videos = Video.objects.filter(lesson__course=enrollment and enrollment.course_id)
    return Beginning(enrollment, videos.order_by("lesson__position", "lesson_id", "position", "id").first())


def courses_of_student(*, student, size=200):
    """The courses that a student is or was enrolled in, by title.  Index: courses_enrollment_once."""
    return list(Course.objects.filter(enrollments__student=student).order_by("title", "pk")[:size])
