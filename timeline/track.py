"""The track under a video: what `timeline.queries` found, as instructions for drawing and as sentences.

Pure functions.  Across, everything is a percentage of the track's width, as
text for an SVG attribute; the template knows where things are vertically.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise

from config.counts import capped
from courses.forms import clock
from courses.watching import percent
from timeline.queries import COUNT_LIMIT, ENTRIES_OF_A_SLOT, LANDMARKS, MARKER_LIMIT, SLOTS

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400)  # between labels, in seconds
LABELS = 6  # on the axis, at most, beside the end's
NOUNS = {"reflections": ("reflection", "reflections"), "quizzes": ("quiz attempt", "quiz attempts")}
REMARKABLE = 3  # reflections in one slot, at least, before a sentence names the slot


@dataclass(frozen=True)
class Mark:
    """A cluster of entries of one group, from second `start` up to `end`; a link to `second`, its first entry's."""

    x: str  # of its middle
    group: str
    start: int
    end: int
    second: int
    count: int
    waiting: int
    limited: bool = False  # there may be more

    @property
    def number(self):
        """The number in it; none if it is a single entry."""
        return "" if self.count == 1 and not self.limited else _counted(self)

    @property
    def label(self):
        when = (
            f"at {clock(self.start)}" if self.end - self.start == 1 else f"from {_span(self.start, self.end, ' to ')}"
        )
        name = f"{_counted(self)} {NOUNS[self.group][self.count > 1 or self.limited]} {when}"
        return f"{name}, {capped(self.waiting, MARKER_LIMIT)} waiting for an answer" if self.waiting else name


@dataclass(frozen=True)
class Part:
    """One of SLOTS equal parts of the video, from second `start` up to `end`, in numbers."""

    x: str
    width: str
    start: int
    end: int
    students: int | None  # who saw it; None where only the share is known
    percent: int  # of Track.whole
    reflections: str
    quizzes: str
    waiting: str
    watched: int | None  # percent of it, that the chosen student saw

    @property
    def span(self):
        return _span(self.start, self.end)

    @property
    def label(self):
        return f"{self.span}: watched by {self.students if self.students is not None else f'{self.percent}%'}"


@dataclass(frozen=True)
class Tick:
    """A checkpoint or a quiz (its `kind`) at a second of the video."""

    x: str
    second: int
    kind: str
    label: str


@dataclass(frozen=True)
class Label:
    """A time on the axis; `anchor` is the text's (start, middle, end), a `minor` one yields where room is little."""

    x: str
    text: str
    anchor: str
    minor: bool


@dataclass(frozen=True)
class Band:
    """From `x` on, `width` wide."""

    x: str
    width: str


class WithTicks:
    @property
    def limited_ticks(self):
        """How many checkpoints and quizzes it has, if there may be more; else None."""
        return len(self.ticks) if len(self.ticks) >= LANDMARKS else None


@dataclass(frozen=True)
class Track(WithTicks):
    curve: str  # a path without its first command, from the left of a box `columns` wide and 100 high to its right
    columns: int
    whole: int  # how many students the full height is
    whole_is_class: bool  # else it is others, too, or those who watched alone
    whole_name: str  # what stands at the full height, and how many watched
    watchers: int
    sampled: int  # how many of them were looked at
    counted: bool  # whether parts have a number of students: a sample is not scaled up, it tells shares
    wide: list[Mark]  # at most one of a group in each of SLOTS parts
    narrow: list[Mark]  # … of SLOTS / 2 parts
    ticks: list[Tick]
    watched: list[Band] | None  # by the chosen student; None: nobody is chosen
    stops: list[Band]
    axis: list[Label]
    parts: list[Part] = field(repr=False)
    lanes: tuple[str, ...] = ("reflections",)  # the groups of the markers, from top to bottom


@dataclass(frozen=True)
class Phrase:
    """A sentence with a link in it: to `second`, or else to what waits for an answer."""

    before: str
    link: str = ""
    after: str = "."
    second: int | None = None


def draw(*, duration, audience, markers, landmarks, watched=None):
    """The Track of a video of `duration` seconds.

    `audience`, `markers` and `landmarks` are those of `timeline.queries`;
    `watched` is what `queries.watched_by()` says of the chosen student.
    """
    whole, whole_is_class, whole_name = _whole(audience)
    counted = audience.sampled == audience.watchers and whole <= COUNT_LIMIT
    heights = [share / audience.sampled * audience.watchers / whole if share else 0.0 for share in audience.shares]
    quizzes = any(landmark.kind == "quiz" for landmark in landmarks)
    return Track(
        curve=_steps(heights),
        columns=len(heights),
        whole=whole,
        whole_is_class=whole_is_class,
        whole_name=whole_name,
        watchers=audience.watchers,
        sampled=audience.sampled,
        counted=counted,
        wide=_marks(markers, duration, SLOTS),
        narrow=_marks(markers, duration, SLOTS // 2),
        ticks=[_tick(landmark, duration) for landmark in landmarks],
        watched=None if watched is None else [_band(start, end, duration) for start, end in watched],
        stops=[_band(stop.start, stop.end, duration) for stop in audience.stops],
        axis=_axis(duration),
        parts=_parts(duration, whole if counted else None, heights, markers, watched),
        lanes=tuple(NOUNS) if quizzes or any(marker.group == "quizzes" for marker in markers) else ("reflections",),
    )


@dataclass(frozen=True)
class OwnTrack(WithTicks):
    """What a student sees under a video: what they watched and wrote, and what its author put into it."""

    percent: int
    watched: list[Band]
    marks: list[Mark]
    ticks: list[Tick]
    axis: list[Label]


def draw_own(*, duration, watched, markers, landmarks):
    """The OwnTrack of a video of `duration` seconds; the arguments are those of `draw()`."""
    return OwnTrack(
        percent=percent(watched, duration),
        watched=[_band(start, end, duration) for start, end in watched],
        marks=_marks([marker for marker in markers if marker.group == "reflections"], duration, SLOTS // 2),
        ticks=[_tick(landmark, duration) for landmark in landmarks],
        axis=_axis(duration),
    )


def shown(markers, *, groups=(), waiting=False):
    """The markers of some groups, or of all; `waiting`: of what waits for an answer alone."""
    markers = [marker for marker in markers if not groups or marker.group in groups]
    return [replace(marker, count=marker.waiting) for marker in markers if marker.waiting] if waiting else markers


def at(second, duration):
    """Where a second stands, as "37.5%"; what lies beyond the end stands at the end."""
    return _percent(min(second, duration), duration)


def slot(number, duration, slots=SLOTS):
    """(start, end) in whole seconds of a slot: second s is in slot s * slots // duration."""
    return -(-number * duration // slots), -(-(number + 1) * duration // slots)


def story_of_class(*, duration, audience, markers, totals):
    """Where most stopped, where most was written and who waits, as [Phrase]; of what does not stand out, nothing.

    `markers` and `totals` are those of `timeline.queries`.
    """
    phrases = []
    if not audience.watchers:
        phrases.append(Phrase("Nobody has watched this video yet"))
    if audience.stops:
        stop = audience.stops[0]
        sampled = "a sample of " if audience.sampled < audience.watchers else "the "
        before = f"{stop.students:,} of {sampled}{audience.sampled:,} who watched stopped between "
        phrases.append(Phrase(before, _span(stop.start, stop.end, " and "), second=stop.start))
    beyond = sum(marker.group == "reflections" and marker.count > MARKER_LIMIT for marker in markers)
    if beyond > 1:  # which of them has the most, nobody counted
        where = f"each of {beyond} of {SLOTS} parts of the video" if beyond < SLOTS else "every part of the video"
        phrases.append(Phrase(f"More than {MARKER_LIMIT} reflections were written in {where}"))
    elif most := busiest(markers):
        when = _span(*slot(most.slot, duration))
        phrases.append(
            Phrase("Most was written at ", when, f" ({capped(most.count, MARKER_LIMIT)} reflections).", most.second)
        )
    return [*phrases, *_who_waits(totals, markers)]


def story_of_student(*, duration, watched, markers, totals):
    """How far a student came, what they skipped and wrote, and whether they wait, as [Phrase]."""
    phrases = []
    if not watched:
        phrases.append(Phrase("Has not watched this video yet"))
    else:
        end = watched[-1][1]
        phrases.append(
            Phrase("Watched to the end") if end >= duration else Phrase("Watched up to ", clock(end), second=end)
        )
        gaps = [(after - before, before, after) for (_, before), (after, _) in pairwise([(0, 0), *watched])]
        length, start, until = max(gaps)
        if length * SLOTS >= duration:
            phrases.append(Phrase("Skipped ", _span(start, until), second=start))
    if number := totals["reflections"]:
        first = min((marker.second for marker in markers if marker.group == "reflections"), default=0)
        words = f"{capped(number, COUNT_LIMIT)} {NOUNS['reflections'][number != 1]}"
        phrases.append(Phrase("Wrote ", words, second=first))
    if any(marker.limited for marker in markers):
        phrases.append(Phrase(f"In the drawing, only the first {ENTRIES_OF_A_SLOT} entries of each part are counted"))
    return [*phrases, *(_who_waits(totals, markers) if totals["waiting"] else [])]


def busiest(markers):
    """The Marker with the most reflections, if it stands out: REMARKABLE, and twice the average of all slots."""
    written = [marker for marker in markers if marker.group == "reflections"]
    if not written:
        return None
    most = max(written, key=lambda marker: marker.count)
    average = sum(marker.count for marker in written) / SLOTS
    return most if most.count >= max(REMARKABLE, 2 * average) else None


def _who_waits(totals, markers):
    if number := totals["waiting"]:
        return [Phrase("", f"{capped(number, COUNT_LIMIT)} {'is' if number == 1 else 'are'} waiting for an answer")]
    return [Phrase("Nobody is waiting for an answer")] if markers else []


def _whole(audience):
    """How many students are the full height of a curve, whether that is the class and nobody else, and its name."""
    watched = f"{capped(audience.watchers, COUNT_LIMIT)} watched"
    size = f"{audience.class_size:,} in the class"
    if audience.sampled == audience.watchers and audience.class_size <= COUNT_LIMIT:
        if not audience.outside:
            return audience.class_size, True, f"{size}, {watched}"
        of_class = f"{size}, {audience.watchers - audience.outside:,} watched"
        return audience.class_size + audience.outside, False, f"{of_class}, plus {audience.outside:,} no longer in it"
    sample = f"; a sample of {audience.sampled:,} is shown"
    # Of a class that was counted to a limit, nobody knows what part the watchers are.
    if not audience.watchers <= audience.class_size <= COUNT_LIMIT:
        return audience.watchers, False, watched + sample
    return audience.class_size, True, f"{size}, {watched}{', some no longer in it' * bool(audience.outside)}{sample}"


def _percent(number, of):
    return f"{100 * number / of:.3f}".rstrip("0").rstrip(".") + "%"


def _counted(marker):
    """The number of a Marker or a Mark: "12", "99+", or "12+" where more may be there than was looked at."""
    counted = capped(marker.count, MARKER_LIMIT)
    return f"{marker.count:,}+" if marker.limited and marker.count <= MARKER_LIMIT else counted


def _span(start, end, between="–"):
    return f"{clock(start)}{between}{clock(end)}"


def _band(start, end, duration):
    return Band(at(start, duration), _percent(min(end, duration) - min(start, duration), duration))


def _tick(landmark, duration):
    name = {"checkpoint": "Checkpoint", "quiz": "Quiz"}[landmark.kind]
    return Tick(
        at(landmark.second, duration),
        landmark.second,
        landmark.kind,
        f"{name} at {clock(landmark.second)}: {landmark.title}",
    )


def _steps(heights):
    """The path: each part of the video is as high as it is, none is smoothed away."""
    levels = [f"{100 - 100 * height:.1f}".removesuffix(".0") for height in heights]
    path = [levels[0]]
    for column, (level, following) in enumerate(pairwise(levels), start=1):
        if following != level:
            path.append(f"H{column}V{following}")
    return "".join(path) + f"H{len(heights)}"


def _marks(markers, duration, slots):
    clusters = {}
    for marker in markers:
        clusters.setdefault((marker.slot * slots // SLOTS, marker.group), []).append(marker)
    return [
        Mark(
            _percent(2 * number + 1, 2 * slots),
            group,
            *slot(number, duration, slots),
            second=min(marker.second for marker in cluster),
            count=sum(marker.count for marker in cluster),
            waiting=sum(marker.waiting for marker in cluster),
            limited=any(marker.limited for marker in cluster),
        )
        for (number, group), cluster in sorted(clusters.items())
    ]


def _axis(duration):
    """0:00, round times, and the end; a round time beside the end gives way to it."""
    step = next((step for step in STEPS if duration / step <= LABELS), STEPS[-1])
    between = [second for second in range(step, duration, step) if second <= 0.86 * duration]
    return [
        Label("0%", clock(0), "start", False),
        *(
            Label(at(second, duration), clock(second), "middle", number % 2 == 1 or second > 0.7 * duration)
            for number, second in enumerate(between, start=1)
        ),
        Label("100%", clock(duration), "end", False),
    ]


def _parts(duration, whole, heights, markers, watched):
    """[Part]; `whole` is None where only shares are known."""
    found = {(marker.slot, marker.group): marker for marker in markers}
    parts = []
    for number in range(SLOTS):
        start, end = slot(number, duration)
        if start == end:
            continue  # a video of less than SLOTS seconds
        # Of a short video, each second has a column; of others, each slot as many as any other.
        each = len(heights) // SLOTS
        columns = heights[start:end] if len(heights) == duration else heights[number * each : (number + 1) * each]
        height = sum(columns) / len(columns)
        reflections, quizzes = (found.get((number, group)) for group in NOUNS)
        seen = sum(max(0, min(end, until) - max(start, since)) for since, until in watched or ())
        parts.append(
            Part(
                x=_percent(number, SLOTS),
                width=_percent(1, SLOTS),
                start=start,
                end=end,
                students=None if whole is None else round(height * whole),
                percent=round(100 * height),
                reflections=_counted(reflections) if reflections else "0",
                quizzes=_counted(quizzes) if quizzes else "0",
                waiting=capped(reflections.waiting, MARKER_LIMIT) if reflections else "0",
                watched=None if watched is None else round(100 * seen / (end - start)),
            )
        )
    return parts
