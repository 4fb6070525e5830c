"""Draw the demo's videos, demo/videos/<key>.webm, with posters and captions.  `make demo-videos` runs this.

What is seen follows from demo/content/catalogue.toml: a slide with the title,
one for each checkpoint and each quiz, and under them a clock and a line that
show the second.  With a frame a second, a video is as long as its row says.
Needed: Chromium, and ffmpeg with libvpx and libwebp (Debian: apt-get install chromium ffmpeg).
"""

import contextlib
import os
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.progress import track

from demo import content

ROOT = Path(__file__).resolve().parent.parent
VIDEOS = ROOT / "demo" / "videos"
WIDTH, HEIGHT, MARGIN = 854, 480, 64
LINE = WIDTH - 2 * MARGIN
QUESTION = 30  # seconds for which a quiz is shown
CAPTION = 8  # seconds for which a caption is

STYLE = f"""
    {(ROOT / "static" / "css" / "tokens.css").read_text()}
    :root {{ color-scheme: light; }}
    body {{ margin: 0; background: var(--paper); color: var(--ink); font: 20px/1.5 var(--sans); }}
    header, main {{ position: absolute; inset: 44px {MARGIN}px auto; }}  /* above what a player lays over the bottom */
    main {{ top: 148px; }}
    p {{ margin: 0; color: var(--ink-soft); }}
    h1 {{ margin: 14px 0 22px; font: 500 46px/1.15 var(--serif); text-wrap: balance; }}
    header {{ color: var(--ink-soft); font-size: 18px; font-variant-numeric: tabular-nums; }}
    svg {{ display: block; margin-bottom: 10px; }}
"""


def slides(course, video):
    """[(from which second, kicker, heading, text)] of a video, in order."""
    parts = video["checkpoints"]
    found = [(0, course["title"], video["title"], video["description"])]
    for number, (second, title) in enumerate(parts, 1):
        found.append((second, video["title"], title, f"{number} of {len(parts)}"))
    for quiz in video.get("quiz", []):
        before = max(slide for slide in found if slide[0] <= quiz["at"])
        found.append((quiz["at"], "A question", quiz["title"], "Stop here, and answer before you go on."))
        found.append((quiz["at"] + QUESTION, *before[1:]))
    return sorted(found)


def clock(second):
    return f"{second // 60}:{second % 60:02}"


def frame(video, slide, second):
    """The page that shows one second of a video."""
    _, kicker, heading, text = map(str, slide)
    length = video["seconds"]
    ticks = "".join(
        f'<rect x="{LINE * at / length:.0f}" width="2" height="8" fill="var(--paper)"/>'
        for at, _ in video["checkpoints"]
    )
    return f"""<!doctype html><style>{STYLE}</style>
        <header><svg width="{LINE}" height="8"><rect width="{LINE}" height="8" rx="4" fill="var(--line)"/>
        <rect width="{max(8, LINE * second / length):.1f}" height="8" rx="4" fill="var(--accent)"/>{ticks}</svg>
        {clock(second)} / {clock(length)}</header>
        <main><p>{escape(kicker)}</p><h1>{escape(heading)}</h1><p>{escape(text)}</p></main>"""


def captions(course, video):
    """The WebVTT of a video: it is silent, so they say that, and what each slide is about."""
    cues = []
    for second, _, heading, _ in slides(course, video):
        words = heading if cues else f"[No sound]\n{heading}"
        cues.append(f"{stamp(second)} --> {stamp(second + CAPTION)}\n{escape(words, quote=False)}\n")
    return "\n".join(["WEBVTT\n", *cues])


def stamp(second):
    return f"{second // 60:02}:{second % 60:02}.000"


def encode(images, path, *options):
    """Have ffmpeg make a file of PNGs, one a second."""
    command = ["ffmpeg", "-loglevel", "error", "-y", "-f", "image2pipe", "-c:v", "png", "-framerate", "1", "-i", "-"]
    command += ["-bitexact", "-map_metadata", "-1", *options, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as ffmpeg:
        for image in images:
            ffmpeg.stdin.write(image)
    if ffmpeg.returncode:
        sys.exit(f"ffmpeg could not make {path.name}.")


def draw(page, course, video):
    coming = slides(course, video)
    showing = None

    def image(second):
        nonlocal showing
        while coming and coming[0][0] <= second:
            showing = coming.pop(0)
        page.set_content(frame(video, showing, second))
        return page.screenshot(type="png")

    first = image(0)
    encode([first], VIDEOS / f"{video['key']}.webp", "-quality", "80")
    if video.get("captions"):
        (VIDEOS / f"{video['key']}.vtt").write_text(captions(course, video), encoding="utf-8")
    seconds = track(range(1, video["seconds"]), f"{video['title']:<40}")
    encode(
        # A key frame a minute, and their index in front: a player finds any second soon.
        (image for image in [first, *map(image, seconds)]),
        VIDEOS / f"{video['key']}.webm",
        *("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", "-crf", "40", "-b:v", "0", "-g", "60"),
        *("-deadline", "good", "-cpu-used", "1", "-cues_to_front", "1"),
    )


def main():
    for program in ("chromium", "ffmpeg"):
        if not shutil.which(program):
            sys.exit(f"This needs {program} (Debian: apt-get install {program}).")
    VIDEOS.mkdir(exist_ok=True)
    with (
        sync_playwright() as playwright,
        contextlib.closing(
            playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--disable-gpu"], chromium_sandbox=os.geteuid() != 0
            )
        ) as browser,
    ):
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for course in content.read("catalogue")["course"]:
            for lesson in course["lesson"]:
                for video in lesson["video"]:
                    draw(page, course, video)


if __name__ == "__main__":
    main()
