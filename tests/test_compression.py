"""What is sent compressed, to whom, and that it says the same."""

import csv
import gzip
import io

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db

GZIP = {"accept-encoding": "gzip, deflate, br, zstd"}


@pytest.fixture
def journey(client):
    """The address of a video's journey, to the client of its instructor."""
    video = factories.VideoFactory(title="Whom to ask, and what")
    for number in range(30):
        factories.ReflectionFactory(video=video, content=f"Thought {number}, and what came of it")
    client.force_login(factories.CourseInstructorFactory(course=video.lesson.course).instructor)
    return reverse("video_journey", args=[video.pk])


def unpacked(response):
    assert response["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response["Vary"]
    return gzip.decompress(b"".join(response)).decode()


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Target": "panel"}])
def test_a_page_and_a_part_of_it_are_compressed_for_who_takes_that_and_whole_for_others(client, journey, headers):
    plain = client.get(journey, headers=headers)
    packed = client.get(journey, headers=headers | GZIP)
    assert "Content-Encoding" not in plain
    assert "Accept-Encoding" in plain["Vary"]
    assert unpacked(packed).count("Thought") == plain.content.decode().count("Thought") == 30
    assert int(packed["Content-Length"]) == len(packed.content) < len(plain.content) / 3


def test_a_compressed_page_carries_a_name_of_another_length_each_time(client, journey):
    """So that its length does not tell what stands in it (BREACH)."""
    packed = [client.get(journey, headers=GZIP).content for _ in range(12)]
    assert {content[3] for content in packed} == {8}, "a name, ending with a zero, follows the head of ten bytes"
    assert len({content.index(0, 10) for content in packed}) > 1


def test_a_table_is_compressed_as_it_is_made(client, journey):
    packed = client.get(f"{journey[:-1]}.csv", headers=GZIP)
    assert packed.streaming
    assert "Content-Length" not in packed
    rows = list(csv.DictReader(io.StringIO(unpacked(packed).removeprefix("\ufeff"))))
    assert sorted(row["Words"] for row in rows) == sorted(
        f"Thought {number}, and what came of it" for number in range(30)
    )


def test_files_go_as_they_are_and_in_the_parts_that_were_asked_for(client, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    video = factories.VideoFactory(
        file=ContentFile(b"a" * 4_000, "lesson.webm"), captions=ContentFile(b"WEBVTT\n\n" + b"a" * 4_000, "lesson.vtt")
    )
    client.force_login(factories.CourseInstructorFactory(course=video.lesson.course).instructor)
    for file in (video.file, video.captions):
        whole = client.get(file.url, headers=GZIP)
        assert (whole.status_code, whole["Content-Length"]) == (200, str(file.size))
        part = client.get(file.url, headers=GZIP | {"range": "bytes=8-17"})
        assert (part.status_code, b"".join(part)) == (206, b"a" * 10)
        assert "Content-Encoding" not in whole
        assert "Content-Encoding" not in part
