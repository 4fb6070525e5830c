"""Invitation links: who makes and ends them, what whoever has one sees, and how they join by their own act."""

import datetime
import re
import threading
import uuid
from functools import partial
from types import SimpleNamespace

import pytest
from axes.models import AccessAttempt
from django.db import OperationalError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from config.links import SecretLinks
from config.log import without_secrets
from courses import inviting
from courses.models import Course, CourseInstructor, Enrollment, Invitation
from privacy.erasure import erase
from privacy.holdings import holdings
from profiles import throttling
from profiles.models import Profile
from tests import factories
from tests.plans import nodes, plans_of
from tests.test_pages import text_of
from tests.threads import at_once
from timeline.models import DAY_ZONE, Activity

pytestmark = pytest.mark.django_db

PASSWORD = "a plumber's logo"
ANOTHER = {"password": "another one entirely", "password_again": "another one entirely"}
DAY = datetime.timedelta(days=1)
NOWHERE = "It may be incomplete, or has ended or expired."


@pytest.fixture
def school():
    """A closed course with a link, and six kinds of people."""
    course = factories.CourseFactory(title="Selling what you make", open_for_enrolment=False)
    instructor = factories.CourseInstructorFactory(course=course, instructor__full_name="Ines Teixeira").instructor
    return SimpleNamespace(
        course=course,
        instructor=instructor,
        link=inviting.invite(course, by=instructor),
        student=factories.EnrollmentFactory(course=course).student,
        left=factories.EnrollmentFactory(course=course, left_at=timezone.now()).student,
        stranger=factories.ProfileFactory(full_name="Sara Lindqvist", email="sara@example.org", password=PASSWORD),
        other=factories.CourseInstructorFactory().instructor,
        staff=factories.StaffFactory(),
    )


def address_of(link):
    return reverse("invitation", args=[inviting.token(link)])


def page_of(course):
    return reverse("course", args=[course.pk])


def form_of(**changes):
    filled = {"full_name": "Nia Boateng", "email": "nia@example.org", "password": PASSWORD, "password_again": PASSWORD}
    return filled | changes


def is_in(course, **who):
    return Enrollment.objects.filter(course=course, left_at=None, student__in=Profile.objects.filter(**who)).exists()


# Made and ended


@pytest.mark.parametrize("person", ["student", "left", "instructor", "stranger", "other", "staff"])
def test_only_who_teaches_the_course_sees_makes_and_ends_its_link(client, school, person):
    client.force_login(getattr(school, person))
    may = person in ("instructor", "staff")
    assert (inviting.token(school.link) in client.get(page_of(school.course)).text) == may
    act = reverse("course_invitation", args=[school.course.pk])
    assert client.get(act).status_code == 405
    made = client.post(act, {"days": "7", "seen": school.link.pk})
    assert made.status_code == (302 if may else 404)
    assert Invitation.objects.filter(pk=school.link.pk).exists() != may
    there = Invitation.objects.get()
    assert client.post(act, {"end": "1", "seen": there.pk}).status_code == (302 if may else 404)
    assert Invitation.objects.exists() != may


def test_nobody_makes_a_link_without_logging_in(client, school):
    act = reverse("course_invitation", args=[school.course.pk])
    assert client.post(act, {"days": "7", "seen": school.link.pk}).url.startswith("/login/")
    assert Invitation.objects.get() == school.link


@pytest.mark.parametrize("days", inviting.DAYS)
def test_a_link_is_made_for_so_many_days_renewed_and_ended_on_the_page_of_the_course(client, school, days):
    Invitation.objects.all().delete()
    client.force_login(school.instructor)
    assert "There is none now." in text_of(client.get(page_of(school.course)))
    act = reverse("course_invitation", args=[school.course.pk])
    made = client.post(act, {"days": days, "seen": ""}, follow=True)
    first = Invitation.objects.get()
    last_day = timezone.localdate() + days * DAY
    assert first.last_day == last_day
    assert timezone.localtime(first.expires_at, DAY_ZONE).date() == last_day + DAY
    assert f"It works until the end of {last_day:%-d %B %Y} . Nobody has joined with it so far." in text_of(made)
    assert "Ines Teixeira made it on" in text_of(made)
    assert f'readonly value="http://testserver{address_of(first)}"' in made.text
    again = client.post(act, {"days": days, "seen": first.pk}, follow=True)
    second = Invitation.objects.get()
    assert "the old one has ended" in text_of(again)
    assert [client.get(address_of(each)).status_code for each in (first, second)] == [404, 200]
    ended = client.post(act, {"end": "1", "seen": second.pk}, follow=True)
    assert "The link has ended" in text_of(ended)
    assert "There is none now." in text_of(ended)
    assert client.get(address_of(second)).status_code == 404


def test_instead_of_a_link_that_has_expired_another_is_made(client, school):
    Invitation.objects.update(expires_at=timezone.now())
    client.force_login(school.instructor)
    assert "There is none now." in text_of(client.get(page_of(school.course)))
    client.post(reverse("course_invitation", args=[school.course.pk]), {"days": 7, "seen": ""})
    assert inviting.invitation_to(school.course) == Invitation.objects.get() != school.link


def test_a_form_that_saw_another_link_changes_nothing_and_says_so(client, school):
    client.force_login(school.instructor)
    act = reverse("course_invitation", args=[school.course.pk])
    for form in ({"days": 7, "seen": ""}, {"days": 7, "seen": uuid.uuid4()}, {"end": "1", "seen": uuid.uuid4()}):
        assert "Nothing was changed" in text_of(client.post(act, form, follow=True))
        assert Invitation.objects.get() == school.link


def test_who_presses_twice_makes_one_link_renews_it_once_and_is_told_that_it_has_ended(client, school):
    Invitation.objects.all().delete()
    client.force_login(school.instructor)
    act = reverse("course_invitation", args=[school.course.pk])
    seen = ""
    for words in ("The link is ready to be shared", "There is a new link now"):
        made = set()
        for _ in range(2):
            assert words in text_of(client.post(act, {"days": 7, "seen": seen}, follow=True))
            made.add(Invitation.objects.get().pk)
        (seen,) = made
    Invitation.objects.update(created_at=timezone.now() - datetime.timedelta(minutes=1))
    assert "Nothing was changed" in text_of(client.post(act, {"days": 7, "seen": ""}, follow=True))
    for _ in range(2):
        assert "The link has ended" in text_of(client.post(act, {"end": "1", "seen": seen}, follow=True))
    assert not Invitation.objects.exists()


def test_nobody_ends_the_link_of_another_course_through_their_own(client, school):
    own = Course.objects.get(instructors=school.other)
    inviting.invite(own, by=school.other)
    client.force_login(school.other)
    act = reverse("course_invitation", args=[own.pk])
    for form in ({"days": 7}, {"end": "1"}):
        assert "Nothing was changed" in text_of(client.post(act, form | {"seen": school.link.pk}, follow=True))
    assert inviting.invitation_to(school.course) == school.link


@pytest.mark.parametrize(
    "form", [{}, {"days": "8"}, {"days": "x\0"}, {"days": "7", "seen": "x"}, {"end": "", "seen": 7}]
)
def test_a_form_that_makes_no_sense_gets_a_sentence(client, school, form):
    client.force_login(school.instructor)
    response = client.post(reverse("course_invitation", args=[school.course.pk]), form)
    assert response.status_code == 400
    assert "7 or 30 or 90 days" in response.text
    assert Invitation.objects.get() == school.link


# Opened


def test_a_link_says_what_it_leads_into_and_who_will_see_what_and_is_kept_secret(client, school):
    for person in (None, school.stranger, school.left):
        if person:
            client.force_login(person)
        page = client.get(address_of(school.link))
        words = text_of(page)
        assert page.status_code == 200
        assert "Join Selling what you make Taught by Ines Teixeira" in words
        assert "Its instructors see all your days and goals" in words
        assert "in this course and every other one" in words
        assert ("Create an account and join" in words) == (person is None)
        assert ("Join the course" in words) == (person is not None)
        assert page["Referrer-Policy"] == "same-origin"
        assert "noindex" in page["X-Robots-Tag"]
        assert {"private", "no-store"} <= set(page["Cache-Control"].split(", "))
        assert "@" not in page.text[page.text.index("<main") :]
    assert Enrollment.objects.filter(student=school.stranger).count() == 0


def test_instructors_without_a_name_are_not_told_by_their_address(client, school):
    factories.CourseInstructorFactory(course=school.course, instructor__full_name="")
    factories.CourseInstructorFactory(course=school.course, instructor__full_name="Tom Abara")
    closed = factories.CourseInstructorFactory(course=school.course, instructor__full_name="Gone Away").instructor
    Profile.objects.filter(pk=closed.pk).update(is_active=False)
    page = client.get(address_of(school.link))
    assert "Taught by Ines Teixeira and Tom Abara Who" in " ".join(text_of(page).replace("Who will", "Who").split())
    assert "example.org" not in page.text


@pytest.mark.parametrize(
    "how", ["end", "renew", "expire", "no instructor", "other course", "closed", "erase", "course"]
)
def test_what_ends_a_link_ends_it_at_once_for_reading_and_for_joining(client, school, how):
    address = address_of(school.link)
    assert client.get(address).status_code == 200
    match how:
        case "end":
            assert inviting.end_invitation(school.course, school.link.pk)
        case "renew":
            assert inviting.invite(school.course, by=school.staff, instead_of=school.link.pk)
        case "expire":
            Invitation.objects.update(expires_at=timezone.now())
        case "no instructor":
            CourseInstructor.objects.filter(course=school.course).delete()
        case "other course":
            CourseInstructor.objects.filter(course=school.course).update(course=factories.CourseFactory())
        case "closed":
            Profile.objects.filter(pk=school.instructor.pk).update(is_active=False)
        case "erase":
            erase(school.instructor)
            assert not Invitation.objects.exists()
        case "course":
            Course.objects.filter(pk=school.course.pk).delete()
            assert not Invitation.objects.exists()
    for person in (None, school.stranger):
        if person:
            client.force_login(person)
        for response in (client.get(address), client.post(address, {"join": "1"}), client.post(address, form_of())):
            assert response.status_code == 404
            assert NOWHERE in text_of(response)
    assert not is_in(school.course, email="nia@example.org")
    assert not Enrollment.objects.filter(student=school.stranger).exists()


def test_every_link_that_is_none_gets_the_same_page(client, school):
    token = inviting.token(school.link)
    story = SecretLinks("goals.sharing").token(school.link.link)
    wrong = [
        token[:-1],
        token[1:],
        token.partition(".")[0],
        token.upper(),
        f"{token}x",
        "x",
        "x\0",
        str(school.link.pk),
    ]
    seen = {
        re.sub(r'csrftoken": "\w+"', "", client.get(reverse("invitation", args=[text])).text)
        for text in [*wrong, story]
    }
    assert len(seen) == 1
    assert NOWHERE in seen.pop()
    with connection.cursor() as cursor:
        cursor.execute("SELECT course_invitations::text FROM course_invitations")
        assert token.partition(".")[2] not in cursor.fetchone()[0]
    assert len(token.partition(".")[0]) * 4 == 128


# Joined with an account


def test_whoever_agrees_is_enrolled_by_their_own_act_as_by_the_catalogue(client, school):
    client.force_login(school.stranger)
    address = address_of(school.link)
    for _ in range(2):
        joined = client.post(address, {"join": "1"}, follow=True)
        assert "You are enrolled in Selling what you make" in text_of(joined)
        assert joined.redirect_chain == [(page_of(school.course), 302)]
    entries = Activity.objects.filter(student=school.stranger, activity_type="course_enrollment")
    assert entries.count() == 1
    assert Invitation.objects.get().joined == 1
    back = client.get(address, follow=True)
    assert back.redirect_chain == [(page_of(school.course), 302)]
    assert "You are in Selling what you make already" in text_of(back)
    client.force_login(school.instructor)
    assert "It has been used once so far." in text_of(client.get(page_of(school.course)))


def test_who_left_comes_back_by_a_link_to_what_they_did(client, school):
    before = Enrollment.objects.get(student=school.left)
    client.force_login(school.left)
    client.post(address_of(school.link), {"join": "1"})
    again = Enrollment.objects.get(student=school.left)
    assert (again.pk, again.enrolled_at, again.left_at) == (before.pk, before.enrolled_at, None)
    Enrollment.objects.filter(pk=again.pk).update(left_at=timezone.now())
    client.post(address_of(school.link), {"join": "1"})
    client.force_login(school.instructor)
    told = text_of(client.get(page_of(school.course)))
    assert "It has been used 2 times so far." in told, "which was one person"


@pytest.mark.parametrize("person", ["instructor", "staff"])
def test_who_teaches_the_course_is_told_so_and_joins_by_no_accident(client, school, person):
    client.force_login(getattr(school, person))
    page = client.get(address_of(school.link))
    assert "This is what people with the link see." in text_of(page)
    assert 'name="join"' not in page.text
    assert "so you cannot join it" in text_of(client.post(address_of(school.link), {"join": "1"}, follow=True))
    assert not Enrollment.objects.filter(student=getattr(school, person)).exists()


def test_an_instructor_of_another_course_joins_as_anybody(client, school):
    client.force_login(school.other)
    client.post(address_of(school.link), {"join": "1"})
    assert is_in(school.course, pk=school.other.pk)


def test_the_log_in_leads_back_to_the_link_and_nobody_joins_by_logging_in(client, school):
    page = client.get(address_of(school.link))
    log_in = re.search(r'href="(/login/[^"]+)"', page.text)[1]
    back = client.post(log_in, {"username": "Sara@Example.org", "password": PASSWORD, "next": address_of(school.link)})
    assert back["Location"] == address_of(school.link)
    assert "Join as Sara Lindqvist" in text_of(client.get(back["Location"]))
    assert not Enrollment.objects.filter(student=school.stranger).exists()


def test_who_was_logged_out_meanwhile_logs_in_and_comes_back(client, school):
    gone = client.post(address_of(school.link), {"join": "1"})
    assert gone["Location"] == f"/login/?next={address_of(school.link)}&refused=1"


def test_a_form_of_somebody_else_enrols_nobody(client, school):
    """A sign-up that was written before another person logged in here."""
    client.force_login(school.stranger)
    assert client.post(address_of(school.link), form_of())["Location"] == address_of(school.link)
    assert not Enrollment.objects.filter(student=school.stranger).exists()
    assert not Profile.objects.filter(email="nia@example.org").exists()


def test_a_form_without_an_address_is_not_that_of_somebody_who_has_none(client, school):
    client.force_login(school.stranger)
    Profile.objects.filter(pk=school.stranger.pk).update(email=None)
    for form in ({}, form_of(email="")):
        assert client.post(address_of(school.link), form)["Location"] == address_of(school.link)
    assert not Enrollment.objects.filter(student=school.stranger).exists()


def test_nobody_is_enrolled_by_another_site(school):
    client = Client(enforce_csrf_checks=True)
    client.force_login(school.stranger)
    assert client.post(address_of(school.link), {"join": "1"})["Location"] == address_of(school.link)
    assert not Enrollment.objects.filter(student=school.stranger).exists()


# Joined with a new account


def test_an_account_is_made_logged_in_and_enrolled_at_once(client, school):
    made = client.post(
        address_of(school.link), form_of(email="\u200b NIA@Example\u00ad.org", full_name=" Nia  Boateng "), follow=True
    )
    assert "Your account is ready, and you are enrolled in Selling what you make" in text_of(made)
    nia = Profile.objects.get(email="nia@example.org")
    assert (nia.full_name, nia.is_staff, nia.is_superuser, nia.is_active) == ("Nia Boateng", False, False, True)
    assert nia.check_password(PASSWORD)
    assert client.session["_auth_user_id"] == str(nia.pk)
    assert Activity.objects.get(student=nia).activity_type == "course_enrollment"
    assert Invitation.objects.get().joined == 1


def test_whoever_knew_the_session_of_before_is_not_logged_in_with_the_new_account(client, school):
    session = client.session
    session["known"] = True
    session.save()
    known = client.cookies["sessionid"].value
    client.post(address_of(school.link), form_of())
    assert "_auth_user_id" in client.session
    client.cookies["sessionid"] = known
    assert "_auth_user_id" not in client.session


def test_a_name_is_kept_without_what_nobody_sees_in_it_and_what_turns_the_text_after_it(client, school):
    name = "\ufeffNia\u202e  Boa\u00adteng\x07, क\u200dष"
    client.post(address_of(school.link), form_of(full_name=name))
    assert Profile.objects.get(email="nia@example.org").full_name == "Nia Boateng, क\u200dष"


def test_a_form_that_is_sent_twice_ends_in_the_course(client, school):
    other_browser = Client()  # what a double click is, whose second request knows of no answer to the first
    for each in (client, client, other_browser):
        response = each.post(address_of(school.link), form_of(), follow=True)
        assert response.redirect_chain == [(page_of(school.course), 302)]
    assert Profile.objects.filter(email="nia@example.org").count() == 1
    assert Enrollment.objects.filter(student__email="nia@example.org").count() == 1
    assert Invitation.objects.get().joined == 1


def test_a_form_of_before_the_log_in_that_is_sent_once_more_leads_on(school):
    """As by the way back to a form that had come back with errors: its token is not the session's any more."""
    client = Client(enforce_csrf_checks=True)
    address = address_of(school.link)
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', client.get(address).text)[1]
    form = form_of(csrfmiddlewaretoken=token)
    assert client.post(address, form)["Location"] == page_of(school.course)
    assert client.post(address, form)["Location"] == address
    assert client.get(address)["Location"] == page_of(school.course)
    stale = {"csrfmiddlewaretoken": token, "username": "sara@example.org", "password": PASSWORD}
    assert client.post(f"/login/?next={address}", stale)["Location"] == f"/login/?next={address}"
    assert client.post("/logout/", {"csrfmiddlewaretoken": token}).status_code == 403
    assert Client(enforce_csrf_checks=True).post(address, form).status_code == 403


def test_an_address_that_has_an_account_is_told_to_log_in_and_come_back(client, school):
    response = client.post(address_of(school.link), form_of(email="SARA@example.org", **ANOTHER))
    assert response.status_code == 422
    assert "There is already an account with this address. Log in with it" in text_of(response)
    assert f'href="/login/?next={address_of(school.link)}"' in response.text
    assert 'value="Nia Boateng"' in response.text
    assert "_auth_user_id" not in client.session
    assert Profile.objects.get(email="sara@example.org").full_name == "Sara Lindqvist"
    assert not Enrollment.objects.filter(student=school.stranger).exists()


def test_the_right_password_of_an_account_is_a_log_in_which_is_throttled_as_any(client, school):
    wrong = form_of(email="sara@example.org", **ANOTHER)
    for _ in range(9):
        assert client.post(address_of(school.link), wrong).status_code == 422
    locked = client.post(address_of(school.link), wrong)
    assert locked.status_code == 429
    assert "Too many attempts" in text_of(locked)
    assert f'<a class="button" href="{address_of(school.link)}">Back</a>' in locked.text
    assert client.post("/login/", {"username": "sara@example.org", "password": PASSWORD}).status_code == 429
    client.defaults["REMOTE_ADDR"] = "192.0.2.7"
    assert client.post(address_of(school.link), form_of(email="sara@example.org")).status_code == 302
    assert is_in(school.course, pk=school.stranger.pk)
    assert Profile.objects.get(email="sara@example.org").full_name == "Sara Lindqvist"


def test_who_teaches_the_course_and_fills_in_the_form_is_logged_in_and_not_enrolled(client, school):
    school.instructor.set_password(PASSWORD)
    school.instructor.save()
    client.post(address_of(school.link), form_of(email=school.instructor.email))
    assert client.session["_auth_user_id"] == str(school.instructor.pk)
    assert not Enrollment.objects.filter(student=school.instructor).exists()


def test_new_accounts_are_throttled_by_network_address_for_a_quarter_of_an_hour(client, school, monkeypatch):
    monkeypatch.setattr(throttling, "MOST_NEW_ACCOUNTS", 2)

    def sign_up(number):
        client.cookies.clear()  # not by logging out, at which django-axes clears away what is old
        return client.post(address_of(school.link), form_of(email=f"nia{number}@example.org"))

    assert [sign_up(number).status_code for number in range(3)] == [302, 302, 429]
    refused = sign_up(3)
    assert "Too many accounts were created from your network recently" in text_of(refused)
    assert 'value="nia3@example.org"' in refused.text
    client.defaults["REMOTE_ADDR"] = "192.0.2.7"
    assert sign_up(4).status_code == 302
    del client.defaults["REMOTE_ADDR"]
    AccessAttempt.objects.update(attempt_time=timezone.now() - datetime.timedelta(minutes=15))
    assert sign_up(5).status_code == 302
    assert not Profile.objects.filter(email__in=["nia2@example.org", "nia3@example.org"]).exists()


BAD = [
    ({"full_name": "  "}, "full_name"),
    ({"full_name": "\u200b\u2066"}, "full_name"),
    ({"full_name": "⠀"}, "full_name"),
    ({"full_name": "\u3164\u115f"}, "full_name"),
    ({"full_name": "x" * 301}, "full_name"),
    ({"full_name": "a\0b"}, "full_name"),
    ({"email": ""}, "email"),
    ({"email": "nia"}, "email"),
    ({"email": f"{'a' * 250}@example.org"}, "email"),
    ({"email": "a\0b@example.org"}, "email"),
    ({"password": ""}, "password"),
    ({"password": "short", "password_again": "short"}, "password"),
    ({"password": "password1234", "password_again": "password1234"}, "password"),
    ({"password": "nia@example.org", "password_again": "nia@example.org"}, "password"),
    ({"password_again": "another one entirely"}, "password_again"),
    ({"password_again": ""}, "password_again"),
]


@pytest.mark.parametrize(("changes", "field"), BAD)
def test_a_form_that_is_filled_in_badly_says_what_is_wrong_and_makes_nobody(client, school, changes, field):
    response = client.post(address_of(school.link), form_of(**changes))
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert f'href="#id_{field}"' in response.text
    assert PASSWORD not in response.text
    assert not Profile.objects.filter(full_name="Nia Boateng").exists()


class AnyForm(TestCase):
    """Whatever is sent, no server error: an account with a kept address, or a form that says what is wrong."""

    text = st.text(max_size=40) | st.sampled_from(["İ" * 126 + "@example.org", "Ünal@ÜNAL.example", "K@example.org"])

    @given(full_name=text, email=text | st.emails(), password=text, token=text)
    def test_whatever_is_sent_there_is_an_account_or_a_sentence(self, full_name, email, password, token):
        course = factories.CourseFactory()
        link = inviting.invite(course, by=factories.StaffFactory())
        form = {"full_name": full_name, "email": email, "password": password, "password_again": password}
        response = self.client.post(address_of(link), form)
        assert response.status_code in (302, 422)
        made = Profile.objects.filter(enrollments__course=course)
        assert len(made) == (response.status_code == 302)
        assert all(person.email == person.email.lower() for person in made)
        assert inviting.invitation_of_token(token) is None
        self.client.logout()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_make_an_account_with_one_address_at_once_one_does_and_the_other_is_told(school, monkeypatch):
    gate = threading.Barrier(2)
    accept = inviting.accept

    def together(*asked):
        gate.wait(10)
        return accept(*asked)

    monkeypatch.setattr(inviting, "accept", together)

    def sign_up(password):
        form = form_of(password=password, password_again=password)
        return Client().post(address_of(school.link), form).status_code

    found = at_once(*(partial(sign_up, password) for password in (PASSWORD, "another one entirely")))
    assert sorted(found) == [302, 422]
    assert Profile.objects.filter(email="nia@example.org").count() == 1
    assert Invitation.objects.get().joined == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("new", [True, False])
def test_a_link_that_ends_while_somebody_joins_takes_nobody_in_and_makes_no_account(client, school, monkeypatch, new):
    accept = inviting.accept

    def late(*asked):
        inviting.end_invitation(school.course, school.link.pk)
        return accept(*asked)

    monkeypatch.setattr(inviting, "accept", late)
    if not new:
        client.force_login(school.stranger)
    response = client.post(address_of(school.link), form_of() if new else {"join": "1"})
    assert response.status_code == 404
    assert not Profile.objects.filter(email="nia@example.org").exists()
    assert not Enrollment.objects.filter(student=school.stranger).exists()
    assert "_auth_user_id" not in client.session or not new


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["join", "make", "end"])
def test_who_joins_by_a_link_makes_one_and_ends_it_waits_for_who_does_so_already(school, act):
    acts = {
        "join": lambda: inviting.accept(school.link, school.stranger),
        "make": lambda: inviting.invite(school.course, by=school.instructor, instead_of=school.link.pk),
        "end": lambda: inviting.end_invitation(school.course, school.link.pk),
    }

    def late():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            acts[act]()
        refused.append(act)
        connections.close_all()

    refused = []
    with transaction.atomic():
        Course.objects.select_for_update(no_key=True).get(pk=school.course.pk)
        thread = threading.Thread(target=late)
        thread.start()
        thread.join()
    assert refused == [act]
    assert Invitation.objects.get() == school.link


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_while_they_join_is_not_brought_back(client, school, monkeypatch):
    accept = inviting.accept

    def late(*asked):
        erase(school.stranger)
        return accept(*asked)

    monkeypatch.setattr(inviting, "accept", late)
    client.force_login(school.stranger)
    assert client.post(address_of(school.link), {"join": "1"}).status_code == 404
    assert not Profile.objects.filter(email="sara@example.org").exists()
    assert Invitation.objects.get().joined == 0


# What is kept, and what is told of it


def test_no_line_of_a_log_and_no_note_of_a_wrong_password_has_the_link_or_a_password(client, school):
    address, token = address_of(school.link), inviting.token(school.link)
    client.post(address, form_of(email="sara@example.org", **ANOTHER))
    assert AccessAttempt.objects.get(username="sara@example.org").path_info == "/login/"
    client.post(f"/login/?next={address}", {"username": "sara@example.org", "password": "x", "next": address})
    kept = str(list(AccessAttempt.objects.values()))
    for secret in (token, token.partition(".")[2], ANOTHER["password"]):
        assert secret not in kept
    told = f'"GET {address} HTTP/1.1" 200 "https://a.example/login/?next={address}" %2Finvitations%2F{token}%2F'
    line = '"GET /invitations/…/ HTTP/1.1" 200 "https://a.example/login/?next=/invitations/…/" %2Finvitations%2F…%2F'
    assert without_secrets(told) == line
    assert without_secrets(f"/shared/{token}/media/1/") == "/shared/…/media/1/"
    assert without_secrets("GET /community/1/ HTTP") == "GET /community/1/ HTTP"


def test_the_export_of_who_made_a_link_tells_of_it(school):
    told = {holding.name: list(holding.rows.values(*holding.columns)) for holding in holdings(school.instructor)}
    assert [row["course_id"] for row in told["course_invitations"]] == [school.course.pk]
    told = {holding.name: list(holding.rows.values()) for holding in holdings(school.staff)}
    assert told["course_invitations"] == []


# However much there is


def count(client, address):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow(client, school):
    found = {}
    for number in (1, 10):
        for person in (None, school.stranger, school.instructor):
            client.logout()
            if person:
                client.force_login(person)
            found.setdefault(person, []).append(count(client, address_of(school.link)))
        found.setdefault("course", []).append(count(client, page_of(school.course)))
        for _ in range(number):
            factories.CourseInstructorFactory(course=school.course)
            factories.EnrollmentFactory(course=school.course)
            inviting.invite(factories.CourseFactory(), by=school.staff)
    assert all(few == many for few, many in found.values()), found
    assert found[None][0] <= 3


def test_a_link_is_found_by_its_index_and_so_is_that_of_a_course(school):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO courses (title) SELECT 'Course ' || n FROM generate_series(1, 3000) n")
        cursor.execute(
            "INSERT INTO course_invitations (course_id, made_by_id, link, expires_at)"
            " SELECT id, %s, gen_random_uuid(), now() + interval '1 day' FROM courses WHERE title LIKE 'Course %%'",
            [school.staff.pk],
        )
        cursor.execute("ANALYZE course_invitations, courses, course_instructors, profiles")
    token = inviting.token(school.link)
    for ask, index in (
        (lambda: inviting.invitation_of_token(token), "course_invitations_link_key"),
        (lambda: inviting.invitation_to(school.course), "courses_invitation_once"),
    ):
        (plan,) = plans_of(ask)
        found = {node.get("Index Name") for node in nodes(plan) if node.get("Relation Name") == "course_invitations"}
        assert found == {index}
