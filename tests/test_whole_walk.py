"""All that a student does in a browser from enrolling to completing a course, and the instructor sees all of it."""

import pytest
from django.core.files import File
from django.urls import reverse
from playwright.sync_api import expect

from courses.models import Enrollment
from goals.models import Goal
from reflections.models import Reflection
from tests import factories
from tests.test_walk import log_in
from timeline.models import Activity

pytestmark = pytest.mark.django_db(transaction=True)

DURATION = 6  # seconds that the lesson has of a longer film


@pytest.fixture
def video(settings, tmp_path):
    """The one video of a course, with a checkpoint at 0:01 and at 0:03 a quiz that holds; Sara is in no course."""
    settings.MEDIA_ROOT = tmp_path
    ines = factories.ProfileFactory(full_name="Ines Teixeira", email="ines@example.org")
    factories.ProfileFactory(full_name="Sara Lindqvist", email="sara@example.org")
    video = factories.VideoFactory(title="Whom to ask", duration_seconds=DURATION)
    factories.CourseInstructorFactory(instructor=ines, course=video.lesson.course)
    with (settings.BASE_DIR / "demo" / "videos" / "call.webm").open("rb") as film:
        video.file.save("call.webm", File(film))
    factories.CheckpointFactory(video=video, video_timestamp_seconds=1, title="The three questions")
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=3, title="Who decides?", skippable=False)
    factories.QuizQuestionFactory(quiz=quiz)
    return video


def ids_of_entries(page):
    return set(page.locator("article.entry").evaluate_all("entries => entries.map((entry) => entry.id)"))


def test_what_a_student_does_from_enrolling_to_the_end_stands_on_all_three_pages(video, page):
    log_in(page, "sara")
    page.get_by_role("link", name="My goals", exact=True).click()
    page.wait_for_load_state()
    page.get_by_role("link", name="Set a goal").click()
    page.get_by_label("Goal", exact=True).fill("Earn $1K")
    page.get_by_label("Make it my current goal now").check()
    page.keyboard.press("Control+Enter")
    page.locator(".goal[data-state=current]", has_text="Earn $1K").wait_for()

    page.goto(reverse("catalogue"))
    page.get_by_role("link", name=video.lesson.course.title).click()
    page.get_by_role("button", name="Enrol").click()
    page.get_by_role("link", name="Continue with the next step").click()
    page.wait_for_load_state()
    page.wait_for_function("() => document.getElementById('player').readyState > 1")
    page.evaluate("() => Object.assign(document.getElementById('player'), { muted: true, playbackRate: 2 }).play()")
    stop = page.get_by_role("region", name="Quiz at 0:03: Who decides?")
    stop.get_by_role("button", name="Start").click()
    stop.get_by_label("The customer").check()
    stop.get_by_role("button", name="Hand in").click()
    stop.get_by_text("Passed: 100%").wait_for()
    stop.get_by_role("button", name="Keep watching").click()
    page.wait_for_function("() => document.getElementById('player').currentTime > 4")
    page.get_by_label("What do you think?").fill("And if nobody answers?")
    paused_at = page.evaluate("() => document.getElementById('player').currentTime")
    page.keyboard.press("Control+Enter")
    page.locator(".entry", has_text="And if nobody answers?").wait_for()
    page.wait_for_function(f"() => document.getElementById('player').currentTime >= {DURATION}")
    page.evaluate("() => document.getElementById('player').pause()")
    expect(page.locator("[data-percent]")).to_have_text("100")

    page.get_by_role("link", name=video.lesson.course.title).click()
    page.get_by_text("You completed this course on").wait_for()
    page.get_by_role("link", name="My days", exact=True).click()
    page.wait_for_load_state()
    page.get_by_label("Write a daily note").fill("Asked the baker next door.")
    page.keyboard.press("Control+Enter")
    page.locator(".entry", has_text="Asked the baker next door.").wait_for()
    page.context.clear_cookies()

    sara = Enrollment.objects.get().student
    done = Activity.objects.filter(student=sara)
    kinds = sorted(done.exclude(activity_type="video_progress").values_list("activity_type", flat=True))
    assert kinds == [
        "checkpoint_reached", "course_completion", "course_enrollment", "daily_note", "lesson_completion",
        "quiz_attempt", "quiz_completion", "text_reflection", "video_completion",
    ]  # fmt: skip
    # A player goes on a little after it was told to pause.
    assert int(paused_at - 0.1) <= Reflection.objects.get().video_timestamp_seconds <= int(paused_at)
    # Steps are one line, and an attempt beside its passing is the passing.
    listed = done.exclude(activity_type__in=["video_progress", "quiz_attempt"])

    log_in(page, "ines", reverse("video_journey", args=[video.pk]) + f"?student={sara.pk}")
    places = {
        "the journey": (page.url, listed.filter(video=video)),
        "the days": (reverse("student_days", args=[sara.pk]), listed),
        "the goals": (reverse("student_goal", args=[sara.pk, Goal.objects.get().pk]), listed),
    }
    for name, (address, entries) in places.items():
        page.goto(address)
        page.get_by_text("Watched to 90%").first.wait_for()
        missing = {f"entry-{pk}" for pk in entries.values_list("pk", flat=True)} - ids_of_entries(page)
        assert not missing, name
        assert page.get_by_text("And if nobody answers?").count(), name


def test_without_javascript_a_video_plays_and_its_quiz_and_a_reflection_work(video, browser, live_server):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page, "sara", reverse("course", args=[video.lesson.course_id]))
    page.get_by_role("button", name="Enrol").click()
    page.get_by_role("link", name="Continue with the next step").click()
    page.locator("video[controls]").evaluate("player => Object.assign(player, { muted: true }).play()")
    page.get_by_role("link", name="Quiz at 0:03: Who decides?").click()
    page.get_by_role("button", name="Start").click()
    page.get_by_label("The customer").check()
    page.get_by_role("button", name="Hand in").click()
    page.get_by_role("heading", name="Passed: 100%").wait_for()
    page.get_by_role("link", name="Whom to ask").click()
    page.get_by_label("What do you think?").fill("And if nobody answers?")
    page.get_by_label("Moment").fill("0:99")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("What do you think?")).to_have_value("And if nobody answers?")
    page.get_by_label("Moment").fill("0:05")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Your reflection at 0:05 is saved.").wait_for()
    page.locator(".entry", has_text="And if nobody answers?").wait_for()
    context.close()
    assert Reflection.objects.get().video_timestamp_seconds == 5
