"""The story of a reached goal as a page tells it; one function for its student, for a preview and for others.

Others learn when the goal was the current one, and what its student chose to
share.  Nothing else has any part in it: not in the entries, not in a count.
"""

import datetime
from dataclasses import dataclass

from django.db.models import prefetch_related_objects

from profiles.models import Profile
from timeline import curve, kinds, queries
from timeline.fold import folded
from uploads.models import Upload

EVERYTHING = tuple(kind.value for kind in kinds.KINDS)


@dataclass(frozen=True)
class Length:
    """When a goal was the current one: `days` from `first` to `last`, `active` of them by the entries that are told."""

    first: datetime.date
    last: datetime.date
    days: int
    active: int

    @property
    def has_breaks(self):
        return self.days <= (self.last - self.first).days


@dataclass(frozen=True)
class Week:
    """A week in which the student did something: its first day, how many entries, and a sentence."""

    first: datetime.date
    number: int
    sentence: str


def told(goal, *, contents=None, after=None, whole=False):
    """A page of the entries of `goal`, as its template shows them: `items`, `more`, and how far was `looked` in vain.

    `contents` (of goals.sharing): what of it; None is all of it, as its student and their instructors see it.
    `whole`: all at once, as far as `printed` goes.
    """
    shown = contents and contents.kinds
    if whole and not after:
        page = queries.whole_story(goal=goal, kinds=shown)
    else:
        page = queries.story_entries(goal=goal, kinds=shown, after=after)
    return {
        "items": folded(_prepared(page.entries, goal, contents)),
        "more": page.next,
        "number": len(page.entries),
        "looked": queries.BY_TIME.parse(page.next)[0] if page.next and len(page.entries) < queries.PAGE else None,
        "printed": None if whole else queries.PRINTED,
    }


def beginning(goal, *, contents=None, first_weekday=0):
    """What is above the entries: the `length` (None: it never was the current goal), the `story`, its `weeks`.

    Without a `story` nothing is told of what happened; `weeks`, and their `curve`, are of what the student did.
    """
    prefetch_related_objects([goal], "periods")
    spans = [period.span for period in goal.periods.all()]
    story = queries.goal_story(
        goal=goal,
        kinds=contents.kinds if contents else EVERYTHING,
        answers=contents.answers if contents else True,
    )
    if story is None:
        return {"story": None, "length": _length(goal, spans, ())}
    _prepared([entry for turn in story.turns for entry in (turn.entry, turn.last) if entry], goal, contents)

    def week_of(day):
        return queries.week_of(day, first_weekday)

    counts = {week: did for week, of_week in story.weeks(week_of).items() if (did := kinds.done(of_week))}
    numbers = {week: sum(of_week.values()) for week, of_week in counts.items()}
    return {
        "story": story,
        "length": _length(goal, spans, [day for day, of_day in story.days.items() if kinds.done(of_day)]),
        "turns": [
            (turn, queries.BY_TIME.cursor_before(turn.entry), turn.last and queries.BY_TIME.cursor_before(turn.last))
            for turn in story.turns
        ],
        "weeks": [Week(week, numbers[week], kinds.sentence(of_week)) for week, of_week in counts.items()],
        "curve": curve.drawn(numbers, spans=spans, week_of=week_of),
        "total": sum(story.counts.values()),
    }


def _length(goal, spans, active):
    """The Length of a goal; `active` are the days on which something was done."""
    if not spans:
        return None
    active = sum(any(first <= day <= last for first, last in spans) for day in active)
    return Length(min(spans)[0], max(last for _, last in spans), goal.days, active)


def _prepared(entries, goal, contents):
    """The entries with what they refer to, without what others may not see of them."""
    queries.with_places(entries)
    if contents is not None:
        name = Profile(full_name=shown_name(goal.student))
        for entry in entries:
            _strip(entry, name, contents)
    return entries


def shown_name(student):
    """What a student is called to others: never by their e-mail address."""
    return student.full_name or "A student"


def _strip(entry, student, contents):
    entry.author = None  # instructors go without their names
    entry._state.fields_cache |= {"student": student, "responded_by": None}
    entry.response_status = None
    if not contents.answers:
        entry.instructor_response = None
    if not contents.media or entry.activity_type == "instructor_message":
        entry.media_url = entry.media_type = None
    elif entry.media_url and (upload := Upload.id_of(entry.media_url)):
        entry.media_url = f"./media/{upload}/"  # beside the page's own address


def media_kinds(contents):
    """The activity_types whose recordings and pictures others get; none if they are not chosen."""
    return [kind for kind in contents.kinds if kind != "instructor_message"] if contents.media else []
