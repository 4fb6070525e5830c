"""When a lesson or a course is complete (docs/decisions/0030-what-is-complete.md).

A lesson is complete for a student who is or was enrolled once they watched all
its videos and passed all its required quizzes; a quiz without questions does
not count yet, and a lesson with nothing to watch or pass is completed by hand.
A course is complete once all its lessons are.  The time of a completion is that
of the last thing that it took.  Nothing that is done later to the catalogue takes
a completion away; instructors may set one by hand, and take that back.

Every completion is written under a lock on the student's enrolment: of two
transactions that each do half of a lesson, the later one sees both halves.
"""

import uuid
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models.functions import Now

from courses.models import Enrollment, LessonCompletion
from profiles.writing import words

NOTE_LIMIT = 1_000  # characters
STUDENTS_AT_ONCE = 500

_LOCK = """
    SELECT FROM enrollments
    WHERE student_id = ANY(%(students)s)
        AND course_id IN (SELECT course_id FROM course_chapters WHERE id = ANY(%(lessons)s))
    ORDER BY student_id, course_id
    FOR NO KEY UPDATE
"""

_LESSONS = """
    INSERT INTO lesson_completions (student_id, lesson_id, completed_at)
    SELECT enrollments.student_id, lesson.id, greatest(watching.last, quizzing.last)
    FROM course_chapters lesson
    JOIN enrollments ON enrollments.course_id = lesson.course_id AND enrollments.student_id = ANY(%(students)s)
    CROSS JOIN LATERAL (
        SELECT count(*) AS needed, count(video_progress.completed_at) AS done, max(video_progress.completed_at) AS last
        FROM media_files
        LEFT JOIN video_progress
            ON video_progress.video_id = media_files.id AND video_progress.student_id = enrollments.student_id
        WHERE media_files.lesson_id = lesson.id
    ) watching
    CROSS JOIN LATERAL (
        SELECT count(*) AS needed, count(passed.at) AS done, max(passed.at) AS last
        FROM quizzes
        CROSS JOIN LATERAL (
            SELECT min(submitted_at) AS at FROM quiz_attempts
            WHERE quiz_id = quizzes.id AND student_id = enrollments.student_id AND quiz_attempts.passed
        ) passed
        WHERE quizzes.lesson_id = lesson.id AND quizzes.required
            AND EXISTS (SELECT FROM quiz_questions WHERE quiz_id = quizzes.id)
    ) quizzing
    WHERE lesson.id = ANY(%(lessons)s) AND watching.needed + quizzing.needed > 0
        AND watching.needed = watching.done AND quizzing.needed = quizzing.done
    ORDER BY enrollments.student_id, lesson.id
    ON CONFLICT (student_id, lesson_id) DO NOTHING
"""

_COURSES = """
    UPDATE enrollments SET completed_at = greatest(enrollments.enrolled_at, done.last)
    FROM (
        SELECT enrollments.id, max(completion.completed_at) AS last
        FROM enrollments
        JOIN course_chapters lesson ON lesson.course_id = enrollments.course_id
        LEFT JOIN lesson_completions completion
            ON completion.student_id = enrollments.student_id AND completion.lesson_id = lesson.id
        WHERE enrollments.student_id = ANY(%(students)s) AND enrollments.completed_at IS NULL
            AND enrollments.course_id IN (SELECT course_id FROM course_chapters WHERE id = ANY(%(lessons)s))
        GROUP BY enrollments.id
        HAVING count(*) = count(completion.id)
    ) done
    WHERE done.id = enrollments.id
"""


@dataclass(frozen=True)
class Finished:
    """How many completions a call wrote."""

    lessons: int
    courses: int


def reason(note):
    """The note of a completion by hand, as it is kept; ValidationError, in its writer's words, if it is unfit."""
    note = words(note, NOTE_LIMIT)
    if not note:
        raise ValidationError("Say briefly why.")
    return note


def finish(student, lesson):
    """Complete the lesson, and its course, if what the student has done by now completes them.

    To be called in the transaction that wrote what may have completed it, once
    that is written, as often as one likes.  `student` and `lesson` are rows or
    their ids.  Returns what it wrote, as Finished.
    """
    return _settle([_id(student)], [_id(lesson)])


def finish_course(course):
    """`finish` every lesson of a course for everybody who is or was enrolled, in a transaction each few hundred.

    For an author who changed what a lesson takes.  Returns a Finished.
    """
    lessons = list(course.lessons.values_list("pk", flat=True))
    written, last = Finished(0, 0), uuid.UUID(int=0)
    while students := list(
        Enrollment.objects.filter(course=course, student_id__gt=last)
        .order_by("student_id")
        .values_list("student_id", flat=True)[:STUDENTS_AT_ONCE]
    ):
        some = _settle(students, lessons)
        written = Finished(written.lessons + some.lessons, written.courses + some.courses)
        last = students[-1]
    return written


def complete_lesson(student, lesson, *, by, note):
    """Complete the lesson by hand, as `by`, for the reason `note`; returns whether it was not complete already.

    ValidationError, in the words of who wrote it, if the note is empty or unfit.
    """
    note = reason(note)
    with transaction.atomic():
        _lock(student, lesson.course_id)
        _, is_new = LessonCompletion.objects.get_or_create(
            student=student, lesson=lesson, defaults={"set_by": by, "note": note}
        )
        finish(student, lesson)
    return is_new


def take_back_lesson(student, lesson):
    """Take back a completion of the lesson that was set by hand, and that of the course if it rested on it.

    What the student did themself still counts.  Returns whether there was one.
    """
    with transaction.atomic():
        _lock(student, lesson.course_id)
        there = LessonCompletion.objects.filter(student=student, lesson=lesson).exclude(note="").first()
        if there is None:
            return False
        there.delete()
        Enrollment.objects.filter(
            student=student, course=lesson.course_id, completion_note="", completed_at__gte=there.completed_at
        ).update(completed_at=None)
        finish(student, lesson)
    return True


def complete_course(student, course, *, by, note):
    """Complete the course by hand, as `by`, for the reason `note`; returns whether it was not complete already."""
    written = Enrollment.objects.filter(student=student, course=course, completed_at=None).update(
        completed_at=Now(), completion_set_by=by, completion_note=reason(note)
    )
    return bool(written)


def take_back_course(student, course):
    """Take back a completion of the course that was set by hand; it stays complete if all its lessons are.

    Returns whether there was one.
    """
    with transaction.atomic():
        _lock(student, course.pk)
        taken = (
            Enrollment.objects.filter(student=student, course=course)
            .exclude(completion_note="")
            .update(completed_at=None, completion_set_by=None, completion_note="")
        )
        _settle([student.pk], list(course.lessons.values_list("pk", flat=True)))
    return bool(taken)


def _settle(students, lessons):
    parameters = {"students": students, "lessons": lessons}
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(_LOCK, parameters)
        cursor.execute(_LESSONS, parameters)
        completed = cursor.rowcount
        cursor.execute(_COURSES, parameters)
        return Finished(completed, cursor.rowcount)


def _lock(student, course):
    """Lock the enrolment as `_LOCK` does."""
    Enrollment.objects.select_for_update(no_key=True).filter(student=student, course=course).first()


def _id(row):
    return getattr(row, "pk", row)
