"""News by mail in a browser: turned on, confirmed, mailed, read and ended, with and without JavaScript."""

import re

import pytest
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import expect

from news.models import NewsByMail
from tests import factories
from tests.test_news import SITE, a_site_with_mail, ago, answered, path_in  # noqa: F401
from tests.test_sharing_walk import fits
from tests.test_walk import log_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("theme", "script"), [("light", True), ("dark", False)])
def test_a_student_turns_news_on_confirms_is_mailed_follows_the_link_and_ends_it(
    browser, live_server, mailoutbox, assert_accessible, theme, script
):
    video = factories.VideoFactory(lesson__course__title="Selling what you make")
    factories.CourseInstructorFactory(course=video.lesson.course, instructor__full_name="Ines Teixeira")
    maya = factories.EnrollmentFactory(
        course=video.lesson.course, student__full_name="Maya Okafor", student__email="maya@example.org"
    ).student
    instructor = video.lesson.course.instructors.get()
    told = {"video": video, "student": maya, "responded_by": instructor}
    factories.ReflectionFactory(
        **told, instructor_response="Ask them.", responded_at=ago(hours=1), response_unseen=True
    )
    context = browser.new_context(
        base_url=live_server.url, viewport={"width": 320, "height": 700}, java_script_enabled=script
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")

    def looks_right():
        if script:
            assert fits(page)
            assert_accessible(page)

    log_in(page, "maya", "/")
    page.get_by_role("link", name="Get news by mail when").click()
    expect(page.get_by_text("Nothing is mailed to you now.")).to_be_visible()
    expect(page.get_by_label("At most once a day")).to_be_checked()
    looks_right()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("We mailed a link to maya@example.org")).to_be_visible()
    expect(page.get_by_role("button", name="Mail the link again")).to_be_visible()
    looks_right()

    # In the mailbox, maybe on another machine.
    mailbox = browser.new_context(base_url=live_server.url, java_script_enabled=script)
    reader = mailbox.new_page()
    reader.goto(path_in(mailoutbox[0].body))
    if script:
        assert_accessible(reader)
    reader.get_by_role("button", name="Yes, mail me news").click()
    expect(reader.get_by_role("heading", name="News is mailed to you")).to_be_visible()
    page.reload()
    expect(page.get_by_text("News goes to maya@example.org, at most once a day.")).to_be_visible()
    looks_right()

    NewsByMail.objects.update(told_until=ago(days=1), due_on=timezone.localdate())
    call_command("mail_news")
    mail = mailoutbox[1]
    assert mail.subject == "Ines Teixeira answered one of your reflections"
    [home] = re.findall(rf"Read it here:\n{SITE}(\S+)", mail.body)
    page.goto(home)
    expect(page.get_by_role("heading", name="New answers")).to_be_visible()
    expect(page.get_by_text("Ask them.").first).to_be_visible()
    expect(page.get_by_role("link", name="Get news by mail when")).to_have_count(0)

    reader.goto(path_in(mail.body))
    if script:
        assert_accessible(reader)
    reader.get_by_role("button", name="Stop mailing me").click()
    expect(reader.get_by_role("heading", name="No more news by mail")).to_be_visible()
    reader.goto(path_in(mail.body))
    expect(reader.get_by_role("button", name="Stop mailing me")).to_have_count(0)
    page.goto("/news-by-mail/")
    expect(page.get_by_label("Never")).to_be_checked()
    for each in (context, mailbox):
        each.close()


def test_the_menu_of_the_account_leads_there_and_a_double_click_mails_one_link(page, mailoutbox, assert_accessible):
    factories.ProfileFactory(full_name="Maya Okafor", email="maya@example.org")
    log_in(page, "maya", "/")
    page.get_by_role("button", name="Maya Okafor").click()
    page.get_by_role("link", name="News by mail").click()
    page.get_by_label("At most once a week").check()
    page.get_by_role("button", name="Save").dblclick()
    expect(page.get_by_text("We mailed a link to maya@example.org")).to_be_visible()
    assert_accessible(page)
    assert len(mailoutbox) == 1
    assert NewsByMail.objects.get().how_often == "weekly"
