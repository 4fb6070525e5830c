"""A Loom video in a timeline: nothing is asked of Loom before somebody wants to play it, and nothing jumps then."""

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [320, 1280])
def test_it_is_fetched_when_it_is_opened_into_a_space_that_is_kept_for_it(page, live_server, assert_accessible, width):
    reflection = factories.ReflectionFactory(
        media_type="video", media_url="https://www.loom.com/share/0281766fa2d04bb788eaf19e65135184?sid=9"
    )
    factories.EnrollmentFactory(student=reflection.student)
    client = Client()
    client.force_login(reflection.student)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.set_viewport_size({"width": width, "height": 800})
    asked = []

    def loom(route):
        asked.append(route.request.url)
        route.fulfill(
            body="<!doctype html><html lang=en><title>Loom</title><main>A player</main>", content_type="text/html"
        )

    page.route("https://www.loom.com/**", loom)
    page.goto(reverse("my_days"))
    page.get_by_role("link", name="Watch on Loom").wait_for()
    assert asked == []
    page.get_by_text("Play it here").click()
    page.frame_locator(f"iframe[title='Loom video of {reflection.student}']").get_by_text("A player").wait_for()
    assert asked == ["https://www.loom.com/embed/0281766fa2d04bb788eaf19e65135184"]
    box = page.locator("iframe").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(16 / 9, abs=0.02)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_accessible(page)
