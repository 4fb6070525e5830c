"""Entries as a page shows them: consecutive steps through a video as one line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Steps:
    """Consecutive `video_progress` entries of one student in one video, in order of percent, and so of time."""

    entries: tuple

    @property
    def first(self):
        return self.entries[0]

    @property
    def last(self):
        return self.entries[-1]

    @property
    def percent(self):
        """How much of the video had been watched after the last step."""
        return self.last.metadata["percent"]


@dataclass(frozen=True)
class Reached:
    """How many students watched a tenth of a video: a line between the entries of everyone."""

    second: int
    percent: int
    students: int


def folded(entries):
    """`entries` in their order, each run of steps of one student through one video as one Steps."""
    items = []
    for entry in entries:
        previous = items[-1] if items else None
        if entry.activity_type != "video_progress":
            items.append(entry)
        elif isinstance(previous, Steps) and _same_watching(previous.last, entry):
            items[-1] = Steps(tuple(sorted((*previous.entries, entry), key=lambda step: step.metadata["percent"])))
        else:
            items.append(Steps((entry,)))
    return items


def _same_watching(one, other):
    return (one.student_id, one.video_id) == (other.student_id, other.video_id)


def with_reached(page, tenths, after):
    """A page of everyone's journey with the `Reached` lines that belong between its entries.

    `after` is the second at which the page starts (None on the first one).  A
    line stands before the entries of its second, on one page only.
    """
    start = -1 if after is None else after
    end = page.entries[-1].video_timestamp_seconds if page.next else float("inf")
    lines = [Reached(*tenth) for tenth in tenths if start < tenth[0] <= end]
    items = []
    for entry in page.entries:
        while lines and lines[0].second <= entry.video_timestamp_seconds:
            items.append(lines.pop(0))
        items.append(entry)
    return items + lines
