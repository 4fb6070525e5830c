"""Answering: who may, what is kept, and what happens when two do it at once."""

import datetime
import threading
import uuid
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from profiles.models import CONTENT_LIMIT
from reflections import access, answers
from reflections.answers import AnswerConflict, NothingToAnswer, answer, answer_all, version
from reflections.models import Reflection
from tests import factories
from tests.processes import wait_until
from tests.threads import at_once
from timeline.models import Activity

pytestmark = pytest.mark.django_db


def people(*names):
    return [factories.ProfileFactory(full_name=name) for name in names]


# What is kept


def test_the_first_answer_is_signed_and_timed():
    reflection, (ines,) = factories.ReflectionFactory(), people("Ines")
    before = timezone.now() - datetime.timedelta(minutes=1)
    answered = answer(reflection.pk, by=ines, text=" Ask first.\r\nThen wait. ", seen="")
    assert (answered.instructor_response, answered.responded_by) == ("Ask first.\nThen wait.", ines)
    assert before < answered.responded_at < timezone.now() + datetime.timedelta(minutes=1)
    assert answered.response_edited_at is None
    entry = Activity.objects.get(source_id=reflection.pk)
    assert (entry.response_status, entry.instructor_response) == ("responded", "Ask first.\nThen wait.")


def test_an_edit_is_signed_by_its_editor_and_keeps_when_the_student_first_had_an_answer():
    reflection, (ines, henrik) = factories.ReflectionFactory(), people("Ines", "Henrik")
    first = answer(reflection.pk, by=ines, text="Ask first.", seen="")
    edited = answer(reflection.pk, by=henrik, text="Ask second.", seen=version(first))
    assert (edited.instructor_response, edited.responded_by) == ("Ask second.", henrik)
    assert edited.responded_at == first.responded_at < edited.response_edited_at
    assert version(edited) not in ("", version(first))


def test_who_saw_something_else_than_what_stands_writes_nothing_and_is_given_what_stands():
    reflection, (ines, henrik) = factories.ReflectionFactory(), people("Ines", "Henrik")
    first = answer(reflection.pk, by=ines, text="Ask first.", seen="")
    answer(reflection.pk, by=ines, text="Ask second.", seen=version(first))
    for seen in ("", version(first), "nonsense"):
        with pytest.raises(AnswerConflict) as conflict:
            answer(reflection.pk, by=henrik, text="Neither.", seen=seen)
        assert conflict.value.reflection.instructor_response == "Ask second."
        assert conflict.value.reflection.responded_by == ines
    assert Reflection.objects.get().instructor_response == "Ask second."


def test_the_same_words_once_more_are_no_conflict_and_change_nothing():
    reflection, (ines, henrik) = factories.ReflectionFactory(), people("Ines", "Henrik")
    first = answer(reflection.pk, by=ines, text="Ask first.", seen="")
    assert version(answer(reflection.pk, by=ines, text="Ask first. ", seen="")) == version(first)
    unchanged = answer(reflection.pk, by=henrik, text="Ask first.", seen=version(first))
    assert (version(unchanged), unchanged.responded_by) == (version(first), ines)
    with pytest.raises(AnswerConflict):
        answer(reflection.pk, by=henrik, text="Ask first.", seen="")


def test_what_was_deleted_or_hidden_cannot_be_answered():
    (ines,) = people("Ines")
    hidden = factories.ReflectionFactory(hidden_at=timezone.now())
    for pk in (hidden.pk, uuid.uuid4()):
        with pytest.raises(NothingToAnswer, match="no longer there"):
            answer(pk, by=ines, text="Ask first.", seen="")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Write an answer"),
        (" \r\n\t", "Write an answer"),
        ("x" * 20_001, "20,001 characters; at most 20,000"),
        ("a\0b", "cannot be kept"),
    ],
)
def test_what_is_no_answer_is_refused_in_words_and_nothing_is_written(text, message):
    reflection, (ines,) = factories.ReflectionFactory(), people("Ines")
    with pytest.raises(ValidationError, match=message):
        answer(reflection.pk, by=ines, text=text, seen="")
    other = factories.ReflectionFactory()
    with pytest.raises(ValidationError, match=message):
        answer_all({other.pk: ("Fine.", ""), reflection.pk: (text, "")}, by=ines)
    assert not Reflection.objects.filter(responded_at__isnull=False).exists()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
def test_a_text_that_was_cleaned_stays_as_it_is(text):
    if text.strip():
        once = answers.cleaned(text)
        assert answers.cleaned(once) == once
        assert "\r" not in once
        assert once.split() == text.split()


def test_a_text_of_the_greatest_length_is_kept_whole():
    reflection, (ines,) = factories.ReflectionFactory(), people("Ines")
    text = "😀" * CONTENT_LIMIT
    assert answer(reflection.pk, by=ines, text=text, seen="").instructor_response == text


def test_of_several_what_can_be_answered_is_and_the_rest_is_told_apart():
    ines, henrik = people("Ines", "Henrik")
    free, taken, hidden = factories.ReflectionFactory.create_batch(3)
    answer(taken.pk, by=henrik, text="Mine.", seen="")
    Reflection.objects.filter(pk=hidden.pk).update(hidden_at=timezone.now())
    answered, conflicts = answer_all({each.pk: ("Ours.", "") for each in (free, taken, hidden)}, by=ines)
    assert [reflection.pk for reflection in answered] == [free.pk]
    assert [(reflection.pk, reflection.responded_by) for reflection in conflicts] == [(taken.pk, henrik)]
    assert {*Reflection.objects.values_list("pk", "instructor_response")} == {
        (free.pk, "Ours."),
        (taken.pk, "Mine."),
        (hidden.pk, None),
    }


# At the same time


class Answering(threading.Thread):
    """answer() in a thread with a connection of its own."""

    def __init__(self, *args, **options):
        super().__init__()
        self.arguments, self.options, self.error, self.pid = args, options, None, None
        self.start()

    def run(self):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '10s'")
                self.pid = connection.connection.info.backend_pid
            answer(*self.arguments, **self.options)
        except Exception as error:
            self.error = error
        finally:
            connection.close()

    def waits_for_a_lock(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [self.pid])
            return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_answer_at_once_the_first_is_kept_and_the_second_is_told():
    reflection, (ines, henrik) = factories.ReflectionFactory(), people("Ines", "Henrik")
    with transaction.atomic():
        answer(reflection.pk, by=ines, text="First.", seen="")
        second = Answering(reflection.pk, by=henrik, text="Second.", seen="")
        wait_until(second.waits_for_a_lock)
    second.join(10)
    assert isinstance(second.error, AnswerConflict)
    assert (second.error.reflection.instructor_response, second.error.reflection.responded_by) == ("First.", ines)
    assert Reflection.objects.get().instructor_response == "First."


@pytest.mark.django_db(transaction=True)
def test_two_who_answer_the_same_moment_at_once_neither_wait_for_ever_nor_overwrite():
    ines, henrik = people("Ines", "Henrik")
    ids = [reflection.pk for reflection in factories.ReflectionFactory.create_batch(12)]

    def send(by, order):
        return by, answer_all(dict.fromkeys(order, (by.full_name, "")), by=by)

    outcome = at_once(partial(send, ines, ids), partial(send, henrik, ids[::-1]))
    for by, (answered, conflicts) in outcome:
        assert len(answered) + len(conflicts) == 12
        assert all(reflection.instructor_response == by.full_name for reflection in answered)
    assert sum(len(answered) for _, (answered, _) in outcome) == 12


# Who may


@pytest.fixture
def faculty():
    """Two courses; people who have to do with the first one, the second one, or none."""
    course, other = factories.CourseFactory(), factories.CourseFactory()
    names = ("instructor", "co_instructor", "colleague", "student", "classmate", "stranger")
    faculty = dict(zip(names, people(*names), strict=True)) | {"staff": factories.StaffFactory()}
    for name, taught in (("instructor", course), ("co_instructor", course), ("colleague", other)):
        factories.CourseInstructorFactory(course=taught, instructor=faculty[name])
    for name in ("student", "classmate", "co_instructor"):
        factories.EnrollmentFactory(course=course, student=faculty[name])
    student = faculty["student"]
    video, elsewhere = factories.VideoFactory(lesson__course=course), factories.VideoFactory(lesson__course=other)
    faculty["reflections"] = {
        "here": factories.ReflectionFactory(student=student, video=video),
        "elsewhere": factories.ReflectionFactory(student=student, video=elsewhere),
        "without a video": factories.ReflectionFactory(student=student, video=None, video_timestamp_seconds=None),
        "hidden": factories.ReflectionFactory(student=student, video=video, hidden_at=timezone.now()),
        "of the co-instructor": factories.ReflectionFactory(student=faculty["co_instructor"], video=video),
    }
    return faculty


@pytest.mark.parametrize(
    ("person", "may"),
    [
        ("instructor", {"here", "without a video", "of the co-instructor"}),
        ("co_instructor", {"here", "without a video"}),
        ("colleague", {"elsewhere"}),
        ("student", set()),
        ("classmate", set()),
        ("stranger", set()),
        ("staff", {"here", "elsewhere", "without a video", "of the co-instructor"}),
    ],
)
def test_who_teaches_the_course_may_answer_and_nobody_answers_themself(faculty, person, may):
    found = set(access.answerable_reflections(faculty[person]).values_list("pk", flat=True))
    assert found == {faculty["reflections"][name].pk for name in may}
