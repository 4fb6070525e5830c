"""Courses and who is in them."""

import uuid
from dataclasses import dataclass
from itertools import batched

from django.db.models import F
from django.db.models.functions import Left
from django.db.models.lookups import IsNull

from courses.models import TITLE_BEGINNING, Course, Enrollment, Video
from profiles.models import Profile
from timeline.keyset import Keyset, Page
from timeline.queries.common import BY_CALLED, BY_NAME, BY_TITLE, COUNT_LIMIT


def students_of_course(*, course, name="", after=None, size=50):
    """The people of a course by name, those who left it after the others; with `name`, those whose name contains it.

    Each has `enrolled_at`, `left_at` and `completed_at`: when they came into the course, left it, and completed it, the
    last two or None.
    Indexes: profiles_full_name, courses_enrollment_once (or, in a small
    course of a large platform, the index of enrollments.course_id).
    """
    of_those_who_left, cursor, entries = 0, None, []
    if after:
        of_those_who_left, *place = BY_STAYING.parse(after)
        cursor = BY_NAME.cursor_of(place)
    for has_left in (False, True)[max(of_those_who_left, 0) :]:
        students = _in_course(enrollments__course=course, enrollments__left_at__isnull=not has_left)
        students = BY_NAME.rows(students.filter(full_name__icontains=name) if name else students, cursor)
        entries += students[: size + 1 - len(entries)]
        if len(entries) > size:
            last = entries[size - 1]
            return Page(entries[:size], BY_STAYING.cursor_of((int(last.left_at is not None), last.full_name, last.pk)))
        cursor = None
    return Page(entries, None)


def everybody_of_course(*, course, size):
    """The people of `students_of_course()` as they are now, in the same order, as batches of up to `size`.

    Who they are is read at once, so that each is there once, whoever is renamed, leaves or comes back while somebody
    downloads slowly; who joins by then is not, nor who is erased.  The rest is read batch by batch.
    Indexes: that of enrollments.course_id; of a batch, that of profiles.id and, in a large course,
    courses_enrollment_once.
    """
    people = Enrollment.objects.filter(course=course)
    people = people.order_by(IsNull(F("left_at"), False), "student__full_name", "student_id")
    for some in batched(people.values_list("student_id", flat=True), size):
        found = {student.pk: student for student in _in_course(enrollments__course=course, pk__in=some)}
        yield [found[pk] for pk in some if pk in found]


def _in_course(**asked):
    enrolled = {name: F(f"enrollments__{name}") for name in ("enrolled_at", "left_at", "completed_at")}
    return Profile.objects.filter(**asked).annotate(**enrolled)


def class_size(*, course):
    """How many are in a course now, up to COUNT_LIMIT + 1.  Index: enrollments_current."""
    current = Enrollment.objects.filter(course=course, left_at=None)
    return current.order_by("student_id")[: COUNT_LIMIT + 1].count()


BY_STAYING = Keyset(("has_left", "full_name", "id"), (int, str, uuid.UUID))


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
