"""How often somebody is active, and how long they have been quiet compared with that, in words."""

from dataclasses import dataclass

WEEK = 7  # days, today among them


@dataclass(frozen=True)
class Silence:
    """The days since somebody last did something, 0 if that is today; not `acted`: since they were enrolled.

    Less than 0: they did nothing yet, and are enrolled from a day on that is still to come.  None: there is no entry of
    theirs at all, as after a restore until the backfill.
    """

    days: int | None
    acted: bool = True

    def __str__(self):
        """ "Active yesterday", "Nothing for 6 days", "Enrolled 6 days ago, nothing since"."""
        if self.days is None:
            return "Nothing recorded yet"
        if self.days < 0:
            return "Enrolled with a date in the future"
        if self.days < 2:
            return f"{'Active' if self.acted else 'Enrolled'} {'yesterday' if self.days else 'today'}"
        return f"Nothing for {self.days} days" if self.acted else f"Enrolled {self.days} days ago, nothing since"


@dataclass(frozen=True)
class Rhythm:
    """A student's rhythm in days.

    `usual`: the median of the days from one active day to the next, None where
    there are too few to tell; `silent`: days since the last active one, 0 if
    that is today, None as of a Silence; `active`: active days among the last WEEK; `quiet`: whether
    they have been silent for longer than is usual for them; `acted`: whether
    there was an active day at all; if not, they have been silent since they were enrolled.
    """

    usual: int | None
    silent: int | None
    active: int
    quiet: bool
    acted: bool = True

    def __str__(self):
        """ "Usually active every 2 days; nothing for 6.", or "Active on 4 of the last 7 days."."""
        if self.active > 1 and not self.quiet:
            return f"Active on {self.active} of the last {WEEK} days."
        if self.silent == 0 or self.usual is None:
            return f"{Silence(self.silent, self.acted)}."
        every = "every day" if self.usual == 1 else f"every {self.usual} days"
        last = "yesterday" if self.silent == 1 else f"{self.silent} days ago"
        return f"Usually active {every}; " + (f"nothing for {self.silent}." if self.quiet else f"last {last}.")
