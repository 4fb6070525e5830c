"""What the statements of one learner about one video add up to; pure."""

import datetime
from dataclasses import dataclass
from typing import NamedTuple

from courses.models import TENTHS


class Report(NamedTuple):
    """What one statement says of watching."""

    timestamp: datetime.datetime
    segments: list  # half-open (start, end) in whole seconds
    completed: bool
    tenths: int = 0  # of the video that it says were watched by then


@dataclass(frozen=True)
class Watching:
    """The columns of `video_progress`."""

    watched: list  # disjoint ascending half-open (start, end), in seconds
    watched_at: datetime.datetime
    tenth_reached_at: list  # nine, None where not reached
    completed_at: datetime.datetime | None


def fold(reports, *, duration, threshold):
    """The Watching that `reports` (at least one, ordered by timestamp and statement id) give.

    `duration` is the video's, in seconds: what lies beyond is cut off.  Tenth k
    is reached at the first report after which covered seconds * 10 >= k * duration;
    the video is complete at the first `completed` report or once covered
    seconds >= threshold * duration.  A report that only says how many tenths were
    watched by then earns none; of those that are reached it moves the time to its
    own, if that is earlier.
    """
    seen = bytearray(duration)
    covered = 0
    tenths, said = [None] * TENTHS, [None] * TENTHS
    reached = 0
    completed_at = None
    for report in reports:
        for start, end in report.segments:
            end = min(end, duration)
            if start < end:
                covered += seen.count(0, start, end)
                seen[start:end] = b"\1" * (end - start)
        while reached < TENTHS and covered * 10 >= (reached + 1) * duration:
            tenths[reached] = report.timestamp
            reached += 1
        for tenth in range(report.tenths):
            said[tenth] = said[tenth] or report.timestamp
        if completed_at is None and (report.completed or covered >= threshold * duration):
            completed_at = report.timestamp
    tenths = [at and min(at, before or at) for at, before in zip(tenths, said, strict=True)]
    return Watching(_ranges(seen), report.timestamp, tenths, completed_at)


def _ranges(seen):
    ranges = []
    start = seen.find(1)
    while start >= 0:
        end = seen.find(0, start)
        end = len(seen) if end < 0 else end
        ranges.append((start, end))
        start = seen.find(1, end)
    return ranges
