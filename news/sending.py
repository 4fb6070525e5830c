"""Mailing the news to everybody who is due (docs/decisions/0044)."""

import datetime
import re
import smtplib
import ssl
from collections import namedtuple
from uuid import UUID

from django.core.mail import mailers
from django.db import transaction
from django.utils import timezone

from news.choosing import due_on, is_on, stopping_token
from news.mails import mail_of
from news.models import NewsByMail
from news.telling import news_of
from timeline.keyset import Keyset
from timeline.models import DAY_ZONE

BATCH = 100  # people whose news are read at once
SETTLING = datetime.timedelta(minutes=1)  # what is younger may be of a transaction that is not committed yet
FAILURES = 3  # of the mail server in a row: it is down
REFUSALS = 20  # of mails in a row: it takes none

BY_DAY = Keyset(("due_on", "id"), (datetime.date, UUID))

Unsent = namedtuple("Unsent", ["person", "reason"])


class ServerDown(Exception):
    """The mail server does not answer, or takes no mail: why, in a line."""


class Post:
    """A connection to the mail server, opened anew where it was lost.

    What is wrong with one mail is told by send().  So is what is wrong with the server, until it fails FAILURES times
    in a row, or refuses REFUSALS mails in a row for another reason than that their address is gone: ServerDown.
    """

    # RFC 5321 has servers refuse a mail by each of these; ValueError is an address that is none (Django).
    REFUSED = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, smtplib.SMTPSenderRefused, ValueError)

    def __init__(self):
        self.server = mailers.default
        self.failures = self.refusals = 0
        self.is_open = False

    def send(self, mail):
        """None if the server took it, else why not."""
        try:
            self._send(mail)
        except ssl.SSLError as error:  # before REFUSED: a certificate that is not trusted is a ValueError, too
            return self._failed(error)
        except self.REFUSED as error:
            self.refusals += not is_of_the_address(error)
            if self.refusals == REFUSALS:
                raise ServerDown(f"it refused {REFUSALS} mails in a row, the last one: {line(error)}") from error
            return line(error)
        except OSError as error:  # smtplib's own errors are such
            return self._failed(error)
        self.failures = self.refusals = 0
        return None

    def _failed(self, error):
        self.close()
        self.failures += 1
        if self.failures == FAILURES:
            raise ServerDown(line(error)) from error
        return line(error)

    def _send(self, mail):
        was_open = self.is_open
        try:
            self._deliver(mail)
        except smtplib.SMTPServerDisconnected:
            if not was_open:
                raise
            # Many servers end a connection after so many mails; it is no fault of this one.
            self.close()
            self._deliver(mail)

    def _deliver(self, mail):
        self.server.open()
        self.is_open = True
        self.server.send_messages([mail])

    def close(self):
        self.is_open = False
        try:
            self.server.close()
        except OSError:
            self.server = mailers.default


def is_of_the_address(error):
    """Whether a refusal says of the address itself that it takes no mail (RFC 3463); such are many, and due first."""
    if not isinstance(error, smtplib.SMTPRecipientsRefused):
        return isinstance(error, ValueError)  # it is none that a server could be told
    [(_, said)] = error.recipients.values()
    return re.match(rb"[45]\.(1\.(?![78])|2\.)\d", said) is not None  # 1.7 and 1.8 are of the sender's


def may_be_mailed(choice):
    return choice.person.is_active and is_on(choice, choice.person)


def line(error):
    """An error on one line."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        [(code, said)] = error.recipients.values()
    else:
        code, said = getattr(error, "smtp_code", ""), getattr(error, "smtp_error", str(error))
    if isinstance(said, bytes):
        said = said.decode(errors="replace")
    return " ".join(f"{code} {said}".split()) or type(error).__name__


class Run:
    """Mails each person who is due, once; iterating yields after each of them.

    Each mail is a transaction of its own, which holds the person's NewsByMail while the mail server takes it; whoever
    is held by another run is left to that one.  At least once: what is killed between the server's word and the commit
    is mailed again by the next run, on the same day with the same Message-ID.
    `done`, `sent`: how many people; `unsent`: [Unsent], who are due still.
    """

    def __init__(self):
        self.started = timezone.now()
        self.today = self.started.astimezone(DAY_ZONE).date()
        self.done = self.sent = 0
        self.unsent = []

    def due(self):
        """The choices by which somebody may be mailed, unless their account is closed or has another address by now.

        Index: news_by_mail_due.
        """
        return NewsByMail.objects.filter(due_on__lte=self.today)

    def count(self):
        return self.due().count()

    def batch(self, after):
        """The next of them by day, with their people: two queries, as PostgreSQL would read all to join them."""
        return list(BY_DAY.rows(self.due(), after).prefetch_related("person")[:BATCH])

    def __iter__(self):
        post, after = Post(), None
        try:
            while batch := self.batch(after):
                until = timezone.now() - SETTLING
                news = news_of([choice for choice in batch if may_be_mailed(choice)], until=until)
                for choice in batch:
                    if choice.person_id in news:
                        self._mail(post, choice, news[choice.person_id], until)
                    self.done += 1
                    yield
                after = BY_DAY.cursor(batch[-1])
        finally:
            post.close()

    def _mail(self, post, choice, news, until):
        with transaction.atomic():
            held = self.due().select_for_update(skip_locked=True, no_key=True, of=("self",)).select_related("person")
            there = held.filter(pk=choice.pk, told_until=choice.told_until).first()
            if there is None or not may_be_mailed(there):  # another run's, or ended meanwhile
                return
            if reason := post.send(mail_of(there, news, stopping_token(there), day=self.today)):
                self.unsent.append(Unsent(there.person_id, reason))
                return
            there.told_until, there.due_on = until, due_on(self.started, there.how_often)
            there.save(update_fields=["told_until", "due_on"])
        self.sent += 1
