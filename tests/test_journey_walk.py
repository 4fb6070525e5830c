"""The journey in a browser: the player and the list keep together; by mouse, by keys, live, and for every eye."""

import datetime
import re

import pytest
from django.core.files import File
from django.urls import reverse
from django.utils import timezone

from courses.models import Video
from tests import factories
from tests.test_walk import log_in

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = timezone.now() - datetime.timedelta(days=3)
DURATION = 1002  # seconds, of the demo's video


@pytest.fixture
def address(request, settings, tmp_path):
    """A video that plays, with a page of reflections around 1:00 and another from 9:00 on; Ann wrote, Ben watched.

    There is one for each second of the two minutes, or for each second that `request.param` divides.
    """
    settings.MEDIA_ROOT = tmp_path
    instructor = factories.ProfileFactory(full_name="Ines Teixeira", email="ines@example.org")
    course = factories.CourseInstructorFactory(instructor=instructor).course
    video = factories.VideoFactory(lesson__course=course, title="Whom to ask", duration_seconds=DURATION)
    with (settings.BASE_DIR / "demo" / "videos" / "call.webm").open("rb") as film:
        video.file.save("call.webm", File(film))
    ann, ben = (factories.ProfileFactory(full_name=name) for name in ("Ann Abara", "Ben Bright"))
    for student in (ann, ben):
        factories.EnrollmentFactory(student=student, course=course)
        factories.VideoProgressFactory(student=student, video=video)
    for number in range(0, 120, getattr(request, "param", 1)):
        factories.ReflectionFactory(
            student=ann,
            video=video,
            video_timestamp_seconds=(60 if number < 60 else 480) + number,
            content=f"Thought {number:03}.",
            created_at=LONG_AGO,
        )
    return reverse("video_journey", args=[video.pk])


def played(page):
    """Where the player stands, in whole seconds."""
    return page.evaluate("Math.floor(document.getElementById('player').currentTime)")


def wait_until_played(page, second):
    page.wait_for_function("second => Math.floor(document.getElementById('player').currentTime) === second", arg=second)


def current(page, text):
    page.locator(".entry[aria-current=true]", has_text=text).wait_for()


def test_the_player_and_the_list_keep_together(address, page):
    log_in(page, "ines", address)
    page.evaluate("document.getElementById('player').kept = true")

    page.locator(".moment", has_text="1:10").click()
    wait_until_played(page, 70)
    current(page, "Thought 010.")
    assert page.url.endswith("?t=70")
    assert page.locator("#playhead").get_attribute("x").startswith("6.98")
    page.get_by_role("button", name="Copy link to 1:10").wait_for()

    # A marker far ahead: what was done there is loaded and shown.
    page.get_by_role("link", name=re.compile("from 9:03 to 9:45")).click()
    wait_until_played(page, 543)
    current(page, "Thought 063.")
    assert page.locator("#showing").inner_text().endswith("from 9:03 on")
    assert page.evaluate("scrollY") == 0  # beside the player the panel scrolls, not the page

    # It follows what is played, until somebody scrolls; then it waits to be asked.
    page.evaluate("document.getElementById('player').muted = true; document.getElementById('player').play()")
    current(page, re.compile(r"Thought 06[4-9]\."))  # a second later it is the next one
    page.mouse.move(1000, 600)
    page.mouse.wheel(0, -400)
    follow = page.get_by_role("button", name="Follow the video")
    follow.wait_for()
    page.keyboard.press("Space")
    page.wait_for_function("() => document.getElementById('player').paused")
    page.evaluate("document.getElementById('player').currentTime = 75")
    page.get_by_role("button", name="Show entries at 1:15").click()
    current(page, "Thought 015.")
    assert follow.is_hidden()

    # Filters and students are swapped in beside the same player.
    head = page.locator(".list-head").bounding_box()["height"]
    beside = page.get_by_role("checkbox", name="Quizzes").bounding_box()
    page.get_by_role("checkbox", name="Reflections").check()
    page.wait_for_url("**kind=reflections**")
    assert page.get_by_role("checkbox", name="Quizzes").bounding_box()["x"] == beside["x"]
    assert page.locator(".list-head").bounding_box()["height"] == head
    page.get_by_role("link", name="Students").click()
    page.locator(".roster").get_by_role("link", name="Ann Abara").click()
    page.get_by_role("heading", name="Ann Abara").wait_for()
    assert page.title().startswith("Ann Abara in Whom to ask")
    assert "kind=reflections" in page.url
    assert "t=75" in page.url
    assert played(page) == 75
    assert page.evaluate("document.getElementById('player').kept")
    page.keyboard.press("]")
    page.get_by_role("heading", name="Ben Bright").wait_for()
    assert "kind=reflections" in page.url
    page.keyboard.press("[")
    page.get_by_role("heading", name="Ann Abara").wait_for()


def test_keys_go_through_the_page_and_never_get_into_what_is_typed(address, page):
    log_in(page, "ines", address)
    page.wait_for_load_state("load")  # the keys listen from then on
    focused = "text => (it => it.matches('[data-item]') && it.textContent.includes(text))(document.activeElement)"
    page.keyboard.press("j")
    page.wait_for_function(focused, arg="Thought 000.")
    page.keyboard.press("j")
    page.wait_for_function(focused, arg="Thought 001.")
    page.keyboard.press("k")
    page.wait_for_function(focused, arg="Thought 000.")

    page.keyboard.press("/")
    page.keyboard.type("thought 11j?")
    assert page.get_by_label("Search the words of entries").input_value() == "thought 11j?"
    page.get_by_label("Search the words of entries").fill("thought 11")
    page.keyboard.press("Enter")
    page.locator("#showing", has_text="of 10").wait_for()
    assert "q=thought" in page.url
    assert "from=" not in page.url

    page.get_by_role("button", name="Shortcuts").click()
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    dialog.get_by_label("Use these keys").uncheck()
    dialog.get_by_role("button", name="Close").click()
    dialog.wait_for(state="hidden")
    page.keyboard.press("?")
    assert dialog.is_hidden()
    page.reload()
    page.keyboard.press("?")
    assert dialog.is_hidden()


def test_an_answer_under_way_stays_open_while_the_video_plays_on(address, page):
    page.set_viewport_size({"width": 1280, "height": 560})
    log_in(page, "ines", address)
    page.keyboard.press("e")
    page.keyboard.press("r")
    box = page.get_by_label("Your answer to Ann Abara")
    box.wait_for()
    assert page.locator("#status").inner_text() == ""  # nothing else is shown than before
    page.wait_for_function(
        "() => document.querySelector('.slot [type=submit]').getBoundingClientRect().bottom <= innerHeight"
    )
    page.keyboard.type("jk? e / half of it")
    page.evaluate("document.getElementById('player').muted = true; document.getElementById('player').play()")
    page.wait_for_function("() => document.getElementById('player').currentTime > 0")
    page.evaluate("document.getElementById('player').currentTime = 545")
    page.get_by_role("button", name=re.compile(r"Show entries at 9:\d\d")).wait_for()
    assert box.input_value() == "jk? e / half of it"
    page.keyboard.press("Control+Enter")
    page.locator(".entry", has_text="Thought 000.").get_by_text("jk? e / half of it").wait_for()
    page.locator("#waiting-count", has_text="119").wait_for()


def test_what_waits_is_gone_through_to_the_next_page(address, page):
    log_in(page, "ines", f"{address}?waiting=1")
    page.locator("[data-item]").nth(49).evaluate("item => { item.tabIndex = -1; item.focus() }")
    page.keyboard.press("e")
    page.wait_for_function("() => document.activeElement.matches('.load-more a')")
    page.keyboard.press("Enter")
    page.locator("[data-item]:focus", has_text="Thought 050.").wait_for()
    page.keyboard.press("e")
    page.locator("[data-item]:focus", has_text="Thought 051.").wait_for()


def test_a_choice_made_at_the_start_of_the_video_leads_to_its_start(address, page):
    log_in(page, "ines", f"{address}?t=545")
    wait_until_played(page, 545)
    page.evaluate("document.getElementById('player').currentTime = 0")
    page.get_by_role("button", name="Copy link to 0:00").wait_for()
    page.get_by_role("link", name="Students").click()
    page.wait_for_url("**view=students**")
    assert "t=" not in page.url


def test_a_link_is_copied_and_the_address_opens_there(address, page):
    log_in(page, "ines", f"{address}?t=545")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    current(page, "Thought 065.")
    wait_until_played(page, 545)
    entry = page.locator(".entry", has_text="Thought 066.")
    entry.hover()
    entry.get_by_role("button", name="Copy link to this entry").click()
    page.get_by_text("The link to this entry was copied.").wait_for()
    page.goto(page.evaluate("navigator.clipboard.readText()"))
    current(page, "Thought 066.")
    page.keyboard.press("c")
    page.get_by_text("The link to 9:06 was copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").endswith(f"{address}?t=546")


def test_what_is_new_is_announced_and_shown_on_request(address, page):
    log_in(page, "ines", address)
    look_again = "document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate(look_again)
    student = factories.ProfileFactory(full_name="Cem Can")
    video = address.split("/")[2]
    factories.ReflectionFactory(student=student, video_id=video, content="Just written.")
    page.evaluate(look_again)
    notice = page.get_by_role("link", name="1 new")
    notice.wait_for()
    assert page.get_by_text("Just written.").count() == 0
    notice.click()
    entry = page.locator(".entry", has_text="Just written.")
    entry.get_by_text("New", exact=True).wait_for()
    assert notice.is_hidden()


@pytest.mark.parametrize("address", [5], indirect=True, ids=["each_fifth_second"])  # the same marks, shorter lists
def test_it_fits_and_is_accessible_at_every_width(address, page, assert_accessible):
    looks = [(320, "light"), (640, "light"), (1280, "dark")]  # 640 is 1280 at 200% zoom
    page.emulate_media(reduced_motion="reduce")
    log_in(page, "ines", address)
    for query in ("", "?view=students", "?q=nothing&from=2026-01-01"):
        page.set_viewport_size({"width": 320, "height": 700})
        page.goto(address + query)
        for width, _ in looks:
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, query
            player, track = (page.locator(part).bounding_box()["width"] for part in ("#player", "#track"))
            assert player >= track
        if not query:
            page.get_by_text("Numbers", exact=True).click()
        for width, theme in looks:
            page.set_viewport_size({"width": width, "height": 700})
            assert_accessible(page, [theme])
            targets = page.locator(".mark:visible .target").evaluate_all(
                "marks => marks.map(mark => { const box = mark.getBoundingClientRect();"
                " return [box.left, box.right, box.top, box.bottom] })"
            )
            assert targets
            for left, right, top, bottom in targets:
                assert min(right - left, bottom - top) >= 23.9
                assert left >= 0
                assert right <= width
            assert not [
                (one, other)
                for place, one in enumerate(targets)
                for other in targets[place + 1 :]
                if one[0] < other[1] - 0.1 and other[0] < one[1] - 0.1 and one[2] < other[3] and other[2] < one[3]
            ]
    told = page.get_by_text("The player says that this video is 16:42 long; its length is given as 20:00")
    assert told.is_hidden()
    Video.objects.update(duration_seconds=1200)
    page.goto(address)
    told.wait_for()
    for width, _ in looks:
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Shortcuts").click()
    for width, theme in looks:
        page.set_viewport_size({"width": width, "height": 700})
        assert_accessible(page, [theme])
    page.set_viewport_size({"width": 740, "height": 360})  # a phone, held sideways
    player, header = (page.locator(part).bounding_box()["height"] for part in ("#player", ".site-header"))
    assert player <= 360
    assert header < 64, "one row"


def test_it_works_without_javascript(address, browser, live_server):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page, "ines", address)
    page.get_by_role("link", name=re.compile("from 9:03 to 9:45")).click()
    page.get_by_text("Thought 063.").wait_for()
    assert page.get_by_text("Thought 062.").count() == 0
    assert page.locator("#player").get_attribute("src").endswith("#t=543")
    assert page.locator(".scripted:visible").count() == 0
    page.get_by_role("link", name="From the start").click()
    page.get_by_text("Thought 000.").wait_for()
    page.get_by_role("link", name="Newest first").click()
    page.get_by_role("checkbox", name="Waiting").check()
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Students").click()
    page.get_by_role("link", name="Watched").click()
    page.get_by_role("link", name="Ben Bright").click()
    page.get_by_role("heading", name="Ben Bright").wait_for()
    page.get_by_text("Nobody is waiting").wait_for()
    for part in ("waiting=1", "order=newest", "sort=coverage"):
        assert part in page.url
    page.get_by_role("link", name="Everyone").click()
    page.get_by_role("heading", name="Everyone").wait_for()
    context.close()


def test_a_page_on_paper_is_a_report_without_controls(address, page):
    log_in(page, "ines", f"{address}?kind=reflections")
    page.emulate_media(media="print")
    for shown in ("Whom to ask", "Thought 000.", "2 in the class, 2 watched"):
        assert page.get_by_text(shown).first.is_visible(), shown
    assert page.locator(".in-words").inner_text() == "Reflections"
    for control in ("button", "input", "video", "nav.tabs", "summary"):
        assert not [each for each in page.locator(control).all() if each.is_visible()], control
