"""A student's days: what is listed, found, new, and said to have happened since one last spoke."""

import csv
import datetime
import io
import re
from html import unescape
from types import SimpleNamespace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.range import TimestamptzRange

from goals.models import ConversationVisit
from tests import factories
from tests.test_pages import text_of
from timeline.gaps import Gap, with_gaps
from timeline.models import Activity

NOON = datetime.datetime(2026, 3, 15, 16, tzinfo=datetime.UTC)  # of a Sunday in New York
hour, day = datetime.timedelta(hours=1), datetime.timedelta(days=1)


@pytest.fixture
def clock(monkeypatch):
    """Stops the clock of the pages at NOON; call it with another moment to go there."""

    def stop(moment):
        monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    stop(NOON)
    return stop


@pytest.fixture
def school(db):
    """Sara in a course of Ines; Tom in another."""
    course = factories.CourseFactory(title="Selling what you make")
    video = factories.VideoFactory(lesson__course=course, title="Whom to ask")
    ines = factories.CourseInstructorFactory(course=course, instructor__full_name="Ines Teixeira").instructor
    sara = factories.ProfileFactory(full_name="Sara Lindqvist")
    factories.EnrollmentFactory(student=sara, course=course, enrolled_at=NOON - 300 * day)
    tom = factories.EnrollmentFactory(student__full_name="Tom Abara").student
    return SimpleNamespace(course=course, video=video, ines=ines, sara=sara, tom=tom)


def note(student, at, content="A note."):
    return factories.DailyNoteFactory(student=student, created_at=at, content=content)


def days_of(student):
    return reverse("student_days", args=[student.pk])


def entry_of(row):
    return Activity.objects.get(source_id=row.pk)


# Gaps


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(1, 40))
def test_days_and_gaps_cover_each_date_once(numbers, above):
    start = datetime.date(2023, 12, 20)
    listed = [SimpleNamespace(date=start + number * day) for number in sorted(numbers, reverse=True)]
    before = listed[0].date + above * day
    covered = []
    for row in with_gaps(listed, before):
        dates = [row.last - back * day for back in range(row.days)] if isinstance(row, Gap) else [row.date]
        assert dates
        covered += dates
    assert covered == [before - back * day for back in range(1, (before - listed[-1].date).days + 1)]


def test_quiet_days_are_told_up_to_today_and_across_pages(client, school, clock):
    for back in (3, 4, 9, 10, 11, 12, 13, 20, 22):
        note(school.sara, NOON - back * day)
    client.force_login(school.sara)
    first = client.get("/days/")
    assert re.findall(r"Today|\d+ quiet days?|\d+ March", text_of(first).split("Calendar as a table")[1]) == [
        *("Today", "2 quiet days", "12 March", "11 March", "4 quiet days"),
        *("6 March", "5 March", "4 March"),
    ]
    more = unescape(re.search(r'class="load-more"><a class="button" href="(\?[^"]+)"', first.content.decode())[1])
    second = client.get(f"/days/{more}", headers={"HX-Request": "true"})
    assert re.findall(r"\d+ quiet days?|\d+ (?:March|February)", text_of(second)) == [
        *("3 March", "2 March", "6 quiet days", "23 February", "1 quiet day", "21 February", "277 quiet days"),
    ]


def test_today_stands_first_before_anything_is_done_on_it(client, school, clock):
    client.force_login(school.sara)
    assert "Nothing yet today." in text_of(client.get("/days/"))
    note(school.sara, NOON)
    page = text_of(client.get("/days/"))
    assert "Nothing yet today." not in page
    assert "Today Wrote a daily note." in page


@pytest.mark.parametrize("ahead", [4, 5, 6, 12])
@pytest.mark.parametrize("is_active", [True, False])
def test_each_day_stands_once_in_its_order_also_where_many_are_to_come(client, school, clock, ahead, is_active):
    backs = [-2 * number for number in range(ahead, 0, -1)]
    for back in [*backs, *[0] * is_active, 2, 4]:
        note(school.sara, NOON - back * day)
    client.force_login(school.sara)
    page, dates, quiet = client.get("/days/"), [], 0
    assert ("Go to today" in text_of(page)) is ('id="composer"' not in page.text)
    while True:
        dates += re.findall(r'<h2 id="day-(\d{4}-\d\d-\d\d)"', page.text)
        quiet += sum(map(int, re.findall(r"(\d+) quiet days?", text_of(page).partition("Calendar as a table")[2])))
        more = re.search(r'class="load-more"><a class="button" href="(\?[^"]+)"', page.text)
        if not more:
            break
        page = client.get(f"/days/{unescape(more[1])}")
    expected = [NOON.date() - back * day for back in (*backs, 0, 2, 4)]
    enrolled = (NOON - 300 * day).date()
    assert dates == [str(date) for date in (*expected, enrolled)]
    assert quiet == (expected[0] - enrolled).days + 1 - len(dates)
    assert 'id="composer"' in client.get(f"/days/{NOON.date()}/").text


# A long day, and the address of an entry


@pytest.mark.parametrize(("later", "shown"), [(day, range(20)), (datetime.timedelta(), range(110, 130))])
def test_a_long_day_shows_its_first_entries_and_today_its_last_and_how_many_there_are(
    client, school, clock, later, shown
):
    for number in range(130):
        note(school.sara, NOON - 2 * hour + number * datetime.timedelta(seconds=1), f"Thought {number:03}.")
    clock(NOON + later)
    client.force_login(school.ines)
    page = client.get(days_of(school.sara)).content.decode()
    assert re.findall(r"Thought \d+", page) == [f"Thought {number:03}" for number in shown]
    page = re.sub(r"</?span[^>]*>", "", page)
    address = re.search(r'href="([^"]+)">All 130 of this day', page)[1]
    assert len(re.findall(r"Thought \d+", client.get(address).content.decode())) == 100


@pytest.mark.parametrize("number", [0, 99, 100, 129])
def test_the_address_of_an_entry_leads_to_the_page_that_holds_it(client, school, clock, number):
    notes = [note(school.sara, NOON - hour, f"Thought {number:03}.") for number in range(130)]
    entries = sorted((entry_of(row) for row in notes), key=lambda entry: entry.pk)
    client.force_login(school.ines)
    response = client.get(reverse("entry", args=[entries[number].pk]))
    assert response.status_code == 302
    assert response.url.endswith(f"#entry-{entries[number].pk}")
    page = client.get(response.url).content.decode()
    assert f'id="entry-{entries[number].pk}"' in page
    assert ("From the beginning of this day" in page) is (number >= 100)


def test_ones_own_words_lead_to_their_video_as_long_as_it_may_be_watched(client, school, clock):
    reflection = factories.ReflectionFactory(student=school.sara, video=school.video, created_at=NOON)
    factories.QuizAttemptFactory(student=school.sara, quiz=factories.QuizFactory(lesson=school.video.lesson))
    client.force_login(school.sara)
    way = f'<a href="{reverse("video", args=[school.video.pk])}?t=83"><bdi>Whom to ask</bdi>, 1:23</a>'
    edit = reverse("edit_words", args=["reflections", reflection.pk])
    pages = days_of(school.sara), reverse("student_day", args=[school.sara.pk, "2026-03-15"]), edit
    assert all(way in client.get(page).text for page in pages)
    school.sara.enrollments.update(left_at=NOON)
    for page in pages:
        assert way not in client.get(page).text
        assert "Whom to ask , 1:23" in text_of(client.get(page))


def test_what_is_folded_is_found_where_it_is_shown(client, school, clock):
    other = factories.VideoFactory(lesson__course=school.course)
    for minute, (video, until) in enumerate([(school.video, 130), (other, 130), (school.video, 320), (other, 320)]):
        at = NOON - hour + minute * datetime.timedelta(minutes=1)
        progress, created = school.sara.video_progress.get_or_create(
            video=video, defaults={"watched": [(0, until)], "watched_at": at}
        )
        if not created:
            progress.watched, progress.watched_at = [(0, until)], at
            progress.save()
    factories.QuizAttemptFactory(student=school.sara, quiz__lesson__course=school.course, submitted=True)
    client.force_login(school.sara)
    entries = Activity.objects.filter(student=school.sara)
    assert {"video_progress", "quiz_attempt", "quiz_completion"} <= {entry.activity_type for entry in entries}
    shown = set()
    for entry in entries:
        address = client.get(reverse("entry", args=[entry.pk])).url
        anchor = address.partition("#")[2]
        assert f'id="{anchor}"' in client.get(address).content.decode()
        shown.add(anchor)
    assert len(shown) < len(entries)


def test_an_entry_leads_nowhere_for_those_who_may_not_see_it(client, school):
    address = reverse("entry", args=[entry_of(note(school.sara, NOON)).pk])
    nowhere = reverse("entry", args=[school.sara.pk])
    for person, status in ((school.sara, 302), (school.ines, 302), (factories.StaffFactory(), 302), (school.tom, 404)):
        client.force_login(person)
        assert client.get(address).status_code == status
        assert client.get(nowhere).status_code == 404
    client.logout()
    assert client.get(address).url.startswith("/login/")


# Cell, sentence, list


@pytest.mark.parametrize(
    ("moment", "date"),
    [
        ("2026-03-08T04:59:59+00:00", "2026-03-07"),  # the night in which clocks go forward
        ("2026-03-08T05:00:00+00:00", "2026-03-08"),
        ("2026-03-09T03:59:59+00:00", "2026-03-08"),
        ("2026-11-01T04:00:00+00:00", "2026-11-01"),  # and back
        ("2026-11-02T04:59:59+00:00", "2026-11-01"),
        ("2027-01-01T04:59:59+00:00", "2026-12-31"),
        ("2027-01-01T05:00:00+00:00", "2027-01-01"),
    ],
)
def test_the_pages_cell_table_sentence_list_and_day_agree_on_what_a_day_is(client, school, clock, moment, date):
    moment, date = datetime.datetime.fromisoformat(moment), datetime.date.fromisoformat(date)
    note(school.sara, moment, "Late thought."), note(school.sara, moment, "And another.")
    clock(moment + 3 * day)
    client.force_login(school.ines)
    page = client.get(days_of(school.sara)).content.decode()
    address = f"{days_of(school.sara)}{date}/"
    name = f"{date:%A, {date.day} %B %Y}: 2 entries"
    assert f'href="{date}/"><title>{name}</title>' in page
    assert f'<a href="{date}/" aria-label="{name}">2</a>' in page
    listed = page.split(f'id="day-{date}"')[1].split("</section>")[0]
    assert "Wrote 2 daily notes." in listed
    assert "Late thought." in listed
    assert "Late thought." in client.get(address).content.decode()
    assert "Late thought." not in client.get(f"{days_of(school.sara)}{date + day}/").content.decode()
    client.force_login(school.sara)
    assert f'href="{date}/"><title>{name}</title>' in client.get("/days/").content.decode()
    assert "Late thought." in client.get(f"/days/{date}/").content.decode()


def test_the_readers_language_says_where_weeks_begin(client, school, clock):
    note(school.sara, NOON)
    client.force_login(school.sara)
    for language, weekdays in (("en-US", "Sun Mon Tue Wed Thu Fri Sat"), ("en-GB", "Mon Tue Wed Thu Fri Sat Sun")):
        response = client.get("/days/", headers={"Accept-Language": language})
        assert f"Week of {weekdays}" in text_of(response)
        assert "Accept-Language" in response["Vary"]


def test_a_quiz_passed_after_midnight_hides_no_attempt_that_was_begun_on_the_same_day(client, school, clock):
    midnight = NOON.replace(hour=4)  # in New York
    quiz = factories.QuizFactory(lesson=school.video.lesson)

    def attempt(started, passed):
        times = {"started_at": started, "submitted_at": started + hour}
        marks = {"passed": passed, "score": 90 if passed else 20}
        factories.QuizAttemptFactory(student=school.sara, quiz=quiz, **times, **marks)

    attempt(midnight - hour / 2, True)
    attempt(midnight + 2 * hour, False)
    client.force_login(school.sara)
    page = text_of(client.get("/days/"))
    assert "Today Took a quiz and passed one." in page
    assert "Yesterday Took a quiz." in page


# Filters


def test_days_are_filtered_in_the_address_and_show_only_what_matches(client, school, clock):
    note(school.sara, NOON - day, "About the discount.")
    note(school.sara, NOON - 9 * day, "About prices.")
    factories.ReflectionFactory(student=school.sara, video=school.video, content="Prices again.", created_at=NOON - day)
    client.force_login(school.ines)
    address = days_of(school.sara)

    def found(query):
        return text_of(client.get(f"{address}?{query}", headers={"HX-Request": "true", "HX-Target": "days"}))

    assert "2 entries found" in found("q=PRICES")
    assert "quiet" not in found("q=PRICES")
    assert "discount" not in found("q=PRICES")
    assert "1 entry found" in found("q=prices&kind=notes")
    assert "1 entry found" in found(f"course={school.course.pk}&kind=reflections")
    assert "2 entries found" in found("kind=daily_note")
    assert "2 entries found" in found(f"kind=notes&kind=reflections&since={(NOON - 2 * day):%Y-%m-%dT%H:%M:%SZ}")
    for query, words in {
        "q=bicycle": "Nothing found",
        "kind=quizzes": "Nothing of this kind",
        f"since={NOON:%Y-%m-%dT%H:%M:%SZ}": "Nothing since then",
        "q=prices&kind=quizzes": "Nothing matches all of this",
    }.items():
        assert words in found(query)


def test_courses_and_goals_of_others_are_told_from_none_by_nobody(client, school):
    foreign = factories.GoalFactory(student=school.tom)
    own = factories.GoalFactory(student=school.sara, title="Earn $1K")
    client.force_login(school.ines)
    page = client.get(f"{days_of(school.sara)}?goal={own.pk}")
    assert "Nothing towards this goal" in text_of(page)
    elsewhere = school.tom.enrollments.get().course_id
    for query in (f"goal={foreign.pk}", f"course={elsewhere}"):
        response = client.get(f"{days_of(school.sara)}?{query}&kind=notes", follow=True)
        assert response.redirect_chain == [(f"{days_of(school.sara)}?kind=notes", 302)]
        assert "Sara Lindqvist has no such" in text_of(response)
        assert client.get(f"{reverse('days_export', args=[school.sara.pk])}?{query}").status_code == 400
    client.force_login(school.sara)
    gone = client.get(f"/days/?goal={foreign.pk}&course={elsewhere}", follow=True)
    assert [address for address, _ in gone.redirect_chain] == [f"/days/?goal={foreign.pk}", "/days/"]
    assert "You have no such goal. The days are shown without it." in text_of(gone)


def test_a_goal_or_course_beyond_those_to_choose_from_can_be_asked_for_by_its_address(client, school, monkeypatch):
    monkeypatch.setattr("timeline.views.days.CHOICES", 2)
    ago = [factories.GoalFactory(student=school.sara, title=f"Goal {n}", created_at=NOON - n * day) for n in range(3)]
    for goal in ago[1:]:
        factories.GoalMessageFactory(student=school.sara, goal=goal, content="Go on.", created_at=NOON)
    note(school.sara, NOON - day)
    own = [factories.EnrollmentFactory(student=school.sara, course__title=f"Z {n}").course for n in range(2)]
    days, csv_of = days_of(school.sara), reverse("days_export", args=[school.sara.pk])
    client.force_login(school.ines)
    shown = {}
    for name, row in (("goal", ago[2]), ("course", own[1])):
        with CaptureQueriesContext(connection) as captured:
            page = client.get(days, {name: row.pk})
        shown[name] = len(captured)
        assert page.status_code == 200
        assert f'<option value="{row.pk}" selected>{row.title}</option>' in page.text
        (select,) = re.findall(rf'<select id="{name}".+?</select>', page.text, re.DOTALL)
        assert select.count("<option") == 1 + 2 + 1
        assert client.get(csv_of, {name: row.pk}).status_code == 200
    assert "1 entry found" in text_of(client.get(days, {"goal": ago[2].pk}))
    page = text_of(client.get(days, {"goal": ago[2].pk}))
    assert "The newest 2 and the chosen one" in page
    assert "The first 2 by title" in page
    with CaptureQueriesContext(connection) as captured:
        client.get(days, {"goal": ago[1].pk})
    assert shown["goal"] == len(captured) + 1, "one look-up more"
    foreign = {"goal": factories.GoalFactory(student=school.tom).pk, "course": factories.CourseFactory().pk}
    for name, key in foreign.items():
        response = client.get(days, {name: key}, follow=True)
        assert response.redirect_chain == [(days, 302)]
        assert f"Sara Lindqvist has no such {name}" in text_of(response)
        for wrong in (key, str(ago[2].pk).upper(), f"{ago[2].pk}x", "\0", "x" * 300):
            assert client.get(csv_of, {name: wrong}).status_code == 400
    client.force_login(school.tom)
    assert client.get(days, {"goal": ago[2].pk}).status_code == 404


def test_a_search_that_stops_says_how_far_it_looked_and_goes_on_from_there(client, school, clock, monkeypatch):
    monkeypatch.setattr("timeline.queries.conversation.LOOK_ROWS", 5)
    monkeypatch.setattr("timeline.queries.conversation.STEPS", 1)
    for back in range(12):
        note(school.sara, NOON - back * day, "A find." if back == 8 else "Else.")
    client.force_login(school.sara)
    page, looks = client.get("/days/?q=find"), []
    assert "0 entries found back to 11 March 2026" in text_of(page)
    for _ in range(3):
        looks += re.findall(r"Looked back to [^.]+20\d\d|A find\.|Nothing found", text_of(page))
        if more := re.search(r'href="(\?[^"]+)"[^>]*>Look further back', page.content.decode()):
            page = client.get(f"/days/{unescape(more[1])}")
    assert looks == ["Looked back to 11 March 2026", "A find.", "Looked back to 6 March 2026"]


def test_a_day_that_is_found_in_two_pages_says_so(client, school, clock):
    for number in range(40):
        note(school.sara, NOON - hour + number * datetime.timedelta(seconds=1), f"Thought {number:03}.")
    client.force_login(school.sara)
    first = client.get("/days/?q=thought")
    assert "The newest 25 entries that match" in text_of(first)
    more = unescape(re.search(r'href="(\?[^"]+)"[^>]*>More that match', first.content.decode())[1])
    second = client.get(f"/days/{more}", headers={"HX-Request": "true", "HX-Target": "entries"})
    assert "Today , earlier" in text_of(second)
    ids = [set(re.findall(r' id="([^"]+)"', page.content.decode())) for page in (first, second)]
    assert not ids[0] & ids[1]


# The days as CSV


def exported(client, student, query=""):
    response = client.get(f"{reverse('days_export', args=[student.pk])}?{query}")
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"), newline="")))


@pytest.fixture
def busy_weeks(school):
    """Forty days of Sara with entries of several kinds, courses and goals; the goal."""
    goal = factories.GoalFactory(student=school.sara, title="Earn $1K")
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(NOON - 20 * day, None))
    for back in range(40):
        note(school.sara, NOON - back * day, f"Note {back}." if back % 3 else f"About prices {back}.")
        if back % 4 == 0:
            factories.ReflectionFactory(
                student=school.sara, video=school.video, created_at=NOON - back * day, content="Prices!"
            )
    factories.GoalMilestoneFactory(goal=goal, reached_at=NOON)
    return goal


@pytest.mark.parametrize(
    "query", ["", "kind=notes", "q=prices", "course={course}", "goal={goal}&q=prices", "since={since}"]
)
def test_the_export_holds_what_the_pages_list(client, school, busy_weeks, clock, monkeypatch, query):
    monkeypatch.setattr("timeline.queries.conversation.BATCH", 7)
    query = query.format(course=school.course.pk, goal=busy_weeks.pk, since=f"{NOON - 9 * day:%Y-%m-%dT%H:%M:%SZ}")
    client.force_login(school.ines)
    shown, address = [], f"{days_of(school.sara)}?{query}"
    while address:
        page = client.get(address, headers={"HX-Request": "true"}).content.decode()
        shown += re.findall(r'<article class="entry" id="entry-([^"]+)"', page)
        more = re.search(r'class="load-more"><a class="button" href="(\?[^"]+)"', page)
        address = more and days_of(school.sara) + unescape(more[1])
    rows = exported(client, school.sara, query)
    assert len(rows) > 7
    assert len(shown) == len(set(shown))
    assert {row["Entry"] for row in rows} == set(shown)
    assert [row["Time"] for row in rows] == sorted(row["Time"] for row in rows)


def test_a_row_of_the_export_says_where_and_by_whom(client, school, clock):
    school.ines.full_name = "=Ines"
    school.ines.save()
    goal = factories.GoalFactory(student=school.sara, title="+1,000 $")
    factories.GoalMessageFactory(
        student=school.sara, author=school.ines, goal=goal, content="-Go on.", created_at=NOON - 400 * day
    )
    client.force_login(school.ines)
    (row,) = exported(client, school.sara, "kind=notes")
    assert (row["Day"], row["Type"], row["Author"], row["Goal"], row["Words"]) == (
        *("2025-02-08", "instructor_message", "'=Ines", "'+1,000 $", "'-Go on."),
    )
    (row,) = exported(client, school.sara, "kind=courses")
    assert (row["Course"], row["Lesson"], row["Position"]) == ("Selling what you make", "", "")


def test_the_export_is_for_those_who_see_the_days_and_of_filters_that_make_sense(client, school):
    address = reverse("days_export", args=[school.sara.pk])
    for person, status in ((school.sara, 200), (school.ines, 200), (factories.StaffFactory(), 200), (school.tom, 404)):
        client.force_login(person)
        response = client.get(address)
        assert response.status_code == status
    client.force_login(school.ines)
    assert client.get(f"{address}?kind=nonsense").status_code == 400
    assert 'filename="Days_Sara_Lindqvist.csv"' in client.get(address)["Content-Disposition"]
    client.logout()
    assert client.get(address).status_code == 302


# What is new


def test_a_reader_sees_what_came_since_the_last_visit_and_a_link_to_the_first(client, school, clock):
    client.force_login(school.ines)
    address = days_of(school.sara)
    note(school.sara, NOON - day)
    assert 'data-state="new"' not in client.get(address).content.decode()
    factories.GoalMessageFactory(student=school.sara, author=school.ines, created_at=NOON + hour)
    first = entry_of(note(school.sara, NOON + 2 * hour))
    note(school.sara, NOON + 3 * hour)
    clock(NOON + day)
    page = client.get(address)
    assert "2 new entries since you were here yesterday: go to the first ." in text_of(page)
    assert f'<a href="#entry-{first.pk}">go to the first' in page.content.decode()
    assert page.content.decode().count('data-state="new"') == 2
    assert client.get(address).content.decode().count('data-state="new"') == 2, "a reload is the same visit"
    clock(NOON + 2 * day)
    assert "go to the first" not in text_of(client.get(address))


def test_what_is_new_beyond_the_page_has_the_address_of_its_entry(client, school, clock):
    client.force_login(school.ines)
    client.get(days_of(school.sara))
    first = entry_of(note(school.sara, NOON + hour))
    for number in range(2, 11):
        note(school.sara, NOON + number * day)
    clock(NOON + 12 * day)
    page = client.get(days_of(school.sara)).content.decode()
    assert f'<a href="{reverse("entry", args=[first.pk])}">go to the first' in page


def test_to_a_student_messages_and_answers_are_new(client, school, clock):
    reflection = factories.ReflectionFactory(student=school.sara, video=school.video, created_at=NOON - 2 * day)
    client.force_login(school.sara)
    client.get("/days/")
    note(school.sara, NOON + hour)
    reflection.instructor_response, reflection.responded_by = "Ask for the price second.", school.ines
    reflection.responded_at = NOON + hour
    reflection.save()
    message = factories.GoalMessageFactory(student=school.sara, author=school.ines, created_at=NOON + 2 * hour)
    clock(NOON + 3 * hour)
    page = client.get("/days/")
    assert "1 new message and 1 new answer since you were here at 12:00 p.m.: go to the first" in text_of(page)
    assert f'<a href="#entry-{entry_of(reflection).pk}">go to the first' in page.content.decode()
    assert page.content.decode().count('data-state="new"') == 2
    assert message.content in text_of(page)


def test_what_comes_during_the_first_visit_is_new_and_home_tells_of_it_until_it_is_read(client, school, clock):
    factories.GoalMessageFactory(student=school.sara, author=school.ines, content="Welcome.", created_at=NOON - hour)
    client.force_login(school.sara)
    assert "New messages Ines Teixeira 15 Mar Welcome." in text_of(client.get("/"))
    assert 'data-state="new"' not in client.get("/days/").text
    assert "New message" not in text_of(client.get("/"))
    memo = {"content": "", "media_url": "https://example.org/memo.mp3", "media_type": "audio"}
    factories.GoalMessageFactory(student=school.sara, author=None, created_at=NOON + hour / 6, **memo)
    clock(NOON + hour / 4)
    assert "New messages An instructor 15 Mar An attachment, no text" in text_of(client.get("/"))
    page = client.get("/days/")
    assert "1 new message since you were here at 12:00 p.m.: go to the first" in text_of(page)
    assert page.text.count('data-state="new"') == 1
    factories.GoalMessageFactory(student=school.sara, created_at=NOON + hour, hidden_at=NOON + hour)
    factories.GoalMessageFactory(student=school.tom, created_at=NOON + hour)
    assert "New message" not in text_of(client.get("/"))
    client.force_login(school.ines)
    assert "New message" not in text_of(client.get("/"))


@pytest.mark.parametrize("query", ["?before=2026-03-01", "?kind=notes"])
def test_who_looks_something_up_has_not_read_the_conversation(client, school, clock, query):
    client.force_login(school.ines)
    client.get(f"{days_of(school.sara)}{query}")
    client.get(days_of(school.sara), headers={"HX-Request": "true"})
    assert not ConversationVisit.objects.exists()
    client.get(days_of(school.sara))
    assert ConversationVisit.objects.get().seen_at == NOON


# Since we last spoke


def test_since_we_last_spoke_links_each_number_to_the_entries_that_it_counts(client, school, clock):
    note(school.sara, NOON - 9 * day, "Before.")
    factories.GoalMessageFactory(student=school.sara, author=school.ines, created_at=NOON - 8 * day)
    goal = factories.GoalFactory(student=school.sara, title="Earn $1K")
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(NOON - 12 * day, None))
    factories.GoalMilestoneFactory(goal=goal, title="A first reply", reached_at=NOON - 11 * day)
    factories.GoalMilestoneFactory(goal=goal, title="A first invoice", reached_at=NOON - 6 * day)
    factories.GoalMilestoneFactory(goal=goal, title="A second one", reached_at=None)
    factories.SuccessProofFactory(goal=goal, created_at=NOON - 6 * day)
    note(school.sara, NOON - 7 * day), note(school.sara, NOON - 6 * day)
    waiting = factories.ReflectionFactory(student=school.sara, video=school.video, created_at=NOON - 5 * day)
    factories.GoalMessageFactory(student=school.sara, created_at=NOON - 5 * day)  # of a colleague
    client.force_login(school.ines)
    response = client.get(days_of(school.sara))
    page, html = text_of(response), response.content.decode()
    assert (
        "Your last message or answer to Sara Lindqvist was on Saturday, 7 March."
        " It has been quiet for 5 days: they were last active on Tuesday, 10 March."
    ) in page
    assert (
        "Wrote a reflection , wrote 2 daily notes , submitted success proof and reached a milestone . 5 entries" in page
    )
    assert f"1 reflection is waiting for an answer: {'Reflection'} at 1:23 of “Whom to ask”" in page
    assert reverse("entry", args=[entry_of(waiting).pk]) in html
    assert "Earn $1K , day 13, 2 of 3 milestones reached." in page
    assert "Reached the milestone A first invoice on Monday, 9 March" in page
    assert "A first reply" not in page.split("Calendar")[0]
    assert "1 success proof submitted" in page
    numbers = {"wrote 2 daily notes": 2, "5 entries in all": 5, "1 success proof": 1, "Wrote a reflection": 1}
    numbers |= {"1 reflection": 1}  # that waits
    for words, number in numbers.items():
        address = unescape(re.search(rf'<a href="([^"]+)">{words}</a>', html)[1])
        assert f"{number} entr{'y' if number == 1 else 'ies'} found" in text_of(client.get(address.partition("#")[0]))


def test_since_we_last_spoke_says_how_far_its_numbers_were_counted(client, school, clock, monkeypatch):
    monkeypatch.setattr("timeline.queries.conversation.SINCE_LIMIT", 2)
    monkeypatch.setattr("timeline.queries.SINCE_LIMIT", 2)
    factories.GoalMessageFactory(student=school.sara, author=school.ines, created_at=NOON - 8 * day)
    factories.SuccessProofFactory(goal__student=school.sara, created_at=NOON - 4 * day)
    for days in (3, 2):
        note(school.sara, NOON - days * day)
    client.force_login(school.ines)
    page = text_of(client.get(reverse("student_since", args=[school.sara.pk])))
    assert "Of the newest 2 entries: Wrote 2 daily notes . 2+ entries in all" in page
    assert "No milestone since then, and no proof among the newest 2 entries." in page
    factories.SuccessProofFactory(goal__student=school.sara, created_at=NOON - day)
    page = text_of(client.get(reverse("student_since", args=[school.sara.pk])))
    assert "1 success proof submitted among the newest 2 entries" in page


def test_with_whom_one_never_spoke_there_is_something_to_say_first(client, school, clock):
    client.force_login(school.ines)
    page = text_of(client.get(days_of(school.sara)))
    assert "You have not written to Sara Lindqvist yet." in page
    assert (
        "Sara Lindqvist enrolled in Selling what you make on Monday, 19 May 2025 and has not watched anything yet."
        " Welcome them, mention the first video, “Whom to ask” (10:00), and ask what Sara Lindqvist wants to reach:"
        " there is no goal yet."
    ) in page
    note(school.sara, NOON - day)
    page = text_of(client.get(days_of(school.sara)))
    assert "You have not written to Sara Lindqvist yet. They were last active yesterday." in page
    assert "Pick up on the latest: daily note yesterday, and ask what Sara Lindqvist wants to reach" in page


def test_nobody_is_told_to_answer_first_what_others_answer(client, school, clock):
    elsewhere = factories.EnrollmentFactory(student=school.sara, enrolled_at=NOON - day).course
    video = factories.VideoFactory(lesson__course=elsewhere)
    factories.ReflectionFactory(student=school.sara, video=video, created_at=NOON - 3 * hour)
    client.force_login(school.ines)
    page = client.get(days_of(school.sara))
    assert f"(in {elsewhere.title}, whose instructors answer it) at 9:00 a.m." in text_of(page)
    assert "1 reflection is waiting for an answer" in text_of(page)
    assert "What you could say first Pick up on the latest: reflection at 9:00 a.m., and ask" in text_of(page)
    own = factories.ReflectionFactory(student=school.sara, video=school.video, created_at=NOON - 2 * hour)
    page = client.get(days_of(school.sara)).content.decode()
    address = reverse("entry", args=[entry_of(own).pk])
    assert f'Answer the <a href="{address}">reflection that has waited longest</a>' in page
    assert page.count("whose instructors answer it") == 1
    factories.GoalMessageFactory(student=school.sara, author=school.ines, created_at=NOON - hour)
    assert client.get(days_of(school.sara)).text.count("whose instructors answer it") == 1, "also once one has spoken"
    client.force_login(factories.StaffFactory())
    assert "whose instructors answer it" not in client.get(days_of(school.sara)).text, "staff answer everybody"


def test_a_sentence_that_ends_with_a_time_ends_with_one_full_stop(client, school, clock):
    note(school.sara, NOON - 2 * hour)
    factories.GoalMessageFactory(student=school.sara, author=school.ines, created_at=NOON - 3 * hour)
    client.force_login(school.ines)
    page = text_of(client.get(reverse("student_since", args=[school.sara.pk])))
    assert "Sara Lindqvist was at 9:00 a.m. They were active today." in page
    assert "the first at 10:00 a.m. Waiting" in page


@pytest.mark.parametrize(
    ("active", "words"),
    [
        ((0,), "They were active today."),
        ((-3,), "All that they did is dated in the future."),
        ((-3, 0), "They were active today. What they did later is dated in the future."),
        ((-3, 2), "It has been quiet for 2 days: they were last active on Friday, 13 March. What they did later is"),
        ((1, 2), "They were last active yesterday."),
    ],
)
def test_what_is_dated_in_the_future_was_not_done_today(client, school, clock, active, words):
    for days in active:
        note(school.sara, NOON - days * day - hour)
    # By somebody else, and no doing of hers.
    factories.EnrollmentFactory(student=school.sara, enrolled_at=NOON - hour)
    client.force_login(school.ines)
    assert words in text_of(client.get(reverse("student_since", args=[school.sara.pk])))


def test_what_became_of_an_instructors_proposals_is_told_to_them_since_the_last_word(client, school, clock):
    factories.GoalMessageFactory(student=school.sara, author=school.ines, created_at=NOON - 2 * day)
    asked = {"student": school.sara, "author": school.ines, "created_at": NOON - 9 * day}
    factories.GoalProposalFactory(**asked, title="Speak at the club")
    factories.GoalProposalFactory(**asked, title="Raise prices", declined_at=NOON - day)
    factories.GoalProposalFactory(**asked, title="Write a book", accepted_at=NOON - hour)
    factories.GoalProposalFactory(**asked, title="Told before", declined_at=NOON - 3 * day)
    factories.GoalProposalFactory(**asked | {"author": factories.StaffFactory()}, title="Of another")
    client.force_login(school.ines)
    page = text_of(client.get(reverse("student_since", args=[school.sara.pk])))
    made = f"on {NOON - 9 * day:%A, %-d %B}"
    assert f"You proposed Speak at the club {made}: not decided yet" in page
    assert f"You proposed Raise prices {made}: declined on {NOON - day:%-d %b}" in page
    assert f"You proposed Write a book {made}: accepted on {NOON:%-d %b}" in page
    assert page.count("You proposed") == 3


def test_of_many_goals_milestones_and_proposals_since_the_last_word_five_are_told_and_that_there_are_more(
    client, school, clock
):
    client.force_login(school.ines)
    address = reverse("student_since", args=[school.sara.pk])

    def happen(hours):
        at = NOON - hours * hour
        goal = factories.GoalFactory(student=school.sara, created_at=NOON - 9 * day, completed_at=at)
        factories.GoalMilestoneFactory(goal=goal, reached_at=at)
        factories.GoalProposalFactory(student=school.sara, author=school.ines, created_at=at)

    for hours in range(6, 1, -1):
        happen(hours)
    told = {"Reached the goal": 5, "Reached the milestone": 5, "You proposed": 5, "more goals": 0, "more milestones": 0}
    page = text_of(client.get(address))
    assert {words: page.count(words) for words in told} == told
    happen(1)
    page = client.get(address)
    words = text_of(page)
    assert "Reached more goals after these Reached the milestone" in words
    assert "Reached more milestones after these" in words
    assert "You proposed more goals before these" in words
    for name in ("goals", "milestones"):
        days = unescape(re.search(rf'href="([^"]+)">more {name}</a> after', page.text)[1]).partition("#")[0]
        assert "6 entries found" in text_of(client.get(days))


def test_quiet_since_the_last_word_is_said(client, school, clock):
    note(school.sara, NOON - 3 * day)
    factories.GoalMessageFactory(student=school.sara, author=school.ines, created_at=NOON - 2 * day)
    client.force_login(school.ines)
    page = text_of(client.get(reverse("student_since", args=[school.sara.pk])))
    assert "It has been quiet for 3 days" in page
    assert "Nothing since then." in page
    assert "Nothing is waiting for an answer." in page


def test_a_student_is_told_what_to_do_first_and_nothing_about_having_spoken(client, school, clock):
    client.force_login(school.sara)
    page = text_of(client.get("/days/"))
    assert "Watch “Whom to ask” (10:00), the first video of Selling what you make." in page
    assert client.get(reverse("video", args=[school.video.pk])).status_code == 200, "to which that leads"
    assert "Write your first daily note" in page
    assert "we last spoke" not in page
    note(school.sara, NOON)
    assert "What to do first" not in text_of(client.get("/days/"))
    newcomer = factories.ProfileFactory()
    client.force_login(newcomer)
    page = client.get("/days/")
    assert "Find a course and enrol." in text_of(page)
    assert "Set a goal , or agree on one with your instructor" in text_of(page)
    assert f'<a href="{reverse("catalogue")}">Find a course</a>' in page.content.decode()
    assert "CSV" not in text_of(page)
    client.force_login(school.sara)
    assert client.get(reverse("student_since", args=[school.sara.pk])).status_code == 404
