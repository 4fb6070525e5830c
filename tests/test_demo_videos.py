"""The demo's videos: as long as their rows say, small, and played by a browser at any second."""

import time

import pytest
from django.core.files import File
from django.core.files.base import ContentFile
from django.test import Client

from config.uploads import CaptionsUploadField
from demo import content
from demo.draw_videos import captions
from demo.load import VIDEOS
from tests import factories

ROWS = [video for course in content.read("catalogue")["course"] for part in course["lesson"] for video in part["video"]]

# Where the line is that shows the second (demo/draw_videos.py): of the picture, in pixels.
LINE_TOP, LINE_LEFT, LINE_WIDTH = 48, 64, 726

OPEN = """async address => {
    const video = document.createElement("video");
    video.muted = true;
    document.body.replaceChildren(video);
    const ready = new Promise((loaded, failed) => Object.assign(video, { onloadeddata: loaded, onerror: failed }));
    video.src = address;
    await ready;
    return [video.duration, video.videoWidth, video.videoHeight];
}"""
SEEK = """async ([second, row]) => {
    const video = document.querySelector("video");
    await new Promise(sought => { video.onseeked = sought; video.currentTime = second; });
    const picture = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: 100 });
    const drawing = picture.getContext("2d");
    drawing.drawImage(video, 0, 0);
    const { data } = drawing.getImageData(0, row, picture.width, 1);
    let end = 0;
    for (let x = 0; x < picture.width; x++) if (data[4 * x + 2] - data[4 * x] > 60) end = x + 1;
    return end;
}"""
PLAY = """async second => {
    const video = document.querySelector("video");
    video.currentTime = second;
    const moved = new Promise(later => { video.ontimeupdate = () => video.currentTime > second + 0.2 && later(); });
    await video.play();
    await moved;
    return video.error;
}"""


def test_every_video_of_the_catalogue_is_there_with_its_poster_and_no_other():
    assert {path.name for path in VIDEOS.iterdir()} == {
        f"{row['key']}{suffix}"
        for row in ROWS
        for suffix in (".webm", ".webp", ".vtt")
        if suffix != ".vtt" or row.get("captions")
    }


def test_captions_say_what_is_drawn():
    """And are taken where authors upload them."""
    for course in content.read("catalogue")["course"]:
        for row in (row for part in course["lesson"] for row in part["video"] if row.get("captions")):
            written = (VIDEOS / f"{row['key']}.vtt").read_text(encoding="utf-8")
            assert written == captions(course, row)
            assert CaptionsUploadField().clean(ContentFile(written.encode(), "talk.vtt"))
            for second, title in row["checkpoints"]:
                assert f"{second // 60:02}:{second % 60:02}.000 --> " in written
                assert f"\n{title}\n" in written


def test_the_files_are_small():
    sizes = [path.stat().st_size for path in VIDEOS.iterdir()]
    assert max(sizes) < 300_000
    assert sum(sizes) < 4_000_000


@pytest.mark.django_db(transaction=True)
def test_a_browser_plays_each_and_shows_the_right_second_after_a_seek(page, live_server):
    client = Client()
    client.force_login(factories.StaffFactory())
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.goto("/")
    for row in ROWS:
        length = row["seconds"]
        with (VIDEOS / f"{row['key']}.webm").open("rb") as content:
            video = factories.VideoFactory(duration_seconds=length, file=File(content, content.name))
        duration, width, height = page.evaluate(OPEN, video.file.url)
        assert abs(duration - length) < 1
        assert (width, height) == (854, 480)
        for second in (length // 2, length - 2, 90):
            expected = pytest.approx(LINE_LEFT + LINE_WIDTH * second / length, abs=3)
            until = time.monotonic() + 10
            while (end := page.evaluate(SEEK, [second + 0.5, LINE_TOP])) != expected and time.monotonic() < until:
                page.wait_for_timeout(20)  # on a busy machine the picture may come after the event
            assert end == expected, (row["key"], second)
    assert page.evaluate(PLAY, length // 3) is None
