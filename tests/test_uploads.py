"""Videos and posters that staff upload: taken for what they are, whatever they are called, or refused in a sentence."""

import io
from pathlib import Path

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from PIL import Image

from config import measuring
from courses.models import Video
from demo.load import VIDEOS
from tests import factories, samples
from tests.test_admin import errors_of, fill_in

MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(500)
VTT = "WEBVTT\n\n00:00.000 --> 00:04.500\nWhom do you ask? — Café owners.\n".encode()
WEBM = (VIDEOS / "claim.webm").read_bytes()


def picture(kind, size=(64, 36)):
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, kind)
    return out.getvalue()


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    """An empty MEDIA_ROOT for each test."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return tmp_path / "media"


@pytest.fixture
def video(db):
    return factories.VideoFactory()


@pytest.fixture
def as_staff(client, db):
    client.force_login(factories.StaffFactory())
    return client


def upload(client, video, **changes):
    """Save the video's page in the admin with some files: (name, content) each."""
    changes = {
        name: SimpleUploadedFile(*value, content_type="text/html") if isinstance(value, tuple) else value
        for name, value in changes.items()
    }
    return fill_in(client, reverse("admin:courses_video_change", args=[video.pk]), changes)


def stored(media_root):
    return [path for path in media_root.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("field", "name", "content", "suffix"),
    [
        ("file", "lesson.mp4", MP4, ".mp4"),
        ("file", "lesson.webm", WEBM, ".webm"),
        ("file", "lesson.exe", WEBM, ".webm"),
        ("file", f"{'a long name ' * 12}.MOV", MP4, ".mp4"),
        ("poster", "poster.html", picture("PNG"), ".png"),
        ("poster", "poster", picture("JPEG"), ".jpg"),
        ("poster", "poster.png", picture("WEBP"), ".webp"),
        ("captions", "talk.txt", VTT, ".vtt"),
        ("captions", "talk.vtt", b"\xef\xbb\xbf" + VTT.replace(b"\n", b"\r\n"), ".vtt"),
    ],
)
def test_a_file_is_kept_as_what_it_is_whatever_it_is_called(as_staff, video, field, name, content, suffix):
    assert upload(as_staff, video, **{field: (name, content)}).status_code == 302
    kept = getattr(Video.objects.get(), field)
    assert Path(kept.path).read_bytes() == content
    assert Path(kept.name).suffix == suffix
    assert as_staff.get(kept.url).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><script>alert(1)</script>",
        b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00" + bytes(50),  # a photograph
        b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00" + bytes(50),  # a sound
        b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00" + bytes(50),  # QuickTime
        b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska\x42\x87\x81\x04" + b"webm" * 30,
        picture("PNG"),
        b"\x00",
    ],
    ids=["html", "heic", "m4a", "quicktime", "matroska", "png", "a byte"],
)
def test_what_browsers_do_not_play_is_refused(as_staff, video, media_root, content):
    page = errors_of(upload(as_staff, video, title="Renamed", file=("lesson.mp4", content)))
    assert "Browsers cannot play this video: choose an MP4 or a WebM file." in page
    assert stored(media_root) == []
    assert Video.objects.get().title == video.title
    assert 'value="Renamed"' in page


@pytest.mark.parametrize(
    "content",
    [
        b"1\n00:00:00,000 --> 00:00:04,500\nSubRip\n",
        b"WEBVTT\n\nno cue\n",
        b"WEBVTTX\n\n00:00.000 --> 00:04.500\nHm.\n",
        VTT.decode().encode("utf-16"),
        VTT.replace("é".encode(), b"\xe9"),
        VTT + b"\0",
        b"<!doctype html>" + VTT,
        WEBM,
    ],
    ids=["SubRip", "no cue", "another word", "UTF-16", "Latin-1", "a null", "html", "a video"],
)
def test_what_browsers_do_not_show_as_captions_is_refused(as_staff, video, media_root, content):
    page = errors_of(upload(as_staff, video, captions=("talk.vtt", content)))
    assert "choose a WebVTT file, which begins with WEBVTT." in page
    assert stored(media_root) == []


@pytest.mark.parametrize(
    "content",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        picture("GIF"),
        picture("PNG")[:40],
        picture("PNG")[:-30] + bytes(30),
        WEBM,
    ],
    ids=["svg", "gif", "cut off", "damaged", "a video"],
)
def test_what_is_no_picture_or_a_damaged_one_is_refused(as_staff, video, media_root, content):
    page = errors_of(upload(as_staff, video, poster=("poster.png", content)))
    assert "This is not a picture, or it is damaged: choose a JPEG, PNG or WebP file." in page
    assert stored(media_root) == []


def test_an_empty_file_is_refused(as_staff, video):
    assert "The submitted file is empty." in errors_of(upload(as_staff, video, file=("lesson.mp4", b"")))


def test_a_file_that_is_too_large_is_refused_with_its_size_and_the_limit(as_staff, video, media_root, settings):
    settings.VIDEO_MAX_MB = settings.PICTURE_MAX_MB = 1
    page = errors_of(upload(as_staff, video, file=("v.mp4", MP4 + bytes(2**20)), poster=("p.png", bytes(3 * 2**20))))
    assert "This file is a little too large; at most 1.0\xa0MB is allowed." in page
    assert "This file has 3.0\xa0MB; at most 1.0\xa0MB is allowed." in page
    assert stored(media_root) == []


def test_of_files_that_are_too_much_together_each_that_was_not_kept_says_so(as_staff, media_root, settings):
    """On a lesson's page, where several videos are uploaded at once."""
    settings.VIDEO_MAX_MB = settings.PICTURE_MAX_MB = 1
    settings.RECORDING_MAX_MB = settings.DOCUMENT_MAX_MB = 1
    lesson = factories.LessonFactory()
    sent = {"videos-TOTAL_FORMS": "4"}
    for number in range(4):
        content = MP4 + bytes(2**20 - len(MP4))
        sent |= {f"videos-{number}-title": f"Video {number}", f"videos-{number}-duration_seconds": "9:00"}
        sent[f"videos-{number}-file"] = SimpleUploadedFile("v.mp4", content)
    page = errors_of(fill_in(as_staff, reverse("admin:courses_lesson_change", args=[lesson.pk]), sent))
    assert page.count("All the files together were too large. Send this one alone.") == 1
    assert not Video.objects.exists()
    assert stored(media_root) == []


def test_a_new_video_comes_with_its_files(as_staff):
    lesson = factories.LessonFactory()
    fields = {"lesson": str(lesson.pk), "title": "New", "duration_seconds": "9:00"}
    files = {"file": SimpleUploadedFile("v.mp4", MP4), "poster": SimpleUploadedFile("p.jpg", picture("JPEG"))}
    assert fill_in(as_staff, reverse("admin:courses_video_add"), fields | files).status_code == 302
    video = Video.objects.get()
    assert video.file.name.endswith(".mp4")
    assert video.poster.name.endswith(".jpg")


def test_another_file_takes_the_place_of_the_first(as_staff, video, media_root, django_capture_on_commit_callbacks):
    upload(as_staff, video, file=("v.webm", WEBM), poster=("p.png", picture("PNG")))
    with django_capture_on_commit_callbacks(execute=True):
        upload(as_staff, video, file=("v.mp4", MP4))
    assert sorted(path.suffix for path in stored(media_root)) == [".mp4", ".png"]
    with django_capture_on_commit_callbacks(execute=True):
        upload(as_staff, video, **{"poster-clear": "on"})
    assert [path.suffix for path in stored(media_root)] == [".mp4"]
    assert Video.objects.get().poster == ""


@pytest.mark.parametrize("typed", ["", "8:53", "10:00"])
def test_the_length_of_a_video_is_that_of_its_file(as_staff, typed):
    """Left empty, rounded otherwise, or left as it was while another file came."""
    video = factories.VideoFactory(duration_seconds=600)
    assert upload(as_staff, video, file=("v.webm", WEBM), duration_seconds=typed).status_code == 302
    assert Video.objects.get().duration_seconds == 534


def test_a_length_that_is_not_that_of_the_file_is_refused_in_words(as_staff, video, media_root):
    page = errors_of(upload(as_staff, video, file=("v.webm", WEBM), duration_seconds="12:05"))
    said = "The file is 8:54 long: write that, or leave the length empty."
    assert f"{said} Then choose the file again." in page
    assert stored(media_root) == []
    upload(as_staff, video, file=("v.webm", WEBM))
    page = errors_of(upload(as_staff, video, duration_seconds="12:05"))
    assert said in page
    assert "choose the file again" not in page
    assert Video.objects.get().duration_seconds == 534


def test_where_nothing_says_how_long_a_video_is_its_author_does(as_staff, video):
    page = errors_of(upload(as_staff, video, url="https://media.example.org/1.mp4", duration_seconds=""))
    assert "Write how long the video is" in page
    page = errors_of(upload(as_staff, video, file=("v.mp4", MP4), duration_seconds=""))
    assert "The length of this file cannot be read. Write how long the video is" in page
    assert upload(as_staff, video, file=("v.mp4", MP4), duration_seconds="12:05").status_code == 302
    assert Video.objects.get().duration_seconds == 725


@pytest.mark.parametrize("container", ["webm", "mp4"])  # as browsers record them: no head says how long they are
def test_the_length_is_that_of_what_can_be_played(tmp_path, container):
    path = tmp_path / "recorded"
    path.write_bytes(samples.recording(container, seconds=4.0, video=True))
    assert measuring.seconds(str(path)) == pytest.approx(4, abs=0.2)


def test_a_save_without_a_file_keeps_the_one_that_is_there(as_staff, video):
    upload(as_staff, video, file=("v.webm", WEBM))
    name = Video.objects.get().file.name
    assert upload(as_staff, video, title="Renamed").status_code == 302
    assert (Video.objects.get().title, Video.objects.get().file.name) == ("Renamed", name)


def test_a_save_that_loses_its_race_is_done_again_with_the_same_upload(as_staff, video, settings, monkeypatch):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0  # all uploads go through a file on the disk
    video_admin = admin.site.get_model_admin(Video)
    save, tries = video_admin.save_model, []

    def lose_first(*args):
        save(*args)
        tries.append(args)
        if len(tries) == 1:
            with connection.cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE deadlock_detected; END $$")

    monkeypatch.setattr(video_admin, "save_model", lose_first)
    assert upload(as_staff, video, file=("v.webm", WEBM)).status_code == 302
    assert len(tries) == 2
    assert Path(Video.objects.get().file.path).read_bytes() == WEBM
    assert Video.objects.get().duration_seconds == 534


def test_an_address_elsewhere_is_https(as_staff, video):
    page = errors_of(upload(as_staff, video, url="http://media.example.org/1.mp4"))
    assert "Give an address that begins with https://" in page
    assert upload(as_staff, video, url="https://media.example.org/1.mp4").status_code == 302
    assert Video.objects.get().src == "https://media.example.org/1.mp4"


def test_the_page_of_a_video_leads_to_its_files(as_staff, video, media_root):
    upload(as_staff, video, file=("v.webm", WEBM))
    page = as_staff.get(reverse("admin:courses_video_change", args=[video.pk])).text
    assert f'href="/videos/{video.pk}/file"' in page
    assert f'href="/videos/{video.pk}/poster"' not in page
    stored(media_root)[0].unlink()
    assert as_staff.get(reverse("admin:courses_video_change", args=[video.pk])).status_code == 200
