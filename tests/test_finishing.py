"""When a lesson or a course is complete, by the rule and by hand."""

import datetime
import threading
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from courses.finishing import (
    NOTE_LIMIT,
    Finished,
    complete_course,
    complete_lesson,
    finish,
    finish_course,
    take_back_course,
    take_back_lesson,
)
from courses.models import Enrollment, LessonCompletion, Quiz, VideoProgress
from tests import factories
from tests.test_queries import nodes, plans_of
from tests.threads import at_once
from timeline.models import Activity

NOON = datetime.datetime(2026, 3, 15, 16, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
NOTHING = Finished(0, 0)


def watch(student, video, at=NOON):
    return factories.VideoProgressFactory(student=student, video=video, watched=[(0, 600)], watched_at=at)


def take(student, quiz, at=NOON, passed=True):
    return factories.QuizAttemptFactory(
        student=student, quiz=quiz, started_at=at, submitted_at=at, score=100 if passed else 0, passed=passed
    )


def course_of(student):
    return Enrollment.objects.get(student=student)


@pytest.fixture
def course(db):
    return factories.CourseFactory()


@pytest.fixture
def student(course):
    return factories.EnrollmentFactory(course=course, enrolled_at=NOON - HOUR).student


@pytest.fixture
def instructor(course):
    return factories.CourseInstructorFactory(course=course).instructor


@pytest.fixture
def lesson(course):
    """A lesson of a video and a quiz, the only one of its course."""
    lesson = factories.LessonFactory(course=course)
    factories.VideoFactory(lesson=lesson)
    factories.QuizQuestionFactory(quiz__lesson=lesson)
    return lesson


def do_everything(student, lesson):
    for video in lesson.videos.all():
        watch(student, video)
    for quiz in lesson.quizzes.all():
        take(student, quiz, NOON + HOUR)


def test_a_lesson_and_its_course_are_complete_when_all_is_watched_and_passed(student, lesson):
    watch(student, lesson.videos.get())
    assert finish(student, lesson) == NOTHING
    take(student, lesson.quizzes.get(), NOON + HOUR, passed=False)
    assert finish(student, lesson) == NOTHING
    take(student, lesson.quizzes.get(), NOON + 2 * HOUR)
    take(student, lesson.quizzes.get(), NOON + 3 * HOUR)
    assert finish(student.pk, lesson.pk) == Finished(1, 1)
    assert finish(student, lesson) == NOTHING
    assert LessonCompletion.objects.get().completed_at == NOON + 2 * HOUR
    assert course_of(student).completed_at == NOON + 2 * HOUR
    kinds = set(Activity.objects.filter(student=student).values_list("activity_type", flat=True))
    assert {"lesson_completion", "course_completion"} <= kinds


def test_a_course_is_complete_with_its_last_lesson_and_not_before_it_was_begun(student, lesson, course):
    second = factories.VideoFactory(lesson__course=course)
    do_everything(student, lesson)
    assert finish(student, lesson) == Finished(1, 0)
    watch(student, second, NOON - 2 * HOUR)
    Enrollment.objects.update(enrolled_at=NOON + 5 * HOUR)
    assert finish(student, second.lesson) == Finished(1, 1)
    assert course_of(student).completed_at == NOON + 5 * HOUR


def test_what_is_not_required_or_not_yet_written_need_not_be_passed(student, lesson):
    watch(student, lesson.videos.get())
    Quiz.objects.update(required=False)
    factories.QuizFactory(lesson=lesson, title="Without questions yet")
    assert finish(student, lesson) == Finished(1, 1)


def test_a_lesson_with_nothing_to_do_is_completed_by_hand_alone(student, course, instructor):
    workshop = factories.LessonFactory(course=course)
    assert finish(student, workshop) == NOTHING
    assert complete_lesson(student, workshop, by=instructor, note=" Was there. ")
    assert not complete_lesson(student, workshop, by=instructor, note="Again.")
    completion = LessonCompletion.objects.get()
    assert (completion.note, completion.set_by) == ("Was there.", instructor)
    assert course_of(student).completed_at >= completion.completed_at


def test_who_is_not_enrolled_completes_nothing_and_who_left_keeps_what_they_did(student, lesson):
    stranger = factories.ProfileFactory()
    do_everything(stranger, lesson)
    assert finish(stranger, lesson) == NOTHING
    Enrollment.objects.update(left_at=timezone.now())
    do_everything(student, lesson)
    assert finish(student, lesson) == Finished(1, 1)


def test_what_comes_later_into_the_catalogue_takes_no_completion_away(student, lesson, course):
    do_everything(student, lesson)
    finish(student, lesson)
    before = course_of(student).completed_at
    factories.VideoFactory(lesson=lesson)
    factories.LessonFactory(course=course)
    assert finish(student, lesson) == NOTHING
    assert LessonCompletion.objects.count() == 1
    assert course_of(student).completed_at == before


def test_an_author_who_takes_something_away_completes_the_lesson_for_everybody_who_did_the_rest(
    student, lesson, course, monkeypatch
):
    monkeypatch.setattr("courses.finishing.STUDENTS_AT_ONCE", 2)
    others = [factories.EnrollmentFactory(course=course).student for _ in range(4)]
    for person in [student, *others[:3]]:
        watch(person, lesson.videos.get())
    assert finish_course(course) == NOTHING
    Quiz.objects.update(required=False)
    assert finish_course(course) == Finished(4, 4)
    assert finish_course(course) == NOTHING
    assert not LessonCompletion.objects.filter(student=others[3]).exists()


def test_what_was_set_by_hand_is_taken_back_with_what_rested_on_it(student, lesson, instructor):
    complete_lesson(student, lesson, by=instructor, note="Did it on paper.")
    assert course_of(student).completed_at
    assert take_back_lesson(student, lesson)
    assert not LessonCompletion.objects.exists()
    assert course_of(student).completed_at is None
    assert not take_back_lesson(student, lesson)


def test_what_was_done_is_not_taken_back(student, lesson, course, instructor):
    complete_lesson(student, lesson, by=instructor, note="Did it on paper.")
    do_everything(student, lesson)
    finish(student, lesson)
    assert take_back_lesson(student, lesson)
    completion = LessonCompletion.objects.get()
    assert (completion.completed_at, completion.note) == (NOON + HOUR, "")
    assert course_of(student).completed_at == NOON + HOUR
    assert not take_back_lesson(student, lesson)
    assert not take_back_course(student, course)
    assert course_of(student).completed_at == NOON + HOUR


def test_a_course_is_set_complete_by_hand_and_taken_back(student, lesson, course, instructor):
    assert complete_course(student, course, by=instructor, note="Knew it all.")
    assert not complete_course(student, course, by=instructor, note="Again.")
    assert course_of(student).completion_set_by == instructor
    complete_lesson(student, lesson, by=instructor, note="This, too.")
    take_back_lesson(student, lesson)
    assert course_of(student).completion_note == "Knew it all."
    assert take_back_course(student, course)
    enrollment = course_of(student)
    assert (enrollment.completed_at, enrollment.completion_set_by, enrollment.completion_note) == (None, None, "")


def test_a_completion_keeps_its_note_when_its_instructor_is_gone(student, lesson, course, instructor):
    complete_course(student, course, by=instructor, note="Knew it all.")
    complete_lesson(student, lesson, by=instructor, note="On paper.")
    instructor.delete()
    assert course_of(student).completion_note == "Knew it all."
    assert LessonCompletion.objects.get().note == "On paper."
    assert take_back_lesson(student, lesson)


@pytest.mark.parametrize("note", ["", " \n ", "a\0b", "x" * (NOTE_LIMIT + 1)])
def test_a_completion_by_hand_needs_a_note_that_can_be_kept(student, lesson, course, instructor, note):
    with pytest.raises(ValidationError):
        complete_lesson(student, lesson, by=instructor, note=note)
    with pytest.raises(ValidationError):
        complete_course(student, course, by=instructor, note=note)
    assert not LessonCompletion.objects.exists()
    assert course_of(student).completed_at is None


class TestWhateverTheOrder(TestCase):
    @settings(max_examples=25, deadline=None)
    @given(st.permutations(["one", "two", "quiz", "other"]), st.sets(st.sampled_from(["one", "two", "quiz", "other"])))
    def test_the_steps_are_done_the_completions_are_the_same(self, order, done):
        """Against the simplest model: a lesson is complete when its steps are, at the time of the last of them."""
        course = factories.CourseFactory()
        first, second = factories.LessonFactory.create_batch(2, course=course)
        videos = {name: factories.VideoFactory(lesson=first) for name in ("one", "two")}
        videos["other"] = factories.VideoFactory(lesson=second)
        quiz = factories.QuizQuestionFactory(quiz__lesson=first).quiz
        student = factories.EnrollmentFactory(course=course, enrolled_at=NOON - HOUR).student
        times = {name: NOON + number * HOUR for number, name in enumerate(order)}
        for name in order:
            if name not in done:
                continue
            if name == "quiz":
                take(student, quiz, times[name])
            else:
                watch(student, videos[name], times[name])
            finish(student, second if name == "other" else first)
        needed = {first.pk: {"one", "two", "quiz"}, second.pk: {"other"}}
        expected = {lesson: max(times[name] for name in steps) for lesson, steps in needed.items() if steps <= done}
        assert dict(LessonCompletion.objects.values_list("lesson_id", "completed_at")) == expected
        completed_at = max(expected.values()) if len(expected) == 2 else None
        assert course_of(student).completed_at == completed_at


def test_finishing_looks_up_one_student_by_index_however_many_there_are(student, lesson):
    do_everything(student, lesson)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO profiles (full_name) SELECT 'Student ' || n FROM generate_series(1, 2000) AS n")
        for table, column, row in (
            ("enrollments", "course_id", lesson.course_id),
            ("video_progress", "video_id", lesson.videos.get().pk),
            ("quiz_attempts", "quiz_id", lesson.quizzes.get().pk),
        ):
            cursor.execute(
                f"INSERT INTO {table} (student_id, {column}) SELECT id, %s FROM profiles WHERE id <> %s"
                " ON CONFLICT DO NOTHING",
                [row, student.pk],
            )
        cursor.execute("ANALYZE enrollments, video_progress, quiz_attempts")
    plans = plans_of(lambda: finish(student, lesson))
    indexes = {node.get("Index Name") for plan in plans for node in nodes(plan)}
    assert {"courses_enrollment_once", "courses_videoprogress_once", "quiz_attempts_at_quiz"} <= indexes
    scanned = {node.get("Relation Name") for plan in plans for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    assert scanned & {"enrollments", "video_progress", "quiz_attempts"} == set()


def test_staff_who_add_a_completion_in_the_admin_sign_its_note_and_complete_the_course(client, student, course):
    lesson = factories.LessonFactory(course=course)
    staff = factories.StaffFactory(is_superuser=True)
    client.force_login(staff)
    fields = {"student": student.pk, "lesson": lesson.pk, "completed_at_0": "2026-03-15", "completed_at_1": "12:00"}
    assert client.post("/admin/courses/lessoncompletion/add/", fields | {"note": "Seen by me."}).status_code == 302
    completion = LessonCompletion.objects.get()
    assert (completion.note, completion.set_by) == ("Seen by me.", staff)
    assert course_of(student).completed_at == completion.completed_at == NOON
    address = f"/admin/courses/enrollment/{course_of(student).pk}/change/"
    fields = {
        "course": course.pk,
        "enrolled_at_0": "2026-03-15",
        "enrolled_at_1": "10:00",
        "completion_note": "A note without a completion.",
    }
    assert "A completion that is set by hand has a note" in client.post(address, fields).text
    fields |= {"completed_at_0": "2026-03-16", "completed_at_1": "12:00", "completion_note": "Seen by me, too."}
    assert client.post(address, fields).status_code == 302
    assert course_of(student).completion_set_by == staff


@pytest.mark.django_db(transaction=True)
def test_of_two_who_each_finish_half_at_the_same_time_one_completes_the_lesson():
    lesson = factories.LessonFactory()
    videos = factories.VideoFactory.create_batch(2, lesson=lesson)
    student = factories.EnrollmentFactory(course=lesson.course).student
    both_written = threading.Barrier(2, timeout=10)

    def finish_half(video):
        with transaction.atomic():
            VideoProgress.objects.create(student=student, video=video, watched=[(0, 600)])
            both_written.wait()
            return finish(student, lesson)

    written = at_once(*(partial(finish_half, video) for video in videos))
    assert sorted(written, key=lambda each: each.lessons) == [NOTHING, Finished(1, 1)]
    assert LessonCompletion.objects.count() == 1
