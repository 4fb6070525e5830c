"""Sharing a story in a browser: previewed, shared, read by link without JavaScript, congratulated, ended, printed."""

import datetime
import re

import pytest
from django.urls import reverse
from psycopg.types.range import TimestamptzRange

from tests import factories
from tests.test_walk import log_in
from timeline.models import DAY_ZONE

pytestmark = pytest.mark.django_db(transaction=True)

DAY = datetime.timedelta(days=1)


def fits(page):
    return page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_story_is_previewed_shared_congratulated_and_ended(page, browser, live_server, assert_accessible):
    # Late in New York's day: three notes are on each of twenty days, at whatever hour the test runs.
    now = datetime.datetime.now(DAY_ZONE).replace(hour=23)
    people = {
        name: factories.ProfileFactory(full_name=f"{name.title()} Lindqvist", email=f"{name}@example.org")
        for name in ("sara", "tom")
    }
    course = factories.CourseFactory(title="Selling")
    for person in people.values():
        factories.EnrollmentFactory(student=person, course=course, enrolled_at=now - 40 * DAY)
    goal = factories.GoalFactory(student=people["sara"], title="Ten paying customers", completed_at=now - DAY)
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(now - 30 * DAY, now - DAY))
    for number in range(60):
        note = {"content": f"Note {number:02}.", "created_at": now - 30 * DAY + (number + 1) * DAY / 3}
        factories.DailyNoteFactory(student=people["sara"], **note)
    factories.GoalMilestoneFactory(goal=goal, title="First sale", reached_at=now - 5 * DAY)

    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size({"width": 320, "height": 800})
    log_in(page, "sara", "/goals/")
    page.get_by_role("link", name="Its story").click()
    page.get_by_text("The longest run: 20 days in a row").wait_for()
    page.get_by_text("Week by week").click()
    assert_accessible(page)
    assert fits(page)
    page.get_by_role("link", name="Show all, to read or print").press("Enter")
    page.get_by_text("Note 59.").wait_for()
    page.wait_for_load_state()  # with its style sheets
    assert fits(page)
    page.emulate_media(media="print")
    for hidden in ("Share this story", "My days", "Week by week"):
        assert not page.get_by_text(hidden).first.is_visible()
    for paper in ("A4", "Letter"):
        assert 2 <= len(re.findall(rb"/Type /Page\b", page.pdf(format=paper))) <= 5
    page.emulate_media(media="screen")

    page.get_by_role("link", name="Share this story").press("Enter")
    page.get_by_label("My daily notes").focus()
    page.keyboard.press("Space")
    page.get_by_label("Share it with the people of a course").select_option("Selling")
    page.get_by_label("Share it with anyone who has a secret link").press("Space")
    page.get_by_role("button", name="Preview").press("Enter")
    page.get_by_text("exactly what others see").wait_for()
    page.get_by_text("Note 00.").wait_for()
    assert_accessible(page)
    assert fits(page)
    page.get_by_role("link", name="Back to sharing").press("Enter")
    page.get_by_role("button", name="Share", exact=True).press("Enter")
    page.get_by_text("shared with Selling and through a secret link").wait_for()
    assert page.get_by_label("My daily notes").is_checked()
    link = page.get_by_label("Anyone with this address").input_value()
    assert_accessible(page)
    assert fits(page)

    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(link)
    plain.get_by_role("link", name="Load more").click()
    plain.get_by_text("Note 59.").wait_for()
    plain.get_by_role("link", name="From the beginning").click()
    plain.get_by_role("link", name="It began: daily note").click()
    plain.get_by_text("Note 00.").wait_for()

    other = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 800}).new_page()
    log_in(other, "tom", link)
    other.get_by_role("button", name="Tom Lindqvist").click()
    other.get_by_role("button", name="Log out").click()
    other.get_by_role("button", name="Log in").wait_for()
    log_in(other, "tom")
    other.get_by_role("link", name="Community").click()
    assert_accessible(other)
    other.get_by_role("link", name="Ten paying customers").click()
    other.wait_for_load_state()
    other.get_by_role("button", name="Congratulate").press("Enter")
    other.get_by_text("You congratulated").wait_for()
    other.get_by_role("button", name="Take back my congratulations").and_(other.locator(":focus")).wait_for()
    assert_accessible(other)

    page.reload()
    page.get_by_text("Tom Lindqvist").wait_for()
    page.get_by_role("button", name="Stop sharing").press("Enter")
    page.get_by_text("not shared any more").wait_for()
    other.get_by_role("button", name="Take back my congratulations").press("Enter")
    other.get_by_text("no longer there, or you no longer").wait_for()
    assert plain.goto(link).status == other.goto(other.url).status == 404
    for context in (plain.context, other.context):
        context.close()
    page.goto(reverse("goal_story", args=[goal.student_id, goal.pk]))
    page.get_by_role("heading", name="Ten paying customers").wait_for()
