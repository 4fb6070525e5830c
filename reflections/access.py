"""Who may answer whom (docs/architecture.md, "Who sees what")."""

from django.db.models import Exists, OuterRef, Q

from courses.models import CourseInstructor, Enrollment
from reflections.models import Reflection


def answerable_reflections(user):
    """The reflections that `user` may answer.

    Those on videos of courses that they teach; without a video, those of
    students of such a course; for staff all.  Never one's own, nor a hidden one.
    """
    reflections = Reflection.objects.filter(hidden_at=None).exclude(student=user)
    if user.is_staff:
        return reflections
    # Asked of one reflection at a time: a list of everything taught would be read anew for each.  PostgreSQL may make
    # one all the same where many without a video are asked for; timeline.access.mark_answerable() asks otherwise.
    teaches = CourseInstructor.objects.filter(instructor=user)
    of_video = teaches.filter(course__lessons__videos=OuterRef("video"))
    of_student = Enrollment.objects.filter(student=OuterRef("student"), course__instructors=user)
    return reflections.filter(Exists(of_video) | Q(video=None) & Exists(of_student))
