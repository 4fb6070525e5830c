"""Make the pictures of README.md: pages of the demo class, as docs/images/*.png.  `make screenshots` runs this.

The class and the clock of the pages stand still at MOMENT, so that pictures
made again differ only where the pages do.  The database is made anew for them.
"""

import contextlib
import datetime
import functools
import logging
import os
import shutil
import sys
import threading
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SCRATCH = ROOT / ".data" / "screenshots"
MEDIA = ROOT / ".data" / "screenshots-media"
MOMENT = datetime.datetime(2026, 5, 12, 23, 5, tzinfo=datetime.UTC)  # five past seven in the evening in New York
WINDOW = {"width": 1200, "height": 760}
PHONE = {"width": 390, "height": 780}
# HTMLMediaElement.HAVE_CURRENT_DATA and NETWORK_IDLE; a player's spinner fades out only after that.
PLAYERS_ARE_READY = "[...document.querySelectorAll('video')].every(v => v.readyState > 1 && v.networkState === 1)"
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
from playwright.sync_api import sync_playwright  # noqa: E402

from config.database.embedded import embedded_postgres  # noqa: E402
from config.wsgi import application  # noqa: E402
from courses.models import Video  # noqa: E402
from demo import load  # noqa: E402
from profiles.models import Profile  # noqa: E402
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
        pictures = plan()
        connections.close_all()
        with served() as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=path, args=chromium.SWITCHES, chromium_sandbox=os.geteuid() != 0
            )
            for name, (email, url, looks) in pictures.items():
                take(browser, address, name, email, url, looks)
            browser.close()


def plan():
    """{name of the picture: (who looks, at which address, with what kind of browser)}."""
    naomi, maya = load.email("naomi"), load.email(load.TYPICAL)
    journey = reverse("video_journey", args=[Video.objects.get(title="The discovery call").pk])
    moment = f"{journey}?t=329"
    student = Profile.objects.get(email=maya).pk
    days = f"{reverse('my_days')}?before=2026-04-25"
    return {
        "journey": (naomi, moment, {}),
        "journey-dark": (naomi, moment, {"color_scheme": "dark"}),
        "journey-of-one": (naomi, f"{journey}?student={student}", {}),
        "journey-phone": (naomi, moment, {"viewport": PHONE}),
        "days": (maya, days, {}),
        "days-phone": (maya, days, {"viewport": PHONE}),
        "goals": (maya, reverse("my_goals"), {}),
        "home": (naomi, reverse("home"), {}),
    }


def take(browser, address, name, email, url, looks):
    context = browser.new_context(
        **{"base_url": address, "viewport": WINDOW, "locale": "en-US", "reduced_motion": "reduce"} | looks
    )
    page = context.new_page()
    page.goto(f"{reverse('login')}?next={url}")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(load.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(url)
    page.evaluate("document.fonts.ready")
    page.wait_for_function(PLAYERS_ARE_READY)
    if page.locator("video").count():
        page.wait_for_timeout(FADE)
    file = IMAGES / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    context.close()
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")


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
