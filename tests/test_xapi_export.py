"""The export: each entry as a statement that our own import reads, and what was watched comes back the same."""

import contextlib
import datetime
import gzip
import io
import json
import re
import signal
import stat
import threading
import uuid
from pathlib import Path

import pytest
from django.conf import settings as site_settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from hypothesis import given, settings
from hypothesis import strategies as st

from courses.models import Course, Enrollment, QuizAttempt, Video, VideoProgress
from profiles.models import MediaType, Profile
from reflections.models import Reflection
from tests import factories
from timeline import queries, statements
from timeline.kinds import KINDS
from timeline.models import Activity
from timeline.queries import Telling
from timeline.statements import MEDIA_TYPES, STATED, Statements
from xapi.importing import Rejects, Summary, import_stream
from xapi.settling import settle
from xapi.statements import read_statement

pytestmark = pytest.mark.django_db

SITE = "https://learn.example.org"
NOON = datetime.datetime(2026, 3, 15, 16, tzinfo=datetime.UTC)
VIDEO_EXTENSIONS = "https://w3id.org/xapi/video/extensions/"


@pytest.fixture
def student():
    """Somebody with an entry of every kind."""
    student = factories.ProfileFactory(full_name="Maya Lindqvist", email="maya@example.org")
    factories.everything_of(student)
    media = {"media_url": "https://media.example.org/secret", "media_duration_seconds": None}
    factories.ReflectionFactory(student=student, voice=True)
    factories.ReflectionFactory(student=student, media_type=MediaType.IMAGE, **media)
    factories.ReflectionFactory(student=student, media_type=MediaType.VIDEO, **media)
    factories.ReflectionFactory(student=student, video=None, video_timestamp_seconds=None)
    factories.VideoProgressFactory(student=student, watched=[(0, 600)])
    factories.EnrollmentFactory(student=student, completed_at=datetime.datetime.now(datetime.UTC))
    return student


def told(names=False, words=False, **asked):
    """What the export tells, as a list of dicts."""
    make, found = Statements(SITE, names=names, words=words), []
    for page in queries.statement_pages(Telling(**asked), names=names, words=words):
        found += [make.of(entry, page.known) for entry in page.entries]
        found += [make.of_watching(watched, page.known) for watched in page.watched]
    return found


def kind_of(statement):
    category = statement["context"]["contextActivities"]["category"][0]["id"]
    return category.removeprefix(f"{SITE}/kinds/")


def of_kind(kind, **asked):
    return [each for each in told(**asked) if kind_of(each) == kind]


def lines(statements):
    return b"".join(json.dumps(each).encode() + b"\n" for each in statements)


# What is told.


def test_every_kind_has_its_statement_and_the_documents_say_which(student):
    kinds = {kind.value for kind in KINDS}
    assert kinds == STATED.keys()
    assert kinds == {*Activity.objects.values_list("activity_type", flat=True)}
    page = (Path(site_settings.BASE_DIR) / "docs" / "xapi.md").read_text()
    for kind, stated in STATED.items():
        (row,) = re.findall(rf"^\| [^|]*`{kind}`[^|]*\|.*$", page, re.MULTILINE)
        assert f"`{stated.verb}`" in row


def test_every_medium_of_what_people_write_has_its_type():
    assert MEDIA_TYPES.keys() == {None, *MediaType.values}


def test_each_entry_is_one_statement_that_the_import_reads_and_each_watched_video_one_more(student):
    found = told(names=True, words=True)
    read = [read_statement(json.dumps(each).encode()) for each in found]
    assert {kind_of(each) for each in found} == {*STATED, "https://w3id.org/xapi/video"}
    assert len({statement.id for statement in read}) == len(read)
    assert {statement.id.version for statement in read} == {5}
    assert len(read) == Activity.objects.count() + VideoProgress.objects.count()
    assert {statement.agent.identifier for statement in read} == {f"{SITE} {student.pk}"}
    times = Activity.objects.values_list("created_at", flat=True)
    assert {statement.timestamp for statement in read} == {
        *times,
        *VideoProgress.objects.values_list("watched_at", flat=True),
    }


def test_an_attempt_at_a_quiz_in_a_video_is_told_whole():
    quiz = factories.QuizFactory(video=factories.VideoFactory(title="Whom to ask"), video_timestamp_seconds=83)
    attempt = factories.QuizAttemptFactory(
        quiz=quiz, started_at=NOON, submitted_at=NOON + datetime.timedelta(seconds=90.5), score="82.50", passed=True
    )
    ((entry,),) = Activity.objects.filter(activity_type="quiz_attempt").values_list("pk")
    (statement,) = of_kind("quiz_attempt")
    course, lesson = quiz.lesson.course, quiz.lesson
    assert uuid.UUID(statement.pop("id"))
    assert statement == {
        "actor": {"objectType": "Agent", "account": {"homePage": SITE, "name": str(attempt.student_id)}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/attempted", "display": {"en-US": "attempted"}},
        "object": {
            "id": f"{SITE}/quizzes/{quiz.pk}/",
            "definition": {"type": "http://adlnet.gov/expapi/activities/assessment", "name": {"en-US": quiz.title}},
        },
        "result": {
            "score": {"scaled": 0.825, "raw": 82.5, "min": 0, "max": 100},
            "success": True,
            "completion": True,
            "duration": "PT90.5S",
            "extensions": {"https://w3id.org/xapi/video/extensions/time": 83},
        },
        "timestamp": "2026-03-15T16:00:00Z",
        "context": {
            "platform": "Student Activity Timeline",
            "contextActivities": {
                "parent": [
                    {
                        "id": f"{SITE}/courses/{course.pk}/",
                        "definition": {
                            "type": "http://adlnet.gov/expapi/activities/course",
                            "name": {"en-US": course.title},
                        },
                    },
                    {
                        "id": f"{SITE}/lessons/{lesson.pk}/",
                        "definition": {
                            "type": "http://adlnet.gov/expapi/activities/lesson",
                            "name": {"en-US": lesson.title},
                        },
                    },
                    {
                        "id": f"{SITE}/videos/{quiz.video_id}/",
                        "definition": {
                            "type": "https://w3id.org/xapi/video/activity-type/video",
                            "name": {"en-US": "Whom to ask"},
                        },
                    },
                ],
                "category": [
                    {"id": f"{SITE}/kinds/quiz_attempt", "definition": {"name": {"en-US": "Quiz attempt"}}},
                ],
                "other": [{"id": f"{SITE}/entries/{entry}/", "definition": {"name": {"en-US": "Quiz attempt"}}}],
            },
        },
    }


def test_an_attempt_under_way_has_no_result():
    factories.QuizAttemptFactory()
    (statement,) = of_kind("quiz_attempt")
    assert "result" not in statement


def test_what_was_watched_is_told_in_the_form_of_the_video_profile():
    video = factories.VideoFactory(duration_seconds=200)
    progress = factories.VideoProgressFactory(
        video=video, watched=[(0, 12), (40, 55)], watched_at=NOON, position_seconds=55
    )
    (statement,) = of_kind("https://w3id.org/xapi/video")
    assert statement["verb"]["id"] == "https://w3id.org/xapi/video/verbs/paused"
    assert statement["result"]["extensions"] == {
        f"{VIDEO_EXTENSIONS}time": 55,
        f"{VIDEO_EXTENSIONS}progress": 0.135,
        f"{VIDEO_EXTENSIONS}played-segments": "0[.]12[,]40[.]55",
    }
    assert statement["context"]["extensions"] == {
        f"{VIDEO_EXTENSIONS}session-id": str(progress.pk),
        f"{VIDEO_EXTENSIONS}length": 200,
        f"{VIDEO_EXTENSIONS}completion-threshold": 0.95,
    }
    (step,) = of_kind("video_progress")
    assert step["result"]["extensions"] == {f"{VIDEO_EXTENSIONS}time": 20, f"{VIDEO_EXTENSIONS}progress": 0.1}


def test_of_a_video_that_became_shorter_no_more_is_told_than_it_has():
    progress = factories.VideoProgressFactory(watched=[(0, 100), (140, 300), (400, 410)], position_seconds=300)
    Video.objects.filter(pk=progress.video_id).update(duration_seconds=150)
    (statement,) = of_kind("https://w3id.org/xapi/video")
    assert statement["result"]["extensions"][f"{VIDEO_EXTENSIONS}played-segments"] == "0[.]100[,]140[.]150"
    assert all(read_statement(json.dumps(each).encode()) for each in told())


def test_an_iri_leads_to_a_page_if_there_is_one(student):
    iris = {iri for iri in re.findall(rf'"id": "{SITE}(/[^"]*)"', json.dumps(told())) if "/kinds/" not in iri}
    assert {iri.split("/")[1] for iri in iris} == {"courses", "lessons", "videos", "quizzes", "students", "entries"}
    assert all(resolve(iri.partition("?")[0]) for iri in iris if not iri.startswith("/lessons/"))


def test_people_are_ids_alone_and_nothing_that_they_wrote_is_told_unless_asked_for(student):
    author = Profile.objects.get(messages_written__isnull=False)
    words = {*Reflection.objects.exclude(content="").values_list("content", flat=True), "The first invoice, paid."}
    words |= {"First paying customer", "$1K a month", "Good start. Whom will you ask tomorrow?"}
    names = {student.full_name, author.full_name}
    assert len(words) == 5
    plain, named, worded = (json.dumps(told(**asked)) for asked in ({}, {"names": True}, {"words": True}))
    assert [word for word in words | names if word in plain] == []
    assert {word for word in words | names if word in named} == names
    assert {word for word in words | names if word in worded} == words
    for text in (named, worded):
        assert "@" not in text  # no e-mail address
        assert "media.example.org" not in text  # where recordings lie
        assert "Yes." not in text  # the instructor's answer is not the student's


def test_what_is_hidden_is_not_told(student):
    hidden = Reflection.objects.filter(video=None)
    (statement,) = [each for each in of_kind("text_reflection") if each["verb"]["display"]["en-US"] == "authored"]
    hidden.update(hidden_at=NOON)
    assert statement not in told()


# The ids.


def test_a_statement_that_is_told_again_has_its_id_whatever_was_renamed(student):
    before = told()
    assert told() == before
    Video.objects.update(title="Renamed")
    Course.objects.update(title="Renamed")
    assert [each["id"] for each in told()] == [each["id"] for each in before]


def test_an_entry_that_says_something_else_is_told_under_another_id(student):
    ids = {each["id"] for each in told(words=True)}
    Reflection.objects.update(content="Edited.")
    QuizAttempt.objects.update(score=91)
    new = [each for each in told(words=True) if each["id"] not in ids]
    assert sorted(map(kind_of, new)) == sorted(
        [
            *Activity.objects.filter(source_table__in=["reflections", "quiz_attempts"]).values_list(
                "activity_type", flat=True
            )
        ]
    )


# What is asked for.


def test_days_are_new_yorks():
    for hour in (3, 5):  # 23:00 of the day before, 01:00
        factories.DailyNoteFactory(created_at=NOON.replace(hour=hour))
        factories.VideoProgressFactory(watched=[(0, 9)], watched_at=NOON.replace(hour=hour))
    day = NOON.date()
    for asked in ({"start": day}, {"end": day}, {"start": day, "end": day}):
        found = {each["timestamp"] for each in told(**asked)}
        assert ("2026-03-15T05:00:00Z" in found, "2026-03-15T03:00:00Z" in found) == (True, "start" not in asked)
    assert len(told(start=day, end=day)) == 2
    assert told(start=day + datetime.timedelta(days=1)) == []


def test_one_student_one_course_or_some_kinds_can_be_asked_for(student):
    other = factories.VideoProgressFactory()
    factories.EnrollmentFactory(student=other.student, course=other.video.lesson.course)
    assert {each["actor"]["account"]["name"] for each in told(students=(student.pk,))} == {str(student.pk)}
    course = other.video.lesson.course_id
    assert len(told(course=course)) == 5 + 1 + 1
    assert all(str(course) in json.dumps(each) for each in told(course=course))
    assert {kind_of(each) for each in told(kinds=("daily_note", "goal_milestone"))} == {"daily_note", "goal_milestone"}


def test_pages_have_all_that_one_page_has_in_the_same_order(student, monkeypatch):
    for _ in range(4):
        factories.VideoProgressFactory(watched=[(0, 600)])
    whole = told()
    monkeypatch.setattr(queries.statements, "BATCH", 3)
    monkeypatch.setattr(queries.statements, "KNOWN", 4)
    assert told() == whole
    assert max(len(page.entries) + len(page.watched) for page in queries.statement_pages(Telling())) == 3
    monkeypatch.setattr(queries.statements, "STUDENTS", 2)
    assert sorted(map(str, told())) == sorted(map(str, whole))


def test_a_page_takes_as_many_queries_however_much_is_in_it(student):
    def asked():
        with CaptureQueriesContext(connection) as captured:
            told(names=True, words=True)
        return len(captured)

    before = asked()
    for _ in range(3):
        factories.everything_of(factories.ProfileFactory())
    assert asked() == before


# There and back.


def imported(raw):
    summary = Summary()
    import_stream(io.BufferedReader(io.BytesIO(raw)), "test", rejects=Rejects("/nowhere/rejects"), summary=summary)
    settle()
    return summary


def watching():
    """What was watched by whom, in words that are the same in every database."""
    return {
        (row.student.full_name, row.video.title, row.video.duration_seconds, row.video.lesson.course.title): (
            row.watched,
            row.watched_at,
            row.tenth_reached_at,
            row.completed_at,
        )
        for row in VideoProgress.objects.select_related("student", "video__lesson__course")
    }


def enrolments():
    rows = Enrollment.objects.values_list("student__full_name", "course__title", "enrolled_at")
    return sorted(rows)


parts = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 120)).map(sorted), min_size=1, max_size=4)
reports = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), parts), min_size=1, max_size=8)


@settings(max_examples=10, deadline=None)
@given(reports, st.lists(st.integers(20, 120), min_size=3, max_size=3))
def test_what_is_exported_and_imported_elsewhere_says_of_watching_what_it_said_here(reports, lengths):
    with transaction.atomic():
        people = [factories.ProfileFactory(full_name=name) for name in ("Ann", "Bob")]
        courses = [factories.CourseFactory(title=title) for title in ("One", "Two")]
        videos = [
            factories.VideoFactory(lesson__course=courses[n % 2], title=f"Video {n}", duration_seconds=length)
            for n, length in enumerate(lengths)
        ]
        for person in people:
            for course in courses:
                factories.EnrollmentFactory(student=person, course=course, enrolled_at=NOON)
        for minute, (who, what, watched) in enumerate(reports):
            watched = [(start, end) for start, end in watched if start < end]
            at = NOON + datetime.timedelta(minutes=minute - 2)  # the first ones before they enrolled
            row, made = VideoProgress.objects.get_or_create(
                student=people[who], video=videos[what], defaults={"watched": watched, "watched_at": at}
            )
            if not made:
                VideoProgress.objects.filter(pk=row.pk).update(watched=watched, watched_at=at)
        VideoProgress.objects.filter(watched=[]).delete()
        here, enrolled = watching(), enrolments()
        raw = lines(told(names=True))
        Profile.objects.all().delete()
        Course.objects.all().delete()
        summary = imported(raw)
        assert (summary.rejected, summary.conflicts) == (0, 0)
        assert watching() == here
        assert enrolments() == enrolled
        assert imported(raw).repeated == summary.new
        transaction.set_rollback(True)


def test_who_came_from_another_site_has_one_account_there_however_often_they_come(student):
    key, raw = student.pk, lines(told())
    student.delete()
    imported(raw)
    (person,) = Profile.objects.filter(agents__identifier=f"{SITE} {key}")
    assert person.full_name == f"Learner {str(key)[-8:]}"
    assert not imported(raw).new


# The command.


def export(*options, site=SITE):
    call_command("export_xapi", f"--site={site}", *options)


def test_standard_output_has_one_statement_a_line_and_nothing_else(student, capfdbinary, monkeypatch):
    export("--since=2000-01-01", "--students=Maya@example.org")
    out, err = capfdbinary.readouterr()
    assert [json.loads(line)["id"] for line in out.splitlines()] == [each["id"] for each in told()]
    assert f"{len(told())} statements written; 1 student looked through.".encode() in err


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
def test_a_file_has_the_same_and_is_for_whoever_made_it_alone(student, tmp_path, name):
    path = tmp_path / name
    export(f"--output={path}", "--with-names", "--with-words")
    raw = path.read_bytes()
    found = gzip.decompress(raw) if name.endswith(".gz") else raw
    assert [*map(json.loads, found.splitlines())] == told(names=True, words=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("spelling", ["https://learn.example.org/", "HTTPS://Learn.Example.ORG"])
def test_a_site_has_one_spelling(student, capfdbinary, spelling):
    export(site=spelling)
    assert {json.loads(line)["actor"]["account"]["homePage"] for line in capfdbinary.readouterr().out.splitlines()} == {
        SITE
    }


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz"])
def test_half_a_file_is_never_taken_for_a_whole_one(student, tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.write_text("of yesterday")

    def stopped(self, watched, known):
        raise KeyboardInterrupt

    monkeypatch.setattr(statements.Statements, "of_watching", stopped)
    with pytest.raises(CommandError, match="There is no new file") as error:
        export(f"--output={path}")
    assert error.value.returncode == 130
    assert path.read_text() == "of yesterday"
    assert [*tmp_path.iterdir()] == [path]


def test_a_signal_that_python_forgets_ends_it_after_the_page(student, tmp_path, monkeypatch):
    def told(self, entry, known):
        assert threading.current_thread() is threading.main_thread()
        with contextlib.suppress(KeyboardInterrupt):  # as in a callback of the garbage collector
            signal.raise_signal(signal.SIGTERM)
        return {}

    monkeypatch.setattr(statements.Statements, "of", told)
    with pytest.raises(CommandError, match="There is no new file") as error:
        export(f"--output={tmp_path / 'all.jsonl'}")
    assert error.value.returncode == 143
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--since=15.3.2026"], "--since takes a day such as 2026-03-15, not 15.3.2026."),
        (["--until=2026-02-30"], "--until takes a day such as 2026-03-15, not 2026-02-30."),
        (["--until=9999-12-31"], "--until takes a day such as 2026-03-15, not 9999-12-31."),  # no entry can have it
        (["--since=2026-03-16", "--until=2026-03-15"], "--until is before --since."),
        (["--students=nobody@example.org"], "There is no student nobody@example.org."),
        (["--students="], "There is no student ."),
        (["--students", str(uuid.UUID(int=1))], f"There is no student {uuid.UUID(int=1)}."),
        (["--course=pricing"], "--course takes the course's id, as it stands in its page's address, not pricing."),
        (["--course", str(uuid.UUID(int=1))], f"There is no course {uuid.UUID(int=1)}."),
        (["--output=/dev/null"], "/dev/null is no file. Leave out --output to write to standard output."),
        (["--output=/nowhere/all.jsonl"], "No such file or directory: /nowhere/all.jsonl"),
    ],
)
def test_a_wrong_option_is_told_in_words_and_nothing_is_written(options, message, capfd):
    with pytest.raises(CommandError) as error:
        export(*options)
    assert str(error.value).startswith(message)
    assert error.value.returncode == 2
    assert capfd.readouterr().out == ""


def test_a_kind_that_there_is_not_is_told_with_those_that_there_are(capfd):
    with pytest.raises(CommandError, match=r"there is no kind 'notes'; there are, .*: video_progress, "):
        export("--types=daily_note,notes")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "site", ["learn.example.org", "ftp://a.example", "https://a.example/b", "https://me@a.example", "https://[x"]
)
def test_what_is_no_address_of_a_site_begins_no_iri(site):
    with pytest.raises(CommandError, match="--site is the site's address and no more"):
        export(site=site)
