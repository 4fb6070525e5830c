"""The whole life of a goal, driven in a browser: by its student with the keyboard, and by their instructor."""

import datetime
import re

import pytest
from django.urls import reverse
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from goals.models import Goal, GoalCorrection, SuccessProof
from tests import factories, samples
from tests.test_walk import log_in

pytestmark = pytest.mark.django_db(transaction=True)

day = datetime.timedelta(days=1)


def test_a_goal_is_proposed_lived_with_and_reached(page, assert_accessible):
    instructor = factories.ProfileFactory(full_name="Ines Teixeira", email="ines@example.org")
    sara = factories.ProfileFactory(full_name="Sara Lindqvist", email="sara@example.org")
    course = factories.CourseInstructorFactory(instructor=instructor).course
    factories.EnrollmentFactory(student=sara, course=course, enrolled_at=timezone.now() - 50 * day)
    start = timezone.now() - 40 * day
    old = factories.GoalFactory(student=sara, title="Old goal", created_at=start)
    factories.GoalPeriodFactory(goal=old, period=TimestamptzRange(start, None))
    for number in range(60):
        at = start + number * datetime.timedelta(hours=12)
        factories.DailyNoteFactory(student=sara, content=f"Note {number:02}.", created_at=at)

    # The instructor proposes.
    log_in(page, "ines", reverse("student_goals", args=[sara.pk]))
    page.wait_for_load_state()
    page.get_by_role("link", name="Propose a goal").press("Enter")
    title = page.get_by_label("Goal", exact=True)
    title.wait_for()
    assert title.evaluate("element => element === document.activeElement")
    page.keyboard.type("Earn $1K")
    page.keyboard.press("Control+Enter")
    page.get_by_text("proposed by Ines Teixeira").wait_for()
    assert_accessible(page)
    page.context.clear_cookies()

    # The student opens what led to the old goal, and pages through it in place.
    log_in(page, "sara", "/goals/")
    page.wait_for_load_state()
    page.get_by_text("What led to it: 60 entries").press("Enter")
    page.get_by_text("Note 00.").wait_for()
    page.get_by_role("link", name="Later weeks").press("Enter")
    page.get_by_text("Note 59.").wait_for()
    assert page.get_by_text("wrote", exact=False).count() > 4
    assert_accessible(page)

    # Accepts, and is told what that ends.
    page.get_by_role("link", name="Accept Earn $1K").press("Enter")
    days = (timezone.localdate() - timezone.localdate(start)).days + 1  # 40 in the hour before midnight, in winter
    told = f"“Old goal” pauses today after {days} days; what you do from now on counts towards “Earn $1K”."
    page.get_by_text(told).wait_for()
    assert_accessible(page)
    page.get_by_label("Make it my current goal now").check()
    page.get_by_role("button", name="Accept it").press("Enter")
    goal = page.locator(".goal[data-state=current]", has_text="Earn $1K")
    goal.wait_for()
    page.wait_for_function("() => document.activeElement.matches('.goal[data-state=current]')")
    assert page.locator("#status").inner_text() == "“Earn $1K” is on your path."
    page.locator(".goal[data-state=paused]", has_text="Old goal").wait_for()

    # A milestone is planned and reached; Escape leaves a form and gives the keyboard back.
    plan = goal.get_by_role("link", name="Plan a milestone")
    plan.press("Enter")
    goal.get_by_label("Milestone").wait_for()
    page.keyboard.press("Escape")
    assert plan.evaluate("element => element === document.activeElement")
    plan.press("Enter")
    goal.get_by_label("Milestone").fill("First client")
    page.keyboard.press("Enter")
    goal.get_by_role("button", name=re.compile("Mark as reached.*First client")).press("Enter")
    goal.get_by_role("button", name=re.compile("Mark as not reached.*First client")).wait_for()

    # Proof; what is wrong is said in the form.
    goal.get_by_role("link", name="Submit proof").press("Enter")
    goal.get_by_label("What shows it").wait_for()
    page.keyboard.press("Control+Enter")
    goal.get_by_text("Write something").wait_for()
    goal.get_by_label("What shows it").fill("An invoice, paid.")
    invoice = {"name": "invoice.pdf", "mimeType": "application/pdf", "buffer": samples.pdf()}
    goal.get_by_label("Picture, recording or document").set_input_files(invoice)
    goal.get_by_text("The document is attached but not sent yet.").wait_for()
    assert_accessible(page)
    goal.get_by_label("What shows it").press("Control+Enter")
    goal.get_by_role("link", name="An invoice, paid.").wait_for()
    proof = SuccessProof.objects.get()
    assert (proof.goal.title, proof.media_type) == ("Earn $1K", "document")

    # Another tab has switched: this one is told, and does nothing.
    goal.get_by_role("link", name="I have reached it").press("Enter")
    goal.get_by_text("“Earn $1K” ends today after 1 day, reached.").wait_for()
    tab = page.context.new_page()
    tab.goto(reverse("make_current", args=[sara.pk, old.pk]))
    tab.get_by_role("button", name="Make it current").click()
    tab.locator(".goal[data-state=current]", has_text="Old goal").wait_for()
    tab.close()
    page.get_by_role("button", name="I have reached it").press("Enter")
    page.get_by_text("“Old goal” is your current goal now.").wait_for()
    assert_accessible(page)
    page.get_by_role("button", name="I have reached it").press("Enter")
    page.locator(".goal[data-state=reached]", has_text="Earn $1K").wait_for()
    assert {each.title: each.state for each in Goal.objects.all()} == {"Old goal": "current", "Earn $1K": "reached"}
    assert_accessible(page)
    page.context.clear_cookies()

    # The instructor corrects, and the log tells.
    log_in(page, "ines", reverse("student_goals", args=[sara.pk]))
    page.wait_for_load_state()
    page.get_by_role("link", name="Correct the dates of Old goal").first.press("Enter")
    page.get_by_label("It began").fill((timezone.localtime(start) + 3 * day).strftime("%Y-%m-%dT%H:%M"))
    page.get_by_label("Why").fill("She began later.")
    page.get_by_role("button", name="Show what moves").press("Enter")
    page.get_by_text("entries move from “Old goal” to no goal").wait_for()
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 320, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert_accessible(page)
    page.get_by_role("button", name="Correct it").press("Enter")
    page.get_by_role("link", name="What was corrected").press("Enter")
    page.get_by_text(f"{GoalCorrection.objects.get().moved} entries moved from “Old goal” to no goal.").wait_for()
    assert_accessible(page)
