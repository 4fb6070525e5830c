"""manage.py mail_news: who is mailed, once, whatever fails and whoever else runs it at the same time."""

import io
import os
import signal
import smtplib
import socketserver
import ssl
import threading
from functools import partial
from types import SimpleNamespace

import pytest
from django.core import mail as django_mail
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from config.mail import PATIENCE, mailer
from news import choosing, sending
from news.models import NewsByMail
from tests import factories
from tests.test_concurrency import connect  # noqa: F401
from tests.test_news import SITE, a_site_with_mail, ago, written  # noqa: F401
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    """Five people with news: a message of an hour ago."""
    return told(5)


def told(number):
    author = factories.ProfileFactory(full_name="Naomi Adeyemi")
    found = []
    for _ in range(number):
        person = factories.NewsByMailFactory().person
        written(SimpleNamespace(maya=person, naomi=author))
        found.append(person)
    return found


def mail_news():
    """What the command says, on both streams, and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("mail_news", stdout=out, stderr=err)
    except CommandError as error:
        return f"{out.getvalue()}{err.getvalue()}{error}", error.returncode
    except SystemExit as error:
        return f"{out.getvalue()}{err.getvalue()}", error.code
    return out.getvalue() + err.getvalue(), 0


def due():
    return set(NewsByMail.objects.filter(due_on__lte=timezone.localdate()).values_list("email", flat=True))


class Server(socketserver.ThreadingTCPServer):
    """A mail server: `accepted` are the (address, content) that it took; `answers`, what it says to RCPT of an address.

    It hangs up after `most` mails on a connection, and altogether once it has taken `dies_after`.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, most=10**6, dies_after=None):
        super().__init__(("127.0.0.1", 0), Session)
        self.accepted, self.answers, self.connections = [], {}, 0
        self.most, self.dies_after = most, dies_after

    @property
    def is_dead(self):
        return self.dies_after is not None and len(self.accepted) >= self.dies_after


class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.server.connections += 1
        if self.server.is_dead:
            return
        self.say("220 ready")
        taken, to = 0, ""
        for line in self.rfile:
            verb = line.decode().strip()
            if verb.upper().startswith("RCPT"):
                to = verb.partition("<")[2].rstrip(">")
                self.say(self.server.answers.get(to, "250 ok"))
            elif verb.upper() == "DATA":
                self.say("354 go on")
                content = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.accepted.append((to, content.decode()))
                self.say("250 taken")
                taken += 1
                if taken == self.server.most or self.server.is_dead:
                    return
            elif verb.upper() == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


@pytest.fixture
def smtp(settings):
    """A function that starts a Server, to which mail then goes."""
    servers = []

    def start(**options):
        server = Server(**options)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        settings.MAILERS = {"default": mailer(f"smtp://127.0.0.1:{server.server_address[1]}")}
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


# What it says


def test_it_says_what_it_did_and_a_second_run_finds_nothing_to_do(people, mailoutbox):
    factories.NewsByMailFactory()
    assert mail_news() == ("5 mails sent, of 6 people looked at.\n", 0)
    assert {mail.to[0] for mail in mailoutbox} == {person.email for person in people}
    assert mail_news() == ("0 mails sent, of 1 person looked at.\n", 0)
    assert len(mailoutbox) == 5


@pytest.mark.parametrize(("missing", "said"), [("EMAIL_URL", "no mail server"), ("SITE_ADDRESS", "lead nowhere")])
def test_without_a_mail_server_or_an_address_it_says_so_and_fails(people, mailoutbox, settings, missing, said):
    setattr(settings, missing, "")
    words, code = mail_news()
    assert said in words
    assert f"set {missing}" in words
    assert code == 2
    assert not mailoutbox


# By way of a mail server


def test_it_mails_by_one_connection(people, smtp):
    server = smtp()
    assert mail_news()[1] == 0
    assert server.connections == 1
    assert {to for to, _ in server.accepted} == {person.email for person in people}
    assert all(f"List-Unsubscribe: <{SITE}/news-by-mail/stop/" in content for _, content in server.accepted)
    assert len({content.partition("Message-ID: ")[2].split()[0] for _, content in server.accepted}) == 5


def test_a_server_that_ends_connections_after_some_mails_is_asked_anew(people, smtp):
    server = smtp(most=2)
    assert mail_news() == ("5 mails sent, of 5 people looked at.\n", 0)
    assert len(server.accepted) == 5
    assert server.connections == 3


@pytest.mark.parametrize("answer", ["550 no such mailbox", "451 try later", "421 too many"])
def test_an_address_that_is_refused_stops_nobody_else_and_is_tried_again(people, smtp, answer):
    server = smtp()
    server.answers[people[2].email] = answer
    words, code = mail_news()
    assert code == 1
    assert "4 mails sent, of 5 people looked at." in words
    assert f"{people[2].pk}: {answer}" in words
    assert words.endswith("1 mail could not be sent; the next run tries again.")
    assert due() == {people[2].email}
    server.answers.clear()
    assert mail_news() == ("1 mail sent, of 1 person looked at.\n", 0)
    assert {to for to, _ in server.accepted} == {person.email for person in people}
    assert len(server.accepted) == 5


def test_an_address_that_cannot_be_written_to_stops_nobody_else(people, smtp, monkeypatch):
    monkeypatch.setattr(sending, "REFUSALS", 1)
    server = smtp()
    for model, who in ((type(people[0]), {"pk": people[0].pk}), (NewsByMail, {"person": people[0]})):
        model.objects.filter(**who).update(email="måya@example.org")
    words, code = mail_news()
    assert code == 1
    assert "Invalid address" in words
    assert len(server.accepted) == 4


def test_a_server_that_dies_in_the_middle_is_given_up_soon_and_the_next_run_does_the_rest(smtp, monkeypatch):
    people = told(12)
    server = smtp(dies_after=4)
    words, code = mail_news()
    assert code == 1
    assert "The mail server is down" in words
    assert "4 mails sent" in words
    assert server.connections <= 1 + 2 * sending.FAILURES
    assert len(due()) == 8
    server.dies_after = None
    assert mail_news()[1] == 0
    assert sorted(to for to, _ in server.accepted) == sorted(person.email for person in people)


def test_a_server_that_is_not_there_is_asked_three_times_and_never_for_long(smtp, settings):
    told(12)
    server = smtp(dies_after=0)
    words, code = mail_news()
    assert code == 1
    assert "0 mails sent" in words
    assert server.connections == sending.FAILURES
    assert settings.MAILERS["default"]["OPTIONS"]["timeout"] == PATIENCE == 20


def test_a_server_that_refuses_everybody_is_given_up(smtp, monkeypatch):
    monkeypatch.setattr(sending, "REFUSALS", 3)
    people = told(6)
    server = smtp()
    server.answers = {person.email: "452 over quota" for person in people}
    words, code = mail_news()
    assert code == 1
    assert "it refused 3 mails in a row" in words
    assert len(due()) == 6


def test_failures_that_are_not_in_a_row_stop_nobody_else(mailoutbox, monkeypatch):
    people, deliver = told(12), sending.Post._deliver
    failing = {person.email for person in people[::2]}

    def fail_now_and_then(post, mail):
        if mail.to[0] in failing:
            raise ConnectionResetError("reset by peer")
        deliver(post, mail)

    monkeypatch.setattr(sending.Post, "_deliver", fail_now_and_then)
    words, code = mail_news()
    assert code == 1
    assert "6 mails sent, of 12 people looked at." in words
    assert due() == failing


def test_addresses_that_are_gone_however_many_keep_no_mail_from_the_others(smtp, monkeypatch):
    """They have been due for longest, and so come first; day after day."""
    monkeypatch.setattr(sending, "REFUSALS", 3)
    people = told(6)
    server = smtp()
    gone = {person.email: "550 5.1.1 no such user" for person in people[:4]} | {people[4].email: "552 5.2.2 full"}
    server.answers = gone
    words, code = mail_news()
    assert code == 1
    assert "1 mail sent, of 6 people looked at." in words
    assert [to for to, _ in server.accepted] == [people[5].email]
    assert due() == set(gone)


@pytest.mark.parametrize("answer", ["550 5.1.8 bad sender", "554 5.7.1 relay access denied", "550 no"])
def test_what_is_not_said_of_an_address_alone_is_the_servers(smtp, monkeypatch, answer):
    monkeypatch.setattr(sending, "REFUSALS", 3)
    server = smtp()
    server.answers = {person.email: answer for person in told(6)}
    words, _ = mail_news()
    assert "it refused 3 mails in a row" in words


def test_a_server_that_refuses_some_between_others_is_not_given_up(smtp, monkeypatch):
    monkeypatch.setattr(sending, "REFUSALS", 2)
    people = told(6)
    server = smtp()
    server.answers = {person.email: "550 no such mailbox" for person in people[::2]}
    words, code = mail_news()
    assert code == 1
    assert "3 mails sent, of 6 people looked at." in words
    assert "3 mails could not be sent; the next run tries again." in words


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (smtplib.SMTPAuthenticationError(535, b"wrong password"), "535 wrong password"),
        (ssl.SSLCertVerificationError(1, "self-signed certificate"), "self-signed certificate"),
    ],
)
def test_a_login_that_the_server_refuses_and_a_server_that_is_not_trusted_are_no_fault_of_a_mail(
    people, monkeypatch, error, said
):
    asked = []

    def refuse(server, messages):
        asked.extend(messages)
        raise error

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    words, code = mail_news()
    assert code == 1
    assert f"The mail server is down ({said})" in words
    assert len(asked) == sending.FAILURES
    assert len(due()) == 5


# Stopped, and beside others


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_can_be_stopped_and_goes_on(people, mailoutbox, monkeypatch, number, code):
    deliver = sending.Post._deliver

    def stop_after_two(post, mail):
        if len(django_mail.outbox) == 2:
            os.kill(os.getpid(), number)
        deliver(post, mail)

    monkeypatch.setattr(sending.Post, "_deliver", stop_after_two)
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert mail_news() == ("Interrupted: 2 mails sent, of 2 people looked at. The same command goes on.\n", code)
    finally:
        signal.signal(signal.SIGINT, before)
    monkeypatch.undo()
    assert len(due()) == 3
    assert mail_news()[1] == 0
    assert sorted(mail.to[0] for mail in mailoutbox) == sorted(person.email for person in people)


def test_what_is_killed_after_the_servers_word_is_mailed_again_under_the_same_name(people, mailoutbox, monkeypatch):
    save = NewsByMail.save

    def die(choice, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(NewsByMail, "save", die)
    assert mail_news()[1] == 130
    monkeypatch.setattr(NewsByMail, "save", save)
    assert mail_news()[1] == 0
    [first, *rest] = [mail.extra_headers["Message-ID"] for mail in mailoutbox]
    assert first == rest[0]
    assert len(set(rest)) == len(rest) == 5


@pytest.mark.django_db(transaction=True)
def test_two_at_once_mail_everybody_once(smtp, monkeypatch):
    monkeypatch.setattr(sending, "BATCH", 7)
    people = told(25)
    server = smtp()
    runs = [sending.Run(), sending.Run()]
    at_once(*(partial(list, run) for run in runs))
    assert sorted(to for to, _ in server.accepted) == sorted(person.email for person in people)
    assert sum(run.sent for run in runs) == 25
    assert not due()


@pytest.mark.django_db(transaction=True)
def test_who_is_held_by_another_run_is_passed_over_without_waiting(people, mailoutbox, connect):  # noqa: F811
    other = connect()
    other.execute("SELECT FROM news_by_mail WHERE person_id = %s FOR NO KEY UPDATE", [people[0].pk])
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '2s'")
    assert mail_news()[1] == 0
    assert {mail.to[0] for mail in mailoutbox} == {person.email for person in people[1:]}
    other.rollback()
    assert mail_news()[1] == 0
    assert len(mailoutbox) == 5


@pytest.mark.django_db(transaction=True)
def test_who_ends_it_while_a_run_is_under_way_gets_no_mail(people, mailoutbox):
    run = sending.Run()
    under_way = iter(run)
    next(under_way)  # the batch is read
    for choice in NewsByMail.objects.all():
        choosing.stop(choice)
    for _ in under_way:
        pass
    assert len(mailoutbox) == 1


def test_a_lost_connection_to_the_database_is_told_in_a_sentence(people, monkeypatch):
    def lose(*args, **options):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("news.sending.news_of", lose)
    words, code = mail_news()
    assert "The connection to the database was lost (server closed the connection unexpectedly): 0 mails sent" in words
    assert code == 1


def test_without_a_terminal_it_says_now_and_then_how_far_it_is(people, mailoutbox, monkeypatch):
    monkeypatch.setattr("timeline.management.console.REPORT_EVERY", 0)
    words, _ = mail_news()
    assert "1 of 5 people, " in words
