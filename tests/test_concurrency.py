"""Writers at the same time: whoever waits for whom, nothing drifts, and no student's writing is refused."""

import contextlib
import datetime
import functools
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import psutil
import psycopg
import pytest
from django.db import connection
from psycopg import errors
from psycopg.conninfo import make_conninfo
from psycopg.types.range import TimestamptzRange

from config.database.embedded import EmbeddedPostgres, postmaster_pid
from config.frozen import FrozenSQL
from courses.enrolling import enrol_all
from courses.models import Enrollment
from goals import sharing
from profiles.models import Profile
from reflections.models import Reflection
from tests import databases, factories
from tests.drift import DRIFT
from tests.processes import open_folder, wait_until
from tests.threads import logged_in

UTC = datetime.UTC
NOON = datetime.datetime(2025, 3, 15, 16, tzinfo=UTC)
SWITCH = datetime.datetime(2025, 4, 1, tzinfo=UTC)


@pytest.fixture
def connect(transactional_db):
    """A function that opens a connection to the tests' database, its statements limited to ten seconds."""
    parameters = connection.get_connection_params()
    parameters = {key: parameters[key] for key in ("host", "port", "user", "password", "dbname") if key in parameters}
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            psycopg.connect(**parameters, options="-c statement_timeout=10s", **options)
        )


class Waiting:
    """A statement that runs in a thread of its own; `result()` waits for it and raises what it raised."""

    def __init__(self, connection, sql, *parameters):
        self.connection, self.error = connection, None
        self.thread = threading.Thread(target=self._run, args=(sql, parameters))
        self.thread.start()

    def _run(self, sql, parameters):
        try:
            self.connection.execute(sql, parameters)
        except psycopg.Error as error:
            self.error = error

    def result(self):
        self.thread.join(10)
        assert not self.thread.is_alive()
        if self.error:
            raise self.error


def wait_for_a_lock(observer, waiting):
    """Return once the statement waits for a lock that another transaction holds."""
    pid = waiting.connection.info.backend_pid
    wait_until(lambda: observer.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid]).fetchone()[0])
    observer.rollback()


def assert_no_drift(connection):
    connection.rollback()
    assert connection.execute(DRIFT).fetchall() == []
    connection.rollback()


def goal_of(connection, table, row):
    """The goal that the timeline files a source's row under."""
    sql = "SELECT goal_id FROM student_activity_timeline WHERE source_table = %s AND source_id = %s"
    (goal,) = connection.execute(sql, [table, row]).fetchone()
    connection.rollback()
    return goal


INSERT_NOTE = "INSERT INTO daily_notes (id, student_id, content, created_at) VALUES (%s, %s, 'n', %s)"
CLOSE_PERIOD = "UPDATE goal_periods SET period = tstzrange(lower(period), %s) WHERE student_id = %s"
OPEN_PERIOD = "INSERT INTO goal_periods (student_id, goal_id, period) VALUES (%s, %s, tstzrange(%s, NULL))"
# Of each function that has one: whether it is shorter than what PostgreSQL waits before it looks for a deadlock.
LOCK_TIMEOUTS = (
    "SELECT split_part(setting, '=', 2)::interval < current_setting('deadlock_timeout')::interval"
    " FROM pg_proc, unnest(proconfig) AS setting WHERE setting LIKE 'lock_timeout=%'"
)
NOTE = "01980000-0000-7000-8000-000000000001"


@pytest.fixture
def student(transactional_db):
    return factories.ProfileFactory()


@pytest.fixture
def goals(student):
    """Two goals: the first is the current one, from NOON on."""
    goals = factories.GoalFactory.create_batch(2, student=student)
    factories.GoalPeriodFactory(goal=goals[0], period=TimestamptzRange(NOON, None))
    return goals


# Who waits for whom


def test_an_insert_waits_for_a_switch_and_is_filed_under_the_new_goal(connect, student, goals):
    switcher, writer, observer = connect(), connect(), connect()
    switcher.execute(CLOSE_PERIOD, [SWITCH, student.pk])
    insert = Waiting(writer, INSERT_NOTE, NOTE, student.pk, SWITCH)
    wait_for_a_lock(observer, insert)
    switcher.execute(OPEN_PERIOD, [student.pk, goals[1].pk, SWITCH])
    switcher.commit()
    insert.result()
    writer.commit()
    assert goal_of(observer, "daily_notes", NOTE) == goals[1].pk
    assert_no_drift(observer)


def test_a_switch_waits_for_an_insert_and_files_it_anew(connect, student, goals):
    switcher, writer, observer = connect(), connect(), connect()
    writer.execute(INSERT_NOTE, [NOTE, student.pk, SWITCH])
    switch = Waiting(switcher, CLOSE_PERIOD, SWITCH, student.pk)
    wait_for_a_lock(observer, switch)
    writer.commit()
    switch.result()
    switcher.execute(OPEN_PERIOD, [student.pk, goals[1].pk, SWITCH])
    switcher.commit()
    assert goal_of(observer, "daily_notes", NOTE) == goals[1].pk
    assert_no_drift(observer)


def test_inserts_do_not_wait_for_one_another_nor_for_another_students_switch(connect, student, goals):
    first, second, switcher = connect(), connect(), connect()
    other = factories.GoalFactory()
    switcher.execute(OPEN_PERIOD, [other.student_id, other.pk, NOON])
    for each in (first, second):
        each.execute("SET LOCAL lock_timeout = '1s'")
        each.execute("INSERT INTO daily_notes (student_id, content) VALUES (%s, 'n')", [student.pk])
    for each in (first, second, switcher):
        each.commit()
    assert_no_drift(first)


def test_a_resync_does_not_wait_for_an_insert_nor_an_insert_for_a_resync(connect, student, goals):
    writer, resyncer = connect(), connect()
    for each in (writer, resyncer):
        each.execute("SET LOCAL lock_timeout = '1s'")
    writer.execute(INSERT_NOTE, [NOTE, student.pk, SWITCH])
    assert resyncer.execute("SELECT * FROM timeline_resync(ARRAY[%s])", [student.pk]).fetchone() == (0, 0, 0)
    writer.execute("INSERT INTO daily_notes (student_id, content) VALUES (%s, 'beside it')", [student.pk])
    resyncer.commit()
    writer.commit()
    assert_no_drift(writer)


@pytest.mark.parametrize(
    "statement", ["UPDATE daily_notes SET content = 'better' WHERE id = %s", "DELETE FROM daily_notes WHERE id = %s"]
)
def test_an_update_and_a_delete_wait_for_a_resync(connect, student, goals, statement):
    writer, resyncer, observer = connect(), connect(), connect()
    writer.execute(INSERT_NOTE, [NOTE, student.pk, SWITCH])
    writer.commit()
    resyncer.execute("SELECT timeline_resync(ARRAY[%s])", [student.pk])
    change = Waiting(writer, statement, NOTE)
    wait_for_a_lock(observer, change)
    resyncer.commit()
    change.result()
    writer.commit()
    assert_no_drift(observer)


@pytest.mark.parametrize(
    "statement", ["UPDATE daily_notes SET content = 'better' WHERE id = %s", "DELETE FROM daily_notes WHERE id = %s"]
)
def test_a_resync_waits_for_an_update_and_a_delete(connect, student, goals, statement):
    writer, resyncer, observer = connect(), connect(), connect()
    writer.execute(INSERT_NOTE, [NOTE, student.pk, SWITCH])
    writer.commit()
    writer.execute(statement, [NOTE])
    resync = Waiting(resyncer, "SELECT timeline_resync(ARRAY[%s])", student.pk)
    wait_for_a_lock(observer, resync)
    writer.commit()
    resync.result()
    resyncer.commit()
    assert_no_drift(observer)


def test_an_update_waits_for_a_change_of_the_students_name_and_goes_on(connect, student, goals):
    """The lock finds another version of the profile than the one that the statement saw."""
    writer, clerk, observer = connect(), connect(), connect()
    writer.execute(INSERT_NOTE, [NOTE, student.pk, SWITCH])
    writer.commit()
    clerk.execute("UPDATE profiles SET full_name = 'Sarah' WHERE id = %s", [student.pk])
    update = Waiting(writer, "UPDATE daily_notes SET content = 'better' WHERE id = %s", NOTE)
    wait_for_a_lock(observer, update)
    clerk.commit()
    update.result()
    writer.commit()
    assert_no_drift(observer)


def test_an_author_who_moves_a_lesson_loses_to_a_student_who_is_writing(connect, student):
    video = factories.VideoFactory()
    course = factories.CourseFactory()
    author, writer = connect(), connect()
    writer.execute(
        "INSERT INTO reflections (student_id, content, video_id, video_timestamp_seconds) VALUES (%s, 'n', %s, 1)",
        [student.pk, video.pk],
    )
    move = "UPDATE course_chapters SET course_id = %s WHERE id = %s"
    started = time.monotonic()
    with pytest.raises(errors.LockNotAvailable):
        author.execute(move, [course.pk, video.lesson_id])
    assert time.monotonic() - started > 0.4
    author.rollback()
    sooner = author.execute(LOCK_TIMEOUTS).fetchall()
    assert set(sooner) == {(True,)}, "than PostgreSQL looks for a deadlock"
    writer.commit()
    author.execute(move, [course.pk, video.lesson_id])
    author.commit()
    assert author.execute("SELECT course_id FROM student_activity_timeline").fetchall() == [(course.pk,)]
    assert_no_drift(author)


def test_a_student_who_writes_while_a_lesson_moves_waits_and_is_filed_under_the_new_course(connect, student):
    video = factories.VideoFactory()
    course = factories.CourseFactory()
    author, writer, observer = connect(), connect(), connect()
    author.execute("UPDATE course_chapters SET course_id = %s WHERE id = %s", [course.pk, video.lesson_id])
    insert = Waiting(
        writer,
        "INSERT INTO reflections (student_id, content, video_id, video_timestamp_seconds) VALUES (%s, 'n', %s, 1)",
        student.pk,
        video.pk,
    )
    wait_for_a_lock(observer, insert)
    author.commit()
    insert.result()
    writer.commit()
    assert observer.execute("SELECT course_id FROM student_activity_timeline").fetchall() == [(course.pk,)]
    assert_no_drift(observer)


def test_who_adds_a_list_of_students_waits_for_who_locks_them_in_order_and_neither_is_killed(connect):
    course = factories.CourseFactory()
    back = [
        factories.EnrollmentFactory(course=course, left_at=NOON, student__email=f"{name}@example.org") for name in "ab"
    ]
    first, last = sorted(back, key=lambda enrollment: enrollment.student_id)
    finishing, observer, failed = connect(), connect(autocommit=True), []

    def add():
        try:
            enrol_all(course, [(each.student.email, "") for each in (last, first)], sheet=uuid.uuid4())
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    lock = "SELECT FROM enrollments WHERE id = %s FOR NO KEY UPDATE"  # as courses/finishing.py
    finishing.execute(lock, [first.pk])
    adding = threading.Thread(target=add)
    adding.start()
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
    wait_until(lambda: observer.execute(blocked, [finishing.info.backend_pid]).fetchone()[0])
    finishing.execute(lock, [last.pk])
    finishing.commit()
    adding.join(10)
    assert failed == []
    assert not Enrollment.objects.exclude(left_at=None).exists()


@pytest.mark.parametrize("action", ["hide", "unhide", "delete_selected", "close"])
def test_staff_who_write_rows_of_several_wait_for_who_locks_them_in_order_and_nobody_is_killed(connect, action):
    early, late = sorted(factories.ProfileFactory.create_batch(2), key=lambda person: person.pk)
    early.save()  # so that it lies behind the other
    hidden_at = NOON if action == "unhide" else None
    last, first = (factories.ReflectionFactory(student=student, hidden_at=hidden_at) for student in (late, early))
    page, rows = ("profiles/profile", (early, late)) if action == "close" else ("reflections/reflection", (first, last))
    answering, observer, staff = connect(), connect(autocommit=True), logged_in(factories.StaffFactory())
    chosen = {"action": action, "_selected_action": [row.pk for row in rows], "post": "yes"}
    observer.execute("ANALYZE profiles, reflections")  # few rows, which are read as they lie

    def act():
        try:
            return staff.post(f"/admin/{page}/", chosen).status_code
        finally:
            connection.close()

    answer = "UPDATE reflections SET instructor_response = 'a', responded_at = now() WHERE id = %s"
    answering.execute("SET deadlock_timeout = '10ms'")  # of a deadlock, who answers is the first to know
    answering.execute(answer, [first.pk])
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act)
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        wait_until(lambda: observer.execute(blocked, [answering.info.backend_pid]).fetchone()[0])
        answering.execute(answer, [last.pk])
        answering.commit()
        assert acting.result(20) == 302
    assert not Profile.objects.filter(is_active=action == "close", pk__in=[early.pk, late.pk]).exists()
    left = Reflection.objects.filter(instructor_response="a")
    assert (left.count(), left.filter(hidden_at=None).count()) == {
        "hide": (2, 0),
        "unhide": (2, 2),
        "delete_selected": (0, 0),
        "close": (2, 2),
    }[action]
    assert_no_drift(observer)


@pytest.mark.parametrize(
    ("page", "fields"),
    [
        ("goal/", {"action": "delete_selected", "_selected_action": "goal", "post": "yes"}),
        ("goalmilestone/", {"action": "delete_selected", "_selected_action": "milestone", "post": "yes"}),
        ("goalmilestone/{milestone}/delete/", {"post": "yes"}),
        ("goalmilestone/{milestone}/change/", {"goal": "goal", "title": "Said otherwise"}),
    ],
    ids=["goals", "milestones", "a milestone", "a milestone's words"],
)
def test_staff_who_write_goals_wait_for_the_student_who_changes_them_before_they_lock_any(connect, goals, page, fields):
    milestone = factories.GoalMilestoneFactory(goal=goals[0], reached_at=None)
    rows = {"goal": str(goals[0].pk), "milestone": str(milestone.pk)}
    living, observer, staff = connect(), connect(autocommit=True), logged_in(factories.StaffFactory())
    living.execute("SET deadlock_timeout = '10ms'")  # of a deadlock, the student is the first to know
    living.execute("SELECT FROM profiles WHERE id = %s FOR UPDATE", [goals[0].student_id])  # as goals/living.py

    def act():
        try:
            sent = {name: rows.get(value, value) for name, value in fields.items()}
            return staff.post(f"/admin/goals/{page.format(**rows)}", sent).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act)
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        wait_until(lambda: observer.execute(blocked, [living.info.backend_pid]).fetchone()[0])
        living.execute("UPDATE goal_milestones SET reached_at = now() WHERE id = %s", [milestone.pk])
        living.execute("UPDATE goals SET completed_at = now() WHERE id = %s", [goals[0].pk])
        living.commit()
        assert acting.result(20) == 302
    left = observer.execute("SELECT title FROM goal_milestones").fetchall()
    assert left == ([("Said otherwise",)] if "title" in fields else [])
    assert_no_drift(observer)


@pytest.mark.parametrize("way", ["", "{}/delete/"], ids=["a list", "a page"])
def test_staff_who_delete_a_goal_give_way_to_who_edits_a_message_about_it(connect, goals, monkeypatch, way):
    """Who edits has the message and waits for the student; nobody looks for deadlocks while this test lasts."""
    never = "-c deadlock_timeout=1min"
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "options", f"{options.get('options', '')} {never}")
    message = factories.GoalMessageFactory(student=goals[0].student, goal=goals[0])
    editing, observer, staff = connect(), connect(autocommit=True), logged_in(factories.StaffFactory())
    editing.execute("SET deadlock_timeout = '1min'")
    editing.execute("SELECT FROM goal_messages WHERE id = %s FOR UPDATE", [message.pk])  # as profiles/writing.py
    chosen = {"action": "delete_selected", "_selected_action": goals[0].pk, "post": "yes"}

    def act():
        try:
            return staff.post(f"/admin/goals/goal/{way.format(goals[0].pk)}", chosen).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(act)
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        wait_until(lambda: acting.done() or observer.execute(blocked, [editing.info.backend_pid]).fetchone()[0])
        editing.execute("UPDATE goal_messages SET content = 'Said otherwise' WHERE id = %s", [message.pk])
        editing.commit()
        assert acting.result(20) == 302
    assert observer.execute("SELECT content FROM goal_messages").fetchall() == [("Said otherwise",)]
    assert_no_drift(observer)


def test_who_shares_a_story_waits_for_who_changes_its_goal_before_they_lock_it(connect, student):
    goal = factories.GoalFactory(student=student, completed_at=NOON)
    living, observer = connect(), connect(autocommit=True)
    living.execute("SET deadlock_timeout = '10ms'")  # of a deadlock, the first to know
    living.execute("SELECT FROM profiles WHERE id = %s FOR UPDATE", [student.pk])  # as goals/living.py

    def share():
        try:
            return sharing.share(goal, contents=sharing.Contents(frozenset()), link=True).link
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        shared = pool.submit(share)
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
        wait_until(lambda: observer.execute(blocked, [living.info.backend_pid]).fetchone()[0])
        living.execute("UPDATE goals SET title = 'Said otherwise' WHERE id = %s", [goal.pk])
        living.commit()
        assert shared.result(20)


def test_a_migration_of_triggers_refuses_nobody_who_writes_two_tables(connect, student):
    writer, observer = connect(), connect(autocommit=True)
    writer.execute("INSERT INTO reflections (student_id, content) VALUES (%s, 'r')", [student.pk])
    held = (
        "SELECT FROM pg_locks WHERE relation = 'daily_notes'::regclass AND mode = 'ShareRowExclusiveLock' AND granted"
    )
    migration = FrozenSQL("SELECT timeline_watch('daily_notes'), timeline_watch('reflections')")

    def write_on():
        wait_until(lambda: observer.execute(held).rowcount)
        writer.execute(INSERT_NOTE, [NOTE, student.pk, NOON])
        writer.commit()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write_on)
        with connection.schema_editor() as editor:
            migration.database_forwards("timeline", editor, None, None)
        writing.result()
    assert_no_drift(writer)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_transaction_that_looks_at_the_past_may_read_and_not_write(connect, student, goals, level):
    """It would file what it writes under the goal that was current when it began."""
    writer, switcher = connect(), connect()
    writer.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
    writer.execute("SELECT FROM student_activity_timeline")
    switcher.execute(CLOSE_PERIOD, [SWITCH, student.pk])
    switcher.execute(OPEN_PERIOD, [student.pk, goals[1].pk, SWITCH])
    switcher.commit()
    with pytest.raises(errors.InvalidTransactionState, match="READ COMMITTED transactions only"):
        writer.execute(INSERT_NOTE, [NOTE, student.pk, SWITCH])
    assert_no_drift(writer)


# All at once


class Traffic:
    """Threads that write what students, instructors, authors and a backfill write, until they are stopped."""

    def __init__(self, connect, students, videos, goals, quiz):
        self.connect, self.students, self.videos, self.goals, self.quiz = connect, students, videos, goals, quiz
        self.stopping = threading.Event()
        self.done, self.retried, self.lost, self.failures, self.resynced = {}, 0, 0, [], (0, 0, 0)
        kinds = [self.write, self.write, self.change, self.watch, self.watch, self.switch, self.correct]
        self.threads = [
            threading.Thread(target=self.repeat, args=(act, random.Random(seed))) for seed, act in enumerate(kinds)
        ]
        self.threads.append(threading.Thread(target=self.repeat, args=(self.backfill, random.Random(99))))
        self.threads.append(threading.Thread(target=self.vacuum))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping.set()
        for thread in self.threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in self.threads)

    def run(self, seconds, least):
        """Let it flow for so long, and until each kind of writing was done so often, however slow the machine is."""
        time.sleep(seconds)
        wait_until(lambda: self.failures or (len(self.done) == 6 and min(self.done.values()) >= least), seconds=60)

    def repeat(self, act, chance):
        try:
            with self.connect() as connection:
                while not self.stopping.is_set():
                    with connection.transaction():
                        act(connection.execute, chance)
                    self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate.startswith("57P"):  # the server is gone
                self.lost += 1
            else:
                self.failures.append(f"{act.__name__}: {error}")

    def vacuum(self):
        """What autovacuum does now and then, all the time: scans of a GiST index miss rows beside it."""
        try:
            with self.connect(autocommit=True) as connection:
                while not self.stopping.wait(0.02):
                    connection.execute("VACUUM goal_periods")
        except psycopg.OperationalError:
            self.lost += 1

    def at(self, chance):
        return NOON + datetime.timedelta(hours=chance.randrange(48))

    def write(self, execute, chance):
        """Several statements of one student, or one statement of several students."""
        if chance.random() < 0.3:
            execute(
                "INSERT INTO daily_notes (student_id, content, created_at) SELECT unnest(%s::uuid[]), 'n', %s",
                [chance.sample(self.students, 3), self.at(chance)],
            )
            return
        student, at = chance.choice(self.students), self.at(chance)
        execute("INSERT INTO daily_notes (student_id, content, created_at) VALUES (%s, 'n', %s)", [student, at])
        execute(
            "INSERT INTO reflections (student_id, content, video_id, video_timestamp_seconds, created_at)"
            " VALUES (%s, 'r', %s, 3, %s)",
            [student, chance.choice(self.videos), at],
        )
        execute(
            "INSERT INTO quiz_attempts (student_id, quiz_id, started_at) VALUES (%s, %s, %s)", [student, self.quiz, at]
        )

    def change(self, execute, chance):
        """Updates and deletes of what one student wrote, and of what somebody has just written."""
        student = chance.choice(self.students)
        newest = "(SELECT id FROM {} WHERE student_id = %s ORDER BY id DESC LIMIT 2)"
        execute(
            f"UPDATE daily_notes SET created_at = %s WHERE id IN {newest.format('daily_notes')}",
            [self.at(chance), student],
        )
        execute(f"UPDATE reflections SET hidden_at = now() WHERE id IN {newest.format('reflections')}", [student])
        execute(f"DELETE FROM quiz_attempts WHERE id IN {newest.format('quiz_attempts')}", [student])

    def watch(self, execute, chance):
        start = chance.randrange(100)
        execute(
            "INSERT INTO video_progress AS present (student_id, video_id, watched, watched_at)"
            " VALUES (%s, %s, int4multirange(int4range(%s, %s)), %s)"
            " ON CONFLICT (student_id, video_id)"
            " DO UPDATE SET watched = excluded.watched, watched_at = excluded.watched_at",
            [chance.choice(self.students), chance.choice(self.videos), start, start + 15, self.at(chance)],
        )

    def switch(self, execute, chance):
        """One goal ends and the other begins, somewhere in the two days."""
        student, at = chance.choice(self.students), self.at(chance) + datetime.timedelta(minutes=1)
        first, second = chance.sample(self.goals[student], 2)
        execute("SELECT FROM profiles WHERE id = %s FOR UPDATE", [student])
        execute("DELETE FROM goal_periods WHERE student_id = %s", [student])
        execute(
            "INSERT INTO goal_periods (student_id, goal_id, period)"
            " VALUES (%s, %s, tstzrange(%s, %s)), (%s, %s, tstzrange(%s, NULL))",
            [student, first, NOON, at, student, second, at],
        )

    def correct(self, execute, chance):
        """A boundary moves; the student's row is locked first, as by a switch."""
        student = chance.choice(self.students)
        execute("SELECT FROM profiles WHERE id = %s FOR UPDATE", [student])
        execute(
            "UPDATE goal_periods SET period = tstzrange(lower(period) + interval '1 minute', upper(period))"
            " WHERE student_id = %s AND upper_inf(period)",
            [student],
        )

    def backfill(self, execute, chance):
        """Retries, and is the only one that may have to."""
        batch = chance.sample(self.students, 3)
        try:
            execute("SET LOCAL lock_timeout = '200ms'")
            execute("SAVEPOINT batch")
            found = execute("SELECT * FROM timeline_resync(%s::uuid[])", [batch]).fetchone()
            self.resynced = tuple(map(sum, zip(self.resynced, found, strict=True)))
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            execute("ROLLBACK TO batch")
            self.retried += 1


def traffic_of(connect):
    """Traffic over six students with two goals each, three videos of a hundred seconds and a quiz."""
    with connect() as connection:

        def insert(table, values):
            sql = f"INSERT INTO {table} {values} RETURNING id"
            return [id_ for (id_,) in connection.execute(sql).fetchall()]

        students = insert("profiles", "(full_name) SELECT 'A student' FROM generate_series(1, 6)")
        insert("courses", "(title) VALUES ('A course')")
        insert("course_chapters", "(course_id, title) SELECT id, 'A lesson' FROM courses")
        videos = insert(
            "media_files",
            "(lesson_id, title, duration_seconds)"
            " SELECT id, 'A video', 100 FROM course_chapters, generate_series(1, 3)",
        )
        (quiz,) = insert(
            "quizzes",
            "(lesson_id, video_id, video_timestamp_seconds, title)"
            " SELECT lesson_id, id, 5, 'A quiz' FROM media_files ORDER BY id LIMIT 1",
        )
        goals = {
            student: insert("goals", f"(student_id, title) SELECT '{student}', 'A goal' FROM generate_series(1, 2)")
            for student in students
        }
    return Traffic(connect, students, videos, goals, quiz)


def test_after_all_writers_at_once_nothing_drifts_and_no_writer_was_refused(connect):
    with traffic_of(connect) as traffic:
        traffic.run(seconds=4, least=5)
    assert (traffic.failures, traffic.lost) == ([], 0)
    assert traffic.done.keys() == {"write", "change", "watch", "switch", "correct", "backfill"}
    assert min(traffic.done.values()) >= 5
    assert_no_drift(connect())
    # At no time had the triggers left anything for the backfill to do.
    assert traffic.resynced == (0, 0, 0)


# A crash


@pytest.fixture
def cluster(migrated):
    """An EmbeddedPostgres of the test's own, with all tables, and a function that connects to it."""
    source = make_conninfo("", **databases.parameters(), dbname=migrated)
    with open_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres")
        server.start()
        try:
            schema = server.home / "schema.sql"
            for program, *arguments in (
                ("pg_dump", "--schema-only", "--no-owner", "--file", schema, "--dbname", source),
                ("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "-f", schema, server.url("postgres")),
            ):
                code, output = server.run(program, *arguments)
                assert code == 0, output
            yield server, functools.partial(psycopg.connect, server.url("postgres"), connect_timeout=10)
        finally:
            server.leave()
            server.delete()


def test_after_a_kill_9_of_postgres_nothing_drifts(cluster):
    server, connect = cluster
    with traffic_of(connect) as traffic:
        traffic.run(seconds=1.5, least=1)
        postmaster = psutil.Process(postmaster_pid(server.home))
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until(lambda: traffic.lost == len(traffic.threads))
    assert traffic.failures == []
    assert min(traffic.done.values()) >= 1
    server.start()
    with connect() as connection:
        ((entries,),) = connection.execute("SELECT count(*) FROM student_activity_timeline").fetchall()
        assert entries > traffic.done["write"], "what was committed is there"
        assert_no_drift(connection)
