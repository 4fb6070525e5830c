"""Make the pictures of README.md and of the pages in docs/: pages of the demo class, as docs/images/*.png.

`make screenshots` runs this.

The class and the clock of the pages stand still at MOMENT, so that pictures
made again differ only where the pages do.  The database is made anew for them.
"""

import contextlib
import datetime
import functools
import io
import logging
import os
import random
import shutil
import sys
import threading
from pathlib import Path
from unittest import mock
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SCRATCH = ROOT / ".data" / "screenshots"
MEDIA = ROOT / ".data" / "screenshots-media"
MOMENT = datetime.datetime(2026, 5, 12, 23, 5, tzinfo=datetime.UTC)  # five past seven in the evening in New York
WINDOW = {"width": 1280, "height": 820}
PHONE = {"width": 390, "height": 780}
# HTMLMediaElement.HAVE_CURRENT_DATA and NETWORK_IDLE; a player's spinner fades out only after that.
PLAYERS_ARE_READY = "() => [...document.querySelectorAll('video')].every(v => v.readyState > 1 && v.networkState === 1)"
FADE = 3000  # milliseconds

sys.path.insert(0, str(ROOT))
for name in ("ALLOWED_HOSTS", "DATABASE_URL", "EMAIL_URL"):
    os.environ.pop(name, None)
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "EMBEDDED_POSTGRES_DIR": str(SCRATCH),
    "MEDIA_ROOT": str(MEDIA),
    "ENV_FILE": os.devnull,
    "LOCAL": "on",
    "DEBUG": "off",
}

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: E402
from django.db import connections  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils.timesince import timesince  # noqa: E402
from faker import Faker  # noqa: E402
from PIL import Image  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from config.database.embedded import embedded_postgres  # noqa: E402
from config.wsgi import application  # noqa: E402
from courses.models import Course, Enrollment, Lesson, Video, VideoProgress  # noqa: E402
from demo import load  # noqa: E402
from goals.models import Goal  # noqa: E402
from profiles.models import Profile  # noqa: E402
from reflections.models import Reflection  # noqa: E402
from tests import chromium  # noqa: E402


def main():
    logging.disable(logging.INFO)
    path = chromium.find() or sys.exit(chromium.ADVICE)
    IMAGES.mkdir(exist_ok=True)
    embedded_postgres(str(SCRATCH)).delete()
    shutil.rmtree(MEDIA, ignore_errors=True)
    with clock_stopped():
        call_command("migrate", verbosity=0)
        load.load(MOMENT)
        a_beginner()
        empty, crowded = an_empty_video(), a_crowd()
        pictures = plan(empty, crowded)
        connections.close_all()
        with served() as address, sync_playwright() as playwright:
            browser = chromium.launch(playwright, path)
            for name, (email, url, looks) in pictures.items():
                take(browser, address, name, email, url, looks)
            browser.close()


def a_beginner():
    """The student who has done nothing yet is in a course since yesterday."""
    course = Video.objects.get(title="The discovery call").lesson.course
    student = Profile.objects.get(email=load.email(load.EMPTY))
    Enrollment.objects.create(student=student, course=course, enrolled_at=MOMENT - datetime.timedelta(days=1))


def an_empty_video():
    """A video that nobody has watched, and whose file is still to come."""
    lesson = Video.objects.get(title="The discovery call").lesson
    return Video.objects.create(lesson=lesson, title="After the call", duration_seconds=540, position=9)


def a_crowd():
    """A video of a course for very many: 1,500 students, of whom a third stop at 5:00, and 4,500 reflections."""
    chance, names = random.Random(7), Faker("en_US")
    names.seed_instance(7)
    template = Video.objects.get(title="Say the price, then stop talking")
    course = Course.objects.create(title="Say your price")
    video = Video.objects.create(
        lesson=Lesson.objects.create(course=course, title="A number, and then silence"),
        title=template.title,
        duration_seconds=template.duration_seconds,
        file=template.file.name,
        poster=template.poster.name,
    )
    students = Profile.objects.bulk_create(
        [Profile(full_name=names.name(), email=f"student{number}@example.net") for number in range(1500)]
    )
    Enrollment.objects.bulk_create([Enrollment(student=student, course=course) for student in students])
    ends = [
        chance.choices((300 + chance.randrange(5), chance.randrange(20, 652), 652), (30, 20, 50))[0] for _ in students
    ]
    VideoProgress.objects.bulk_create(
        [
            VideoProgress(student=student, video=video, watched=[(0, end)], watched_at=before(chance))
            for student, end in zip(students, ends, strict=True)
        ]
    )
    Reflection.objects.bulk_create(
        [
            Reflection(
                student=chance.choice(students),
                video=video,
                video_timestamp_seconds=round(chance.triangular(0, 651, 310)),
                content=chance.choice(WORDS),
                created_at=written,
                **({} if chance.random() < 0.07 else {"instructor_response": ANSWER, "responded_at": written}),
            )
            for written in (before(chance) for _ in range(4500))
        ]
    )
    return video


def before(chance):
    """Some moment of the three weeks before MOMENT."""
    return MOMENT - datetime.timedelta(minutes=chance.randrange(60, 30_000))


ANSWER = "Count to four."
WORDS = (
    "I said the number, and then I heard myself explain it.",
    "Seven seconds are longer than I thought. She said yes in the fifth.",
    "What if they laugh?",
    "I wrote the price on paper first. That helped.",
    "Is it rude to say nothing?",
)


def plan(empty, crowded):
    """{name of the picture: (who looks, at which address, with what kind of browser)}."""
    naomi, maya = load.email("naomi"), load.email(load.TYPICAL)
    journey = reverse("video_journey", args=[Video.objects.get(title="The discovery call").pk])
    moment = f"{journey}?t=329"
    student, veteran = (Profile.objects.get(email=email).pk for email in (maya, load.email(load.VETERAN)))
    paused = Goal.objects.get(student=student, title__startswith="Rebuild").pk
    reached = Goal.objects.get(student=veteran, title__startswith="Speak").pk
    days = f"{reverse('my_days')}?before=2026-04-25#days"
    of_student, of_veteran, of_beginner = (
        reverse("student_days", args=[Profile.objects.get(email=load.email(key)).pk])
        for key in (load.TYPICAL, load.VETERAN, load.EMPTY)
    )
    return {
        "journey": (naomi, moment, {}),
        "journey-dark": (naomi, moment, {"color_scheme": "dark"}),
        "journey-of-one": (naomi, f"{journey}?student={student}", {}),
        "journey-students": (naomi, f"{journey}?view=students&sort=waiting", {}),
        "journey-phone": (naomi, moment, {"viewport": PHONE}),
        "journey-empty": (naomi, reverse("video_journey", args=[empty.pk]), {}),
        "journey-thousands": (load.email(load.ADMIN), reverse("video_journey", args=[crowded.pk]), {}),
        "days": (maya, days, {}),
        "days-phone": (maya, days, {"viewport": PHONE}),
        "days-own": (load.email(load.VETERAN), f"{reverse('my_days')}#days", {}),
        "days-of-student": (naomi, of_student, {}),
        "days-of-student-dark": (naomi, of_student, {"color_scheme": "dark"}),
        "days-of-student-phone": (naomi, of_student, {"viewport": PHONE}),
        "days-found": (naomi, f"{of_veteran}?kind=notes&q=price#days", {}),
        "days-begin": (load.email(load.EMPTY), reverse("my_days"), {}),
        "days-of-beginner": (naomi, of_beginner, {}),
        "goals": (maya, f"{reverse('my_goals')}#lived", {}),
        "goals-phone": (load.email(load.VETERAN), f"{reverse('my_goals')}#lived", {"viewport": PHONE}),
        "goals-of-student-dark": (naomi, f"{reverse('student_goals', args=[veteran])}#lived", {"color_scheme": "dark"}),
        "goals-by-weeks": (naomi, reverse("student_goal", args=[veteran, reached]), {}),
        "goals-switch": (maya, reverse("make_current", args=[student, paused]), {}),
        "home": (naomi, reverse("home"), {}),
    }


def take(browser, address, name, email, url, looks):
    context = browser.new_context(
        **{"base_url": address, "viewport": WINDOW, "locale": "en-US", "reduced_motion": "reduce"} | looks
    )
    page = context.new_page()
    page.goto(f"{reverse('login')}?next={quote(url)}")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(load.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(url)
    page.evaluate("document.fonts.ready")
    page.wait_for_function(PLAYERS_ARE_READY)
    if page.locator("video").count():
        page.wait_for_timeout(FADE)
    file = IMAGES / f"{name}.png"
    save(page.screenshot(animations="disabled"), file)
    context.close()
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")


def save(screenshot, file):
    """Keep a PNG with 256 colours, each of them no further than the eye can tell from what it was: a third as large."""
    with Image.open(io.BytesIO(screenshot)) as picture:
        nearest = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 1, "dither": Image.Dither.NONE}
        picture.convert("RGB").quantize(256, **nearest).save(file, optimize=True)


@contextlib.contextmanager
def clock_stopped():
    with (
        mock.patch("django.utils.timezone.now", return_value=MOMENT),
        mock.patch("django.template.defaultfilters.timesince", functools.partial(timesince, now=MOMENT)),
    ):
        yield


class QuietRequestHandler(WSGIRequestHandler):
    def log_message(self, format, *args):
        pass


@contextlib.contextmanager
def served():
    """The site on this machine, at the address that is given."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietRequestHandler)
    server.daemon_threads = True
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield "http://{}:{}".format(*server.server_address)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    main()
