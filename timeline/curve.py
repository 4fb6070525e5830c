"""A goal's weeks as a small drawing, and the sentence that says the same."""

import datetime
from dataclasses import dataclass

from django.utils.formats import date_format

from config.counts import counted

WEEK = datetime.timedelta(weeks=1)
PITCH = 10  # from week to week, in CSS pixels while there is room
HEIGHT = 32
LEAST = 2  # what a single entry stands out by


@dataclass(frozen=True)
class Curve:
    """`bars`: {the number of a week, from 0: entries}, of `weeks` weeks of which the first begins on `first`."""

    first: datetime.date
    weeks: int
    bars: dict

    height = HEIGHT

    @property
    def width(self):
        return self.weeks * PITCH

    @property
    def path(self):
        """A bar for each week that has entries, in proportion to their number; the fullest week has the full height."""
        most = max(self.bars.values())
        return "".join(
            f"M{week * PITCH + 1} {HEIGHT}v-{max(LEAST, round(HEIGHT * number / most))}h{PITCH - 2}V{HEIGHT}z"
            for week, number in self.bars.items()
        )

    @property
    def sentence(self):
        """What it shows: "Active in 7 of 9 weeks, most in the week of 3 March 2026 (41 entries)."."""
        fullest = max(self.bars, key=lambda week: (self.bars[week], -week))
        number = self.bars[fullest]
        entries = counted(number, "entry", "entries")
        if self.weeks == 1:
            return f"All in the week of {self._name(fullest)}."
        fullest = self._name(fullest)
        return f"Active in {len(self.bars):,} of {self.weeks:,} weeks, most in the week of {fullest} ({entries})."

    def _name(self, week):
        return date_format(self.first + week * WEEK, "j F Y")


def drawn(counts, *, spans, week_of):
    """The Curve of `counts`, {a week's first day: entries}, from the first week to the last; None without any.

    `spans`: [(first day, last day)] that it covers as well; `week_of`: the first day of a day's week.
    """
    counts = {week: number for week, number in sorted(counts.items()) if number}
    if not counts:
        return None
    days = [*counts, *(week_of(day) for span in spans for day in span)]
    first, last = min(days), max(days)
    bars = {(week - first) // WEEK: number for week, number in counts.items()}
    return Curve(first, (last - first) // WEEK + 1, bars)
