"""Notes and messages are written once, edited without losing anybody's words, hidden and brought back."""

import datetime
import uuid

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from goals.conversation import last_visit, visit, write_message, write_note
from goals.models import ConversationVisit, DailyNote, GoalMessage
from profiles.writing import WritingConflict, bring_back, edit, hide, version, words
from tests import factories
from tests.drift import assert_no_drift
from tests.threads import at_once
from timeline.models import Activity

pytestmark = pytest.mark.django_db


@pytest.fixture
def student():
    return factories.ProfileFactory()


def test_a_note_is_written_with_its_words_trimmed_and_lands_in_the_timeline(student):
    note = write_note(id=uuid.uuid4(), student=student, text="  Two shops said yes.\r\nOne said no.  ")
    assert note.content == "Two shops said yes.\nOne said no."
    assert Activity.objects.get(source_id=note.pk).content == note.content


def test_a_form_that_is_sent_twice_is_one_note(student):
    form = uuid.uuid4()
    first = write_note(id=form, student=student, text="Once.")
    again = write_note(id=form, student=student, text="Once.")
    assert first.pk == again.pk
    assert DailyNote.objects.count() == 1


def test_a_form_with_the_id_of_another_students_note_is_refused(student):
    theirs = factories.DailyNoteFactory()
    with pytest.raises(ValidationError, match="Reload the page"):
        write_note(id=theirs.pk, student=student, text="Mine now.")
    theirs.refresh_from_db()
    assert theirs.content != "Mine now."


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "Write something"), (" \n ", "Write something"), ("x\0y", "cannot be kept"), ("x" * 20_001, "20,001")],
)
def test_unfit_words_are_refused_in_the_writers_words(student, text, said):
    with pytest.raises(ValidationError) as refused:
        write_note(id=uuid.uuid4(), student=student, text=text)
    assert said in " ".join(refused.value.messages)
    assert not DailyNote.objects.exists()


def test_words_are_trimmed_and_end_lines_with_a_line_feed():
    assert words(" a\rb\r\nc ") == "a\nb\nc"


def test_a_message_may_name_a_goal_of_its_student_only(student):
    goal, elsewhere = factories.GoalFactory(student=student), factories.GoalFactory()
    author = factories.ProfileFactory()
    message = write_message(id=uuid.uuid4(), student=student, author=author, text="About it.", goal=goal.pk)
    assert Activity.objects.get(source_id=message.pk).goal_id == goal.pk
    with pytest.raises(ValidationError, match="this student's goals"):
        write_message(id=uuid.uuid4(), student=student, author=author, text="About it.", goal=elsewhere.pk)


def test_nobody_writes_messages_to_themself(student):
    with pytest.raises(ValidationError):
        write_message(id=uuid.uuid4(), student=student, author=student, text="Well done, me.")
    assert not GoalMessage.objects.exists()


def test_an_edit_changes_the_words_and_says_that_it_did(student):
    note = factories.DailyNoteFactory(student=student)
    edited = edit(note, "Four shops.", version(note))
    assert edited.edited_at is not None
    entry = Activity.objects.get(source_id=note.pk)
    assert (entry.content, entry.metadata["edited"]) == ("Four shops.", True)
    assert_no_drift()


def test_an_edit_to_the_same_words_is_none(student):
    note = factories.DailyNoteFactory(student=student)
    assert edit(note, f" {note.content} ", "a version that never was").edited_at is None


def test_an_edit_of_words_that_have_changed_is_refused_and_shows_what_stands(student):
    note = factories.DailyNoteFactory(student=student)
    opened = version(note)
    edit(note, "From one tab.", opened)
    with pytest.raises(WritingConflict) as conflict:
        edit(note, "From the other tab.", opened)
    assert conflict.value.row.content == "From one tab."


def test_an_edit_may_not_leave_nothing(student):
    note = factories.DailyNoteFactory(student=student)
    with pytest.raises(ValidationError, match="hide it instead"):
        edit(note, "  ", version(note))
    memo = factories.DailyNoteFactory(student=student, media_url="/files/x/", media_type="audio")
    assert edit(memo, "", version(memo)).content == ""


def test_hiding_takes_the_entry_away_and_bringing_back_puts_it_where_it_was(student):
    note = factories.DailyNoteFactory(student=student)
    before = Activity.objects.values().get(source_id=note.pk)
    hide(note)
    hidden_at = DailyNote.objects.get().hidden_at
    hide(note)
    assert DailyNote.objects.get().hidden_at == hidden_at
    assert not Activity.objects.exists()
    bring_back(note)
    bring_back(note)
    assert Activity.objects.values().get(source_id=note.pk) == before


def test_a_visit_tells_when_the_visit_before_it_ended(student):
    reader, start = factories.ProfileFactory(), timezone.now()

    def read(minutes):
        return visit(viewer=reader, student=student, now=start + datetime.timedelta(minutes=minutes))

    assert last_visit(viewer=reader, student=student, now=start) is None
    assert read(0) == start, "what comes from now on is new"
    assert read(10) == start, "still the first visit"
    assert read(60) == start + datetime.timedelta(minutes=10)
    assert read(61) == start + datetime.timedelta(minutes=10), "a reload does not read everything"
    assert read(200) == start + datetime.timedelta(minutes=61)
    assert ConversationVisit.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_by_many_at_the_same_time_is_one_note():
    student, form = factories.ProfileFactory(), uuid.uuid4()
    written = at_once(*[lambda: write_note(id=form, student=student, text="At once.")] * 4)
    assert set(written) == {DailyNote.objects.get()}
    assert_no_drift()
