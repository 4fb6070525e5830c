"""How often somebody does something, and how long they have been quiet beside that, in words."""

from dataclasses import dataclass

WEEK = 7  # days, today among them


def silence(days):
    """How long somebody has done nothing, 0 if they did something today: "Active yesterday", "Nothing for 6 days"."""
    return {0: "Active today", 1: "Active yesterday"}.get(days, f"Nothing for {days} days")


@dataclass(frozen=True)
class Rhythm:
    """A student's rhythm in days.

    `usual`: the median of the days from one active day to the next, None where
    there are too few to tell; `silent`: days since the last active one, 0 if
    that is today; `active`: active days among the last WEEK; `quiet`: whether
    they are silent for long, beside what is usual for them.
    """

    usual: int | None
    silent: int
    active: int
    quiet: bool

    def __str__(self):
        """ "Usually active every 2 days; nothing for 6.", or "Active on 4 of the last 7 days."."""
        if self.active > 1 and not self.quiet:
            return f"Active on {self.active} of the last {WEEK} days."
        if self.silent == 0 or self.usual is None:
            return f"{silence(self.silent)}."
        every = "every day" if self.usual == 1 else f"every {self.usual} days"
        last = "yesterday" if self.silent == 1 else f"{self.silent} days ago"
        return f"Usually active {every}; " + (f"nothing for {self.silent}." if self.quiet else f"last {last}.")
