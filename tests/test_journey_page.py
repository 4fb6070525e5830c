"""The page of a video's journey: what it shows, what a choice swaps in, and what is new."""

import datetime
import re
from html import unescape
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests import factories, htmx

pytestmark = pytest.mark.django_db

MARCH = datetime.datetime(2026, 3, 10, 15, 0, tzinfo=datetime.UTC)


@pytest.fixture
def seen(client):
    """A class of three in a video, seen by their instructor: Ann wrote 70 times, Ben watched, Cem did nothing."""
    course = factories.CourseFactory(title="Selling what you make")
    video = factories.VideoFactory(lesson__course=course, title="Whom to ask")
    ann, ben, cem = (factories.ProfileFactory(full_name=name) for name in ("Ann Abara", "Ben Bright", "Cem Can"))
    for student in (ann, ben, cem):
        factories.EnrollmentFactory(student=student, course=course)
    for student, watched in ((ann, [(0, 600)]), (ben, [(0, 60), (180, 300)])):
        factories.VideoProgressFactory(student=student, video=video, watched=watched, watched_at=MARCH)
    for number in range(70):
        factories.ReflectionFactory(
            student=ann,
            video=video,
            video_timestamp_seconds=5 * number,
            content=f"Thought {number:02}.",
            created_at=MARCH + datetime.timedelta(minutes=number),
            **({} if number in (4, 50) else {"instructor_response": "Yes.", "responded_at": MARCH}),
        )
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=200, title="Who asks?")
    factories.QuizAttemptFactory(student=ben, quiz=quiz, submitted=True)
    factories.CheckpointFactory(video=video, video_timestamp_seconds=400, title="The three questions")
    client.force_login(factories.CourseInstructorFactory(course=course).instructor)
    return SimpleNamespace(
        video=video, ann=ann, ben=ben, cem=cem, at=reverse("video_journey", args=[video.pk]), client=client
    )


def words(response):
    """The words of a page as they are read, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def ask(seen, query, target):
    """What htmx gets for an element of the page."""
    headers = {"HX-Request": "true"} | ({"HX-Target": target} if target else {})
    response = seen.client.get(seen.at + query, headers=headers)
    assert response.status_code == 200
    assert "<html" not in response.content.decode()
    return response


CHOICES = {
    "a kind": ("", "?kind=reflections"),
    "another kind": ("?kind=reflections", "?kind=reflections&kind=quizzes"),
    "what waits": ("?kind=quizzes", "?waiting=1"),
    "words": ("", "?q=thought+1"),
    "words that nobody wrote": ("?kind=reflections", "?q=nowhere"),
    "days": ("?q=thought", "?from=2026-03-10&until=2026-03-11"),
    "newest first": ("?kind=reflections", "?kind=reflections&order=newest"),
    "a student": ("?kind=reflections", "?kind=reflections&student={ann}"),
    "the next student": ("?student={ann}", "?student={ben}"),
    "everyone again": ("?student={cem}", ""),
    "all students": ("?kind=quizzes", "?kind=quizzes&view=students"),
    "another order of students": ("?view=students", "?view=students&sort=coverage"),
    "students by name": ("?view=students", "?view=students&name=b"),
    "a student of the list": ("?view=students&sort=seen", "?sort=seen&student={ben}"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_swaps_in_what_a_fresh_page_shows(seen, choice):
    before, after = (query.format(ann=seen.ann.pk, ben=seen.ben.pk, cem=seen.cem.pk) for query in CHOICES[choice])
    page = htmx.loaded(seen.client.get(seen.at + before))
    fresh = htmx.loaded(seen.client.get(seen.at + after))
    assert page != fresh
    assert htmx.swapped(page, ask(seen, after, "panel"), htmx.by_id(page, "panel")) == fresh


def test_a_link_that_htmx_boosts_gets_the_panel_too(seen):
    query = f"?student={seen.ben.pk}"
    boosted = {"HX-Request": "true", "HX-Boosted": "true", "HX-Target": "panel"}
    answer = seen.client.get(seen.at + query, headers=boosted)
    assert answer.content == ask(seen, query, "panel").content
    assert "<html" in seen.client.get(seen.at + query, headers=boosted | {"HX-Target": "main"}).content.decode()


def test_following_swaps_in_the_list_that_a_fresh_page_shows(seen):
    page = htmx.loaded(seen.client.get(seen.at))
    fresh = htmx.loaded(seen.client.get(f"{seen.at}?t=120"))
    htmx.swapped(page, ask(seen, "?t=120", "list"), htmx.by_id(page, "list"))
    assert htmx.by_id(page, "list") == htmx.by_id(fresh, "list")


@pytest.mark.parametrize("query", ["?kind=reflections", "?kind=reflections&order=newest"])
def test_more_entries_are_those_of_the_next_page_and_the_number_shown_follows(seen, query):
    page = htmx.loaded(seen.client.get(seen.at + query))
    (more,) = htmx.by_class(page, "load-more")
    address = htmx.attribute(next(link for link in htmx.elements(more) if link.name == "a"), "href")
    first = [item for item in items(page) if item != more]
    following = htmx.loaded(seen.client.get(seen.at + address))
    assert "Showing 51– 70 of 70" in words(seen.client.get(seen.at + address))
    htmx.swapped(page, ask(seen, address, None), more)
    assert items(page) == first + items(following)
    assert htmx.by_id(page, "shown-to").children == ["70"]


def items(page):
    (timeline,) = (each for each in htmx.by_class(page, "timeline") if each.name == "ol")
    return timeline.children


def test_more_students_are_those_of_the_next_page(seen):
    for number in range(60):
        factories.EnrollmentFactory(course=seen.video.lesson.course, student__full_name=f"Dora {number:02}")
    page = htmx.loaded(seen.client.get(f"{seen.at}?view=students"))
    (more,) = htmx.by_class(page, "load-more")
    address = htmx.attribute(next(link for link in htmx.elements(more) if link.name == "a"), "href")
    following = htmx.loaded(seen.client.get(seen.at + address))
    htmx.swapped(page, ask(seen, address, None), more)
    rows = [htmx.attribute(row, "id") for tree in (page, following) for row in htmx.elements(tree) if row.name == "tr"]
    shown = [row for row in rows if row]
    assert len(set(shown)) == 63
    assert shown[50:63] == shown[63:]


def test_what_an_answer_draws_anew_is_what_a_fresh_page_shows(seen):
    query = f"?kind=reflections&student={seen.ann.pk}"
    page = htmx.loaded(seen.client.get(seen.at + query))
    assert htmx.by_id(page, "waiting-count").children == ["2"]
    for reflection in seen.ann.reflections.filter(responded_at=None):
        reflection.instructor_response, reflection.responded_at = "Yes.", timezone.now()
        reflection.save()
    fresh = htmx.loaded(seen.client.get(seen.at + query))
    htmx.swapped(page, ask(seen, query, "track"), htmx.by_id(page, "track"))
    assert htmx.by_id(page, "waiting-count").children == ["0"]
    for name in ("track", "waiting-count"):
        assert htmx.by_id(page, name) == htmx.by_id(fresh, name)


def test_the_story_of_the_class_stands_under_the_video(seen):
    page = words(seen.client.get(seen.at))
    assert "3 in the class, 2 watched" in page
    assert "2 are waiting for an answer ." in page


def test_the_track_in_numbers_is_a_table_with_a_row_for_each_part(seen):
    page = htmx.loaded(seen.client.get(seen.at))
    (table,) = htmx.by_class(htmx.by_id(page, "track"), "table")
    rows = [" ".join(re.sub(r"<[^>]+>", " ", str(row)).split()) for row in htmx.elements(table) if row.name == "tr"]
    assert rows[0] == "Part Watched by Of the class Reflections Quiz attempts Waiting"
    assert rows[1] == "0:00–0:25 2 67% 5 0 1"
    assert rows[9] == "3:20–3:45 2 67% 5 1 0"
    assert rows[24] == "9:35–10:00 1 33% 0 0 0"
    assert len(rows) == 25


def test_each_marker_is_a_link_to_its_first_entry_that_keeps_the_filters(seen):
    track = htmx.by_id(
        htmx.loaded(seen.client.get(f"{seen.at}?kind=reflections&q=thought&after=5~{seen.ann.pk}")), "track"
    )
    marks = htmx.by_class(track, "mark")
    assert {htmx.attribute(mark, "data-group") for mark in marks} == {"reflections"}
    named = {htmx.attribute(mark, "aria-label"): htmx.attribute(mark, "href") for mark in marks}
    there = f"{seen.at}?kind=reflections&q=thought&t=250"
    assert named["5 reflections from 4:10 to 4:35, 1 waiting for an answer"] == there
    assert named["10 reflections from 4:10 to 5:00, 1 waiting for an answer"] == there


def test_only_what_waits_is_marked_if_only_that_is_asked_for(seen):
    track = htmx.by_id(htmx.loaded(seen.client.get(f"{seen.at}?waiting=1")), "track")
    assert [htmx.attribute(mark, "aria-label") for mark in htmx.by_class(track, "mark")] == [
        "1 reflection from 0:00 to 0:25, 1 waiting for an answer",
        "1 reflection from 4:10 to 4:35, 1 waiting for an answer",
        "1 reflection from 0:00 to 0:50, 1 waiting for an answer",
        "1 reflection from 4:10 to 5:00, 1 waiting for an answer",
    ]


def test_one_student_has_their_part_of_the_video_drawn_and_told(seen):
    response = seen.client.get(f"{seen.at}?student={seen.ben.pk}")
    page = words(response)
    assert "Ben Bright 30% watched" in page.replace("Everyone ", "").replace(
        "Previous student: Ann Abara ", ""
    ).replace("Next student: Cem Can ", "")
    assert "Watched up to 5:00 . Skipped 1:00–3:00 ." in page
    bands = htmx.by_class(htmx.by_id(htmx.loaded(response), "track"), "track-watched")
    assert [
        (htmx.attribute(band, "x"), htmx.attribute(band, "width"))
        for band in bands
        if htmx.attribute(band, "y") == "18"
    ] == [
        ("0%", "10%"),
        ("30%", "20%"),
    ]
    assert "Has not watched this video yet" in words(seen.client.get(f"{seen.at}?student={seen.cem.pk}"))


def test_the_students_beside_the_chosen_one_are_those_of_the_list_as_it_is_sorted(seen):
    def beside(query):
        page = seen.client.get(f"{seen.at}?student={seen.ben.pk}{query}").content.decode()
        return re.findall(r"(Previous|Next) student: ([A-Z][a-z]+)", page)

    assert beside("") == [("Previous", "Ann"), ("Next", "Cem")]
    assert beside("&name=n") == [("Previous", "Ann"), ("Next", "Cem")]
    assert beside("&sort=waiting") == [("Previous", "Ann"), ("Next", "Cem")]
    assert beside("&name=b") == [("Previous", "Ann")]


def test_a_student_is_chosen_with_the_filters_and_the_moment(seen):
    page = seen.client.get(f"{seen.at}?view=students&kind=reflections&t=120&sort=coverage").content.decode()
    assert f'href="?kind=reflections&amp;t=120&amp;sort=coverage&amp;student={seen.ann.pk}"' in page


def test_the_filters_say_how_much_each_shows(seen):
    assert "Watching Reflections 70 Quizzes 2 Waiting 2" in words(seen.client.get(seen.at))
    assert "Watching Reflections 0 Quizzes 2 Waiting 0" in words(seen.client.get(f"{seen.at}?student={seen.ben.pk}"))
    for student in ("", f"&student={seen.ben.pk}"):
        assert "of 2" in words(seen.client.get(f"{seen.at}?kind=quizzes{student}"))


@pytest.mark.parametrize("query", ["", "?student={ann}", "?student={ann}&kind=watching"])
def test_the_link_to_an_entry_that_is_copied_leads_to_a_list_with_that_entry(seen, query):
    factories.CheckpointReachedFactory(student=seen.ann, checkpoint=seen.video.checkpoints.get(), reached_at=MARCH)
    page = seen.client.get(seen.at + query.format(ann=seen.ann.pk)).content.decode()
    links = [unescape(link) for link in re.findall(r'data-copy="([^"]+)"', page)]
    assert links
    for link in (links[0], links[-1]):
        address, anchor = link.split("#")
        assert f'id="{anchor}"' in seen.client.get(address).content.decode(), link


def test_the_copied_link_leads_to_an_entry_beyond_many_others_at_its_second(seen):
    for _ in range(60):
        factories.ReflectionFactory(student=seen.ben, video=seen.video, video_timestamp_seconds=0)
    page = htmx.loaded(seen.client.get(f"{seen.at}?kind=reflections"))
    (more,) = (each for each in htmx.elements(page) if htmx.attribute(each, "hx-target") == "closest .load-more")
    further = seen.client.get(seen.at + htmx.attribute(more, "href")).content.decode()
    address, anchor = unescape(re.findall(r'data-copy="([^"]+)"', further)[5]).split("#")
    assert f'id="{anchor}"' in seen.client.get(address).content.decode()
    assert f'id="{anchor}"' not in seen.client.get(f"{seen.at}?t=0").content.decode()


def test_the_moment_of_an_entry_keeps_what_is_shown_also_once_the_entry_is_answered(seen):
    query = f"?student={seen.ann.pk}&kind=reflections"
    link = f'class="moment" href="{seen.at}?student={seen.ann.pk}&amp;kind=reflections&amp;t=20"'
    assert link in seen.client.get(seen.at + query).content.decode()
    waiting = seen.ann.reflections.get(content="Thought 04.")
    answer = {"text": "Ask first.", "seen": "", "row": "one", "next": seen.at + query}
    row = seen.client.post(reverse("answer", args=[waiting.pk]), answer, headers={"HX-Request": "true"})
    assert link in row.content.decode()


def test_what_waits_together_follows_an_answer_in_place(seen):
    for second in (250, 251):
        factories.ReflectionFactory(student=seen.ann, video=seen.video, video_timestamp_seconds=second)
    page = htmx.loaded(seen.client.get(f"{seen.at}?waiting=1"))
    assert "Answer 3 reflections at 4:10–4:11" in str(htmx.by_id(page, "together"))
    waiting = seen.ann.reflections.filter(responded_at=None, video_timestamp_seconds__gte=250)
    for left in ("Answer 2 reflections at", "hidden"):
        waiting.filter(pk=waiting.first().pk).update(instructor_response="Yes.", responded_at=timezone.now())
        fresh = htmx.loaded(seen.client.get(f"{seen.at}?waiting=1"))
        htmx.swapped(page, ask(seen, "?waiting=1", "track"), htmx.by_id(page, "track"))
        assert htmx.by_id(page, "together") == htmx.by_id(fresh, "together")
        assert left in str(htmx.by_id(page, "together"))


def test_ones_own_reflection_waits_for_somebody_else(seen):
    teacher = seen.video.lesson.course.instructors.get()
    own = factories.ReflectionFactory(student=teacher, video=seen.video)
    page = seen.client.get(f"{seen.at}?waiting=1")
    assert "Waiting 3" in words(page)
    assert words(page).count("These are your own words: somebody else answers them.") == 1
    assert reverse("answer", args=[own.pk]) not in page.content.decode()


def test_what_was_not_looked_through_is_not_said_to_be_absent(seen, monkeypatch):
    monkeypatch.setattr("timeline.queries.journey.SCAN_LIMIT", 5)
    page = words(seen.client.get(f"{seen.at}?q=nowhere"))
    assert "Nothing among the newest 5 entries" in page
    assert "No entry or answer" not in page
    assert "Looked through" not in page
    assert "Looked through the newest 5 entries" in words(seen.client.get(f"{seen.at}?q=thought"))


def test_the_list_of_students_says_how_far_each_is_and_who_waits(seen):
    page = words(seen.client.get(f"{seen.at}?view=students"))
    assert re.search(r"Ann Abara 100% 10 Mar( 2026)? 2 Ben Bright 30% 10 Mar( 2026)? 0 Cem Can – not yet 0", page)
    assert "Nobody found" in words(seen.client.get(f"{seen.at}?view=students&name=zoe"))


@pytest.mark.parametrize(("sort", "label"), [("name", "Student"), ("coverage", "Watched"), ("seen", "Last seen")])
def test_the_list_of_students_says_by_what_it_is_sorted(seen, sort, label):
    page = htmx.loaded(seen.client.get(f"{seen.at}?view=students&sort={sort}"))
    (head,) = (element for element in htmx.elements(page) if htmx.attribute(element, "aria-sort"))
    assert label in str(head)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("?q=nowhere", "Nothing found"),
        ("?from=2020-01-01&until=2020-01-02", "Nothing in these days"),
        ("?from=2026-03-15&until=2026-03-14", "No days in between"),
        ("?kind=quizzes&student={ann}", "Nothing of this kind"),
        ("?waiting=1&student={ben}", "Nobody is waiting"),
        ("?student={cem}", "Nothing here yet"),
        ("?kind=reflections&t=590", "Nothing from here on"),
        ("?kind=quizzes&waiting=1", "Nothing matches all of this"),
        ("?q=thought&waiting=1&student={ben}", "Nothing matches all of this"),
    ],
)
def test_an_empty_list_says_why_and_shows_the_way_out(seen, query, why):
    response = seen.client.get(seen.at + query.format(ann=seen.ann.pk, ben=seen.ben.pk, cem=seen.cem.pk))
    assert why in words(response)
    assert ("Show everything" in words(response)) == (why not in ("Nothing here yet", "Nothing from here on"))


def test_what_is_filtered_has_a_way_back_to_everything(seen):
    page = seen.client.get(f"{seen.at}?kind=reflections&q=thought&student={seen.ann.pk}&order=newest").content.decode()
    way_out = re.search(r'href="([^"]+)"[^>]*>Show everything', page)[1]
    assert unescape(way_out) == f"{seen.at}?student={seen.ann.pk}&order=newest"
    assert "Show everything" not in words(seen.client.get(f"{seen.at}?student={seen.ann.pk}"))


def test_a_list_that_starts_within_the_video_says_so_and_leads_to_its_start(seen):
    page = words(seen.client.get(f"{seen.at}?kind=reflections&t=100"))
    assert "Showing 21– 70 of 70, from 1:40 on From the start" in page
    assert "From the start" not in words(seen.client.get(f"{seen.at}?kind=reflections"))


def test_on_paper_the_filters_are_told_in_words(seen):
    query = "?kind=reflections&kind=quizzes&waiting=1&from=2026-03-01&until=2026-03-31&q=price&order=newest"
    page = words(seen.client.get(seen.at + query))
    assert "Reflections and quizzes, waiting for an answer, from 1 March 2026, until 31 March 2026" in page
    assert "2026, with “price”, newest first" in page
    assert "All entries" in words(seen.client.get(seen.at))


def test_a_video_without_a_file_has_its_track_all_the_same(seen):
    page = seen.client.get(seen.at).content.decode()
    assert "<video" not in page
    assert "The video itself is not here yet." in page
    assert 'class="mark"' in page


def test_a_video_plays_from_the_moment_of_the_address(seen):
    seen.video.url = "https://media.example.org/1.webm"
    seen.video.save()
    assert 'src="https://media.example.org/1.webm"' in seen.client.get(seen.at).content.decode()
    assert 'src="https://media.example.org/1.webm#t=130"' in seen.client.get(f"{seen.at}?t=130").content.decode()


def news(seen, query=""):
    """What the page asks every now and then, as a page with this query does."""
    page = seen.client.get(seen.at + query).content.decode()
    address = unescape(re.search(r'data-address="([^"]+)"', page)[1])
    return address, lambda: seen.client.get(address)


def test_what_is_new_announces_itself_and_is_marked_once_it_is_shown(seen):
    _, ask_again = news(seen, "?kind=reflections&t=40")
    assert ask_again().status_code == 204
    assert ask_again().content == b""
    for number in range(2):
        factories.ReflectionFactory(student=seen.ben, video=seen.video, content=f"Just written {number}.")
    answer = ask_again()
    assert words(answer) == "2 new"
    page = seen.client.get(unescape(re.search(r'href="([^"]+)"', answer.content.decode())[1]))
    assert re.search(r"Just written 1\..*Just written 0\..*Thought 69\.", words(page))
    assert words(page).count("a.m. New") + words(page).count("p.m. New") + words(page).count("answer New") == 2
    assert "kind=reflections" in page.request["QUERY_STRING"]


def test_new_is_what_the_filters_would_show(seen):
    _, of_ann = news(seen, f"?student={seen.ann.pk}")
    _, of_quizzes = news(seen, "?kind=quizzes")
    factories.ReflectionFactory(student=seen.ben, video=seen.video)
    assert of_ann().status_code == of_quizzes().status_code == 204


def test_asking_for_news_costs_one_query_beside_who_asks(seen):
    address, _ = news(seen)
    with CaptureQueriesContext(connection) as asked:
        seen.client.get(address)
    assert len([query for query in asked if "student_activity_timeline" in query["sql"]]) == 1
    assert len(asked) <= 4  # the session, the person, the video


def test_nobody_else_is_told_what_is_new(seen, client):
    _, ask_again = news(seen)
    client.force_login(seen.ann)
    assert ask_again().status_code == 404
    client.logout()
    assert ask_again().status_code == 302


@pytest.mark.parametrize("query", ["", "?view=students", "?student={ann}", "?waiting=1", "?q=thought&order=newest"])
def test_the_number_of_queries_does_not_grow_with_the_class_and_its_entries(seen, query):
    address = seen.at + query.format(ann=seen.ann.pk)

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert seen.client.get(address).status_code == 200
        return len(queries)

    few = count()
    for number in range(8):
        student = factories.EnrollmentFactory(course=seen.video.lesson.course).student
        factories.VideoProgressFactory(student=student, video=seen.video)
        factories.ReflectionFactory(student=student, video=seen.video, video_timestamp_seconds=number)
        factories.CheckpointFactory(video=seen.video, video_timestamp_seconds=number)
    assert count() <= few
    assert few <= 28


def test_a_page_of_more_entries_asks_for_nothing_but_them(seen):
    with CaptureQueriesContext(connection) as queries:
        ask(seen, "?kind=reflections", None)
    assert not [query for query in queries if "video_progress" in query["sql"]]
