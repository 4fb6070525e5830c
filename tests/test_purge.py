"""`manage.py purge_activity`: what goes, what stays, and that nothing newer goes with it."""

import contextlib
import datetime
import threading
import uuid
from collections import Counter

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from psycopg.types.range import TimestamptzRange

from courses.models import Enrollment, LessonCompletion, QuizAttempt, VideoProgress
from goals.models import DailyNote, Goal, GoalMessage, GoalMilestone, GoalPeriod, SharedStory, SuccessProof
from privacy import retention
from privacy.retention import SOURCES, Purge, look_up_by_index
from tests import factories
from tests.databases import execute
from tests.drift import assert_no_drift
from tests.plans import forget_statistics, nodes
from tests.statements import lines, statement
from timeline import backfill
from timeline.kinds import BY_VALUE, RECEIVED
from timeline.models import DAY_ZONE
from timeline.queries import today
from xapi.models import Agent, Pending, Statement

DAY = datetime.date(2024, 3, 10)  # on which New York's clocks change
SINCE = datetime.datetime.combine(DAY, datetime.time(), DAY_ZONE)
MICROSECOND = datetime.timedelta(microseconds=1)
OLD, LAST, NEW = SINCE - datetime.timedelta(days=400), SINCE - MICROSECOND, SINCE + datetime.timedelta(days=5)
KINDS = [*BY_VALUE]
TABLES = [
    *(source.table for source in SOURCES),
    *("goal_periods", "goal_corrections", "shared_stories", "congratulations", "xapi_statements"),
]


def run(capsys, *arguments, before=DAY):
    call_command("purge_activity", "--before", str(before), *arguments)
    return capsys.readouterr().out


def table(output):
    """The rows of the tables that it prints: {name: numbers}."""
    rows = [line.strip("│").split("│") for line in output.splitlines() if line.startswith("│")]
    return {name.strip(): [number.strip() for number in numbers] for name, *numbers in rows}


def purged(students, kinds=KINDS):
    """Delete; returns the Tally."""
    return Purge(DAY, kinds).delete([student.pk for student in students])


def sizes():
    return {table: execute(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def entries(what, condition="true", *parameters):
    """Entries of the timeline, whole ("*") or by a column."""
    what = "entry" if what == "*" else what
    found = execute(f"SELECT {what}::text FROM student_activity_timeline AS entry WHERE {condition}", *parameters)
    return {value for (value,) in found}


def messages_about_a_goal(about=True):
    return set(GoalMessage.objects.filter(goal__isnull=not about).values_list("pk", flat=True))


# What goes and what stays


@pytest.fixture
def student(db):
    return factories.ProfileFactory()


def assert_goes(row, kinds=KINDS):
    tally = purged([row.student], kinds)
    assert tally.rows[row._meta.db_table]
    assert not type(row).objects.filter(pk=row.pk).exists()


def assert_stays(row, kinds=KINDS):
    before = entries("*")
    tally = purged([row.student], kinds)
    assert not tally.rows[row._meta.db_table]
    assert type(row).objects.filter(pk=row.pk).exists()
    assert entries("*") == before


@pytest.mark.parametrize("column", ["edited_at", "responded_at"])
def test_words_that_were_edited_or_answered_later_stay(student, column):
    answer = {"instructor_response": "Yes."} if column == "responded_at" else {}
    old = factories.ReflectionFactory(student=student, created_at=OLD, **{column: LAST}, **answer)
    assert_goes(old)
    assert_stays(factories.ReflectionFactory(student=student, created_at=OLD, **{column: SINCE}, **answer))


def test_hidden_words_go_as_if_they_were_not_hidden(student):
    def hidden():
        return factories.ReflectionFactory(student=student, created_at=OLD, hidden_at=NEW, voice=True)

    assert_stays(hidden(), ["text_reflection"])
    assert_goes(hidden(), ["voice_reflection"])
    hidden()
    assert purged([student]).entries.total() == 0


def test_watching_goes_if_every_step_of_it_is_older(student):
    row = factories.VideoProgressFactory(student=student, watched_at=OLD)
    VideoProgress.objects.filter(pk=row.pk).update(watched=[(0, 600)], watched_at=SINCE)
    assert_stays(row)
    other = factories.VideoProgressFactory(student=student, watched_at=OLD)
    # Seen again, which makes no entry: their player stands somewhere.
    VideoProgress.objects.filter(pk=other.pk).update(watched=[(0, 9)], watched_at=SINCE)
    assert_stays(other)
    assert_goes(factories.VideoProgressFactory(student=student, watched_at=LAST), ["video_progress"])


def test_watching_that_ended_in_a_completion_goes_with_both_kinds_only(student):
    row = factories.VideoProgressFactory(student=student, watched_at=OLD, watched=[(0, 600)])
    for kind in "video_progress", "video_completion":
        assert_stays(row, [kind])
    assert_goes(row, ["video_progress", "video_completion"])


def test_watching_that_made_no_entry_goes_as_a_step_would(student):
    row = factories.VideoProgressFactory(student=student, watched_at=OLD, watched=[(0, 3)])
    assert_stays(row, ["video_completion"])
    assert_goes(row, ["video_progress"])


def test_an_attempt_that_was_never_handed_in_goes(student):
    assert_goes(factories.QuizAttemptFactory(student=student, started_at=OLD))


def test_a_course_that_a_student_is_in_stays_with_the_lessons_completed_there(student):
    lesson = factories.LessonFactory()
    completion = factories.LessonCompletionFactory(student=student, lesson=lesson, completed_at=OLD)
    enrolment = factories.EnrollmentFactory(student=student, course=lesson.course, enrolled_at=OLD, completed_at=OLD)
    watched = factories.VideoProgressFactory(student=student, video__lesson=lesson, watched_at=OLD)
    assert_goes(watched)
    assert_stays(completion)
    assert_stays(enrolment)
    Enrollment.objects.update(left_at=LAST)
    assert_goes(completion, ["lesson_completion"])
    assert_goes(enrolment)


def test_an_enrolment_stays_while_something_newer_was_done_in_its_course(student):
    enrolment = factories.EnrollmentFactory(student=student, enrolled_at=OLD, left_at=LAST)
    newer = factories.ReflectionFactory(student=student, video__lesson__course=enrolment.course, created_at=SINCE)
    assert_stays(enrolment)
    newer.delete()
    assert_goes(enrolment)


def reached(student, **columns):
    goal = factories.GoalFactory(student=student, created_at=OLD, completed_at=LAST, **columns)
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(OLD, LAST))
    return goal


def test_the_current_goal_stays_with_its_milestones_and_proof(student):
    goal = factories.GoalFactory(student=student, created_at=OLD)
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(OLD, None))
    milestone = factories.GoalMilestoneFactory(goal=goal, reached_at=OLD)
    proof = factories.SuccessProofFactory(goal=goal, created_at=OLD)
    for row in goal, milestone, proof:
        assert_stays(row)
    GoalPeriod.objects.update(period=TimestamptzRange(OLD, LAST))
    assert_goes(milestone)
    assert_stays(goal)  # it was paused, and may be taken up again


def test_a_planned_milestone_stays_until_its_goal_goes(student):
    goal = reached(student)
    plan = factories.GoalMilestoneFactory(goal=goal, reached_at=None)
    assert_stays(plan, ["goal_milestone"])
    assert purged([student]).deleted == {"goal_milestones": 1, "goal_periods": 1}


@pytest.mark.parametrize(
    "make",
    [
        lambda goal: factories.GoalMilestoneFactory(goal=goal, reached_at=SINCE),
        lambda goal: factories.SuccessProofFactory(goal=goal, created_at=OLD, edited_at=SINCE, hidden_at=SINCE),
        lambda goal: factories.GoalMessageFactory(student=goal.student, goal=goal, created_at=SINCE),
        lambda goal: factories.GoalCorrectionFactory(goal=goal, created_at=SINCE),
        lambda goal: factories.SharedStoryFactory(goal=goal, course=None, created_at=SINCE),
        lambda goal: factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(LAST, SINCE + MICROSECOND)),
    ],
    ids=["milestone", "proof", "message", "correction", "story", "period"],
)
def test_a_goal_stays_while_something_of_it_is_newer(student, make):
    goal = reached(student)
    newer = make(goal)
    assert_stays(goal)
    newer.delete()
    assert_goes(goal)


def test_a_goal_stays_with_milestones_and_proof_of_kinds_that_stay(student):
    goal = reached(student)
    factories.GoalMilestoneFactory(goal=goal, reached_at=OLD)
    factories.SuccessProofFactory(goal=goal, created_at=OLD)
    kinds = ["goal_completion", "goal_milestone", "success_proof"]
    for missing in kinds[1:]:
        named = [kind for kind in kinds if kind != missing]
        with transaction.atomic():
            assert not purged([student], named).rows["goals"]
            transaction.set_rollback(True)
    assert_goes(goal, kinds)


def test_a_goal_stays_while_its_story_is_shared(student):
    goal = reached(student)
    story = factories.SharedStoryFactory(goal=goal, created_at=OLD, community_at=OLD)
    factories.CongratulationFactory(story=story, created_at=OLD)
    assert_stays(goal)
    SharedStory.objects.update(course=None, community_at=None)
    assert purged([student]).deleted == {"shared_stories": 1, "congratulations": 1, "goal_periods": 1}


def test_a_message_loses_the_goal_that_goes_if_messages_stay(student):
    goal = reached(student)
    message = factories.GoalMessageFactory(student=student, goal=goal, created_at=OLD)
    kinds = [kind for kind in KINDS if kind != "instructor_message"]
    assert purged([student], kinds).unnamed == {"goal_messages": 1}
    message.refresh_from_db()
    assert message.goal is None


def test_every_kind_is_of_one_source():
    assert sorted(kind for source in SOURCES for kind in source.kinds) == sorted(KINDS)


def test_a_source_has_the_kinds_that_its_rows_have(student):
    for row in factories.everything_of(student):
        (source,) = (source for source in SOURCES if source.model is type(row))
        found = entries("activity_type", "source_id = %s", row.pk)
        assert found
        assert found <= set(source.kinds)


# The command


@pytest.fixture
def notes(transactional_db):
    """An old and a new note of each of three students."""
    for student in factories.ProfileFactory.create_batch(3):
        for at in OLD, NEW:
            factories.DailyNoteFactory(student=student, created_at=at)
    return [*DailyNote.objects.order_by("student", "created_at")]


def test_without_delete_it_only_says_what_would_go(notes, capsys):
    goal = reached(notes[0].student)
    factories.GoalMilestoneFactory(goal=goal, reached_at=None)
    factories.ReflectionFactory(student=goal.student, created_at=OLD)
    factories.EnrollmentFactory(student=goal.student, enrolled_at=OLD)
    before = sizes()
    output = run(capsys)
    assert table(output) == {
        "reflections": ["1", "1"],
        "daily_notes": ["3", "3"],
        "goals": ["1", "1"],
        "goal_milestones": ["1", "deleted"],
        "goal_periods": ["1", "deleted"],
    }
    assert "reflections: 1 of them had no answer." in output
    assert "1 older entry of the kinds asked for would stay. " in output
    assert output.endswith(
        "5 rows of 3 students tell only of what happened before 10 March 2024, New York's day. "
        "Nothing was deleted: the same command with --delete does that, for good.\n"
    )
    assert sizes() == before

    deleted = run(capsys, "--delete")
    assert table(deleted) == table(output)
    assert "Deleted 5 rows of 3 students, of before 10 March 2024, New York's day; it took 0:00:0" in deleted
    assert "Files that no words name any more are removed by: manage.py sweep_media --delete" in deleted
    assert_no_drift()
    assert "Nothing to delete: no row tells only of what happened before 10 March 2024" in run(capsys, "--delete")


def test_only_the_students_and_kinds_that_are_named(notes, capsys):
    factories.ReflectionFactory(student=notes[0].student, created_at=OLD)
    output = run(capsys, "--delete", "--types", "daily_note, daily_note", "--students", str(notes[0].student_id))
    assert "Deleted 1 row of 1 student" in output
    assert not DailyNote.objects.filter(pk=notes[0].pk).exists()
    assert sizes()["daily_notes"] == 5
    assert sizes()["reflections"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--before", "last year"], "'last year' is not a day, as 2024-01-31 is"),
        (["--before", "2024-02-30"], "'2024-02-30' is not a day"),
        (["--before", "{today}"], "{today} is not over: today is {today} in New York"),
        (["--before", "9999-12-31"], "9999-12-31 is not over: today is"),
        (
            ["--before", "2024-01-31", "--types", "daily_note,notes"],
            "there is no kind 'notes'; .*video_progress, .*message",
        ),
        (["--before", "2024-01-31", "--types", ""], "there is no kind ''"),
        (["--before", "2024-01-31", "--students", "ruth"], "'ruth' is not a student's id, which is a UUID"),
        (["--before", "2024-01-31", "--students", "{nobody}"], "There is no student {nobody}."),
        ([], "--before"),
    ],
)
@pytest.mark.django_db
def test_what_makes_no_sense_is_refused(arguments, message):
    names = {"today": str(today()), "nobody": "ffffffff-ffff-4fff-bfff-ffffffffffff"}
    with pytest.raises(CommandError, match=message.format(**names)):
        call_command("purge_activity", *(each.format(**names) for each in arguments))


def test_what_is_interrupted_stays_as_far_as_it_came_and_goes_on(notes, capsys, monkeypatch):
    delete, done = Purge._delete, []

    def interrupted(purge, batch, lock):
        if len(done) == 2:
            raise KeyboardInterrupt
        delete(purge, batch, lock)
        done.append(batch)

    monkeypatch.setattr(retention, "FIRST_SIZE", 1)
    monkeypatch.setattr(retention, "LARGEST_SIZE", 1)
    monkeypatch.setattr(Purge, "_delete", interrupted)
    with pytest.raises(SystemExit, match="130"):
        run(capsys, "--delete")
    assert "Interrupted: 0 students done, 2 rows deleted. The same command goes on." in capsys.readouterr().out
    assert sizes()["daily_notes"] == 4
    assert_no_drift()
    monkeypatch.setattr(Purge, "_delete", delete)
    assert "Deleted 1 row of 1 student" in run(capsys, "--delete")


def test_a_lost_connection_says_how_far_it_came(notes, capsys, monkeypatch):
    delete = Purge._delete

    def cut(purge, batch, lock):
        delete(purge, batch, lock)
        execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(Purge, "_delete", cut)
    with pytest.raises(CommandError, match=r"was lost \(.+\): 0 students done, 3 rows deleted. The same command"):
        run(capsys, "--delete", "--types", "daily_note")
    connection.close()
    assert sizes()["daily_notes"] == 3


@pytest.fixture
def other(transactional_db):
    """Another connection, in a transaction."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        yield other


def test_what_is_edited_at_that_moment_stays(notes, capsys, other):
    other.execute("UPDATE daily_notes SET content = 'Later', edited_at = now() WHERE id = %s", [notes[0].pk])
    saving = threading.Timer(0.3, other.commit)
    saving.start()
    assert "Deleted 2 rows of 2 students" in run(capsys, "--delete")
    saving.join()
    assert {note.content for note in DailyNote.objects.filter(student=notes[0].student)} > {"Later"}
    assert_no_drift()


def test_who_stays_locked_is_left_for_later(notes, capsys, other, monkeypatch):
    monkeypatch.setattr(backfill, "PATIENCE", 0)
    monkeypatch.setattr(retention, "lock_timeout", lambda: "50ms")
    other.execute("SELECT FROM profiles WHERE id = %s FOR UPDATE", [notes[0].student_id])
    with pytest.raises(CommandError, match=r"keep 1 student locked: 2 students done, 2 rows deleted. The same command"):
        run(capsys, "--delete")
    other.rollback()
    assert "Deleted 1 row of 1 student" in run(capsys, "--delete")


# What was imported


def import_statements(tmp_path, *statements):
    file = tmp_path / "statements.jsonl"
    file.write_bytes(lines(statements))
    call_command("import_xapi", str(file))


def test_no_import_brings_back_what_was_purged(tmp_path, capsys, transactional_db):
    old = {"at": "2023-05-01T10:00:00Z", "length": 100}
    import_statements(
        tmp_path,
        statement(1, played="0[.]60", **old),
        statement(2, actor="ben", played="0[.]60", **old),
        statement(3, played="0[.]60", video="urn:other", at="2023-06-01T10:00:00Z", length=100),
        statement(4, played="60[.]100", video="urn:other", at="2024-05-01T10:00:00Z"),
        statement(6, verb="commented", at="2024-05-01T10:00:00Z"),
    )
    ann = Agent.objects.get(identifier__endswith=" ann").profile
    enrolled = [*Enrollment.objects.filter(student=ann).values()]
    output = run(capsys, "--students", str(ann.pk))
    assert table(output) == {"video_progress": ["1", "6"], "xapi_statements": ["1", "deleted"]}
    assert table(run(capsys, "--delete", "--students", str(ann.pk))) == table(output)
    assert {statement.pk.int for statement in Statement.objects.all()} == {2, 3, 4, 6}

    import_statements(tmp_path, statement(5, played="90[.]100", at="2024-06-01T10:00:00Z"))
    again = VideoProgress.objects.get(student=ann, completed_at=None)
    assert again.watched == [(90, 100)]
    assert [*Enrollment.objects.filter(student=ann).values()] == enrolled
    assert VideoProgress.objects.filter(student=ann).count() == 2
    assert_no_drift()


def test_an_import_that_was_interrupted_is_finished_first(tmp_path, capsys, transactional_db):
    import_statements(tmp_path, statement(1, played="0[.]60", at="2023-05-01T10:00:00Z", length=100))
    Pending.objects.create(agent=Agent.objects.get())
    with pytest.raises(CommandError, match=r"an import was interrupted. Finish it first, with: manage.py import_xapi"):
        run(capsys, "--delete")
    assert sizes()["video_progress"] == 1
    assert "Nothing to delete" in run(capsys, "--delete", "--types", "daily_note")
    call_command("import_xapi")
    assert "Deleted 1 row of 1 student" in run(capsys, "--delete")


# What it costs

INDEXES = {
    "video_progress": "courses_videoprogress_once",
    "learning_milestones": "learning_milestones_of_student",
    "reflections": "reflections_of_student",
    "quiz_attempts": "quiz_attempts_of_student",
    "lesson_completions": "courses_lessoncompletion_once",
    "daily_notes": "daily_notes_of_student",
    "goal_messages": "goal_messages_of_student",
    "success_proofs": "success_proofs_of_student",
    "goal_milestones": "goal_milestones_of_student",
    "enrollments": "courses_enrollment_once",
    "goals": "goals_of_student",
}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.table)
def test_rows_are_found_by_the_index_of_their_students(source, db):
    query = source.query.format(scope="source.student_id = ANY (%(ids)s)")
    with connection.cursor() as cursor:
        forget_statistics(cursor)
        look_up_by_index(cursor)
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}", Purge(DAY, KINDS).parameters | {"ids": [uuid.uuid4()]})
        plan = [*nodes(cursor.fetchone()[0][0]["Plan"])]
    assert not [node for node in plan if node["Node Type"] == "Seq Scan"]
    used = {node["Index Name"]: node.get("Index Cond", "") for node in plan if "Index Name" in node}
    assert "student_id = ANY" in used[INDEXES[source.table]]
    assert (source.model is Enrollment) == ("idx_student_date" in used)


# The invariant

moments = st.sampled_from([OLD, OLD, OLD + datetime.timedelta(days=9), LAST, LAST, SINCE, NEW])
later = st.sampled_from([None, None, None, OLD, LAST, LAST, SINCE, NEW])
spans = st.tuples(moments, moments).map(sorted)
few = {"max_size": 2}
words = {"created_at": moments, "edited_at": later, "hidden_at": later}
in_course = st.fixed_dictionaries(
    {
        "enrolled": st.none() | st.tuples(moments, later, later),
        "completed": later,
        "watched": st.tuples(st.sampled_from([20, 300, 600]), moments, later),
        "checkpoint": later,
        "attempts": st.lists(st.tuples(spans, st.sampled_from([None, False, True])), **few),
    }
)
mostly_old = st.sampled_from([OLD, OLD, LAST, LAST, LAST, LAST, LAST, SINCE])
goals = st.fixed_dictionaries(
    {
        "completed_at": st.sampled_from([LAST, LAST, LAST, LAST, SINCE, None]),
        "period": st.sampled_from(
            [None, (OLD, LAST), (OLD, LAST), (OLD, SINCE), (LAST, SINCE), (OLD, NEW), (OLD, None)]
        ),
        "milestones": st.lists(st.none() | mostly_old, **few),
        "proofs": st.lists(st.fixed_dictionaries({"created_at": mostly_old, "hidden_at": later}), max_size=1),
        "messages": st.lists(st.fixed_dictionaries({"created_at": mostly_old, "edited_at": later}), max_size=1),
        "corrected_at": st.none() | mostly_old,
        "shared": st.none() | st.tuples(st.sampled_from([False, False, True]), mostly_old, st.none() | mostly_old),
    }
)
# What becomes of a student, in a course or two and towards one goal or two, as `live` makes it.
worlds = st.fixed_dictionaries(
    {
        "courses": st.lists(in_course, min_size=1, max_size=2),
        "reflections": st.lists(st.fixed_dictionaries(words | {"responded_at": later, "voice": st.booleans()}), **few),
        "notes": st.lists(st.fixed_dictionaries(words), **few),
        "goals": st.lists(goals, min_size=1, max_size=2),
    }
)


def live(student, videos, quizzes, world):
    """Make a world."""
    for each, video, quiz in zip(world["courses"], videos, quizzes, strict=False):
        if each["enrolled"]:
            enrolled, completed, left = each["enrolled"]
            Enrollment.objects.create(
                student=student, course=video.lesson.course, enrolled_at=enrolled, completed_at=completed, left_at=left
            )
        if each["completed"]:
            LessonCompletion.objects.create(student=student, lesson=video.lesson, completed_at=each["completed"])
        seconds, at, again = each["watched"]
        row = VideoProgress.objects.create(student=student, video=video, watched=[(0, seconds // 2)], watched_at=at)
        if again:
            VideoProgress.objects.filter(pk=row.pk).update(watched=[(0, seconds)], watched_at=again)
        if each["checkpoint"]:
            checkpoint = video.checkpoints.get()
            factories.CheckpointReachedFactory(student=student, checkpoint=checkpoint, reached_at=each["checkpoint"])
        for (started, submitted), passed in each["attempts"]:
            marks = {} if passed is None else {"submitted_at": submitted, "score": 50, "passed": passed}
            QuizAttempt.objects.create(student=student, quiz=quiz, started_at=started, **marks)
    for word in world["reflections"]:
        answer = {"instructor_response": "Yes."} if word["responded_at"] else {}
        factories.ReflectionFactory(student=student, video=videos[0], **word, **answer)
    for word in world["notes"]:
        factories.DailyNoteFactory(student=student, **word)
    for each in world["goals"]:
        goal = Goal.objects.create(student=student, title="A goal", created_at=OLD, completed_at=each["completed_at"])
        if each["period"]:
            with contextlib.suppress(IntegrityError), transaction.atomic():  # it overlaps another
                GoalPeriod.objects.create(student=student, goal=goal, period=TimestamptzRange(*each["period"]))
        for reached in each["milestones"]:
            GoalMilestone.objects.create(student=student, goal=goal, title="A step", reached_at=reached)
        for word in each["proofs"]:
            SuccessProof.objects.create(student=student, goal=goal, content="It is paid.", **word)
        for word in each["messages"]:
            GoalMessage.objects.create(student=student, goal=goal, content="Well done.", **word)
        if each["corrected_at"]:
            whole = TimestamptzRange(OLD, None)
            factories.GoalCorrectionFactory(
                goal=goal, author=None, before=whole, after=whole, created_at=each["corrected_at"]
            )
        if each["shared"]:
            is_shared, at, congratulated_at = each["shared"]
            course = videos[0].lesson.course if is_shared else None
            story = SharedStory.objects.create(
                student=student, goal=goal, course=course, created_at=at, community_at=at if course else None
            )
            if congratulated_at:
                factories.CongratulationFactory(story=story, person=student, created_at=congratulated_at)


class AnyWorld(TestCase):
    """With a transaction for each example."""

    @classmethod
    def setUpTestData(cls):
        cls.videos = [factories.VideoFactory() for _ in range(2)]
        for video in cls.videos:
            factories.CheckpointFactory(video=video)
        cls.quizzes = [factories.QuizFactory(video=video, video_timestamp_seconds=9) for video in cls.videos]
        cls.student = factories.ProfileFactory()

    @settings(max_examples=40, deadline=None)
    @given(
        world=worlds,
        kinds=st.sampled_from([KINDS, KINDS, KINDS[:8], KINDS[8:], [kind for kind in KINDS if kind != RECEIVED[0]]])
        | st.sets(st.sampled_from(KINDS), min_size=1).map(sorted),
        size=st.sampled_from([1, 3, 100]),
    )
    def test_a_purge_takes_what_it_says_and_nothing_newer(self, world, kinds, size):
        student = self.student
        live(student, self.videos, self.quizzes, world)
        may_go = "created_at < %s AND activity_type = ANY (%s)"
        newer, others = entries("*", "created_at >= %s", SINCE), entries("id", f"NOT ({may_go})", SINCE, kinds)
        everything, rows, named = entries("*"), sizes(), messages_about_a_goal()

        foretold, purge = Purge(DAY, kinds), Purge(DAY, kinds)
        foretold.survey([student.pk])
        assert (entries("*"), sizes()) == (everything, rows)
        purge.size, purge._adapt = size, lambda seconds: None
        tally = purge.delete([student.pk])

        # Nothing else went, nothing newer even changed, and the timeline says what is left.
        assert entries("*", "created_at >= %s", SINCE) == newer
        assert entries("id", f"NOT ({may_go})", SINCE, kinds) == others
        assert_no_drift()
        # What went was told beforehand, and there is no more of it.
        gone = Counter(rows) - Counter(sizes())
        unnamed = named & messages_about_a_goal(False)
        assert (tally.rows + tally.deleted, +tally.unnamed["goal_messages"]) == (gone, len(unnamed))
        assert tally.entries.total() == len(everything) - len(entries("*"))
        assert foretold.tally.staying == len(entries("id", may_go, SINCE, kinds))
        foretold.tally.staying = 0
        assert foretold.tally == tally
        assert not purged([student], kinds).students
        for table in gone:
            event(table)
        event(f"{len(tally.rows)} tables")
