"""Erasing a person: nothing of them is left in any table or file, and nothing of anybody else is touched."""

import contextlib
import json
import threading
import time
from pathlib import Path

import psycopg
import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from courses.models import Course, VideoProgress
from goals.models import ConversationVisit, DailyNote, GoalCorrection, GoalMessage, GoalProposal
from privacy import erasure
from privacy.erasure import erase
from privacy.holdings import own_lookups, own_rows
from profiles.models import Profile, Session, Writing
from tests import factories
from tests.statements import account, mailbox, statement
from tests.test_concurrency import Waiting, assert_no_drift, connect, wait_for_a_lock  # noqa: F401
from tests.test_log_in import PASSWORD, log_in
from tests.test_xapi_import import imported, load
from timeline.models import Activity
from uploads.models import Upload
from uploads.store import media_of
from xapi.models import Agent, ErasedActor, Statement

pytestmark = pytest.mark.django_db

NAME, EMAIL, WORDS = "Þóra Zwetschge", "thora@example.org", "Quittengelee am Morgen"


def everything_about(name, email, words):
    """A student of whom something is held in every table there is."""
    person = factories.ProfileFactory(full_name=name, email=email, password=PASSWORD)
    rows = factories.everything_of(person)
    for row in rows:
        if isinstance(row, Writing):
            type(row).objects.filter(pk=row.pk).update(content=words)
    picture, memo = factories.UploadFactory(student=person), factories.UploadFactory(student=person, voice=True)
    note = factories.DailyNoteFactory(student=person, content=words, **media_of(picture))
    factories.DailyNoteFactory(student=person, content=words, hidden_at=timezone.now())
    teacher = factories.ProfileFactory()
    Upload.objects.filter(pk=memo.pk).update(owner=teacher)
    factories.GoalMessageFactory(student=person, author=teacher, **media_of(memo))
    goal = factories.GoalFactory(student=person, title=words)
    GoalProposal.objects.create(student=person, author=teacher, title=words)
    GoalCorrection.objects.create(
        student=person, goal=goal, author=teacher, reason=words, before=("2025-01-01", None), after=("2025-02-01", None)
    )
    factories.CongratulationFactory(story__goal=goal)
    factories.CongratulationFactory(person=person)
    ConversationVisit.objects.create(viewer=person, student=person)
    ConversationVisit.objects.create(viewer=teacher, student=person)
    factories.CourseInstructorFactory(instructor=person)
    factories.InvitationFactory(made_by=person)
    factories.NewsByMailFactory(person=person)
    browser = Client()
    log_in(browser, email, "wrong")
    browser.force_login(person)
    log(person, Course.objects.first(), "A course")
    log(teacher, person, str(person))
    log(teacher, note, words, ADDITION)
    log(
        teacher,
        Course.objects.first(),
        "A course",
        message=[{"added": {"name": "instructor", "object": f"{name} here"}}],
    )
    return person


def log(user, row, text, flag=CHANGE, message=()):
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(row),
        object_id=row.pk,
        object_repr=text,
        action_flag=flag,
        change_message=json.dumps([*message]),
    )


def naming(number, who):
    value = statement(number, actor="bob", length=9, played="0[.]5")
    value["context"]["instructor"] = who
    return value


@pytest.fixture
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def person(media_root):
    person = everything_about(NAME, EMAIL, WORDS)
    theirs = [mailbox(EMAIL.upper(), name=NAME), account("thora-7")]
    imported(*(statement(number, actor=actor, length=9, played="0[.]5") for number, actor in enumerate(theirs)))
    Agent.objects.filter(identifier="https://lms.example thora-7").update(profile=person)
    Profile.objects.filter(agents=None, email=None).delete()
    imported(naming(10, mailbox(EMAIL)))
    load(statement(11, actor=account("thora-7"), at="2025-03-04T10:00:00Z"))  # waits to be worked through
    missing = {model._meta.label for model in own_lookups() if not own_rows(model, person).exists()}
    assert not missing, "For the scan to tell something, everything_about() makes a row of every table of a person."
    return person


@pytest.fixture
def others(person):
    """Somebody of whom as much is held, and somebody who wrote to both."""
    other = everything_about("Maya Okafor", "maya@example.org", "Apple jelly")
    return [other, *Profile.objects.filter(messages_written__isnull=False)]


def whole_database():
    """Every column of every row of every table, as {(table, JSON)}."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [table for (table,) in cursor.fetchall()]
        assert len(tables) > 30
        rows = set()
        for table in tables:
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')
            rows |= {(table, row) for (row,) in cursor.fetchall()}
    return rows


def traces(person):
    """What tells of a person wherever it stands: name, address, words, files, the ids of all that is theirs."""
    found = {NAME, json.dumps(NAME)[1:-1], EMAIL, WORDS, "thora-7"}
    for model in own_lookups():
        found |= {str(key) for key in own_rows(model, person).values_list("pk", flat=True) if not isinstance(key, int)}
    found |= {Path(name).stem for name in Upload.objects.filter(student=person).values_list("file", flat=True)}
    return {trace.lower() for trace in found}


def telling(rows, traces):
    def tells(row):
        text = row.lower().replace("\\\\", "\\")  # JSON within JSON
        return any(trace in text for trace in traces)

    return {(table, row) for table, row in rows if tells(row)}


def files(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_nothing_of_who_was_erased_is_left_and_nothing_of_others_is_touched(
    person, others, media_root, django_capture_on_commit_callbacks
):
    known = traces(person)
    before, of_others = whole_database(), {*Upload.objects.exclude(student=person).values_list("file", flat=True)}
    assert {"daily_notes", "xapi_statements", "sessions", "django_admin_log", "axes_accessattempt", "uploads"} <= {
        table for table, _ in telling(before, known)
    }
    with django_capture_on_commit_callbacks(execute=True):
        erase(person)
    after = whole_database()
    assert telling(after, known) == set()
    untouched = before - telling(before, known)
    assert untouched <= after
    # New are what refuses them, and two rows of others without them.
    assert sorted(table for table, _ in after - untouched) == sorted(
        ["erased_actors"] * ErasedActor.objects.count() + ["xapi_statements", "django_admin_log"]
    )
    assert "erased here" in LogEntry.objects.get(change_message__contains="erased").get_change_message()
    assert files(media_root) == of_others
    assert of_others
    # And no import brings them back.
    summary, _ = imported(
        statement(20, actor=mailbox(EMAIL)), statement(21, actor=account("thora-7")), naming(22, mailbox(EMAIL))
    )
    assert (summary.refused, summary.new) == (2, 1)
    assert telling(whole_database(), known) == set()


def test_the_scan_would_find_what_is_left(person):
    """So that the test above can fail: each row of theirs alone would make it."""
    known = traces(person)
    Profile.objects.filter(pk=person.pk).delete()  # as psql does
    left = {table for table, _ in telling(whole_database(), known)}
    assert left == {"axes_accessattempt", "django_admin_log", "xapi_statements"}


def test_what_an_instructor_wrote_to_students_stays_without_their_name(media_root, django_capture_on_commit_callbacks):
    teacher, student = factories.ProfileFactory(full_name="Naomi Adler"), factories.ProfileFactory()
    memo, unsaid, unsent = (factories.UploadFactory(student=student, owner=teacher, voice=True) for _ in range(3))
    said = factories.GoalMessageFactory(student=student, author=teacher, content="Well done.", **media_of(memo))
    factories.GoalMessageFactory(student=student, author=teacher, hidden_at=timezone.now(), **media_of(unsaid))
    answer = {"instructor_response": "Yes.", "responded_at": timezone.now(), "responded_by": teacher}
    answered = factories.ReflectionFactory(student=student, **answer)
    course = factories.CourseInstructorFactory(instructor=teacher).course
    known = {str(teacher.pk), "naomi adler", teacher.email}
    with django_capture_on_commit_callbacks(execute=True):
        erase(teacher)
    assert telling(whole_database(), known) == set(), "in the timeline's entries neither"
    (message,) = GoalMessage.objects.all()
    assert (message.pk, message.content, message.author) == (said.pk, "Well done.", None)
    answered.refresh_from_db()
    assert (answered.instructor_response, answered.responded_by) == ("Yes.", None)
    assert [upload.pk for upload in Upload.objects.all()] == [memo.pk], "what was taken back or never sent is gone"
    assert files(media_root) == {memo.file.name}
    assert Course.objects.filter(pk=course.pk).exists()
    assert unsent


def test_what_staff_delete_of_a_student_leaves_no_words_in_the_log(person):
    browser = Client()
    browser.force_login(factories.StaffFactory())
    note = factories.DailyNoteFactory(student=person, content=WORDS)
    page = reverse("admin:goals_dailynote_delete", args=[note.pk])
    assert browser.post(page, {"post": "yes"}).status_code == 302
    assert LogEntry.objects.latest("pk").object_repr == "daily note"
    chosen = {"action": "delete_selected", "_selected_action": [factories.DailyNoteFactory(student=person).pk]}
    browser.post(reverse("admin:goals_dailynote_changelist"), chosen | {"post": "yes"})
    assert LogEntry.objects.latest("pk").object_repr == "daily note"


def test_a_name_that_is_part_of_another_word_stays(media_root):
    person, staff = factories.ProfileFactory(full_name="Al"), factories.StaffFactory()
    log(staff, factories.CourseFactory(), "Algebra with Al")
    erase(person)
    assert LogEntry.objects.get().object_repr == "Algebra with erased"


@pytest.mark.parametrize("name", ["Maya", "maya", "MAYA", "Maya@school", "maya@SCHOOL"])
def test_of_an_address_that_begins_with_the_name_nothing_stays(media_root, name):
    person, staff = factories.ProfileFactory(full_name=name, email="maya@school.example"), factories.StaffFactory()
    log(staff, factories.CourseFactory(), "Course of maya@school.example")
    erase(person)
    assert LogEntry.objects.get().object_repr == "Course of erased"


def test_what_staff_did_before_somebody_was_here_stays_as_it_was_whatever_they_call_themself(media_root):
    staff, course = factories.StaffFactory(), factories.CourseFactory()
    log(staff, course, "Course on clients")
    person = factories.ProfileFactory(full_name="Course", created_at=timezone.now())
    log(staff, course, "Course of 2027")
    erase(person)
    told = LogEntry.objects.order_by("action_time").values_list("object_repr", flat=True)
    assert list(told) == ["Course on clients", "erased of 2027"]


def test_somebody_without_name_address_and_rows_can_be_erased_and_erased_again():
    person = factories.ProfileFactory(full_name="", email=None)
    erase(person)
    erase(person)
    assert not Profile.objects.exists()
    assert not ErasedActor.objects.exists()


def test_a_failure_in_the_middle_leaves_everything_and_every_file(
    person, media_root, monkeypatch, django_capture_on_commit_callbacks
):
    before, there = whole_database(), files(media_root)

    def fail(*arguments):
        raise RuntimeError

    monkeypatch.setattr("privacy.erasure.discard", fail)
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(RuntimeError):
        erase(person)
    assert (whole_database(), files(media_root)) == (before, there)


def test_a_student_with_much_is_erased_by_as_many_statements_as_one_with_little():
    def queries():
        person = factories.ProfileFactory()
        yield person
        with CaptureQueriesContext(connection) as captured:
            erase(person)
        yield len(captured)

    erase(factories.ProfileFactory())  # what a process looks up once
    little, much = queries(), queries()
    factories.DailyNoteFactory(student=next(little))
    student = next(much)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO daily_notes (student_id, content) SELECT %s, 'words ' || n FROM generate_series(1, 10000) n",
            [student.pk],
        )
    assert next(little) == next(much)
    assert not Activity.objects.filter(student_id=student.pk).exists()


# Beside others who write


@pytest.fixture
def student(transactional_db):
    return factories.ProfileFactory()


@contextlib.contextmanager
def erasing(student, until):
    """Erase in a thread, in a transaction that stays open until the event `until`; yields an event: all is erased."""
    erased = threading.Event()

    def run():
        try:
            with transaction.atomic():
                erase(student)
                erased.set()
                until.wait(10)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    yield erased
    until.set()
    thread.join(30)
    assert not thread.is_alive()


def test_what_is_being_written_is_erased_with_the_rest(connect, student):  # noqa: F811
    writer = connect()
    writer.execute("INSERT INTO daily_notes (student_id, content) VALUES (%s, 'n')", [student.pk])
    until = threading.Event()
    until.set()
    with erasing(student, until) as erased:
        assert not erased.wait(0.8), "it waits for the note"
        writer.commit()
        assert erased.wait(20)
    assert not Profile.objects.exists()
    assert not DailyNote.objects.exists()
    assert not Activity.objects.exists()
    assert_no_drift(writer)


def test_what_comes_while_somebody_is_erased_is_refused_and_leaves_no_orphan(connect, student):  # noqa: F811
    writes = [
        ("INSERT INTO daily_notes (student_id, content) VALUES (%s, 'n')", []),
        (
            "INSERT INTO video_progress (student_id, video_id, watched) VALUES (%s, %s, '{[0,90)}')",
            [factories.VideoFactory().pk],
        ),
        (
            "INSERT INTO uploads (student_id, file, media_type, content_type, bytes, width, height)"
            " VALUES (%s, 'f', 'image', 'image/webp', 1, 1, 1)",
            [],
        ),
        ("INSERT INTO sessions (user_id, session_key, session_data, expire_date) VALUES (%s, 'k', '', now())", []),
    ]
    until = threading.Event()
    with erasing(student, until) as erased:
        assert erased.wait(10)
        late = [Waiting(connect(), sql, student.pk, *parameters) for sql, parameters in writes]
        time.sleep(0.2)
    for each in late:
        with contextlib.suppress(psycopg.errors.ForeignKeyViolation):  # at once, or at the commit
            each.result()
            each.connection.commit()
        each.connection.rollback()
    assert not Profile.objects.filter(pk=student.pk).exists()
    for model in (Activity, DailyNote, VideoProgress, Upload, Session):
        assert not model.objects.exists(), model
    assert_no_drift(late[0].connection)


def test_an_update_that_holds_a_row_is_waited_for_and_never_killed(connect, student):  # noqa: F811
    """It locks the row before the student (profiles/writing.py): erasing gives way before PostgreSQL must choose."""
    note, writer = factories.DailyNoteFactory(student=student), connect()
    writer.execute("SELECT FROM daily_notes WHERE id = %s FOR UPDATE", [note.pk])
    until = threading.Event()
    until.set()
    with erasing(student, until) as erased:
        assert not erased.wait(0.3)
        writer.execute("UPDATE daily_notes SET content = 'other' WHERE id = %s", [note.pk])
        writer.commit()
        assert erased.wait(20)
    assert not DailyNote.objects.exists()
    assert_no_drift(writer)


def test_nor_is_it_where_erasing_has_taken_a_while_before_it_comes_to_the_row(connect, student, monkeypatch):  # noqa: F811
    """PostgreSQL looks for deadlocks when the update has waited for a while: little of that may be left by then."""
    note, writer = factories.DailyNoteFactory(student=student), connect()
    writer.execute("SET deadlock_timeout = '1min'")  # not before this test is over, however slow the machine
    writer.execute("SELECT FROM daily_notes WHERE id = %s FOR UPDATE", [note.pk])
    clear, has_begun, goes_on = erasure._clear_admin_log, threading.Event(), threading.Event()
    gives_way_soon = set()

    def clear_slowly(person):
        has_begun.set()
        goes_on.wait(10)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('lock_timeout')::interval BETWEEN '1ms'"
                " AND current_setting('deadlock_timeout')::interval / 20"
            )
            gives_way_soon.add(cursor.fetchone()[0])
        clear(person)

    monkeypatch.setattr(erasure, "_clear_admin_log", clear_slowly)
    until = threading.Event()
    until.set()
    with erasing(student, until) as erased:
        assert has_begun.wait(10)
        update = Waiting(writer, "UPDATE daily_notes SET content = 'other' WHERE id = %s", note.pk)
        wait_for_a_lock(connect(), update)
        goes_on.set()
        update.result()
        writer.commit()
        assert erased.wait(20)
    assert gives_way_soon == {True}
    assert not DailyNote.objects.exists()


def test_a_batch_of_an_import_is_waited_for_and_the_next_one_refuses(connect, student):  # noqa: F811
    agent = "mailto:" + student.email
    importer = connect()
    importer.execute("LOCK TABLE erased_actors IN SHARE MODE")  # as xapi.erased.erased_among does
    until = threading.Event()
    until.set()
    with erasing(student, until) as erased:
        assert not erased.wait(0.8)
        importer.execute(
            "INSERT INTO xapi_agents (id, identifier, pseudonym, profile_id) VALUES (gen_random_uuid(), %s, 'L', %s)",
            [agent, student.pk],
        )
        importer.commit()
        assert erased.wait(20)
    assert not Agent.objects.exists()
    summary, _ = imported(statement(1, actor=mailbox(student.email), length=9))
    assert summary.refused == 1
    assert not Profile.objects.exists()
    assert not Statement.objects.exists()
