"""Answering a reflection: nobody's answer is overwritten unseen."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now

from profiles.writing import words
from reflections.models import Reflection


class AnswerConflict(Exception):
    """The answer is not the one that `seen` named: somebody wrote, edited or withdrew it.  Nothing was written.

    `reflection` is the row as it stands now.
    """

    def __init__(self, reflection):
        super().__init__("The answer changed in the meantime.")
        self.reflection = reflection


class NothingToAnswer(Exception):
    """The reflection was deleted or hidden."""

    def __init__(self):
        super().__init__("This reflection is no longer there: it was deleted or hidden.")


def version(reflection):
    """What a form says that it was rendered with: "" while there is no answer, else when that last changed."""
    changed = reflection.response_edited_at or reflection.responded_at
    return changed.isoformat() if changed else ""


def cleaned(text):
    """An answer's text as it is kept (profiles.writing.words()); ValidationError if it is none."""
    text = words(text)
    if not text:
        raise ValidationError("Write an answer first.", code="required")
    return text


def signature(by, *, edits):
    """The columns that sign an answer of `by`, be it the first one or an edit."""
    return {"responded_by": by, "response_edited_at" if edits else "responded_at": Now(), "response_unseen": True}


UNSIGNED = {"responded_by": None, "responded_at": None, "response_edited_at": None, "response_unseen": False}


def unseen(student):
    """The student's reflections with an answer, or an edit of one, that they have not seen; none that are hidden."""
    return Reflection.objects.filter(student=student, response_unseen=True, responded_at__isnull=False, hidden_at=None)


def answer(reflection_id, *, by, text, seen):
    """Answer a reflection, or edit its answer, and return it; `seen` is the version() that the person saw.

    The same words of the same person once more (a double click, a retry) change
    nothing and are no conflict, nor is an edit that changes no words.  Raises
    ValidationError, AnswerConflict or NothingToAnswer.
    """
    text = cleaned(text)
    standing = _standing(reflection_id)
    if version(standing) == seen and standing.instructor_response != text:
        unchanged = Reflection.objects.filter(
            pk=reflection_id,
            hidden_at=None,
            responded_at=standing.responded_at,
            response_edited_at=standing.response_edited_at,
        )
        written = unchanged.update(instructor_response=text, **signature(by, edits=bool(seen)))
        standing = _standing(reflection_id)
        if written:
            return standing
    if standing.instructor_response == text and (standing.responded_by == by or version(standing) == seen):
        return standing
    raise AnswerConflict(standing)


def answer_all(answers, *, by):
    """Answer several reflections in one transaction; `answers` maps each id to (text, seen).

    What can be written is written.  Returns (answered, conflicts): the
    reflections answered, and those where an AnswerConflict stood in the way;
    one that was deleted or hidden is among neither.  Raises ValidationError
    before anything is written.
    """
    answers = {pk: (cleaned(text), seen) for pk, (text, seen) in answers.items()}
    answered, conflicts = [], []
    with transaction.atomic():
        # In the order in which everybody locks students (docs/locks.md).
        for pk in Reflection.objects.filter(pk__in=answers).order_by("student", "pk").values_list("pk", flat=True):
            text, seen = answers[pk]
            try:
                answered.append(answer(pk, by=by, text=text, seen=seen))
            except AnswerConflict as conflict:
                conflicts.append(conflict.reflection)
            except NothingToAnswer:
                continue
    return answered, conflicts


def _standing(reflection_id):
    try:
        return Reflection.objects.select_related("student", "responded_by").get(pk=reflection_id, hidden_at=None)
    except Reflection.DoesNotExist as error:
        raise NothingToAnswer from error
