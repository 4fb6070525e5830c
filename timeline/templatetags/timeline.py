"""Filters for times in a video, days and counts."""

import datetime
from decimal import Decimal
from functools import lru_cache
from urllib.parse import quote
from uuid import UUID

from django import template
from django.template.defaultfilters import linebreaks_filter
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe
from django.utils.timesince import timesince

from config import counts
from courses.forms import clock
from reflections.reflecting import loom_id
from timeline.kinds import KINDS
from timeline.models import DAY_ZONE
from timeline.queries import BY_SECOND, COUNT_LIMIT, today
from timeline.rows import row_name
from timeline.words import WORDS

register = template.Library()
HIGHEST = 352  # pixels of a picture in an entry: 22rem, as in timeline.css
MOMENTS = 5  # of a video where several wait, that its page shows at once
MORE_MOMENTS = 105  # … and on demand, these among them
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
    """When a time was, as `seen_on` a day, in a sentence: "at 9:41 a.m.", "yesterday", "on Sunday, 15 March"."""
    date = time.astimezone(DAY_ZONE).date()
    if date == seen_on:
        return f"at {date_format(timezone.localtime(time), 'g:i a')}"
    return "yesterday" if (seen_on - date).days == 1 else f"on {day(date, seen_on)}"


@register.filter
def full_stop(text):
    """`text` as the end of a sentence: "at 9:41 a.m." has its full stop already."""
    return text if text.endswith(".") else f"{text}."


@register.filter
def short_day(time):
    """The day of a time, short: "15 Mar", with the year where it is another than today's."""
    return _day(timezone.localtime(time).date(), today().year)


@register.filter
def stamp(time):
    """A time as an element that says its day and minute: "15 Mar, 9:41 a.m."."""
    local = timezone.localtime(time)
    return _element(local, f"{_day(local.date(), today().year)}, {_minute(local.hour, local.minute)}")


@register.filter
def stamp_day(time):
    """A time as an element that says its day."""
    return _element(timezone.localtime(time), short_day(time))


@register.filter
def stamp_minute(time):
    """A time as an element that says its minute: "9:41 a.m."."""
    return _element(timezone.localtime(time), minute(time))


@register.filter
def minute(time):
    """The minute of a time: "9:41 a.m."."""
    local = timezone.localtime(time)
    return _minute(local.hour, local.minute)


@register.filter
def plain_number(number):
    """A decimal number as people write it: 0.5, not 0.5000."""
    return f"{Decimal(number).normalize():f}"


# A page has hundreds of what follows, so each is written as fast as may be: what needs no escaping is not escaped, and
# the same days, minutes and addresses, which come again and again, are written once.


def _element(time, words):
    return mark_safe(f'<time datetime="{time.isoformat()}">{words}</time>')


@lru_cache(maxsize=1000)
def _day(date, this_year):
    return date_format(date, "j M" if date.year == this_year else "j M Y")


@lru_cache(maxsize=24 * 60)
def _minute(hour, minute):
    return time_format(datetime.time(hour, minute), "g:i a")


# A year's days, twice, as a template's loops, were a third of the time of the whole page.  What stands in them are
# numbers and dates, with nothing to escape.


@register.filter
def calendar_marks(cells):
    """The days with entries, of `timeline.calendar.Cell`s, as links of the drawing."""
    return mark_safe(
        "".join(
            f'<a class="calendar-day" href="{cell.date}/"><title>{cell.name}</title>'
            f'<use data-level="{cell.level}" href="#level-{cell.level}" x="{cell.x}" y="{cell.y}"/></a>'
            for cell in cells
            if cell.count
        )
    )


@register.filter
def calendar_numbers(cells):
    """Days, as the numbers of a row of the table, which are links where there are entries."""
    return mark_safe(
        "".join(
            f'<td class="number"><a href="{cell.date}/" aria-label="{cell.name}">{cell.count}</a></td>'
            if cell.count
            else '<td class="number">0</td>'
            for cell in cells
        )
    )


@register.filter
def paragraphs(text):
    """`text` as Django's linebreaks has it; most of what people write is one line."""
    return linebreaks_filter(text) if "\n" in text or "\r" in text else mark_safe(f"<p>{escape(text)}</p>")


@register.filter
def address(id, name):
    """The address `name` of what has `id`, as {% url %} gives it."""
    return str(id).join(_around_id(name, get_urlconf(), get_script_prefix()))


@register.filter
def words_address(entry, name):
    """As `address`, of an entry's words, which their table and id name."""
    return str(entry.source_id).join(_around_id(name, get_urlconf(), get_script_prefix(), entry.source_table))


@lru_cache(maxsize=100)
def _around_id(name, urlconf, prefix, *before):
    return reverse(name, urlconf, [*before, UUID(int=0)]).split(str(UUID(int=0)))


@register.filter
def age(time):
    """How long ago a time is, in its largest unit: "2 weeks"."""
    now = timezone.now()
    return timesince(time, now, depth=1) if now - time >= MINUTE else "less than a minute"


@register.simple_tag(takes_context=True)
def when(context, entry):
    """What leads the row of `entry`: the second of the video, as a link, or when it was."""
    place, second = context.get("place"), entry.video_timestamp_seconds
    if place == "moment":
        return _moment(f"{context['seek']}{second}", second)
    if place == "video":
        return _moment(f"{address(entry.video_id, 'video')}?t={second}", second)
    return (stamp_day if context.get("dated") or place == "inbox" else stamp_minute)(entry.created_at)


def _moment(url, second):
    return mark_safe(f'<a class="moment" href="{escape(url)}">{clock(second)}</a>')


@register.simple_tag(takes_context=True)
def link_to_copy(context, entry):
    """The address of `entry` in the journey of its video: of its student, where the list is theirs alone."""
    second, after = entry.video_timestamp_seconds, BY_SECOND.cursor_before(entry)
    whose = "" if context.get("named") else f"student={entry.student_id}&"
    return f"{context['journey']}?{whose}t={second}&after={after}#entry-{entry.pk}"


@register.simple_tag(takes_context=True)
def answer_address(context):
    """The address of the form that answers the entry of a row."""
    entry = context["entry"]
    name = row_name(place=context["place"], named=context.get("named"), dated=context.get("dated"))
    following = f"&next={quote(entry.next)}" if entry.next else ""
    return f"{address(entry.source_id, 'answer')}?row={name}{following}"


@register.filter
def noun(entry):
    """What an entry of somebody's words is called: "note", "reflection"."""
    return WORDS[entry.source_table].noun


@register.filter
def capped(number, limit=COUNT_LIMIT):
    """A count that stops at a limit: 12 gives "12", 10001 gives "10,000+"."""
    return counts.capped(number, limit)


@register.filter
def together(moments):
    """Those of `moments` where several wait: the `first`, `more` to look for, and whether there are any `beyond`."""
    found = [moment for moment in moments if moment.count > 1]
    return {"first": found[:MOMENTS], "more": found[MOMENTS:MORE_MOMENTS], "beyond": len(found) > MORE_MOMENTS}


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
def shown_size(picture):
    """The size of an Upload's <img>, as its attributes: as it is, at most HIGHEST pixels high."""
    height = min(picture.height, HIGHEST)
    return format_html('width="{}" height="{}"', max(round(picture.width * height / picture.height), 1), height)


@register.filter
def web_address(url):
    """`url` if it leads to the web or within this site; "" if a browser would run it or show it: javascript:, data:.

    A shared story's own media stand beside it, under "./" (timeline/story.py); no source row has such an address.
    """
    return url if url and url.lower().startswith(("https://", "http://", "/", "./")) else ""


@register.filter
def loom_player(url):
    """The address of Loom's player for the address of a Loom video; "" for any other."""
    found = loom_id(url)
    return f"https://www.loom.com/embed/{found}" if found else ""
