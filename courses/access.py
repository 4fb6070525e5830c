"""Who may watch which video."""

from django.db.models import Exists, OuterRef, Q

from courses.models import CourseInstructor, Enrollment, Video


def videos_watchable(user):
    """The videos that `user` may watch: of courses that they are enrolled in or teach; all of them for staff."""
    if user.is_staff:
        return Video.objects.all()
    if not user.is_authenticated:
        return Video.objects.none()
    course = OuterRef("lesson__course")
    enrolled = Enrollment.objects.filter(course=course, student=user, left_at=None)
    taught = CourseInstructor.objects.filter(course=course, instructor=user)
    return Video.objects.filter(Q(Exists(enrolled)) | Q(Exists(taught)))
