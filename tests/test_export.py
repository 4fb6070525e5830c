"""A journey and a class as CSV: who gets it, what is in it, and that it is neither a formula nor a burden."""

import csv
import datetime
import io
import re
import tracemalloc
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from courses.models import Enrollment
from profiles.models import Profile
from tests import factories
from timeline import queries
from timeline.queries import export
from timeline.views.export import CLASS_COLUMNS, COLUMNS, text

pytestmark = pytest.mark.django_db

SPRING = datetime.datetime(2026, 3, 15, 2, 30, 1, 500_000, tzinfo=datetime.UTC)  # still the 14th in New York


@pytest.fixture
def classroom():
    video = factories.VideoFactory(title="Whom to ask, and what")
    instructor = factories.CourseInstructorFactory(course=video.lesson.course).instructor
    sara, tom = (
        factories.EnrollmentFactory(course=video.lesson.course, student__full_name=name).student
        for name in ("Sara Lindqvist", "Tom Abara")
    )
    return SimpleNamespace(video=video, instructor=instructor, sara=sara, tom=tom)


def address(video, **query):
    return reverse("journey_export", args=[video.pk], query=query or None)


def rows_of(response):
    """The rows of a response, as {column: cell}."""
    assert response.status_code == 200
    written = b"".join(response.streaming_content)
    assert written.startswith('\ufeff"Entry","Time",'.encode())
    return list(csv.DictReader(io.StringIO(written.decode("utf-8-sig"), newline="")))


def test_the_export_is_for_those_who_see_the_journey(client, classroom):
    elsewhere = factories.CourseInstructorFactory()
    stranger = factories.EnrollmentFactory(course=elsewhere.course).student
    for person, status in (
        (classroom.instructor, 200),
        (factories.StaffFactory(), 200),
        (elsewhere.instructor, 404),
        (classroom.sara, 404),
        (stranger, 404),
    ):
        client.force_login(person)
        assert client.get(address(classroom.video)).status_code == status
    client.force_login(classroom.instructor)
    assert client.get(address(classroom.video, student=stranger.pk)).status_code == 404
    assert client.get(address(classroom.video, student="nobody")).status_code == 404
    client.logout()
    assert client.get(address(classroom.video)).status_code == 302


def test_a_filter_that_makes_no_sense_is_told_before_anything_is_sent(client, classroom):
    client.force_login(classroom.instructor)
    response = client.get(f"{address(classroom.video)}?from=2026-02-30")
    assert response.status_code == 400
    assert "is not a day" in response.content.decode()


def test_a_reflection_with_its_answer_is_a_row(client, classroom):
    reflection = factories.ReflectionFactory(
        student=classroom.sara,
        video=classroom.video,
        content="Two lines,\nand “quotes”; is that “too early”?",
        media_url="/media/memo.m4a",
        media_type="audio",
        created_at=SPRING,
        instructor_response="No. Ask first.",
        responded_at=SPRING + datetime.timedelta(days=200),
        responded_by=classroom.instructor,
    )
    client.force_login(classroom.instructor)
    (row,) = rows_of(client.get(address(classroom.video)))
    assert row == {
        "Entry": row["Entry"],
        "Time": "2026-03-14T22:30:01-04:00",
        "Day": "2026-03-14",
        "Second": "83",
        "Position": "1:23",
        "Student": "Sara Lindqvist",
        "Student id": str(classroom.sara.pk),
        "Kind": "Voice memo",
        "Type": "voice_reflection",
        "About": "",
        "Percent": "",
        "Score": "",
        "Passed": "",
        "Words": reflection.content,
        "Recording": "http://testserver/media/memo.m4a",
        "Status": "answered",
        "Answer": "No. Ask first.",
        "Answered by": classroom.instructor.full_name,
        "Answered at": "2026-09-30T22:30:01-04:00",
    }


def test_everything_is_in_it_also_what_the_page_only_counts(client, classroom):
    video, sara = classroom.video, classroom.sara
    factories.VideoProgressFactory(student=sara, video=video, watched=[(0, 130)])
    factories.CheckpointReachedFactory(
        student=sara, checkpoint=factories.CheckpointFactory(video=video, title="Ask", video_timestamp_seconds=90)
    )
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=200, title="What a customer is")
    factories.QuizAttemptFactory(student=sara, quiz=quiz, submitted=True, score="87.50")
    factories.QuizAttemptFactory(student=classroom.tom, quiz=quiz)
    factories.ReflectionFactory(student=classroom.tom, video=video)
    client.force_login(classroom.instructor)

    def told(**query):
        rows = rows_of(client.get(address(video, **query)))
        names = ("Second", "Student", "Kind", "About", "Percent", "Score", "Passed", "Status")
        return sorted(tuple(row[name] for name in names) for row in rows)

    steps = [
        (second, "Sara Lindqvist", "Watched part of a video", "", percent, "", "", "")
        for second, percent in (("60", "10"), ("120", "20"))
    ]
    checkpoint = ("90", "Sara Lindqvist", "Checkpoint reached", "Ask", "", "", "", "")
    attempts = [
        ("200", "Sara Lindqvist", "Quiz attempt", "What a customer is", "", "87.5", "yes", ""),
        ("200", "Sara Lindqvist", "Quiz passed", "What a customer is", "", "87.5", "yes", ""),
        ("200", "Tom Abara", "Quiz attempt", "What a customer is", "", "", "", ""),
    ]
    reflection = ("83", "Tom Abara", "Reflection", "", "", "", "", "waiting")
    assert told() == sorted([*steps, checkpoint, *attempts, reflection])
    assert told(kind="watching") == sorted([*steps, checkpoint])
    assert told(kind="quizzes") == attempts
    assert told(student=classroom.tom.pk) == sorted([attempts[2], reflection])
    assert told(waiting="1") == told(q="PRICE FIRST") == [reflection]
    assert told(until="2020-01-01") == []
    seconds = [int(row["Second"]) for row in rows_of(client.get(address(video, order="newest")))]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize(
    "written", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", '=HYPERLINK("http://example.org")']
)
def test_nothing_that_people_write_is_a_formula(client, classroom, written):
    classroom.sara.full_name = written
    classroom.sara.save()
    quiz = factories.QuizFactory(video=classroom.video, video_timestamp_seconds=5, title=written)
    factories.QuizAttemptFactory(student=classroom.sara, quiz=quiz)
    factories.ReflectionFactory(
        student=classroom.sara,
        video=classroom.video,
        content=written,
        instructor_response=written,
        responded_at=SPRING,
        responded_by=classroom.sara,
    )
    client.force_login(classroom.instructor)
    attempt, reflection = rows_of(client.get(address(classroom.video)))
    assert attempt["About"] == f"'{written}"
    for column in ("Student", "Words", "Answer", "Answered by"):
        assert reflection[column] == f"'{written}"


CELL = re.compile(r'(?:^|(?<=[,;\t\r\n]))(?:"((?:[^"]|"")*)"|([^",;\t\r\n]*))(?=[,;\t\r\n]|$)')


@pytest.mark.parametrize("mark", [";", "\t", "\n", "; ", "\r\n"])
def test_nothing_is_a_formula_where_a_spreadsheet_splits_at_semicolons_and_tabs_as_well(client, classroom, mark):
    written = f"So it was{mark}=1+1{mark}and so on"
    factories.QuizFactory(lesson=classroom.video.lesson, title=written)
    factories.ReflectionFactory(student=classroom.sara, video=classroom.video, content=written)
    client.force_login(classroom.instructor)
    for asked in (address(classroom.video), reverse("class_export", args=[classroom.video.lesson.course_id])):
        told = client.get(asked).getvalue().decode("utf-8-sig")
        cells = [(found[1] or found[2] or "").replace('""', '"') for found in CELL.finditer(told)]
        assert any(written in cell for cell in cells), "as it was written, in one cell"
        assert not any(cell.strip().startswith("=") for cell in cells)


@pytest.mark.parametrize("written", ["a=1", " =1", "1-2", "'", "«é»", ""])
def test_other_words_are_as_they_were_written(written):
    assert text(written) == written


@pytest.mark.parametrize(
    ("url", "cell"),
    [
        ("/media/a b.m4a", "http://testserver/media/a b.m4a"),
        ("https://www.loom.com/share/1?a=é", "https://www.loom.com/share/1?a=é"),
        ("http://[", "http://["),  # the database takes it: nobody's download ends there
    ],
)
def test_the_address_of_a_recording_can_be_followed(client, classroom, url, cell):
    factories.ReflectionFactory(student=classroom.sara, video=classroom.video, media_type="audio", media_url=url)
    client.force_login(classroom.instructor)
    (row,) = rows_of(client.get(address(classroom.video)))
    assert row["Recording"] == cell


@pytest.mark.parametrize(
    ("title", "header"),
    [
        ("Whom to ask, and what", 'attachment; filename="Journey_Whom_to_ask_and_what.csv"'),
        ("../../etc/passwd", 'attachment; filename="Journey_....etcpasswd.csv"'),
        ('a"; filename="b.exe\r\nX-Evil: 1', 'attachment; filename="Journey_a_filenameb.exeX-Evil_1.csv"'),
        ("???", 'attachment; filename="Journey_.csv"'),
        ("Für wen?", "attachment; filename*=utf-8''Journey_F%C3%BCr_wen.csv"),
        ("x" * 300, f'attachment; filename="Journey_{"x" * 80}.csv"'),
    ],
)
def test_the_file_is_named_after_the_video(client, title, header):
    video = factories.VideoFactory(title=title)
    client.force_login(factories.StaffFactory())
    response = client.get(address(video))
    assert response["Content-Disposition"] == header
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Cache-Control"] == "private"


def test_the_file_of_one_student_says_whose_it_is(client, classroom):
    client.force_login(classroom.instructor)
    response = client.get(address(classroom.video, student=classroom.tom.pk))
    assert response["Content-Disposition"].endswith('"Journey_Whom_to_ask_and_what_Tom_Abara.csv"')


def test_a_journey_without_entries_is_a_row_of_columns(client, classroom):
    client.force_login(classroom.instructor)
    assert (
        b"".join(client.get(address(classroom.video)).streaming_content).decode("utf-8-sig")
        == ",".join(f'"{column}"' for column in COLUMNS) + "\r\n"
    )


def test_a_long_export_takes_no_more_memory_and_a_fixed_number_of_queries_for_each_batch(
    client, classroom, monkeypatch
):
    monkeypatch.setattr(export, "BATCH", 50)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO student_activity_timeline (
                id, student_id, activity_type, created_at, video_id, video_timestamp_seconds, content,
                source_table, source_id
            )
            SELECT gen_random_uuid(), %s, 'text_reflection', now(), %s, n, repeat('word ', 500), 'reflections',
                gen_random_uuid()
            FROM generate_series(1, 1600) AS n
            """,
            [classroom.sara.pk, classroom.video.pk],
        )
    client.force_login(classroom.instructor)

    def cost(chunks):
        """The peak of memory, in bytes, and the queries while so many chunks are taken."""
        response = client.get(address(classroom.video))
        content = iter(response.streaming_content)
        next(content)
        tracemalloc.start()
        with CaptureQueriesContext(connection) as captured:
            taken = sum(1 for _, _ in zip(range(chunks), content, strict=False))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken == chunks
        return peak, len(captured)

    (little, few), (much, many) = cost(1), cost(7)
    assert much < little * 1.5
    assert many == 7 * few


def class_of(response):
    assert response.status_code == 200
    written = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(written, newline="")))


def test_a_class_is_a_row_for_each_student_with_what_the_page_says_and_a_column_for_each_quiz(
    client, classroom, monkeypatch
):
    monkeypatch.setattr("timeline.views.export.ROWS_OF_A_CHUNK", 2)
    course, lesson = classroom.video.lesson.course, classroom.video.lesson
    lesson.title = "=Sales"
    lesson.save()
    quiz = factories.QuizFactory(lesson=lesson, title="Whom to ask")
    other = factories.QuizFactory(title="Of another course")
    handed_in = {"started_at": SPRING, "submitted_at": SPRING}
    for score, passed in ((40, False), (90, True), (60, False)):
        factories.QuizAttemptFactory(quiz=quiz, student=classroom.sara, score=score, passed=passed, **handed_in)
    factories.QuizAttemptFactory(quiz=quiz, student=classroom.tom)
    factories.QuizAttemptFactory(quiz=other, student=classroom.tom, score=10, passed=False, **handed_in)
    factories.LessonCompletionFactory(student=classroom.sara, lesson=lesson)
    gone = factories.EnrollmentFactory(course=course, student__full_name="@Gone", left_at=SPRING).student
    address = reverse("class_export", args=[course.pk])
    client.force_login(classroom.instructor)
    assert address in client.get(reverse("course", args=[course.pk])).content.decode()
    sara, tom, left = class_of(client.get(address))
    column = "'=Sales: Whom to ask, percent"
    assert [*sara] == [*CLASS_COLUMNS, column]
    assert (sara["Student id"], sara["Lessons complete"], sara["Lessons"]) == (str(classroom.sara.pk), "1", "1")
    assert (sara[column], tom[column], left[column]) == ("90", "", "")
    assert (tom["Lessons complete"], tom["Left at"]) == ("0", "")
    assert (left["Student"], left["Left at"]) == ("'@Gone", "2026-03-14T22:30:01-04:00")
    assert sara["Last active"] == str(queries.today())
    client.force_login(factories.StaffFactory())
    assert [row["E-mail address"] for row in class_of(client.get(address))] == [
        classroom.sara.email,
        classroom.tom.email,
        gone.email,
    ]
    for person in (classroom.sara, factories.CourseInstructorFactory().instructor):
        client.force_login(person)
        assert client.get(address).status_code == 404
    client.logout()
    assert client.get(address).status_code == 302


def test_each_of_a_class_is_in_the_file_once_whoever_moves_while_it_is_downloaded(client, monkeypatch):
    monkeypatch.setattr("timeline.views.export.ROWS_OF_A_CHUNK", 1)
    course = factories.CourseFactory()
    people = {
        name: factories.EnrollmentFactory(course=course, student__full_name=name, left_at=left)
        for name, left in (("Ada", None), ("Bo", None), ("Cy", None), ("Di", None), ("Abe", SPRING), ("Eve", SPRING))
    }
    client.force_login(factories.CourseInstructorFactory(course=course).instructor)
    response = client.get(reverse("class_export", args=[course.pk]))
    pieces = iter(response)
    begun = next(pieces)  # with Ada, who then leaves
    Enrollment.objects.filter(pk=people["Ada"].pk).update(left_at=SPRING)
    Enrollment.objects.filter(pk=people["Abe"].pk).update(left_at=None)  # comes back, to a place that was passed
    Profile.objects.filter(pk=people["Di"].student_id).update(full_name="Aaron")
    Profile.objects.filter(pk=people["Cy"].student_id).delete()
    factories.EnrollmentFactory(course=course, student__full_name="Zoe")
    written = b"".join([begun, *pieces]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert [row["Student"] for row in rows] == ["Ada", "Bo", "Aaron", "Abe", "Eve"]
    assert [row["Left at"] for row in rows] == ["", "", "", "", "2026-03-14T22:30:01-04:00"]
