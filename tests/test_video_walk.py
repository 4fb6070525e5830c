"""A student watches in a browser: what is played is known, a quiz stands in its way, a reflection is answered."""

import re
import time

import pytest
from django.core.files import File
from django.urls import reverse
from playwright.sync_api import expect

from courses.models import CheckpointReached, QuizAttempt, VideoProgress
from reflections.answers import answer
from reflections.models import Reflection
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

DURATION = 1002  # seconds, of the demo's video
PLAY = """until => new Promise(paused => {
    const player = document.getElementById("player");
    const look = () => {
        if (player.currentTime < until) {
            requestAnimationFrame(look);
        } else {
            player.pause();
            paused();
        }
    };
    player.play().then(look);
})"""


@pytest.fixture
def student():
    return factories.ProfileFactory(full_name="Ann Abara")


@pytest.fixture
def video(settings, tmp_path, student):
    """A video that plays, with a checkpoint at 0:02 and a quiz at 5:00."""
    settings.MEDIA_ROOT = tmp_path
    video = factories.VideoFactory(title="Whom to ask", duration_seconds=DURATION)
    with (settings.BASE_DIR / "demo" / "videos" / "call.webm").open("rb") as film:
        video.file.save("call.webm", File(film))
    with (settings.BASE_DIR / "demo" / "videos" / "call.vtt").open("rb") as captions:
        video.captions.save("call.vtt", File(captions))
    factories.EnrollmentFactory(student=student, course=video.lesson.course)
    factories.CheckpointFactory(video=video, video_timestamp_seconds=2, title="The three questions")
    return video


@pytest.fixture
def watching(client, page, live_server, settings, student, video):
    """The page of the video, of a student who is logged in; silent, and twice as fast."""
    client.force_login(student)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    go(page, reverse("video", args=[video.pk]))
    return page


def go(page, address):
    page.goto(address)
    ready(page)


def ready(page):
    page.wait_for_load_state()
    page.wait_for_function("() => document.getElementById('player').readyState > 1")
    page.evaluate("() => Object.assign(document.getElementById('player'), { muted: true, playbackRate: 2 })")


def wait_until(page, condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def play(page, until):
    """Play up to a second, pause there, as the page itself sees it, and wait until that is known."""
    page.evaluate(PLAY, until)
    wait_until(page, lambda: VideoProgress.objects.exists() and watched()[-1][1] >= until)


def seek(page, second):
    page.evaluate("second => { document.getElementById('player').currentTime = second }", second)
    page.wait_for_function("() => !document.getElementById('player').seeking")


def plays(page):
    return page.evaluate("() => !document.getElementById('player').paused")


def stands_at(page):
    return page.evaluate("() => Math.round(document.getElementById('player').currentTime)")


def watched():
    return VideoProgress.objects.get().watched


def test_what_was_played_is_known_and_goes_on_after_a_reload_and_offline(watching, student, video):
    page = watching
    play(page, 3)
    [(start, end)] = watched()
    assert start == 0
    assert 3 <= end <= 5
    assert CheckpointReached.objects.get().student == student

    cue = page.evaluate("() => document.getElementById('player').textTracks[0].activeCues[0].text")
    assert cue == "[No sound]\nThe discovery call"

    seek(page, 600)
    play(page, 602)
    (_, first), (start, end) = watched()
    assert (first, start) in [(3, 600), (4, 600), (5, 600)]
    assert 602 <= end <= 604
    expect(page.locator("[data-percent]")).to_have_text("0")
    expect(page.locator("[data-watched] .track-watched")).to_have_count(2)

    page.reload()
    ready(page)
    assert 601 <= stands_at(page) <= 604
    expect(page.get_by_label("Moment")).to_have_value(re.compile("^10:0"))

    page.context.set_offline(True)
    page.evaluate("() => document.getElementById('player').play()")
    page.wait_for_function("() => document.getElementById('player').currentTime >= 605")
    page.evaluate("() => document.getElementById('player').pause()")
    page.get_by_text("What you watch cannot be sent at the moment.").wait_for()
    assert watched()[-1] == (start, end)
    page.context.set_offline(False)
    wait_until(page, lambda: watched()[-1][1] >= 605)
    assert watched()[-1][0] == 600
    expect(page.locator("#unsent")).to_be_hidden()
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.startsWith('watched:'))")

    for offline in (False, True):  # left while it plays; offline, the next page tells
        until = watched()[-1][1] + 3
        page.context.set_offline(offline)
        page.evaluate("() => document.getElementById('player').play()")
        page.wait_for_function("until => document.getElementById('player').currentTime >= until", arg=until)
        page.goto("about:blank")
        page.context.set_offline(False)
        if not offline:
            wait_until(page, lambda until=until: watched()[-1][1] >= until)
        go(page, reverse("video", args=[video.pk]))
    wait_until(page, lambda: watched()[-1][1] >= 611)


def test_where_it_began_is_known_to_a_busy_page_that_hears_late_that_it_plays(watching):
    for second in (0, 600):
        if second:
            seek(watching, second)
        watching.evaluate("""() => document.getElementById("player").addEventListener("play", () => {
            const until = performance.now() + 700;
            while (performance.now() < until);
        }, { once: true })""")
        play(watching, second + 3)
        assert watched()[-1][0] == second


def test_a_reflection_with_a_frame_is_answered_and_the_way_to_the_answer_is_one_click(
    watching, student, video, assert_accessible
):
    page = watching
    seek(page, 100.9)
    # Slowly: it is not far from there when we write, however slow the machine is.
    page.evaluate("() => Object.assign(document.getElementById('player'), { playbackRate: 0.5 }).play()")
    page.wait_for_function("() => document.getElementById('player').currentTime >= 101")
    page.get_by_label("What do you think?").fill("And if nobody answers?")
    assert not plays(page)
    moment = page.get_by_label("Moment").input_value()
    assert moment in ("1:41", "1:42", "1:43")
    page.get_by_label("Moment").fill("7:53")
    page.get_by_role("button", name="Take this frame").click()
    expect(page.get_by_label("Moment")).to_have_value(moment)
    expect(page.locator("#status")).to_have_text(f"The frame at {moment} is attached; the moment is set to {moment}.")
    page.get_by_role("img", name="The picture that will be sent").wait_for()
    page.set_viewport_size({"width": 1280, "height": 420})  # the list begins out of sight
    page.get_by_role("button", name="Save").click()
    own = page.locator(".timeline .entry", has_text="And if nobody answers?")
    expect(own).to_be_focused()
    expect(own.get_by_text("Waiting for an answer")).to_be_in_viewport(ratio=1)
    expect(page.locator("#status")).to_have_text(f"Your reflection at {moment} is saved.")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.get_by_label("What do you think?").input_value() == ""
    page.wait_for_function("() => !document.getElementById('player').paused")
    # It waits for a file, too, where a click gives that no keyboard: Safari's clicks are like this one.
    page.evaluate("() => addEventListener('click', (event) => event.preventDefault(), { capture: true, once: true })")
    page.locator("#reflect label", has_text="Picture or recording").click()
    assert not plays(page)
    reflection = Reflection.objects.get()
    assert (reflection.student, reflection.media_type) == (student, "image")
    assert f"1:{reflection.video_timestamp_seconds - 60}" == moment

    # A draft survives; its moment does, too.
    page.get_by_label("What do you think?").fill("One more thought")
    page.get_by_label("Moment").fill("0:42")
    answer(reflection.pk, by=factories.ProfileFactory(), text="Ask the next one.", seen="")
    seek(page, 500)
    page.reload()
    ready(page)
    expect(page.get_by_label("What do you think?")).to_have_value("One more thought")
    expect(page.get_by_label("Moment")).to_have_value("0:42")

    assert_accessible(page)
    assert page.locator(".mark").get_attribute("href") == f"?t={reflection.video_timestamp_seconds}"
    page.get_by_text("A new answer at").get_by_role("link", name=moment).click()
    page.wait_for_function(
        "second => Math.floor(document.getElementById('player').currentTime) === second",
        arg=reflection.video_timestamp_seconds,
    )
    page.locator(".entry[aria-current=true]", has_text="Ask the next one.").wait_for()
    wait_until(page, lambda: not Reflection.objects.get().response_unseen)  # once it was looked at for a second
    page.set_viewport_size({"width": 320, "height": 700})
    page.reload()
    ready(page)
    assert page.get_by_text("A new answer at").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert_accessible(page)

    # Whoever has gone on to the player stays there.
    page.evaluate("() => document.addEventListener('htmx:beforeSend', () => document.getElementById('player').focus())")
    page.get_by_label("What do you think?").press("Control+Enter")
    expect(page.locator(".timeline .entry", has_text="One more thought").locator("h3")).to_be_in_viewport(ratio=1)
    expect(page.locator("#player")).to_be_focused()


def test_a_frame_that_has_not_come_yet_is_waited_for(watching, video):
    page = watching
    page.route(f"**{video.src}*", lambda route: None)
    page.goto(reverse("video", args=[video.pk]), wait_until="domcontentloaded")
    take = page.get_by_role("button", name="Take this frame")
    take.click()
    expect(page.locator("#status")).to_have_text("Waiting for the frame…")
    take.click()
    expect(take).to_be_focused()
    page.unroute_all()
    expect(page.locator("#status")).to_have_text("The frame at 0:00 is attached; the moment is set to 0:00.")
    page.get_by_role("img", name="The picture that will be sent").wait_for()
    expect(take).to_be_focused()


def test_a_frame_of_a_video_that_cannot_be_loaded_is_not_waited_for(watching, video):
    page = watching
    page.route(f"**{video.src}*", lambda route: route.abort())
    page.goto(reverse("video", args=[video.pk]))
    page.get_by_role("button", name="Take this frame").click()
    expect(page.locator("#status")).to_have_text("The video could not be loaded, so there is no frame of it.")


ON_AN_IPHONES_WHOLE_SCREEN = """() => {
  const player = document.getElementById("player");
  Object.defineProperty(player, "webkitDisplayingFullscreen", { value: true, writable: true });
  player.webkitExitFullscreen = () => { player.webkitDisplayingFullscreen = false; };
}"""


def test_the_video_stops_at_a_quiz_until_it_is_handed_in(watching, student, video, assert_accessible):
    page = watching
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=300, title="Who decides?", skippable=False)
    factories.QuizQuestionFactory(quiz=quiz)
    page.reload()
    ready(page)
    page.evaluate(ON_AN_IPHONES_WHOLE_SCREEN)
    seek(page, 298)
    page.evaluate("() => document.getElementById('player').play()")
    stop = page.get_by_role("region", name="Quiz at 5:00: Who decides?")
    stop.get_by_role("button", name="Start").click()
    assert not plays(page)
    assert page.evaluate("() => !document.getElementById('player').webkitDisplayingFullscreen")
    assert_accessible(page)
    # There is no way past it.
    seek(page, 700)
    page.wait_for_function("() => Math.floor(document.getElementById('player').currentTime) === 300")
    assert stop.get_by_role("button", name="Keep watching").count() == 0
    stop.get_by_label("The customer").check()
    stop.get_by_role("button", name="Hand in").click()
    stop.get_by_text("Passed: 100%").wait_for()
    assert QuizAttempt.objects.get().passed
    stop.get_by_role("button", name="Keep watching").click()
    page.wait_for_function("() => document.getElementById('player').currentTime > 301")
    expect(stop).to_be_hidden()
