"""The conversation in a browser: notes with drafts and voice memos, an instructor's answer and message, two tabs."""

import datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from goals.models import ConversationVisit, DailyNote, GoalMessage
from profiles.models import Session
from reflections.models import Reflection
from tests import factories, samples
from tests.test_attach_page import PASTE
from tests.test_log_in import PASSWORD
from tests.test_walk import YESTERDAY, log_in
from timeline import queries
from uploads.models import Upload

pytestmark = pytest.mark.django_db(transaction=True)

AN_HOUR = datetime.timedelta(hours=1)
DRAFTS = "Object.keys(localStorage).filter(key => key.startsWith('draft:')).length"


@pytest.fixture
def sara():
    """A student with a goal and a reflection that waits; she and her instructor were here an hour ago."""
    ines = factories.ProfileFactory(full_name="Ines Teixeira", email="ines@example.org", password=PASSWORD)
    sara = factories.ProfileFactory(full_name="Sara Lindqvist", email="sara@example.org", password=PASSWORD)
    video = factories.VideoFactory(lesson__course=factories.CourseInstructorFactory(instructor=ines).course)
    factories.EnrollmentFactory(student=sara, course=video.lesson.course, enrolled_at=YESTERDAY)
    factories.GoalPeriodFactory(goal__student=sara)
    factories.ReflectionFactory(student=sara, video=video, created_at=YESTERDAY + AN_HOUR)
    for viewer in (ines, sara):
        ConversationVisit.objects.create(viewer=viewer, student=sara, seen_at=timezone.now() - AN_HOUR)
    return sara


def notes():
    return list(DailyNote.objects.order_by("created_at").values_list("content", flat=True))


def focused(page, locator):
    locator.and_(page.locator(":focus")).wait_for()


def asks_for(part):
    """What an answer to htmx is recognised by that asked for the element with this id."""
    return lambda answer: answer.request.headers.get("hx-target") == part


def test_a_note_is_written_edited_hidden_and_brought_back_and_the_instructor_answers(
    sara, page, browser, live_server, assert_accessible
):
    log_in(page, "sara", "/days/")
    box = page.get_by_label("Write a daily note")
    box.fill("Half a thou")
    page.reload()
    page.get_by_text("You had written this").wait_for()
    assert box.input_value() == "Half a thou"
    assert_accessible(page)
    box.press("End")
    page.keyboard.type("ght.")
    page.get_by_role("button", name="Save").dblclick()
    note = page.locator("#today .entry", has_text="Half a thought.")
    note.wait_for()
    page.locator("#status", has_text="Your note is saved.").wait_for()
    focused(page, box)
    assert (box.input_value(), notes()) == ("", ["Half a thought."])
    assert page.locator("[data-sentence]").first.text_content() == "Wrote a daily note."
    assert page.evaluate(DRAFTS) == 0

    page.keyboard.press("Control+Enter")
    page.get_by_text("Write something, or add").wait_for()
    page.keyboard.type("Second.")
    page.keyboard.press("Control+Enter")
    page.locator("#today .entry", has_text="Second.").wait_for()
    page.locator("[data-sentence]", has_text="Wrote 2 daily notes.").wait_for()
    assert notes() == ["Half a thought.", "Second."]

    note.get_by_role("link", name="Edit").click()
    words = note.get_by_label("Your note")
    focused(page, words)
    assert_accessible(page)
    page.keyboard.press("Escape")
    focused(page, note.get_by_role("link", name="Edit"))
    page.keyboard.press("Enter")
    words.fill("A whole thought.")
    page.keyboard.press("Control+Enter")
    note = page.locator("#today .entry", has_text="A whole thought.")
    focused(page, note)
    assert note.get_by_text("edited").is_visible()

    note.get_by_role("link", name="Hide").click()
    note.get_by_text("It disappears from every page; you can bring it back.").wait_for()
    focused(page, note.get_by_role("button", name="Hide it"))
    page.keyboard.press("Enter")
    hidden = page.locator("#today .entry", has_text="Your note is hidden")
    focused(page, hidden)
    page.locator("[data-sentence]", has_text="Wrote a daily note.").wait_for()
    assert_accessible(page)
    hidden.get_by_role("button", name="Bring it back").click()
    focused(page, note)
    page.locator("[data-sentence]", has_text="Wrote 2 daily notes.").wait_for()
    page.locator(".calendar", has_text="4 entries on 2 days").wait_for()

    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 800})
    other = context.new_page()
    log_in(other, "ines", reverse("student_days", args=[sara.pk]))
    theirs = other.locator("#today .entry", has_text="A whole thought.")
    assert theirs.get_by_text("New", exact=True).is_visible()
    assert theirs.get_by_text("edited").is_visible()
    assert theirs.get_by_role("link", name="Edit").count() == 0
    other.get_by_role("link", name="Answer Sara").click()
    other.get_by_label("Your answer to Sara").fill("Not too early.")
    other.keyboard.press("Control+Enter")
    other.locator(".entry:focus", has_text="Not too early.").wait_for()
    other.get_by_text("Nothing is waiting for an answer.").wait_for()
    other.get_by_label("Write a message to Sara").fill("Good. And tomorrow?")
    assert other.get_by_label("About").locator("option:checked").text_content() == "$1K a month (current)"
    other.keyboard.press("Control+Enter")
    other.locator("#today .entry", has_text="Good. And tomorrow?").wait_for()
    other.get_by_text("Your last message or answer to Sara Lindqvist was at").wait_for()
    assert_accessible(other)
    context.close()
    assert GoalMessage.objects.get().goal == sara.goals.get()
    assert Reflection.objects.get().instructor_response == "Not too early."

    page.reload()
    page.get_by_role("link", name="go to the first").click()
    assert page.locator(".entry", has_text="Good. And tomorrow?").get_by_text("New", exact=True).is_visible()


@pytest.mark.microphone
def test_a_voice_memo_and_a_picture_stand_in_the_day_and_the_instructor_hears_and_sees_them(
    sara, page, browser, live_server, settings, tmp_path, assert_accessible
):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    page.context.grant_permissions(["microphone"])
    page.set_viewport_size({"width": 320, "height": 800})
    log_in(page, "sara", "/days/")
    page.get_by_role("button", name="Record a voice memo").click()
    page.wait_for_function("() => /0:0[1-9]/.test(document.querySelector('[data-elapsed]').textContent)")
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused at 0:0").wait_for()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Stop and listen").click()
    heard = page.get_by_label("The recording that will be sent")
    focused(page, heard)
    heard.evaluate("sound => sound.play()")
    assert not Upload.objects.exists()
    page.get_by_role("button", name="Save").dblclick()
    memo = page.locator("#today .entry").get_by_label("Voice memo of Sara Lindqvist")
    memo.wait_for()
    assert page.locator("[data-attached]").is_hidden()
    assert page.locator("[data-sentence]").first.text_content() == "Wrote a daily note."

    # The form is another one by now, and takes a picture as the first one took the memo.
    page.get_by_label("Write a daily note").fill("Too early for this picture.")
    page.locator("input[type=file]").set_input_files(
        {"name": "lies.png", "mimeType": "image/png", "buffer": b"<script>"}
    )
    page.get_by_role("button", name="Save").click()
    page.get_by_text("This kind of file is not accepted.").wait_for()
    assert page.get_by_label("Write a daily note").input_value() == "Too early for this picture."
    # The words are saved nowhere yet: another choice of file does not take them for what the server has.
    picture = {"name": "far.png", "mimeType": "image/png", "buffer": samples.picture(size=(8, 8))}
    page.locator("input[type=file]").set_input_files(picture)
    page.get_by_alt_text("The picture that will be sent").wait_for()
    page.reload()
    page.get_by_text("You had written this").wait_for()
    assert page.get_by_label("Write a daily note").input_value() == "Too early for this picture."
    page.get_by_label("Write a daily note").fill("This is what it looks like.")
    page.evaluate(PASTE, [list(samples.picture(size=(60, 40))), "image/png", ""])
    page.get_by_alt_text("The picture that will be sent").wait_for()
    page.get_by_role("button", name="Save").click()
    page.locator("#today .entry", has_text="This is what it looks like.").wait_for()
    page.wait_for_function("() => document.querySelector('#today .picture img')?.naturalWidth > 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert_accessible(page)
    assert [(note.content, note.media_type) for note in DailyNote.objects.order_by("created_at")] == [
        ("", "audio"),
        ("This is what it looks like.", "image"),
    ]
    assert Upload.objects.count() == 2

    context = browser.new_context(base_url=live_server.url)
    other = context.new_page()
    log_in(other, "ines", reverse("student_days", args=[sara.pk]))
    answers = []
    other.on("response", lambda response: "/uploads/" in response.url and answers.append(response))
    sound = other.get_by_label("Voice memo of Sara Lindqvist")
    sound.evaluate("sound => { sound.muted = true; sound.currentTime = 0.5; return sound.play(); }")
    other.wait_for_function("() => document.querySelector('.entry audio').currentTime > 0.6")
    audio = DailyNote.objects.get(media_type="audio").media_url
    assert {answer.status for answer in answers if answer.url.endswith(audio)} == {206}
    other.wait_for_function("() => document.querySelector('.entry .picture img').naturalWidth === 60")
    assert other.get_by_alt_text("Picture by Sara Lindqvist").is_visible()
    part = context.request.get(audio, headers={"Range": "bytes=5-14"})
    assert (part.status, len(part.body())) == (206, 10)
    context.close()


def test_two_tabs_keep_their_words_apart(sara, page):
    log_in(page, "sara", "/days/")
    other = page.context.new_page()
    other.goto("/days/")
    one, two = (tab.get_by_label("Write a daily note") for tab in (page, other))
    one.fill("In one tab.")
    two.fill("In the other.")
    page.reload()
    page.get_by_text("You had written this").wait_for()
    other.reload()
    other.get_by_text("You had written this").wait_for()
    assert (one.input_value(), two.input_value()) == ("In one tab.", "In the other.")
    two.press("Control+Enter")
    other.locator("#today .entry", has_text="In the other.").wait_for()
    page.reload()
    page.get_by_text("You had written this").wait_for()
    assert one.input_value() == "In one tab."

    # Words of a tab that was closed are found by the next one that opens the form, and sent once.
    one.fill("In a tab that was closed.")
    page.close()
    third = other.context.new_page()
    third.goto("/days/")
    third.get_by_text("You had written this").wait_for()
    box = third.get_by_label("Write a daily note")
    assert box.input_value() == "In a tab that was closed."
    box.press("Control+Enter")
    third.locator("#status", has_text="Your note is saved.").wait_for()
    assert third.evaluate(DRAFTS) == 0
    assert notes() == ["In the other.", "In a tab that was closed."]


def test_a_lost_answer_and_a_log_in_that_ran_out_cost_no_words_and_make_no_second_note(sara, page):
    log_in(page, "sara")
    factories.DailyNoteFactory(student=sara)
    page.goto("/days/")
    box = page.get_by_label("Write a daily note")
    box.fill("Sent, and not heard of.")

    def swallow(route):
        route.fetch()
        route.abort()

    page.route("**/days/", swallow)
    box.press("Control+Enter")
    page.get_by_text("The server cannot be reached").wait_for()
    page.unroute_all()
    assert not box.evaluate("element => element.readOnly")
    page.reload()
    page.get_by_text("You had written this").wait_for()
    with page.expect_response(asks_for("year")):  # or it would be what finds the log-in gone
        box.press("Control+Enter")
    page.locator("#status", has_text="Your note is saved.").wait_for()
    assert page.locator(".entry", has_text="Sent, and not heard of.").count() == 1
    assert len(notes()) == 2

    box.fill("After the log-in.")
    Session.objects.all().delete()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("What you wrote is kept in this browser; log in to go on.").wait_for()
    page.get_by_label("E-mail address").fill("sara@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("You had written this").wait_for()
    assert box.input_value() == "After the log-in."
    box.press("Control+Enter")
    page.locator("#today .entry", has_text="After the log-in.").wait_for()
    assert len(notes()) == 3
    page.emulate_media(media="print")
    kept_whole = "element => [getComputedStyle(element).breakInside, getComputedStyle(element).breakAfter]"
    assert page.locator(".day-heading").first.evaluate(kept_whole) == ["avoid", "avoid"], "on paper, with its sentence"
    around = page.locator("main :has(.entry)")
    displays = around.evaluate_all("elements => elements.map(element => getComputedStyle(element).display)")
    assert set(displays) == {"block", "list-item"}, "Firefox cuts what stands in a grid or a flex"


def test_it_works_without_javascript(sara, browser, live_server):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page, "sara", "/days/")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Not saved yet").wait_for()
    page.get_by_label("Write a daily note").fill("By hand.")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Your note is saved.").wait_for()
    entry = queries.entry_of_words(DailyNote.objects.get())
    assert page.url.endswith(f"#entry-{entry.pk}")
    page.get_by_role("link", name="Edit your note").click()
    page.get_by_label("Your note").fill("By my hand.")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Your note is changed.").wait_for()
    page.get_by_role("link", name="Hide your note").click()
    page.get_by_role("button", name="Hide it").click()
    page.get_by_role("link", name="What you have hidden").first.click()
    page.get_by_role("button", name="Bring it back").click()
    page.get_by_text("By my hand.").wait_for()
    page.goto("/days/")
    page.get_by_label("Write a daily note").fill("Too late.")
    Session.objects.all().delete()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("You are logged out: what you sent was not saved.").wait_for()
    assert not page.get_by_text("is kept in this browser").is_visible()
    context.close()
