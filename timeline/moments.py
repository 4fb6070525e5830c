"""Moments: what waits for an answer at almost the same second of a video, and can be answered together."""

from dataclasses import dataclass

GAP = 5  # seconds between neighbours of one moment, at most
SPAN = 20  # seconds from the first of a moment to its last, at most


@dataclass(frozen=True)
class Moment:
    """The seconds `first` to `last` of a video, both included, and how many entries wait there."""

    first: int
    last: int
    count: int

    @property
    def others(self):
        """How many wait besides any one of them."""
        return self.count - 1


def moments(waiting):
    """[Moment], by second, of {second: how many entries wait there}.

    Greedy from the first second: a moment takes in the next second that is at
    most GAP after the last one and at most SPAN after its own first one.
    """
    spans = []
    for second in sorted(waiting):
        if spans and second - spans[-1][-1] <= GAP and second - spans[-1][0] <= SPAN:
            spans[-1].append(second)
        else:
            spans.append([second])
    return [Moment(span[0], span[-1], sum(waiting[second] for second in span)) for span in spans]


def moment_at(moments, second):
    """The one of `moments` that holds a second, or the next one that begins at most SPAN after it; else None.

    A link names a moment by its first second, whose own entries may have been
    answered since: what is left of it begins at most SPAN later.
    """
    return next((moment for moment in moments if moment.first - SPAN <= second <= moment.last), None)
