"""The pages on which is answered: one reflection, a moment, the inbox; who may, and what bad input gets."""

import datetime
import html
import re
import uuid
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from reflections.answers import answer, version
from reflections.models import Reflection
from tests import factories
from tests.test_pages import text_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def school():
    """A course with an instructor, a co-instructor who also learns there, and three students; and people outside."""
    course = factories.CourseFactory(title="Selling what you make")
    video = factories.VideoFactory(lesson__course=course, title="Whom to ask, and what")
    names = {"sara": "Sara Lindqvist", "tom": "Tom Abara", "ines": "Ines Teixeira", "henrik": "Henrik Solberg"}
    people = {key: factories.ProfileFactory(full_name=name) for key, name in names.items()}
    for key in ("ines", "henrik"):
        factories.CourseInstructorFactory(course=course, instructor=people[key])
    for key in ("sara", "tom", "henrik"):
        factories.EnrollmentFactory(course=course, student=people[key])
    elsewhere = factories.CourseInstructorFactory()
    return SimpleNamespace(
        **people,
        course=course,
        video=video,
        colleague=elsewhere.instructor,
        stranger=factories.EnrollmentFactory(course=elsewhere.course).student,
        staff=factories.StaffFactory(),
        asked=factories.ReflectionFactory(student=people["sara"], video=video, video_timestamp_seconds=130),
        near=factories.ReflectionFactory(student=people["tom"], video=video, voice=True, video_timestamp_seconds=134),
        own=factories.ReflectionFactory(student=people["henrik"], video=video, video_timestamp_seconds=132),
    )


def answer_url(reflection):
    return reverse("answer", args=[reflection.pk])


def entry_of(reflection):
    from timeline.queries import entries_of_reflections

    return entries_of_reflections([reflection.pk])[0]


def said(reflection):
    reflection.refresh_from_db()
    return reflection.instructor_response


# Who may


@pytest.mark.parametrize(
    ("person", "may"),
    [
        ("sara", set()),
        ("tom", set()),
        ("ines", {"asked", "near", "own"}),
        ("henrik", {"asked", "near"}),
        ("colleague", set()),
        ("stranger", set()),
        ("staff", {"asked", "near", "own"}),
    ],
)
def test_each_person_answers_what_is_theirs_to_answer_and_gets_404_for_the_rest(client, school, person, may):
    client.force_login(getattr(school, person))
    for name in ("asked", "near", "own"):
        url = answer_url(getattr(school, name))
        assert client.get(url).status_code == (200 if name in may else 404), name
        assert client.post(url, {"text": "Fine.", "seen": ""}).status_code == (302 if name in may else 404), name
        assert (said(getattr(school, name)) == "Fine.") == (name in may)


@pytest.mark.parametrize(("person", "status"), [("sara", 404), ("ines", 200), ("colleague", 404), ("staff", 200)])
def test_a_moment_is_for_those_who_teach_the_video(client, school, person, status):
    client.force_login(getattr(school, person))
    url = reverse("moment", args=[school.video.pk, 130])
    assert client.get(url).status_code == status
    fields = {"text": "For all.", "reflection": [school.asked.pk], "to": [school.asked.pk]}
    assert client.post(url, fields).status_code == (302 if status == 200 else 404)


def test_nobody_answers_without_logging_in(client, school):
    for url in (answer_url(school.asked), reverse("moment", args=[school.video.pk, 130]), reverse("inbox")):
        assert client.get(url).url.startswith("/login/?next=")
        assert client.post(url, {"text": "Fine."}).url.startswith("/login/?next=")
    assert said(school.asked) is None


def test_the_inbox_shows_each_instructor_their_own(client, school):
    for person, sees in (("ines", True), ("henrik", True), ("staff", True), ("colleague", False), ("sara", False)):
        client.force_login(getattr(school, person))
        page = client.get(reverse("inbox"))
        assert page.status_code == 200
        assert ("I would have asked" in text_of(page)) == sees, person
        header = client.get("/").content.decode().split("</header>")[0]
        assert (reverse("inbox") in header) == (person != "sara")
        assert ('aria-current="page">Inbox' in page.content.decode()) == (person != "sara")


# One reflection


def test_a_page_shows_the_reflection_with_its_media_its_moment_and_a_form(client, school):
    client.force_login(school.ines)
    page = client.get(answer_url(school.near)).content.decode()
    assert "Answer Tom Abara" in page
    assert 'src="https://media.example.org/memo.m4a"' in page
    assert f'href="{reverse("video_journey", args=[school.video.pk])}?t=134"' in page
    assert '<textarea name="text"' in page
    assert "<html" in page
    response = client.get(answer_url(school.near), headers=HTMX)
    assert ("HX-Request" in response["Vary"], "private" in response["Cache-Control"]) == (True, True)
    part = response.content.decode()
    assert part.startswith("<form")
    assert "hx-post" in part
    assert "hx-post" not in page


def test_the_student_sees_the_answer_and_that_it_was_edited(client, school):
    first = answer(school.asked.pk, by=school.ines, text="Ask second.", seen="")
    client.force_login(school.sara)
    days = text_of(client.get(reverse("my_days")))
    assert "Ask second." in days
    assert "edited" not in days
    answer(school.asked.pk, by=school.henrik, text="Ask first.", seen=version(first))
    days = text_of(client.get(reverse("my_days")))
    assert "Henrik Solberg" in days
    assert "edited Ask first." in days
    assert "Edit the answer" not in days


def test_sending_without_javascript_leads_back_to_the_entry(client, school):
    client.force_login(school.ines)
    anchor = f"#entry-{entry_of(school.asked).pk}"
    journey = f"{reverse('video_journey', args=[school.video.pk])}?kind=reflections"
    came = client.get(answer_url(school.asked), headers={"Referer": f"http://testserver{journey}"})
    assert f'name="next" value="{journey}"' in came.content.decode()
    sent = client.post(answer_url(school.asked), {"text": "Fine.", "seen": "", "next": journey})
    assert (sent.status_code, sent.url) == (302, journey + anchor)
    page = client.get(sent.url)
    assert "Your answer to Sara Lindqvist was sent." in text_of(page)
    assert f'data-sent="answer-{school.asked.pk}"' in page.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "\0",
        "http:///x",
        "http://testserver//evil.example/",
        "http://testserver/\\evil.example/",
        "//testserver/\t/evil.example/",
    ],
)
def test_nobody_is_led_to_another_site(client, school, address):
    client.force_login(school.ines)
    place = f"{reverse('video_journey', args=[school.video.pk])}?t=130#entry-{entry_of(school.asked).pk}"
    assert client.post(answer_url(school.asked), {"text": "Fine.", "seen": "", "next": address}).url == place
    page = client.get(f"{answer_url(school.asked)}?next={quote(address)}").content.decode()
    assert f'name="next" value="{place.split("#")[0]}"' in page


def test_a_reflection_without_a_video_leads_back_to_the_students_day(client, school):
    alone = factories.ReflectionFactory(student=school.sara, video=None, video_timestamp_seconds=None)
    client.force_login(school.ines)
    assert client.get(answer_url(alone)).status_code == 200
    sent = client.post(answer_url(alone), {"text": "Fine.", "seen": ""})
    assert sent.url.startswith(reverse("student_days", args=[school.sara.pk]))
    assert "Fine." in text_of(client.get(sent.url))


@pytest.mark.parametrize("row", ["everyone", "one", "day", "goal", "inbox"])
def test_htmx_gets_the_row_as_its_page_draws_it(client, school, row):
    client.force_login(school.ines)
    entry = entry_of(school.asked)
    pages = {
        "everyone": reverse("video_journey", args=[school.video.pk]),
        "one": f"{reverse('video_journey', args=[school.video.pk])}?student={school.sara.pk}",
        "day": reverse("student_days", args=[school.sara.pk]),
    }
    there = HTMX | {"Referer": f"http://testserver{pages.get(row, '/')}"}
    sent = client.post(answer_url(school.asked), {"text": "Fine.", "seen": "", "row": row}, headers=there)
    assert sent.status_code == 200
    assert (sent["HX-Retarget"], sent["HX-Reswap"]) == (f"#entry-{entry.pk}", "outerHTML")
    assert '"name": "Sara Lindqvist"' in sent["HX-Trigger-After-Settle"]
    article = " ".join(sent.content.decode().split())
    assert article.startswith("<article")
    if row in pages:
        article = article.replace(f' data-sent="answer-{school.asked.pk}"', "")
        assert article in " ".join(client.get(pages[row]).content.decode().split())


def test_what_is_not_an_answer_comes_back_with_a_reason_and_its_words(client, school):
    client.force_login(school.ines)
    for text, reason in (
        ("  ", "Write an answer first"),
        ("x" * 20_001, "20,001 characters"),
        ("a\0b", "cannot be kept"),
    ):
        for headers in ({}, HTMX):
            page = client.post(answer_url(school.asked), {"text": text, "seen": ""}, headers=headers)
            assert page.status_code == 422
            assert reason in text_of(page)
            assert text.strip()[:1] in page.content.decode().split("<textarea")[1]
    assert said(school.asked) is None


def test_who_is_second_sees_the_first_answer_and_keeps_their_own_words(client, school):
    client.force_login(school.ines)
    standing = answer(school.asked.pk, by=school.henrik, text="From Henrik.", seen="")
    mine = {"text": "From Ines.", "seen": ""}
    for headers in ({}, HTMX):
        page = client.post(answer_url(school.asked), mine, headers=headers)
        assert page.status_code == 409
        words = text_of(page)
        assert "Henrik Solberg answered while you were writing" in words
        assert "From Henrik." in words
        assert "Replace it with mine Sending… Keep theirs" in words
        assert "From Ines.</textarea>" in page.content.decode()
        assert ("overtaken" in page.headers.get("HX-Trigger-After-Settle", "")) == bool(headers)
        assert f'name="seen" value="{html.escape(version(standing))}"' in page.content.decode()
    assert said(school.asked) == "From Henrik."
    replaced = client.post(answer_url(school.asked), mine | {"seen": version(standing)}, headers=HTMX)
    assert replaced.status_code == 200
    assert said(school.asked) == "From Ines."
    assert "edited" in text_of(replaced)


def test_an_answer_that_was_taken_back_meanwhile_is_a_conflict_too(client, school):
    first = answer(school.asked.pk, by=school.ines, text="Too quick.", seen="")
    Reflection.objects.filter(pk=school.asked.pk).update(
        instructor_response=None, responded_at=None, responded_by=None, response_edited_at=None
    )
    client.force_login(school.henrik)
    page = client.post(answer_url(school.asked), {"text": "Better.", "seen": version(first)})
    assert page.status_code == 409
    assert "withdrawn in the meantime" in text_of(page)
    assert client.post(answer_url(school.asked), {"text": "Better.", "seen": ""}).status_code == 302


def test_a_double_click_is_one_answer(client, school):
    client.force_login(school.ines)
    for _ in range(3):
        assert client.post(answer_url(school.asked), {"text": "Fine.", "seen": ""}).status_code == 302
    school.asked.refresh_from_db()
    assert school.asked.response_edited_at is None


def test_what_was_hidden_or_deleted_while_somebody_wrote_is_not_found(client, school):
    client.force_login(school.ines)
    Reflection.objects.filter(pk=school.asked.pk).update(hidden_at=timezone.now())
    Reflection.objects.filter(pk=school.near.pk).delete()
    for reflection in (school.asked, school.near):
        assert client.post(answer_url(reflection), {"text": "Fine.", "seen": ""}).status_code == 404


BAD = [
    {},
    {"seen": "yesterday", "text": ""},
    {"text": "Fine.", "seen": "x" * 5_000},
    {"text": ["a", "b"], "seen": ["", "x"], "row": ["../base", "day"]},
    {"text": "\ufffe\u202e", "seen": "\0", "row": "\0", "next": "\r\nSet-Cookie: x=1"},
]


@pytest.mark.parametrize("fields", BAD)
def test_bad_input_is_never_an_error_of_ours(client, school, fields):
    client.force_login(school.ines)
    for headers in ({}, HTMX):
        assert client.post(answer_url(school.asked), fields, headers=headers).status_code in (302, 409, 422)
    body = b"text=%FF%FE%00&seen=%C3%28&row=%80&next=%ff"
    url = answer_url(school.near)
    assert client.post(url, body, content_type="application/x-www-form-urlencoded").status_code == 422
    assert client.post(url, b'{"text": 1}', content_type="application/json").status_code == 422
    assert client.post(url, b"--", content_type="multipart/form-data; boundary=x").status_code in (400, 422)
    assert said(school.near) is None


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(client, school, method):
    client.force_login(school.ines)
    assert getattr(client, method)(answer_url(school.asked)).status_code == 405


def test_a_huge_body_is_refused_in_words(client, school):
    client.force_login(school.ines)
    response = client.post(answer_url(school.asked), {"text": "x" * 3_000_000, "seen": ""})
    assert response.status_code == 400
    assert "too large" in text_of(response)
    assert said(school.asked) is None


def test_htmx_is_sent_to_the_log_in_as_a_page_and_back_to_where_it_was(client, school):
    headers = HTMX | {"HX-Current-URL": "http://testserver/inbox/?course=1"}
    response = client.post(answer_url(school.asked), {"text": "Fine."}, headers=headers)
    assert (response.status_code, response["HX-Redirect"]) == (200, "/login/?next=/inbox/%3Fcourse%3D1&refused=1")
    for elsewhere in ("https://evil.example/", "http://[", "inbox/", ""):
        headers = HTMX | {"HX-Current-URL": elsewhere}
        assert client.get(answer_url(school.asked), headers=headers)["HX-Redirect"] == "/login/?next=/", elsewhere


def test_a_form_of_an_earlier_log_in_is_refused_in_words(school):
    client = Client(enforce_csrf_checks=True)
    client.force_login(school.ines)
    for headers in ({}, HTMX):
        response = client.post(answer_url(school.asked), {"text": "Fine.", "seen": ""}, headers=headers)
        assert response.status_code == 403
        assert "Nothing was saved" in text_of(response)
    assert said(school.asked) is None


# Where it is offered


def test_answering_is_offered_to_those_who_may_and_to_nobody_else(client, school):
    journey = reverse("video_journey", args=[school.video.pk])
    client.force_login(school.henrik)
    page = client.get(journey).content.decode()
    assert answer_url(school.asked) in page
    assert answer_url(school.own) not in page
    answer(school.asked.pk, by=school.ines, text="Fine.", seen="")
    assert "Edit the answer to Sara Lindqvist" in text_of(client.get(journey))
    days = reverse("student_days", args=[school.sara.pk])
    assert answer_url(school.asked) in client.get(days).content.decode()
    foreign = factories.ReflectionFactory(student=school.sara)
    page = client.get(days).content.decode()
    assert str(entry_of(foreign).pk) in page
    assert answer_url(foreign) not in page


# A moment


def send(client, school, second=130, **fields):
    return client.post(reverse("moment", args=[school.video.pk, second]), fields)


def test_a_moment_shows_all_that_wait_there_ticked_with_their_media(client, school):
    client.force_login(school.ines)
    page = client.get(reverse("moment", args=[school.video.pk, 131])).content.decode()
    assert "2:10\u20132:14" in page
    assert page.count('name="to"') == page.count(" checked") == 3
    assert "memo.m4a" in page
    client.force_login(school.henrik)
    assert client.get(reverse("moment", args=[school.video.pk, 131])).content.decode().count('name="to"') == 2


def test_one_answer_goes_to_all_who_are_ticked_and_an_own_one_to_whom_it_is_for(client, school):
    client.force_login(school.ines)
    ids = [school.asked.pk, school.near.pk, school.own.pk]
    fields = {"reflection": ids, "to": ids[:2], "text": "For both.", f"text-{school.near.pk}": "For you, Tom."}
    response = send(client, school, **fields, next="/inbox/")
    assert (response.status_code, response.url) == (302, "/inbox/")
    assert "sent to 2 students" in text_of(client.get("/inbox/"))
    assert [said(each) for each in (school.asked, school.near, school.own)] == ["For both.", "For you, Tom.", None]


def test_what_others_answered_meanwhile_is_told_apart_and_the_rest_is_sent(client, school):
    client.force_login(school.ines)
    standing = answer(school.near.pk, by=school.henrik, text="From Henrik.", seen="")
    ids = [school.asked.pk, school.near.pk]
    page = send(client, school, reflection=[*ids, school.own.pk], to=ids, text="For both.")
    assert page.status_code == 409
    words = text_of(page)
    assert "Sent to 1 student. 1 was answered by somebody else" in words
    assert "From Henrik." in words
    assert "Sara Lindqvist" not in words
    assert "Replace that answer with mine" in words
    assert "For both.</textarea>" in page.content.decode()
    assert " checked" not in page.content.decode()
    assert [said(school.asked), said(school.near)] == ["For both.", "From Henrik."]
    again = {"reflection": ids[1], "to": ids[1], f"text-{ids[1]}": "For both.", f"seen-{ids[1]}": version(standing)}
    assert send(client, school, **again).status_code == 302
    assert said(school.near) == "For both."


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": "For all."}, "Tick at least one student."),
        ({"text": " ", "to": "asked near"}, "Write an answer first."),
        ({"text": "x" * 20_001, "to": "asked"}, "20,001 characters"),
        ({"text": "For all.", "to": "asked near", "near": "y" * 20_002}, "20,002 characters"),
    ],
)
def test_a_moment_with_something_missing_sends_nothing_and_keeps_all_words(client, school, fields, reason):
    client.force_login(school.ines)
    ids = {"asked": school.asked.pk, "near": school.near.pk}
    sent = {"reflection": [*ids.values()], "to": [ids[name] for name in fields.get("to", "").split()]}
    sent |= {"text": fields["text"], f"text-{school.near.pk}": fields.get("near", "Mine.")}
    page = send(client, school, **sent)
    assert page.status_code == 422
    assert reason in text_of(page)
    assert "Answer together at 2:10–2:14" in text_of(page)
    assert fields.get("near", "Mine.") in page.content.decode()
    assert fields["text"].strip() in page.content.decode()
    assert [said(school.asked), said(school.near)] == [None, None]


def test_a_moment_is_a_page_whoever_asks(client, school):
    client.force_login(school.ines)
    address = reverse("moment", args=[school.video.pk, 130])
    for ask, status in ((client.get, 200), (client.post, 422)):
        assert ask(address, headers={"HX-Request": "true", "HX-Target": "entries"}).status_code == status


def test_an_own_answer_can_begin_with_the_common_one_without_javascript(client, school):
    client.force_login(school.ines)
    page = send(
        client, school, reflection=[school.asked.pk], to=[school.asked.pk], text="Common.", copy=school.asked.pk
    )
    assert page.status_code == 200
    assert page.content.decode().count("Common.</textarea>") == 2
    assert said(school.asked) is None


def test_words_for_what_was_hidden_meanwhile_are_kept(client, school):
    client.force_login(school.ines)
    Reflection.objects.filter(pk=school.near.pk).update(hidden_at=timezone.now())
    ids = [school.asked.pk, school.near.pk]
    own = {f"text-{school.near.pk}": "For you,\nTom."}
    page = send(client, school, reflection=[*ids, school.own.pk], to=ids, text="For both.", **own)
    assert page.status_code == 409
    assert "Sent to 1 student. What you answered was hidden or deleted while you were writing." in text_of(page)
    assert "For you, Tom." in text_of(page)
    assert [said(school.asked), said(school.near)] == ["For both.", None]
    # The next thing that is sent from that page does not throw them away either.
    again = send(client, school, reflection=school.own.pk, lost="For you,\nTom.", text="")
    assert "For you, Tom." in text_of(again)
    alone = send(client, school, reflection=ids[1], to=ids[1], text="For nobody.")
    assert (alone.status_code, said(school.near)) == (422, None)
    assert "For nobody." in text_of(alone)


def test_words_for_one_moment_are_kept_apart_from_those_for_another(client, school):
    factories.ReflectionFactory(video=school.video, video_timestamp_seconds=300)
    client.force_login(school.ines)
    drafts = [
        re.findall(r'data-draft="([^"]+)"', client.get(reverse("moment", args=[school.video.pk, at])).content.decode())
        for at in (130, 300)
    ]
    assert all(drafts)
    assert drafts[0] != drafts[1]
    send(client, school, reflection=[school.asked.pk], to=[school.asked.pk], text="For all.")
    assert f'data-sent="{drafts[0][0]}"' in client.get(reverse("inbox")).content.decode()


def test_what_is_not_theirs_to_answer_is_left_out_of_a_moment(client, school):
    foreign = factories.ReflectionFactory()
    client.force_login(school.henrik)
    ids = [school.asked.pk, school.own.pk, foreign.pk, uuid.uuid4()]
    assert send(client, school, reflection=ids, to=ids, text="For all.").status_code == 302
    assert [said(each) for each in (school.asked, school.own, foreign)] == ["For all.", None, None]
    assert send(client, school, reflection="nobody", text="For all.").status_code == 400
    assert send(client, school, reflection=[uuid.uuid4() for _ in range(51)], text="x").status_code == 400
    assert send(client, school).status_code == 422


def test_a_moment_where_nobody_waits_any_more_says_so(client, school):
    client.force_login(school.ines)
    page = client.get(reverse("moment", args=[school.video.pk, 500]))
    assert page.status_code == 200
    assert "Nobody is waiting here" in text_of(page)
    length = school.video.duration_seconds
    for second in (length, 99_999, 99_999_999_999_999_999_999):
        assert client.get(f"/videos/{school.video.pk}/moments/{second}/").status_code == 404
    # Somebody waits where the video went on before it was made shorter.
    factories.ReflectionFactory(student=school.sara, video=school.video, video_timestamp_seconds=length)
    assert client.get(reverse("moment", args=[school.video.pk, length])).status_code == 200


def test_a_large_moment_is_answered_fifty_at_a_time(client, school):
    for _ in range(58):
        factories.ReflectionFactory(video=school.video, video_timestamp_seconds=133)
    client.force_login(school.ines)
    url = reverse("moment", args=[school.video.pk, 130])
    page = client.get(url)
    assert "61 reflections are waiting here. These are the first 50; 11 more" in text_of(page)
    ids = re.findall(r'name="to" value="([^"]+)"', page.content.decode())
    assert len(ids) == 50
    nothing_said = send(client, school, reflection=ids, to=ids, text="", more="1").content.decode()
    assert 'name="more" value="1"' in nothing_said
    response = send(client, school, reflection=ids, to=ids, text="For all.", more="1")
    rest = client.get(response.url)
    assert "sent to 50 students" in text_of(rest)
    assert "11 reflections are waiting here." in text_of(rest)


def test_a_moment_of_many_takes_no_more_queries_than_one_of_few(client, school):
    client.force_login(school.ines)
    url = reverse("moment", args=[school.video.pk, 130])
    few = count_queries(client, url)
    for _ in range(30):
        factories.ReflectionFactory(video=school.video, video_timestamp_seconds=133)
    assert count_queries(client, url) == few <= 16


# The inbox


def test_the_inbox_groups_by_moment_and_leads_to_the_next_without_javascript(client, school):
    last = factories.ReflectionFactory(video=school.video, video_timestamp_seconds=300, content="The last.")
    client.force_login(school.ines)
    page = client.get(reverse("inbox"))
    assert "2 more at 2:10\u20132:14" in text_of(page)
    assert "Answer all 3 together" in text_of(page)
    assert "Inbox 4 waiting" in text_of(page)
    first, second = re.findall(r'data-answer="pending"', page.content.decode()), entry_of(last)
    assert len(first) == 2
    link = html.unescape(re.search(r'<a class="button small" href="([^"]+)"', page.content.decode())[1])
    form = client.get(link).content.decode()
    back = html.unescape(re.search(r'name="next" value="([^"]*)"', form)[1])
    assert client.post(link, {"text": "Fine.", "seen": "", "next": back}).url == f"/inbox/#entry-{second.pk}"


@pytest.mark.parametrize("address", ["/inbox/", "/"])
def test_inbox_and_home_say_in_whose_days_reflections_on_no_video_wait(client, school, address):
    for student, number in ((school.sara, 2), (school.tom, 1), (school.stranger, 1), (school.henrik, 1)):
        factories.ReflectionFactory.create_batch(number, student=student, video=None, video_timestamp_seconds=None)
    said = "Reflections without a video, and so without a course, are waiting in the days of"
    for person, words in (
        ("ines", "Sara Lindqvist (2), Tom Abara (1), Henrik Solberg (1)."),
        ("henrik", "Sara Lindqvist (2), Tom Abara (1)."),
        ("colleague", f"{school.stranger} (1)."),
        ("sara", None),
    ):
        client.force_login(getattr(school, person))
        page = client.get(address)
        assert (f"{said} {words}" in text_of(page)) if words else (said not in text_of(page)), person
    client.force_login(school.colleague)
    for empty in ("Every reflection in your courses has been answered", "No courses yet"):
        assert empty not in text_of(client.get(address))
    days = client.get(f"{reverse('student_days', args=[school.stranger.pk])}?waiting=1")
    assert days.text.count('data-answer="pending"') == 1


@pytest.mark.parametrize("address", ["/inbox/", "/"])
def test_inbox_and_home_say_how_many_reflections_on_no_video_were_looked_through(client, school, address, monkeypatch):
    for name in ("timeline.queries.ALONE_LIMIT", "timeline.queries.waiting.ALONE_LIMIT"):
        monkeypatch.setattr(name, 2)
    client.force_login(school.ines)
    alone = {"student": school.sara, "video": None, "video_timestamp_seconds": None}
    factories.ReflectionFactory(**alone)
    assert "Looked through" not in text_of(client.get(address))
    factories.ReflectionFactory.create_batch(2, **alone)
    said = "Sara Lindqvist (2). Only the 2 that have waited longest were looked through."
    assert said in text_of(client.get(address))


def test_the_inbox_of_one_course_has_nothing_of_another(client, school):
    other = factories.CourseInstructorFactory(instructor=school.ines, course__title="Another").course
    factories.ReflectionFactory(video=factories.VideoFactory(lesson__course=other), content="In another.")
    client.force_login(school.ines)
    assert "In another." in text_of(client.get("/inbox/"))
    page = text_of(client.get(f"/inbox/?course={school.course.pk}"))
    assert "In another." not in page
    assert "I would have asked" in page
    foreign = factories.CourseFactory()
    for course in (foreign.pk, "x", uuid.uuid4()):
        assert client.get(f"/inbox/?course={course}").status_code == 404
    for bad in ("after=x", "after=%00~", "after=2026-03-15~1"):
        assert client.get(f"/inbox/?{bad}").status_code == 400


def test_the_inbox_pages_and_its_number_of_queries_stays(client, school):
    client.force_login(school.ines)
    few = count_queries(client, "/inbox/")
    for number in range(45):
        factories.ReflectionFactory(
            video=school.video, video_timestamp_seconds=200 + 8 * number, content=f"Question {number:02}."
        )
    assert count_queries(client, "/inbox/") <= few <= 16
    seen, address = [], "/inbox/"
    while address:
        page = html.unescape(client.get(address, headers=HTMX).content.decode())
        assert "<html" not in page
        seen += re.findall(r"Question (\d\d)\.", page)
        more = re.search(r'class="load-more"><a class="button" href="([^"]+)"', page)
        address = more and f"/inbox/{more[1]}"
    assert seen == sorted(seen)
    assert len(seen) == 45


def test_what_an_inbox_leaves_out_it_says(client, school, monkeypatch):
    from timeline import queries
    from timeline.queries import waiting

    factories.CourseInstructorFactory(instructor=school.ines, course__title="Another")
    monkeypatch.setattr(waiting, "COUNT_LIMIT", 2)
    monkeypatch.setattr(waiting, "LEAST_OF_A_COURSE", 2)
    client.force_login(school.ines)
    page = text_of(client.get("/inbox/"))
    assert "These are the 2 that have waited longest" in page
    assert "2+ waiting" in page
    assert "first 500 courses" not in page
    monkeypatch.setattr(queries, "INBOX_COURSES", 1)
    for address in ("/", "/inbox/"):
        assert re.search(r"first 1 courses by title", text_of(client.get(address)))
    page = text_of(client.get(f"/inbox/?course={school.course.pk}"))
    assert "I would have asked" in page


def test_the_number_that_waits_is_asked_for_alone(client, school):
    client.force_login(school.ines)
    for address in ("/", "/inbox/"):
        part = client.get(address, headers=HTMX | {"HX-Target": "waiting-count"})
        assert text_of(part) == "3 waiting"


def test_the_inbox_says_how_long_each_has_waited(client, school):
    month = timezone.now() - datetime.timedelta(days=32)
    factories.ReflectionFactory(video=school.video, video_timestamp_seconds=9, created_at=month)
    client.force_login(school.ines)
    waits = re.findall(r">waiting ([^<]+)<", client.get("/inbox/").content.decode())
    assert [wait.replace("\xa0", " ") for wait in waits[:2]] == ["1 month", "less than a minute"]


def test_an_empty_inbox_says_that_nobody_waits(client, school):
    client.force_login(school.colleague)
    assert "Nobody is waiting" in text_of(client.get("/inbox/"))


def count_queries(client, address):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)
