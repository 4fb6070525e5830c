"""Who sees which page, with how many queries, at which depth, and what bad input gets."""

import datetime
import itertools
import re
import uuid
from html import unescape
from types import SimpleNamespace
from urllib.parse import urlencode, urljoin

import pytest
from django.db import connection
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from courses import inviting
from reflections.models import Reflection
from tests import factories
from timeline import queries
from timeline.keyset import Keyset
from timeline.models import Activity

pytestmark = pytest.mark.django_db

A_SUNDAY = datetime.datetime(2026, 3, 15, 14, 0, tzinfo=datetime.UTC)
AN_HOUR_LATER = A_SUNDAY + datetime.timedelta(hours=1)


@pytest.fixture
def classroom():
    """A course with its instructor and two students, Sara who did a bit of everything and Tom; and people outside."""
    course = factories.CourseFactory(title="Selling what you make")
    lesson = factories.LessonFactory(course=course)
    video = factories.VideoFactory(lesson=lesson)
    sara, tom = (factories.ProfileFactory(full_name=name) for name in ("Sara Lindqvist", "Tom Abara"))
    instructor = factories.ProfileFactory(full_name="Ines Teixeira")
    factories.CourseInstructorFactory(course=course, instructor=instructor)
    for student in (sara, tom):
        factories.EnrollmentFactory(student=student, course=course, enrolled_at=A_SUNDAY)
    goal = factories.GoalFactory(student=sara, title="Earn $1K")
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(A_SUNDAY, None))
    progress = factories.VideoProgressFactory(student=sara, video=video, watched=[(0, 560)], watched_at=AN_HOUR_LATER)
    progress.watched, progress.watched_at = [(0, 600)], AN_HOUR_LATER + datetime.timedelta(minutes=1)
    progress.save()
    factories.ReflectionFactory(student=sara, video=video, created_at=A_SUNDAY)
    factories.ReflectionFactory(student=tom, video=video, voice=True, video_timestamp_seconds=300)
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=200)
    factories.QuizAttemptFactory(student=sara, quiz=quiz, submitted=True)
    checkpoint = factories.CheckpointFactory(video=video, video_timestamp_seconds=400)
    factories.CheckpointReachedFactory(student=sara, checkpoint=checkpoint, reached_at=A_SUNDAY)
    factories.LessonCompletionFactory(student=sara, lesson=lesson, completed_at=A_SUNDAY)
    factories.DailyNoteFactory(student=sara, created_at=A_SUNDAY)
    factories.GoalMilestoneFactory(goal=goal, reached_at=A_SUNDAY)
    factories.SuccessProofFactory(goal=goal, created_at=A_SUNDAY)
    factories.GoalMessageFactory(student=sara, author=instructor, created_at=A_SUNDAY)
    other_course = factories.CourseInstructorFactory()
    return SimpleNamespace(
        course=course,
        video=video,
        goal=goal,
        sara=sara,
        tom=tom,
        instructor=instructor,
        colleague=other_course.instructor,
        stranger=factories.EnrollmentFactory(course=other_course.course).student,
        staff=factories.StaffFactory(),
    )


def addresses(classroom):
    return {
        "course": reverse("course", args=[classroom.course.pk]),
        "journey": reverse("video_journey", args=[classroom.video.pk]),
        "journey of one": f"{reverse('video_journey', args=[classroom.video.pk])}?student={classroom.sara.pk}",
        "days": reverse("student_days", args=[classroom.sara.pk]),
        "day": reverse("student_day", args=[classroom.sara.pk, "2026-03-15"]),
        "since": reverse("student_since", args=[classroom.sara.pk]),
        "goals": reverse("student_goals", args=[classroom.sara.pk]),
        "goal": reverse("student_goal", args=[classroom.sara.pk, classroom.goal.pk]),
    }


INSTRUCTORS_PAGES = {"journey", "journey of one", "since"}


@pytest.mark.parametrize(
    ("person", "sees"),
    [
        ("sara", {"days", "day", "goals", "goal"}),
        ("tom", set()),
        ("instructor", INSTRUCTORS_PAGES | {"days", "day", "goals", "goal"}),
        ("colleague", set()),
        ("stranger", set()),
        ("staff", INSTRUCTORS_PAGES | {"days", "day", "goals", "goal"}),
    ],
)
def test_each_person_sees_their_own_pages_and_gets_404_for_others(client, classroom, person, sees):
    client.force_login(getattr(classroom, person))
    for name, address in addresses(classroom).items():
        # The page of an open course is everybody's; which of its two is in test_enrolling.py.
        assert client.get(address).status_code == (200 if name in sees | {"course"} else 404), name


def test_nobody_sees_anything_without_logging_in(client, classroom):
    for address in [*addresses(classroom).values(), "/", "/days/", "/goals/"]:
        response = client.get(address)
        assert response.status_code == 302
        assert response.url.startswith("/login/?next=")


def every_address(classroom):
    """An address of each page of the site that is about somebody or something of the classroom."""
    invitation = factories.InvitationFactory(course=classroom.course)
    named = {
        "course": classroom.course.pk,
        "video": classroom.video.pk,
        "quiz": classroom.video.quizzes.get().pk,
        "student": classroom.sara.pk,
        "goal": classroom.goal.pk,
        "reflection": classroom.sara.reflections.get().pk,
        "entry": Activity.objects.filter(student=classroom.sara).first().pk,
        "date": "2026-03-15",
        "second": 0,
        "table": "daily_notes",
        "row": classroom.sara.daily_notes.get().pk,
        "milestone": classroom.goal.milestones.get().pk,
        "token": inviting.token(invitation),
    }
    ours = [included for included in get_resolver().url_patterns if included.namespace is None]
    for pattern in itertools.chain(*(included.url_patterns for included in ours)):
        # What is held about oneself is read in a transaction of its own, in which nothing can be written.
        if pattern.pattern.converters.keys() <= named.keys() and pattern.name != "my_data_download":
            yield resolve_url(pattern.name, **{name: named[name] for name in pattern.pattern.converters})


@pytest.mark.parametrize("ahead", [None, {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}])
def test_who_only_asks_whether_a_page_is_there_or_fetches_it_ahead_changes_nothing(client, classroom, ahead):
    reflection = classroom.sara.reflections.get()
    reflection.instructor_response, reflection.response_unseen = "Ask for the price second.", True
    reflection.responded_by, reflection.responded_at = classroom.instructor, timezone.now()
    reflection.save()
    answered = f"{reverse('video', args=[classroom.video.pk])}?t={reflection.video_timestamp_seconds}"
    every = [*every_address(classroom), answered]
    there = 0
    for person in (classroom.sara, classroom.instructor, classroom.staff):
        client.force_login(person)
        for address in every:
            with CaptureQueriesContext(connection) as captured:
                response = client.get(address, headers=ahead) if ahead else client.head(address)
            there += response.status_code == 200
            assert not [query["sql"] for query in captured if re.match("INSERT|UPDATE|DELETE", query["sql"].strip())]
    assert there > 40
    client.force_login(classroom.sara)
    assert client.get("/days/?q=price", headers=ahead or {}).status_code == 200  # by which nothing is noted
    assert client.get("/days/", headers=ahead or {}).status_code == (403 if ahead else 200)
    for address in ("/days/", answered):  # whoever comes after all is seen to read
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        assert any(re.match("INSERT|UPDATE", query["sql"].strip()) for query in captured)


@pytest.mark.parametrize("address", ["/courses/", "/admin/courses/course/"])
def test_a_notice_waits_for_a_page_that_somebody_sees_and_is_shown_once(client, classroom, address):
    client.force_login(classroom.staff)
    note = classroom.sara.daily_notes.get()
    client.post("/admin/goals/dailynote/", {"action": "hide", "_selected_action": [note.pk]})
    client.head(address)
    for ahead in ({"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}):
        assert "Hidden: 1." not in client.get(address, headers=ahead).text
    assert "Hidden: 1." in client.get(address).text
    assert "Hidden: 1." not in client.get(address).text


def test_an_instructor_sees_a_student_who_left_the_course_and_all_that_they_did_elsewhere(client, classroom):
    classroom.sara.enrollments.update(left_at=timezone.now())
    elsewhere = factories.ReflectionFactory(student=classroom.sara, content="In a course of a colleague.")
    client.force_login(classroom.instructor)
    days = client.get(reverse("student_days", args=[classroom.sara.pk])).content.decode()
    assert elsewhere.content in days
    assert client.get(reverse("video_journey", args=[elsewhere.video_id])).status_code == 404


def test_the_journey_of_one_shows_nobody_else(client, classroom):
    client.force_login(classroom.instructor)
    everyone = client.get(addresses(classroom)["journey"]).content.decode()
    one = client.get(addresses(classroom)["journey of one"]).content.decode()
    assert "Tom Abara" in entries_of(everyone)
    assert "Tom Abara" not in entries_of(one)


def test_a_student_of_another_instructor_cannot_be_chosen_in_a_journey(client, classroom):
    client.force_login(classroom.instructor)
    journey = addresses(classroom)["journey"]
    assert client.get(f"{journey}?student={classroom.stranger.pk}").status_code == 404


def test_the_journey_tells_the_kinds_by_second_and_how_far_everyone_got(client, classroom):
    client.force_login(classroom.instructor)
    page = text_of(client.get(addresses(classroom)["journey"]))
    moments = re.findall(r"(\d+:\d\d) (Sara Lindqvist|Tom Abara|\d+ students? (?:watched \d+%|reached “[^”]+”))", page)
    assert moments == [
        ("1:00", "1 student watched 10%"),
        ("1:23", "Sara Lindqvist"),
        ("2:00", "1 student watched 20%"),
        ("3:00", "1 student watched 30%"),
        ("3:20", "Sara Lindqvist"),
        ("4:00", "1 student watched 40%"),
        ("5:00", "1 student watched 50%"),
        ("5:00", "Tom Abara"),
        ("6:00", "1 student watched 60%"),
        ("6:40", "1 student reached “The three questions”"),
        ("7:00", "1 student watched 70%"),
        ("8:00", "1 student watched 80%"),
        ("9:00", "1 student watched 90%"),
        ("9:59", "Sara Lindqvist"),
    ]


def test_a_journey_opens_at_a_second(client, classroom):
    client.force_login(classroom.instructor)
    page = text_of(client.get(f"{addresses(classroom)['journey']}?t=400"))
    assert "6:40 1 student reached “The three questions”" in page
    assert "9:59 Sara Lindqvist Watched a video" in page
    assert "5:00 Tom" not in page
    assert "1:00 1 student" not in page


def test_kinds_can_be_filtered(client, classroom):
    client.force_login(classroom.instructor)
    journey = addresses(classroom)["journey"]
    assert "Showing 1– 2 of 2" in text_of(client.get(f"{journey}?kind=reflections"))
    assert "Nothing of this kind" in text_of(client.get(f"{journey}?kind=quizzes&student={classroom.tom.pk}"))
    both = text_of(client.get(f"{journey}?kind=reflections&kind=quizzes"))
    assert "Showing 1– 4 of 4" in both
    assert "watched 10%" not in both


def test_a_day_has_its_sentence_and_its_entries(client, classroom):
    client.force_login(classroom.sara)
    page = text_of(client.get(addresses(classroom)["day"]))
    assert (
        "Watched a video, wrote a reflection, enrolled in a course, completed a lesson, reached a checkpoint,"
        " wrote a daily note, submitted success proof, reached a milestone and received a message." in page
    )
    assert "Wrote to five shops" in page
    assert "Watched to 90%" in page
    assert "9 steps" in page


def test_a_goal_has_its_period_its_counts_and_its_timeline(client, classroom):
    client.force_login(classroom.instructor)
    page = text_of(client.get(addresses(classroom)["goals"]))
    assert "Earn $1K Current 15 March 2026 to today" in page
    assert "1 success proof" in page
    assert "The first invoice, paid." in page
    assert "What led to it" in page
    page = text_of(client.get(addresses(classroom)["goal"]))
    assert "Submitted success proof" in page or "submitted success proof" in page


def test_a_reflection_that_waits_stands_on_the_instructors_home_page_until_it_is_answered(client, classroom):
    client.force_login(classroom.instructor)
    home = client.get("/")
    assert "Waiting for an answer 2" in text_of(home)
    assert f'href="{reverse("class_movement", args=[classroom.course.pk])}?show=quiet">Who is quiet' in home.text
    for reflection in classroom.sara.reflections.all():
        reflection.instructor_response = "Ask for the price second."
        reflection.responded_at = timezone.now()
        reflection.responded_by = classroom.instructor
        reflection.save()
    assert "Waiting for an answer 1" in text_of(client.get("/"))
    client.force_login(classroom.colleague)
    assert "Nobody is waiting" in text_of(client.get("/"))


def test_a_new_student_is_told_what_will_stand_where(client):
    client.force_login(factories.ProfileFactory())
    home = text_of(client.get("/"))
    assert "My days My goals" in home
    assert "What to do first Find a course and enrol. Write your first daily note" in home
    assert client.get("/").text.count('class="button') == 1, "one thing to do first"
    assert client.get("/").text.count(">Find a course</a>") == 1
    inbox = client.get("/inbox/")
    assert "No courses yet Once you teach a course" in text_of(inbox)
    assert "Reflections waiting" not in inbox.text, "it is said once"
    assert 'id="keys"' not in inbox.text
    assert "Find a course and enrol" in text_of(client.get("/days/"))
    assert "No goals yet" in text_of(client.get("/goals/"))


def test_staff_of_an_empty_site_are_led_to_its_first_course(client):
    client.force_login(factories.StaffFactory())
    home = client.get("/")
    assert "What to do first Create a course" in text_of(home)
    assert f'class="button primary" href="{reverse("admin:courses_course_add")}"' in home.text
    assert "Find a course" not in home.text
    assert reverse("admin:courses_course_changelist") in client.get("/courses/").text
    factories.CourseFactory()
    for page in ("/", f"/?courses=zz~{uuid.UUID(int=0)}"):
        assert "What to do first" not in client.get(page).text


def test_the_number_of_queries_does_not_depend_on_how_much_there_is(client, classroom):
    client.force_login(classroom.instructor)
    factories.GoalFactory(student=classroom.sara)  # a planned one
    pages = [*addresses(classroom).values(), "/"]
    few = {page: count_queries(client, page) for page in pages}
    for _ in range(12):
        student = factories.EnrollmentFactory(course=classroom.course).student
        for second in range(6):
            factories.ReflectionFactory(student=student, video=classroom.video, video_timestamp_seconds=second)
    for number in range(60):
        day = A_SUNDAY + datetime.timedelta(days=number % 8, minutes=number)
        video = factories.VideoFactory(lesson=factories.LessonFactory(course=classroom.course))
        factories.ReflectionFactory(student=classroom.sara, video=video, created_at=day)
        factories.GoalFactory(student=classroom.sara)
    for page in pages:
        # Fewer, where no entry of the first page refers to a table any more.
        assert few[page] - 4 <= count_queries(client, page) <= few[page], page
    assert few.pop(addresses(classroom)["days"]) <= 40  # the calendar, what is new, and since when
    assert max(few.values()) <= 26


@pytest.mark.parametrize("name", ["journey", "journey of one", "day", "goal", "course"])
def test_paging_meets_every_entry_once_and_in_order_while_others_are_written(client, classroom, name):
    for number in range(130):
        factories.ReflectionFactory(
            student=classroom.sara,
            video=classroom.video,
            video_timestamp_seconds=number % 40,
            content=f"Thought {number:03}.",
            created_at=A_SUNDAY + datetime.timedelta(seconds=number % 50),
        )
        if name == "course":
            factories.EnrollmentFactory(course=classroom.course, student__full_name=f"Student {number:03}")
    client.force_login(classroom.instructor)
    seen, address, pages = [], addresses(classroom)[name], 0
    pattern = r">(Student \d{3})</a>" if name == "course" else r"Thought (\d{3})\."
    while address:
        page = unescape(client.get(address, headers={"HX-Request": "true"}).content.decode())
        seen += re.findall(pattern, page)
        more = re.search(r'class="load-more"><a class="button" href="([^"]+)"', page)
        address = more and urljoin(addresses(classroom)[name], more[1])
        pages += 1
        factories.ReflectionFactory(  # behind us, or far ahead: it must disturb nothing
            student=classroom.sara, video=classroom.video, video_timestamp_seconds=0, created_at=A_SUNDAY
        )
    assert pages > 1
    assert len(seen) == len(set(seen)) == 130


@pytest.mark.parametrize("name", ["day", "days", "goal", "goals", "course"])  # the journeys: test_journey_page.py
def test_what_htmx_swaps_in_is_what_a_fresh_page_shows(client, classroom, name):
    for number in range(70):
        factories.ReflectionFactory(student=classroom.sara, video=classroom.video, video_timestamp_seconds=number)
    client.force_login(classroom.instructor)
    address = addresses(classroom)[name]
    whole = client.get(address)
    target = {"goals": "goals"}.get(name, "entries")
    part = client.get(address, headers={"HX-Request": "true", "HX-Target": target})
    assert "HX-Request" in whole["Vary"]
    assert "<html" in whole.content.decode()
    assert "<html" not in part.content.decode()
    assert squeezed(part) in squeezed(whole)


@pytest.mark.parametrize("name", ["journey", "day", "days", "goal", "goals", "course"])
@pytest.mark.parametrize("target", ["entries", "main", "../base"])
def test_whatever_htmx_asks_for_it_gets_a_fragment(client, classroom, name, target):
    client.force_login(classroom.instructor)
    part = client.get(addresses(classroom)[name], headers={"HX-Request": "true", "HX-Target": target})
    assert part.status_code == 200
    assert "<html" not in part.content.decode()


FRAGMENTS = ["days", "goals", "list", "panel", "path", "planned", "quiz-slot", "spoken", "track", "year"]


@pytest.mark.parametrize("person", ["sara", "instructor"])
def test_a_page_that_is_asked_for_a_fragment_of_another_page_has_one_of_its_own(client, classroom, person):
    client.force_login(getattr(classroom, person))
    pages = [*addresses(classroom).values(), "/", "/inbox/", "/days/", "/goals/"]
    pages += [f"{addresses(classroom)['journey']}?view=students", reverse("video", args=[classroom.video.pk])]
    for page, target in itertools.product(pages, FRAGMENTS):
        answer = client.get(page, headers={"HX-Request": "true", "HX-Target": target})
        assert answer.status_code in (200, 404), (page, target)


def test_a_page_whose_rows_have_gone_says_that_others_stand_before_it(client, classroom):
    factories.GoalCorrectionFactory(goal=classroom.goal)
    factories.GoalMessageFactory(student=classroom.sara, author=classroom.instructor, hidden_at=A_SUNDAY)
    shared = factories.SharedStoryFactory(course=classroom.course)
    factories.EnrollmentFactory(student=shared.student, course=classroom.course)
    quiz = factories.QuizFactory(video=classroom.video, video_timestamp_seconds=1)
    at = addresses(classroom)
    none, last = uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)
    latest, earliest = f"2999-01-01T00:00:00+00:00~{last}", f"1999-01-01T00:00:00+00:00~{none}"
    pages = {
        "/inbox/": latest,
        "/days/hidden/": earliest,
        at["day"]: latest,
        at["goal"]: latest,
        reverse("goal_corrections", args=[classroom.sara.pk]): earliest,
        reverse("class_movement", args=[classroom.course.pk]): f"{2**62}~{last}",
        at["course"]: f"1~zz~{last}",
        "/courses/": f"zz~{last}",
        reverse("quiz", args=[quiz.pk]): f"1~zz~{last}",
        "/community/": earliest,
        f"{at['journey']}?view=students": f"zz~{last}",
    }
    client.force_login(classroom.instructor)
    for page, cursor in pages.items():
        text = text_of(client.get(f"{page}{'&' if '?' in page else '?'}{urlencode({'after': cursor})}"))
        assert "Nothing more Everything is on the previous pages. Back to the beginning" in text, page
        assert "Nothing more" not in text_of(client.get(page))
    Reflection.objects.update(hidden_at=A_SUNDAY)
    assert "Nobody is waiting" in text_of(client.get("/inbox/", {"after": latest}))


BAD_INPUT = [
    ("journey", "?kind=nonsense", 400),
    ("journey", "?kind=%00", 400),
    ("journey", "?kind=goals", 400),
    ("journey", "?from=soon", 400),
    ("journey", "?from=2026-03-15&until=2026-03-14", 200),
    ("journey", "?view=sideways", 400),
    ("journey", "?view=students&sort=age", 400),
    ("journey", "?view=students&after=x", 400),
    ("journey", "?view=students&sort=seen&after=x", 400),
    ("journey", "?view=students&sort=seen&after=99999999999999999999~x~00000000-0000-0000-0000-000000000000", 400),
    ("journey", "?since=yesterday", 400),
    ("journey", "?order=sideways", 400),
    ("journey", "?waiting=2", 400),
    ("journey", "?order=newest&after=5~00000000-0000-0000-0000-000000000000", 400),
    ("journey", "?q=%00%25_%5C", 200),
    ("journey", f"?q={'x' * 5000}", 200),
    ("journey", "?from=1900-01-01&until=9998-12-31&order=newest&t=5", 200),
    ("journey", "?t=soon", 400),
    ("journey", "?t=-5", 400),
    ("journey", "?t=99999999999999999999", 400),
    ("journey", "?t=٣", 400),
    ("journey", f"?t=0000000000{'9' * 5000}", 400),
    ("journey", f"?t={'0' * 5000}", 200),
    ("journey", "?after=x", 400),
    ("journey", "?after=99999999999~00000000-0000-0000-0000-000000000000", 400),
    ("journey", "?after=5~nobody", 400),
    ("journey", "?after=%FF%FE~x", 400),
    ("journey", "?student=somebody", 404),
    ("journey", f"?student={uuid.UUID(int=5)}", 404),
    ("journey", "?name=%00%25_", 200),
    ("journey", f"?name={'x' * 5000}", 200),
    ("days", "?before=yesterday", 400),
    ("days", "?before=2026-02-30", 400),
    ("days", "?before=0001-01-01", 200),
    ("days", "?kind=nonsense", 400),
    ("days", "?kind=notes&before=2026-03-15", 400),
    ("days", "?kind=notes&before=0001-01-01T00:00:00Z~00000000-0000-0000-0000-000000000000", 400),
    ("days", "?kind=notes&before=9999-12-31T23:59:59Z~00000000-0000-0000-0000-000000000000", 400),
    ("days", "?since=lately", 400),
    ("days", "?since=2026-03-15T10:00:00", 400),
    ("days", "?since=0001-01-01T00:00:00Z", 400),
    ("days", "?since=1900-01-01T00:00:00Z", 200),
    ("days", "?course=somewhere", 400),
    ("days", f"?goal={uuid.UUID(int=5)}", 302),  # of a bookmark: test_days.py
    ("days", "?q=%00%25_", 200),
    ("days", f"?q={'x' * 5000}&kind=&course=&goal=&since=", 200),
    ("day", "?after=2026-03-15T10:00:00~00000000-0000-0000-0000-000000000000", 400),
    ("day", "?after=2026-03-15T10:00:00%2B23:59~00000000-0000-0000-0000-000000000000", 200),
    ("day", "?after=0001-01-01T00:00:00%2B23:59~00000000-0000-0000-0000-000000000000", 400),
    ("goals", "?after=never", 400),
    ("goals", "?planned=never", 400),
    ("goal", "?after=~", 400),
    ("course", "?after=x", 400),
    ("course", "?after=0~~~~00000000-0000-0000-0000-000000000000", 200),
    ("course", "?after=~A name~00000000-0000-0000-0000-000000000000", 400),
]


@pytest.mark.parametrize(("name", "query", "status"), BAD_INPUT)
def test_bad_input_gets_a_sentence_and_never_an_error_of_ours(client, classroom, name, query, status):
    client.force_login(classroom.instructor)
    response = client.get(addresses(classroom)[name] + query)
    assert response.status_code == status
    if status == 400:
        sentences = r"no kind of activity|no such|whole number|too large|not complete|is not a day|may only have"
        assert re.search(sentences, response.content.decode())


@pytest.mark.parametrize(
    "date", ["2026-3-15", "2026-02-30", "tomorrow", "20260315", "2026-W11-7", "9999-99-99", "٢٠٢٦-03-15"]
)
def test_a_day_that_is_none_is_not_found(client, classroom, date):
    client.force_login(classroom.sara)
    assert client.get(f"{reverse('student_days', args=[classroom.sara.pk])}{date}/").status_code == 404


def test_a_day_without_activity_is_a_quiet_day_with_its_neighbours(client, classroom):
    client.force_login(classroom.sara)
    page = text_of(client.get(reverse("student_day", args=[classroom.sara.pk, "2026-03-16"])))
    assert "A quiet day" in page
    assert "Sunday, 15 March" in page


def test_a_day_to_come_is_not_said_to_have_been_quiet(client, classroom):
    client.force_login(classroom.sara)
    tomorrow = queries.today() + datetime.timedelta(days=1)
    for date in (tomorrow, datetime.date.max):
        page = text_of(client.get(reverse("student_day", args=[classroom.sara.pk, date])))
        assert "this one has not begun there" in page
        assert "Nothing was done" not in page


def test_a_goal_of_another_student_is_not_found_under_this_one(client, classroom):
    client.force_login(classroom.instructor)
    assert client.get(reverse("student_goal", args=[classroom.tom.pk, classroom.goal.pk])).status_code == 404


def test_what_people_write_is_shown_as_text(client, classroom):
    factories.ReflectionFactory(
        student=classroom.tom, video=classroom.video, content="<script>alert(1)</script> & <b>bold</b>"
    )
    client.force_login(classroom.instructor)
    page = client.get(addresses(classroom)["journey"]).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;bold" in page


@pytest.mark.parametrize("media_type", ["audio", "image", "video"])
@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", " JavaScript:alert(1)", "java\tscript:alert(1)", "data:text/html,x"]
)
def test_an_address_that_is_no_web_address_is_not_followed(media_type, address):
    """Sources refuse such an address (test_sources.py); a page would not trust it either."""
    entry = Activity(media_type=media_type, media_url=f"{address}//<b>")
    html = render_to_string("timeline/media.html", {"entry": entry})
    assert "alert(1)//&lt;b&gt;" in html or "data:text/html,x//&lt;b&gt;" in html
    assert not re.search(r'(?:href|src)="\s*(?:java|data:)', html, re.IGNORECASE)


@pytest.mark.parametrize("address", ["https://www.loom.com/share/1", "HTTP://media.example.org/1", "/static/memo.ogg"])
def test_a_web_address_is_followed(client, classroom, address):
    factories.ReflectionFactory(student=classroom.tom, video=classroom.video, media_type="video", media_url=address)
    client.force_login(classroom.instructor)
    assert f'href="{address}"' in client.get(addresses(classroom)["journey"]).content.decode()


LOOM = "https://www.loom.com/share/0281766fa2d04bb788eaf19e65135184"


@pytest.mark.parametrize(
    "address", [LOOM, f"{LOOM}?sid=1-a#t=2", LOOM.replace("www.", ""), LOOM.replace("share", "embed")]
)
def test_a_loom_video_is_played_in_place_by_loom_alone(address):
    html = render_to_string("timeline/media.html", {"entry": Activity(media_type="video", media_url=address)})
    assert f'src="{LOOM.replace("share", "embed")}"' in html
    assert f'href="{address}"' in html


@pytest.mark.parametrize(
    "address",
    [
        "https://www.loom.com/share/1",
        f"{LOOM}/../../evil",
        LOOM.replace("https", "http"),
        LOOM.replace("loom.com", "loom.com.evil.example"),
        f"https://evil.example/{LOOM}",
        LOOM.replace("share", "share/.."),
        f'{LOOM}"onload="alert(1)',
    ],
)
def test_any_other_video_is_a_link_alone(address):
    html = render_to_string("timeline/media.html", {"entry": Activity(media_type="video", media_url=address)})
    assert "<iframe" not in html
    assert "<a " in html


def test_an_entry_whose_video_is_gone_by_the_time_of_the_look_up_is_still_shown(classroom):
    from timeline import queries

    entry = Activity.objects.filter(activity_type="voice_reflection").get()
    entry.video_id = uuid.uuid4()
    queries.with_places([entry])
    assert entry.video is None


def test_a_cursor_reads_back_what_it_was_made_of():
    keyset = Keyset(("created_at", "full_name", "number", "id"), (datetime.datetime, str, int, uuid.UUID))
    row = SimpleNamespace(created_at=A_SUNDAY, full_name="A name", number=-3, id=uuid.uuid4())
    assert keyset.parse(keyset.cursor(row)) == [row.created_at, row.full_name, row.number, row.id]


def count_queries(client, address):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def text_of(response):
    """The words of a page as they are read, with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def entries_of(page):
    return page.split('<ol class="timeline">')[1].split("</ol>")[0]


def squeezed(response):
    return " ".join(
        re.sub(r"<input type=\"hidden\" name=\"(csrfmiddlewaretoken|id)\"[^>]*>", "", response.content.decode()).split()
    )


def test_somebody_who_is_not_enrolled_is_named_in_the_journey_and_leads_nowhere(client, classroom):
    factories.ReflectionFactory(student=classroom.stranger, video=classroom.video)
    client.force_login(classroom.instructor)
    page = client.get(addresses(classroom)["journey"]).content.decode()
    assert classroom.stranger.full_name in unescape(page)
    for student, is_led_to in ((classroom.sara, True), (classroom.stranger, False)):
        entry = Activity.objects.get(student=student, activity_type="text_reflection")
        assert (reverse("entry", args=[entry.pk]) in page) is is_led_to


def test_home_pages_through_many_courses_and_gathers_who_waits_in_all_of_them(client, classroom):
    for number in range(30):
        course = factories.CourseFactory(title=f"Another course {number:02}")
        factories.CourseInstructorFactory(course=course, instructor=classroom.instructor)
    factories.ReflectionFactory(video=factories.VideoFactory(lesson__course=course), content="In the last one.")
    client.force_login(classroom.instructor)
    page = client.get("/").content.decode()
    assert "In the last one." in page
    more = unescape(re.search(r'href="([^"]+)">More courses', page)[1])
    titles = {
        title
        for text in (page, client.get(f"/{more}").content.decode())
        for title in re.findall(r"Another course \d\d", text)
    }
    assert len(titles) == 30


def test_pages_about_people_are_not_kept_by_shared_caches(client, classroom):
    client.force_login(classroom.instructor)
    for address in [*addresses(classroom).values(), "/"]:
        assert "private" in client.get(address)["Cache-Control"], address
