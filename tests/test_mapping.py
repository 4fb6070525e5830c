"""What a row of each source table says in the timeline, and which entry says it."""

import datetime
import json
import uuid
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from psycopg.types.range import TimestamptzRange

from courses.models import VideoProgress
from reflections.models import Reflection
from tests import factories
from tests.databases import execute
from tests.drift import assert_no_drift
from timeline import kinds

pytestmark = pytest.mark.django_db

UTC = datetime.UTC
NOON = datetime.datetime(2025, 3, 15, 16, tzinfo=UTC)  # in New York
HOUR = datetime.timedelta(hours=1)
EVERY_COLUMN = {
    "activity_type": None,
    "video_id": None,
    "video_timestamp_seconds": None,
    "course_id": None,
    "lesson_id": None,
    "goal_id": None,
    "quiz_id": None,
    "content": None,
    "metadata": {},
    "media_url": None,
    "media_type": None,
    "media_duration_seconds": None,
    "requires_response": False,
    "response_status": None,
    "instructor_response": None,
    "responded_at": None,
    "responded_by": None,
}


def entries(source):
    """The entries of one row, in order of time, as dicts of every column."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM student_activity_timeline WHERE source_table = %s AND source_id = %s"
            " ORDER BY created_at, (metadata->>'percent')::integer, activity_type",
            [source._meta.db_table, source.pk],
        )
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [each | {"metadata": json.loads(each["metadata"])} for each in found]


def entry(source):
    (only,) = entries(source)
    return only


def ids(source):
    return {each["id"] for each in entries(source)}


def assert_says(entry, source, at, **columns):
    """The entry has these values, is of `source`, and of its every other column says nothing."""
    entry.pop("id")
    assert entry == EVERY_COLUMN | columns | {
        "student_id": source.student_id,
        "created_at": at,
        "activity_date": at.astimezone(ZoneInfo("America/New_York")).date(),
        "source_table": source._meta.db_table,
        "source_id": source.pk,
    }
    assert_no_drift()


def current_goal(student):
    """A goal whose period is the day around NOON."""
    period = TimestamptzRange(NOON - 12 * HOUR, NOON + 12 * HOUR)
    return factories.GoalPeriodFactory(goal__student=student, period=period).goal


@pytest.fixture
def student():
    return factories.ProfileFactory()


@pytest.fixture
def goal(student):
    return current_goal(student)


@pytest.fixture
def video():
    return factories.VideoFactory(duration_seconds=200)


def place(video):
    return {"video_id": video.pk, "lesson_id": video.lesson_id, "course_id": video.lesson.course_id}


# The seventeen kinds


def test_watching_has_an_entry_for_every_tenth_at_its_position_and_one_for_the_completion(student, goal, video):
    progress = factories.VideoProgressFactory(student=student, video=video, watched=[(0, 195)], watched_at=NOON)
    *tenths, completion = entries(progress)
    for number, tenth in enumerate(tenths, start=1):
        assert_says(
            tenth,
            progress,
            NOON,
            activity_type="video_progress",
            goal_id=goal.pk,
            **place(video),
            video_timestamp_seconds=20 * number,
            metadata={"percent": 10 * number},
        )
    assert len(tenths) == 9
    assert_says(
        completion,
        progress,
        NOON,
        activity_type="video_completion",
        goal_id=goal.pk,
        **place(video),
        video_timestamp_seconds=194,
    )


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        (None, "text_reflection"),
        ("audio", "voice_reflection"),
        ("image", "screenshot_reflection"),
        ("video", "loom_reflection"),
    ],
)
def test_a_reflection_waits_for_an_answer_and_its_medium_makes_its_kind(student, goal, video, media_type, kind):
    media = {"media_type": media_type, "media_url": "https://media.example.org/1", "media_duration_seconds": 7}
    media = media if media_type else {}
    reflection = factories.ReflectionFactory(
        student=student,
        video=video,
        video_timestamp_seconds=83,
        content="Too early?",
        sentiment="curious",
        created_at=NOON,
        **media,
    )
    assert_says(
        entry(reflection),
        reflection,
        NOON,
        activity_type=kind,
        goal_id=goal.pk,
        **place(video),
        video_timestamp_seconds=83,
        content="Too early?",
        metadata={"sentiment": "curious"},
        requires_response=True,
        response_status="pending",
        **media,
    )


def test_an_answer_shows_in_the_reflections_entry_and_outlives_who_wrote_it(student, video):
    instructor = factories.ProfileFactory()
    reflection = factories.ReflectionFactory(student=student, video=video, created_at=NOON)
    reflection.instructor_response, reflection.responded_at = "No, just right.", NOON + HOUR
    reflection.responded_by = instructor
    reflection.save()
    answered = {
        "activity_type": "text_reflection",
        **place(video),
        "video_timestamp_seconds": 83,
        "content": reflection.content,
        "requires_response": True,
        "response_status": "responded",
        "instructor_response": "No, just right.",
        "responded_at": NOON + HOUR,
    }
    assert_says(entry(reflection), reflection, NOON, **answered, responded_by=instructor.pk)
    instructor.delete()
    assert_says(entry(reflection), reflection, NOON, **answered)


def test_an_answer_that_was_edited_says_so(student, video):
    reflection = factories.ReflectionFactory(student=student, video=video, sentiment="curious")
    reflection.instructor_response, reflection.responded_at = "No, just right.", NOON
    reflection.save()
    assert entry(reflection)["metadata"] == {"sentiment": "curious"}
    reflection.instructor_response, reflection.response_edited_at = "Just right.", NOON + HOUR
    reflection.save()
    assert entry(reflection)["metadata"] == {"sentiment": "curious", "response_edited": True}
    assert entry(reflection)["responded_at"] == NOON


def test_a_quiz_attempt_has_an_entry_when_started_with_its_score_once_submitted(student, goal):
    quiz = factories.QuizFactory()
    attempt = factories.QuizAttemptFactory(student=student, quiz=quiz, started_at=NOON)
    said = {
        "activity_type": "quiz_attempt",
        "goal_id": goal.pk,
        "quiz_id": quiz.pk,
        "lesson_id": quiz.lesson_id,
        "course_id": quiz.lesson.course_id,
    }
    assert_says(entry(attempt), attempt, NOON, **said)
    attempt.submitted_at, attempt.score, attempt.passed = NOON + HOUR, 55, False
    attempt.save()
    assert_says(entry(attempt), attempt, NOON, **said, metadata={"score": 55, "passed": False})


def test_a_passed_attempt_has_a_second_entry_and_a_quiz_inside_a_video_stands_at_its_second(student, goal, video):
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=120)
    attempt = factories.QuizAttemptFactory(student=student, quiz=quiz, started_at=NOON, submitted=True, score=80)
    for each in entries(attempt):
        assert_says(
            each,
            attempt,
            NOON,
            activity_type=each["activity_type"],
            goal_id=goal.pk,
            quiz_id=quiz.pk,
            **place(video),
            video_timestamp_seconds=120,
            metadata={"score": 80, "passed": True},
        )
    assert [each["activity_type"] for each in entries(attempt)] == ["quiz_attempt", "quiz_completion"]


def test_enrolling_and_completing_a_course_are_two_entries_and_leaving_is_none(student, goal):
    enrollment = factories.EnrollmentFactory(
        student=student, enrolled_at=NOON, completed_at=NOON + 24 * HOUR, left_at=NOON + HOUR
    )
    enrolled, completed = entries(enrollment)
    course_id = enrollment.course_id
    assert_says(enrolled, enrollment, NOON, activity_type="course_enrollment", course_id=course_id, goal_id=goal.pk)
    assert_says(completed, enrollment, NOON + 24 * HOUR, activity_type="course_completion", course_id=course_id)


def test_a_completed_lesson_has_an_entry(student, goal):
    completion = factories.LessonCompletionFactory(student=student, completed_at=NOON)
    assert_says(
        entry(completion),
        completion,
        NOON,
        activity_type="lesson_completion",
        goal_id=goal.pk,
        lesson_id=completion.lesson_id,
        course_id=completion.lesson.course_id,
    )


def test_a_reached_checkpoint_stands_where_it_stood_then(student, goal, video):
    checkpoint = factories.CheckpointFactory(video=video, video_timestamp_seconds=30)
    reached = factories.CheckpointReachedFactory(student=student, checkpoint=checkpoint, reached_at=NOON)
    said = {"activity_type": "checkpoint_reached", "goal_id": goal.pk, **place(video), "video_timestamp_seconds": 30}
    assert_says(entry(reached), reached, NOON, **said, metadata={"checkpoint_id": str(checkpoint.pk)})
    checkpoint.video_timestamp_seconds = 40
    checkpoint.save()
    assert_says(entry(reached), reached, NOON, **said, metadata={"checkpoint_id": str(checkpoint.pk)})
    checkpoint.delete()
    assert_says(entry(reached), reached, NOON, **said)


def test_a_daily_note_belongs_to_the_current_goal(student, goal):
    media = {"media_type": "image", "media_url": "/desk.png", "media_duration_seconds": None}
    note = factories.DailyNoteFactory(student=student, content="Five shops.", created_at=NOON, **media)
    assert_says(entry(note), note, NOON, activity_type="daily_note", goal_id=goal.pk, content="Five shops.", **media)


def test_a_success_proof_belongs_to_its_own_goal_whichever_is_current(student, goal):
    other = factories.GoalFactory(student=student)
    proof = factories.SuccessProofFactory(goal=other, created_at=NOON, content="Paid.")
    assert_says(entry(proof), proof, NOON, activity_type="success_proof", goal_id=other.pk, content="Paid.")


def test_a_milestone_has_an_entry_once_it_is_reached(student, goal):
    other = factories.GoalFactory(student=student)
    milestone = factories.GoalMilestoneFactory(goal=other, title="First customer", reached_at=None)
    assert entries(milestone) == []
    milestone.reached_at = NOON
    milestone.save()
    assert_says(
        entry(milestone), milestone, NOON, activity_type="goal_milestone", goal_id=other.pk, content="First customer"
    )


def test_a_goal_has_an_entry_once_it_is_completed(student):
    goal = factories.GoalFactory(student=student)
    assert entries(goal) == []
    goal.completed_at = NOON
    goal.save()
    assert_says(entry(goal), goal, NOON, activity_type="goal_completion", goal_id=goal.pk)


def test_an_instructors_message_belongs_to_the_goal_it_names_or_else_to_the_current_one(student, goal):
    author = factories.ProfileFactory()
    other = factories.GoalFactory(student=student)
    message = factories.GoalMessageFactory(student=student, author=author, content="Go on.", created_at=NOON)
    said = {"activity_type": "instructor_message", "content": "Go on."}
    by = {"metadata": {"author_id": str(author.pk)}}
    assert_says(entry(message), message, NOON, **said, **by, goal_id=goal.pk)
    message.goal = other
    message.save()
    assert_says(entry(message), message, NOON, **said, **by, goal_id=other.pk)
    other.delete()
    assert_says(entry(message), message, NOON, **said, **by, goal_id=goal.pk)
    author.delete()
    assert_says(entry(message), message, NOON, **said, goal_id=goal.pk)


# Which entry


def test_a_text_reflection_that_becomes_a_voice_memo_keeps_its_entry():
    reflection = factories.ReflectionFactory()
    before = entry(reflection)
    reflection.media_type, reflection.media_url = "audio", "https://media.example.org/memo.m4a"
    reflection.save()
    after = entry(reflection)
    assert (before["activity_type"], after["activity_type"]) == ("text_reflection", "voice_reflection")
    assert before["id"] == after["id"]


@pytest.mark.parametrize(
    "factory",
    [
        factories.ReflectionFactory,
        factories.DailyNoteFactory,
        factories.SuccessProofFactory,
        factories.GoalMessageFactory,
    ],
)
def test_hidden_writing_is_gone_and_comes_back_as_the_same_entry(factory):
    writing = factory()
    before = entry(writing)
    writing.hidden_at = NOON
    writing.save()
    assert entries(writing) == []
    writing.hidden_at = None
    writing.save()
    assert entry(writing) == before


def test_a_deleted_row_leaves_no_entry_and_written_again_has_the_same_one():
    note = factories.DailyNoteFactory(created_at=NOON)
    before = entry(note)
    execute("CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT * FROM daily_notes")
    execute("DELETE FROM daily_notes")
    assert entries(note) == []
    execute("INSERT INTO daily_notes SELECT * FROM kept")
    assert entry(note) == before


def test_an_entrys_id_begins_with_the_time_of_its_source_and_says_version_8():
    reflection = factories.ReflectionFactory()
    id_ = entry(reflection)["id"]
    assert id_.bytes[:6] == reflection.pk.bytes[:6]
    assert (id_.version, id_.variant) == (8, uuid.RFC_4122)


# Goals and their periods


def test_a_period_holds_its_first_microsecond_and_not_its_last(student):
    microsecond = datetime.timedelta(microseconds=1)
    first, second = factories.GoalFactory.create_batch(2, student=student)
    factories.GoalPeriodFactory(goal=first, period=TimestamptzRange(NOON, NOON + HOUR))
    factories.GoalPeriodFactory(goal=second, period=TimestamptzRange(NOON + HOUR, None))
    filed = {
        at: entry(factories.DailyNoteFactory(student=student, created_at=at))["goal_id"]
        for at in (NOON - microsecond, NOON, NOON + HOUR - microsecond, NOON + HOUR)
    }
    assert [*filed.values()] == [None, first.pk, first.pk, second.pk]


def test_a_moved_boundary_moves_the_entries_that_it_passes_and_touches_no_other(student):
    first, second = factories.GoalFactory.create_batch(2, student=student)
    earlier = factories.GoalPeriodFactory(goal=first, period=TimestamptzRange(NOON, NOON + 2 * HOUR))
    later = factories.GoalPeriodFactory(goal=second, period=TimestamptzRange(NOON + 2 * HOUR, None))
    notes = [factories.DailyNoteFactory(student=student, created_at=NOON + n * HOUR) for n in range(4)]
    places = row_versions()
    earlier.period = TimestamptzRange(NOON, NOON + HOUR)
    earlier.save()
    later.period = TimestamptzRange(NOON + HOUR, None)
    later.save()
    assert [entry(note)["goal_id"] for note in notes] == [first.pk, second.pk, second.pk, second.pk]
    moved = {entry(notes[1])["id"]}
    assert {id_ for id_, place in row_versions().items() if places[id_] != place} == moved


# Watching


def row_versions():
    """Where every entry's present version lies: a rewritten row lies elsewhere."""
    return dict(execute("SELECT id, (ctid, xmin)::text FROM student_activity_timeline"))


def report(progress, *ranges, at=NOON):
    """What a player does: add what was watched, in its own transaction."""
    VideoProgress.objects.filter(pk=progress.pk).update(watched=[*ranges], watched_at=at)
    progress.refresh_from_db()
    assert_no_drift()


@pytest.fixture
def progress(student, video):
    return factories.VideoProgressFactory(student=student, video=video, watched=[], watched_at=NOON)


def percents(progress):
    return [each["metadata"].get("percent", 100) for each in entries(progress)]


def test_watching_twice_counts_once(progress):
    report(progress, (0, 50))
    report(progress, (0, 50), at=NOON + HOUR)
    assert percents(progress) == [10, 20]
    report(progress, (40, 60), at=NOON + HOUR)
    assert percents(progress) == [10, 20, 30]


def test_seeking_to_the_end_earns_nothing(progress):
    report(progress, (199, 200))
    assert entries(progress) == []


def test_coverage_never_goes_down(progress):
    report(progress, (0, 100))
    before = entries(progress)
    report(progress, at=NOON + HOUR)
    assert progress.watched == [(0, 100)]
    assert entries(progress) == before


def test_a_tenth_keeps_the_time_when_it_was_first_reached(progress):
    report(progress, (0, 20))
    report(progress, (20, 40), at=NOON + HOUR)
    report(progress, (0, 60), at=NOON + 2 * HOUR)
    assert [each["created_at"] for each in entries(progress)] == [NOON, NOON + HOUR, NOON + 2 * HOUR]


def test_a_changed_duration_never_unreaches_a_tenth_and_moves_the_positions(progress, video):
    report(progress, (0, 200))
    before = ids(progress)
    for duration, positions in ((400, [40 * n for n in range(1, 10)]), (100, [10 * n for n in range(1, 10)])):
        video.duration_seconds = duration
        video.save()
        assert ids(progress) == before
        assert [each["video_timestamp_seconds"] for each in entries(progress)][:9] == positions
        assert_no_drift()
    assert max(each["video_timestamp_seconds"] for each in entries(progress)) == 99, "the video's last second"


def test_seconds_that_a_shortened_video_no_longer_has_earn_nothing(progress, video):
    report(progress, (100, 119))
    video.duration_seconds = 100
    video.save()
    report(progress, (0, 1))
    assert entries(progress) == []


@pytest.mark.parametrize(
    ("reported", "kept"),
    [
        ("{(,)}", "{[0,200)}"),
        ("{[-50,10)}", "{[0,10)}"),
        ("{[190,1000)}", "{[190,200)}"),
        ("{[200,201)}", "{}"),
        ("{}", "{}"),
        ("{[5,5)}", "{}"),
        ("{[0,5],[6,9]}", "{[0,10)}"),
    ],
)
def test_only_seconds_that_the_video_has_are_watched(progress, reported, kept):
    execute("UPDATE video_progress SET watched = %s", reported)
    assert execute("SELECT watched::text FROM video_progress") == [(kept,)]
    assert_no_drift()


def test_one_second_of_a_video_of_one_second_is_all_of_it(student):
    video = factories.VideoFactory(duration_seconds=1)
    progress = factories.VideoProgressFactory(student=student, video=video, watched=[(0, 1)])
    assert percents(progress) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert {each["video_timestamp_seconds"] for each in entries(progress)} == {0}


def test_the_video_says_how_much_of_it_completes_it(student):
    video = factories.VideoFactory(duration_seconds=1000, completion_threshold="0.55")
    progress = factories.VideoProgressFactory(student=student, video=video, watched=[(0, 549)])
    assert percents(progress)[-1] == 50
    report(progress, (549, 550))
    assert percents(progress)[-1] == 100


def test_a_heartbeat_that_crosses_no_tenth_writes_only_its_own_row(progress):
    report(progress, (0, 20))
    before = row_versions()
    written = execute("SELECT pg_stat_get_xact_tuples_updated('student_activity_timeline'::regclass)")
    for second in range(20, 40):
        report(progress, (second - 1, second), at=NOON + HOUR)
    assert row_versions() == before
    assert execute("SELECT pg_stat_get_xact_tuples_updated('student_activity_timeline'::regclass)") == written


def test_a_write_that_changes_nothing_rewrites_no_entry(progress):
    report(progress, (0, 200))
    factories.ReflectionFactory()
    before = row_versions()
    for table in ("reflections", "video_progress", "goals", "course_chapters", "media_files", "profiles"):
        execute(f"UPDATE {table} SET id = id")
    execute("SELECT timeline_resync(array_agg(id)) FROM profiles")
    assert row_versions() == before


# Writers other than Django


def test_a_row_of_psql_that_names_what_the_plans_trigger_reads_reaches_the_timeline(student, video):
    execute(
        "INSERT INTO reflections (student_id, content, video_id, video_timestamp_seconds, media_type, media_url,"
        " media_duration_seconds, sentiment)"
        " VALUES (%s, 'Hm.', %s, 12, 'audio', 'https://media.example.org/a', 9, 'unsure')",
        student.pk,
        video.pk,
    )
    reflection = Reflection.objects.get()
    assert_says(
        entry(reflection),
        reflection,
        reflection.created_at,
        activity_type="voice_reflection",
        **place(video),
        video_timestamp_seconds=12,
        content="Hm.",
        media_url="https://media.example.org/a",
        media_type="audio",
        media_duration_seconds=9,
        metadata={"sentiment": "unsure"},
        requires_response=True,
        response_status="pending",
    )


def test_a_role_that_may_only_write_a_source_reaches_the_timeline(student, video, goal):
    note = factories.DailyNoteFactory(student=student)
    execute("CREATE ROLE other_service")
    execute("GRANT INSERT ON reflections, video_progress, goal_periods TO other_service")
    execute("GRANT SELECT (id), UPDATE (content) ON daily_notes TO other_service")
    execute("SET LOCAL ROLE other_service")
    execute("INSERT INTO reflections (student_id, content) VALUES (%s, 'Hm.')", student.pk)
    execute("UPDATE daily_notes SET content = 'Better.' WHERE id = %s", note.pk)
    execute(
        "INSERT INTO video_progress (student_id, video_id, watched) VALUES (%s, %s, '{[0,200)}')", student.pk, video.pk
    )
    execute(
        "INSERT INTO goal_periods (student_id, goal_id, period) VALUES (%s, %s, '[1999-01-01,2000-01-01)')",
        student.pk,
        goal.pk,
    )
    with pytest.raises(Exception, match="permission denied for table student_activity_timeline"), transaction.atomic():
        execute("SELECT FROM student_activity_timeline")
    execute("RESET ROLE")
    assert execute("SELECT count(*) FROM student_activity_timeline") == [(12,)]
    assert_no_drift()


def test_a_role_cannot_hang_the_trigger_functions_on_a_table_of_its_own():
    execute("CREATE ROLE other_service; GRANT CREATE ON SCHEMA public TO other_service")
    execute("SET LOCAL ROLE other_service; CREATE TABLE forged (id uuid, student_id uuid)")
    with pytest.raises(Exception, match="permission denied for function"), transaction.atomic():
        execute(
            "CREATE TRIGGER forged AFTER INSERT ON forged REFERENCING NEW TABLE AS new_rows"
            " FOR EACH STATEMENT EXECUTE FUNCTION timeline_insert_reflections()"
        )


def test_a_temporary_table_cannot_stand_in_for_a_table_of_ours(student, video, goal):
    for table in ("profiles", "media_files", "goal_periods", "reflections", "student_activity_timeline"):
        execute(f"CREATE TEMPORARY TABLE {table} (LIKE public.{table}) ON COMMIT DROP")
    execute(
        "INSERT INTO public.reflections (student_id, video_id, video_timestamp_seconds, content, created_at)"
        " VALUES (%s, %s, 1, 'Hm.', %s)",
        student.pk,
        video.pk,
        NOON,
    )
    execute(
        "INSERT INTO public.video_progress (student_id, video_id, watched) VALUES (%s, %s, '{[0,20)}')",
        student.pk,
        video.pk,
    )
    for table in ("profiles", "media_files", "goal_periods", "reflections", "student_activity_timeline"):
        execute(f"DROP TABLE pg_temp.{table}")
    assert entry(Reflection.objects.get())["goal_id"] == goal.pk
    assert percents(VideoProgress.objects.get()) == [10]
    assert_no_drift()


# Cascades


def test_one_delete_of_answerers_and_students_leaves_no_ghost():
    """ON DELETE SET NULL updates a reflection that ON DELETE CASCADE deletes before the update's trigger runs."""
    first, leaving, second, staying = factories.ProfileFactory.create_batch(4)
    answer = {"instructor_response": "Yes.", "responded_at": NOON}
    factories.ReflectionFactory(student=leaving, responded_by=first, **answer)
    stays = factories.ReflectionFactory(student=staying, responded_by=second, **answer)
    # Which of two foreign keys acts first is decided by which was created first: after a restore, either.
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(
        "ALTER TABLE reflections DROP CONSTRAINT reflections_responded_by_29cb9b9a_fk_profiles_id,"
        " ADD FOREIGN KEY (responded_by) REFERENCES profiles ON DELETE SET NULL"
    )
    execute("DELETE FROM profiles WHERE id IN (%s, %s, %s)", first.pk, leaving.pk, second.pk)
    assert_no_drift()
    assert entry(stays)["responded_by"] is None


def test_a_message_loses_its_author_and_its_goal_in_one_statement():
    """Two foreign keys update one row twice; its entry is written once."""
    goal = factories.GoalFactory()
    message = factories.GoalMessageFactory(student=goal.student, goal=goal)
    execute(
        "WITH gone AS (DELETE FROM goals WHERE id = %s) DELETE FROM profiles WHERE id = %s", goal.pk, message.author_id
    )
    assert entry(message)["goal_id"] is None
    assert_no_drift()


def test_a_statement_that_deletes_a_period_and_a_video_is_not_refused_by_the_timeline(goal, progress):
    """The period's trigger maps the progress of a video that is gone already."""
    report(progress, (0, 200))
    execute("WITH gone AS (DELETE FROM media_files WHERE id = %s) DELETE FROM goal_periods", progress.video_id)
    assert_no_drift()


PARENTS = [
    "profiles",
    "courses",
    "course_chapters",
    "media_files",
    "quizzes",
    "checkpoints",
    "goals",
    "goal_periods",
    "course_instructors",
]


@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize("form", ["sql", "truncate", "orm"])
def test_deleting_every_parent_of_every_source_leaves_no_ghost(parent, form, django_user_model):
    rows = factories.everything_of(factories.ProfileFactory()) + factories.everything_of(factories.ProfileFactory())
    factories.CourseInstructorFactory(course=rows[4].course, instructor=rows[2].responded_by)
    if form == "sql":
        execute(f"DELETE FROM {parent}")
    elif form == "truncate":
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(f"TRUNCATE {parent} CASCADE")
    else:
        (model,) = [
            model
            for app in (rows[4], rows[10], rows[0].student)
            for model in app._meta.app_config.get_models()
            if model._meta.db_table == parent and not model._meta.proxy
        ]
        for row in model.objects.all():
            row.delete()
    assert_no_drift()
    execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("index", range(11))
@pytest.mark.parametrize("form", ["sql", "truncate", "orm"])
def test_deleting_a_source_takes_its_entries_and_no_others(index, form):
    rows = factories.everything_of(factories.ProfileFactory())
    row = rows.pop(index)
    table = row._meta.db_table
    kept = sum(len(entries(each)) for each in rows if each._meta.db_table != table)
    if form == "orm":
        row.delete()
        kept = sum(len(entries(each)) for each in rows)
    elif form == "truncate" and table != "goals":
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(f"TRUNCATE {table}")
    else:
        execute(f"DELETE FROM {table}")
    assert entries(row) == []
    assert_no_drift()
    if table != "goals":
        assert execute("SELECT count(*) FROM student_activity_timeline") == [(kept,)]


def test_no_source_but_those_of_videos_and_quizzes_gives_an_entry_a_video():
    factories.everything_of(factories.ProfileFactory())
    found = execute("SELECT DISTINCT activity_type, video_id IS NOT NULL FROM student_activity_timeline")
    assert len(found) >= 12
    in_video = {*kinds.of_groups(kinds.IN_VIDEO)}
    assert {kind for kind, placed in found if placed} == {kind for kind, _ in found} & in_video


def test_a_plan_kept_from_when_a_table_was_empty_is_no_burden_once_it_is_full(student):
    """A session keeps its triggers' plans; each looks rows up by their ids, and compares none with all."""
    plans = []
    execute("ANALYZE student_activity_timeline, daily_notes, profiles")
    execute("LOAD 'auto_explain'")
    for setting in ("log_min_duration = 0", "log_nested_statements = on", "log_level = 'notice'"):
        execute(f"SET LOCAL auto_explain.{setting}")

    def keep(notice):
        plans.append(notice.message_primary)

    connection.connection.add_notice_handler(keep)
    try:
        execute("INSERT INTO daily_notes (student_id, content) VALUES (%s, 'A'), (%s, 'B')", student.pk, student.pk)
        execute("UPDATE daily_notes SET content = content || '.'")
        execute("DELETE FROM daily_notes")
    finally:
        connection.connection.remove_notice_handler(keep)
    for table in ("student_activity_timeline", "daily_notes", "profiles"):
        # The triggers' own: what the session asked for itself has no ids of an InitPlan.
        found = [plan for plan in plans if f" on {table}" in plan and "InitPlan" in plan]
        assert len(found) >= (1 if table == "daily_notes" else 2), table
        for plan in found:
            assert "Index Cond: (id = ANY ((InitPlan " in plan
            assert "Join Filter:" not in plan
    assert not [plan for plan in plans if "Nested Loop" in plan and "Tuplestore" in plan and "Semi Join" in plan]
