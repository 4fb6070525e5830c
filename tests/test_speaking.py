"""The conversation goes on in pages: who writes what, what stands there afterwards, what is done to own words."""

import datetime
import gc
import itertools
import json
import re
import uuid
from functools import partial
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from psycopg.types.range import TimestamptzRange

from goals.models import DailyNote, GoalMessage, SuccessProof
from profiles.writing import edit, hide, version
from reflections.answers import answer
from reflections.models import Reflection
from tests import factories, htmx, samples
from tests.drift import assert_no_drift
from tests.plans import nodes, plans_of
from tests.test_pages import count_queries, text_of
from tests.threads import at_once, logged_in
from timeline import queries
from timeline.words import WORDS
from uploads.models import Upload

pytestmark = pytest.mark.django_db

NOON = datetime.datetime(2026, 3, 15, 16, tzinfo=datetime.UTC)  # of a Sunday in New York
TODAY = "2026-03-15"
hour, day = datetime.timedelta(hours=1), datetime.timedelta(days=1)
HTMX = {"HX-Request": "true"}
WRITINGS = (DailyNote, GoalMessage, Reflection, SuccessProof)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The pages' clock, which shows NOON and goes on by a millisecond whenever it is looked at; call it to set it."""

    def start(moment):
        ticks = itertools.count()
        monkeypatch.setattr(
            "django.utils.timezone.now", lambda: moment + next(ticks) * datetime.timedelta(milliseconds=1)
        )

    start(NOON)
    return start


def people():
    """Sara and Tom in a course of Ines; Henrik, who teaches it and learns there as well; and people outside."""
    course = factories.CourseFactory(title="Selling what you make")
    names = {"sara": "Sara Lindqvist", "tom": "Tom Abara", "ines": "Ines Teixeira", "henrik": "Henrik Solberg"}
    known = {key: factories.ProfileFactory(full_name=name) for key, name in names.items()}
    for key in ("ines", "henrik"):
        factories.CourseInstructorFactory(course=course, instructor=known[key])
    for key in ("sara", "tom", "henrik"):
        factories.EnrollmentFactory(course=course, student=known[key], enrolled_at=NOON - 300 * day)
    video = factories.VideoFactory(lesson__course=course, title="Whom to ask")
    elsewhere = factories.CourseInstructorFactory()
    goal = factories.GoalFactory(student=known["sara"], title="Earn $1K", created_at=NOON - 90 * day)
    factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(NOON - 90 * day, None))
    return SimpleNamespace(
        **known,
        course=course,
        video=video,
        goal=goal,
        colleague=elsewhere.instructor,
        stranger=factories.EnrollmentFactory(course=elsewhere.course).student,
        staff=factories.StaffFactory(full_name="Root"),
    )


@pytest.fixture
def school():
    school = people()
    school.old = factories.DailyNoteFactory(student=school.sara, created_at=NOON - 2 * day, content="The day before.")
    return school


def days_of(student):
    return reverse("student_days", args=[student.pk])


def day_of(student, date=TODAY):
    return reverse("student_day", args=[student.pk, date])


def own_url(what, row):
    return reverse(f"{what}_words", args=[row._meta.db_table, row.pk])


def entry_of(row):
    return queries.entry_of_words(row)


def written():
    return [row for model in WRITINGS for row in model.objects.all()]


def form(text="Two shops said yes.", **more):
    return {"id": str(uuid.uuid4()), "text": text, **more}


# Who may


@pytest.mark.parametrize(
    ("person", "student", "model"),
    [
        ("sara", "sara", DailyNote),
        ("henrik", "henrik", DailyNote),
        ("ines", "sara", GoalMessage),
        ("henrik", "sara", GoalMessage),
        ("staff", "sara", GoalMessage),
        ("ines", "ines", DailyNote),
        ("tom", "sara", None),
        ("sara", "tom", None),
        ("sara", "ines", None),
        ("colleague", "sara", None),
        ("stranger", "sara", None),
    ],
)
def test_students_write_notes_in_their_own_days_and_those_who_see_them_write_messages(
    client, school, person, student, model
):
    writer, whose = getattr(school, person), getattr(school, student)
    client.force_login(writer)
    response = client.post(days_of(whose), form())
    new = [row for row in written() if row != school.old]
    if model is None:
        assert response.status_code == 404
        assert new == []
        return
    (row,) = new
    assert (type(row), row.student, row.content) == (model, whose, "Two shops said yes.")
    assert getattr(row, "author", writer) == writer
    assert (response.status_code, response.url) == (302, reverse("entry", args=[entry_of(row).pk]))
    page = client.get(response.url, follow=True)
    assert "Two shops said yes." in text_of(page)
    assert ("Your note is saved." if model is DailyNote else f"Your message to {whose} is sent.") in text_of(page)
    assert_no_drift()


def test_nobody_writes_without_logging_in(client, school):
    for address in ("/days/", days_of(school.sara), own_url("edit", school.old), own_url("hide", school.old)):
        assert client.post(address, form()).url.startswith("/login/?next=")
    assert client.post(days_of(school.sara), form(), headers=HTMX)["HX-Redirect"].startswith("/login/?next=")
    assert written() == [school.old]


def test_a_student_writes_at_the_address_of_their_own_days(client, school):
    client.force_login(school.sara)
    assert client.post("/days/", form("From my days.")).status_code == 302
    assert client.post(days_of(school.sara), form("From my days, by id.")).status_code == 302
    assert DailyNote.objects.filter(student=school.sara).count() == 3
    for address in (day_of(school.sara), "/goals/"):
        assert client.post(address, form()).status_code == 405


# Where the composer stands


@pytest.mark.parametrize("person", ["sara", "ines"])
def test_the_composer_stands_at_the_foot_of_today_and_nowhere_else(client, school, person):
    client.force_login(getattr(school, person))
    label = "Write a daily note" if person == "sara" else "Write a message to Sara Lindqvist"
    for address, stands in [
        (days_of(school.sara), True),
        (day_of(school.sara), True),
        (day_of(school.sara, "2026-03-13"), False),
        (f"{days_of(school.sara)}?q=shops", False),
        (f"{days_of(school.sara)}?before=2026-03-14", False),
    ]:
        page = client.get(address)
        assert page.content.decode().count('id="composer"') == stands, address
        assert (label in text_of(page)) == stands, address
    factories.DailyNoteFactory(student=school.sara, created_at=NOON - hour, content="This morning.")
    words = text_of(client.get(days_of(school.sara)))
    assert words.index("This morning.") < words.index(label) < words.index("The day before.")


def test_a_message_is_suggested_to_be_about_the_current_goal(client, school):
    old = factories.GoalFactory(student=school.sara, title="Earn $100", created_at=NOON - 200 * day)
    client.force_login(school.ines)
    composer = htmx.by_id(htmx.loaded(client.get(days_of(school.sara))), "composer")
    assert htmx.fields(composer)["goal"] == str(school.goal.pk)
    assert "No goal in particular Earn $1K (current) Earn $100" in text_of(client.get(days_of(school.sara)))
    for goal, about in ((old.pk, old), (school.goal.pk, school.goal), ("", None)):
        message = form(goal=goal)
        assert client.post(days_of(school.sara), message).status_code == 302
        assert GoalMessage.objects.get(pk=message["id"]).goal == about
    client.force_login(school.henrik)
    assert 'name="goal"' not in client.get(days_of(school.tom)).content.decode()


# What htmx makes of it


def send(client, page, address, **fields):
    """What the server answers to the composer of a page (a tree) that is sent with these fields."""
    composer = htmx.by_id(page, "composer")
    return client.post(address, htmx.fields(composer) | form(**fields), headers=HTMX)


def event_of(response):
    return json.loads(response["HX-Trigger-After-Settle"])["said"]


def after(client, page, response, *, target="today", how="beforeend"):
    """A page after what was said: with the answer, and what the page then asks for anew."""
    page = htmx.swapped(page, response, htmx.by_id(page, target), how=how)
    htmx.said(page, response)
    for name in ("year", "spoken"):
        if any(htmx.attribute(element, "id") == name for element in htmx.elements(page)):
            address = htmx.attribute(htmx.by_id(page, name), "hx-get")
            part = client.get(address, headers=HTMX | {"HX-Target": name})
            page = htmx.swapped(page, part, htmx.by_id(page, name), how="innerHTML")
    return page


@pytest.mark.parametrize("address", [days_of, day_of])
@pytest.mark.parametrize("person", ["sara", "ines", "staff"])
@pytest.mark.parametrize("before", [0, 1, 25])
def test_what_was_said_stands_in_the_page_as_in_a_fresh_one(client, school, address, person, before):
    for number in range(before):
        factories.DailyNoteFactory(student=school.sara, created_at=NOON - hour, content=f"Thought {number}.")
    client.force_login(getattr(school, person))
    client.get(days_of(school.sara))
    page = htmx.loaded(client.get(address(school.sara)))
    for number in range(2):
        response = send(client, page, days_of(school.sara), text=f"Said {number}.\nAnd more.")
        assert response.status_code == 200
        assert event_of(response)["status"].startswith("Your ")
        page = after(client, page, response)
    fresh = client.get(address(school.sara))
    if before + 2 <= 20:  # else the fresh list has let go of two at the top
        assert str(page) == str(htmx.loaded(fresh))
    assert text_of(fresh).count("Said 1. And more.") == 1
    assert str(page).count("Said 1.") == 1
    assert_no_drift()


def test_what_others_wrote_meanwhile_comes_with_it(client, school):
    client.force_login(school.ines)
    page = htmx.loaded(client.get(days_of(school.sara)))
    factories.DailyNoteFactory(student=school.sara, created_at=NOON + datetime.timedelta(milliseconds=1))
    page = after(client, page, send(client, page, days_of(school.sara), text="Well done."))
    assert str(page) == str(htmx.loaded(client.get(days_of(school.sara))))
    assert "Wrote to five shops" in str(page)
    assert "Wrote a daily note and received a message." in str(page)


@pytest.mark.parametrize("case", ["first note", "another day", "long day", "no place", "another place"])
def test_where_it_cannot_be_put_in_place_the_page_goes_to_it(client, school, case, clock):
    if case == "first note":
        school.old.delete()
    if case == "long day":
        for _ in range(101):
            factories.DailyNoteFactory(student=school.sara, created_at=NOON - hour)
    client.force_login(school.sara)
    page = htmx.loaded(client.get(day_of(school.sara) if case == "long day" else "/days/"))
    if case == "another day":
        clock(NOON + day)
    more = {"no place": {"after": "nowhere~"}, "another place": {"day": "2026-03-14"}}.get(case, {})
    response = send(client, page, "/days/", text="Here.", **more)
    entry = entry_of(DailyNote.objects.get(content="Here."))
    assert response["HX-Redirect"] == reverse("entry", args=[entry.pk])
    shown = client.get(response["HX-Redirect"], follow=True)
    assert f'id="entry-{entry.pk}"' in shown.content.decode()
    assert f'data-sent="note-{school.sara.pk}"' in shown.content.decode()


def test_a_message_is_new_to_the_student_and_not_to_who_wrote_it(client, school, clock):
    client.force_login(school.sara)
    client.get("/days/")
    clock(NOON + hour)
    client.force_login(school.ines)
    page = htmx.loaded(client.get(days_of(school.sara)))
    response = send(client, page, days_of(school.sara), text="Go on.", goal=school.goal.pk)
    assert "New" not in text_of(response).split()
    assert "about “Earn $1K”" in text_of(response)
    client.force_login(school.sara)
    assert "Message New Ines Teixeira about “Earn $1K” Go on." in text_of(client.get("/days/"))


# Once


def test_a_form_that_is_sent_again_is_one_row_and_says_the_same(client, school):
    client.force_login(school.sara)
    page = htmx.loaded(client.get("/days/"))
    note = htmx.fields(htmx.by_id(page, "composer")) | form()
    answers = [client.post("/days/", note, headers=headers) for headers in (HTMX, HTMX, {}, {})]
    assert [response.status_code for response in answers] == [200, 200, 302, 302]
    assert text_of(answers[0]) == text_of(answers[1])
    assert DailyNote.objects.count() == 2


@pytest.mark.parametrize("headers", [HTMX, {}])
@pytest.mark.parametrize("what", ["other words", "hidden since"])
def test_other_words_in_a_form_that_was_sent_before_are_not_lost(client, school, headers, what):
    client.force_login(school.sara)
    first = form("As it was.")
    client.post("/days/", first)
    if what == "hidden since":
        hide(DailyNote.objects.get(pk=first["id"]))
    second = first | {"text": "And now?" if what == "other words" else "As it was."}
    response = client.post("/days/", second, headers=headers)
    assert response.status_code == 422
    assert "is not saved" in text_of(response)
    again = re.search(r'name="id" value="([^"]+)"', response.content.decode())[1]
    assert again != first["id"]
    assert client.post("/days/", second | {"id": again}).status_code == 302
    assert DailyNote.objects.filter(content=second["text"], hidden_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_by_many_requests_at_once_is_one_row():
    school = people()
    note = form()
    answers = at_once(*(partial(logged_in(school.sara).post, "/days/", note) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [302] * 4
    assert DailyNote.objects.get().pk == uuid.UUID(note["id"])
    assert_no_drift()


@pytest.mark.django_db(transaction=True)
def test_of_two_edits_at_once_one_is_told_of_the_other():
    school = people()
    note = factories.DailyNoteFactory(student=school.sara)
    edits = [{"text": text, "seen": ""} for text in ("From one tab.", "From the other.")]
    answers = at_once(*(partial(logged_in(school.sara).post, own_url("edit", note), sent) for sent in edits))
    assert sorted(answer.status_code for answer in answers) == [302, 409]
    assert_no_drift()


# With a picture or a voice memo


@pytest.fixture
def media(settings, tmp_path):
    """An empty MEDIA_ROOT, and a function of the files in it."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    return lambda: [path for path in (tmp_path / "media").rglob("*") if path.is_file()]


def attached(content, name="from-my-desk"):
    return SimpleUploadedFile(name, content)


@pytest.mark.parametrize("headers", [HTMX, {}])
@pytest.mark.parametrize("text", ["", "See this."])
@pytest.mark.parametrize("kind", ["picture", "recording"])
def test_words_take_a_picture_or_a_voice_memo_along(client, school, media, kind, text, headers):
    client.force_login(school.ines)
    content = samples.picture() if kind == "picture" else samples.recording()
    message = form(text, day=TODAY, after="", attachment=attached(content))
    response = client.post(days_of(school.sara), message, headers=headers)
    assert response.status_code == (200 if headers else 302)
    (row,) = GoalMessage.objects.all()
    assert (row.content, row.media_type) == (text, "image" if kind == "picture" else "audio")
    assert len(media()) == 1
    client.force_login(school.sara)
    page = client.get("/days/").content.decode()
    assert f'src="{row.media_url}"' in page
    assert ("Picture by Ines" if kind == "picture" else "Voice memo of Ines") in page
    assert ('width="40" height="30"' if kind == "picture" else "Length: </span>0:01<") in page  # before it is loaded
    assert client.get(row.media_url).status_code == 200


def test_a_form_with_a_file_that_is_sent_again_is_one_row_and_one_file(client, school, media):
    client.force_login(school.sara)
    note = form("See this.")
    for _ in range(2):
        assert client.post("/days/", note | {"attachment": attached(samples.picture())}).status_code == 302
    assert DailyNote.objects.count() == 2
    # The same form with a file of another kind, or with none, says something else.
    for more in ({}, {"attachment": attached(samples.recording())}):
        refused = client.post("/days/", note | more)
        assert refused.status_code == 422
        assert "is not saved" in text_of(refused)
    gc.collect()  # what a rollback leaves is removed with the transaction's last reference
    assert len(media()) == Upload.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "text", "reason"),
    [
        (b"", "Mine.", "The file is empty"),
        (b"%PDF-1.7", "Mine.", "This kind of file is not accepted"),
        (samples.picture()[:60], "Mine.", "cannot be read"),
        (samples.picture(), "x" * 20_001, "20,001 characters"),
    ],
)
def test_a_file_that_cannot_be_taken_costs_no_words_and_none_is_kept_without_them(
    client, school, media, content, text, reason
):
    client.force_login(school.sara)
    for headers in (HTMX, {}):
        note = form(text, attachment=attached(content))
        page = client.post("/days/", note, headers=headers)
        assert page.status_code == 422
        assert reason in text_of(page)
        assert text in page.content.decode()
        assert f'name="id" value="{note["id"]}"' in page.content.decode()  # by which attach.js keeps the file
        nothing_is_wrong_with_the_file = text != "Mine."
        assert ("Choose it again" in text_of(page)) == (not headers and nothing_is_wrong_with_the_file)
    assert (media(), Upload.objects.count(), DailyNote.objects.count()) == ([], 0, 1)


def test_a_file_that_is_too_large_is_refused_with_its_words_kept(client, school, media, settings):
    settings.PICTURE_MAX_MB = settings.RECORDING_MAX_MB = settings.DOCUMENT_MAX_MB = 1
    client.force_login(school.sara)
    for headers in (HTMX, {}):
        for size in (2**20, 3 * 2**20):  # read, and not even read
            note = form("Mine.", attachment=attached(samples.picture() + bytes(size)))
            page = client.post("/days/", note, headers=headers)
            assert page.status_code == 422
            assert "at most 1 MB is allowed" in text_of(page)
            assert "Mine.</textarea>" in page.content.decode()
    assert (media(), Upload.objects.count(), DailyNote.objects.count()) == ([], 0, 1)


@pytest.mark.parametrize("person", ["tom", "colleague", "stranger", None])
def test_others_neither_read_nor_write_here_whatever_they_send(client, school, media, person):
    client.get("/login/")
    if person:
        client.force_login(getattr(school, person))
    entry = reverse("entry", args=[entry_of(school.old).pk])
    names = ("student_days", "student_since", "days_export")
    addresses = [*(reverse(name, args=[school.sara.pk]) for name in names), day_of(school.sara, "2026-03-13"), entry]
    for part in ({}, HTMX, *(HTMX | {"HX-Target": target} for target in ("spoken", "year", "days"))):
        responses = [client.get(address, headers=part) for address in addresses]
        for what in ("edit", "hide", "bring_back"):
            responses += [client.get(own_url(what, school.old), headers=part)]
            responses += [client.post(own_url(what, school.old), {"text": "x", "seen": ""}, headers=part)]
        note = form(attachment=attached(samples.picture()))
        responses.append(client.post(days_of(school.sara), note, headers=part))
        for response in responses:
            if person:
                assert response.status_code == 404
            else:
                assert response.headers.get("HX-Redirect", response.headers.get("Location")).startswith("/login/?next=")
            assert "The day before." not in response.content.decode()
    assert (written(), media(), Upload.objects.count()) == ([school.old], [], 0)


def test_an_edit_keeps_the_file_and_a_hidden_one_is_its_writers_alone(client, school, media):
    client.force_login(school.ines)
    client.post(days_of(school.sara), form("See this.", attachment=attached(samples.picture())))
    (row,) = GoalMessage.objects.all()
    client.post(own_url("edit", row), {"text": "", "seen": ""})
    edited = GoalMessage.objects.get()
    assert (edited.content, edited.media_url) == ("", row.media_url)
    client.post(own_url("hide", row))
    assert row.media_url in client.get("/days/hidden/").content.decode()
    assert client.get(row.media_url).status_code == 200
    client.force_login(school.sara)
    assert client.get(row.media_url).status_code == 404
    assert_no_drift()


# What is wrong is said


@pytest.mark.parametrize("headers", [HTMX, {}])
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": "  "}, "Write something"),
        ({"text": "x" * 20_001}, "20,001 characters"),
        ({"text": "a\0b"}, "cannot be kept"),
        ({"id": "one"}, "the form was incomplete"),
        ({"id": ""}, "the form was incomplete"),
        ({"id": "theirs"}, "the form was incomplete"),
        ({"goal": "theirs"}, "one of this student's goals"),
        ({"goal": "one"}, "one of this student's goals"),
        ({"goal": "\0"}, "Null characters"),
        ({"goal": str(uuid.UUID(int=0))}, "one of this student's goals"),
    ],
)
def test_what_cannot_be_written_comes_back_with_a_reason_and_its_words(client, school, headers, fields, reason):
    theirs = factories.GoalMessageFactory(student=school.tom)
    ids = {"id": theirs.pk, "goal": factories.GoalFactory().pk}
    fields = {name: ids[name] if value == "theirs" else value for name, value in fields.items()}
    client.force_login(school.ines)
    page = client.post(days_of(school.sara), form(day=TODAY, after="") | fields, headers=headers)
    assert page.status_code == 422
    assert reason in text_of(page)
    assert fields.get("text", "Two shops said yes.").strip()[:1] in page.content.decode().split("<textarea")[1]
    assert page.has_header("HX-Retarget") == bool(headers)
    assert ("<html" in page.content.decode()) != bool(headers)
    assert GoalMessage.objects.get().content == theirs.content
    again = re.search(r'name="id" value="([^"]+)"', page.content.decode())[1]
    assert client.post(days_of(school.sara), form(id=again)).status_code == 302


BAD = [
    {},
    {"id": ["1", "2"], "text": ["a", "b"]},
    {"text": "\ufffe\u202e", "after": "\0", "day": "\0", "id": "\0", "goal": "\0"},
    {"text": "x", "id": "x" * 5_000, "goal": "x" * 5_000, "after": "~" * 5_000, "day": "x" * 5_000},
    {"text": "x", "goal": "../../etc", "next": "//evil.example", "seen": "yesterday", "row": "../base"},
]


@pytest.mark.parametrize("fields", BAD)
@pytest.mark.parametrize("headers", [HTMX, {}])
def test_bad_input_is_never_an_error_of_ours(client, school, fields, headers):
    message = factories.GoalMessageFactory(student=school.sara, author=school.ines)
    client.force_login(school.ines)
    for address in (days_of(school.sara), own_url("edit", message), own_url("hide", message)):
        assert client.post(address, fields, headers=headers).status_code in (200, 302, 409, 422), address
    body = b"text=%FF%FE%00%ED%A0%80&seen=%C3%28&id=%80&goal=%ff"
    for address in (days_of(school.sara), own_url("edit", message)):
        form_type = "application/x-www-form-urlencoded"
        assert client.post(address, body, content_type=form_type, headers=headers).status_code == 422
        assert client.post(address, b'{"text": 1}', content_type="application/json").status_code == 422
        broken = client.post(address, b"--", content_type="multipart/form-data; boundary=x")
        assert broken.status_code in (400, 422)
    assert GoalMessage.objects.count() == 1


def test_words_of_any_script_come_through(client, school):
    client.force_login(school.sara)
    text = "Zażółć — \u202bשם\u202c 👩\u200d🔬\n<script>alert(1)</script> {{ text }}"
    client.post("/days/", form(text))
    assert DailyNote.objects.get(content=text)
    assert "&lt;script&gt;" in client.get("/days/").content.decode()
    client.post("/days/", "text=lone+%ED%A0%80&id=" + str(uuid.uuid4()), "application/x-www-form-urlencoded")
    assert DailyNote.objects.filter(content__startswith="lone").exists()


def test_a_huge_body_is_refused_in_words(client, school):
    client.force_login(school.sara)
    for address in ("/days/", own_url("edit", school.old)):
        response = client.post(address, form("x" * 3_000_000), "application/x-www-form-urlencoded")
        response = client.post(address, {"text": "x" * 3_000_000})
        assert response.status_code == 400
        assert "too large" in text_of(response)
    assert DailyNote.objects.count() == 1


def test_a_form_of_an_earlier_log_in_is_refused_in_words(school):
    client = Client(enforce_csrf_checks=True)
    client.force_login(school.sara)
    for address in ("/days/", own_url("edit", school.old), own_url("hide", school.old)):
        for headers in ({}, HTMX):
            response = client.post(address, form(), headers=headers)
            assert response.status_code == 403
            assert "Nothing was saved" in text_of(response)
    assert DailyNote.objects.get().hidden_at is None


# One's own words


def own_rows(school):
    """A row of each kind, of Sara's own words but for the message, which is of Ines."""
    return {
        "note": school.old,
        "reflection": factories.ReflectionFactory(student=school.sara, video=school.video, created_at=NOON - hour),
        "proof": factories.SuccessProofFactory(goal=school.goal, created_at=NOON - hour),
        "message": factories.GoalMessageFactory(student=school.sara, author=school.ines, created_at=NOON - hour),
    }


WRITERS = {"note": "sara", "reflection": "sara", "proof": "sara", "message": "ines"}


@pytest.mark.parametrize("what", ["edit", "hide", "bring_back"])
@pytest.mark.parametrize("kind", WRITERS)
def test_words_are_their_writers_alone(client, school, what, kind):
    row = own_rows(school)[kind]
    for person in ("sara", "tom", "ines", "henrik", "colleague", "stranger", "staff"):
        client.force_login(getattr(school, person))
        may = person == WRITERS[kind]
        for headers in ({}, HTMX):
            seen = client.get(own_url(what, row), headers=headers)
            assert (seen.status_code != 404) == may, person
            done = client.post(own_url(what, row), {"text": row.content, "seen": ""}, headers=headers)
            assert (done.status_code != 404) == may, person
        page = client.get(day_of(row.student, entry_of(row).activity_date) if entry_of(row) else "/")
        if page.status_code == 200 and what != "hide":
            assert (own_url("edit", row) in page.content.decode()) == may
    row.refresh_from_db()
    assert (row.hidden_at is not None) == (what == "hide")
    assert_no_drift()


def test_what_is_not_there_is_not_found(client, school):
    client.force_login(school.sara)
    gone = str(uuid.uuid4())
    for address in (f"/daily_notes/{gone}/edit/", f"/goals/{gone}/edit/", f"/profiles/{school.sara.pk}/edit/"):
        assert client.get(address).status_code == 404
        assert client.post(address, {"text": "x"}).status_code == 404
    assert client.get("/daily_notes/one/edit/").status_code == 404


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(client, school, method):
    client.force_login(school.sara)
    for address in ("/days/", "/days/hidden/", *(own_url(what, school.old) for what in ("edit", "hide", "bring_back"))):
        assert getattr(client, method)(address).status_code == 405
    assert client.post("/days/hidden/").status_code == 405


def test_what_is_only_posted_leads_on_when_it_is_opened(client, school):
    client.force_login(school.sara)
    hide(school.old)
    response = client.get(own_url("bring_back", school.old))
    assert (response.status_code, response.url) == (302, "/days/hidden/")
    assert entry_of(school.old) is None


@pytest.mark.parametrize("kind", WRITERS)
def test_an_edit_stands_in_the_page_as_in_a_fresh_one_and_is_seen_as_one(client, school, kind):
    row, writer = own_rows(school)[kind], getattr(school, WRITERS[kind])
    client.force_login(writer)
    client.get(days_of(school.sara))
    page = htmx.loaded(client.get(days_of(school.sara)))
    part = client.get(own_url("edit", row), headers=HTMX)
    assert "HX-Request" in part["Vary"]
    assert row.content in part.content.decode().split("<textarea")[1]
    assert "<html" not in part.content.decode()
    response = client.post(own_url("edit", row), {"text": "Better said.", "seen": ""}, headers=HTMX)
    entry = f"entry-{entry_of(row).pk}"
    assert (response["HX-Retarget"], event_of(response)["entry"]) == (f"#{entry}", entry)
    assert f'data-sent="edit-{row.pk}"' in response.content.decode()
    page = after(client, page, response, target=entry, how="outerHTML")
    assert str(page) == str(htmx.loaded(client.get(days_of(school.sara))))
    client.force_login(school.henrik)
    seen = text_of(client.get(days_of(school.sara)))
    assert re.search(r"edited [^.]*Better said\.", seen)
    assert f"{row.content}" not in seen
    assert_no_drift()


def test_an_edit_without_javascript_leads_back_to_the_entry(client, school):
    client.force_login(school.sara)
    came = client.get(own_url("edit", school.old), headers={"Referer": "http://testserver/days/?q=day"})
    anchor = f"#entry-{entry_of(school.old).pk}"
    back = htmx.fields(next(iter(htmx.by_class(htmx.loaded(came), "words-form"))))["next"]
    assert back == f"/days/?q=day{anchor}"
    sent = client.post(own_url("edit", school.old), {"text": "Changed.", "seen": "", "next": back})
    assert (sent.status_code, sent.url) == (302, back)
    page = client.get(sent.url)
    assert f'data-sent="edit-{school.old.pk}"' in page.content.decode()
    elsewhere = client.post(own_url("edit", school.old), {"text": "Changed.", "next": "https://evil.example/"})
    assert elsewhere.url == reverse("entry", args=[entry_of(school.old).pk])


@pytest.mark.parametrize("headers", [HTMX, {}])
def test_who_changes_words_that_have_changed_sees_what_stands_and_keeps_their_own(client, school, headers):
    client.force_login(school.sara)
    standing = edit(school.old, "From the other tab.", "")
    mine = {"text": "From this tab.", "seen": ""}
    page = client.post(own_url("edit", school.old), mine, headers=headers)
    assert page.status_code == 409
    assert "was changed elsewhere while you were writing here" in text_of(page)
    assert "From the other tab." in text_of(page)
    assert "From this tab.</textarea>" in page.content.decode()
    assert "data-instead" not in page.content.decode()
    again = mine | {"seen": version(standing)}
    assert client.post(own_url("edit", school.old), again, headers=headers).status_code == (200 if headers else 302)
    school.old.refresh_from_db()
    assert school.old.content == "From this tab."


@pytest.mark.parametrize("headers", [HTMX, {}])
@pytest.mark.parametrize(("text", "reason"), [(" ", "hide it instead"), ("x" * 20_001, "20,001"), ("\0", "be kept")])
def test_an_edit_that_cannot_stand_comes_back_with_a_reason(client, school, headers, text, reason):
    client.force_login(school.sara)
    page = client.post(own_url("edit", school.old), {"text": text, "seen": ""}, headers=headers)
    assert page.status_code == 422
    assert reason in text_of(page)
    school.old.refresh_from_db()
    assert school.old.content == "The day before."


def test_words_that_were_hidden_meanwhile_are_changed_and_stay_hidden(client, school):
    client.force_login(school.sara)
    hide(school.old)
    assert client.get(own_url("edit", school.old)).status_code == 200
    response = client.post(own_url("edit", school.old), {"text": "Changed.", "seen": ""}, headers=HTMX)
    assert response["HX-Retarget"].startswith("#entry-")
    assert "Bring it back" in text_of(response)
    school.old.refresh_from_db()
    assert (school.old.content, entry_of(school.old)) == ("Changed.", None)
    conflict = client.post(own_url("edit", school.old), {"text": "Again.", "seen": ""}, headers=HTMX)
    assert conflict.status_code == 409
    assert "It is hidden now" in text_of(conflict)


def test_words_that_were_deleted_meanwhile_are_not_found(client, school, monkeypatch):
    client.force_login(school.sara)

    def deleted_first(row, *args):
        DailyNote.objects.filter(pk=row.pk).delete()
        return edit(row, *args)

    monkeypatch.setattr("timeline.views.conversation.edit", deleted_first)
    assert client.post(own_url("edit", school.old), {"text": "x", "seen": ""}, headers=HTMX).status_code == 404


@pytest.mark.parametrize("address", [days_of, day_of])
@pytest.mark.parametrize("alone", [True, False])
def test_hidden_words_leave_the_page_and_come_back_to_where_they_stood(client, school, address, alone):
    note = factories.DailyNoteFactory(student=school.sara, created_at=NOON - 2 * hour, content="Out with it.")
    if not alone:
        factories.DailyNoteFactory(student=school.sara, created_at=NOON - hour, content="To stay.")
    client.force_login(school.sara)
    before = str(htmx.loaded(client.get(address(school.sara))))
    page, entry = htmx.loaded(client.get(address(school.sara))), f"entry-{entry_of(note).pk}"
    asked = text_of(client.get(own_url("hide", note), headers=HTMX))
    assert asked == "It disappears from every page; you can bring it back. Hide it Cancel"
    responses = [client.post(own_url("hide", note), headers=HTMX) for _ in range(2)]
    assert [response.status_code for response in responses] == [200, 200]
    page = after(client, page, responses[1], target=entry, how="outerHTML")
    stub = htmx.by_id(page, entry)
    assert "Your note is hidden" in str(stub)
    row = htmx.parent_of(page, stub)
    place = htmx.parent_of(page, row)
    without = [child for child in place.children if child is not row]
    place.children, kept = without, place.children
    fresh = client.get(address(school.sara))
    if not alone:  # a fresh page's composer begins after another entry, or none
        assert str(page) == str(htmx.loaded(fresh))
    assert "Out with it." not in text_of(fresh)
    place.children = kept
    back = client.post(own_url("bring_back", note), {"row": "day"}, headers=HTMX)
    page = after(client, page, back, target=entry, how="outerHTML")
    assert str(page) == before
    assert client.post(own_url("bring_back", note), {"row": "day"}, headers=HTMX).status_code == 200
    assert_no_drift()


def test_hiding_without_javascript_says_where_to_find_it_again(client, school):
    client.force_login(school.sara)
    page = client.get(own_url("hide", school.old))
    assert "Hide your note?" in text_of(page)
    assert "It disappears from every page; you can bring it back." in text_of(page)
    sent = client.post(own_url("hide", school.old), {"next": "/days/"})
    assert (sent.status_code, sent.url) == (302, "/days/")
    assert '<a href="/days/hidden/">What you have hidden</a>' in client.get("/days/").content.decode()
    assert client.post(own_url("hide", school.old)).url == day_of(school.sara, "2026-03-13")
    assert "It is hidden already" in text_of(client.get(own_url("hide", school.old)))
    back = client.post(own_url("bring_back", school.old))
    assert "The day before." in text_of(client.get(back.url, follow=True))


def test_an_answer_goes_with_its_reflection_and_comes_back_with_it(client, school):
    asked = factories.ReflectionFactory(student=school.sara, video=school.video)
    answer(asked.pk, by=school.ines, text="Ask first.", seen="")
    client.force_login(school.sara)
    said = text_of(client.get(own_url("hide", asked), headers=HTMX))
    assert "and the answer of Ines Teixeira goes with it; you can bring it back" in said
    client.post(own_url("hide", asked), headers=HTMX)
    assert "With the answer of Ines Teixeira" in text_of(client.get("/days/hidden/"))
    client.post(own_url("bring_back", asked))
    assert Reflection.objects.get().instructor_response == "Ask first."
    assert entry_of(asked).instructor_response == "Ask first."


# What one has hidden


def test_what_is_hidden_is_listed_to_its_writer_the_last_first_and_comes_back_from_there(client, school):
    rows = own_rows(school)
    for number, kind in enumerate(("proof", "note", "message", "reflection")):
        type(rows[kind]).objects.filter(pk=rows[kind].pk).update(hidden_at=NOON + number * hour)
    client.force_login(school.sara)
    page = text_of(client.get("/days/hidden/"))
    assert re.findall("I would have|The day before|The first invoice|Good start", page) == [
        *("I would have", "The day before", "The first invoice"),
    ]
    client.force_login(school.ines)
    assert "Message to Sara Lindqvist" in text_of(client.get("/days/hidden/"))
    for person in ("tom", "henrik", "staff"):
        client.force_login(getattr(school, person))
        assert "Nothing is hidden" in text_of(client.get("/days/hidden/"))
    client.force_login(school.sara)
    response = client.post(own_url("bring_back", rows["note"]), headers=HTMX)
    assert text_of(response) == "Your note is back. See it in its place"
    assert reverse("entry", args=[entry_of(rows["note"]).pk]) in response.content.decode()
    assert "The day before." not in text_of(client.get("/days/hidden/"))


def test_an_instructor_who_sees_a_student_no_more_does_nothing_to_messages_there(client, school):
    message = factories.GoalMessageFactory(student=school.sara, author=school.ines)
    hide(message)
    school.course.instructors.remove(school.ines)
    client.force_login(school.ines)
    assert "Nothing is hidden" in text_of(client.get("/days/hidden/"))
    assert client.post(own_url("bring_back", message)).status_code == 404


def test_what_is_hidden_pages_through_all_four_tables_and_its_number_of_queries_stays(client, school):
    client.force_login(school.sara)
    for number in range(60):
        factory = (factories.DailyNoteFactory, factories.ReflectionFactory)[number % 2]
        hidden_at = NOON + (number // 3) * hour  # three at the same moment
        factory(student=school.sara, content=f"Thought {number:02}.", hidden_at=hidden_at)
        if number == 4:
            few = count_queries(client, "/days/hidden/")
    assert count_queries(client, "/days/hidden/") == few <= 12
    seen, address = [], "/days/hidden/"
    while address:
        page = client.get(address, headers=HTMX).content.decode()
        assert "<html" not in page
        seen += re.findall(r"Thought (\d\d)\.", page)
        more = re.search(r'class="load-more"><a class="button" href="([^"]+)"', page)
        address = more and f"/days/hidden/{more[1]}"
    assert len(seen) == len(set(seen)) == 60
    assert [int(number) // 3 for number in seen] == sorted((int(number) // 3 for number in seen), reverse=True)
    for bad in ("x", "%00~", "2026-03-15~1", "~" * 500):
        assert client.get(f"/days/hidden/?after={bad}").status_code == 400


HIDDEN = {
    "daily_notes": "INSERT INTO daily_notes (student_id, content, hidden_at)"
    " SELECT %s, 'x', now() - n * INTERVAL '1 minute' FROM generate_series(1, 2000) AS n",
    "reflections": "INSERT INTO reflections (student_id, content, hidden_at)"
    " SELECT %s, 'x', now() - n * INTERVAL '1 minute' FROM generate_series(1, 2000) AS n",
    "success_proofs": "INSERT INTO success_proofs (student_id, goal_id, content, hidden_at)"
    " SELECT goals.student_id, goals.id, 'x', now() - n * INTERVAL '1 minute'"
    " FROM goals, generate_series(1, 2000) AS n WHERE student_id = %s",
    "goal_messages": "INSERT INTO goal_messages (author_id, student_id, content, hidden_at)"
    " SELECT %s, id, 'x', now() - n * INTERVAL '1 minute'"
    " FROM profiles, generate_series(1, 2000) AS n WHERE full_name = 'Tom Abara'",
}


@pytest.mark.parametrize("after", [None, "2026-01-01T00:00:00+00:00~00000000-0000-0000-0000-000000000000"])
def test_what_is_hidden_is_read_from_the_indexes_that_the_query_names(school, after):
    factories.GoalFactory(student=school.henrik)
    with connection.cursor() as cursor:
        for rows in HIDDEN.values():
            for person in (school.sara, school.henrik):
                cursor.execute(rows, [person.pk])
        cursor.execute(f"ANALYZE profiles, goals, {', '.join(HIDDEN)}")
    asked = plans_of(lambda: queries.hidden_words(by=school.sara, after=after))
    assert len(asked) == len(WORDS)
    for plan, table in zip(asked, WORDS, strict=True):
        used = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
        assert f"hidden_{table}" in used, (table, json.dumps(plan, indent=1))
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 150


# Answering here


@pytest.mark.parametrize("address", [days_of, day_of])
def test_a_reflection_is_answered_in_the_days_and_nothing_else_moves(client, school, address, clock):
    client.force_login(school.ines)
    client.get(days_of(school.sara))
    clock(NOON + hour)
    asked = factories.ReflectionFactory(student=school.sara, video=school.video, created_at=NOON + hour)
    factories.ReflectionFactory(student=school.sara, created_at=NOON + hour)  # in a course of somebody else
    client.get(days_of(school.sara))
    page = htmx.loaded(client.get(address(school.sara)))
    assert str(page).count('data-answer="pending"') == 1
    url = reverse("answer", args=[asked.pk])
    slot = client.get(f"{url}?row=day", headers=HTMX)
    assert 'name="row" value="day"' in slot.content.decode()
    sent = client.post(url, {"text": "Ask first.", "seen": "", "row": "day"}, headers=HTMX)
    entry = f"entry-{entry_of(asked).pk}"
    assert sent["HX-Retarget"] == f"#{entry}"
    assert "New" in text_of(sent).split()
    page = htmx.swapped(page, sent, htmx.by_id(page, entry))
    if address is days_of:
        part = client.get(days_of(school.sara), headers=HTMX | {"HX-Target": "spoken"})
        page = htmx.swapped(page, part, htmx.by_id(page, "spoken"), how="innerHTML")
    htmx.by_id(page, entry).attributes = [each for each in htmx.by_id(page, entry).attributes if each[0] != "data-sent"]
    assert str(page) == str(htmx.loaded(client.get(address(school.sara))))
    client.force_login(school.sara)
    assert 'data-answer="' not in client.get(address(school.sara)).content.decode()
