"""Days without activity, as the gaps between the days that are listed."""

import datetime
from dataclasses import dataclass

A_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Gap:
    """Quiet days, from `first` to `last`, both included."""

    first: datetime.date
    last: datetime.date

    @property
    def days(self):
        return (self.last - self.first).days + 1


def with_gaps(days, before):
    """`days` (newest first, each with a `date`) with a Gap wherever there are quiet days between two of them.

    `before` is the day above the first of them on the page.
    """
    told = []
    for day in days:
        if before - day.date > A_DAY:
            told.append(Gap(day.date + A_DAY, before - A_DAY))
        told.append(day)
        before = day.date
    return told
