"""Taking a quiz: an attempt is started, its answers kept as they are given, handed in once, and marked at once.

An attempt carries the questions as they were when it was started: what its
author changes later is for the next one.  Starting locks the enrolment, writing
answers locks the attempt, so that of two at the same time one is first.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.postgres.aggregates import BoolOr
from django.db import transaction
from django.db.models import Count, F, Max
from django.db.models.functions import Greatest, Now

from courses.finishing import Finished, finish
from courses.marking import is_right, score
from courses.models import Enrollment, QuizAttempt


class CannotStart(Exception):
    """Why no attempt can be started, in the student's words."""


class HandedIn(Exception):
    """The attempt was handed in before: `attempt` as it is now; `same`: with these answers."""

    def __init__(self, attempt, same):
        super().__init__("This attempt was already handed in.")
        self.attempt, self.same = attempt, same


@dataclass(frozen=True)
class Marked:
    """A question of an attempt, what was answered, and whether that is right."""

    question: dict
    given: list[str]
    is_right: bool


def as_asked(question):
    """A QuizQuestion as an attempt carries it."""
    return {
        "id": str(question.pk),
        "kind": question.kind,
        "prompt": question.prompt,
        "choices": question.choices,
        "answers": question.answers,
        "tolerance": str(question.tolerance),
        "explanation": question.explanation,
    }


def questions_of(quiz):
    """The questions of a quiz in order, as an attempt carries them."""
    return [as_asked(question) for question in quiz.questions.order_by("position", "id")]


def results_of(quiz, students):
    """What came of the attempts of `students` (ids) at a quiz, by id; without those who have begun none.

    Each is a dict: how many attempts were handed in (`attempts`), the `best` score in percent and the time of the
    `last` of them, None without any, and whether one was `passed`.  Index: quiz_attempts_at_quiz.
    """
    attempts = QuizAttempt.objects.filter(quiz=quiz, student__in=students).values("student")
    found = attempts.annotate(
        attempts=Count("submitted_at"), best=Max("score"), last=Max("submitted_at"), passed=BoolOr("passed")
    )
    return {result.pop("student"): result for result in found}


def first_tries(quiz, students):
    """How the first attempts that `students` (ids) handed in went: {question id, as text: (right, of how many)}.

    A question counts as it was marked then, also if it was changed since.  Index: quiz_attempts_at_quiz.
    """
    handed_in = QuizAttempt.objects.filter(quiz=quiz, student__in=students, submitted_at__isnull=False)
    counts = defaultdict(lambda: (0, 0))
    for attempt in handed_in.order_by("student", "started_at", "id").distinct("student"):
        for each in marked(attempt):
            right, of = counts[each.question["id"]]
            counts[each.question["id"]] = right + each.is_right, of + 1
    return counts


def best_scores(quizzes, students):
    """{(student id, quiz id): the best score in percent} of what was handed in.  Index: quiz_attempts_at_quiz."""
    attempts = QuizAttempt.objects.filter(quiz__in=quizzes, student__in=students, submitted_at__isnull=False)
    found = attempts.values_list("student", "quiz").annotate(Max("score"))
    return {(student, quiz): best for student, quiz, best in found}


def start(student, quiz):
    """The student's open attempt at a quiz, else a new one; CannotStart if they left the course, or there is none."""
    with transaction.atomic():
        enrolled = Enrollment.objects.filter(student=student, course=quiz.lesson.course_id, left_at=None)
        if not enrolled.select_for_update(no_key=True).first():
            raise CannotStart("You are not in this course any more.")
        attempts = QuizAttempt.objects.filter(quiz=quiz, student=student)
        attempt = attempts.filter(submitted_at=None).order_by("-started_at", "-id").first()
        if attempt and attempt.questions:
            return attempt
        if not (questions := questions_of(quiz)):
            raise CannotStart("This quiz has no questions yet.")
        if attempt:  # by another writer, without questions
            attempt.questions, attempt.answers = questions, {}
            attempt.save(update_fields=["questions", "answers"])
            return attempt
        if quiz.attempts_allowed is not None and attempts.count() >= quiz.attempts_allowed:
            raise CannotStart("You have used all your attempts at this quiz.")
        return QuizAttempt.objects.create(student=student, quiz=quiz, questions=questions)


def keep(attempt, answers):
    """Keep `answers`, {question id: list of strings}, of an attempt under way; HandedIn if it is not.

    QuizAttempt.DoesNotExist if it is deleted at that moment.
    """
    with transaction.atomic():
        present = _locked(attempt, answers)
        if present.answers != answers:
            present.answers = answers
            present.save(update_fields=["answers"])
    return present


def hand_in(attempt, answers):
    """Mark an attempt with these answers, once; returns (attempt, Finished).

    HandedIn if it was before, QuizAttempt.DoesNotExist if it is deleted at that moment: then nothing is written.
    """
    with transaction.atomic():
        present = _locked(attempt, answers)
        present.answers = answers
        present.score = score([each.is_right for each in marked(present)])
        present.passed = present.score >= present.quiz.passing_score
        present.submitted_at = Greatest(Now(), F("started_at"))  # a clock may have been set back
        present.save(update_fields=["answers", "score", "passed", "submitted_at"])
        finished = finish(present.student_id, present.quiz.lesson_id) if present.passed else Finished(0, 0)
    present.refresh_from_db(fields=["submitted_at"])
    return present, finished


def marked(attempt):
    """The questions of an attempt as a list of Marked."""
    return [
        Marked(
            question,
            given := list(attempt.answers.get(question["id"], [])),
            is_right(
                kind=question["kind"],
                answers=question["answers"],
                tolerance=Decimal(question["tolerance"]),
                given=given,
            ),
        )
        for question in attempt.questions
    ]


def _locked(attempt, answers):
    present = QuizAttempt.objects.select_for_update(no_key=True, of=("self",)).select_related("quiz").get(pk=attempt.pk)
    if present.submitted_at:
        raise HandedIn(present, present.answers == answers)
    return present
