"""An invitation link in a browser: made and ended by an instructor, opened and agreed to without JavaScript."""

import pytest
from playwright.sync_api import expect

from courses.inviting import token
from courses.models import Enrollment, Invitation
from tests import factories
from tests.test_sharing_walk import fits
from tests.test_walk import log_in

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a plumber's logo"


@pytest.fixture
def course():
    course = factories.CourseFactory(title="Selling what you make", open_for_enrolment=False)
    teaching = {"instructor__full_name": "Ines Teixeira", "instructor__email": "ines@example.org"}
    factories.CourseInstructorFactory(course=course, **teaching)
    return course


def fill(page, email="nia@example.org"):
    page.get_by_label("Full name").fill("Nia Boateng")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password, again").fill(PASSWORD)


def test_a_link_is_made_opened_agreed_to_and_ended(page, browser, live_server, course, assert_accessible):
    themes = ["light", "dark"]
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": 320, "height": 700})
    log_in(page, "ines", f"/courses/{course.pk}/")
    page.get_by_label("A new link works for").select_option("7 days")
    page.get_by_role("button", name="Make a link").click()
    address = page.get_by_label("Anyone with this address").input_value()
    assert address.startswith(f"{live_server.url}/invitations/")
    assert fits(page)
    assert_accessible(page, themes)

    context = browser.new_context(viewport={"width": 320, "height": 700}, java_script_enabled=False)
    guest = context.new_page()
    guest.goto(address)
    expect(guest.get_by_text("Its instructors see all your days and goals")).to_be_visible()
    guest.get_by_role("button", name="Create an account and join").click()
    expect(guest.get_by_text("This field is required").first).to_be_visible()
    guest.goto(address)
    fill(guest)
    guest.get_by_role("button", name="Create an account and join").click()
    expect(guest.get_by_text("Your account is ready, and you are enrolled")).to_be_visible()
    guest.go_back()
    expect(guest.get_by_text("You are in Selling what you make already.")).to_be_visible()
    context.close()

    page.reload()
    expect(page.get_by_text("It has been used once so far.")).to_be_visible()
    page.get_by_role("button", name="End it", exact=True).click()
    expect(page.get_by_text("There is none now.")).to_be_visible()
    page.goto(address)
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    assert_accessible(page, themes)


def test_a_form_that_is_clicked_twice_and_sent_from_an_old_tab_ends_in_the_course(page, course, assert_accessible):
    link = factories.InvitationFactory(course=course, made_by=course.instructors.get())
    address = f"/invitations/{token(link)}/"
    page.goto(address)
    assert_accessible(page)
    fill(page)
    page.get_by_role("button", name="Create an account and join").dblclick()
    expect(page.get_by_text("you are enrolled in Selling what you make")).to_be_visible()
    assert Enrollment.objects.count() == 1
    assert Invitation.objects.get().joined == 1

    factories.ProfileFactory(full_name="Sara Lindqvist", email="sara@example.org")
    log_in(page, "sara", address)
    assert_accessible(page)
    page.get_by_role("button", name="Join the course").dblclick()
    expect(page.get_by_text("You are enrolled in Selling what you make")).to_be_visible()
    assert Enrollment.objects.count() == 2
