"""News by mail: asked for in the account, confirmed from the mailbox, ended from either (docs/decisions/0044)."""

import datetime
import secrets
import uuid

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.links import SecretLinks
from news.mails import confirmation
from news.models import HowOften, NewsByMail
from profiles.throttling import may_mail_link
from timeline.models import DAY_ZONE

HOLDS = datetime.timedelta(days=3)  # a link that confirms
A_DAY = datetime.timedelta(days=1)
MOST_A_DAY = 3  # links that are mailed to one person
PAUSE = {HowOften.DAILY: datetime.timedelta(days=1), HowOften.WEEKLY: datetime.timedelta(days=7)}

CONFIRMING, STOPPING = SecretLinks("news.confirming"), SecretLinks("news.stopping")


class AskedTooOften(Exception):
    """MOST_A_DAY links were mailed within a day, or too many to the address; `again_at` is when another one can be."""

    def __init__(self, again_at):
        super().__init__(again_at)
        self.again_at = again_at


def is_offered():
    """Whether the site can mail news: it has a mail server, and knows its own address."""
    return bool(settings.EMAIL_URL and settings.SITE_ADDRESS)


def usual(person):
    """How often, unless they say otherwise: students daily, as one who learns waits for an answer; teachers weekly."""
    return HowOften.WEEKLY if person.courses_taught.exists() else HowOften.DAILY


def choice_of(person):
    """The person's NewsByMail; None if they never chose."""
    return NewsByMail.objects.filter(person=person).first()


def is_on(choice, person):
    """Whether news are mailed to the person's present address."""
    return bool(choice.confirmed_at and choice.email == person.email)


def waits(choice, person):
    """Whether a link that was mailed to the person's present address can be followed still."""
    return bool(
        choice.link
        and not choice.confirmed_at
        and choice.email == person.email
        and choice.asked_at > timezone.now() - HOLDS
    )


def choose(person, how_often, *, again=False):
    """Have news mailed to the person as often; return their NewsByMail.

    Where their address has not confirmed it yet, a link is mailed there; once, unless they ask for it `again`.
    AskedTooOften; OSError if the mail server does not take it, and nothing has changed.
    """
    with transaction.atomic():
        NewsByMail.objects.get_or_create(person=person)
        choice = NewsByMail.objects.select_for_update(no_key=True).get(person=person)
        if how_often == HowOften.OFF:
            _end(choice)
        elif is_on(choice, person):
            if choice.how_often != how_often:
                choice.how_often, choice.due_on = how_often, due_on(choice.told_until, how_often)
        else:
            waited = waits(choice, person)
            choice.how_often = how_often
            if again or not waited:
                _ask(choice, person, anew=not waited)
        choice.save()
    return choice


def _ask(choice, person, *, anew):
    now = timezone.now()
    if choice.asked_since is None or choice.asked_since <= now - A_DAY:
        choice.asked_since, choice.asked = now, 0
    if choice.asked >= MOST_A_DAY:
        raise AskedTooOften(choice.asked_since + A_DAY)
    if not may_mail_link(person.email, "news"):
        raise AskedTooOften(now + settings.AXES_COOLOFF_TIME)
    if anew:
        choice.link = uuid.UUID(bytes=secrets.token_bytes(16))
    choice.email, choice.asked_at, choice.asked = person.email, now, choice.asked + 1
    choice.confirmed_at = choice.told_until = choice.due_on = None
    confirmation(choice, CONFIRMING.token(choice.link), until=now + HOLDS).send()


def due_on(told_at, how_often):
    """The first day of the timeline on which there may be a mail after one of `told_at`."""
    return told_at.astimezone(DAY_ZONE).date() + PAUSE[how_often]


def _confirmable():
    """The choices whose links can be followed, also those that were."""
    choices = NewsByMail.objects.exclude(how_often=HowOften.OFF)
    asked = choices.filter(asked_at__gt=timezone.now() - HOLDS, link__isnull=False)
    return asked.filter(person__is_active=True, person__email=F("email"))


def choice_of_confirming(token):
    """The choice that an address ending so confirms; None if it is none of ours, or has ended."""
    link = CONFIRMING.link_of(token)
    return link and _confirmable().filter(link=link).first()


def confirm(choice):
    """What the mailbox's owner says; whether the link held still.  Saying so again changes nothing."""
    with transaction.atomic():
        found = _confirmable().select_for_update(no_key=True, of=("self",)).filter(pk=choice.pk, link=choice.link)
        choice = found.first()
        if choice and not choice.confirmed_at:
            choice.confirmed_at = choice.told_until = timezone.now()
            choice.due_on = due_on(choice.told_until, choice.how_often)
            choice.save()
    return choice is not None


def stopping_token(choice):
    """What the address ends with by which a choice is ended, for as long as there is its account."""
    return STOPPING.token(choice.pk)


def choice_of_stopping(token):
    """The choice that an address ending so ends; None if it is none of ours, or its account is gone."""
    link = STOPPING.link_of(token)
    return link and NewsByMail.objects.filter(pk=link).first()


def stop(choice):
    """End a choice, and what was confirmed; ending it again changes nothing."""
    with transaction.atomic():
        there = NewsByMail.objects.select_for_update(no_key=True).filter(pk=choice.pk).first()
        if there:
            _end(there)
            there.save()


def _end(choice):
    choice.how_often, choice.email, choice.link = HowOften.OFF, "", None
    choice.confirmed_at = choice.told_until = choice.due_on = None
