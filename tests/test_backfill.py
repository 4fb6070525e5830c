"""`manage.py backfill_timeline` and timeline_resync: what they find, what they mend, and whom they let pass."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks import population
from tests import factories
from tests.databases import execute
from tests.processes import wait_until
from timeline import backfill
from timeline.management.commands import backfill_timeline

NOBODY = UUID("ffffffff-ffff-4fff-bfff-ffffffffffff")


def entries():
    return execute("SELECT * FROM student_activity_timeline ORDER BY id")


def run(capsys, *arguments):
    """Run the command; return its exit code and what it printed."""
    code = 0
    try:
        call_command("backfill_timeline", *arguments)
    except SystemExit as error:
        code = error.code
    return code, capsys.readouterr().out


def drift_rows(output):
    """The report's table: {source table: [missing, stale, ghost]}."""
    rows = [line.strip("│").split("│") for line in output.splitlines() if line.startswith("│")]
    return {name.strip(): [int(count) for count in counts] for name, *counts in rows}


@pytest.fixture
def students(transactional_db):
    """Three students with seven entries each, in order of id."""
    students = []
    for _ in range(3):
        student = factories.ProfileFactory()
        factories.VideoProgressFactory(student=student)  # five entries
        factories.DailyNoteFactory(student=student)
        factories.ReflectionFactory(student=student)
        students.append(student)
    return students


@pytest.fixture
def lock():
    """A function that locks a student as a goal switch does; it returns what lets go."""
    with contextlib.ExitStack() as stack:

        def lock(student):
            other = psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor})
            stack.callback(other.close)
            other.execute("SELECT FROM profiles WHERE id = %s FOR UPDATE", [student.id])
            return other.rollback

        yield lock


def test_a_right_timeline_is_left_alone(students, capsys):
    before = entries()
    found = "The timeline says what its sources say: 3 students checked, nothing is wrong.\n"
    assert run(capsys, "--check") == (0, found)
    code, output = run(capsys)
    assert code == 0
    assert output.startswith("3 students done, entries 0 inserted, 0 updated, 0 deleted; ")
    assert entries() == before


def test_every_sort_of_drift_is_found_and_mended(students, capsys):
    right = entries()
    ada, ben, _ = (student.id for student in students)
    execute("DELETE FROM student_activity_timeline WHERE student_id = %s AND source_table = 'video_progress'", ada)
    execute(
        "UPDATE student_activity_timeline SET content = 'Not what was written' WHERE source_table = 'daily_notes'"
        " AND student_id IN (%s, %s)",
        ada,
        ben,
    )
    insert_ghosts = """
        INSERT INTO student_activity_timeline (id, student_id, activity_type, created_at, source_table, source_id)
        SELECT gen_random_uuid(), %s, 'success_proof', now(), 'success_proofs', gen_random_uuid()
        FROM generate_series(1, %s)
    """
    execute(insert_ghosts, ben, 2)
    execute(insert_ghosts, NOBODY, 4)
    execute(
        "UPDATE student_activity_timeline SET student_id = %s WHERE student_id = %s AND source_table = 'reflections'",
        ada,
        ben,
    )
    damaged = entries()

    for batch_size in "1", "10":
        code, output = run(capsys, "--check", "--batch-size", batch_size)
        assert code == 1
        assert drift_rows(output) == {
            "video_progress": [5, 0, 0],
            "daily_notes": [0, 2, 0],
            "success_proofs": [0, 0, 6],
            "reflections": [1, 0, 1],
        }
        assert "The timeline differs from its sources: 4 students checked, 6 missing, 2 stale, 7 ghost." in output
        explained = output[output.index("Missing: ") :]
        assert [line.partition(":")[0] for line in explained.splitlines()] == ["Missing", "Stale", "Ghost"]
    assert entries() == damaged

    assert run(capsys)[0] == 0
    assert entries() == right
    assert "0 inserted, 0 updated, 0 deleted" in run(capsys)[1]


def test_what_many_have_watched_is_moved_as_the_documents_say_and_filed_by_a_backfill(students, capsys):
    video = students[0].video_progress.get().video
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=5)
    factories.QuizAttemptFactory(student=students[1], quiz=quiz)
    before, lesson = entries(), factories.LessonFactory()
    text = (settings.BASE_DIR / "docs" / "operating.md").read_text()
    commands = re.search(r"```sql\n(BEGIN;.+?COMMIT;)\n```", text, re.DOTALL)[1]
    execute(commands.replace("'…'", f"'{lesson.pk}'", 1).replace("'…'", f"'{video.pk}'", 1))
    quiz.refresh_from_db()
    assert quiz.lesson_id == lesson.pk
    assert entries() == before
    assert run(capsys)[0] == 0
    assert execute("SELECT count(*) FROM student_activity_timeline WHERE lesson_id = %s", lesson.pk) == [(6,)]
    quiz.lesson.videos.update(lesson=video.lesson)  # the triggers are at work again
    assert entries() == before


@pytest.mark.parametrize("batch_size", ["1", "10"])
def test_an_empty_timeline_is_filled(students, capsys, batch_size):
    right = entries()
    execute("TRUNCATE student_activity_timeline")
    assert "3 students done, entries 21 inserted, 0 updated, 0 deleted" in run(capsys, "--batch-size", batch_size)[1]
    assert entries() == right


def test_only_the_students_named_are_touched(students, capsys):
    execute("DELETE FROM student_activity_timeline WHERE source_table = 'daily_notes'")
    ada, ben, _ = (student.id for student in students)
    assert "2 students checked, 2 missing" in run(capsys, "--check", "--students", str(ada), str(ben))[1]
    assert "2 students done, entries 2 inserted" in run(capsys, "--students", str(ben), str(ada), str(ada))[1]
    assert "3 students checked, 1 missing" in run(capsys, "--check")[1]


def test_it_goes_on_where_it_is_told_to(students, capsys):
    execute("DELETE FROM student_activity_timeline WHERE source_table = 'daily_notes'")
    assert "2 students done, entries 2 inserted" in run(capsys, "--since-student", str(students[1].id))[1]
    assert "1 student done, entries 1 inserted" in run(capsys, "--students", *(str(s.id) for s in students[:1]))[1]
    assert run(capsys, "--check")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--students", "sarah"], "'sarah' is not a student's id, which is a UUID"),
        (["--since-student", "123"], "'123' is not a student's id, which is a UUID"),
        (["--batch-size", "0"], "'0' is not a number of students, 1 or more"),
        (["--students", str(NOBODY)], f"There is no student {NOBODY}."),
        (["--part", "3/2"], "'3/2' is not a part of all, as 1/2 and 2/2 are"),
        (["--part", "half"], "'half' is not a part of all"),
        (["--part", "1/2", "--students", str(NOBODY)], "leave out either --part or --students"),
        (["--first-load", "--check"], "--first-load is for the whole timeline at once"),
    ],
)
@pytest.mark.django_db
def test_what_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("backfill_timeline", *arguments)


@pytest.mark.django_db(transaction=True)
def test_no_students_and_one_without_entries(capsys):
    assert run(capsys, "--check")[0] == 0
    assert "0 students done, entries 0 inserted" in run(capsys)[1]
    factories.ProfileFactory()
    assert "1 student done, entries 0 inserted" in run(capsys)[1]
    assert run(capsys, "--check")[0] == 0


def test_a_locked_student_comes_last(students, lock):
    execute("TRUNCATE student_activity_timeline")
    release = lock(students[1])
    walk = backfill.Walk(backfill.resync, batch_size=3)
    steps = iter(walk)
    assert [next(steps)["inserted"], next(steps)["inserted"]] == [7, 7]
    done = {student for (student,) in execute("SELECT DISTINCT student_id FROM student_activity_timeline")}
    assert done == {students[0].id, students[2].id}
    assert walk.position == students[1].id
    release()
    assert [step["inserted"] for step in steps] == [7]
    assert (walk.done, walk.position) == (3, None)


def test_a_student_who_stays_locked_is_named(students, lock, capsys, monkeypatch):
    monkeypatch.setattr(backfill, "PATIENCE", 0)
    execute("TRUNCATE student_activity_timeline")
    release = lock(students[0])
    with pytest.raises(CommandError, match=f"(?s)keep 1 student locked.*--students {students[0].id}") as error:
        call_command("backfill_timeline")
    assert "2 students done, entries 14 inserted" in capsys.readouterr().out
    release()
    call_command(*str(error.value).splitlines()[-1].split()[2:])
    assert run(capsys, "--check")[0] == 0


def test_it_waits_for_less_than_the_deadlock_timeout(students, lock):
    lock(students[0])
    with pytest.raises(backfill.DatabaseError, match="lock timeout"), CaptureQueriesContext(connection) as captured:
        backfill.resync([students[0].id])
    (limit,) = [each for query in captured for each in re.findall(r"'lock_timeout', '(\w+)'", query["sql"])]
    assert execute("SELECT %s::interval < current_setting('deadlock_timeout')::interval", limit) == [(True,)]


def test_inserts_go_on_beside_a_resync(students):
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT timeline_resync(%s)", [[students[0].id]])
        execute("SET lock_timeout = '2s'")
        factories.DailyNoteFactory(student=students[0])
        execute("RESET lock_timeout")
    assert backfill.drift([students[0].id]) == {}


@pytest.fixture
def writing(students):
    """A connection that has written a note of the first student and not committed, since when notes mean another thing.

    As when a mapping is migrated while somebody writes.
    """
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as writer:
        writer.execute("INSERT INTO daily_notes (student_id, content) VALUES (%s, 'by the old one')", [students[0].id])
        [(mapping,)] = execute("SELECT pg_get_functiondef('timeline_entries(daily_notes)'::regprocedure)")
        execute(mapping.replace("(source).content", "upper((source).content)"))
        try:
            yield writer
        finally:
            writer.rollback()
            execute(mapping)


def test_what_was_written_by_an_older_mapping_is_waited_for(students, writing, capsys):
    committer = threading.Timer(0.5, writing.commit)
    committer.start()
    assert run(capsys)[0] == 0
    committer.join()
    assert execute("SELECT content FROM student_activity_timeline WHERE content ILIKE 'by the%%'") == [
        ("BY THE OLD ONE",)
    ]
    assert run(capsys, "--check")[0] == 0


def test_who_does_not_stop_writing_is_named(students, writing, monkeypatch):
    monkeypatch.setattr(backfill, "PATIENCE", 0)
    with pytest.raises(CommandError, match=rf"have long been writing.*\(.*: {writing.info.backend_pid}\)"):
        call_command("backfill_timeline")
    writing.commit()
    call_command("backfill_timeline")
    assert backfill.drift([student.id for student in students]) == {}


def test_a_lost_connection_says_how_to_go_on(students, capsys, monkeypatch):
    execute("TRUNCATE student_activity_timeline")

    def resync(batch):
        if batch == [students[2].id]:
            execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return backfill.resync(batch)

    monkeypatch.setattr(backfill_timeline, "resync", resync)
    with pytest.raises(CommandError, match=r"connection to the database was lost \(.+\): 2 students done") as error:
        call_command("backfill_timeline", "--batch-size", "1")
    connection.close()
    monkeypatch.undo()
    call_command(*str(error.value).splitlines()[-1].split()[2:])
    assert "entries 7 inserted" in capsys.readouterr().out
    assert run(capsys, "--check")[0] == 0


def test_parts_do_everybody_once(transactional_db, capsys):
    factories.DailyNoteFactory.create_batch(20)
    execute("TRUNCATE student_activity_timeline")
    done = []
    for part in ("1/3", "2/3", "3/3"):
        walk = re.match(r"(\d+) students? done, entries (\d+) inserted", run(capsys, "--part", part)[1])
        done.append([int(number) for number in walk.groups()])
    assert [sum(numbers) for numbers in zip(*done, strict=True)] == [20, 20]
    assert run(capsys, "--check", "--part", "1/1")[0] == 0


def indexes():
    return execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'student_activity_timeline' ORDER BY indexname"
    )


def test_a_first_load_fills_an_empty_timeline_and_leaves_every_index(students, capsys):
    right, whole = entries(), indexes()
    execute("TRUNCATE student_activity_timeline")
    code, output = run(capsys, "--first-load")
    assert (code, output.split(";")[0]) == (0, "21 entries inserted, indexes built")
    assert (entries(), indexes()) == (right, whole)
    assert execute("SELECT count(*) FROM pg_constraint WHERE conname = 'student_activity_timeline_pkey'") == [(1,)]
    factories.DailyNoteFactory(student=students[0])  # an upsert, for which there is the primary key
    assert run(capsys, "--check")[0] == 0


def test_a_timeline_with_entries_is_no_first_load(students):
    execute("DELETE FROM student_activity_timeline WHERE student_id = %s", students[0].id)
    before = entries()
    with pytest.raises(CommandError, match="The timeline is not empty"):
        call_command("backfill_timeline", "--first-load")
    assert entries() == before


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_first_load_that_is_stopped_leaves_an_empty_timeline_with_every_index(students, capsys, stop):
    whole = indexes()
    execute("TRUNCATE student_activity_timeline")
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("LOCK TABLE goal_messages")  # which is read once the indexes are gone
        process = start(sys.executable, "manage.py", "backfill_timeline", "--first-load")
        waiting = """
            SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE datname = current_database() AND relation = 'goal_messages'::regclass AND NOT granted
                    AND backend_type = 'client backend'
        """  # autovacuum may wait for it, too
        wait_until(lambda: execute(waiting))
        process.send_signal(stop)
        output, _ = process.communicate(timeout=60)
    if stop != signal.SIGKILL:
        assert process.returncode == 128 + stop
        assert output == "Interrupted: the timeline is empty, as it was, and has its indexes.\n"
    wait_until(lambda: not execute("SELECT FROM pg_stat_activity WHERE query LIKE '%timeline_first_load()'"))
    if entries():  # the server noticed only at the end that nobody waits for the answer: then it is all there
        assert stop == signal.SIGKILL
    assert indexes() == whole
    assert run(capsys, "--check")[0] == (0 if entries() else 1)
    assert run(capsys)[0] == 0
    assert run(capsys, "--check")[0] == 0


def environment():
    """Of a process that works on the tests' database."""
    parameters = connection.get_connection_params()
    password = parameters.get("password", "")
    url = (
        f"postgres://{parameters['user']}:{password}@/{parameters['dbname']}"
        f"?host={parameters['host']}&port={parameters['port']}"
    )
    return os.environ | {"DATABASE_URL": url, "LOCAL": "on", "DJANGO_SETTINGS_MODULE": "config.settings"}


def start(*command):
    return subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on(students, lock, stop):
    execute("TRUNCATE student_activity_timeline")
    release = lock(students[1])

    process = start(sys.executable, "manage.py", "backfill_timeline", "--batch-size", "1")
    wait_until(lambda: execute("SELECT count(DISTINCT student_id) FROM student_activity_timeline") == [(2,)])
    process.send_signal(stop)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + stop
    assert not errors or errors.startswith("Exception ignored in")  # where Python forgets what a signal raised
    # The third student's entries may be seen, and the signal sent, before the process has counted them.
    done = r"Interrupted: (1 student done, entries 7|2 students done, entries 14) inserted, 0 updated, 0 deleted\. "
    assert re.match(done + "Go on with:\n", output)
    command = shlex.split(output.splitlines()[-1])
    assert command[2:] == ["backfill_timeline", "--batch-size", "1", "--since-student", str(students[1].id)]

    release()
    process = start(*command)
    output, _ = process.communicate(timeout=60)
    assert output.startswith("2 students done, entries 7 inserted, 0 updated, 0 deleted")
    assert backfill.drift([student.id for student in students]) == {}


@pytest.mark.django_db
def test_few_students_are_looked_up_by_index_alone():
    population.run(connection, "even_school.sql", students=50)
    execute("ANALYZE")
    few = [student for (student,) in execute("SELECT id FROM profiles ORDER BY id LIMIT 3")]
    execute("DELETE FROM student_activity_timeline WHERE student_id = %s", few[0])
    sources = [name for (name,) in execute("SELECT DISTINCT source_table FROM student_activity_timeline")]
    assert len(sources) == 11

    def scans():
        rows = execute(
            "SELECT relname, seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = ANY (%s)",
            [*sources, "student_activity_timeline", "profiles", "goal_periods"],
        )
        return {name: (sequential, by_index) for name, sequential, by_index in rows}

    for look_up in (
        lambda: backfill.Walk(backfill.resync)._take(),
        lambda: backfill.resync(few),
        lambda: backfill.drift(few),  # last: it makes the test's transaction a read-only one
    ):
        before = scans()
        look_up()
        used = {
            name: (sequential - before[name][0], by_index - before[name][1])
            for name, (sequential, by_index) in scans().items()
            if (sequential, by_index) != before[name]
        }
        assert {name for name, (sequential, _) in used.items() if sequential} == set()
        assert "student_activity_timeline" in used
    assert used.keys() >= {*sources, "goal_periods"}
