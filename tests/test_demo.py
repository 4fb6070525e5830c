"""The demo class: the same for the same moment, consistent, and careful with other people's rows."""

import datetime
import io
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.db.models import Count, F, Max, Min, Q

from courses.finishing import Finished, finish_course
from courses.marking import score
from courses.models import (
    CheckpointReached,
    Course,
    Enrollment,
    LessonCompletion,
    Quiz,
    QuizAttempt,
    Video,
    VideoProgress,
)
from courses.quizzes import marked
from demo import content, load
from demo.build import build, demo_id, right_answer, wrong_answer
from demo.rhythm import RHYTHMS, ZONE, clock
from goals.models import DailyNote, Goal, GoalMessage, GoalMilestone, GoalPeriod, SuccessProof
from profiles.models import MediaType, Profile
from reflections.models import Reflection
from tests.drift import assert_no_drift
from timeline.kinds import KINDS
from timeline.models import Activity

FRIDAY = datetime.date(2026, 11, 20)  # eight weeks that hold the end of daylight saving time


@pytest.fixture(scope="module")
def loaded(django_db_setup, django_db_blocker):
    """The class as of the evening of FRIDAY, in the database for all tests of this module that only read."""
    with django_db_blocker.unblock():
        load.load(load.end_of(FRIDAY))
        yield load.end_of(FRIDAY)
        load.erase()


@pytest.fixture
def no_class(db):
    """A database without the class, whoever else has loaded it."""
    load.erase()


def facts(rows):
    """Rows as plain values, to compare."""
    return [{name: value for name, value in vars(row).items() if name != "_state"} for row in rows]


def written(now):
    rows, rounds = build(now)
    return {model.__name__: facts(batch) for model, batch in rows.items()}, [facts(batch) for batch in rounds]


def moments(row):
    """Every moment that a row names."""
    for value in vars(row).values():
        if isinstance(value, datetime.datetime):
            yield value
        elif isinstance(value, tuple):
            yield from (moment for moment in value if isinstance(moment, datetime.datetime))


def test_the_same_moment_gives_the_same_rows():
    now = clock(FRIDAY, 14 * 60)
    assert str(written(now)) == str(written(now))


def test_people_courses_and_goals_keep_their_ids_from_day_to_day():
    ids = [
        {model.__name__: [row.id for row in rows] for model, rows in build(load.end_of(day))[0].items()}
        for day in (FRIDAY, FRIDAY + datetime.timedelta(days=100))
    ]
    for name in ("Profile", "Course", "Lesson", "Video", "Quiz", "QuizQuestion", "Goal", "GoalPeriod", "Reflection"):
        assert set(ids[0][name]) & set(ids[1][name]), name
    assert ids[0]["Goal"] == ids[1]["Goal"]
    assert ids[0]["Video"] == ids[1]["Video"]


@pytest.mark.parametrize(
    "now",
    [
        clock(FRIDAY, 5),
        clock(datetime.date(2026, 3, 8), 12 * 60),  # the clocks went forward this morning
        clock(datetime.date(2026, 3, 13), 5),
        clock(datetime.date(2026, 11, 1), 12 * 60),  # the clocks went back this morning
        clock(datetime.date(2027, 1, 1), 23 * 60),
        clock(datetime.date(2028, 2, 29), 9 * 60),
    ],
    ids=str,
)
def test_nothing_lies_in_the_future_whatever_the_day(now):
    rows, rounds = build(now)
    for batch in [*rows.values(), *rounds]:
        for row in batch:
            assert all(moment <= now for moment in moments(row)), vars(row)
    for reflection in rows[Reflection]:
        if reflection.responded_at:
            assert reflection.responded_at > reflection.created_at
    periods = {}
    for row in sorted(rows[GoalPeriod], key=lambda row: (row.student_id, row.period[0])):
        start, end = row.period
        assert end is None or start < end
        if row.student_id in periods:
            assert periods[row.student_id] is not None
            assert periods[row.student_id] <= start, "two current goals at once"
        periods[row.student_id] = end


def test_five_minutes_after_midnight_the_day_has_begun():
    now = clock(FRIDAY, 5)
    rows, rounds = build(now)
    midnight = clock(FRIDAY, 0)
    assert any(note.created_at >= midnight for note in rows[DailyNote])
    assert any(reflection.created_at >= midnight for reflection in rows[Reflection])
    assert any(report.watched_at >= midnight for batch in rounds for report in batch)


def test_a_later_moment_of_the_same_day_only_adds():
    morning, evening = (build(clock(FRIDAY, hour * 60))[0] for hour in (9, 22))
    for model in (DailyNote, Reflection, QuizAttempt, CheckpointReached, GoalMessage):
        assert {row.id for row in morning[model]} <= {row.id for row in evening[model]}
    assert len(morning[DailyNote]) < len(evening[DailyNote])


def test_every_text_finds_its_student_its_video_and_its_file():
    """What a student says is in the class, once, and every picture, recording and document is there."""
    rows, _ = build(load.end_of(FRIDAY))
    texts = Counter(row.content for row in rows[Reflection] if row.content)
    said = [one for ones in content.read("reflections").values() for one in ones]
    assert {one["text"] for one in said if one["text"]} == set(texts) - {
        one[2] for one in content.read("veteran")["seen"]
    }
    assert max(texts.values()) == 1
    for name in ("notes", "messages"):
        assert set(content.read(name)) <= set(content.read("students"))
    for row in [*rows[Reflection], *rows[SuccessProof]]:
        if row.media_url and row.media_type != "video":
            assert finders.find(row.media_url.removeprefix(settings.STATIC_URL)), row.media_url
        elif row.media_url:
            assert re.fullmatch(r"https://www\.loom\.com/share/[0-9a-f]{32}", row.media_url)
    assert {row.media_type for row in rows[SuccessProof]} == {None, *MediaType.values}


def test_no_sentence_of_a_note_comes_again_on_one_page():
    rows, _ = build(load.end_of(FRIDAY))
    rest = {*content.read("veteran")["end"]}  # "Tea." may well be had every week
    for student in {row.student_id for row in rows[DailyNote]}:
        notes = sorted((row.created_at, row.content) for row in rows[DailyNote] if row.student_id == student)
        sentences = [set(re.split(r"(?<=[.!?]) ", text)) - rest for _, text in notes]
        for start in range(len(sentences)):
            page = Counter(
                sentence for note in sentences[start : start + 25] for sentence in note if len(sentence) > 30
            )
            assert not page or max(page.values()) == 1, page.most_common(1)


def test_no_rhythm_begins_in_the_hour_that_some_days_do_not_have():
    for _, first, last in RHYTHMS.values():
        assert last < 2 * 60 or first >= 3 * 60


def test_wrong_answers_are_wrong_and_right_ones_right():
    for course in content.read("catalogue")["course"]:
        for lesson in course["lesson"]:
            quizzes = lesson["quiz"] + [quiz for video in lesson["video"] for quiz in video.get("quiz", [])]
            for question in (question for quiz in quizzes for question in quiz["question"]):
                for seed in range(12):
                    wrong = wrong_answer(question, random.Random(seed))
                    if question["kind"] == "multiple_choice":
                        assert set(wrong) != set(question["right"])
                        assert set(right_answer(question, random.Random(seed))) == set(question["right"])
                    else:
                        assert wrong[0] not in question["right"]
                        assert right_answer(question, random.Random(seed))[0] in question["right"]


# In the database


@pytest.mark.django_db
def test_every_kind_is_in_the_timeline(loaded):
    counts = dict(Activity.objects.values_list("activity_type").annotate(Count("id")))
    assert set(counts) == {kind.value for kind in KINDS}
    assert min(counts.values()) >= 5


@pytest.mark.django_db
def test_the_timeline_is_what_the_sources_say(loaded):
    assert_no_drift()


@pytest.mark.django_db
def test_nothing_in_the_timeline_is_later_than_the_moment(loaded):
    latest = Activity.objects.aggregate(latest=Max("created_at"))["latest"]
    assert latest <= loaded
    assert latest.astimezone(ZONE).date() == FRIDAY


@pytest.mark.django_db
def test_what_was_watched_agrees_with_what_follows_from_it(loaded):
    """Checkpoints lie in what was watched; lessons were completed by who watched all of their videos and passed."""
    for reached in CheckpointReached.objects.select_related("checkpoint"):
        progress = VideoProgress.objects.get(student=reached.student_id, video=reached.video_id)
        assert any(first <= reached.video_timestamp_seconds < last for first, last in progress.watched)
        assert reached.checkpoint.video_timestamp_seconds == reached.video_timestamp_seconds
        assert reached.reached_at <= progress.watched_at
    for completion in LessonCompletion.objects.select_related("lesson"):
        videos = Video.objects.filter(lesson=completion.lesson_id)
        watched = VideoProgress.objects.filter(
            student=completion.student_id, video__in=videos, completed_at__lte=completion.completed_at
        )
        assert watched.count() == videos.count()
        for quiz in Quiz.objects.filter(lesson=completion.lesson_id, video=None):
            assert quiz.attempts.filter(
                student=completion.student_id, passed=True, submitted_at__lte=completion.completed_at
            ).exists()
    for enrollment in Enrollment.objects.exclude(completed_at=None):
        completions = LessonCompletion.objects.filter(
            student=enrollment.student_id,
            lesson__course=enrollment.course_id,
            completed_at__lte=enrollment.completed_at,
        )
        assert completions.count() == enrollment.course.lessons.count()


@pytest.mark.django_db
def test_players_stood_where_something_was_watched_last(loaded):
    for progress in VideoProgress.objects.all():
        assert any(first < progress.position_seconds <= last for first, last in progress.watched)


@pytest.mark.django_db
def test_what_the_demo_says_is_complete_is_so_by_the_rule_and_its_scores_are_those_of_its_answers(loaded):
    assert {finish_course(course) for course in Course.objects.all()} == {Finished(0, 0)}
    for attempt in QuizAttempt.objects.exclude(submitted_at=None).order_by("id")[:300]:
        assert score([each.is_right for each in marked(attempt)]) == attempt.score


@pytest.mark.django_db
def test_students_are_enrolled_before_they_do_anything_in_a_course(loaded):
    begun = {(row.student_id, row.course_id): row.enrolled_at for row in Enrollment.objects.all()}
    first = (
        Activity.objects.exclude(course=None)
        .exclude(activity_type="course_enrollment")
        .values_list("student_id", "course_id")
        .annotate(Min("created_at"))
    )
    for student, course, moment in first:
        assert begun[student, course] < moment


@pytest.mark.django_db
def test_tenths_of_a_video_are_reached_at_different_times(loaded):
    progress = VideoProgress.objects.exclude(completed_at=None)
    assert progress.count() > 100
    for row in progress:
        assert row.tenth_reached_at == sorted(row.tenth_reached_at)
        assert len(set(row.tenth_reached_at)) == 9


@pytest.mark.django_db
def test_students_drop_off_and_some_never_finish(loaded):
    unfinished = VideoProgress.objects.filter(completed_at=None)
    assert 10 < unfinished.count() < VideoProgress.objects.count() / 3
    assert Enrollment.objects.exclude(completed_at=None).count() < Enrollment.objects.count() / 2
    assert Enrollment.objects.exclude(left_at=None).exists()


@pytest.mark.django_db
def test_answers_come_from_who_teaches_the_course_and_some_questions_wait(loaded):
    answered = Reflection.objects.exclude(responded_at=None)
    assert answered.count() > 60
    assert not answered.filter(responded_at__lte=F("created_at")).exists()
    assert not answered.exclude(video__lesson__course__instructors=F("responded_by")).exists()
    pending = Reflection.objects.filter(responded_at=None)
    week = loaded - datetime.timedelta(days=7)
    assert pending.filter(created_at__lt=week).count() in range(3, 12)
    assert pending.filter(created_at__gte=week).count() in range(3, 30)


@pytest.mark.django_db
def test_reflections_cluster_at_hard_moments(loaded):
    for course in content.read("catalogue")["course"]:
        for video in (video for lesson in course["lesson"] for video in lesson["video"]):
            for moment in video["hard"]:
                near = Q(video_timestamp_seconds__gte=moment - 12, video_timestamp_seconds__lte=moment + 12)
                reflections = Reflection.objects.filter(near, video=demo_id("media_files", video["key"]))
                assert reflections.values("student").distinct().count() >= 5, (video["key"], moment)


@pytest.mark.django_db
def test_goals_are_switched_come_back_to_and_reached(loaded):
    returned = Goal.objects.annotate(times=Count("periods")).filter(times__gte=2)
    assert returned.count() >= 3
    reached = Goal.objects.exclude(completed_at=None)
    assert reached.count() > 15
    for goal in reached:
        assert goal.periods.filter(period__contains=goal.completed_at).exists()
        assert not goal.milestones.filter(reached_at__gt=goal.completed_at).exists()
        assert not goal.proofs.filter(created_at__gt=goal.completed_at).exists()
    assert GoalMilestone.objects.filter(reached_at=None).exists()


@pytest.mark.django_db
def test_the_suggested_people_are_as_described(loaded):
    for login in load.LOGINS:
        assert Profile.objects.get(email=login.email).check_password(login.password), login
    entries = dict(Activity.objects.values_list("student__email").annotate(Count("id")))
    assert entries["ruth@example.com"] >= 2000
    assert entries["maya@example.com"] > 80
    assert "nia@example.com" not in entries
    assert Profile.objects.get(email="admin@example.com").is_superuser
    assert Profile.objects.count() == 43
    assert not Profile.objects.exclude(email__endswith="@example.com").exists()


@pytest.mark.django_db
def test_nobody_teaches_and_learns_in_one_course_and_each_course_has_its_teacher(loaded):
    naomi, henrik = (Profile.objects.get(email=f"{name}@example.com") for name in ("naomi", "henrik"))
    assert naomi.courses_taught.count() == 1
    assert henrik.courses_taught.count() == 2
    assert not Enrollment.objects.filter(student__in=[naomi, henrik]).exists()


@pytest.mark.django_db
def test_a_second_load_says_that_the_class_is_there(loaded):
    before = Activity.objects.count()
    out = io.StringIO()
    call_command("load_demo", stdout=out)
    assert "The demo class is there, as of 20 November 2026; load_demo --reset loads it anew." in out.getvalue()
    out = io.StringIO()
    call_command("load_demo", stdout=out, anew="make demo-reset deletes it, and make demo then loads it anew")
    assert "as of 20 November 2026; make demo-reset deletes it" in out.getvalue()
    assert "maya@example.com" in out.getvalue()
    assert Activity.objects.count() == before


def file_paths():
    stored = (file for video in Video.objects.all() for file in (video.file, video.poster, video.captions))
    return [Path(file.path) for file in stored if file]


@pytest.mark.django_db
def test_every_video_plays_here_and_has_its_poster(loaded):
    for row in (row for course in load.courses().values() for part in course["lesson"] for row in part["video"]):
        video = Video.objects.get(pk=demo_id("media_files", row["key"]))
        assert Path(video.file.path).read_bytes() == (load.VIDEOS / f"{row['key']}.webm").read_bytes()
        assert Path(video.poster.path).read_bytes() == (load.VIDEOS / f"{row['key']}.webp").read_bytes()
        assert bool(video.captions) == bool(row.get("captions"))


@pytest.fixture
def own_files(loaded, settings, tmp_path):
    """The class with files of this test's own."""
    settings.MEDIA_ROOT = tmp_path
    load.put_videos()


@pytest.mark.django_db
def test_a_second_load_puts_back_the_files_that_are_gone_and_no_others(own_files):
    before = dict(Video.objects.values_list("id", "file"))
    unlinked, unnamed, *_ = Video.objects.order_by("id")
    Path(unlinked.file.path).unlink()
    Video.objects.filter(pk=unnamed.pk).update(file="")
    call_command("load_demo", stdout=io.StringIO())
    after = dict(Video.objects.values_list("id", "file"))
    assert {video for video, name in after.items() if name != before[video]} == {unlinked.pk, unnamed.pk}
    assert all(path.is_file() for path in file_paths())


@pytest.mark.django_db
def test_a_replaced_class_leaves_no_files_behind(own_files, tmp_path, django_capture_on_commit_callbacks):
    before = file_paths()
    with django_capture_on_commit_callbacks(execute=True):
        load.load(load.end_of(FRIDAY), replace=True)
    assert set(before).isdisjoint(file_paths())
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(file_paths())


@pytest.mark.django_db
def test_the_class_loads_five_minutes_after_midnight(loaded):
    load.load(clock(datetime.date(2026, 3, 13), 5), replace=True)
    assert Activity.objects.filter(activity_date=datetime.date(2026, 3, 13)).exists()
    assert_no_drift()


@pytest.mark.django_db
def test_reset_loads_the_class_for_another_day_and_keeps_what_is_not_of_it(loaded):
    Profile.objects.create(email="guest@example.org")
    call_command("load_demo", reset=True, force=True, today=datetime.date(2026, 3, 9), stdout=io.StringIO())
    assert load.loaded_for() == datetime.date(2026, 3, 9)
    assert Activity.objects.aggregate(latest=Max("activity_date"))["latest"] == datetime.date(2026, 3, 9)
    assert Profile.objects.filter(email="guest@example.org").exists()
    assert Profile.objects.count() == 44
    assert_no_drift()


def test_the_class_is_not_loaded_among_other_people(no_class):
    Profile.objects.create(email="guest@example.org")
    with pytest.raises(CommandError, match="holds a person from outside the demo class"):
        call_command("load_demo", stdout=io.StringIO())
    assert Profile.objects.count() == 1


def test_a_server_that_others_reach_gets_no_known_password(no_class, settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="a password that everybody knows"):
        call_command("load_demo", stdout=io.StringIO())
    assert not Profile.objects.exists()


def test_a_day_to_come_is_refused(no_class):
    tomorrow = datetime.datetime.now(ZONE).date() + datetime.timedelta(days=1)
    with pytest.raises(CommandError, match="has not come yet"):
        call_command("load_demo", today=tomorrow, stdout=io.StringIO())
    assert not Profile.objects.exists()
