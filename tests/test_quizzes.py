"""Taking a quiz on its page: started, answered, resumed, handed in once, marked; by whom, and with what bad input."""

import json
import re
import threading
import time
import uuid
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from courses.models import LessonCompletion, Quiz, QuizAttempt, QuizQuestion
from courses.quizzes import (
    CannotStart,
    HandedIn,
    best_scores,
    first_tries,
    hand_in,
    keep,
    marked,
    questions_of,
    results_of,
    start,
)
from tests import factories
from tests.htmx import by_id, loaded, swapped
from tests.plans import nodes, plans_of
from tests.test_pages import text_of
from tests.threads import at_once, logged_in
from timeline import queries
from timeline.models import Activity
from timeline.views import quiz as quiz_page

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "quiz-slot"}


def make_school():
    """A quiz with a question of each kind, and five kinds of people."""
    quiz = factories.QuizFactory(title="What a customer is", passing_score=75)
    single = factories.QuizQuestionFactory(quiz=quiz, position=1, explanation="They pay.")
    multiple = factories.QuizQuestionFactory(
        quiz=quiz,
        position=2,
        kind="multiple_choice",
        prompt="Which are costs?",
        choices=["Rent", "Hope", "Tax"],
        answers=["Rent", "Tax"],
    )
    text = factories.QuizQuestionFactory(
        quiz=quiz, position=3, kind="short_answer", prompt="The first word?", choices=[], answers=["Listen", "Hear"]
    )
    number = factories.QuizQuestionFactory(
        quiz=quiz, position=4, kind="number", prompt="How many?", choices=[], answers=["3.5"], tolerance="0.1"
    )
    course = quiz.lesson.course
    return SimpleNamespace(
        quiz=quiz,
        questions=[single, multiple, text, number],
        address=reverse("quiz", args=[quiz.pk]),
        student=factories.EnrollmentFactory(course=course).student,
        left=factories.EnrollmentFactory(course=course, left_at=timezone.now()).student,
        stranger=factories.ProfileFactory(),
        instructor=factories.CourseInstructorFactory(course=course).instructor,
        staff=factories.StaffFactory(),
    )


@pytest.fixture
def school():
    return make_school()


@pytest.fixture
def student(client, school):
    client.force_login(school.student)
    return client


def answers(school, *given):
    """The fields of a form with these answers; None leaves a question out."""
    return {
        f"q-{question.pk}": each for question, each in zip(school.questions, given, strict=True) if each is not None
    }


RIGHT = ("1", ["0", "2"], " LISTEN ", "3,45")
HALF = ("1", ["0"], "listen", "4")


def send(client, school, do, given=(None,) * 4, attempt=None, headers=None, **more):
    attempt = attempt or QuizAttempt.objects.filter(quiz=school.quiz, submitted_at=None).get()
    fields = {"do": do, "attempt": str(getattr(attempt, "pk", attempt))} | answers(school, *given) | more
    return client.post(school.address, fields, headers=headers or {})


def begin(client, school):
    client.post(school.address, {"do": "start"})
    return QuizAttempt.objects.filter(quiz=school.quiz).latest("started_at")


# The way through


def test_a_quiz_is_started_answered_and_marked_at_once(student, school):
    page = text_of(student.get(school.address))
    assert "You pass with 75% of the questions right." in page
    assert "You may try as often as you like." in page
    assert "Which are costs?" not in page
    begin(student, school)
    assert "2. Which are costs?" in text_of(student.get(school.address))
    response = send(student, school, "submit", RIGHT)
    attempt = QuizAttempt.objects.get()
    assert response.url == f"{school.address}?attempt={attempt.pk}"
    assert (attempt.score, attempt.passed) == (100, True)
    page = text_of(student.get(response.url))
    assert "Passed: 100%" in page
    assert "Your answer: Rent · Tax" in page
    assert "They pay." in page
    kinds = Activity.objects.filter(quiz_id=school.quiz.pk).values_list("activity_type", flat=True)
    assert sorted(kinds) == ["quiz_attempt", "quiz_completion"]


def test_what_is_needed_is_told_as_exactly_as_what_was_reached(student, school):
    Quiz.objects.update(passing_score="66.67")
    assert "You pass with 66.67% of" in text_of(student.get(school.address))
    begin(student, school)
    assert "66.67% is needed to pass Attempt" in text_of(student.get(send(student, school, "submit", HALF).url))
    factories.QuizAttemptFactory(student=school.student, quiz=school.quiz, submitted=True, score="66.66", passed=False)
    assert "66.66% Not passed yet" in text_of(student.get(reverse("my_days")))


def test_the_quiz_that_was_left_completes_its_lesson_and_course(student, school):
    begin(student, school)
    page = text_of(student.get(send(student, school, "submit", RIGHT).url))
    assert f"You have completed the lesson “{school.quiz.lesson}” and the course “{school.quiz.lesson.course}”." in page
    assert LessonCompletion.objects.get().completed_at == QuizAttempt.objects.get().submitted_at


def test_what_is_not_right_is_told_and_the_right_answer_only_when_there_is_nothing_left_to_try(student, school):
    Quiz.objects.update(attempts_allowed=2)
    begin(student, school)
    assert "Attempt 1 of 2" in text_of(student.get(school.address))
    page = text_of(student.get(send(student, school, "submit", HALF).url))
    assert "Not passed: 50%" in page
    assert "Which are costs? Wrong Your answer: Rent" in page
    assert "Right: Rent · Tax" not in page
    assert "Try again 1 attempt left." in page
    assert not LessonCompletion.objects.exists()
    last = begin(student, school)
    first = QuizAttempt.objects.exclude(pk=last.pk).get()
    page = text_of(student.get(f"{school.address}?attempt={first.pk}"))
    assert "Right: Rent · Tax" not in page, "the last attempt is under way"
    assert "Continue your open attempt 1 attempt left." in page
    assert "used all" not in page
    page = text_of(student.get(send(student, school, "submit", ("1", ["0"], "talk", "4")).url))
    assert "Which are costs? Wrong Your answer: Rent Right: Rent · Tax" in page
    assert "Your answer: talk Right: Listen How many?" in page, "one of the forms that are right"
    assert "You have used all your attempts." in page
    assert "Other attempts Attempt 1 50%" in page
    response = student.post(school.address, {"do": "start"})
    assert response.status_code == 409
    assert "You have used all your attempts at this quiz." in text_of(response)
    assert QuizAttempt.objects.count() == 2


def test_the_last_attempt_is_begun_also_if_another_writer_has_opened_it(student, school):
    Quiz.objects.update(attempts_allowed=1)
    factories.QuizAttemptFactory(quiz=school.quiz, student=school.student)
    page = text_of(student.get(school.address))
    assert "You have 1 attempt. Your answers are kept as you give them. Start" in page
    begin(student, school)
    assert "2. Which are costs?" in text_of(student.get(school.address))


def test_an_attempt_left_open_resumes_with_the_answers_given_so_far(student, school):
    attempt = begin(student, school)
    assert send(student, school, "keep", ("1", ["2"], "Lis", None), headers=HTMX).status_code == 204
    assert begin(student, school) == attempt
    page = student.get(school.address).text
    assert page.count("checked") == 2
    assert 'value="Lis"' in page
    assert send(student, school, "keep", ("1", ["2"], "Lis", "three"), headers=HTMX).status_code == 202
    response = send(student, school, "keep", ("0", None, "Hear", "3"))
    assert response.url == reverse("course", args=[school.quiz.lesson.course_id])
    kept = QuizAttempt.objects.get().answers
    assert list(kept.values()) == [["You"], ["Hear"], ["3"]]


def test_what_is_left_blank_is_asked_for_once_and_then_taken(student, school):
    begin(student, school)
    response = send(student, school, "submit", ("1", None, "", "3.5"))
    assert response.status_code == 422
    page = text_of(response)
    assert "Choose at least one." in page
    assert "Write an answer." in page
    assert "Hand in with blanks" in page
    assert QuizAttempt.objects.get().answers.keys() == {str(school.questions[0].pk), str(school.questions[3].pk)}
    send(student, school, "submit blanks", ("1", None, "", "3.5"))
    assert QuizAttempt.objects.get().score == 50
    assert "Your answer: none" in text_of(student.get(school.address))


def test_the_questions_stay_as_they_were_when_it_was_started(student, school):
    begin(student, school)
    before = text_of(student.get(school.address))
    QuizQuestion.objects.filter(pk=school.questions[1].pk).update(prompt="Which are not?", answers=["Hope"])
    QuizQuestion.objects.filter(pk=school.questions[0].pk).delete()
    assert text_of(student.get(school.address)) == before
    send(student, school, "submit", RIGHT)
    assert "Passed: 100%" in text_of(student.get(school.address))
    assert QuizAttempt.objects.get().score == 100
    begin(student, school)
    assert "Which are not?" in text_of(student.get(school.address))
    assert "Who decides" not in text_of(student.get(school.address))


@pytest.mark.parametrize(("then", "today"), [(75, 50), (50, 75)])
def test_what_is_needed_today_is_not_said_of_an_attempt_that_was_marked_by_another_number(student, school, then, today):
    Quiz.objects.update(passing_score=then)
    begin(student, school)
    result = send(student, school, "submit", HALF).url
    Quiz.objects.update(passing_score=today)
    page = text_of(student.get(result))
    assert ("Passed: 50%" if then == 50 else "Not passed: 50%") in page
    assert f"{today}% is needed to pass now; this attempt counts as it did when it was handed in" in page
    Quiz.objects.update(passing_score=then)
    assert f"{then}% is needed to pass Attempt" in text_of(student.get(result))


def test_an_attempt_that_another_writer_made_without_questions_is_told_as_far_as_it_goes(student, school):
    attempt = factories.QuizAttemptFactory(student=school.student, quiz=school.quiz, submitted=True)
    assert "The questions of this attempt were not kept." in text_of(student.get(school.address))
    attempt = factories.QuizAttemptFactory(student=school.student, quiz=school.quiz)
    assert "Start" in text_of(student.get(school.address))
    assert send(student, school, "submit", RIGHT, attempt=attempt).status_code == 404
    assert begin(student, school).pk == attempt.pk
    assert send(student, school, "submit", RIGHT).status_code == 302


def test_a_quiz_without_questions_cannot_be_started(student, school):
    QuizQuestion.objects.all().delete()
    assert "has no questions yet" in text_of(student.get(school.address))
    assert student.post(school.address, {"do": "start"}).status_code == 409
    assert not QuizAttempt.objects.exists()


# In place


def test_what_is_swapped_in_is_what_a_fresh_page_shows(student, school):
    page = loaded(student.get(school.address))
    answer = student.post(school.address, {"do": "start"}, headers=HTMX)
    assert swapped(page, answer, by_id(page, "quiz-slot")) == loaded(student.get(school.address))
    page = loaded(student.get(school.address))
    answer = send(student, school, "submit", HALF, headers=HTMX)
    assert swapped(page, answer, by_id(page, "quiz-slot")) == loaded(student.get(school.address))
    told = json.loads(answer["HX-Trigger-After-Settle"])["quiz-marked"]
    assert told == {"quiz": str(school.quiz.pk), "passed": False}
    assert "HX-Request" in answer["Vary"]


def test_a_lesson_that_is_complete_is_told_in_place(student, school):
    begin(student, school)
    answer = send(student, school, "submit", RIGHT, headers=HTMX)
    assert "You have completed the lesson" in text_of(answer)
    assert "<html" not in answer.text


def test_handing_in_twice_counts_once(student, school):
    attempt = begin(student, school)
    first = send(student, school, "submit", HALF)
    assert send(student, school, "submit", HALF, attempt=attempt).url == first.url
    again = send(student, school, "submit", HALF, attempt=attempt, headers=HTMX)
    assert (again.status_code, again["HX-Retarget"]) == (200, "#quiz-slot")
    for do in ("submit", "keep"):
        late = send(student, school, do, RIGHT, attempt=attempt, headers=HTMX)
        assert (late.status_code, late["HX-Retarget"], late["HX-Reswap"]) == (409, "#quiz-slot", "outerHTML")
        assert "was already handed in" in text_of(late)
        assert send(student, school, do, RIGHT, attempt=attempt).status_code == 409
    attempt.refresh_from_db()
    assert (attempt.score, QuizAttempt.objects.count()) == (50, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("do", ["start", "submit"])
def test_two_at_once_count_once(do):
    school = make_school()
    attempt = start(school.student, school.quiz) if do == "submit" else uuid.UUID(int=1)

    sent = [(logged_in(school.student), school, do, given) for given in (RIGHT, HALF, RIGHT, HALF)]
    found = at_once(*(partial(send, *each, attempt=attempt) for each in sent))
    assert {answer.status_code for answer in found} <= {302, 409}
    only = QuizAttempt.objects.get()
    assert Activity.objects.filter(quiz_id=school.quiz.pk, activity_type="quiz_attempt").count() == 1
    if do == "submit":
        assert only.score == (100 if only.passed else 50)
        assert [each.is_right for each in marked(only)].count(True) * 25 == only.score


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("do", ["keep", "submit"])
def test_who_sends_answers_while_staff_delete_the_attempt_is_told_so(do):
    school = make_school()
    attempt = start(school.student, school.quiz)
    client = Client(raise_request_exception=False)
    client.force_login(school.student)
    found = []

    def press():
        try:
            found.append(send(client, school, do, RIGHT, attempt=attempt, headers=HTMX))
        finally:
            connection.close()

    thread = threading.Thread(target=press)
    with transaction.atomic(), connection.cursor() as cursor:
        QuizAttempt.objects.all().delete()
        thread.start()
        for _ in range(200):  # until the other one has found the attempt, and waits
            cursor.execute("SELECT FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))")
            if cursor.rowcount:
                break
            time.sleep(0.05)
        else:
            pytest.fail("Nobody waits for the attempt.")
    thread.join(20)
    (answer,) = found
    assert (answer.status_code, answer["HX-Retarget"], answer["HX-Reswap"]) == (409, "#quiz-slot", "outerHTML")
    assert "This attempt has just been deleted, and its answers with it." in text_of(answer)
    assert 'value="start"' in answer.text
    assert not QuizAttempt.objects.exists()


class TestWhateverTabsDo(TestCase):
    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.just(("start",)),
                st.tuples(st.sampled_from(["keep", "hand in"]), st.integers(0, 2), st.sampled_from(["right", "wrong"])),
            ),
            max_size=12,
        ),
        st.sampled_from([None, 1, 2]),
    )
    def test_attempts_are_as_a_simple_model_of_them_says(self, steps, allowed):
        """The model: a list of [answers, whether handed in]; one is open at most, and nothing changes after it."""
        quiz = factories.QuizQuestionFactory(quiz__attempts_allowed=allowed).quiz
        student = factories.EnrollmentFactory(course=quiz.lesson.course).student
        question = str(quiz.questions.get().pk)
        attempts, model = [], []
        for do, *rest in steps:
            if do == "start":
                is_open = bool(model) and not model[-1][1]
                try:
                    attempt = start(student, quiz)
                except CannotStart:
                    assert not is_open
                    assert len(model) == allowed
                    continue
                assert is_open or allowed is None or len(model) < allowed
                if not is_open:
                    attempts.append(attempt)
                    model.append([{}, False])
                assert attempt == attempts[-1]
            elif rest[0] < len(attempts):
                number, choice = rest
                answers = {question: ["The customer" if choice == "right" else "You"]}
                found = model[number][1], model[number][0] == answers
                try:
                    (keep if do == "keep" else hand_in)(attempts[number], answers)
                except HandedIn as before:
                    said = True, before.same
                else:
                    said = False, found[1]
                    model[number] = [answers, do == "hand in"]
                assert said == found
        kept = QuizAttempt.objects.order_by("started_at", "id")
        assert [[each.answers, each.submitted_at is not None] for each in kept] == model
        right = {question: ["The customer"]}
        assert [each.passed for each in kept] == [answers == right if is_in else None for answers, is_in in model]
        assert LessonCompletion.objects.exists() == any(is_in and answers == right for answers, is_in in model)


# Who


@pytest.mark.parametrize(
    ("person", "sees", "takes"),
    [
        ("student", 200, 302),
        ("left", 404, 404),
        ("stranger", 404, 404),
        ("instructor", 200, 404),
        ("staff", 200, 404),
    ],
)
def test_each_person_sees_and_takes_what_is_theirs(client, school, person, sees, takes):
    client.force_login(getattr(school, person))
    response = client.get(school.address)
    assert response.status_code == sees
    assert client.post(school.address, {"do": "start"}).status_code == takes
    assert ("with their right answers" in text_of(response)) == (person in ("instructor", "staff"))
    assert QuizAttempt.objects.count() == (person == "student")


def test_of_attempts_that_began_at_one_moment_every_page_takes_the_same_for_the_first_and_the_last(student, school):
    now, single = timezone.now(), school.questions[0]
    for number, score, answer in ((2, 100, single.answers), (1, 0, ["You"])):  # as an import may write them
        QuizAttempt.objects.create(
            id=uuid.UUID(int=number), student=school.student, quiz=school.quiz, started_at=now, submitted_at=now,
            score=score, passed=False, questions=questions_of(school.quiz), answers={str(single.pk): answer},
        )  # fmt: skip
    assert first_tries(school.quiz, [school.student.pk])[str(single.pk)] == (0, 1)
    assert student.get(school.address).context["attempt"].score == 100
    assert "Last score 100%" in text_of(student.get(reverse("course", args=[school.quiz.lesson.course_id])))


def test_of_a_quiz_that_nobody_took_no_number_is_told(client, school):
    factories.EnrollmentFactory(course=school.quiz.lesson.course)
    client.force_login(school.instructor)
    page = text_of(client.get(school.address))
    assert "Nobody has handed anything in yet." in page
    assert "0 passed" not in page
    assert "Not taken yet" in page


def test_who_teaches_reads_what_came_of_the_quiz_student_by_student(client, school, monkeypatch):
    course = school.quiz.lesson.course
    names = ("01 Ana", "02 Ben", "03 Cleo", "04 Dora")  # before the others'
    ana, ben, cleo, _ = (
        factories.EnrollmentFactory(course=course, student=factories.ProfileFactory(full_name=name)).student
        for name in names
    )
    now = timezone.now()
    single, *_, number = school.questions
    questions = questions_of(school.quiz)
    for minute, (person, score, first) in enumerate(((ana, 50, "3,5"), (ana, 88, "7"), (ben, 25, "7"))):
        QuizAttempt.objects.create(
            student=person, quiz=school.quiz, started_at=now + timedelta(minutes=minute),
            submitted_at=now + timedelta(minutes=minute), score=score, passed=score > 75,
            questions=questions, answers={str(single.pk): single.answers, str(number.pk): [first]},
        )  # fmt: skip
    QuizAttempt.objects.create(student=cleo, quiz=school.quiz)
    another = factories.QuizFactory(lesson=school.quiz.lesson)
    factories.QuizAttemptFactory(student=ben, quiz=another, started_at=now, submitted_at=now, score=100, passed=True)
    client.force_login(school.instructor)
    page = text_of(client.get(school.address))
    for line in ("Ana Passed Best of 2 attempts: 88%", "Ben Not passed yet 25%", "Cleo Started, not handed in"):
        assert line in page
    assert "Dora Not taken yet" in page
    assert "1 passed, 1 tried but did not pass yet, 4 did not hand anything in." in page
    assert f"{single.prompt} 2 of 2 got it right on the first attempt" in page
    assert f"{number.prompt} 1 of 2 got it right on the first attempt" in page
    assert "Right: “Listen” or “Hear”" in page
    assert "Right: 3.5, give or take 0.1" in page
    assert school.address in client.get(reverse("course", args=[course.pk])).text

    in_place = text_of(client.get(school.address, headers=HTMX))
    assert "with their right answers" in in_place
    assert "Results" not in in_place, "what is put under a video is the quiz"

    monkeypatch.setattr(queries, "students_of_course", partial(queries.students_of_course, size=2))
    first = client.get(school.address)
    assert "04 Dora" not in text_of(first)
    assert "hand anything in" not in text_of(first)
    more = re.search(r'hx-get="([^"]+)"', first.text)[1]
    rest = text_of(client.get(school.address + more.replace("&amp;", "&"), headers={"HX-Request": "true"}))
    assert "Cleo Started" in rest
    assert "01 Ana" not in rest
    assert "right answers" not in rest

    client.force_login(ana)
    assert "02 Ben" not in text_of(client.get(school.address))


def test_nobody_takes_a_quiz_without_logging_in(client, school):
    assert client.get(school.address).url.startswith("/login/")
    assert client.post(school.address, {"do": "start"}).url.startswith("/login/")


def test_another_persons_attempt_is_not_there(client, student, school):
    attempt = begin(student, school)
    send(student, school, "submit", HALF)
    other = factories.EnrollmentFactory(course=school.quiz.lesson.course).student
    client.force_login(other)
    assert client.get(f"{school.address}?attempt={attempt.pk}").status_code == 404
    assert send(client, school, "keep", HALF, attempt=attempt).status_code == 404
    elsewhere = factories.QuizAttemptFactory(student=other, submitted=True)
    assert client.get(f"{school.address}?attempt={elsewhere.pk}").status_code == 404


def test_who_leaves_the_course_keeps_what_they_answered_and_hands_in_nothing(student, school):
    begin(student, school)
    send(student, school, "keep", HALF, headers=HTMX)
    school.student.enrollments.update(left_at=timezone.now())
    assert send(student, school, "submit", RIGHT).status_code == 404
    assert len(QuizAttempt.objects.get().answers) == 4


@pytest.mark.parametrize("end", [lambda mine: mine.update(left_at=timezone.now()), lambda mine: mine.delete()])
def test_who_is_not_in_the_course_any_more_when_an_attempt_would_begin_is_told(school, monkeypatch, client, end):
    def late(*args):
        end(school.student.enrollments.all())
        return start(*args)

    monkeypatch.setattr(quiz_page, "start", late)
    client.force_login(school.student)
    response = client.post(school.address, {"do": "start"})
    assert (response.status_code, QuizAttempt.objects.count()) == (409, 0)
    assert "You are not in this course any more." in text_of(response)


# Bad input


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("7", ["0"], "a", "1"), "Choose one of the answers"),
        (("You", ["0"], "a", "1"), "Choose one of the answers"),
        (("1", ["0", "9"], "a", "1"), "Choose from the answers"),
        (("1", ["x\0"], "a", "1"), "Choose from the answers"),
        (("1", ["0"], "a\0b", "1"), "Null characters are not allowed"),
        (("1", ["0"], "a" * 501, "1"), "at most 500 characters"),
        *(
            (("1", ["0"], "a", number), "Write a number")
            for number in ("NaN", "1e400", "9" * 401, "10^400", "-", "Infinity")
        ),
        (("1", ["0"], "a", "1\0"), "Null characters are not allowed"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused_and_the_others_are_kept(student, school, given, says):
    begin(student, school)
    response = send(student, school, "submit", given)
    assert response.status_code == 422
    assert says in text_of(response)
    assert "Hand in with blanks" not in text_of(response)
    attempt = QuizAttempt.objects.get()
    assert attempt.submitted_at is None
    assert len(attempt.answers) == 3
    assert send(student, school, "keep", given).status_code == 422
    assert send(student, school, "keep", given, headers=HTMX).status_code == 202


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"do": ""}, 400),
        ({"do": "cheat"}, 400),
        ({"do": "submit"}, 404),
        ({"do": "submit", "attempt": "mine"}, 404),
        ({"do": "submit", "attempt": "\0"}, 404),
        ({"do": "keep", "attempt": str(uuid.UUID(int=9))}, 404),
    ],
)
def test_a_form_that_makes_no_sense_changes_nothing(student, school, fields, status):
    begin(student, school)
    assert student.post(school.address, fields).status_code == status
    assert QuizAttempt.objects.get().answers == {}


def test_answers_to_questions_that_are_not_asked_are_not_kept(student, school):
    begin(student, school)
    foreign = factories.QuizQuestionFactory()
    send(student, school, "submit", RIGHT, **{f"q-{foreign.pk}": "1", "q-": "x", "score": "100"})
    assert QuizAttempt.objects.get().answers.keys() == {str(question.pk) for question in school.questions}


def test_a_body_too_large_or_with_too_many_fields_is_refused(student, school):
    attempt = begin(student, school)
    assert send(student, school, "submit", (None, None, "x" * 3_000_000, None)).status_code == 400
    many = {f"q-{number}": "1" for number in range(1_100)}
    assert send(student, school, "submit", RIGHT, attempt=attempt, **many).status_code == 400
    assert student.get(f"{school.address}?attempt=x").status_code == 404
    assert QuizAttempt.objects.get().submitted_at is None


# However much there is


def test_the_number_of_queries_does_not_grow_and_each_is_answered_by_its_index(student, school):
    def count():
        with CaptureQueriesContext(connection) as captured:
            assert student.get(school.address).status_code == 200
        return len(captured)

    begin(student, school)
    send(student, school, "submit", HALF)
    few = count()
    for _ in range(40):
        factories.QuizAttemptFactory(student=school.student, quiz=school.quiz, submitted=True)
        factories.QuizQuestionFactory(quiz=school.quiz)
    attempt = begin(student, school)
    assert few <= count() <= few + 1  # how many attempts there were
    assert "Attempt 42" in text_of(student.get(school.address))
    assert few <= 14
    with connection.cursor() as cursor:
        factories.QuizFactory.create_batch(4)
        cursor.execute("INSERT INTO profiles (full_name) SELECT 'Student ' || n FROM generate_series(1, 150) AS n")
        cursor.execute(
            "INSERT INTO quiz_attempts (student_id, quiz_id)"
            " SELECT profiles.id, quizzes.id FROM generate_series(1, 10) AS n, quizzes, profiles"
            " WHERE full_name LIKE 'Student %' ORDER BY n"
        )
        cursor.execute("ANALYZE quiz_attempts")
    mine = QuizAttempt.objects.filter(quiz=school.quiz, student=school.student)
    (plan,) = plans_of(lambda: list(mine.defer("questions").order_by("-started_at", "-id")[:20]))
    assert "quiz_attempts_at_quiz" in {node.get("Index Name") for node in nodes(plan)}
    assert attempt in mine
    (plan,) = plans_of(lambda: results_of(school.quiz, [school.student.pk, school.left.pk]))
    assert "quiz_attempts_at_quiz" in {node.get("Index Name") for node in nodes(plan)}
    (plan,) = plans_of(lambda: first_tries(school.quiz, [school.student.pk, school.left.pk]))
    assert "quiz_attempts_at_quiz" in {node.get("Index Name") for node in nodes(plan)}
    (plan,) = plans_of(lambda: best_scores([school.quiz.pk], [school.student.pk, school.left.pk]))
    assert "quiz_attempts_at_quiz" in {node.get("Index Name") for node in nodes(plan)}
