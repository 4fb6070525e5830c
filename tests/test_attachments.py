"""What people attach to their words: which files are taken, how they are kept, and who gets them."""

import datetime
import io
import logging
import os
import uuid
import zipfile

import pytest
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from hypothesis import given
from hypothesis import settings as runs
from hypothesis import strategies as st
from PIL import Image as Pictures
from PIL import ImageCms, PngImagePlugin

from config import files
from goals.conversation import write_message, write_note
from goals.models import DailyNote, GoalMessage
from profiles.models import Profile
from profiles.writing import bring_back, hide
from tests import factories, samples
from uploads import checks, handlers, rewriting
from uploads.access import uploads_visible
from uploads.checks import checked, container_of
from uploads.forms import AttachmentField
from uploads.models import Upload
from uploads.store import media_of, store


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    """An empty MEDIA_ROOT for each test."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return tmp_path / "media"


@pytest.fixture
def student(db):
    return factories.ProfileFactory()


def stored(media_root):
    return sorted(path.name for path in media_root.rglob("*") if path.is_file())


def rewritten(container, content, folder):
    """What rewriting.rewrite makes of `content`: (its facts, the new content); in this process, which is quicker."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(content)
    return rewriting.rewrite(container, str(source), str(target)), target.read_bytes()


def refusal(content, name="file"):
    """The sentence with which a file is refused."""
    with pytest.raises(ValidationError) as refused:
        checked(ContentFile(content, name))
    (sentence,) = refused.value.messages
    return sentence


# What is taken

RECORDINGS = {
    "Chrome's and Firefox's recorder": ("webm", "audio/webm", {}),
    "Safari's recorder": ("mp4", "audio/mp4", {}),
    "a telephone": ("m4a", "audio/mp4", {}),
    "Ogg": ("ogg", "audio/ogg", {}),
    "MP3": ("mp3", "audio/mpeg", {"rate": 44_100}),
    "a wave": ("wav", "audio/wav", {}),
}


@pytest.mark.parametrize(("container", "content_type", "options"), RECORDINGS.values(), ids=RECORDINGS)
def test_a_recording_is_taken_with_its_length_and_can_be_played_from_any_second(
    container, content_type, options, tmp_path
):
    content = samples.recording(container, seconds=2, **options)
    facts, new = rewritten("mp4" if container == "m4a" else container, content, tmp_path)
    assert facts == {"content_type": content_type, "duration_seconds": 2}
    assert samples.length(new) == pytest.approx(2, abs=0.1)  # known before it is played, also where it was not


def test_a_recording_whose_last_fragment_has_its_head_twice_is_heard_to_its_end(tmp_path):
    content = samples.recording("mp4", seconds=2)  # as WebKitGTK's recorder ends it
    begin = content.rindex(b"moof") - 4
    head = content[begin : content.rindex(b"mdat") - 4]
    assert head[4:8] == b"moof"
    facts, new = rewritten("mp4", content[:begin] + head + content[begin:], tmp_path)
    assert facts["duration_seconds"] == 2
    assert samples.length(new) == pytest.approx(2, abs=0.1)
    assert new == rewritten("mp4", content, tmp_path)[1]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "1"),
        ("PNG", "LA"),
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
        ("GIF", "P"),
    ],
)
def test_a_picture_is_taken_and_looks_as_it_did(kind, mode, tmp_path):
    colour = (0, 0, 0) if mode in ("1", "L", "LA") else (200, 40, 40)
    facts, new = rewritten(kind.lower(), samples.picture(kind, colour=colour, mode=mode), tmp_path)
    assert facts == {"content_type": "image/webp", "width": 40, "height": 30}
    image = samples.opened(new).convert("RGB")
    assert image.getpixel((5, 15)) == pytest.approx(colour, abs=12)
    assert image.getpixel((35, 15)) == pytest.approx((255, 255, 255), abs=12)


def test_grey_of_sixteen_bits_keeps_its_tone(tmp_path):
    file = io.BytesIO()
    Pictures.new("I;16", (8, 8), 40_000).save(file, "PNG")
    _, new = rewritten("png", file.getvalue(), tmp_path)
    assert samples.opened(new).convert("RGB").getpixel((4, 4)) == pytest.approx((156, 156, 156), abs=1)


def test_a_screenshot_is_kept_exactly_and_a_photograph_small(tmp_path):
    _, exact = rewritten("png", samples.picture(size=(300, 200)), tmp_path)
    assert samples.opened(exact).convert("RGB").tobytes() == samples.opened(samples.picture(size=(300, 200))).tobytes()
    noise = io.BytesIO()
    Pictures.effect_noise((1400, 1000), 90).convert("RGB").save(noise, "PNG")
    _, small = rewritten("png", noise.getvalue(), tmp_path)
    assert len(small) < rewriting.LOSSLESS < len(noise.getvalue())


def test_a_large_picture_is_made_smaller(tmp_path):
    facts, new = rewritten("jpeg", samples.picture("JPEG", size=(6000, 3000)), tmp_path)
    assert (facts["width"], facts["height"]) == (2560, 1280) == samples.opened(new).size


def test_of_a_picture_that_moves_the_first_frame_is_taken(tmp_path):
    frames = [Pictures.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    _, new = rewritten("gif", file.getvalue(), tmp_path)
    image = samples.opened(new)
    assert getattr(image, "n_frames", 1) == 1
    assert image.convert("RGB").getpixel((4, 4)) == (255, 0, 0)


# What is left behind


def photograph():
    """A JPEG as a telephone makes it: lying on its side, with where and when it was taken, by whom, and a thumbnail."""
    exif = Pictures.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010F] = "Maker of telephones"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (40.0, 42.0, 46.0)
    return samples.picture("JPEG", exif=exif, comment=b"by Maya", xmp=b"<x:xmpmeta>at home</x:xmpmeta>")


def test_a_photograph_is_upright_and_tells_neither_where_nor_by_whom(tmp_path):
    content = photograph()
    assert b"Maker of telephones" in content
    facts, new = rewritten("jpeg", content, tmp_path)
    assert (facts["width"], facts["height"]) == (30, 40)
    image = samples.opened(new)
    assert image.convert("RGB").getpixel((15, 5)) == pytest.approx((200, 40, 40), abs=12)
    assert not image.getexif()
    assert not image.info.keys() & {"exif", "xmp", "icc_profile", "comment"}
    for secret in (b"Maker", b"Maya", b"at home", b"Exif", b"XMP"):
        assert secret not in new


def test_what_is_written_in_a_png_and_behind_a_gif_is_gone(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_itxt("Comment", "<script>alert(1)</script>")
    _, new = rewritten("png", samples.picture(pnginfo=text), tmp_path)
    assert b"script" not in new
    _, new = rewritten("gif", samples.picture("GIF") + b"<script>alert(1)</script>", tmp_path)
    assert b"script" not in new
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("secret.txt", "not a picture")
    _, new = rewritten("jpeg", samples.picture("JPEG") + archive.getvalue(), tmp_path)
    assert not zipfile.is_zipfile(io.BytesIO(new))


def test_colours_of_another_profile_look_the_same_without_it(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    _, plain = rewritten("png", samples.picture(), tmp_path)
    _, unfit = rewritten("png", samples.picture(icc_profile=profile), tmp_path)  # one that says nothing of RGB
    _, broken = rewritten("png", samples.picture(icc_profile=b"nonsense"), tmp_path)
    assert plain == unfit == broken
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    facts, new = rewritten("jpeg", samples.picture("JPEG", mode="CMYK", icc_profile=srgb), tmp_path)
    assert facts["width"] == 40
    assert "icc_profile" not in samples.opened(new).info


def test_a_recording_loses_its_title_its_place_and_its_cover(tmp_path):
    content = samples.recording("m4a", title="In my kitchen")
    assert b"In my kitchen" in content
    _, new = rewritten("mp4", content, tmp_path)
    assert b"kitchen" not in new
    cover = samples.picture("JPEG")
    body = b"\0image/jpeg\0\x03\0" + cover
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    tagged = b"ID3\x03\0\0" + size + frame + samples.recording("mp3")
    facts, new = rewritten("mp3", tagged, tmp_path)
    assert facts["duration_seconds"] == 1
    assert cover not in new


# What is refused, and in which words


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("mimetype", "text/plain")
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><script>alert(1)</script>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        archive(),
        b"%PDF-1.7\n",
        b"MZ" + bytes(100),
        b"BM" + bytes(100),
        b"II*\0" + bytes(100),
        b"\0",
        b" " + samples.picture(),
        b"GIF88a" + bytes(100),
    ],
    ids=["HTML", "SVG", "zip", "PDF", "program", "BMP", "TIFF", "a byte", "PNG behind a space", "no such GIF"],
)
@pytest.mark.parametrize("name", ["holiday.png", "memo.webm"])
def test_a_file_of_another_kind_is_refused_whatever_it_is_called(content, name):
    assert refusal(content, name).startswith("This kind of file is not accepted. Choose a picture (PNG, JPEG,")


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
def test_a_picture_that_not_every_browser_shows_is_refused_with_advice(brand):
    assert "Save it as JPEG" in refusal(b"\0\0\0\x18ftyp" + brand + bytes(100))


def test_an_empty_file_is_refused():
    assert refusal(b"", "memo.webm") == "The file is empty. Choose another one."


def test_a_file_that_is_too_large_is_refused_with_its_size_and_the_limit(settings):
    settings.PICTURE_MAX_MB, settings.RECORDING_MAX_MB = 1, 2
    assert refusal(samples.picture() + bytes(2**20)) == "The picture has 1.1 MB; at most 1 MB is allowed."
    checked(ContentFile(samples.recording() + bytes(2**20)))
    assert refusal(samples.recording() + bytes(2**21)) == "The recording has 2.1 MB; at most 2 MB is allowed."


@pytest.mark.parametrize("part", [9, 40, 0.5, 0.95])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_that_broke_off_is_refused(kind, part, tmp_path):
    noise = io.BytesIO()
    Pictures.effect_noise((64, 64), 90).convert("RGB").save(noise, kind)
    content = noise.getvalue()
    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever Pillow raises; the next test says what becomes of it)
        rewritten(kind.lower(), content[: part if part > 1 else int(part * len(content))], tmp_path)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (samples.picture()[:60], "picture"),
        (samples.recording("m4a")[:5000], "recording"),
        (b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 20, "recording"),
        (b"ID3" + bytes(5000), "recording"),
    ],
)
def test_a_broken_file_is_refused_in_words_and_leaves_a_line_in_the_log(content, name, caplog):
    with caplog.at_level(logging.INFO, "uploads.checks"):
        assert refusal(content).startswith(f"The {name} cannot be read: its file is broken or incomplete.")
    assert "could not be read" in caplog.text


def test_a_recording_that_broke_off_is_taken_as_far_as_it_goes(tmp_path):
    content = samples.recording("webm", seconds=4)
    facts, _ = rewritten("webm", content[: len(content) * 3 // 4], tmp_path)
    assert facts["duration_seconds"] == 3


def test_five_minutes_may_be_recorded_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(rewriting, "LONGEST", 3)
    monkeypatch.setattr(rewriting, "LATE", 1)
    facts, _ = rewritten("webm", samples.recording("webm", seconds=3.9), tmp_path)  # a recorder that stopped late
    assert facts["duration_seconds"] == 4
    for container in ("webm", "mp3"):
        with pytest.raises(rewriting.Refused, match="The recording is longer than"):
            rewritten(container, samples.recording(container, seconds=5), tmp_path)


@pytest.mark.parametrize("container", ["webm", "m4a"])
def test_a_video_is_refused(container):
    assert refusal(samples.recording(container, video=True)).startswith("That is a video. Choose a picture or")


def test_sound_that_not_every_browser_plays_is_refused_with_advice():
    assert refusal(samples.recording("m4a", codec="alac")) == (
        "The sound is in a form that not every browser plays (alac). Save it as M4A or MP3 and try again."
    )


def test_a_recording_in_which_nothing_can_be_heard_is_refused(tmp_path):
    content = samples.recording("m4a")
    start = content.index(b"mdat")
    size = int.from_bytes(content[start - 4 : start], "big") - 8
    silenced = content[: start + 4] + b"U" * size + content[start + 4 + size :]
    with pytest.raises(rewriting.Refused, match="no sound"):
        rewritten("mp4", silenced, tmp_path)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked():
    content = samples.bomb(30_000, 30_000)
    assert len(content) < 200
    assert refusal(content).startswith("The picture has 30,000 by 30,000 pixels; at most 64 million can be taken.")


def test_whatever_the_reader_does_wrong_ends_in_words(monkeypatch, tmp_path):
    """It may crash, hang, or run out of memory: the file is broken, and the site goes on."""
    for program in ("import os; os.abort()", "import time; time.sleep(60)", "raise MemoryError", "1/0"):
        reader = tmp_path / "reader.py"
        reader.write_text(program)
        monkeypatch.setattr(rewriting, "__file__", str(reader))
        monkeypatch.setattr(checks, "PATIENCE", 1)
        assert "cannot be read" in refusal(samples.picture())


def test_the_reader_knows_no_passwords_and_has_limits(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "very secret")
    reader = tmp_path / "reader.py"
    reader.write_text(
        f"""
import importlib.util, os, resource, sys
found = importlib.util.spec_from_file_location("rewriting", {rewriting.__file__!r})
rewriting = importlib.util.module_from_spec(found)
found.loader.exec_module(rewriting)
def rewrite(container, source, target):
    open(target, "wb").write(b"x")
    limits = resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_CPU)
    return {{"content_type": "image/webp", "environment": list(os.environ), "limits": limits}}
rewriting.rewrite = rewrite
rewriting.main(*sys.argv[1:])
"""
    )
    monkeypatch.setattr(rewriting, "__file__", str(reader))
    facts = checked(ContentFile(samples.picture())).facts
    assert "SECRET_KEY" not in facts["environment"]
    assert facts["limits"] == [[rewriting.MEMORY] * 2, [rewriting.TIME] * 2]


# Documents, where they may be

DOCUMENTS = {
    "PDF": (samples.pdf, "application/pdf", ".pdf"),
    "Word": (samples.office, f"{rewriting.OFFICE}wordprocessingml.document", ".docx"),
    "Excel": (lambda: samples.office("spreadsheetml.sheet"), f"{rewriting.OFFICE}spreadsheetml.sheet", ".xlsx"),
    "PowerPoint": (
        lambda: samples.office("presentationml.presentation"),
        f"{rewriting.OFFICE}presentationml.presentation",
        ".pptx",
    ),
}


@pytest.mark.parametrize(("make", "content_type", "suffix"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_is_known_by_its_content_and_kept_as_it_came(make, content_type, suffix):
    content = make()
    taken = checked(ContentFile(content, "holiday.html"), documents=True)
    assert taken.read() == content
    assert taken.facts == {"media_type": "document", "content_type": content_type, "bytes": len(content)}
    assert taken.name == f"upload{suffix}"
    assert refusal(content, f"proof{suffix}").startswith("This kind of file is not accepted.")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7\n" + bytes(5000), "The document cannot be read: its file is broken or incomplete."),
        (samples.pdf()[:-30], "The document cannot be read: its file is broken or incomplete."),
        (samples.office()[:-30], "The document cannot be read: its file is broken or incomplete."),
        (archive(), "This is no Word, Excel or PowerPoint document. Save it as PDF and try again."),
        (samples.office(**{"word/vbaProject.bin": "Sub AutoOpen()"}), "There are macros in this document."),
        (samples.office().replace(b"PK\x01\x02", b"PK\x01\x03"), "The document cannot be read: its file is broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "This kind of file is not accepted."),
        (b"<script>alert(1)</script>", "a document (PDF, Word, Excel or PowerPoint; save others as PDF)."),
        (b"", "The file is empty."),
        (samples.pdf() + bytes(2**20), "The document has 1.1 MB; at most 1 MB is allowed."),
    ],
    ids=[
        "PDF alone by name",
        "cut PDF",
        "cut Word",
        "zip",
        "macros",
        "no directory",
        "old Word",
        "script",
        "empty",
        "large",
    ],
)
def test_what_is_no_document_or_does_more_than_tell_is_refused_in_words(content, said, settings):
    settings.DOCUMENT_MAX_MB = 1
    with pytest.raises(ValidationError) as refused:
        checked(ContentFile(content, "proof.pdf"), documents=True)
    (sentence,) = refused.value.messages
    assert said in sentence


def test_a_document_is_a_download_for_those_who_may_have_it_and_never_a_page(student, client, media_root):
    goal = factories.GoalFactory(student=student)
    upload = store(checked(ContentFile(samples.pdf()), documents=True), student, student)
    assert (upload.media_type, upload.form, upload.duration_seconds, upload.width) == ("document", "PDF", None, None)
    assert str(upload.pk) not in upload.file.name
    factories.SuccessProofFactory(goal=goal, **media_of(upload))
    assert client.get(upload.address).status_code == 404
    client.force_login(factories.ProfileFactory())
    assert client.get(upload.address).status_code == 404
    client.force_login(student)
    sent = client.get(upload.address)
    assert b"".join(sent.streaming_content) == samples.pdf()
    assert sent["Content-Type"] == "application/octet-stream"
    assert sent["Content-Disposition"].startswith('attachment; filename="Document ')
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in sent["Content-Security-Policy"]


def test_a_document_stands_beside_proof_alone(student):
    named = {"media_url": "/uploads/1/", "media_type": "document"}
    factories.SuccessProofFactory(goal__student=student, **named)
    for make in (factories.DailyNoteFactory, factories.ReflectionFactory, factories.GoalMessageFactory):
        with pytest.raises(IntegrityError, match="_media"), transaction.atomic():
            make(student=student, **named)


# Whatever is sent


@st.composite
def damaged_files(draw):
    """The bytes of a file that was one of ours, with a part cut out, put in or written over."""
    good = draw(
        st.sampled_from(
            [samples.picture(kind) for kind in rewriting.PICTURES.values()]
            + [samples.recording(container, seconds=0.2) for container in samples.RECORDERS]
            + [samples.pdf(), samples.office()]
        )
    )
    start = draw(st.integers(0, len(good)))
    return good[:start] + draw(st.binary(max_size=40)) + good[start + draw(st.integers(0, 60)) :]


@runs(max_examples=40, deadline=None)
@given(content=damaged_files() | st.binary(max_size=200) | st.sampled_from(["", "x"]).map(str.encode))
def test_whatever_is_sent_is_taken_as_what_it_is_or_refused_in_words(content):
    try:
        taken = checked(SimpleUploadedFile("memo.webm", content, "audio/webm"), documents=True)
    except ValidationError:
        return  # and no other exception
    assert container_of(taken) in (*rewriting.RECORDINGS, *rewriting.DOCUMENTS, "webp")
    assert taken.facts["content_type"] in Upload.CONTENT_TYPES
    assert taken.facts["bytes"] == taken.size
    again = checked(taken, documents=True)
    assert again.facts["content_type"] == taken.facts["content_type"]


# How it is kept


def test_a_voice_memo_is_kept_with_its_facts_and_named_by_a_note(
    student, media_root, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        upload = store(ContentFile(samples.recording("webm", seconds=2), "../../etc/memo.html"), student, student)
    upload.refresh_from_db()
    assert (upload.owner, upload.student) == (student, student)
    assert (upload.media_type, upload.content_type, upload.duration_seconds) == ("audio", "audio/webm", 2)
    assert (upload.width, upload.height) == (None, None)
    assert upload.bytes == upload.file.size == os.path.getsize(upload.file.path)
    assert upload.file.name.startswith("uploads/")
    assert stored(media_root) == [upload.file.name.removeprefix("uploads/")]
    assert str(upload.pk) not in upload.file.name
    note = write_note(id=uuid.uuid4(), student=student, text="", **media_of(upload))
    note.refresh_from_db()
    assert (note.media_url, note.media_type, note.media_duration_seconds) == (f"/uploads/{upload.pk}/", "audio", 2)
    assert note.media_url == upload.file.url == reverse("upload", args=[upload.pk])
    upload.created_at = datetime.datetime(2026, 3, 15, 2, tzinfo=datetime.UTC)  # in New York, the evening before
    assert str(upload) == "Voice memo of 14 March 2026"


def test_ids_are_drawn_at_random(student):
    """Versions 7 would tell when each was sent."""
    assert {factories.UploadFactory().pk.version for _ in range(3)} == {4}


def test_names_in_the_store_end_in_what_the_file_is(student):
    for content_type, suffix in Upload.CONTENT_TYPES.items():
        # Of documents, files.send makes a download.
        assert files.CONTENT_TYPES.get(suffix) == (None if suffix in Upload.FORMS else content_type)


@pytest.mark.parametrize("content", [b"", b"<svg/>", samples.picture()[:70], samples.recording("m4a", video=True)])
def test_what_is_refused_leaves_neither_a_row_nor_a_file(student, media_root, content):
    with pytest.raises(ValidationError):
        store(ContentFile(content, "memo.webm"), student, student)
    assert not Upload.objects.exists()
    assert stored(media_root) == []


class Failure(Exception):
    pass


def store_in_vain(student, media_root):
    """Keep a picture in a transaction that is rolled back."""
    with pytest.raises(Failure), transaction.atomic():  # noqa: PT012 (a transaction is a block)
        upload = store(ContentFile(samples.picture()), student, student)
        assert upload.file.name.removeprefix("uploads/") in stored(media_root)
        raise Failure


@pytest.mark.django_db(transaction=True)
def test_a_file_stays_with_its_transaction_and_goes_with_it(media_root):
    student = factories.ProfileFactory()
    store_in_vain(student, media_root)
    assert stored(media_root) == []
    with transaction.atomic():
        store_in_vain(student, media_root)  # a savepoint
        assert stored(media_root) == []
        kept = store(ContentFile(samples.picture()), student, student)
    assert [f"uploads/{name}" for name in stored(media_root)] == [kept.file.name]
    alone = store(ContentFile(samples.picture()), student, student)
    assert len(stored(media_root)) == 2
    assert {*Upload.objects.all()} == {kept, alone}


@pytest.mark.django_db(transaction=True)
def test_a_row_that_the_database_refuses_leaves_no_file(media_root):
    erased = factories.ProfileFactory()
    Profile.objects.all().delete()
    with pytest.raises(IntegrityError):
        store(ContentFile(samples.picture()), erased, erased)
    assert stored(media_root) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"media_type": "video", "content_type": "video/webm"},
        {"media_type": "image", "content_type": "text/html"},
        {"media_type": "audio"},
        {"voice": True, "duration_seconds": None},
        {"voice": True, "duration_seconds": 0},
        {"voice": True, "width": 5},
        {"width": None},
        {"height": 0},
        {"duration_seconds": 5},
        {"bytes": 0},
        {"file": ""},
    ],
)
def test_the_database_refuses_an_upload_that_is_none(student, fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.UploadFactory(student=student, **fields)


def test_a_students_uploads_go_with_them_and_an_instructors_stay_without_a_name(student):
    instructor = factories.ProfileFactory()
    factories.UploadFactory(student=student)
    sent = factories.UploadFactory(owner=instructor, student=student)
    with connection.cursor() as cursor:  # by any road
        cursor.execute("DELETE FROM profiles WHERE id = %s", [instructor.pk])
        sent.refresh_from_db()
        assert sent.owner is None
        cursor.execute("DELETE FROM profiles WHERE id = %s", [student.pk])
    assert not Upload.objects.exists()


# How it goes


@pytest.mark.django_db(transaction=True)
def test_files_go_with_a_student_whom_staff_erase(client, media_root):
    mine, other = factories.UploadFactory(), factories.UploadFactory()
    client.force_login(factories.StaffFactory(is_superuser=True))
    page = reverse("admin:profiles_profile_delete", args=[mine.student_id])
    assert "Uploads: 1" in " ".join(strip_tags(client.get(page).content.decode()).split())
    client.post(page, {"post": "yes"})
    assert [*Upload.objects.all()] == [other]
    assert stored(media_root) == [other.file.name.removeprefix("uploads/")]


@pytest.mark.django_db(transaction=True)
def test_a_sweep_removes_uploads_that_no_words_name_once_they_are_older_than_a_day(media_root):
    named, hidden, erased, young = (factories.UploadFactory() for _ in range(4))
    for upload in (named, hidden, erased):
        Upload.objects.filter(pk=upload.pk).update(created_at=timezone.now() - datetime.timedelta(hours=25))
    for upload in (named, hidden):
        note = factories.DailyNoteFactory(student=upload.student, **media_of(upload))
    hide(note)
    factories.DailyNoteFactory(**media_of(erased))  # another student's words
    out = io.StringIO()
    call_command("sweep_media", "--verbosity", "2", stdout=out)
    assert f"{erased.file.path}\nThere are 1 upload (9 bytes) that no words name." in out.getvalue()
    assert Upload.objects.count() == len(stored(media_root)) == 4
    call_command("sweep_media", "--delete", stdout=out)
    assert "Removed 1 upload (9 bytes) that no words name." in out.getvalue()
    assert {*Upload.objects.all()} == {named, hidden, young}
    assert stored(media_root) == sorted(upload.file.name.removeprefix("uploads/") for upload in (named, hidden, young))
    call_command("sweep_media", "--delete", stdout=out)
    assert out.getvalue().endswith("Nothing to remove: 3 files, each wanted or younger than a day.\n")


# Who gets it


@pytest.fixture
def course(db):
    return factories.CourseFactory()


@pytest.fixture
def note(course):
    """A student's note with a picture that is on the disk."""
    student = factories.EnrollmentFactory(course=course).student
    upload = factories.UploadFactory(student=student)
    return factories.DailyNoteFactory(student=student, **media_of(upload))


def upload_of(writing):
    return Upload.objects.get(pk=writing.media_url.split("/")[2])


def people(course, student):
    """{who: person}: everybody who may want to have an upload of `student`."""
    return {
        "the student": student,
        "a fellow student": factories.EnrollmentFactory(course=course).student,
        "the instructor": factories.CourseInstructorFactory(course=course).instructor,
        "another instructor": factories.CourseInstructorFactory().instructor,
        "staff": factories.StaffFactory(),
        "nobody": AnonymousUser(),
    }


def answers(client, course, writing):
    """{who: the status with which they get the upload that `writing` names}."""
    upload, found = upload_of(writing), {}
    for who, person in people(course, writing.student).items():
        client.logout()
        if person.is_authenticated:
            client.force_login(person)
        found[who] = client.get(writing.media_url).status_code
        assert uploads_visible(person).filter(pk=upload.pk).exists() == (found[who] == 200)
    return found


SEEN = {
    "the student": 200,
    "a fellow student": 404,
    "the instructor": 200,
    "another instructor": 404,
    "staff": 200,
    "nobody": 404,
}


def test_whoever_sees_the_student_gets_what_their_words_name_and_others_404(client, course, note):
    assert answers(client, course, note) == SEEN


def test_what_is_hidden_is_its_owners_and_the_staffs_until_it_is_brought_back(client, course, note):
    hide(note)
    assert answers(client, course, note) == SEEN | {"the instructor": 404}
    bring_back(note)
    assert answers(client, course, note) == SEEN


def test_what_no_words_name_is_its_owners_and_the_staffs(client, course, note):
    DailyNote.objects.all().delete()
    assert answers(client, course, note) == SEEN | {"the instructor": 404}


@pytest.mark.parametrize(
    "factory", [factories.ReflectionFactory, factories.SuccessProofFactory, factories.GoalMessageFactory]
)
def test_words_of_every_kind_name_uploads(client, course, factory):
    student = factories.EnrollmentFactory(course=course).student
    about = {"goal__student": student} if factory is factories.SuccessProofFactory else {"student": student}
    writing = factory(**about, **media_of(factories.UploadFactory(student=student)))
    assert answers(client, course, writing) == SEEN


def test_an_instructors_voice_memo_is_the_students_too(client, course):
    student = factories.EnrollmentFactory(course=course).student
    instructor = factories.CourseInstructorFactory(course=course).instructor
    upload = factories.UploadFactory(owner=instructor, student=student, voice=True)
    message = write_message(id=uuid.uuid4(), student=student, author=instructor, text="", **media_of(upload))
    assert answers(client, course, message) == SEEN
    hide(message)
    assert answers(client, course, message) == SEEN | {"the student": 404, "the instructor": 404}
    client.force_login(instructor)  # whose own words they are
    assert client.get(message.media_url).status_code == 200
    assert GoalMessage.objects.get().media_duration_seconds == 42


def test_somebody_elses_words_do_not_open_an_upload(client, course, note):
    """Whoever learns an address may write it into words of their own; that shows it to nobody."""
    thief = factories.EnrollmentFactory(course=course).student
    factories.DailyNoteFactory(student=thief, media_url=note.media_url, media_type="image")
    client.force_login(thief)
    assert client.get(note.media_url).status_code == 404
    hide(note)
    client.force_login(factories.CourseInstructorFactory(course=course).instructor)
    assert client.get(note.media_url).status_code == 404


def test_finding_an_upload_reads_little_however_much_there_is(note, course):
    instructor = factories.CourseInstructorFactory(course=course).instructor
    with connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    plan = uploads_visible(instructor).filter(pk=upload_of(note).pk).explain()
    for index in ("daily_notes_media", "success_proofs_media", "goal_messages_media", "reflections_media"):
        assert index in plan
    assert "Seq Scan" not in plan


# How it is sent


def test_an_upload_is_shown_does_nothing_and_is_kept_from_others_caches(client, student):
    client.force_login(student)
    for upload, name, kind in (
        (factories.UploadFactory(student=student), "Image", "image/webp"),
        (factories.UploadFactory(student=student, voice=True), "Voice memo", "audio/webm"),
    ):
        response = client.get(upload.file.url)
        day = timezone.localtime(upload.created_at).date()
        assert response.status_code == 200
        assert b"".join(response.streaming_content) == upload.file.read()
        assert response["Content-Type"] == kind
        assert response["Content-Disposition"] == f'inline; filename="{name} {day}{upload.file.name[-5:]}"'
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == (
            "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox allow-same-origin"
        )
        assert response["Cache-Control"].startswith("private, no-")


def test_a_player_gets_the_part_that_it_asks_for(client, student):
    client.force_login(student)
    upload = factories.UploadFactory(student=student, voice=True)
    response = client.get(upload.file.url, headers={"range": "bytes=2-4"})
    assert (response.status_code, b"".join(response.streaming_content)) == (206, b"voice"[:3])
    assert response["Content-Range"] == "bytes 2-4/7"


def test_one_query_finds_an_upload_and_whether_it_may_be_had(client, course, note, django_assert_num_queries):
    client.force_login(factories.CourseInstructorFactory(course=course).instructor)
    with django_assert_num_queries(3):  # the session, the person, the upload
        client.get(note.media_url)


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_an_upload_is_only_read(client, student, method):
    client.force_login(student)
    assert getattr(client, method)(factories.UploadFactory(student=student).file.url).status_code == 405


def test_there_is_nothing_where_no_upload_is(client, student):
    client.force_login(student)
    upload = factories.UploadFactory(student=student)
    for address in (f"/uploads/{student.pk}/", "/uploads/", "/uploads/1/", f"/{upload.file.name}", "/uploads/../"):
        assert client.get(address).status_code == 404


# Forms


class Form(forms.Form):
    text = forms.CharField(required=False)
    attachment = AttachmentField()


def form(content=None, name="memo.webm", **data):
    return Form(data, {} if content is None else {"attachment": SimpleUploadedFile(name, content)})


def test_a_form_takes_an_attachment_or_none(student):
    without = form(text="Only words.")
    assert without.is_valid()
    assert without.cleaned_data["attachment"] is None
    with_one = form(samples.picture(), "x" * 300)
    assert with_one.is_valid(), with_one.errors
    upload = store(with_one.cleaned_data["attachment"], student, student)
    assert (upload.media_type, upload.width, upload.height) == ("image", 40, 30)


@pytest.mark.parametrize("content", [b"", b"<svg/>"])
def test_a_form_says_what_is_wrong_with_an_attachment_and_keeps_the_words(content):
    sent = form(content, text="Kept.")
    assert not sent.is_valid()
    with pytest.raises(ValidationError) as refused:
        checked(SimpleUploadedFile("memo.webm", content))
    assert sent.errors == {"attachment": refused.value.messages}
    assert 'value="Kept."' in str(sent["text"])


def test_the_browser_learns_what_may_be_sent(settings):
    settings.PICTURE_MAX_MB = 3
    drawn = str(Form()["attachment"])
    for part in ('accept="image/png,image/jpeg,', "audio/webm", 'data-image="3145728"', 'data-seconds="300"'):
        assert part in drawn


# What is taken from the network


def upload_request(user, content, *, name="attachment"):
    request = RequestFactory().post("/", {name: SimpleUploadedFile("memo.webm", content), "text": "Kept."})
    request.user = user
    return request


def test_no_more_is_kept_of_a_request_than_its_sender_may_send(settings, db):
    settings.RECORDING_MAX_MB = settings.PICTURE_MAX_MB = settings.DOCUMENT_MAX_MB = 1
    settings.VIDEO_MAX_MB = 2
    content = samples.recording() + bytes(2**20)
    for user in (AnonymousUser(), factories.ProfileFactory()):
        request = upload_request(user, content)
        cut = request.FILES["attachment"]
        assert (cut.size, cut.read()) == (len(content), content[: handlers.HEAD])
        assert request.POST["text"] == "Kept."
        sent = Form(request.POST, request.FILES)
        assert sent.errors["attachment"] == ["The recording has 1.1 MB; at most 1 MB is allowed."]
    staff = factories.StaffFactory()
    assert upload_request(staff, content).FILES["attachment"].read() == content
    assert len(upload_request(staff, content + content).FILES["attachment"].read()) == handlers.HEAD
    small = samples.picture()
    assert upload_request(factories.ProfileFactory(), small).FILES["attachment"].read() == small


def test_a_video_of_the_greatest_size_leaves_room_for_its_poster_and_captions(settings, db):
    settings.RECORDING_MAX_MB = settings.PICTURE_MAX_MB = settings.DOCUMENT_MAX_MB = 1
    settings.VIDEO_MAX_MB = 2

    def sent(**sizes):
        """Whether each file was kept whole, in the order in which they were sent."""
        files = {name: SimpleUploadedFile("file", bytes(size)) for name, size in sizes.items()}
        request = RequestFactory().post("/", files)
        request.user = factories.StaffFactory()
        assert [file.size for file in request.FILES.values()] == [*sizes.values()]
        return [len(file.read()) == file.size for file in request.FILES.values()]

    video, picture, captions = 2 * 2**20, 2**20, 2**20
    assert sent(file=video, poster=picture, captions=captions) == [True] * 3
    assert sent(captions=captions, poster=picture, file=video) == [True] * 3
    assert sent(file=video + 1, poster=picture, captions=captions) == [False, True, True]
    assert sent(first=video, second=video, captions=captions) == [True, True, False]
