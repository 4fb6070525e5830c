"""How somebody watches a video: forward, with stops, skipping, going back, and perhaps not to the end."""

import datetime
from bisect import bisect_left
from dataclasses import dataclass, field


@dataclass
class Viewing:
    """What came of it: `reports` are (when, first second, second after the last), in order of time."""

    reports: list = field(default_factory=list)
    passed: dict = field(default_factory=dict)  # second → when it was first reached, of those asked for
    completed_at: datetime.datetime | None = None
    ended_at: datetime.datetime | None = None


def path(random, seconds, share, hard, again, needed):
    """The parts of the video in the order watched, as (first second, second after the last).

    `share` of the video is reached; each moment of `hard` is watched again with
    the probability `again`; some skip a part, but never one that holds a second
    of `needed`, and some of those come back for it at the end.
    """
    end = seconds if share == 1 else max([round(seconds * share), *(second + 5 for second in needed)])
    turns = []
    for moment in hard:
        if moment + 20 < end and random.random() < again:
            back = moment + random.randint(6, 20)
            turns.append((back, max(0, back - random.randint(18, 45))))
    skipped = None
    if random.random() < 0.22:
        length = random.randint(seconds // 14, seconds // 7)
        start = random.randint(seconds // 5, end - length) if end - length > seconds // 5 else None
        taken = [*needed, *(moment for turn in turns for moment in turn)]
        if start and not any(start - 1 <= second <= start + length for second in taken):
            skipped = (start, start + length)
            turns.append(skipped)
    parts, position = [], 0
    for leave, resume in sorted(turns):
        if leave > position:
            parts.append((position, leave))
            position = resume
    parts.append((position, end))
    if skipped and share == 1 and random.random() < 0.6:
        parts.append(skipped)
    return parts


def watch(random, start, seconds, parts, stops, speed=1.0):
    """Play `parts` from `start` on. `stops` maps a second to how long playing pauses there, in seconds."""
    viewing = Viewing()
    now = start
    seen = bytearray(seconds)
    wanted = sorted(stops)
    interval = seconds // 12
    # Most watch a video in one go; some are called away.
    interruption = random.randrange(len(parts)) if random.random() < 0.25 else None
    for number, (first, last) in enumerate(parts):
        if number == interruption:
            now += datetime.timedelta(minutes=random.randint(4, 40))
        position = first
        while position < last:
            until = min(last, position + interval)
            index = bisect_left(wanted, position)
            stop = wanted[index] if index < len(wanted) and wanted[index] < until else None
            if stop is not None:
                wanted.pop(index)
                until = stop + 1
            now += datetime.timedelta(seconds=(until - position) / speed)
            viewing.reports.append((now, position, until))
            seen[position:until] = b"\1" * (until - position)
            if viewing.completed_at is None and sum(seen) * 100 >= 95 * seconds:
                viewing.completed_at = now
            if stop is not None:
                viewing.passed[stop] = now
                now += datetime.timedelta(seconds=stops[stop])
            position = until
    viewing.ended_at = now
    return viewing
