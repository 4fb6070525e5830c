"""Logging in by e-mail and password, what it refuses, and a new password."""

import re

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.backends.base import UpdateError
from django.core.mail import EmailMessage, mailers
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from config.mail import mailer
from profiles.models import Profile, Session
from profiles.sessions import SessionStore

PASSWORD = "a plumber's logo"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stay_on_pages_that_are_there(settings):
    settings.LOGIN_REDIRECT_URL = "/password/"


@pytest.fixture
def maya():
    return Profile.objects.create_user("maya@example.org", PASSWORD, full_name="Maya Okafor")


def log_in(client, email, password=PASSWORD, **fields):
    return client.post("/login/", {"username": email, "password": password, **fields})


@pytest.mark.parametrize(
    "spelling", ["maya@example.org", " MAYA@Example.ORG ", "maya@example.org\u200b", "\ufeffmaya\u00ad@example.org"]
)
def test_the_spelling_of_the_e_mail_address_does_not_matter(client, maya, spelling):
    assert log_in(client, spelling).status_code == 302
    assert client.session["_auth_user_id"] == str(maya.pk)


def test_the_log_tells_of_failures_and_lock_outs_and_not_of_who_logs_in(client, maya, settings, caplog):
    assert log_in(client, "maya@example.org").status_code == 302
    assert not caplog.messages
    client.logout()
    for _ in range(settings.AXES_FAILURE_LIMIT):
        log_in(client, "maya@example.org", "wrong")
    assert "New login failure" in caplog.text
    assert "Locking out" in caplog.text
    assert "maya" not in caplog.text


def test_a_wrong_password_and_an_unknown_person_get_the_same_words(client, maya):
    words = "This e-mail address and password do not match."
    assert words in log_in(client, "maya@example.org", "wrong").content.decode()
    assert words in log_in(client, "nobody@example.org").content.decode()


def test_nobody_without_a_password_or_closed_gets_in(client, maya):
    Profile.objects.create_user("imported@example.org")
    assert log_in(client, "imported@example.org", "!").status_code == 200
    Profile.objects.filter(pk=maya.pk).update(is_active=False)
    assert log_in(client, "maya@example.org").status_code == 200
    assert "_auth_user_id" not in client.session


def test_an_address_longer_than_any_account_has_is_refused_with_a_sentence(client):
    response = log_in(client, f"{'a' * 250}@example.org")
    assert response.status_code == 200
    assert "at most 254 characters" in response.content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_log_in_leads_to_no_other_site(client, maya, elsewhere):
    assert log_in(client, "maya@example.org", next=elsewhere)["Location"] == "/password/"
    assert client.post("/logout/", {"next": elsewhere})["Location"] == "/login/"


def test_log_in_leads_back_to_the_page_that_asked_for_it(client, maya):
    assert log_in(client, "maya@example.org", next="/password/?a=1")["Location"] == "/password/?a=1"


@pytest.mark.django_db(transaction=True)
def test_a_session_knows_whose_it_is_and_ends_with_them(client, maya):
    client.get("/login/")
    log_in(client, "maya@example.org")
    session = Session.objects.get()
    assert session.user == maya
    store = client.session
    store["late"] = True
    Profile.objects.all().delete()
    assert not Session.objects.exists()
    for write in (store.save, store.cycle_key):  # an update and an insert
        with pytest.raises(UpdateError):
            write()
    store = SessionStore()
    store["nobody"] = True
    store.create()
    assert Session.objects.get().user is None
    Session.objects.update(expire_date=timezone.now())
    call_command("clearsessions")
    assert not Session.objects.exists()


def test_logging_out_takes_a_post(client, maya):
    client.force_login(maya)
    assert client.get("/logout/").status_code == 405
    client.post("/logout/")
    assert "_auth_user_id" not in client.session


def test_a_form_that_came_too_late_is_told_of_at_the_log_in_which_leads_back_to_its_page(client, maya):
    written = {"HTTP_REFERER": "http://testserver/days/?kind=notes"}
    response = client.post("/password/", {"new_password1": "x"}, **written)
    assert response["Location"] == "/login/?next=/days/%3Fkind%3Dnotes&refused=1"
    assert client.post("/password/", HTTP_REFERER="https://evil.example/")["Location"].startswith("/login/?next=/passw")
    wrong = {"username": "maya@example.org", "password": "wrong"}
    for page in (client.get(response.url), client.post(response.url, wrong)):
        assert "You are logged out: what you sent was not saved." in page.text
        # Only the browser knows what it keeps; without its word nothing is promised.
        assert "<span data-kept hidden>What you wrote is kept in this browser" in page.text
    assert "not saved" not in client.get(client.get("/password/", **written).url).text


def test_logging_out_twice_loses_nothing(client):
    assert client.post("/logout/").url == "/login/"


def test_after_ten_wrong_passwords_the_right_one_waits_too(client, maya):
    for _ in range(9):
        assert log_in(client, "maya@example.org", "wrong").status_code == 200
    response = log_in(client, "MAYA@example.org", "wrong")
    assert response.status_code == 429
    assert "Too many attempts" in response.content.decode()
    assert log_in(client, "maya@example.org").status_code == 429
    # The admin has no log-in of its own.
    client.post("/admin/login/", {"username": "maya@example.org", "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_who_is_locked_out_is_led_back_to_the_log_in_that_leads_where_they_wanted(client, maya):
    asked = client.get("/password/").url
    assert asked == "/login/?next=/password/"
    for _ in range(10):
        response = client.post(asked, {"username": "maya@example.org", "password": "wrong"})
    assert response.status_code == 429
    assert f'<a class="button" href="{asked}">Back to log-in</a>' in response.text
    assert '<a class="button" href="/login/">Back to log-in</a>' in log_in(client, "maya@example.org").text


def test_others_and_other_places_are_not_locked_out(client, maya):
    Profile.objects.create_user("jonas@example.org", PASSWORD)
    for _ in range(10):
        log_in(client, "maya@example.org", "wrong")
    assert log_in(client, "jonas@example.org").status_code == 302
    client.post("/logout/")
    client.defaults["REMOTE_ADDR"] = "192.0.2.7"
    assert log_in(client, "maya@example.org").status_code == 302


def test_behind_a_proxy_the_address_that_it_added_counts(client, maya, settings):
    settings.BEHIND_PROXY = True
    for attempt in range(10):
        client.defaults["HTTP_X_FORWARDED_FOR"] = f"198.51.100.{attempt}, 192.0.2.7"
        log_in(client, "maya@example.org", "wrong")
    assert log_in(client, "maya@example.org").status_code == 429
    client.defaults["HTTP_X_FORWARDED_FOR"] = "192.0.2.8"
    assert log_in(client, "maya@example.org").status_code == 302


def test_who_has_a_network_of_ipv6_has_no_more_tries_than_who_has_one_address(client, maya):
    for number in range(10):
        client.defaults["REMOTE_ADDR"] = f"2001:db8::{number}:1"
        response = log_in(client, "maya@example.org", "wrong")
    assert response.status_code == 429
    client.defaults["REMOTE_ADDR"] = "2001:db8:0:1::1"
    assert log_in(client, "maya@example.org").status_code == 302


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.1:9999, 192.0.2.7:5678", "192.0.2.7"),
        ("[2001:db8::1]:80", "2001:db8::"),
        ("[2001:db8::1]", "2001:db8::"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("unknown", "127.0.0.1"),
        ("[::1", "127.0.0.1"),
        ("192.0.2.7,", "127.0.0.1"),
        ("999.1.1.1", "127.0.0.1"),
    ],
)
def test_whatever_a_proxy_says_a_wrong_password_is_counted(client, maya, settings, forwarded, address):
    """By the address, whatever stands around it; by the proxy's own where there is none."""
    settings.BEHIND_PROXY = True
    client.defaults["HTTP_X_FORWARDED_FOR"] = forwarded
    assert log_in(client, "maya@example.org", "wrong").status_code == 200
    assert AccessAttempt.objects.get().ip_address == address


def test_a_server_on_a_socket_without_addresses_counts_wrong_passwords_too(client, maya):
    client.defaults["REMOTE_ADDR"] = ""
    for _ in range(10):
        response = log_in(client, "maya@example.org", "wrong")
    assert response.status_code == 429


def test_a_right_password_forgets_the_wrong_ones(client, maya):
    for _ in range(2):
        for _ in range(9):
            log_in(client, "maya@example.org", "wrong")
        assert log_in(client, "maya@example.org").status_code == 302
        client.post("/logout/")


def test_a_person_changes_their_password(client, maya):
    client.force_login(maya)
    response = client.post("/password/", {"old_password": PASSWORD, "new_password1": "12345", "new_password2": "12345"})
    assert "too short" in str(response.context["form"].errors["new_password1"])
    assert "new_password2" not in response.context["form"].errors
    unlike = {"old_password": PASSWORD, "new_password1": "three options", "new_password2": "three option"}
    assert "match" in str(client.post("/password/", unlike).context["form"].errors["new_password2"])
    fields = {"old_password": PASSWORD, "new_password1": "three options", "new_password2": "three options"}
    assert client.post("/password/", fields)["Location"] == "/password/changed/"
    assert "Your password is changed" in client.get("/password/changed/").content.decode()
    maya.refresh_from_db()
    assert maya.check_password("three options")


def test_a_forgotten_password_is_replaced_by_mail(client, maya, settings, mailoutbox):
    settings.ROOT_URLCONF = "tests.look.urls"
    assert "Forgot your password?</a>" in client.get("/login/").content.decode()
    assert "E-mail address</label>" in client.get("/password/forgotten/").text
    copied = "\u200bMaya@example.org"  # with something that nobody sees
    response = client.post("/password/forgotten/", {"email": copied}, follow=True)
    assert "Check your e-mail" in response.content.decode()
    (mail,) = mailoutbox
    assert mail.subject == "A new password for Student Activity Timeline"
    link = re.search(r"https?://[^/]+(/\S+)", mail.body)[1]
    form = client.get(link, follow=True)
    path = form.redirect_chain[-1][0]
    fields = {"new_password1": "three options", "new_password2": "three options"}
    assert "Your new password is set" in client.post(path, fields, follow=True).content.decode()
    assert "This link no longer works" in client.get(link, follow=True).content.decode()


def test_whoever_asks_for_a_new_password_again_and_again_has_few_mails_sent(client, maya, settings, mailoutbox):
    settings.ROOT_URLCONF = "tests.look.urls"
    for _ in range(5):
        answer = client.post("/password/forgotten/", {"email": maya.email}, follow=True)
        assert "Check your e-mail" in answer.text
    assert len(mailoutbox) == 3
    Profile.objects.create_user("nia@example.org", PASSWORD)
    for address in ("nia@example.org", "nobody@example.org"):
        client.post("/password/forgotten/", {"email": address})
    assert mailoutbox[-1].to == ["nia@example.org"]
    assert AccessAttempt.objects.count() == 2, "of strangers' addresses nothing is kept"
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME)
    client.post("/password/forgotten/", {"email": maya.email})
    assert [mail.to for mail in mailoutbox[4:]] == [[maya.email]]


def test_the_address_of_the_mail_server_says_how_to_reach_it():
    with override_settings(MAILERS={"default": mailer("smtp+tls://anna:p%40ss@mail.example.org:587")}):
        smtp = mailers["default"]
    assert (smtp.host, smtp.port, smtp.username, smtp.password) == ("mail.example.org", 587, "anna", "p@ss")
    assert smtp.use_tls
    with override_settings(MAILERS={"default": mailer("smtp+ssl://mail.example.org:465")}):
        assert mailers["default"].use_ssl
    with override_settings(MAILERS={"default": mailer("consolemail://")}):
        assert mailers["default"]


def test_mail_can_be_put_into_a_directory(tmp_path):
    with override_settings(MAILERS={"default": mailer(f"filemail://{tmp_path}/mails")}):
        EmailMessage("Hello", "you", to=["maya@example.org"]).send()
    [mail] = (tmp_path / "mails").iterdir()
    assert "Subject: Hello" in mail.read_text()


def test_without_a_mail_server_no_link_is_promised(client):
    assert "Ask the person who runs your courses" in client.get("/login/").content.decode()
    assert client.get("/password/forgotten/").status_code == 404
