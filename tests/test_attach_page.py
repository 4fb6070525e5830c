"""components/attach.html in a browser: choosing, pasting, dropping, recording, and what is sent in the end."""

import re
import time

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from goals.models import DailyNote
from tests import factories, samples
from uploads import rewriting
from uploads.models import Upload

pytestmark = pytest.mark.django_db(transaction=True)

PASTE = """([bytes, type, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "image.png", { type }));
    text && data.setData("text/plain", text);
    const paste = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    document.querySelector("textarea").dispatchEvent(paste);
}"""
DROP = """([bytes, name, type]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
    for (const event of ["dragover", "drop"]) {
        const options = { dataTransfer, bubbles: true, cancelable: true };
        document.querySelector("textarea").dispatchEvent(new DragEvent(event, options));
    }
}"""
# A recording that may take a second is discarded as soon as it runs: we might hear of it too late.
RECORD_AND_DISCARD = """() => new Promise(discarded => {
    const part = name => document.querySelector(`[data-${name}]`);
    part("record").click();
    const look = () => {
        if (part("recorder").hidden) {
            requestAnimationFrame(look);
        } else {
            part("discard-recording").click();
            discarded();
        }
    };
    look();
})"""
HEARS_NOTHING = """state => {
    Object.defineProperty(AudioContext.prototype, "state", { get: () => state });
    AnalyserNode.prototype.getFloatTimeDomainData = () => {};
}"""
SOME_SECONDS = re.compile("0:(?:0[1-9]|[1-5][0-9])")
CHOSEN = "input => [...input.files].map(file => file.name)"


@pytest.fixture(autouse=True)
def site(settings, tmp_path):
    settings.ROOT_URLCONF = "tests.look.urls"
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def cookie(client, live_server, settings):
    """Of a student who is logged in."""
    client.force_login(factories.ProfileFactory())
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": live_server.url}


@pytest.fixture
def composer(page, cookie):
    """A page with a form that has an attachment, and a microphone that hears beeps."""
    page.context.add_cookies([cookie])
    page.context.grant_permissions(["microphone"])
    page.goto("/attach/")
    return page


def button(page, name):
    return page.get_by_role("button", name=name)


def chosen(page):
    return page.locator("input[type=file]").evaluate(CHOSEN)


def said(page, words):
    expect(page.locator("[data-said]")).to_contain_text(words)


def send(page):
    button(page, "Send").click()
    page.locator("#sent").wait_for()
    return DailyNote.objects.get(), Upload.objects.get()


@pytest.mark.microphone
def test_a_voice_memo_is_recorded_paused_heard_and_sent(composer, assert_accessible):
    composer.emulate_media(color_scheme="dark")
    composer.set_viewport_size({"width": 320, "height": 900})
    assert_accessible(composer)
    composer.get_by_label("Words").fill("Listen.")
    button(composer, "Record a voice memo").press("Enter")
    began_recording = time.monotonic()
    expect(button(composer, "Stop and listen")).to_be_focused()
    composer.wait_for_function("() => document.querySelector('[data-level]').getAttribute('width') > 20")
    assert_accessible(composer)
    expect(composer.locator("[data-elapsed]")).to_have_text(SOME_SECONDS)
    button(composer, "Pause").press("Enter")
    said(composer, "Paused at 0:")
    paused, began = composer.locator("[data-elapsed]").inner_text(), time.monotonic()
    composer.wait_for_timeout(2200)
    expect(composer.locator("[data-elapsed]")).to_have_text(paused)
    pause = time.monotonic() - began
    button(composer, "Go on").press("Enter")
    said(composer, "Recording again.")
    composer.wait_for_timeout(300)
    button(composer, "Send").press("Enter")  # too early: what has not been heard is not sent
    said(composer, "The recording is attached but not sent yet.")
    recorded = time.monotonic() - began_recording - pause
    sound = composer.get_by_label("The recording that will be sent")
    expect(sound).to_be_focused()
    sound.evaluate("sound => sound.play()")
    expect(composer.locator("[data-name]")).to_have_text(re.compile(rf"^Voice memo, {SOME_SECONDS.pattern} · \d+ KB$"))
    assert_accessible(composer)
    assert composer.evaluate("document.documentElement.scrollWidth") <= 320
    assert not DailyNote.objects.exists()
    note, upload = send(composer)
    assert (note.content, note.media_url) == ("Listen.", upload.address)
    assert note.media_duration_seconds == upload.duration_seconds
    heard = composer.get_by_label("Voice memo", exact=True)
    heard.evaluate("sound => { sound.muted = true; sound.currentTime = 1; return sound.play(); }")
    composer.wait_for_function("() => document.querySelector('#sent audio').currentTime > 1.1")
    assert 1 < heard.evaluate("sound => sound.duration") < recorded + 0.5
    assert chosen(composer) == []
    composer.goto(upload.address)  # alone in a tab
    composer.wait_for_function("() => document.querySelector('video, audio').readyState === 4")


@pytest.mark.microphone
def test_silence_is_told_unless_nothing_measures_it(composer):
    composer.clock.install()
    for state, words in (("running", "Nothing can be heard yet."), ("suspended", "Speak now.")):
        composer.goto("/attach/")
        composer.evaluate(HEARS_NOTHING, state)
        button(composer, "Record a voice memo").click()
        expect(button(composer, "Stop and listen")).to_be_focused()
        composer.clock.run_for(5000)
        expect(composer.locator("[data-elapsed]")).to_have_text("0:05")
        said(composer, words)


@pytest.mark.microphone
def test_a_recording_stops_by_itself_and_can_be_discarded(composer, monkeypatch):
    monkeypatch.setattr(rewriting, "LONGEST", 1)
    composer.emulate_media(reduced_motion="reduce")
    composer.goto("/attach/")
    button(composer, "Record a voice memo").click()
    said(composer, "0:01 are full, so it has stopped. The recording is attached")
    assert chosen(composer) == ["voice-memo.webm"]
    composer.evaluate(RECORD_AND_DISCARD)
    said(composer, "The recording is discarded.")
    expect(button(composer, "Record a voice memo")).to_be_focused()
    assert chosen(composer) == ["voice-memo.webm"]  # the first one
    asked = []
    composer.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    composer.reload()  # it is nowhere else
    composer.reload()
    assert asked == ["beforeunload"]


def test_a_picture_is_pasted_or_dropped_replaced_put_back_and_sent(composer):
    first, second = samples.picture(size=(60, 40)), samples.picture("GIF")
    composer.evaluate(PASTE, [list(first), "image/png", "the words that it shows"])
    assert chosen(composer) == []  # the words were meant
    composer.evaluate(PASTE, [list(first), "image/png", ""])
    expect(composer.get_by_alt_text("The picture that will be sent")).to_be_visible()
    said(composer, "The picture is attached but not sent yet.")
    composer.evaluate(DROP, [list(second), "moving.gif", "image/gif"])
    said(composer, "The new picture replaces the picture: only one can be sent.")
    assert chosen(composer) == ["moving.gif"]
    button(composer, "Put it back").click()
    assert chosen(composer) == ["image.png"]
    button(composer, "Remove").click()
    said(composer, "The picture is removed.")
    assert chosen(composer) == []
    button(composer, "Put it back").click()
    seen = []

    def on_its_way(route):
        seen.append(composer.get_by_label("Sent so far").is_visible())
        route.continue_()

    composer.route("**/attach/", on_its_way)
    _, upload = send(composer)
    assert seen == [True]
    assert (upload.width, upload.height) == (60, 40)
    composer.wait_for_function("() => document.querySelector('#sent img').naturalWidth === 60")
    assert composer.goto(upload.address).ok
    assert composer.locator("img").evaluate("image => image.naturalWidth") == 60  # alone, too, and nothing else runs


def test_what_cannot_be_taken_is_said_at_once_and_what_the_server_refuses_costs_nothing(composer, settings):
    choose = composer.locator("input[type=file]").set_input_files
    choose({"name": "a.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"})
    said(composer, "This kind of file is not accepted. Choose a picture")
    choose({"name": "a.png", "mimeType": "image/png", "buffer": b""})
    said(composer, "The file is empty.")
    settings.PICTURE_MAX_MB = 1
    composer.goto("/attach/")
    choose({"name": "a.png", "mimeType": "image/png", "buffer": bytes(3 * 2**19)})
    said(composer, "The picture has 1.5 MB; at most 1 MB is allowed.")
    assert chosen(composer) == []
    composer.get_by_label("Words").fill("Looks like a picture.")
    choose({"name": "lies.png", "mimeType": "image/png", "buffer": b"<script>"})
    button(composer, "Send").click()
    composer.get_by_text("This kind of file is not accepted.").wait_for()
    assert composer.get_by_label("Words").input_value() == "Looks like a picture."
    assert chosen(composer) == []
    composer.get_by_label("Words").fill("Looks like a picture, and is one.")
    choose({"name": "true.png", "mimeType": "image/png", "buffer": samples.picture()})
    button(composer, "Send").click()
    composer.get_by_text("at most 30 characters").wait_for()
    composer.wait_for_function("() => document.querySelector('input[type=file]').files.length > 0")
    assert chosen(composer) == ["true.png"]  # the words are to be mended, the picture is still there
    composer.get_by_label("Words").fill("It is one.")
    note, upload = send(composer)
    assert (note.content, note.media_url) == ("It is one.", upload.address)


@pytest.mark.microphone
def test_without_a_microphone_or_leave_to_use_it_a_file_can_be_chosen(page, cookie):
    page.context.add_cookies([cookie])
    page.goto("/attach/")
    button(page, "Record a voice memo").click()  # nobody gives leave here
    said(page, "The browser may not use the microphone. Allow it in the browser's settings for this page, or choose")
    expect(button(page, "Record a voice memo")).to_be_focused()
    page.add_init_script("delete window.MediaRecorder")
    page.goto("/attach/")
    expect(button(page, "Record a voice memo")).to_be_hidden()
    page.locator("input[type=file]").set_input_files(
        {"name": "memo.m4a", "mimeType": "audio/x-m4a", "buffer": samples.recording("m4a")}
    )
    _, upload = send(page)
    assert upload.content_type == "audio/mp4"


def test_without_javascript_a_file_is_chosen_and_sent(browser, live_server, cookie):
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    context.add_cookies([cookie])
    page = context.new_page()
    page.goto("/attach/plain/")
    page.get_by_label("Picture or recording").set_input_files(
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": samples.picture("JPEG")}
    )
    expect(button(page, "Record a voice memo")).to_be_hidden()
    note, upload = send(page)
    assert note.media_url == reverse("upload", args=[upload.pk])
    context.close()
