"""A quiz: what it asks, an attempt under way, what came of it.  The same in place under its video."""

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import Exists, OuterRef
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django_htmx.http import reswap, retarget, trigger_client_event

from courses.access import quizzes_seen, quizzes_taken
from courses.answers import AnswersForm
from courses.models import QuizAttempt
from courses.quizzes import (
    CannotStart,
    HandedIn,
    first_tries,
    hand_in,
    keep,
    marked,
    questions_of,
    results_of,
    start,
)
from timeline import queries
from timeline.views.page import Page, uuid_asked

ATTEMPTS_SHOWN = 20


class QuizPage(Page):
    """One address for a quiz, by GET and POST.

    To htmx, `#quiz-slot`, wherever it stands; when an attempt was marked there,
    the event `quiz-marked` tells `quiz` (an id) and `passed`.  A POST says in
    `do` what is done: "start", or of the `attempt`: "keep" (what was answered so
    far), "submit", or "submit blanks" (as it is).
    """

    template_name = "timeline/learning/quiz.html"
    fragments = ("quiz-slot", "entries")

    @cached_property
    def fragment(self):
        return "entries" if super().fragment and "after" in self.request.GET else super().fragment

    def setup(self, request, *args, quiz):
        super().setup(request, *args)
        # By one query: a student who leaves the course between two would be taken for who teaches it.
        is_taken = Exists(quizzes_taken(request.user).filter(pk=OuterRef("pk")))
        found = quizzes_seen(request.user).select_related("lesson__course", "video").annotate(is_taken=is_taken)
        self.quiz = get_object_or_404(found, pk=quiz)

    @property
    def is_taken(self):
        """Whether what the reader answers counts: whoever teaches sees the questions with their answers."""
        return self.quiz.is_taken

    @property
    def attempts(self):
        return QuizAttempt.objects.filter(quiz=self.quiz, student=self.request.user)

    def get_context_data(self, shown=None, form=None, notice="", finished=None, **kwargs):
        context = {"quiz": self.quiz, "is_taken": self.is_taken, "notice": notice, "finished": finished}
        if not self.is_taken:
            preview = questions_of(self.quiz)
            results = {} if self.fragment == "quiz-slot" else self._results(preview)
            return super().get_context_data(preview=preview, **results, **context, **kwargs)
        latest = list(self.attempts.defer("questions", "answers").order_by("-started_at", "-id")[:ATTEMPTS_SHOWN])
        count = len(latest) if len(latest) < ATTEMPTS_SHOWN else self.attempts.count()
        for number, attempt in enumerate(latest):
            attempt.number = count - number
        attempt = shown or self._shown(latest)
        allowed = self.quiz.attempts_allowed
        is_open = attempt is not None and attempt.submitted_at is None
        others = [each for each in latest if each.submitted_at and (attempt is None or each.pk != attempt.pk)]
        # All there are may not be shown: other writers may have opened one long ago.
        under_way = any(each.submitted_at is None for each in latest) or (
            count > len(latest) and self.attempts.filter(submitted_at=None).exists()
        )
        left = None if allowed is None else max(allowed - count, 0) + under_way
        is_passed = self.attempts.filter(passed=True).exists()
        return super().get_context_data(
            attempt=attempt,
            form=form or (AnswersForm(attempt) if is_open else None),
            marks=marked(attempt) if attempt and not is_open else [],
            # By another passing score than today's: that of then is not kept, what came of it is.
            counted_otherwise=attempt is not None
            and not is_open
            and attempt.passed != (attempt.score >= self.quiz.passing_score),
            tells=is_passed or left == 0,
            under_way=under_way,
            others=others,
            most_others=ATTEMPTS_SHOWN if count > len(latest) else None,
            number=next((each.number for each in latest if attempt and each.pk == attempt.pk), None),
            left=left,
            is_passed=is_passed,
            has_questions=bool(attempt) or self.quiz.questions.exists(),
            **context,
            **kwargs,
        )

    def _results(self, preview):
        """A page of the class, each student with what came of their attempts; of a class that is all on one page,
        `told`, in a sentence, and each question of `preview` with how the first attempts went."""
        after = self.request.GET.get("after")
        students = queries.students_of_course(course=self.quiz.lesson.course, after=after)
        results = results_of(self.quiz, [student.pk for student in students.entries])
        for student in students.entries:
            student.result = results.get(student.pk)
        told = None
        if not (after or students.next):
            handed_in = [result for result in results.values() if result["attempts"]]
            passed = sum(result["passed"] for result in handed_in)
            told = {
                "passed": passed,
                "tried": len(handed_in) - passed,
                "others": len(students.entries) - len(handed_in),
            }
            tries = first_tries(self.quiz, [student.pk for student in students.entries])
            for question in preview:
                question["right"], question["of"] = tries[question["id"]]
        return {"students": students.entries, "more": students.next, "told": told}

    def _shown(self, latest):
        """The attempt that is asked for; else the one under way, else the last one."""
        if asked := self.request.GET.get("attempt"):
            return get_object_or_404(self.attempts.exclude(submitted_at=None), pk=uuid_asked(asked))
        under_way = next((each for each in latest if each.submitted_at is None), None)
        found = under_way or next(iter(latest), None)
        found = found and self.attempts.get(pk=found.pk)
        return None if found and found.submitted_at is None and not found.questions else found

    def post(self, request, **kwargs):
        get_object_or_404(quizzes_taken(request.user), pk=self.quiz.pk)
        do = request.POST.get("do")
        if do == "start":
            return self._start()
        if do not in ("keep", "submit", "submit blanks"):
            raise BadRequest("The form does not say what is to be done with the answers.")
        attempt = get_object_or_404(self.attempts.exclude(questions=[]), pk=uuid_asked(request.POST.get("attempt", "")))
        form = AnswersForm(attempt, request.POST, partly=do != "submit")
        is_valid = form.is_valid()
        try:
            if do != "keep" and is_valid:
                return self._marked(*hand_in(attempt, form.answers()))
            keep(attempt, form.answers())
        except HandedIn as before:
            return self._late(before)
        except QuizAttempt.DoesNotExist:
            return self._in_place(409, notice="This attempt has just been deleted, and its answers with it.")
        if do == "keep" and request.htmx:
            return HttpResponse(status=204 if is_valid else 202)  # 202: the browser keeps what is not fit to be kept
        if do == "keep" and is_valid:
            messages.success(request, "Your answers are kept. Continue whenever you like.")
            return HttpResponseRedirect(reverse("course", args=[self.quiz.lesson.course_id]))
        return self._answer(422, shown=attempt, form=form)

    def _answer(self, status=200, **context):
        return self.render_to_response(self.get_context_data(**context), status=status)

    def _start(self):
        try:
            attempt = start(self.request.user, self.quiz)
        except CannotStart as reason:
            return self._answer(409, notice=str(reason))
        return self._answer(shown=attempt) if self.request.htmx else HttpResponseRedirect(self.request.path)

    def _marked(self, attempt, finished):
        if not self.request.htmx:
            if finished.lessons:
                messages.success(self.request, self._finished(finished))
            return HttpResponseRedirect(self.request.path + f"?attempt={attempt.pk}")
        response = self._answer(shown=attempt, finished=self._finished(finished) if finished.lessons else None)
        return trigger_client_event(
            response, "quiz-marked", {"quiz": str(self.quiz.pk), "passed": attempt.passed}, after="settle"
        )

    def _finished(self, finished):
        lesson = f"You have completed the lesson “{self.quiz.lesson}”"
        return f"{lesson} and the course “{self.quiz.lesson.course}”." if finished.courses else f"{lesson}."

    def _late(self, before):
        """It was handed in before: from another tab, by a second click, or while answers were on their way."""
        if before.same and not self.request.htmx:
            return HttpResponseRedirect(self.request.path + f"?attempt={before.attempt.pk}")
        notice = "" if before.same else "This attempt was already handed in, with the answers shown here."
        return self._in_place(200 if before.same else 409, shown=before.attempt, notice=notice)

    def _in_place(self, status, **context):
        """The quiz as it stands, also to htmx that keeps answers and swaps in nothing."""
        response = self._answer(status, **context)
        return reswap(retarget(response, "#quiz-slot"), "outerHTML")
