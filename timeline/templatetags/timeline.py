"""Filters for times in a video, days and counts."""

import datetime
import re

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince

from courses.forms import clock
from timeline.kinds import KINDS
from timeline.models import DAY_ZONE
from timeline.queries import COUNT_LIMIT, today
from timeline.words import WORDS

register = template.Library()
MINUTE = datetime.timedelta(minutes=1)
register.filter(clock)


@register.filter
def day(date, seen_on):
    """A day's name as `seen_on` a day: "Today", "Yesterday", "Sunday, 15 March", with the year where it is another."""
    if (seen_on - date).days in (0, 1):
        return "Yesterday" if (seen_on - date).days else "Today"
    return date_format(date, "l, j F" if date.year == seen_on.year else "l, j F Y")


@register.filter
def on_day(time, seen_on):
    """When a time was, as `seen_on` a day, in a sentence: "at 9:41 am", "yesterday", "on Sunday, 15 March"."""
    date = time.astimezone(DAY_ZONE).date()
    if date == seen_on:
        return f"at {date_format(timezone.localtime(time), 'g:i a')}"
    return "yesterday" if (seen_on - date).days == 1 else f"on {day(date, seen_on)}"


@register.filter
def short_day(time):
    """The day of a time, short: "15 Mar", with the year where it is another than today's."""
    local = timezone.localtime(time)
    return date_format(local, "j M" if local.year == today().year else "j M Y")


@register.filter
def age(time):
    """How long ago a time is, in its largest unit: "2 weeks"."""
    now = timezone.now()
    return timesince(time, now, depth=1) if now - time >= MINUTE else "less than a minute"


@register.filter
def noun(entry):
    """What an entry of somebody's words is called: "note", "reflection"."""
    return WORDS[entry.source_table].noun


@register.filter
def capped(number, limit=COUNT_LIMIT):
    """A count that stops at a limit: 12 gives "12", 10001 gives "10,000+"."""
    return f"{number:,}" if number <= limit else f"{limit:,}+"


@register.filter
def together(moments):
    """Those of `moments` where several wait."""
    return [moment for moment in moments if moment.count > 1]


@register.filter
def waiting_count(inbox):
    """How much waits in a `queries.Inbox`: "12", or "10,000+" where not all was looked through."""
    return f"{inbox.count:,}+" if inbox.limited else f"{inbox.count:,}"


@register.filter
def by_kind(counts):
    """{activity_type: number} as [(kind, number, noun)] in the order of the plan, without steps through videos."""
    return [
        (kind, counts[kind.value], kind.noun if counts[kind.value] == 1 else kind.nouns)
        for kind in KINDS
        if counts.get(kind.value) and kind.value != "video_progress"
    ]


@register.filter
def web_address(url):
    """`url` if it leads to the web or within this site; "" if a browser would run it or show it: javascript:, data:."""
    return url if url and url.lower().startswith(("https://", "http://", "/")) else ""


LOOM = re.compile(r"https://(?:www\.)?loom\.com/(?:share|embed)/([0-9a-f]{32})(?:[?#].*)?", re.IGNORECASE | re.DOTALL)


@register.filter
def loom_player(url):
    """The address of Loom's player for the address of a Loom video; "" for any other."""
    found = LOOM.fullmatch(url or "")
    return f"https://www.loom.com/embed/{found[1].lower()}" if found else ""
