"""A video as its student sees it: where they are, what they write about a second, and what was answered."""

import datetime
import html
import re
import uuid

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from courses.models import VideoProgress
from reflections.answers import answer
from reflections.models import Reflection
from tests import factories, htmx, samples
from tests.drift import assert_no_drift
from tests.test_pages import text_of
from timeline import track
from timeline.queries import entry_id_of_words
from uploads.models import Upload

pytestmark = pytest.mark.django_db

LOOM = "https://www.loom.com/share/0281766fa2d04bb788eaf19e65135184"


@pytest.fixture
def student(client):
    student = factories.ProfileFactory(full_name="Ann Abara")
    client.force_login(student)
    return student


@pytest.fixture
def video(student):
    video = factories.VideoFactory(title="Whom to ask", url="https://media.example.org/ask.mp4")
    factories.EnrollmentFactory(student=student, course=video.lesson.course)
    return video


@pytest.fixture
def address(video):
    return reverse("video", args=[video.pk])


@pytest.fixture
def form(client, address):
    """What the page's form would send for 2:30."""
    return htmx.fields(htmx.by_id(htmx.loaded(client.get(address)), "reflect")) | {
        "id": str(uuid.uuid7() if hasattr(uuid, "uuid7") else uuid.uuid4()),
        "at": "2:30",
        "text": "I would have asked for the price first.",
    }


def without_news(page):
    """A page once static/js/drafts.js has heard that words have arrived; since whenever it asks for answers."""
    for element in htmx.elements(page):
        element.attributes = [each for each in element.attributes if each[0] not in ("data-sent", "data-address")]
    return page


def asked(client, address, form, **more):
    return client.post(address, form, headers={"HX-Request": "true", "HX-Target": "panel"}, **more)


def test_people_see_what_is_theirs(client, student, video, address):
    course = video.lesson.course
    instructor = factories.CourseInstructorFactory(course=course).instructor
    left = factories.EnrollmentFactory(course=course, left_at=timezone.now()).student
    people = {
        student: (200, True),
        instructor: (200, False),
        factories.StaffFactory(): (200, False),
        left: (404, False),
        factories.EnrollmentFactory().student: (404, False),
    }
    for person, (status, learns) in people.items():
        client.force_login(person)
        response = client.get(address)
        assert response.status_code == status
        assert (b'id="reflect"' in response.content) == learns == (b"data-session" in response.content)
        sent = client.post(address, {"id": uuid.uuid4(), "at": "1", "text": "Hm."})
        assert sent.status_code == (302 if learns else 404)
    client.logout()
    assert client.get(address)["Location"].startswith(reverse("login"))


def test_it_goes_on_where_one_was_or_at_a_second_that_the_address_names(client, student, video, address):
    assert b"ask.mp4#t=0" in client.get(address).content
    factories.VideoProgressFactory(student=student, video=video, watched=[(0, 192)], position_seconds=187)
    content = client.get(address).content.decode()
    assert "ask.mp4#t=187" in content
    assert "<track" not in content
    assert "You have watched <span data-percent>32</span>%" in content
    assert htmx.fields(htmx.by_id(htmx.loaded(client.get(address)), "reflect"))["at"] == "3:07"
    assert b"ask.mp4#t=30" in client.get(f"{address}?t=30").content
    assert client.get(f"{address}?t=-1").status_code == 400
    VideoProgress.objects.update(position_seconds=600)
    assert b"ask.mp4#t=0" in client.get(address).content


def test_captions_are_offered_to_who_watches(client, settings, tmp_path, video, address):
    settings.MEDIA_ROOT = tmp_path
    video.captions.save("captions.vtt", ContentFile(b"WEBVTT\n\n00:00.000 --> 00:04.500\nWhom do you ask?\n"))
    found = reverse("video_captions", args=[video.pk])
    assert f'<track kind="captions" src="{found}"' in client.get(address).content.decode()
    assert client.get(found)["Content-Type"] == "text/vtt; charset=utf-8"


def test_a_reflection_stands_at_its_second_and_waits_for_an_answer(client, student, video, address, form):
    response = client.post(address, form)
    reflection = Reflection.objects.get()
    entry = entry_id_of_words(reflection)
    assert response["Location"] == f"{address}?t=150#entry-{entry}"
    assert (reflection.student, reflection.video, reflection.video_timestamp_seconds) == (student, video, 150)
    assert reflection.content == form["text"]
    content = client.get(response["Location"]).content.decode()
    assert "Your reflection at 2:30 is saved." in content
    assert f'data-sent="reflect-{video.pk}"' in content
    assert "Waiting for an answer" in content
    assert_no_drift()
    # The same form once more is no second one.
    assert client.post(address, form).status_code == 302
    assert Reflection.objects.count() == 1


def test_what_sending_swaps_in_is_what_a_fresh_page_shows(client, video, address, form):
    factories.CheckpointFactory(video=video, video_timestamp_seconds=20)
    page = htmx.loaded(client.get(address))
    response = asked(client, address, form)
    assert response.status_code == 200
    assert "Your reflection at 2:30 is saved." in response["HX-Trigger-After-Settle"]
    page = htmx.swapped(page, response, htmx.by_id(page, "panel"))
    page = without_news(page)
    fresh = without_news(htmx.loaded(client.get(f"{address}?t=150")))
    for part in ("panel", "track"):
        assert htmx.by_id(page, part) == htmx.by_id(fresh, part)


def test_a_picture_or_a_loom_video_goes_with_it(client, student, address, form):
    picture = SimpleUploadedFile("frame.webp", samples.picture("WEBP"), "image/webp")
    assert client.post(address, form | {"text": "", "attachment": picture}).status_code == 302
    reflection, upload = Reflection.objects.get(), Upload.objects.get()
    assert (reflection.media_type, reflection.media_url) == ("image", upload.address)
    assert (upload.owner, upload.student) == (student, student)
    loom = form | {"id": str(uuid.uuid4()), "text": "", "loom": f" {LOOM}?sid=1 "}
    assert client.post(address, loom).status_code == 302
    reflection = Reflection.objects.get(media_type="video")
    assert reflection.media_url == LOOM
    assert client.post(address, loom).status_code == 302
    assert Reflection.objects.count() == 2
    assert b"https://www.loom.com/embed/0281766fa2d04bb788eaf19e65135184" in client.get(address).content


BAD = {
    "no words": ({"text": " \n"}, "Write something"),
    "too many words": ({"text": "x" * 20_001}, "at most 20,000"),
    "a character that cannot be kept": ({"text": "a\0b"}, "cannot be kept"),
    "no second": ({"at": ""}, "required"),
    "a second in words": ({"at": "later"}, "minutes and seconds"),
    "a negative second": ({"at": "-1"}, "minutes and seconds"),
    "NaN": ({"at": "NaN"}, "minutes and seconds"),
    "a second after the end": ({"at": "10:00"}, "only 10:00 long"),
    "a huge second": ({"at": "9" * 500}, "minutes and seconds"),
    "another site's video": ({"loom": "https://evil.example.org/share/" + "0" * 32}, "no link to a Loom video"),
    "a link that is none": ({"loom": "javascript:alert(1)"}, "no link to a Loom video"),
    "Loom without encryption": ({"loom": LOOM.replace("https", "http")}, "no link to a Loom video"),
    "another host that looks like Loom": ({"loom": LOOM.replace("loom.com", "loom.com.example.org")}, "no link"),
    "no id": ({"id": "7"}, "incomplete"),
}


@pytest.mark.parametrize(("bad", "said"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("by_htmx", [True, False])
def test_what_cannot_be_kept_comes_back_with_the_words(client, address, form, bad, said, by_htmx):
    sent = form | bad
    response = asked(client, address, sent) if by_htmx else client.post(address, sent)
    content = response.content.decode()
    assert response.status_code == 422
    assert said in content
    assert not Reflection.objects.exists()
    if "text" not in bad:
        assert form["text"] in content
    if by_htmx:
        assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#reflect", "outerHTML")
        assert "<html" not in content


def test_a_picture_and_a_loom_video_are_one_too_many(client, address, form):
    picture = SimpleUploadedFile("frame.webp", samples.picture("WEBP"), "image/webp")
    response = client.post(address, form | {"attachment": picture, "loom": LOOM})
    assert response.status_code == 422
    assert "one recording or one Loom video" in response.content.decode()
    assert not Upload.objects.exists()


def test_the_id_of_somebody_elses_reflection_is_given_a_new_one(client, address, form):
    theirs = factories.ReflectionFactory()
    response = asked(client, address, form | {"id": str(theirs.pk)})
    assert response.status_code == 422
    renewed = response.content.decode()
    assert str(theirs.pk) not in renewed
    assert form["text"] in renewed
    theirs.refresh_from_db()
    assert theirs.content != form["text"]


def test_an_answer_is_new_until_it_was_seen_and_again_once_it_was_edited(client, student, video, address):
    instructor = factories.CourseInstructorFactory(course=video.lesson.course).instructor
    reflection = factories.ReflectionFactory(student=student, video=video, video_timestamp_seconds=83)
    assert "New answer" not in client.get(address).content.decode()
    version = answer(reflection.pk, by=instructor, text="Ask first.", seen="").responded_at.isoformat()
    seen = reverse("answer_seen", args=[reflection.pk])
    content = client.get(address).content.decode()
    assert f'<a class="moment" href="{address}?t=83">1:23</a>' in content
    assert f'data-unseen="{seen}"' in content
    home = client.get(reverse("home")).content.decode()
    assert f'<a href="{address}?t=83"><bdi>{video.title}</bdi>, 1:23</a>' in home
    assert "Ask first." in home

    client.force_login(factories.EnrollmentFactory(course=video.lesson.course).student)
    assert client.post(seen).status_code == 204  # which changes nothing: it is somebody else's
    client.force_login(student)
    assert "New answer" in client.get(address).content.decode()
    assert client.get(seen).status_code == 405
    assert client.post(seen).status_code == 204
    assert "New answer" not in client.get(address).content.decode()

    assert "New answer" not in client.get(reverse("home")).content.decode()

    answer(reflection.pk, by=instructor, text="Ask first, always.", seen=version)
    assert "New answer" in client.get(f"{address}?t=20").content.decode()
    assert "New answer" in client.get(f"{address}?t=83").content.decode()  # the way to it, on which it is still marked
    assert "New answer" not in client.get(address).content.decode()
    assert_no_drift()


def test_an_answer_that_comes_while_the_page_is_open_is_told_of_once(client, student, video, address):
    first, second = (
        factories.ReflectionFactory(student=student, video=video, video_timestamp_seconds=at) for at in (83, 90)
    )
    theirs = factories.ReflectionFactory(video=video)
    content = client.get(address).content.decode()
    given = html.unescape(re.search(r'data-address="([^"]+)"', content)[1])
    assert client.get(given).status_code == 204
    news, since = given.split("?")[0], timezone.now() - datetime.timedelta(hours=1)  # the database's now() stands still

    def ask(since=since):
        return client.get(news, {"since": since.isoformat()})

    assert ask().status_code == 204

    for each in (first, second, theirs):
        answer(each.pk, by=factories.ProfileFactory(), text="Ask first.", seen="")
    with CaptureQueriesContext(connection) as asked:
        assert "2 new answers, the first at 1:23" in ask().text
    assert len(asked) == 3  # session, person, reflections
    client.post(reverse("answer_seen", args=[first.pk]))
    assert "A new answer at 1:30" in ask().text
    assert ask(timezone.now() + datetime.timedelta(seconds=1)).status_code == 204
    assert client.get(news, {"since": "2036-03-02T12:00+23:00"}).status_code == 204  # PostgreSQL knows no such zone
    for bad in ("", "yesterday", "2026-03-02", "2026-03-02T12:00", "0001-01-01T00:00Z", "9" * 50):
        assert client.get(news, {"since": bad}).status_code == 400, bad


def test_own_words_are_edited_and_hidden_beside_the_video(client, student, video, address):
    reflection = factories.ReflectionFactory(student=student, video=video, video_timestamp_seconds=83)
    page = htmx.loaded(client.get(address))
    entry = f"entry-{entry_id_of_words(reflection)}"
    edit, hide, back = (
        reverse(name, args=["reflections", reflection.pk]) for name in ("edit_words", "hide_words", "bring_back_words")
    )
    assert f"{edit}?row=video" in str(htmx.by_id(page, entry))
    headers = {"HX-Request": "true"}
    form = client.get(f"{edit}?row=video", headers=headers).content.decode()
    assert '<input type="hidden" name="row" value="video">' in form
    response = client.post(edit, {"row": "video", "text": "Other words.", "seen": ""}, headers=headers)
    page = without_news(htmx.swapped(page, response, htmx.by_id(page, entry)))
    assert htmx.by_id(page, entry) == htmx.by_id(htmx.loaded(client.get(address)), entry)
    assert (
        '<input type="hidden" name="row" value="video">'
        in client.post(hide, {"row": "video"}, headers=headers).content.decode()
    )
    assert entry not in client.get(address).content.decode()
    response = client.post(back, {"row": "video"}, headers=headers)
    page = htmx.swapped(page, response, htmx.by_id(page, entry))
    assert htmx.by_id(page, entry) == htmx.by_id(htmx.loaded(client.get(address)), entry)


def test_a_video_stops_at_quizzes_that_ask_something_and_are_not_handed_in(client, student, video, address):
    def quiz(second, **fields):
        quiz = factories.QuizFactory(video=video, video_timestamp_seconds=second, title=f"At {second}", **fields)
        factories.QuizQuestionFactory(quiz=quiz)
        return quiz

    factories.QuizFactory(video=video, video_timestamp_seconds=5)  # without questions
    quizzes = [quiz(20), quiz(30, skippable=False), quiz(100, skippable=False), quiz(200, skippable=False)]
    factories.QuizAttemptFactory(student=student, quiz=quizzes[3], submitted=True)
    factories.QuizAttemptFactory(student=student, quiz=quizzes[0])  # under way
    factories.QuizAttemptFactory(quiz=quizzes[2], submitted=True)  # somebody else's
    factories.VideoProgressFactory(student=student, video=video, watched=[(0, 60)])
    page = htmx.loaded(client.get(address))
    stops = {
        htmx.attribute(element, "data-stops-at"): "data-holds" in dict(element.attributes)
        for element in htmx.elements(page)
        if htmx.attribute(element, "data-stops-at")
    }
    assert stops == {"20": False, "30": False, "100": True}  # 0:30 was watched before


def test_many_reflections_are_paged_from_the_second_on_that_is_asked_for(client, student, video, address):
    for number in range(70):
        factories.ReflectionFactory(
            student=student, video=video, video_timestamp_seconds=5 * number, content=f"Thought {number:02}."
        )
    factories.ReflectionFactory(video=video, content="Somebody else's.")
    content = client.get(address).content.decode()
    assert "Thought 49." in content
    assert "Thought 50." not in content
    assert "Somebody else" not in content
    content = client.get(f"{address}?t=300").content.decode()
    assert 'data-follows="300"' in content
    assert "Thought 59." not in content
    assert "Thought 60." in content
    assert "From the start" in content
    assert "Nothing from here on Everything is earlier" in text_of(client.get(f"{address}?t=599"))
    more = client.get(f"{address}?t=200", headers={"HX-Request": "true", "HX-Target": "list"})
    assert more.content.decode().strip().startswith('<div class="list" id="list" data-follows="200">')


def test_the_number_of_queries_does_not_grow_with_what_is_there(client, student, video, address):
    factories.VideoProgressFactory(student=student, video=video)

    def queries_once_grown_by(seconds):
        for second in seconds:
            factories.CheckpointFactory(video=video, video_timestamp_seconds=second)
            picture = factories.UploadFactory(student=student).address
            reflection = factories.ReflectionFactory(
                student=student, video=video, video_timestamp_seconds=second, media_url=picture, media_type="image"
            )
            answer(reflection.pk, by=factories.ProfileFactory(), text="Yes.", seen="")
        with CaptureQueriesContext(connection) as asked:
            client.get(address)
        return len(asked)

    assert queries_once_grown_by([10]) == queries_once_grown_by(range(20, 100, 10)) < 18


def test_what_a_student_watched_and_wrote_is_drawn(student, video):
    drawn = track.draw_own(duration=600, watched=[(0, 60), (300, 360)], markers=[], landmarks=[])
    assert drawn.percent == 20
    assert [(band.x, band.width) for band in drawn.watched] == [("0%", "10%"), ("50%", "10%")]


def test_who_comes_to_teach_the_course_while_its_page_is_open_gets_the_page_of_an_instructor(
    client, student, video, address
):
    factories.CourseInstructorFactory(course=video.lesson.course, instructor=student)
    for target in ("entries", "list", "panel"):
        response = client.get(address, headers={"HX-Request": "true", "HX-Target": target})
        assert (response.status_code, response["HX-Refresh"]) == (200, "true")
    assert client.get(address).status_code == 200
