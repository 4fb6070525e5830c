"""The last 53 weeks of a student as a drawing: where each day is, and how strong its mark is.

A week is a column; its days go downwards.  Lengths are user units of the SVG,
one of which is a CSS pixel at the default text size.
"""

import datetime
from bisect import bisect
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from django.utils.formats import get_format
from django.utils.translation import get_language_from_request

from config.counts import counted
from timeline.queries import WEEKS

# The fewest entries of each level.  They double, and are the same for everybody, so that two calendars can be compared;
# a video that is watched to its end is ten entries.
LEVELS = (1, 3, 6, 12)
PITCH = 24  # from day to day: nothing to tap may be smaller
MONTHS = 22  # the height of the months' names above the days
WEEK = datetime.timedelta(weeks=1)


@dataclass(frozen=True)
class Cell:
    """A day, and how many entries it has."""

    date: datetime.date
    count: int
    column: int
    row: int

    @property
    def level(self):
        """0 for a quiet day, else 1 to 4."""
        return bisect(LEVELS, self.count)

    @property
    def x(self):
        return self.column * PITCH

    @property
    def y(self):
        return self.row * PITCH + MONTHS

    @cached_property
    def name(self):
        entries = counted(self.count, "entry", "entries") if self.count else "nothing"
        return f"{self.date:%A}, {self.date.day} {self.date:%B %Y}: {entries}"


@dataclass(frozen=True)
class Calendar:
    """`weeks`: WEEKS lists of cells, oldest first; the last list ends with `today`."""

    today: datetime.date
    weeks: list

    width = WEEKS * PITCH
    height = 7 * PITCH + MONTHS

    @property
    def legend(self):
        """[(level, what it stands for)]: "1–2", …, "12 or more"."""
        return [
            (level, f"{fewest}–{LEVELS[level] - 1}" if level < len(LEVELS) else f"{fewest} or more")
            for level, fewest in enumerate(LEVELS, 1)
        ]

    @property
    def cells(self):
        return [cell for week in self.weeks for cell in week]

    @property
    def summary(self):
        entries, active = sum(cell.count for cell in self.cells), sum(cell.count > 0 for cell in self.cells)
        return f"{counted(entries, 'entry', 'entries')} on {counted(active, 'day')} in the last {WEEKS} weeks"

    @property
    def ground(self):
        """The path around the days."""
        last = self.cells[-1]
        return f"M0 {MONTHS}H{self.width}V{last.y + PITCH}H{last.x}V{self.height}H0z"

    @property
    def missing(self):
        """The days of the present week that are still to come."""
        return range(7 - len(self.weeks[-1]))

    @property
    def newest_first(self):
        return self.weeks[::-1]

    @property
    def weekdays(self):
        """The days of the first week, for their names: [(y of the middle, date)]."""
        return [(cell.y + PITCH // 2, cell.date) for cell in self.weeks[0]]

    @property
    def months(self):
        """[(x, a day of the month)] for the months' names, each above the first week that begins in it.

        A month of which one week is shown has none: a name takes the room of two.
        """
        starts = [week[0] for week in self.weeks]
        months = [list(weeks) for _, weeks in groupby(starts, key=lambda cell: (cell.date.year, cell.date.month))]
        return [(weeks[0].x, weeks[0].date) for weeks in months if len(weeks) > 1]


def drawn(counts, *, today, first_weekday):
    """The Calendar of `counts`, {day: number of entries}, whose last day is `today`.

    `first_weekday`: with which day its weeks begin, 0 for Sunday to 6.
    """
    row = (today.isoweekday() - first_weekday) % 7
    first = today - datetime.timedelta(days=row) - (WEEKS - 1) * WEEK
    days = [first + datetime.timedelta(days=number) for number in range((today - first).days + 1)]
    cells = [Cell(day, counts.get(day, 0), number // 7, number % 7) for number, day in enumerate(days)]
    return Calendar(today, [cells[start : start + 7] for start in range(0, len(cells), 7)])


def first_weekday(request):
    """The day on which the reader's weeks begin, 0 for Sunday, by Django's formats for their language.

    The language is the first of the request's Accept-Language that Django
    knows; without one it is American English, and the day Sunday.
    """
    return int(get_format("FIRST_DAY_OF_WEEK", lang=get_language_from_request(request)))
