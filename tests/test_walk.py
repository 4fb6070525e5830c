"""A walk through the site in a browser: as an instructor, as a student, with the keyboard, without JavaScript."""

import datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from tests import factories
from timeline import queries

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a long enough password"
# Noon of yesterday in New York, or an hour beside it: one day's entries, at whatever hour the tests run.
YESTERDAY = timezone.now().replace(hour=17, minute=0, second=0, microsecond=0) - datetime.timedelta(days=1)


@pytest.fixture
def school():
    """A course whose instructor and student can log in, with three pages of reflections."""
    instructor = factories.ProfileFactory(full_name="Ines Teixeira", email="ines@example.org", password=PASSWORD)
    course = factories.CourseInstructorFactory(instructor=instructor).course
    video = factories.VideoFactory(lesson__course=course)
    sara = factories.ProfileFactory(full_name="Sara Lindqvist", email="sara@example.org", password=PASSWORD)
    tom = factories.ProfileFactory(full_name="Tom Abara", email="tom@example.org", password=PASSWORD)
    for student in (sara, tom):
        factories.EnrollmentFactory(student=student, course=course)
        factories.VideoProgressFactory(student=student, video=video)
    factories.GoalPeriodFactory(goal__student=sara)
    for second in range(120):
        factories.ReflectionFactory(
            student=sara,
            video=video,
            video_timestamp_seconds=second,
            content=f"Thought {second:03}.",
            created_at=YESTERDAY + datetime.timedelta(minutes=second),
        )
    factories.QuizAttemptFactory(student=tom, quiz=factories.QuizFactory(video=video, video_timestamp_seconds=90))
    return {"video": video, "sara": sara, "tom": tom, "course": course}


def log_in(page, name):
    page.goto("/")
    page.get_by_label("E-mail address").fill(f"{name}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Hello").wait_for()


def test_an_instructor_opens_a_journey_filters_it_pages_through_it_and_goes_to_a_student(
    school, page, assert_accessible
):
    log_in(page, "ines")
    assert_accessible(page)
    page.get_by_role("link", name=school["course"].title).click()
    assert_accessible(page)
    page.get_by_role("link", name=school["video"].title).click()
    page.get_by_text("121 entries").wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("2 students watched 10 %").wait_for()

    page.get_by_role("checkbox", name="Reflections").check()
    page.get_by_text("120 entries").wait_for()
    assert page.url.endswith("?kind=reflections")
    assert page.get_by_text("2 students watched 10 %").count() == 0

    entries = page.locator(".entry")
    assert entries.count() == 50
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("Thought 099.").wait_for()
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("Thought 119.").wait_for()
    assert entries.count() == 120
    assert page.get_by_role("link", name="Load more").count() == 0

    page.go_back()
    page.get_by_text("121 entries").wait_for()
    page.get_by_role("checkbox", name="Watching").check()
    page.get_by_text("0 entries").wait_for()
    page.locator("#people").get_by_role("link", name="Tom Abara").click()
    assert "kind=watching" in page.url
    assert page.get_by_role("checkbox", name="Watching").is_checked()
    page.get_by_role("heading", name="Tom Abara").wait_for()
    page.get_by_text("Watched to 50 %").wait_for()
    assert page.get_by_text("Thought 000.").count() == 0

    page.goto(reverse("video_journey", args=[school["video"].pk]))
    page.locator(".entry").get_by_role("link", name="Sara Lindqvist").first.click()
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_text("Thought 001.").wait_for()
    assert_accessible(page)


def test_a_student_sees_own_days_and_goals_and_not_anothers(school, page, assert_accessible):
    log_in(page, "sara")
    assert_accessible(page)
    page.get_by_role("link", name="My days", exact=True).click()
    page.get_by_text("wrote").first.wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="More of this day").first.click()
    page.locator(".entry").nth(30).wait_for()

    page.get_by_role("link", name="My goals", exact=True).click()
    page.get_by_role("heading", name="$1K a month").wait_for()
    assert_accessible(page)
    page.get_by_role("link", name="More of this goal").click()
    page.locator(".entry").nth(30).wait_for()
    page.get_by_role("link", name="$1K a month").click()
    page.get_by_text("120 reflections").wait_for()

    for name in ("student_days", "student_goals"):
        response = page.goto(reverse(name, args=[school["tom"].pk]))
        assert response.status == 404
    assert page.goto(reverse("video_journey", args=[school["video"].pk])).status == 404
    page.get_by_text("There is no such page").wait_for()


def test_a_day_pages_within_itself_and_leads_to_its_neighbours(school, page):
    log_in(page, "sara")
    factories.DailyNoteFactory(student=school["sara"], created_at=timezone.now() - datetime.timedelta(days=5))
    before = queries.today() - datetime.timedelta(days=5)
    page.goto(reverse("student_day", args=[school["sara"].pk, before.isoformat()]))
    page.get_by_text("Wrote to five shops").wait_for()
    page.get_by_role("navigation", name="Days").get_by_role("link").first.click()
    page.locator(".entry").nth(1).wait_for()


def test_everything_can_be_reached_with_the_keyboard_alone(school, page):
    log_in(page, "ines")
    page.goto(reverse("video_journey", args=[school["video"].pk]))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.get_by_role("checkbox", name="Quizzes").focus()
    page.keyboard.press("Space")
    page.get_by_text("1 entry").wait_for()
    page.wait_for_function("document.activeElement.value === 'quizzes'")
    page.keyboard.press("Space")
    page.get_by_role("link", name="Load more").press("Enter")
    page.get_by_text("Thought 060.").wait_for()
    assert page.evaluate("document.activeElement.closest('li') !== null")


@pytest.mark.parametrize(("width", "theme"), [(320, "dark"), (1600, "light")])
def test_every_page_fits_and_is_accessible_in_both_themes(school, page, assert_accessible, width, theme):
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    log_in(page, "ines")
    sara, video = school["sara"], school["video"]
    goal = sara.goals.get()
    for address in (
        "/",
        reverse("course", args=[school["course"].pk]),
        reverse("video_journey", args=[video.pk]),
        reverse("student_days", args=[sara.pk]),
        reverse("student_day", args=[sara.pk, queries.today().isoformat()]),
        reverse("student_goals", args=[sara.pk]),
        reverse("student_goal", args=[sara.pk, goal.pk]),
        reverse("inbox"),
        reverse("moment", args=[video.pk, 0]),
        reverse("answer", args=[sara.reflections.first().pk]),
    ):
        assert page.goto(address).ok
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert_accessible(page)


def test_it_works_without_javascript(school, browser, live_server):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page, "ines")
    page.goto(reverse("video_journey", args=[school["video"].pk]))
    page.get_by_role("checkbox", name="Reflections").check()
    page.get_by_role("button", name="Show").click()
    page.get_by_text("120 entries").wait_for()
    page.get_by_role("link", name="Load more").click()
    page.get_by_text("Thought 060.").wait_for()
    assert page.get_by_text("Thought 010.").count() == 0
    page.get_by_label("Search students by name").fill("abar")
    page.get_by_label("Search students by name").press("Enter")
    page.locator("#people").get_by_role("link", name="Tom Abara").click()
    page.get_by_role("heading", name="Tom Abara").wait_for()
    context.close()
