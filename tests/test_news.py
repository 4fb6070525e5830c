"""News by mail: turned on by who owns the mailbox, what a mail says and whom of, and how it ends."""

import datetime
import email as email_package
import re
import smtplib
import threading
import uuid
from email import policy
from types import SimpleNamespace

import pytest
from axes.models import AccessAttempt
from django.core import mail as django_mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.smtp import EmailBackend as SMTP
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.checks import links_in_mails_lead_here
from config.log import without_secrets
from config.mail import site_address
from courses.models import CourseInstructor, Enrollment
from goals.conversation import visit
from goals.models import ConversationVisit, GoalMessage
from news import choosing, mails
from news.models import HowOften, NewsByMail
from news.sending import BATCH, BY_DAY, Run
from news.telling import Count, News, news_of
from privacy.erasure import erase
from privacy.holdings import holdings
from profiles.models import Profile
from reflections.answers import answer
from reflections.models import Reflection
from tests import factories
from tests.look import urls
from tests.plans import buffers, new_files, nodes, plans_of  # noqa: F401
from tests.processes import wait_until
from tests.test_concurrency import connect  # noqa: F401
from tests.test_erasure import erasing
from tests.test_pages import text_of
from timeline.queries import awaiting_response_of_teachers
from timeline.views.home import new_answers

pytestmark = pytest.mark.django_db

SITE = "https://timeline.example.org"
AN_HOUR = datetime.timedelta(hours=1)
A_DAY = datetime.timedelta(days=1)
PAGE = "/news-by-mail/"


@pytest.fixture(autouse=True)
def a_site_with_mail(settings):
    settings.EMAIL_URL = "smtp://localhost:25"
    settings.SITE_ADDRESS = SITE
    settings.DEFAULT_FROM_EMAIL = "timeline@example.org"
    settings.ROOT_URLCONF = urls.__name__  # imported by now, as a site's are before any request


@pytest.fixture
def maya():
    return factories.ProfileFactory(full_name="Maya Okafor", email="maya@example.org")


@pytest.fixture
def school(maya):
    """Maya in a course of Naomi's, with news on since a week ago."""
    video = factories.VideoFactory(lesson__course__title="Your First Paying Clients")
    course = video.lesson.course
    naomi = factories.ProfileFactory(full_name="Naomi Adeyemi", email="naomi@example.org")
    factories.CourseInstructorFactory(course=course, instructor=naomi)
    factories.EnrollmentFactory(course=course, student=maya)
    choice = factories.NewsByMailFactory(person=maya)
    return SimpleNamespace(course=course, video=video, naomi=naomi, maya=maya, choice=choice)


def ago(**how_long):
    return timezone.now() - datetime.timedelta(**how_long)


def asks(client, how_often="daily", **more):
    return client.post(PAGE, {"how_often": how_often, **more})


def path_in(text):
    """The path of the link in a mail."""
    [path] = set(re.findall(rf"{SITE}(/\S+/(?:confirm|stop)/\S+)", text))
    return path


def answered(school, **fields):
    """A reflection of Maya's that Naomi answered an hour ago."""
    told = {"instructor_response": "Yes.", "responded_at": ago(hours=1), "response_unseen": True}
    fields = told | {"student": school.maya, "video": school.video, "responded_by": school.naomi} | fields
    return factories.ReflectionFactory(**fields)


def written(school, **fields):
    """A message that Naomi wrote to Maya an hour ago."""
    fields = {"student": school.maya, "author": school.naomi, "created_at": ago(hours=1)} | fields
    return factories.GoalMessageFactory(**fields)


def reflected(school, **fields):
    """A reflection of Maya's that waits since an hour."""
    return factories.ReflectionFactory(
        **{"student": school.maya, "video": school.video, "created_at": ago(hours=1)} | fields
    )


def run():
    """What a run mails: the mails that came of it."""
    before = len(django_mail.outbox)
    run = Run()
    for _ in run:
        pass
    assert not run.unsent
    assert len(django_mail.outbox) - before == run.sent
    return django_mail.outbox[before:]


# Turned on


def test_news_are_off_until_somebody_turns_them_on(client, maya, mailoutbox):
    client.force_login(maya)
    assert "Nothing is mailed to you now." in text_of(client.get(PAGE))
    assert not NewsByMail.objects.exists()
    assert run() == []


def test_turning_them_on_mails_a_link_and_nothing_else_until_it_is_followed_and_confirmed(client, school, mailoutbox):
    school.choice.delete()
    answered(school)
    client.force_login(school.maya)
    assert asks(client).url == PAGE
    [mail] = mailoutbox
    assert mail.to == ["maya@example.org"]
    assert run() == []
    page = text_of(client.get(PAGE))
    assert "We mailed a link to maya@example.org" in page
    until = re.search(r"until [^,]+, [0-9:]+ [ap].m.", page)[0]
    assert f"The link works {until} New York time. If it was not you" in mail.body

    guest, path = Client(), path_in(mail.body)
    for method in (guest.get, guest.head, guest.get):
        assert method(path).status_code == 200
    assert "Yes, mail me news" in guest.get(path).text
    choice = NewsByMail.objects.get()
    assert choice.confirmed_at is None
    assert choice.due_on is None

    assert "News is mailed to you" in text_of(guest.post(path))
    choice.refresh_from_db()
    assert (choice.how_often, choice.email) == ("daily", "maya@example.org")
    assert choice.due_on == timezone.localdate() + A_DAY
    assert "News goes to maya@example.org, at most once a day." in text_of(client.get(PAGE))
    # Twice is as good as once.
    told_until = choice.told_until
    assert guest.post(path).status_code == 200
    assert "Yes, mail me news" not in guest.get(path).text
    choice.refresh_from_db()
    assert choice.told_until == told_until


def test_a_confirmation_is_a_form_of_this_page(maya, client, mailoutbox):
    client.force_login(maya)
    asks(client)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(path_in(mailoutbox[0].body)).status_code == 403
    assert NewsByMail.objects.get().confirmed_at is None


def test_the_mail_that_asks_tells_a_stranger_nothing_that_somebody_else_wrote(client, mailoutbox):
    """Whoever makes an account with another's address could have any name mailed there."""
    client.force_login(factories.ProfileFactory(full_name="Win at http://evil.example", email="victim@example.org"))
    asks(client)
    [mail] = mailoutbox
    assert "evil" not in f"{mail.subject} {mail.body} {mail.message()}"
    assert "If it was not you, you do not need to do anything" in mail.body


def test_who_asks_a_hundred_times_is_mailed_one_link_and_three_if_they_insist(client, maya, mailoutbox):
    client.force_login(maya)
    for _ in range(100):
        asks(client)
    assert len(mailoutbox) == 1
    statuses = [asks(client, again="1").status_code for _ in range(100)]
    assert statuses == [302, 302, *[429] * 98]
    assert len(mailoutbox) == choosing.MOST_A_DAY
    assert len({path_in(mail.body) for mail in mailoutbox}) == 1  # the first one holds as well
    # Nor by turning it off in between.
    asks(client, "off")
    refused = asks(client)
    assert refused.status_code == 429
    assert "We have mailed 3 links to maya@example.org" in text_of(refused)
    assert NewsByMail.objects.get().how_often == "off"
    # Nor by erasing the account and making it anew.
    erase(maya)
    again = factories.ProfileFactory(email="maya@example.org")
    client.force_login(again)
    assert asks(client).status_code == 429
    assert "maya" not in str(AccessAttempt.objects.values_list())
    AccessAttempt.objects.update(attempt_time=ago(minutes=16))
    assert asks(client).status_code == 302
    AccessAttempt.objects.update(attempt_time=ago(minutes=16))
    assert [asks(client, again="1").status_code for _ in range(3)] == [302, 302, 429]
    NewsByMail.objects.update(asked_since=ago(days=1, minutes=1))
    AccessAttempt.objects.update(attempt_time=ago(minutes=16))
    assert asks(client, again="1").status_code == 302
    assert len(mailoutbox) == 2 * choosing.MOST_A_DAY + 1


def test_another_choice_before_confirming_mails_no_second_link(client, maya, mailoutbox):
    client.force_login(maya)
    asks(client, "daily")
    asks(client, "weekly")
    [mail] = mailoutbox
    Client().post(path_in(mail.body))
    assert NewsByMail.objects.get().how_often == "weekly"
    assert NewsByMail.objects.get().due_on == timezone.localdate() + 7 * A_DAY


def test_a_link_that_was_not_followed_in_three_days_or_whose_address_changed_confirms_nothing(client, maya, mailoutbox):
    client.force_login(maya)
    asks(client)
    path = path_in(mailoutbox[0].body)
    NewsByMail.objects.update(asked_at=ago(days=3, minutes=1))
    assert [Client().get(path).status_code, Client().post(path).status_code] == [404, 404]
    assert "was not opened in time" in text_of(client.get(PAGE))
    asks(client)
    second = path_in(mailoutbox[1].body)
    assert second != path
    assert Client().get(path).status_code == 404
    for change in ({"email": "other@example.org"}, {"is_active": False}):
        with transaction.atomic():
            Profile.objects.filter(pk=maya.pk).update(**change)
            assert [Client().get(second).status_code, Client().post(second).status_code] == [404, 404]
            transaction.set_rollback(True)
    assert Client().post(second).status_code == 200


def test_a_link_ends_with_the_choice(client, maya, mailoutbox):
    client.force_login(maya)
    asks(client)
    asks(client, "off")
    path = path_in(mailoutbox[0].body)
    assert [Client().get(path).status_code, Client().post(path).status_code] == [404, 404]


def test_an_address_that_changed_gets_nothing_until_it_is_confirmed_too(client, school, mailoutbox):
    answered(school)
    Profile.objects.filter(pk=school.maya.pk).update(email="new@example.org")
    client.force_login(school.maya)
    assert run() == []
    assert "your e-mail address has changed" in text_of(client.get(PAGE))
    asks(client)
    assert mailoutbox[0].to == ["new@example.org"]
    assert run() == []
    Client().post(path_in(mailoutbox[0].body))
    assert NewsByMail.objects.get().email == "new@example.org"


def test_a_mail_server_that_takes_no_link_leaves_everything_as_it_was_and_says_so(client, maya, monkeypatch):
    def fail(mail):
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(mails.Mail, "send", fail)
    client.force_login(maya)
    failed = asks(client)
    assert failed.status_code == 503
    assert "could not be sent. Nothing was changed: try again later." in text_of(failed)
    assert not NewsByMail.objects.exists()


def test_an_address_that_is_none_to_mail_servers_is_not_to_be_tried_again_later(client, monkeypatch):
    server = SMTP(alias="default", host="127.0.0.1")
    monkeypatch.setattr(mails.Mail, "send", lambda mail: server.prep_address(*mail.to))
    client.force_login(factories.ProfileFactory(email="måya@example.org"))
    refused = asks(client)
    assert refused.status_code == 422
    assert "Mail servers take no mail to måya@example.org." in text_of(refused)
    assert not NewsByMail.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"how_often": "hourly"}])
def test_a_choice_that_there_is_not_is_refused_with_a_sentence(client, maya, sent):
    client.force_login(maya)
    refused = client.post(PAGE, sent)
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text


def test_who_teaches_is_offered_weekly_mails_and_who_learns_daily_ones(client, school):
    NewsByMail.objects.all().delete()
    for person, usual in ((school.maya, "daily"), (school.naomi, "weekly")):
        client.force_login(person)
        assert re.search(r'value="(\w+)"[^>]* checked', client.get(PAGE).text)[1] == usual


def test_a_choice_is_ones_own_and_strangers_are_sent_to_the_log_in(client, school):
    assert client.get(PAGE).url == f"/login/?next={PAGE}"
    for person in (school.naomi, factories.StaffFactory(), factories.ProfileFactory()):
        client.force_login(person)
        assert "maya@" not in client.get(PAGE).text
        asks(client, "off")
    school.choice.refresh_from_db()
    assert school.choice.confirmed_at


def test_who_has_lost_their_address_meanwhile_has_nothing_to_choose(client, maya):
    client.force_login(maya)
    Profile.objects.filter(pk=maya.pk).update(email=None)
    assert [client.get(PAGE).status_code, asks(client).status_code] == [404, 404]


# Without mail


def test_a_site_without_mail_offers_none_and_lets_everybody_end_it(client, school, settings, mailoutbox):
    settings.ROOT_URLCONF = "config.urls"  # as it is while EMAIL_URL is not set
    client.force_login(school.maya)
    assert client.get(PAGE).status_code == 404
    answered(school)
    home = client.get("/")
    assert "New answers" in home.text
    assert "by mail" not in home.text
    path = f"{PAGE}stop/{choosing.stopping_token(school.choice)}/"
    assert "how often" not in client.get(path).text
    assert client.post(path).status_code == 200
    school.choice.refresh_from_db()
    assert school.choice.how_often == "off"


def test_home_offers_news_beside_what_is_new_to_who_never_chose(client, school):
    hint = "Get news by mail when somebody answers or writes to you"
    client.force_login(school.maya)
    school.choice.delete()
    assert hint not in client.get("/").text
    answered(school)
    assert hint in client.get("/").text
    assert "News by mail</a>" in client.get("/").text
    choosing.choose(school.maya, "off")
    assert hint not in client.get("/").text


@pytest.mark.parametrize(
    ("given", "hosts", "local_port", "address"),
    [
        ("https://learn.example.org/", ["a.example", "b.example"], None, "https://learn.example.org"),
        ("http://learn.example.org:8080", ["*"], None, "http://learn.example.org:8080"),
        ("", ["timeline.example.org"], None, "https://timeline.example.org"),
        ("", ["a.example", "b.example"], None, ""),
        ("", [".example.org"], None, ""),
        ("", ["*"], None, ""),
        ("", ["[::1]"], None, ""),
        ("", ["localhost", "127.0.0.1", "[::1]"], "8031", "http://127.0.0.1:8031"),
    ],
)
def test_the_sites_address_is_given_or_said_by_its_one_name(given, hosts, local_port, address):
    assert site_address(given, hosts, local_port) == address


@pytest.mark.parametrize("given", ["timeline.example.org", "https://a.example/path", "https://a b", "ftp://a.example"])
def test_what_is_no_address_of_a_site_is_refused(given):
    with pytest.raises(ImproperlyConfigured, match="SITE_ADDRESS is"):
        site_address(given, ["a.example"])


@pytest.mark.parametrize(
    ("site", "found"),
    [
        (SITE, []),
        ("https://other.example.org", ["config.W003"]),
        ("http://timeline.example.org", ["config.W004"]),
        ("", ["config.W002"]),
    ],
)
def test_the_deployment_check_asks_where_links_in_mails_lead(settings, site, found):
    settings.SITE_ADDRESS, settings.ALLOWED_HOSTS = site, ["timeline.example.org"]
    settings.SECURE_SSL_REDIRECT = True
    assert [warning.id for warning in links_in_mails_lead_here(None)] == found
    settings.EMAIL_URL = ""
    assert links_in_mails_lead_here(None) == []


# What a mail says


def test_a_student_is_told_who_answered_and_who_wrote_and_how_much_but_no_word_of_it(school, mailoutbox):
    for words in ("Ask for the price first.", "No."):
        answered(school, instructor_response=words, content="Is that too early?")
    written(school, content="Good start.")
    [mail] = run()
    assert mail.to == ["maya@example.org"]
    assert mail.from_email == "timeline@example.org"
    assert mail.subject == "2 new answers, a new message"
    assert "- Naomi Adeyemi answered 2 of your reflections\n- Naomi Adeyemi sent you a message\n" in mail.body
    assert f"Read it here:\n{SITE}/\n" in mail.body
    for secret in ("Ask for", "No.", "too early", "Good start", "Paying Clients", "Whom to ask"):
        assert secret not in str(mail.message())
    assert mail.extra_headers["Auto-Submitted"] == "auto-generated"


def test_a_single_piece_of_news_is_the_subject(school, mailoutbox):
    answered(school)
    assert run()[0].subject == "Naomi Adeyemi answered one of your reflections"


def test_nothing_new_is_no_mail_and_what_was_mailed_is_not_mailed_again(school, mailoutbox):
    assert run() == []
    assert len(NewsByMail.objects.filter(due_on__lte=timezone.localdate())) == 1  # still due, for when there is
    answered(school)
    assert len(run()) == 1
    school.choice.refresh_from_db()
    assert school.choice.due_on == timezone.localdate() + A_DAY
    assert run() == []
    NewsByMail.objects.update(due_on=timezone.localdate())
    assert run() == []
    NewsByMail.objects.update(told_until=ago(hours=2))
    assert len(run()) == 1


def test_at_most_one_mail_a_day_or_a_week(school, mailoutbox):
    for how_often, pause in (("daily", 1), ("weekly", 7)):
        NewsByMail.objects.update(how_often=how_often, due_on=timezone.localdate(), told_until=ago(hours=2))
        answered(school)
        assert len(run()) == 1
        NewsByMail.objects.update(told_until=ago(hours=2))
        assert run() == []
        assert NewsByMail.objects.get().due_on == timezone.localdate() + pause * A_DAY


def test_what_is_younger_than_a_minute_waits_for_the_next_run(school, mailoutbox):
    """A transaction that has begun before it and is not committed yet would otherwise be passed over for ever."""
    answered(school, responded_at=ago(seconds=30))
    written(school, created_at=ago(seconds=30))
    assert run() == []
    Reflection.objects.update(responded_at=ago(seconds=90))
    assert run()[0].subject == "Naomi Adeyemi answered one of your reflections"
    # Five minutes later.
    NewsByMail.objects.update(due_on=timezone.localdate(), told_until=ago(minutes=6))
    Reflection.objects.update(responded_at=ago(minutes=7))
    GoalMessage.objects.update(created_at=ago(minutes=5, seconds=30))
    assert run()[0].subject == "Naomi Adeyemi sent you a message"


def test_so_do_messages_and_what_waits_for_a_teacher(school, mailoutbox):
    factories.NewsByMailFactory(person=school.naomi)
    written(school, created_at=ago(seconds=30))
    waiting = reflected(school, created_at=ago(seconds=30))
    assert run() == []
    GoalMessage.objects.update(created_at=ago(seconds=90))
    Reflection.objects.filter(pk=waiting.pk).update(created_at=ago(seconds=90))
    assert len(run()) == 2


def test_whose_days_else_somebody_read_counts_for_nothing(school, mailoutbox):
    written(school)
    for hours in (0, 3):
        visit(viewer=school.maya, student=factories.ProfileFactory(), now=ago(hours=hours))
    visit(viewer=school.maya, student=school.maya, now=ago(hours=2))
    assert run()[0].subject == "Naomi Adeyemi sent you a message"
    NewsByMail.objects.update(told_until=ago(days=2), due_on=timezone.localdate())
    visit(viewer=school.maya, student=school.maya, now=timezone.now())
    assert run() == []


def test_days_are_those_of_new_york(school, monkeypatch):
    before_midnight, after_it = (datetime.datetime(2026, 11, 24, hour, 30, tzinfo=datetime.UTC) for hour in (4, 5))
    assert choosing.due_on(before_midnight, "daily") == datetime.date(2026, 11, 24)
    assert choosing.due_on(after_it, "daily") == datetime.date(2026, 11, 25)
    # The clocks are set back at the end of that night: the day has 25 hours.
    assert choosing.due_on(datetime.datetime(2026, 11, 1, 4, 30, tzinfo=datetime.UTC), "daily") == datetime.date(
        2026, 11, 2
    )
    assert choosing.due_on(datetime.datetime(2026, 11, 2, 4, 30, tzinfo=datetime.UTC), "weekly") == datetime.date(
        2026, 11, 8
    )
    monkeypatch.setattr("django.utils.timezone.now", lambda: before_midnight)
    assert Run().today == datetime.date(2026, 11, 23)


def test_who_changes_how_often_is_mailed_so_from_the_last_mail_on(client, school, mailoutbox):
    client.force_login(school.maya)
    told = timezone.now() - 3 * A_DAY
    NewsByMail.objects.update(told_until=told, due_on=choosing.due_on(told, "daily"))
    answered(school)
    asks(client, "weekly")
    assert run() == []
    asks(client, "daily")
    assert len(run()) == 1
    asks(client, "weekly")
    asks(client, "daily")
    answered(school)
    NewsByMail.objects.update(told_until=ago(hours=2))
    assert run() == []


def test_what_a_student_has_seen_meanwhile_is_not_mailed(school, mailoutbox):
    answered(school, response_unseen=False)
    assert run() == []
    answered(school)
    written(school)
    visit(viewer=school.maya, student=school.maya, now=timezone.now())
    assert run() == []
    # Somebody else's reading is not theirs.
    ConversationVisit.objects.all().delete()
    visit(viewer=school.naomi, student=school.maya, now=timezone.now())
    # Nor is theirs of somebody else's days.
    visit(viewer=school.maya, student=school.naomi, now=timezone.now())
    assert len(run()) == 1


def test_what_was_taken_back_or_is_ones_own_doing_is_no_news(school, mailoutbox):
    answered(school, hidden_at=timezone.now())
    written(school, hidden_at=timezone.now())
    reflected(school)
    factories.DailyNoteFactory(student=school.maya, created_at=ago(hours=1))
    assert run() == []


def test_an_answer_on_the_site_is_news(school, mailoutbox):
    reflection = reflected(school)
    answer(reflection.pk, by=school.naomi, text="Ask them.", seen="")
    Reflection.objects.update(responded_at=ago(minutes=5))
    assert run()[0].subject == "Naomi Adeyemi answered one of your reflections"


@pytest.mark.parametrize("case", ["in it", "left", "never in it", "teaches it too", "video moved away", "staff"])
def test_answers_are_told_as_home_tells_them(school, mailoutbox, case):
    answered(school)
    enrollment = Enrollment.objects.filter(student=school.maya)
    if case == "left":
        enrollment.update(left_at=timezone.now())
    elif case == "never in it":
        enrollment.delete()
    elif case == "teaches it too":
        CourseInstructor.objects.create(course=school.course, instructor=school.maya)
    elif case == "video moved away":
        type(school.video).objects.update(lesson=factories.LessonFactory())
    elif case == "staff":
        school.maya.is_staff = True
        school.maya.save()
    assert bool(new_answers(school.maya)) is bool(run()) is (case == "in it")


def test_an_answer_to_a_reflection_on_no_video_is_news_until_the_days_are_read(client, school, mailoutbox):
    answered(school, video=None, video_timestamp_seconds=None)
    client.force_login(school.maya)
    assert "New answers" in client.get("/").text
    assert run()[0].subject == "Naomi Adeyemi answered one of your reflections"
    client.get(reverse("my_days"))
    assert "New answers" not in client.get("/").text


def test_an_answer_on_no_video_is_one_click_from_home_and_then_no_news_however_long_ago_it_was_asked_for(
    client, school, mailoutbox
):
    long_ago = timezone.now() - datetime.timedelta(days=200)
    on_none = {"video": None, "video_timestamp_seconds": None, "created_at": long_ago}
    reflection, other = answered(school, **on_none), answered(school, **on_none, instructor_response="And no.")
    client.force_login(school.maya)
    home = client.get("/").text
    links = re.findall(r'<a href="(/entries/[^"]+)">Your reflection of', home)
    link = links[list(new_answers(school.maya)).index(reflection)]
    client.head(link)
    client.get(link, headers={"Sec-Purpose": "prefetch"})
    assert len(new_answers(school.maya)) == 2
    client.force_login(school.naomi)
    client.get(link)
    assert len(new_answers(school.maya)) == 2
    client.force_login(school.maya)
    assert reflection.instructor_response in client.get(link, follow=True).text
    assert list(new_answers(school.maya)) == [other]
    school.maya.is_staff = True
    assert not new_answers(school.maya)


def test_an_answer_on_no_video_that_was_read_in_the_days_is_not_mailed(client, school, mailoutbox):
    answered(school, video=None, video_timestamp_seconds=None)
    client.force_login(school.maya)
    client.get(reverse("my_days"))
    assert run() == []


def test_news_are_of_the_person_alone_whose_they_are(school, mailoutbox):
    """Two students, another instructor, staff and somebody in no course, all with news on; one is answered."""
    tom = factories.EnrollmentFactory(course=school.course).student
    for person in (tom, school.naomi, factories.CourseInstructorFactory().instructor, factories.StaffFactory()):
        factories.NewsByMailFactory(person=person)
    factories.NewsByMailFactory()
    answered(school)
    written(school)
    assert [mail.to for mail in run()] == [["maya@example.org"]]
    reflected(school)
    assert [mail.to for mail in run()] == [["naomi@example.org"]]


def test_who_is_closed_or_erased_gets_nothing(school, mailoutbox):
    answered(school)
    Profile.objects.filter(pk=school.maya.pk).update(is_active=False)
    assert run() == []
    Profile.objects.filter(pk=school.maya.pk).update(is_active=True)
    erase(school.maya)
    assert not NewsByMail.objects.exists()
    assert run() == []


def test_an_instructor_is_told_how_many_wait_in_each_of_their_courses_when_another_one_does(school, mailoutbox):
    school.choice.delete()
    factories.NewsByMailFactory(person=school.naomi, how_often="weekly")
    other = factories.VideoFactory(lesson__course__title="Speak So It Lands")
    factories.CourseInstructorFactory(course=other.lesson.course, instructor=school.naomi)
    reflected(school, created_at=ago(days=30))
    reflected(school, student=school.naomi)
    assert run() == []  # they knew of it, and nobody answers themself
    reflected(school)
    reflected(school, video=other, student=factories.ProfileFactory())
    reflected(school, video=other, student=school.naomi)  # answered by others
    reflected(school, video=factories.VideoFactory())  # of somebody else's course
    [mail] = run()
    assert mail.subject == "3 reflections are waiting for your answer"
    assert (
        "In courses that you teach:\n\n"
        "- 1 reflection is waiting for your answer in Speak So It Lands\n"
        f"  {SITE}/inbox/?course={other.lesson.course_id}\n"
        "- 2 reflections are waiting for your answer in Your First Paying Clients\n"
        f"  {SITE}/inbox/?course={school.course.pk}\n"
    ) in mail.body
    assert "Maya" not in mail.body
    CourseInstructor.objects.filter(course=school.course).delete()
    NewsByMail.objects.update(told_until=ago(days=2), due_on=timezone.localdate())
    assert "Paying Clients" not in run()[0].body


def test_who_learns_and_teaches_gets_one_mail(school, mailoutbox):
    taught = factories.VideoFactory()
    factories.CourseInstructorFactory(course=taught.lesson.course, instructor=school.maya)
    reflected(school, video=taught, student=factories.ProfileFactory())
    answered(school)
    [mail] = run()
    assert mail.subject == "A new answer, 1 reflection is waiting for your answer"


def test_a_long_list_is_cut_and_a_large_number_is_capped(school, mailoutbox, monkeypatch):
    monkeypatch.setattr("news.telling.NEW_LIMIT", 3)
    for number in range(12):
        written(school, author=factories.ProfileFactory(full_name=f"Coach {number:02}"), created_at=ago(hours=2))
    [mail] = run()
    assert mail.subject == "3+ new messages"
    assert len(re.findall(r"^- Coach", mail.body, re.MULTILINE)) == 4
    monkeypatch.setattr("news.mails.LINES", 2)
    NewsByMail.objects.update(told_until=ago(days=2), due_on=timezone.localdate())
    [mail] = run()
    assert len(re.findall(r"^- Coach", mail.body, re.MULTILINE)) == 2
    assert "- and 2 more\n" in mail.body


def test_a_number_that_is_capped_is_so_of_one_author_as_of_all(school, mailoutbox, monkeypatch):
    monkeypatch.setattr("news.telling.NEW_LIMIT", 3)
    for number in range(4):
        written(school, created_at=ago(hours=2))
        answered(school, responded_at=ago(hours=2), video_timestamp_seconds=number)
    [mail] = run()
    assert mail.subject == "3+ new answers, 3+ new messages"
    assert "answered 3+ of your reflections\n" in mail.body
    assert "sent you 3+ messages\n" in mail.body


def test_who_teaches_more_courses_than_are_looked_into_is_told_of_the_newest(school, monkeypatch):
    courses = [factories.CourseInstructorFactory(instructor=school.naomi).course for _ in range(3)]
    for course in [school.course, *courses]:
        reflected(school, video=factories.VideoFactory(lesson__course=course))
    found = awaiting_response_of_teachers(asked={school.naomi.pk: ago(days=1)}, until=timezone.now(), size=2)
    assert {course for course, *_ in found[school.naomi.pk]} == {course.pk for course in courses[1:]}


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Naomi\nBcc: everybody@example.org", "Naomi Bcc: everybody@example.org"),
        ("Naomi\r\n\r\nBuy now", "Naomi Buy now"),
        ("N\u2028a\u2029o\x85m\x0bi", "N a o m i"),
        ("\u202eimoaN\u202c", "imoaN"),
        ("Þóra 張偉 علی‌رضا 🎻", "Þóra 張偉 علی‌رضا 🎻"),
        ("", "An instructor"),
        ("\u3164\u200b", "An instructor"),
        ("x" * 300, "x" * 59 + "…"),
        ("=?utf-8?q?evil?=", "=?utf-8?q?evil?="),
    ],
)
def test_a_name_is_one_short_line_of_a_mail_whatever_is_in_it(school, mailoutbox, name, called):
    Profile.objects.filter(pk=school.naomi.pk).update(full_name=name)
    answered(school)
    [mail] = run()
    assert mail.subject == f"{called} answered one of your reflections"
    sent = email_package.message_from_bytes(mail.message(policy=policy.SMTP).as_bytes(), policy=policy.default)
    assert sent.keys() == [
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Subject", "From", "To", "Date"),
        *("Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted"),
    ]
    assert sent["To"] == "maya@example.org"
    if name != "=?utf-8?q?evil?=":
        assert sent["Subject"] == mail.subject
    assert f"- {called} answered one of your reflections" in sent.get_content()


@given(name=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80))
def test_no_name_whatever_it_is_breaks_a_header(name):
    choice = NewsByMail(pk=uuid.uuid4(), how_often=HowOften.DAILY, email="maya@example.org")
    news = News(answers=Count([(name, 2)]), waiting=[(uuid.uuid4(), name, 1)])
    for told in (news, News(messages=Count([(name, 1)]))):
        sent = mails.mail_of(choice, told, "token", day=datetime.date(2026, 11, 23)).message(policy=policy.SMTP)
        head = sent.as_bytes().partition(b"\r\n\r\n")[0].decode("ascii")
        names = [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith(" ")]
        assert len(names) == len(set(names)) == 11
        assert max(map(len, head.split("\r\n"))) < 998


# Ended


def test_every_mail_says_how_to_end_it_as_mail_programs_understand(school, mailoutbox, settings):
    settings.SITE_ADDRESS = "https://the-timeline-of-a-school-with-a-long-name.department.example.org"
    answered(school)
    [mail] = run()
    raw = mail.message(policy=policy.SMTP).as_bytes().decode()
    # Whole, and on one line: Python would break it with encoded words, and Gmail would show no button.
    header = re.search(r"^List-Unsubscribe: <(\S+)>\r$", raw, re.MULTILINE)[1]
    assert header in mail.body
    assert f"\r\n{header}\r\n" in raw
    assert header.startswith(f"{settings.SITE_ADDRESS}/news-by-mail/stop/")
    assert "\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert re.search(r"^Message-ID: <news-[0-9a-f]{32}@the-timeline[\w.-]+>\r$", raw, re.MULTILINE)
    # Under the name of an earlier one, mail programs would not show it.
    news, days = News(answers=Count([("Naomi", 1)])), [timezone.localdate(), timezone.localdate() + A_DAY]
    told = [mails.mail_of(school.choice, news, "token", day=day).extra_headers["Message-ID"] for day in days]
    assert mail.extra_headers["Message-ID"] == told[0] != told[1]


def test_a_mail_program_ends_it_in_one_click_without_a_cookie_and_twice(school, mailoutbox):
    answered(school)
    path = path_in(run()[0].body)
    program = Client(enforce_csrf_checks=True)
    assert "Stop mailing me" in program.get(path).text
    assert program.head(path).status_code == 200
    school.choice.refresh_from_db()
    assert school.choice.how_often == "daily"
    for sent in (
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
        {"data": b"", "content_type": "text/plain"},
    ):
        response = Client(enforce_csrf_checks=True).post(path, **sent)
        assert response.status_code == 200
        assert "No news is mailed to you any more." in text_of(response)
    school.choice.refresh_from_db()
    assert (school.choice.how_often, school.choice.email, school.choice.due_on) == ("off", "", None)
    assert "Stop mailing me" not in program.get(path).text
    assert "maya@" not in program.get(path).text
    answered(school)
    NewsByMail.objects.update(asked_since=ago(days=400), asked_at=ago(days=400))
    assert run() == []
    assert program.get(path).status_code == 200  # it never expires


def test_who_ended_it_by_mail_has_to_confirm_anew(client, school, mailoutbox):
    """The mailbox's owner said no; whoever has the account cannot say yes for them."""
    Client().post(f"{PAGE}stop/{choosing.stopping_token(school.choice)}/")
    client.force_login(school.maya)
    asks(client)
    assert NewsByMail.objects.get().confirmed_at is None
    assert len(mailoutbox) == 1


def test_a_link_that_nobody_made_and_one_whose_account_is_gone_lead_nowhere(school):
    token = choosing.stopping_token(school.choice)
    confirming = choosing.CONFIRMING.token(school.choice.pk)
    for path in (f"stop/{token[:-1]}x/", f"stop/{confirming}/", "stop/x/", f"stop/{uuid.uuid4().hex}/", "confirm/x/"):
        for method in (Client().get, Client().post):
            answer = method(f"{PAGE}{path}")
            assert answer.status_code == 404, path
            assert "This link does not work" in answer.text, path
    assert "a link works for three days" in text_of(Client().get(f"{PAGE}confirm/x/"))
    assert "Log in and choose under News by mail" in text_of(Client().get(f"{PAGE}stop/x/"))
    erase(school.maya)
    assert Client().post(f"{PAGE}stop/{token}/").status_code == 404


def test_pages_of_links_are_kept_secret_and_out_of_the_log(school):
    path = f"{PAGE}stop/{choosing.stopping_token(school.choice)}/"
    page = Client().get(path)
    assert page["Referrer-Policy"] == "same-origin"
    assert "noindex" in page["X-Robots-Tag"]
    assert "no-store" in page["Cache-Control"]
    assert without_secrets(f'"GET {path} HTTP/1.1"') == f'"GET {PAGE}stop/…/ HTTP/1.1"'
    assert "%2Fconfirm%2F…" in without_secrets("/login/?next=%2Fnews-by-mail%2Fconfirm%2Fabc.def%2F")
    assert without_secrets("/news-by-mail/") == "/news-by-mail/"


# What is held


def test_a_choice_is_in_ones_data_without_what_would_confirm_it(school):
    [holding] = [each for each in holdings(school.maya) if each.name == "news_by_mail"]
    assert "link" not in holding.columns
    assert {"email", "how_often", "confirmed_at"} <= set(holding.columns)


@pytest.mark.parametrize(
    "wrong", [{"due_on": None}, {"how_often": "off"}, {"email": ""}, {"told_until": None}, {"how_often": "hourly"}]
)
def test_the_database_keeps_nothing_due_that_was_not_confirmed(school, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        NewsByMail.objects.update(**wrong)


def test_staff_see_who_is_mailed_and_end_it_but_turn_it_on_for_nobody(client, school):
    client.force_login(factories.StaffFactory())
    address = "/admin/news/newsbymail/"
    assert "maya@example.org" in client.get(address).text
    assert client.get(f"{address}add/").status_code == 403
    page = client.get(f"{address}{school.choice.pk}/change/").text
    assert str(school.choice.link) not in page
    assert 'name="how_often"' not in page
    chosen = {"action": "end", "_selected_action": [str(school.choice.pk)]}
    assert "Ended: 1." in client.post(address, chosen, follow=True).text
    school.choice.refresh_from_db()
    assert school.choice.how_often == "off"


# What it costs


def test_many_people_take_as_many_queries_as_few_and_two_more_for_each_mail(school, mailoutbox):
    def queries():
        NewsByMail.objects.update(due_on=timezone.localdate(), told_until=ago(days=1))
        with CaptureQueriesContext(connection) as captured:
            sent = run()
        return len([q for q in captured if "SAVEPOINT" not in q["sql"]]), len(sent)

    answered(school)
    one, sent = queries()
    assert sent == 1
    for _ in range(20):
        factories.NewsByMailFactory()
    assert queries() == (one, 1)
    for choice in NewsByMail.objects.exclude(pk=school.choice.pk)[:5]:
        written(school, student=choice.person)
    assert queries() == (one + 5 * 2, 6)


def test_batches_follow_one_another_without_leaving_anybody_out(school, mailoutbox, monkeypatch):
    monkeypatch.setattr("news.sending.BATCH", 2)
    for number in range(5):
        choice = factories.NewsByMailFactory(due_on=timezone.localdate() - (number % 3) * A_DAY)
        written(school, student=choice.person)
    written(school)
    assert len({mail.to[0] for mail in run()}) == 6


@pytest.mark.parametrize("chose_before", [False, True])
def test_who_erases_their_account_while_they_choose_is_sent_to_the_log_in(connect, chose_before):  # noqa: F811
    student, browser, answers = factories.ProfileFactory(), Client(raise_request_exception=False), []
    if chose_before:
        factories.NewsByMailFactory(person=student)
    browser.force_login(student)

    def choose():
        try:
            answers.append(browser.post(PAGE, {"how_often": "off"}))
        finally:
            connections.close_all()

    until, choosing = threading.Event(), threading.Thread(target=choose)
    with erasing(student, until) as erased:
        assert erased.wait(10)
        choosing.start()
        observer = connect(autocommit=True)
        waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_until(lambda: observer.execute(waits).rowcount)
    choosing.join(10)
    [answer] = answers
    assert (answer.status_code, answer.url) == (302, f"/login/?next={PAGE}&refused=1")
    assert not Profile.objects.filter(pk=student.pk).exists()
    assert not NewsByMail.objects.exists()


@pytest.fixture
def left_behind(db):
    """What others roll back stays in files: idx_response_status is a level higher now than idx_student_pending."""
    with transaction.atomic():
        student, video = factories.ProfileFactory(), factories.VideoFactory()
        waits = {"student": student, "video": video, "video_timestamp_seconds": 1, "content": "words"}
        Reflection.objects.bulk_create(Reflection(**waits) for _ in range(130))
        transaction.set_rollback(True)


@pytest.mark.usefixtures("left_behind", "new_files")
def test_news_of_few_among_many_are_read_by_their_indexes(school):
    """As PostgreSQL plans with what it knows of 3,000 people; a join would read them all for each batch."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO profiles (full_name, email) SELECT 'Person ' || n, 'p' || n || '@example.com'
            FROM generate_series(1, 3000) AS n;
            INSERT INTO enrollments (student_id, course_id)
            SELECT id, %(course)s FROM profiles WHERE email LIKE '%%.com';
            INSERT INTO conversation_visits (viewer_id, student_id) SELECT id, id FROM profiles;
            INSERT INTO goal_messages (student_id, content) SELECT id, 'hello' FROM profiles, generate_series(1, 3);
            INSERT INTO reflections
                (student_id, video_id, video_timestamp_seconds, content, instructor_response, responded_at)
            SELECT id, %(video)s, 1, 'words', 'Yes', now() FROM profiles, generate_series(1, 3);
            INSERT INTO news_by_mail (person_id, how_often, email, confirmed_at, told_until, due_on)
            SELECT id, 'daily', email, now(), now(), current_date - 1 FROM profiles WHERE email LIKE '%%.com';
            ANALYZE;
            """,
            {"course": school.course.pk, "video": school.video.pk},
        )
    run = Run()
    choices = run.batch(BY_DAY.cursor_of([timezone.localdate() - A_DAY, uuid.UUID(int=0)]))
    assert len(choices) == BATCH
    due, people = plans_of(lambda: run.batch(BY_DAY.cursor(choices[-1])))
    answers, messages, waiting = plans_of(lambda: news_of(choices, until=timezone.now()))
    assert "news_by_mail_due" in indexes(due)
    assert indexes(answers) & {"reflections_answered", "reflections_unseen"}
    assert "goal_messages_of_student" in indexes(messages)
    assert "idx_response_status" in indexes(waiting)
    # What lies in a few pages here is read whole: not what grows with what is written.
    small = {"courses", "course_instructors", "course_chapters", "media_files", "conversation_visits"}
    for plan in (due, people, answers, messages, waiting):
        whole = {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
        assert whole <= small
        assert buffers(plan) <= 25 * BATCH


@pytest.mark.usefixtures("new_files")
def test_home_reads_new_answers_by_their_index_and_not_every_video_that_their_reader_may_watch(school):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO media_files (lesson_id, title, duration_seconds)
            SELECT %(lesson)s, 'Video ' || n, 60 FROM generate_series(1, 3000) AS n;
            INSERT INTO reflections (student_id, video_id, video_timestamp_seconds, content, instructor_response,
                responded_at, response_unseen)
            SELECT %(student)s, id, 1, 'words', 'Yes', now(), right(title, 3) = '000' FROM media_files;
            ANALYZE;
            """,
            {"lesson": school.video.lesson_id, "student": school.maya.pk},
        )
    (plan,) = plans_of(lambda: list(new_answers(school.maya)[:6]))
    assert plan["Actual Rows"] == 3
    assert "reflections_unseen" in indexes(plan), plan
    assert buffers(plan) <= 100


def indexes(plan):
    return {node.get("Index Name") for node in nodes(plan)}
