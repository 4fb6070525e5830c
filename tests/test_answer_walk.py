"""Answering in a browser: by keyboard through the inbox, two at once, a log-in that runs out."""

import re

import pytest
from django.urls import reverse

from profiles.models import Session
from reflections.answers import answer
from reflections.models import Reflection
from tests import factories
from tests.test_log_in import PASSWORD
from tests.test_walk import log_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def video():
    """A video whose instructor can log in; of four reflections two are of one moment."""
    ines = factories.ProfileFactory(full_name="Ines Teixeira", email="ines@example.org", password=PASSWORD)
    video = factories.VideoFactory(lesson__course=factories.CourseInstructorFactory(instructor=ines).course)
    for name, second in (("Sara", 10), ("Tom", 100), ("Maya", 104), ("Nia", 300)):
        student = factories.ProfileFactory(full_name=name)
        factories.EnrollmentFactory(student=student, course=video.lesson.course)
        factories.ReflectionFactory(
            student=student, video=video, video_timestamp_seconds=second, content=f"{name} asks."
        )
    return video


def answers():
    return dict(Reflection.objects.values_list("student__full_name", "instructor_response"))


def test_the_inbox_is_answered_to_its_end_without_the_mouse(video, page, assert_accessible):
    log_in(page, "ines")
    page.get_by_role("link", name="Inbox").first.press("Enter")
    page.locator("#waiting-count", has_text="4 waiting").wait_for()
    page.wait_for_load_state()  # the keys listen from then on
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    keys.wait_for()
    page.keyboard.press("Escape")
    keys.wait_for(state="hidden")
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.get_by_label("Your answer to Sara").wait_for()
    assert_accessible(page)
    page.keyboard.press("Control+Enter")
    page.get_by_text("Write an answer first.").wait_for()
    page.keyboard.type("Yes.\nBut not yet.")
    page.keyboard.press("Control+Enter")

    tom = page.get_by_label("Your answer to Tom")
    tom.wait_for()
    assert tom.evaluate("element => element === document.activeElement")
    page.locator("#waiting-count", has_text="3 waiting").wait_for()
    assert page.locator("[data-item]").first.get_by_text("Answered").is_visible()
    page.keyboard.type("Half a thou")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Answer Tom"
    page.keyboard.press("k")
    page.keyboard.press("e")
    assert page.evaluate("document.activeElement.textContent.includes('Tom asks.')")
    page.reload()
    page.get_by_text("You have an unsent draft.").first.wait_for()
    page.get_by_role("link", name="Answer Tom").press("Enter")
    page.get_by_text("You had written this").wait_for()
    page.keyboard.type("ght.")
    page.keyboard.press("Control+Enter")

    page.get_by_label("Your answer to Nia").and_(page.locator(":focus")).wait_for()
    page.keyboard.type("Fine.")
    page.keyboard.press("Control+Enter")
    page.get_by_role("heading", name="Nobody is waiting").wait_for()
    assert page.evaluate("document.activeElement.id") == "inbox-done"
    assert_accessible(page)
    assert answers() == {"Sara": "Yes.\nBut not yet.", "Tom": "Half a thought.", "Maya": None, "Nia": "Fine."}
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('draft:'))") == []

    page.get_by_role("link", name="Edit the answer to Nia").press("Enter")
    page.get_by_label("Your answer to Nia").fill("Better.")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("edited").wait_for()


def test_what_could_not_be_loaded_opens_no_form_when_it_is_loaded_later(video, page):
    for number in range(18):
        factories.ReflectionFactory(video=video, video_timestamp_seconds=400 + 10 * number)
    log_in(page, "ines", reverse("inbox"))
    page.wait_for_load_state()
    page.route("**/inbox/?after=**", lambda route: route.abort())
    page.locator("[data-item]").nth(19).get_by_role("link", name="Answer").last.click()
    page.locator(".slot textarea").fill("Yes.")
    page.keyboard.press("Control+Enter")
    page.get_by_text("The server cannot be reached").wait_for()
    page.locator(".load-more a:focus").wait_for()
    page.unroute_all()
    page.keyboard.press("Enter")
    page.locator("[data-item]").nth(20).wait_for()
    page.locator("[data-item]:focus").wait_for()
    assert page.locator(".slot form").count() == 0


def test_who_is_second_chooses_and_loses_nothing(video, page, assert_accessible):
    log_in(page, "ines", reverse("video_journey", args=[video.pk]))
    waiting = int(page.locator("#waiting-count").text_content())
    page.get_by_role("link", name="Answer Sara").click()
    page.get_by_label("Your answer to Sara").fill("Mine.")
    sara = Reflection.objects.get(student__full_name="Sara")
    answer(sara.pk, by=factories.ProfileFactory(full_name="Henrik Solberg"), text="His.", seen="")
    page.get_by_role("button", name="Send").click()
    notice = page.get_by_role("alert")
    notice.wait_for()
    assert "Henrik Solberg answered while you were writing" in notice.text_content()
    page.locator("#waiting-count").filter(has_text=re.compile(f"^{waiting - 1}$")).wait_for()  # and the track
    assert notice.evaluate("element => element === document.activeElement")
    assert page.get_by_text("His.").is_visible()
    assert page.get_by_label("Your answer to Sara").input_value() == "Mine."
    assert_accessible(page)
    page.get_by_role("button", name="Replace it with mine").click()
    page.get_by_text("edited").wait_for()
    assert answers()["Sara"] == "Mine."
    page.locator(".entry:focus").wait_for()


def test_a_log_in_that_runs_out_costs_no_words(video, page):
    log_in(page, "ines")
    journey = reverse("video_journey", args=[video.pk])
    page.goto(journey)
    page.get_by_role("link", name="Answer Sara").click()
    page.get_by_label("Your answer to Sara").fill("A long answer.")
    Session.objects.all().delete()
    page.get_by_role("button", name="Send").click()
    page.get_by_label("E-mail address").fill("ines@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(journey))
    page.get_by_role("link", name="Answer Sara").click()
    page.get_by_text("You had written this").wait_for()
    assert page.get_by_label("Your answer to Sara").input_value() == "A long answer."
    page.get_by_role("button", name="Send").click()
    page.get_by_role("link", name="Edit the answer to Sara").wait_for()
    assert answers()["Sara"] == "A long answer."

    page.goto(reverse("moment", args=[video.pk, 100]))
    page.get_by_label("One answer for all").fill("For both.")
    page.locator("summary").nth(1).click()
    page.get_by_role("button", name="Start from the answer for all").click()
    page.keyboard.type(" And for you, Maya.")
    page.keyboard.press("Control+Enter")
    page.get_by_text("Your answer was sent to 2 students.").wait_for()
    assert [answers()[name] for name in ("Tom", "Maya")] == ["For both.", "For both. And for you, Maya."]
