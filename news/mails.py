"""The mails: names, counts and links, and never anybody's words, as mail is read on strangers' servers."""

import email.policy
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.defaultfilters import truncatechars
from django.template.loader import render_to_string
from django.utils.crypto import salted_hmac

from config.counts import capped
from config.links import absolute
from profiles.writing import name_of
from timeline.queries import WAITING_LIMIT

NAME_LENGTH = 60  # characters of a name or title: a subject is one line
LONGEST_LINE = 998
LINES = 10  # of one kind in a mail


class WholeHeader(UnstructuredHeader):
    """A header on one line, however long: Python's way to break an address is one that no mail program mends."""

    def fold(self, *, policy):
        return f"{self.name}: {self}{policy.linesep}"


HEADERS = HeaderRegistry()
HEADERS.map_to_type("list-unsubscribe", WholeHeader)


class Mail(EmailMessage):
    """A mail whose links stand in it as they are: lines as long as they may be (RFC 5322), and not encoded for that."""

    def message(self, *, policy=email.policy.default):
        policy = policy.clone(header_factory=HEADERS)
        message = super().message(policy=policy.clone(max_line_length=LONGEST_LINE))
        message.policy = policy
        return message


def confirmation(choice, token, *, until):
    """The mail whose link confirms a choice.

    Without a name: anybody may have made an account with this address, and a name is what they like to have mailed.
    """
    context = {"email": choice.email, "link": absolute("confirm_news", token), "until": until}
    return Mail(
        "Do you want news by mail?",
        render_to_string("news/confirmation.txt", context),
        to=[choice.email],
        headers={"Auto-Submitted": "auto-generated"},
    )


def mail_of(choice, news, token, *, day):
    """The mail of `day` that tells a NewsByMail of its News.

    By its Message-ID mail programs know it, if a run that was killed is followed by one that mails it again.
    """
    written = [
        f"{_called(name)} answered {_several(number, news.answers, 'of your reflections', 'one of your reflections')}"
        for name, number in news.answers.by
    ]
    written += [
        f"{_called(name)} sent you {_several(number, news.messages, 'messages', 'a message')}"
        for name, number in news.messages.by
    ]
    waiting = [
        (f"{_waiting(number)} in {_called(title, 'a course')}", f"{absolute('inbox')}?course={course}")
        for course, title, number in news.waiting
    ]
    stop = absolute("stop_news", token)
    context = {
        "written": written[:LINES],
        "written_more": len(written[LINES:]),
        "waiting": waiting[:LINES],
        "waiting_more": len(waiting[LINES:]),
        "how_often": choice.get_how_often_display().lower(),
        "home": absolute("home"),
        "inbox": absolute("inbox"),
        "choice": absolute("news_by_mail"),
        "stop": stop,
    }
    lines = [*written, *(line for line, _ in waiting)]
    number = salted_hmac("news.mails", f"{choice.pk} {day}", algorithm="sha256").hexdigest()[:32]
    return Mail(
        lines[0] if len(lines) == 1 else _summary(news),
        render_to_string("news/news.txt", context),
        to=[choice.email],
        headers={
            "Message-ID": f"<news-{number}@{urlsplit(settings.SITE_ADDRESS).hostname}>",
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )


def _summary(news):
    """How much there is of each, as a subject."""
    told = [
        _several(count.number, count, f"new {noun}s", f"a new {noun}")
        for count, noun in ((news.answers, "answer"), (news.messages, "message"))
        if count.by
    ]
    if news.waiting:
        told.append(_waiting(sum(number for *_, number in news.waiting)))
    summary = ", ".join(told)
    return summary[0].upper() + summary[1:]


def _called(text, otherwise="An instructor"):
    """A name or a title on one short line, whatever is in it."""
    return truncatechars(name_of(text or ""), NAME_LENGTH) or otherwise


def _several(number, count, several, one):
    """`number`, which is a Count's or one author's part of it; of what was not counted to its end it may be more."""
    if count.limited:
        return f"{min(number, count.number)}+ {several}"
    return one if number == 1 else f"{number} {several}"


def _waiting(number):
    several = "reflection is" if number == 1 else "reflections are"
    return f"{capped(number, WAITING_LIMIT)} {several} waiting for your answer"
