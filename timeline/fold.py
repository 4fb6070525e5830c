"""Entries as a page shows them: what says the same thing twice becomes one line."""

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter


@dataclass(frozen=True)
class Steps:
    """Consecutive `video_progress` entries of one student in one video, in order of percent, and so of time."""

    entries: tuple

    template = "timeline/entries/steps.html"

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


def folded(entries):
    """`entries` in their order, folded.

    A run of steps of one student through one video is one Steps; an attempt at
    a quiz beside its own passing is the passing.
    """
    items = []
    for entry in _in_order_of_percent(entries):
        previous = items[-1] if items else None
        if _are_one_attempt(previous, entry):
            items[-1] = max(previous, entry, key=lambda one: one.activity_type == "quiz_completion")
        elif entry.activity_type != "video_progress":
            items.append(entry)
        elif isinstance(previous, Steps) and _same_watching(previous.last, entry):
            items[-1] = Steps((*previous.entries, entry))
        else:
            items.append(Steps((entry,)))
    return items


def _in_order_of_percent(entries):
    """One report of watching may reach several tenths and the end at once; their ids say nothing of their order."""
    for _, at_once in groupby(entries, key=attrgetter("created_at", "source_id")):
        yield from sorted(at_once, key=lambda entry: entry.metadata.get("percent", 100))


def _are_one_attempt(previous, entry):
    return getattr(previous, "source_table", None) == "quiz_attempts" and previous.source_id == entry.source_id


def _same_watching(one, other):
    return (one.student_id, one.video_id) == (other.student_id, other.video_id)


def with_reached(items, lines):
    """`items` of everyone's journey with the `queries.Reached` among them, each before the entries of its second."""
    lines = list(lines)
    merged = []
    for item in items:
        while lines and lines[0].second <= item.video_timestamp_seconds:
            merged.append(lines.pop(0))
        merged.append(item)
    return merged + lines
