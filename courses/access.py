"""Who may watch which video, and who sees whom (docs/architecture.md, "Who sees what")."""

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from courses.models import Course, CourseInstructor, Enrollment, Quiz, Video
from profiles.models import Profile


def courses_seen(user):
    """The courses whose page `user` may see: open ones, and those that they are or were in, or teach; staff: all."""
    if user.is_staff:
        return Course.objects.all()
    enrolled = Enrollment.objects.filter(course=OuterRef("pk"), student=user)
    return Course.objects.filter(Q(open_for_enrolment=True) | Exists(enrolled) | Exists(_teaching(user)))


def courses_joinable(user):
    """The courses that `user` may enrol in by themself: open ones that they do not teach; staff: none."""
    if user.is_staff:
        return Course.objects.none()
    return Course.objects.filter(~Exists(_teaching(user)), open_for_enrolment=True)


def _of_lesson(user):
    """Two subqueries about what belongs to a lesson: is `user` enrolled in its course, do they teach it?"""
    course = OuterRef("lesson__course")
    return (
        Enrollment.objects.filter(course=course, student=user, left_at=None),
        CourseInstructor.objects.filter(course=course, instructor=user),
    )


def _teaching(user):
    return CourseInstructor.objects.filter(course=OuterRef("pk"), instructor=user)


def videos_watchable(user):
    """The videos that `user` may watch: of courses that they are enrolled in or teach; staff: all."""
    if user.is_staff:
        return Video.objects.all()
    if not user.is_authenticated:
        return Video.objects.none()
    enrolled, taught = _of_lesson(user)
    return Video.objects.filter(Exists(enrolled) | Exists(taught))


def videos_recorded(user):
    """The videos of which it is recorded what `user` watches: of courses that they are enrolled in and do not teach.

    Staff: none.
    """
    if user.is_staff or not user.is_authenticated:
        return Video.objects.none()
    enrolled, taught = _of_lesson(user)
    return Video.objects.filter(Exists(enrolled), ~Exists(taught))


def quizzes_seen(user):
    """The quizzes that `user` may see: of courses that they are enrolled in or teach; staff: all."""
    if user.is_staff:
        return Quiz.objects.all()
    enrolled, taught = _of_lesson(user)
    return Quiz.objects.filter(Exists(enrolled) | Exists(taught))


def quizzes_taken(user):
    """The quizzes that `user` may take: of courses that they are enrolled in and do not teach; staff: none."""
    if user.is_staff:
        return Quiz.objects.none()
    enrolled, taught = _of_lesson(user)
    return Quiz.objects.filter(Exists(enrolled), ~Exists(taught))


def visible_students(user):
    """The people whose days and goals `user` sees: themself, and all who are or were in a course that they teach."""
    if user.is_staff:
        return Profile.objects.all()
    # Asked of one person at a time: a list of everybody taught would be read anew for each page.  PostgreSQL may make
    # one all the same where many are asked for; visible_among() asks otherwise.
    taught = Enrollment.objects.filter(student=OuterRef("pk"), course__instructors=user)
    return Profile.objects.filter(Q(pk=user.pk) | Exists(taught))


def visible_among(user, students):
    """Those of `students` (a set of ids of profiles) who are in visible_students(), as a set of ids; at most one query.

    Reads the enrolments of these students alone.
    """
    if user.is_staff or not students:
        return set(students)
    with connection.cursor() as cursor:
        cursor.execute(TAUGHT_AMONG, {"students": list(students), "by": user.pk})
        return students & {user.pk, *(student for (student,) in cursor.fetchall())}


TAUGHT_AMONG = """
    SELECT DISTINCT student_id FROM enrollments
    WHERE student_id = ANY (%(students)s::uuid[])
        AND course_id = ANY (ARRAY(SELECT course_id FROM course_instructors WHERE instructor_id = %(by)s))
"""
