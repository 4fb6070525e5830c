"""A video's files: who gets them, in which parts, and what is said when they are not there."""

import io
import logging
import os
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from config import files
from courses.access import videos_watchable
from courses.models import Video
from tests import factories

CONTENT = bytes(range(256)) * 4


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    """An empty MEDIA_ROOT for each test."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return tmp_path / "media"


def video_with_file(content=CONTENT, **fields):
    return factories.VideoFactory(
        file=ContentFile(content, "Lesson one.WEBM"), poster=ContentFile(b"a poster", "poster.webp"), **fields
    )


@pytest.fixture
def video(db):
    return video_with_file()


@pytest.fixture
def watcher(client, video):
    """A client logged in as a student of the video's course."""
    client.force_login(factories.EnrollmentFactory(course=video.lesson.course).student)
    return client


def body(response):
    return b"".join(response.streaming_content)


def ask(client, url, range_=None, **headers):
    return client.get(url, headers={"range": range_} | headers if range_ else headers)


# Who


def people(course):
    """{who: person}: everybody who may want to watch a video of `course`."""
    return {
        "a student": factories.EnrollmentFactory(course=course).student,
        "one who left": factories.EnrollmentFactory(course=course, left_at=timezone.now()).student,
        "a student elsewhere": factories.EnrollmentFactory().student,
        "the instructor": factories.CourseInstructorFactory(course=course).instructor,
        "another instructor": factories.CourseInstructorFactory().instructor,
        "staff": factories.StaffFactory(),
        "nobody": AnonymousUser(),
    }


def test_students_of_the_course_its_instructors_and_staff_get_the_files_and_others_404(client, video):
    video.captions.save("captions.vtt", ContentFile(b"WEBVTT"))
    found = {}
    for who, person in people(video.lesson.course).items():
        client.logout()
        if person.is_authenticated:
            client.force_login(person)
        found[who] = {client.get(url).status_code for url in (video.file.url, video.poster.url, video.captions.url)}
        assert videos_watchable(person).filter(pk=video.pk).exists() == (found[who] == {200})
    assert found == {
        "a student": {200},
        "one who left": {404},
        "a student elsewhere": {404},
        "the instructor": {200},
        "another instructor": {404},
        "staff": {200},
        "nobody": {404},
    }


def test_who_learns_and_teaches_in_a_course_has_each_of_its_videos_once(db):
    enrollment = factories.EnrollmentFactory()
    factories.CourseInstructorFactory(course=enrollment.course, instructor=enrollment.student)
    videos = [factories.VideoFactory(lesson__course=enrollment.course) for _ in range(2)]
    factories.VideoFactory()
    assert sorted(videos_watchable(enrollment.student), key=lambda video: video.id) == videos


def test_no_open_address_leads_to_a_file(watcher, video):
    for path in (f"/{video.file.name}", f"/static/{video.file.name}", f"/media/{video.file.name}"):
        assert watcher.get(path).status_code == 404


def test_names_are_not_guessed_and_say_nothing(video):
    other = video_with_file()
    for name in (video.file.name, other.file.name):
        assert len(name) == len("videos/") + 32 + len(".webm")
        assert name.endswith(".webm")
    assert video.file.name != other.file.name


def test_a_player_is_led_to_the_file_else_to_the_https_address(db, video):
    assert Video(url="https://media.example.org/1.mp4").src == "https://media.example.org/1.mp4"
    assert Video(url="javascript:alert(1)").src == Video(url="").src == ""
    video.url = "https://media.example.org/1.mp4"
    assert video.src == f"/videos/{video.pk}/file"


def test_a_row_of_another_writer_has_no_file(client, db):
    video = factories.VideoFactory()
    video.refresh_from_db()
    assert not video.file
    client.force_login(factories.StaffFactory())
    assert client.get(f"/videos/{video.pk}/file").status_code == 404


# What


def test_the_whole_file_comes_with_what_a_browser_must_know(watcher, video):
    response = ask(watcher, video.file.url)
    assert body(response) == CONTENT
    assert response.status_code == 200
    assert response["Content-Type"] == "video/webm"
    assert response["Content-Length"] == str(len(CONTENT))
    assert response["Content-Disposition"] == f'inline; filename="{video.title}.webm"'
    assert response["Accept-Ranges"] == "bytes"
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Last-Modified"]
    poster = watcher.get(video.poster.url)
    assert poster["Content-Type"] == "image/webp"
    assert poster["Cache-Control"] == "private, no-cache"


def test_a_file_that_no_browser_should_show_is_a_download(client, db):
    client.force_login(factories.StaffFactory())
    video = factories.VideoFactory(file=ContentFile(b"<script>alert(1)</script>", "page.html"))
    response = client.get(video.file.url)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-1", 0, 1),
        ("bytes=100-199", 100, 199),
        ("bytes=1023-1023", 1023, 1023),
        ("bytes=1000-", 1000, 1023),
        ("bytes=1000-9999999", 1000, 1023),
        ("bytes=-10", 1014, 1023),
        ("bytes=-5000", 0, 1023),
        ("Bytes = 5-6", 5, 6),
    ],
)
def test_a_range_of_bytes_is_answered_with_exactly_these(watcher, video, asked, first, last):
    response = ask(watcher, video.file.url, asked)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/1024"
    assert response["Content-Length"] == str(last - first + 1)
    assert response["Content-Type"] == "video/webm"
    assert body(response) == CONTENT[first : last + 1]


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=1024-1030", "bytes=-0"])
def test_bytes_beyond_the_end_are_416(watcher, video, asked):
    response = ask(watcher, video.file.url, asked)
    assert response.status_code == 416
    assert response["Content-Range"] == "bytes */1024"
    assert body(response) == b""


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=+1-2",
        "lines=1-2",
        "0-5",
        "bytes=0-1,5-6",
        f"bytes={'9' * 5000}-",
    ],
    ids=lambda asked: asked[:20],
)
def test_a_range_that_is_none_or_several_is_answered_with_the_whole_file(watcher, video, asked):
    response = ask(watcher, video.file.url, asked)
    assert response.status_code == 200
    assert body(response) == CONTENT


def test_the_rest_of_a_large_file_comes_in_pieces_and_what_is_asked_for_exactly_does_not(watcher, db, monkeypatch):
    monkeypatch.setattr(files, "PIECE", 100)
    video = Video.objects.get()
    got = b""
    while len(got) < len(CONTENT):
        response = ask(watcher, video.file.url, f"bytes={len(got)}-")
        assert response.status_code == 206
        piece = body(response)
        assert response["Content-Range"] == f"bytes {len(got)}-{len(got) + len(piece) - 1}/1024"
        assert len(piece) <= 100
        got += piece
    assert got == CONTENT
    assert len(body(ask(watcher, video.file.url, "bytes=0-1023"))) == 1024


def test_a_range_is_of_the_file_that_the_player_began_with_or_the_whole_new_one_comes(watcher, video):
    begun = ask(watcher, video.file.url)
    for validator in (begun["ETag"], begun["Last-Modified"]):
        assert ask(watcher, video.file.url, "bytes=0-9", if_range=validator).status_code == 206
    for validator in ('"another"', "W/" + begun["ETag"], "Thu, 01 Jan 2026 00:00:00 GMT", "nonsense"):
        response = ask(watcher, video.file.url, "bytes=0-9", if_range=validator)
        assert response.status_code == 200
        assert body(response) == CONTENT


def test_what_the_browser_has_already_is_not_sent_again(watcher, video):
    first = ask(watcher, video.file.url)
    for headers in ({"if_none_match": first["ETag"]}, {"if_modified_since": first["Last-Modified"]}):
        response = ask(watcher, video.file.url, **headers)
        assert response.status_code == 304
        assert response["ETag"] == first["ETag"]
        assert response["Cache-Control"] == "private, no-store"
        assert body(response) == b""


@pytest.mark.parametrize("asked", [None, "bytes=10-19"])
def test_head_says_what_get_would_and_sends_nothing(watcher, video, asked):
    options = {"headers": {"range": asked}} if asked else {}
    got, head = watcher.get(video.file.url, **options), watcher.head(video.file.url, **options)
    assert head.status_code == got.status_code
    assert head["Content-Length"] == got["Content-Length"] == ("10" if asked else "1024")
    assert body(head) == b""


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_files_are_only_read(watcher, video, method):
    assert getattr(watcher, method)(video.file.url).status_code == 405


@pytest.mark.parametrize("way", ["erased", "a folder", "../../../etc/passwd", "/etc/passwd", "a/../../secret.webm"])
def test_a_file_that_is_not_in_the_store_is_404_and_a_line_in_the_log(client, video, media_root, caplog, way):
    client.force_login(factories.StaffFactory())
    (media_root.parent / "secret.webm").write_bytes(b"secret")
    if way == "erased":
        os.unlink(video.file.path)
    else:
        Video.objects.update(file="videos" if way == "a folder" else way)
    with caplog.at_level(logging.ERROR, "config.files"):
        response = client.get(video.file.url)
    assert response.status_code == 404
    assert f"courses.Video {video.pk} names the file" in caplog.text


@pytest.mark.parametrize("path", ["file/", "file/..", "file/../../secret", "poster%2f..", "title", "%66ile/x"])
def test_there_is_no_other_address_beside_the_two(watcher, video, path):
    assert watcher.get(f"/videos/{video.pk}/{path}").status_code == 404


def test_a_proxy_that_can_is_told_which_file_to_send(watcher, video, settings):
    settings.MEDIA_ACCEL = "/protected/"
    response = ask(watcher, video.file.url, "bytes=0-9")
    assert response.status_code == 200
    assert response["X-Accel-Redirect"] == f"/protected/{video.file.name}"
    assert response["Content-Type"] == "video/webm"
    assert response["Cache-Control"] == "private, no-store"
    assert response["Content-Disposition"].startswith("inline;")
    assert response.content == b""
    os.unlink(video.file.path)
    assert ask(watcher, video.file.url).status_code == 404


def test_a_player_that_stops_reading_gives_its_thread_back(watcher, video):
    class Socket:
        timeout = None

        def settimeout(self, seconds):
            self.timeout = seconds

    socket = Socket()
    watcher.get(video.file.url, **{"gunicorn.socket": socket})
    assert socket.timeout == files.STALL


def test_one_query_finds_the_video_and_whether_it_may_be_watched(watcher, video, django_assert_num_queries):
    with django_assert_num_queries(3):  # the session, the person, the video
        ask(watcher, video.file.url)


# How files go


def paths(*videos):
    return [Path(file.path) for video in videos for file in (video.file, video.poster)]


def test_a_replaced_file_goes_once_that_is_committed_and_the_poster_stays(video, django_capture_on_commit_callbacks):
    old, poster = paths(video)
    with django_capture_on_commit_callbacks(execute=True):
        video.file = ContentFile(b"another", "another.mp4")
        video.save()
        assert old.exists()
    assert not old.exists()
    assert poster.exists()
    assert Path(video.file.path).read_bytes() == b"another"


def test_a_cleared_file_goes_and_a_saved_row_keeps_its_files(video, django_capture_on_commit_callbacks):
    file, poster = paths(video)
    with django_capture_on_commit_callbacks(execute=True):
        video = Video.objects.get()
        video.title, video.poster = "Renamed", ""
        video.save()
    assert file.exists()
    assert not poster.exists()


def test_files_go_with_their_row(video, django_capture_on_commit_callbacks):
    kept = video_with_file()
    with django_capture_on_commit_callbacks(execute=True):
        Video.objects.filter(pk=video.pk).delete()
    assert not any(path.exists() for path in paths(video))
    assert all(path.exists() for path in paths(kept))


@pytest.mark.parametrize("erased", ["course", "lesson"])
def test_what_staff_erase_takes_the_files_of_its_videos_along(
    client, video, erased, django_capture_on_commit_callbacks
):
    kept = video_with_file()
    client.force_login(factories.StaffFactory())
    row = {"course": video.lesson.course, "lesson": video.lesson}[erased]
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse(f"admin:courses_{erased}_delete", args=[row.pk]), {"post": "yes"})
    assert not Video.objects.filter(pk=video.pk).exists()
    assert not any(path.exists() for path in paths(video))
    assert all(path.exists() for path in paths(kept))


def test_what_has_no_files_is_erased_as_ever(client, video):
    question = factories.QuizQuestionFactory()
    client.force_login(factories.StaffFactory())
    page = reverse("admin:courses_quizquestion_delete", args=[question.pk])
    assert client.post(page, {"post": "yes"}).status_code == 302
    assert Path(video.file.path).exists()


def test_what_staff_erase_from_a_list_takes_its_files_along(client, video, django_capture_on_commit_callbacks):
    client.force_login(factories.StaffFactory())
    fields = {"action": "delete_selected", "_selected_action": [video.lesson.course_id], "post": "yes"}
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("admin:courses_course_changelist"), fields)
    assert not Video.objects.exists()
    assert not any(path.exists() for path in paths(video))


def age(path, hours):
    moment = time.time() - hours * 3600
    os.utime(path, (moment, moment))


def sweep(*arguments):
    out = io.StringIO()
    call_command("sweep_media", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def left_over(video, media_root):
    """{what: path} of files that no row names, of what is not ours, and of a video; all but one older than a day."""
    erased, young = video_with_file(), video_with_file()
    found = {"erased": erased.file.path, "its poster": erased.poster.path}
    found |= {"young": young.file.path, "its young poster": young.poster.path}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM media_files WHERE id = ANY(%s)", [[erased.pk, young.pk]])
    found |= {"named": video.file.path, "its named poster": video.poster.path}
    found |= {"not ours": media_root / "videos" / "README.txt", "elsewhere": media_root / "notes.webm"}
    found = {name: Path(path) for name, path in found.items()}
    for name, path in found.items():
        path.exists() or path.write_text("somebody's")
        age(path, 23 if "young" in name else 25)
    return found


def test_a_sweep_says_what_it_would_remove_and_removes_nothing(left_over):
    said = sweep()
    assert "There are 2 of 6 files (1.0 KB) that no row names." in said
    assert all(path.exists() for path in left_over.values())
    listed = sweep("--verbosity", "2")
    assert str(left_over["erased"]) in listed
    assert str(left_over["named"]) not in listed


def test_a_sweep_removes_what_no_row_names_and_is_older_than_a_day(left_over):
    assert "Removed 2 of 6 files (1.0 KB)" in sweep("--delete")
    assert {name for name, path in left_over.items() if not path.exists()} == {"erased", "its poster"}
    assert sweep("--delete") == "Nothing to remove: 4 files, each wanted or younger than a day.\n"


def test_there_is_nothing_to_sweep_where_nothing_was_stored(db):
    assert "0 files" in sweep()
