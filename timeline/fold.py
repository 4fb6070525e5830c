"""Entries as a page shows them: several that say the same thing become one line."""

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter


@dataclass(frozen=True)
class Steps:
    """`video_progress` entries of one student in one video, in order of time, and so of percent."""

    entries: tuple

    template = "timeline/entries/steps.html"

    @property
    def id(self):
        return self.last.id

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

    Steps through videos that nothing else interrupts are one Steps for each
    student and video, at the place of its first: who goes to and fro between
    two videos has two lines.  A checkpoint, which is reached in passing,
    interrupts nothing.  An attempt at a quiz beside its own passing is the
    passing.
    """
    items, run = [], {}  # run: where in items each (student, video) of the present run of steps stands
    for entry in _in_order_of_percent(entries):
        if entry.activity_type == "video_progress":
            watching = entry.student_id, entry.video_id
            if watching in run:
                steps = (*items[run[watching]].entries, entry)
                items[run[watching]] = Steps(tuple(sorted(steps, key=_reached)))  # `entries` may be newest first
            else:
                run[watching] = len(items)
                items.append(Steps((entry,)))
            continue
        if entry.activity_type != "checkpoint_reached":
            run.clear()
        if items and _are_one_attempt(items[-1], entry):
            items[-1] = max(items[-1], entry, key=lambda one: one.activity_type == "quiz_completion")
        else:
            items.append(entry)
    return items


def item_of(items, entry):
    """The item among `items` (folded) that shows `entry`, or None."""
    return next((item for item in items if _shows(item, entry)), None)


def _shows(item, entry):
    if isinstance(item, Steps):
        return any(step.id == entry.id for step in item.entries)
    return item.id == entry.id or _are_one_attempt(item, entry)


def _in_order_of_percent(entries):
    """One report of watching may reach several tenths and the end at once; their ids say nothing of their order."""
    for _, at_once in groupby(entries, key=attrgetter("created_at", "source_id")):
        yield from sorted(at_once, key=_percent)


def _percent(entry):
    return entry.metadata.get("percent", 100)


def _reached(entry):
    return entry.created_at, _percent(entry)


def _are_one_attempt(previous, entry):
    return getattr(previous, "source_table", None) == "quiz_attempts" and previous.source_id == entry.source_id


def with_reached(items, lines):
    """`items` of everyone's journey, with each `queries.Reached` inserted before the entries of its second."""
    lines = list(lines)
    merged = []
    for item in items:
        while lines and lines[0].second <= item.video_timestamp_seconds:
            merged.append(lines.pop(0))
        merged.append(item)
    return merged + lines
