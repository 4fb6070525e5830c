"""Sharing a story: what others see and what they do not, who sees it, until when; congratulating."""

import datetime
import itertools
import re
import threading
import uuid

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from goals import sharing
from goals.models import Congratulation, Goal, Part, SharedStory
from goals.sharing import Contents
from privacy.erasure import erase
from profiles.models import Profile
from tests import factories
from tests.htmx import by_class, by_id, loaded, swapped
from tests.threads import at_once
from timeline import queries
from timeline.queries import community

pytestmark = pytest.mark.django_db

DAY = datetime.timedelta(days=1)
NOON = datetime.datetime(2026, 3, 2, 17, tzinfo=datetime.UTC)

# What each part alone lets others see, by words that stand nowhere else.
WORDS = {
    Part.WATCHING: ["Watched the opening"],
    Part.QUIZZES: ["Quiz of prices", "87%"],
    Part.COURSES: ["Course of selling"],
    Part.REFLECTIONS: ["I thought aloud"],
    Part.ANSWERS: ["Answered at length"],
    Part.NOTES: ["Noted in the evening"],
    Part.PROOFS: ["Paid in full"],
    Part.MESSAGES: ["Told you so"],
}
NEVER = [
    "Ines Teixeira",
    "sara@example.org",
    "ines@example.org",
    "Described at home",
    "Under another goal",
    "Hidden by",
]
ADDRESSES = ["/uploads/", "https://media.example.org/memo.m4a"]


@pytest.fixture
def goal(tmp_path, settings):
    """A reached goal with every kind of entry, a picture and a voice memo; Sara, of a course of Ines."""
    settings.MEDIA_ROOT = tmp_path
    ines = factories.ProfileFactory(full_name="Ines Teixeira", email="ines@example.org")
    sara = factories.ProfileFactory(full_name="Sara Lindqvist", email="sara@example.org")
    course = factories.CourseFactory(title="Course of selling")
    factories.CourseInstructorFactory(course=course, instructor=ines)
    at = iter(NOON + number * DAY for number in range(1, 20))
    other = factories.GoalPeriodFactory(
        goal__student=sara, goal__title="Another", period=TimestamptzRange(NOON - 20 * DAY, NOON)
    )
    factories.DailyNoteFactory(student=sara, content="Under another goal", created_at=other.period.lower + DAY)
    goal = factories.GoalFactory(
        student=sara, title="Ten paying customers", description="Described at home", completed_at=NOON + 20 * DAY
    )
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(NOON, NOON + 21 * DAY))
    factories.EnrollmentFactory(student=sara, course=course, enrolled_at=next(at))
    video = factories.VideoFactory(lesson__course=course, lesson__title="First lesson", title="Watched the opening")
    factories.VideoProgressFactory(student=sara, video=video, watched=[(0, 600)], watched_at=next(at))
    quiz = factories.QuizFactory(lesson=video.lesson, title="Quiz of prices")
    factories.QuizAttemptFactory(student=sara, quiz=quiz, submitted=True, score=87, started_at=next(at))
    elsewhere = factories.VideoFactory(lesson__course=course, lesson__title="Second lesson", title="Where thoughts are")
    memo = factories.UploadFactory(student=sara, voice=True)
    answered = {"instructor_response": "Answered at length", "responded_by": ines, "responded_at": NOON + 9 * DAY}
    factories.ReflectionFactory(
        student=sara,
        video=elsewhere,
        content="I thought aloud",
        created_at=next(at),
        media_url=memo.address,
        media_type="audio",
        media_duration_seconds=42,
        **answered,
    )
    heard = {"media_url": "https://media.example.org/memo.m4a", "media_type": "audio"}
    factories.DailyNoteFactory(student=sara, content="Noted in the evening", created_at=next(at), **heard)
    picture = factories.UploadFactory(student=sara)
    factories.SuccessProofFactory(
        goal=goal, content="Paid in full", created_at=next(at), media_url=picture.address, media_type="image"
    )
    voice = factories.UploadFactory(student=sara, owner=ines, voice=True)
    spoken = {"media_url": voice.address, "media_type": "audio"}
    factories.GoalMessageFactory(student=sara, author=ines, content="Told you so", created_at=next(at), **spoken)
    factories.DailyNoteFactory(student=sara, content="Hidden by Sara", created_at=next(at), hidden_at=timezone.now())
    factories.GoalMilestoneFactory(goal=goal, title="First sale", reached_at=next(at))
    goal.course, goal.files = course, {"memo": memo, "picture": picture, "voice": voice}
    return goal


def shared(goal, parts=(), media=False, community=True, link=True):
    chosen = Contents(frozenset(parts), media)
    return sharing.share(goal, contents=chosen, course=goal.course if community else None, link=link)


def linked(story):
    return reverse("shared_story", args=[sharing.token(story)])


def fellow(goal):
    return factories.EnrollmentFactory(course=goal.course).student


@pytest.mark.parametrize("part", [None, *Part])
def test_what_is_not_chosen_appears_nowhere(client, goal, part):
    story = shared(goal, [part] if part else [])
    if part == Part.ANSWERS:
        story = shared(goal, [Part.ANSWERS, Part.REFLECTIONS])
    client.force_login(fellow(goal))
    for address in (reverse("community_story", args=[story.pk]), linked(story)):
        text = client.get(address).content.decode()
        body = text[text.index("<main") : text.index("</main")]
        assert "First sale" in body
        assert "Ten paying customers" in body
        story_itself = body[body.index('<article class="story"') :]
        chosen = {part, Part.REFLECTIONS} if part == Part.ANSWERS else {part}
        for each, words in WORDS.items():
            for word in words:
                assert (word in story_itself) == (each in chosen), (each, word)
        for word in [*NEVER, *ADDRESSES, str(goal.student_id), str(goal.pk), "/entries/", "/students/", "./media"]:
            assert word not in story_itself, word


def test_media_are_shown_and_sent_only_where_they_are_chosen(client, goal):
    files = goal.files
    story = shared(goal, Part.values)
    addresses = [reverse("community_story", args=[story.pk]), linked(story)]
    client.force_login(fellow(goal))
    for address in addresses:
        for upload in files.values():
            assert client.get(f"{address}media/{upload.pk}/").status_code == 404
    shared(goal, [Part.PROOFS, Part.NOTES, Part.MESSAGES], media=True)
    for address in addresses:
        text = client.get(address).text
        assert f"./media/{files['picture'].pk}/" in text
        assert "https://media.example.org/memo.m4a" in text
        assert str(files["memo"].pk) not in text
        assert str(files["voice"].pk) not in text
        sent = client.get(f"{address}media/{files['picture'].pk}/")
        assert b"".join(sent.streaming_content) == b"a picture"
        assert sent["Cache-Control"] == "private, no-store"
        assert sent["Content-Type"] == "image/webp"
        for hidden in ("memo", "voice"):  # a reflection's, not chosen; an instructor's, never
            assert client.get(f"{address}media/{files[hidden].pk}/").status_code == 404
        assert client.get(f"{address}media/{factories.UploadFactory(student=goal.student).pk}/").status_code == 404
    paper = factories.UploadFactory(student=goal.student, document=True)
    named = {"media_url": paper.address, "media_type": "document"}
    factories.SuccessProofFactory(goal=goal, content="", created_at=NOON + DAY, **named)
    for address in addresses:
        assert f'href="./media/{paper.pk}/"' in client.get(address).text
        assert "Open the document (PDF, 240.0\xa0KB)" in client.get(address).text
        assert "Success proof</a>: PDF document" in client.get(address).text
        sent = client.get(f"{address}media/{paper.pk}/")
        assert (sent["Content-Type"], sent["Content-Disposition"][:10]) == ("application/octet-stream", "attachment")
    assert client.get(f"/uploads/{files['picture'].pk}/").status_code == 404
    shared(goal, [Part.PROOFS])
    assert "PDF" not in client.get(addresses[0]).text
    shared(goal, [Part.PROOFS], media=True)
    client.logout()
    assert client.get(f"{addresses[0]}media/{files['picture'].pk}/").status_code == 404
    assert client.get(f"{addresses[1]}media/{files['picture'].pk}/").status_code == 200
    goal.proofs.update(hidden_at=timezone.now())
    assert client.get(f"{addresses[1]}media/{files['picture'].pk}/").status_code == 404


def test_who_sees_a_story_in_the_community(client, goal):
    story = shared(goal, link=False)
    address = reverse("community_story", args=[story.pk])
    completed = factories.EnrollmentFactory(course=goal.course, completed_at=NOON, left_at=NOON).student
    gone = factories.EnrollmentFactory(course=goal.course, left_at=NOON).student
    people = [
        (goal.student, True),
        (fellow(goal), True),
        (completed, True),
        (gone, False),
        (goal.course.instructors.get(), True),
        (factories.StaffFactory(), True),
        (factories.EnrollmentFactory().student, False),
        (factories.CourseInstructorFactory().instructor, False),
    ]
    for person, sees in people:
        client.force_login(person)
        assert client.get(address).status_code == (200 if sees else 404)
        assert ("Ten paying customers" in client.get("/community/").text) == sees
        asked = client.get("/community/", {"course": goal.course.pk})
        assert asked.status_code == (200 if sees else 404)
        said = client.post(reverse("congratulate", args=[story.pk]))
        assert said.status_code == (403 if person == goal.student else 302 if sees else 404)
    client.logout()
    for page in (address, "/community/"):
        assert client.get(page)["Location"].startswith("/login/")


def test_stories_that_nobody_sees_make_pages_shorter_and_every_other_comes_once(client, monkeypatch):
    monkeypatch.setattr(community, "LOOK", 3)
    courses = factories.CourseFactory.create_batch(2)
    stories = [
        factories.SharedStoryFactory(
            course=courses[number % 2],
            community_at=NOON - number * DAY,
            goal__student=factories.EnrollmentFactory(course=courses[number % 2]).student,
        )
        for number in range(10)
    ]
    unseen = {0, 1, 2, 4, 9}
    for number in unseen:
        Goal.objects.filter(pk=stories[number].goal_id).update(completed_at=None)
    found, after = [], None
    while page := queries.shared_stories(courses=courses, after=after, size=2):
        found.append([stories.index(story) for story in page.entries])
        if not (after := page.next):
            break
    assert found[0] == [], "where the newest are unseen, the page says what comes after"
    assert list(itertools.chain(*found)) == [number for number in range(10) if number not in unseen]
    client.force_login(factories.StaffFactory())
    page = client.get("/community/").text
    assert "not shown any more" in page
    assert "Earlier stories" in page


def test_only_the_student_shares_previews_and_sees_what_is_shared(client, goal):
    shared(goal)
    for person in (goal.course.instructors.get(), factories.StaffFactory(), fellow(goal)):
        client.force_login(person)
        for name in ("share_story", "preview_story"):
            address = reverse(name, args=[goal.student_id, goal.pk])
            assert client.get(address).status_code == 404
            assert client.post(address, {"stop": "1"}).status_code in (404, 405)
    assert SharedStory.objects.get().course


def test_a_secret_link_is_for_whoever_has_it_and_tells_nobody_of_itself(client, goal):
    story = shared(goal, community=False)
    address = linked(story)
    for person in (None, goal.student, factories.EnrollmentFactory().student):
        if person:
            client.force_login(person)
        page = client.get(address)
        assert page.status_code == 200
        assert page["Referrer-Policy"] == "same-origin"
        assert "noindex" in page["X-Robots-Tag"]
        assert {"private", "no-store"} <= set(page["Cache-Control"].split(", "))
        assert '<meta name="robots" content="noindex, nofollow">' in page.text
    token = sharing.token(story)
    assert len(token) > 64
    wrong = [token[:-1], token[1:], token.partition(".")[0], token.upper(), f"{token}x", "x", str(story.pk)]
    for text in wrong:
        for address in (reverse("shared_story", args=[text]), f"/shared/{text}/media/{uuid.uuid4()}/"):
            page = client.get(address)
            assert (page.status_code, "the person who shared the story has ended it" in page.text) == (404, True), text
    assert "you may not have access" in client.get(f"{linked(story)}media/{uuid.uuid4()}/").text
    with connection.cursor() as cursor:
        cursor.execute("SELECT shared_stories::text FROM shared_stories")
        assert token.partition(".")[2] not in cursor.fetchone()[0]
    client.force_login(fellow(goal))
    assert "Ten paying customers" not in client.get("/community/").text


@pytest.mark.parametrize("how", ["stop", "renew", "untick", "reopen", "erase"])
def test_what_ends_a_secret_link_ends_it_at_once(client, goal, how):
    story = shared(goal, [Part.PROOFS], media=True)
    address, picture = linked(story), f"{linked(story)}media/{goal.files['picture'].pk}/"
    assert client.get(address).status_code == client.get(picture).status_code == 200
    if how in ("stop", "renew"):
        client.force_login(goal.student)
        client.post(reverse("share_story", args=[goal.student_id, goal.pk]), {how: "1"})
        client.logout()
    elif how == "untick":
        shared(goal, link=False)
    elif how == "reopen":
        Goal.objects.filter(pk=goal.pk).update(completed_at=None)
    else:
        goal.student.delete()
        assert not SharedStory.objects.exists()
    assert client.get(address).status_code == client.get(picture).status_code == 404
    if how == "renew":
        assert client.get(linked(SharedStory.objects.get())).status_code == 200


def test_a_story_leaves_the_community_at_once_and_with_who_leaves_the_course(client, goal):
    story = shared(goal, link=False)
    client.force_login(fellow(goal))
    address = reverse("community_story", args=[story.pk])
    page = client.get(address)
    assert {"private", "no-store"} <= set(page["Cache-Control"].split(", "))
    assert {"private", "no-store"} <= set(client.get("/community/")["Cache-Control"].split(", "))
    enrolled = goal.student.enrollments.filter(course=goal.course)
    for ends, back in (
        ({"left_at": NOON}, {"left_at": None}),
        ({"left_at": NOON}, {"completed_at": NOON}),
    ):
        enrolled.update(**ends)
        assert client.get(address).status_code == 404
        assert "Ten paying" not in client.get("/community/").text
        enrolled.update(**back)
        assert client.get(address).status_code == 200
    sharing.stop(goal)
    assert client.get(address).status_code == 404
    assert client.post(reverse("congratulate", args=[story.pk])).status_code == 404


def test_a_preview_is_what_others_see(client, goal):
    client.force_login(goal.student)
    address = reverse("share_story", args=[goal.student_id, goal.pk])
    for parts, media in (([], False), (["notes", "proofs"], True), (Part.values, True)):
        sent = {"parts": parts, "course": goal.course.pk, "link": "on"} | ({"media": "on"} if media else {})
        client.force_login(goal.student)
        preview = client.get(client.post(address, sent | {"preview": "1"})["Location"])
        assert not SharedStory.objects.filter(parts=parts).exists()
        assert client.post(address, sent | {"share": "1"}).status_code == 302
        story = SharedStory.objects.get()
        client.force_login(fellow(goal))
        others = [reverse("community_story", args=[story.pk]), linked(story)]
        seen = {str(told(page)) for page in (preview, *map(client.get, others))}
        assert len(seen) == 1
        if media:
            client.force_login(goal.student)
            base = reverse("preview_story", args=[goal.student_id, goal.pk])
            assert client.get(f"{base}media/{goal.files['picture'].pk}/").status_code == 200


def told(page):
    """The story in a page, its links without what a preview is of, without the congratulations of a community."""
    text = re.sub(r'href="\?[^"]*(after=[^"#]*)', r'href="?\1', page.content.decode())
    text = re.sub(r'<div class="story-bar" id="applause">.*?</div>', "", text, flags=re.DOTALL)
    return by_id(loaded(type("Page", (), {"content": text.encode()})), "story")


def test_what_is_chosen_is_kept_and_a_form_that_makes_no_sense_writes_nothing(client, goal):
    client.force_login(goal.student)
    address = reverse("share_story", args=[goal.student_id, goal.pk])
    page = client.get(address)
    assert "So far only you and your instructors see it." in page.text
    assert set(re.findall(r'value="(\w+)"[^>]*checked', page.text)) == {"watching", "quizzes", "courses"}
    stranger = factories.CourseFactory()
    left = factories.EnrollmentFactory(student=goal.student, left_at=NOON).course
    for sent, words in (
        ({"parts": ["diary"]}, "“diary” cannot be shared"),
        ({"course": stranger.pk}, "Choose one of your own courses"),
        ({"course": left.pk}, "Choose one of your own courses"),
        ({"course": "nonsense"}, "Choose one of your own courses"),
    ):
        page = client.post(address, sent | {"share": "1"})
        assert page.status_code == 422
        assert words in page.text
    assert not SharedStory.objects.exists()
    with pytest.raises(ValidationError):
        sharing.share(goal, contents=Contents(frozenset()), course=stranger)
    back = client.get(address, {"chosen": "1", "parts": ["notes"], "link": "on"})
    assert re.findall(r'value="(\w+)"[^>]*checked', back.text) == ["notes"]
    assert client.get(reverse("preview_story", args=[goal.student_id, goal.pk]), {"parts": "diary"}).status_code == 200
    for nonsense in ({"after": "nonsense"}, {"after": "2026~x"}):
        assert client.get(reverse("goal_story", args=[goal.student_id, goal.pk]), nonsense).status_code == 400
        assert client.get("/community/", nonsense).status_code == 400
    assert client.get("/community/", {"course": "nonsense"}).status_code == 404


def test_what_is_shared_with_nobody_is_said_to_be(client, goal):
    client.force_login(goal.student)
    address = reverse("share_story", args=[goal.student_id, goal.pk])
    assert "not shared with anybody" in client.post(address, {"parts": ["notes"], "share": "1"}, follow=True).text
    assert SharedStory.objects.get().parts == ["notes"]
    assert "There is no secret link" in client.post(address, {"renew": "1"}, follow=True).text
    assert "<h1>Share this story" in client.get(address).text
    page = client.post(address, {"link": "on", "share": "1"}, follow=True).text
    assert "from now on" in page
    assert "<h1>What you share" in page
    assert "What you share</a>" in client.get(reverse("goal_story", args=[goal.student_id, goal.pk])).text


@pytest.mark.django_db(transaction=True)
def test_what_is_stopped_while_it_is_shared_anew_has_stopped(goal, monkeypatch):
    shared(goal, community=False)

    def stop():
        sharing.stop(goal)
        connections.close_all()

    stopping, courses = threading.Thread(target=stop), sharing.shareable_courses

    def meanwhile(student):
        stopping.start()
        stopping.join(0.3)
        return courses(student)

    monkeypatch.setattr(sharing, "shareable_courses", meanwhile)
    shared(goal)
    stopping.join()
    kept = SharedStory.objects.get()
    assert (kept.link, kept.course) == (None, None)


def test_sharing_again_keeps_the_link_and_the_place_in_the_community(goal):
    first = shared(goal)
    again = shared(goal, [Part.NOTES])
    assert (again.pk, again.link, again.community_at) == (first.pk, first.link, first.community_at)
    other = factories.EnrollmentFactory(student=goal.student).course
    moved = sharing.share(goal, contents=Contents(frozenset()), course=other, link=True)
    assert moved.community_at > first.community_at
    Goal.objects.update(completed_at=None)
    with pytest.raises(ValidationError, match="once its goal is reached"):
        shared(goal)


def test_a_goal_that_is_deleted_while_its_form_is_sent_is_not_shared(client, goal, monkeypatch):
    found = sharing.share
    client.force_login(goal.student)

    def share(*args, **options):
        Goal.objects.filter(pk=goal.pk).delete()
        return found(*args, **options)

    monkeypatch.setattr(sharing, "share", share)
    sent = client.post(reverse("share_story", args=[goal.student_id, goal.pk]), {"parts": ["watching"], "link": "on"})
    assert sent.status_code == 422
    assert "once its goal is reached" in sent.text


def test_what_can_be_done_with_a_story_stands_under_its_title(client, goal):
    story = shared(goal, link=False)
    for person, address, act in (
        (fellow(goal), reverse("community_story", args=[story.pk]), "Congratulate"),
        (goal.student, reverse("community_story", args=[story.pk]), "Nobody has congratulated yet"),
        (goal.student, reverse("goal_story", args=[goal.student_id, goal.pk]), "What you share"),
    ):
        client.force_login(person)
        page = client.get(address).text
        assert page.index("<h1>") < page.index(act) < page.index("<h2")


def test_congratulations_count_once_can_be_taken_back_and_are_named_to_the_student(client, goal):
    story = shared(goal, link=False)
    tom = fellow(goal)
    tom.full_name = "Tom Abara"
    tom.save()
    client.force_login(tom)
    address, act = reverse("community_story", args=[story.pk]), reverse("congratulate", args=[story.pk])
    for _ in range(2):
        assert client.post(act)["Location"] == address
    assert Congratulation.objects.count() == 1
    assert "You congratulated" in client.get(address).text
    assert "1 person congratulated" in client.get("/community/").text
    other = factories.EnrollmentFactory(course=goal.course, student__full_name="").student
    client.force_login(other)
    page = loaded(client.get(address))
    answer = client.post(act, headers={"HX-Request": "true"})
    assert "You and 1 other congratulated" in answer.text
    assert str(swapped(page, answer, by_id(page, "applause"))) == str(loaded(client.get(address)))
    assert "Tom Abara" not in client.get(address).text
    client.force_login(goal.student)
    page = client.get(reverse("share_story", args=[goal.student_id, goal.pk])).text
    assert "2 people congratulated" in page
    assert "Tom Abara" in page
    assert "Somebody" in page
    assert other.email not in page
    client.force_login(other)
    for _ in range(2):
        client.post(act, {"take_back": "1"})
    assert [one.person for one in Congratulation.objects.all()] == [tom]
    with pytest.raises(ValidationError):
        sharing.congratulate(story, goal.student)
    assert client.get(act).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_who_congratulates_while_the_student_is_erased_finds_nothing(client, goal, monkeypatch):
    story, congratulate = shared(goal), sharing.congratulate
    client.force_login(fellow(goal))

    def late(*asked):
        erase(goal.student)
        return congratulate(*asked)

    monkeypatch.setattr(sharing, "congratulate", late)
    assert client.post(reverse("congratulate", args=[story.pk])).status_code == 404
    assert not Congratulation.objects.exists()


def test_what_somebody_shared_whose_account_is_closed_is_shown_to_nobody(client, goal):
    story = shared(goal)
    client.force_login(fellow(goal))
    addresses = [reverse("community_story", args=[story.pk]), linked(story)]
    for active, status in ((False, 404), (True, 200)):
        Profile.objects.filter(pk=goal.student_id).update(is_active=active)
        assert [client.get(address).status_code for address in addresses] == [status] * 2
        assert (addresses[0] in client.get("/community/").text) == active


@pytest.mark.django_db(transaction=True)
def test_two_congratulations_at_once_are_one(goal):
    story, tom = shared(goal), fellow(goal)
    at_once(*[lambda: sharing.congratulate(story, tom)] * 4)
    assert Congratulation.objects.count() == 1


def test_the_community_pages_through_the_stories_of_ones_courses_the_newest_first(client):
    courses = factories.CourseFactory.create_batch(2)
    reader = factories.ProfileFactory()
    for course in courses:
        factories.EnrollmentFactory(student=reader, course=course)
    for number in range(45):
        enrolled = factories.EnrollmentFactory(course=courses[number % 2], student__full_name="")
        goal = {"goal__student": enrolled.student, "goal__title": f"Goal {number:02}"}
        factories.SharedStoryFactory(**goal, course=enrolled.course, community_at=NOON + number * DAY)
    factories.SharedStoryFactory(goal__title="Elsewhere")
    client.force_login(reader)
    page = client.get("/community/")
    assert "@example.org" not in page.text[page.text.index("<main") :]
    assert "A student" in page.text
    with CaptureQueriesContext(connection) as captured:
        client.get("/community/")
    many = len(captured)
    titles, tree = [], loaded(page)
    while more := by_class(tree, "load-more"):
        (link,) = (each for each in re.findall(r'hx-get="([^"]+)"', str(more[0])))
        swapped(tree, client.get(f"/community/{link.replace('&amp;', '&')}", headers={"HX-Request": "true"}), more[0])
    titles = re.findall(r"Goal \d\d", str(tree))
    assert titles == [f"Goal {number:02}" for number in reversed(range(45))]
    assert "Elsewhere" not in str(tree)
    one = client.get("/community/", {"course": courses[0].pk}).text
    assert set(re.findall(r"Goal \d\d", one)) == {f"Goal {number:02}" for number in range(44, 4, -2)}
    SharedStory.objects.filter(goal__title__gt="Goal 01").delete()
    with CaptureQueriesContext(connection) as captured:
        client.get("/community/")
    assert len(captured) == many
    SharedStory.objects.all().delete()
    assert "No stories yet" in client.get("/community/").text
    client.force_login(factories.ProfileFactory())
    assert "Find a course" in client.get("/community/").text
