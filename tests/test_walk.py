"""A walk through the site in a browser: as an instructor, as a student, with the keyboard, without JavaScript."""

import datetime
import re
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from profiles.models import Profile
from tests import chromium, factories
from timeline import queries
from timeline.models import DAY_ZONE, Activity

pytestmark = pytest.mark.django_db(transaction=True)

# Noon of yesterday in New York: one day's entries, at whatever hour the tests run.
NOON = datetime.datetime.now(DAY_ZONE).replace(hour=12, minute=0, second=0, microsecond=0)
YESTERDAY = (NOON - datetime.timedelta(days=1)).astimezone(datetime.UTC)


@pytest.fixture
def school(request):
    """A course whose instructor and student can log in, with three pages of reflections, or `request.param` of them."""
    instructor = factories.ProfileFactory(full_name="Ines Teixeira", email="ines@example.org")
    course = factories.CourseInstructorFactory(instructor=instructor).course
    video = factories.VideoFactory(lesson__course=course)
    sara = factories.ProfileFactory(full_name="Sara Lindqvist", email="sara@example.org")
    tom = factories.ProfileFactory(full_name="Tom Abara", email="tom@example.org")
    for student in (sara, tom):
        factories.EnrollmentFactory(student=student, course=course)
        factories.VideoProgressFactory(student=student, video=video)
    factories.GoalPeriodFactory(goal__student=sara)
    for second in range(getattr(request, "param", 120)):
        factories.ReflectionFactory(
            student=sara,
            video=video,
            video_timestamp_seconds=second,
            content=f"Thought {second:03}.",
            created_at=YESTERDAY + datetime.timedelta(minutes=second),
        )
    factories.QuizAttemptFactory(student=tom, quiz=factories.QuizFactory(video=video, video_timestamp_seconds=90))
    return {"video": video, "sara": sara, "tom": tom, "course": course}


def log_in(page, name, to="/"):
    """Open `to` with the session that logging in gives."""
    client = Client()
    client.force_login(Profile.objects.get(email=f"{name}@example.org"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "domain": "localhost", "path": "/"}])
    page.goto(to)


def test_an_instructor_opens_a_journey_filters_it_pages_through_it_and_goes_to_a_student(
    school, page, assert_accessible
):
    log_in(page, "ines")
    page.get_by_role("link", name=school["course"].title, exact=True).click()
    page.get_by_role("link", name=school["video"].title, exact=True).click()
    page.locator("#showing", has_text="Showing 1–50 of 121").wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("2 students watched 10%").wait_for()
    page.locator("#showing", has_text="Showing 1–100 of 121").wait_for()

    page.get_by_role("checkbox", name="Reflections").check()
    page.locator("#showing", has_text="Showing 1–50 of 120").wait_for()
    assert page.url.endswith("?kind=reflections")
    assert page.get_by_text("2 students watched 10%").count() == 0

    entries = page.locator(".entry")
    assert entries.count() == 50
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("Thought 099.").wait_for()
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("Thought 119.").wait_for()
    assert entries.count() == 120
    assert page.get_by_role("link", name="Load more").count() == 0

    page.go_back()
    page.locator("#showing", has_text="Showing 1–50 of 121").wait_for()
    page.wait_for_load_state()
    page.get_by_role("checkbox", name="Watching").check()
    page.locator("#showing", has_text="How far students got").wait_for()
    page.get_by_role("link", name="Students").click()
    page.locator(".roster").get_by_role("link", name="Tom Abara").click()
    page.get_by_role("heading", name="Tom Abara").wait_for()
    assert "kind=watching" in page.url
    assert page.get_by_role("checkbox", name="Watching").is_checked()
    page.get_by_text("Watched to 50%").wait_for()
    assert page.get_by_text("Thought 000.").count() == 0

    page.goto(reverse("video_journey", args=[school["video"].pk]))
    page.locator(".entry").get_by_role("link", name="Sara Lindqvist").first.click()
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_text("Thought 001.").wait_for()


def test_a_student_sees_own_days_and_goals_and_not_anothers(school, page, assert_accessible):
    log_in(page, "sara")
    assert_accessible(page)
    page.get_by_role("link", name="My days", exact=True).click()
    page.get_by_text("wrote").first.wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="All 120 of this day").click()
    page.locator(".entry").nth(30).wait_for()

    page.get_by_role("link", name="My goals", exact=True).click()
    page.get_by_role("heading", name="$1K a month").wait_for()
    assert_accessible(page)
    page.get_by_text("120 reflections").wait_for()
    page.get_by_role("heading", name="$1K a month").get_by_role("link").click()
    page.wait_for_load_state()  # from then on more is loaded in place
    page.get_by_role("link", name="Later weeks").click()
    page.locator(".entry").nth(60).wait_for()

    for name in ("student_days", "student_goals"):
        response = page.goto(reverse(name, args=[school["tom"].pk]))
        assert response.status == 404
    assert page.goto(reverse("video_journey", args=[school["video"].pk])).status == 404
    page.get_by_text("Page not found").wait_for()


def test_a_day_pages_within_itself_and_leads_to_its_neighbours(school, page):
    log_in(page, "sara")
    before = YESTERDAY - datetime.timedelta(days=4)
    factories.DailyNoteFactory(student=school["sara"], created_at=before)
    page.goto(reverse("student_day", args=[school["sara"].pk, timezone.localdate(before).isoformat()]))
    page.get_by_text("Wrote to five shops").wait_for()
    page.get_by_role("navigation", name="Days").get_by_role("link").first.click()
    page.locator(".entry").nth(1).wait_for()


def test_a_students_days_are_gone_through_with_the_keyboard_and_filtered(school, page, assert_accessible):
    sara = school["sara"]
    for back in (2, 3, 10, 30, 31, 32, 33):
        factories.DailyNoteFactory(student=sara, created_at=YESTERDAY - datetime.timedelta(days=back))
    log_in(page, "ines", reverse("student_days", args=[sara.pk]))
    assert_accessible(page)
    weeks = page.get_by_role("region", name="The last 53 weeks")
    assert weeks.evaluate("element => [element.clientWidth % 24, element.scrollLeft]") == [0, 0], "whole, the newest"
    weeks.evaluate("element => element.scrollBy(-100, 0)")
    page.wait_for_function("() => document.querySelector('.calendar-scroll').scrollLeft % 24 === 0")
    assert weeks.evaluate("element => element.scrollLeft") in (-96, -120)
    page.get_by_role("link", name="Skip the calendar").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    focused = "document.activeElement.querySelector('title')?.textContent"
    assert page.evaluate(focused), "the newest day is where the Tab key enters"
    for key, back in (("Home", 33), ("ArrowDown", 32), ("ArrowRight", 10), ("ArrowRight", 3), ("ArrowLeft", 10)):
        page.keyboard.press(key)
        there = YESTERDAY - datetime.timedelta(days=back)
        assert page.evaluate(focused) == f"{there:%A}, {there.day} {there:%B %Y}: 1 entry"
    page.keyboard.press("ArrowUp")
    there = YESTERDAY - datetime.timedelta(days=30)
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "The last 53 weeks"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name=f"{there:%A}, {there.day} {there:%B}").wait_for()

    page.go_back()
    page.get_by_text("6 quiet days").wait_for()
    page.evaluate("document.querySelector('.calendar').dataset.old = ''")
    page.evaluate("htmx.trigger(document.body, 'said')")
    page.locator(".calendar:not([data-old])").wait_for()
    page.wait_for_function("() => document.querySelectorAll('.calendar-day[tabindex=\"0\"]').length === 1")
    page.get_by_role("link", name="Earlier days").press("Enter")
    page.locator(".day").nth(7).wait_for()
    page.wait_for_function("() => document.activeElement.matches('.days > ol > li')")
    page.get_by_label("Notes and messages").check()
    page.locator("#days").get_by_text("7 entries found").wait_for()
    assert page.locator("#status").text_content() == "7 entries found"
    assert "kind=notes" in page.url
    assert page.locator(".gap").count() == 0
    page.get_by_placeholder("Search entries and answers").fill("bicycle")
    page.get_by_placeholder("Search entries and answers").press("Enter")
    page.get_by_text("Nothing matches all of this").wait_for()
    assert page.get_by_label("Notes and messages").is_checked()


def test_a_time_says_on_hover_what_the_readers_clock_showed_where_it_is_not_new_yorks(school, browser, live_server):
    moment = Activity.objects.filter(activity_type="text_reflection").earliest("created_at").created_at
    titles = {}
    for zone in ("Asia/Tokyo", "America/New_York"):
        context = browser.new_context(base_url=live_server.url, timezone_id=zone)
        page = context.new_page()
        log_in(page, "ines", reverse("student_days", args=[school["sara"].pk]))
        page.locator(".entry time").first.wait_for()
        titles[zone] = page.locator(f"time[datetime='{timezone.localtime(moment).isoformat()}']").get_attribute("title")
        context.close()
    assert titles["America/New_York"] is None
    there = moment.astimezone(ZoneInfo("Asia/Tokyo"))
    told = f"{there:%b} {there.day}, {there:%Y}, {there:%-I:%M %p} where you are"
    assert " ".join(titles["Asia/Tokyo"].split()) == told


def test_what_happened_since_one_last_spoke_prints_on_one_page(school, page):
    sara, video = school["sara"], school["video"]
    goal = sara.goals.get()
    ines = Profile.objects.get(email="ines@example.org")
    factories.GoalMessageFactory(student=sara, author=ines, created_at=YESTERDAY - datetime.timedelta(days=60))
    for number in range(9):
        factories.GoalMilestoneFactory(goal=goal, title=f"Milestone {number}: {'a long title ' * 9}")
        factories.ReflectionFactory(student=sara, video=video, content="Many words. " * 400)
    log_in(page, "ines", reverse("student_since", args=[sara.pk]))
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="A4"))) == 1
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="Letter"))) == 1


def test_everything_can_be_reached_with_the_keyboard_alone(school, page):
    log_in(page, "ines", reverse("video_journey", args=[school["video"].pk]))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.get_by_role("checkbox", name="Quizzes").focus()
    page.keyboard.press("Space")
    page.locator("#showing", has_text="Showing 1–1 of 1").wait_for()
    page.wait_for_function("() => document.activeElement.value === 'quizzes'")
    page.keyboard.press("Space")
    page.get_by_role("link", name="Load more").press("Enter")
    page.get_by_text("Thought 060.").wait_for()
    assert page.evaluate("document.activeElement.closest('li') !== null")


@pytest.mark.parametrize("school", [54], indirect=True, ids=["a_page_and_four_reflections"])
def test_every_page_fits_and_is_accessible_in_both_themes(school, page, assert_accessible):
    page.emulate_media(reduced_motion="reduce")
    log_in(page, "ines")
    sara, video = school["sara"], school["video"]
    goal = sara.goals.get()
    for address in (
        "/",
        reverse("course", args=[school["course"].pk]),
        reverse("video_journey", args=[video.pk]),
        reverse("student_days", args=[sara.pk]),
        reverse("student_day", args=[sara.pk, queries.today().isoformat()]),
        reverse("student_day", args=[sara.pk, timezone.localdate(YESTERDAY).isoformat()]),
        reverse("student_since", args=[sara.pk]),
        reverse("student_goals", args=[sara.pk]),
        reverse("student_goal", args=[sara.pk, goal.pk]),
        reverse("inbox"),
        reverse("moment", args=[video.pk, 0]),
        reverse("answer", args=[sara.reflections.first().pk]),
    ):
        page.set_viewport_size({"width": 320, "height": 900})
        assert page.goto(address).ok
        for width, theme in ((320, "dark"), (1600, "light")):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
            assert_accessible(page, [theme])


@pytest.mark.parametrize("school", [1], indirect=True, ids=["one_reflection"])
def test_a_list_below_tabs_does_not_cover_the_words_above_it(school, page):
    factories.GoalMilestoneFactory(goal=school["sara"].goals.get(), reached_at=timezone.now())
    log_in(page, "ines", f"{reverse('class_movement', args=[school['course'].pk])}?show=reached")
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        words, rows = (page.locator(part).bounding_box() for part in ("main > .help", "main > .rows"))
        assert words["y"] + words["height"] <= rows["y"]


def test_it_works_without_javascript(school, browser, live_server):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page, "ines", reverse("video_journey", args=[school["video"].pk]))
    page.get_by_role("checkbox", name="Reflections").check()
    page.get_by_role("button", name="Show").click()
    page.locator("#showing", has_text="Showing 1–50 of 120").wait_for()
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("Thought 060.").wait_for()
    assert page.get_by_text("Thought 010.").count() == 0
    page.get_by_role("link", name="Students").click()
    page.get_by_label("Search students by name").fill("abar")
    page.get_by_label("Search students by name").press("Enter")
    page.get_by_text("Sara Lindqvist").wait_for(state="detached")
    page.locator(".roster").get_by_role("link", name="Tom Abara").click()
    page.get_by_role("heading", name="Tom Abara").wait_for()

    page.goto(reverse("student_days", args=[school["sara"].pk]))
    page.get_by_label("Reflections").check()
    page.get_by_placeholder("Search entries and answers").fill("thought 11")
    page.get_by_role("button", name="Show").click()
    page.get_by_text("10 entries found").wait_for()
    page.get_by_role("link", name=re.compile("120 entries$")).first.click()
    page.get_by_text("Thought 003.").wait_for()
    context.close()


def test_who_logs_out_leaves_no_page_to_those_who_press_the_back_button(
    school, playwright, browsers_path, browser, live_server
):
    peoples = {"ignore_default_args": ["--disable-back-forward-cache"]}  # theirs have one
    with chromium.launch(playwright, browsers_path, **peoples) as browser_of_people:
        page = browser_of_people.new_context(base_url=live_server.url).new_page()
        log_in(page, "sara", "/days/")
        page.evaluate("window.isKept = true")
        page.goto("/goals/")
        page.evaluate("history.back()")
        expect(page.get_by_role("heading", name="My days")).to_be_visible()
        assert page.evaluate("window.isKept"), "pages do not come back out of memory: what follows shows nothing"
        page.evaluate("document.querySelector('form[action=\"/logout/\"]').requestSubmit()")
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        page.evaluate("history.back()")
        page.wait_for_url("**/login/?next=/days/")
