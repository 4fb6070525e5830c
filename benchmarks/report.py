"""What the benchmarks found, in docs/benchmarks.md: each writes a section of its own, with tables and drawings.

    blocks = [table(["", "µs"], [["plain", 12]]), lines("writing-wal", "WAL of a row", {"plain": [(1, 300)]}, …)]
    write("writing", connection, *blocks)

What stands between `<!-- benchmark: writing -->` and `<!-- end of writing -->`
is replaced; all else in the document is written by hand, and stays.  Drawings
are SVG files in docs/images/, light or dark as the reader's system.
"""

import datetime
import math
import os
import platform
import re
from html import escape
from pathlib import Path

from benchmarks import harness

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
DRAWINGS = Path("images", "benchmarks")  # beside the document

WIDTH, LEFT, TOP, LABELS = 760, 70, 56, 190  # pixels of a drawing; LABELS is what the names of lines take
PLOT_HEIGHT, BAR_HEIGHT = 250, 26
MARKS = 6  # looks of a line or bar that differ; more would not be told apart
STYLE = """
    .paper { fill: #fbfaf7 } text { fill: #23211c; font: 13px system-ui, sans-serif }
    .title { font-weight: 600; font-size: 15px } .soft { fill: #5c584f; font-size: 12px }
    .grid { stroke: #e2ded3 } .axis { stroke: #8b877d }
    .line { fill: none; stroke-width: 2 } .end { text-anchor: end } .middle { text-anchor: middle }
    .m0 { --c: #24478f } .m1 { --c: #b3541e; stroke-dasharray: 6 3 } .m2 { --c: #2f7d4f; stroke-dasharray: 2 3 }
    .m3 { --c: #8a3b86; stroke-dasharray: 9 3 2 3 } .m4 { --c: #7a6a10; stroke-dasharray: 12 4 } .m5 { --c: #5c584f }
    .lead { fill: none; stroke: var(--c); stroke-width: 1; stroke-dasharray: none; opacity: 0.5 }
    .line { stroke: var(--c) } .mark { fill: var(--c); stroke: none } .bar { fill: var(--c); stroke: none }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #191814 } text { fill: #efece4 } .soft { fill: #b5b0a4 }
      .grid { stroke: #34312b } .axis { stroke: #8b877d }
      .m0 { --c: #9dbcf5 } .m1 { --c: #f0a274 } .m2 { --c: #86d3a5 } .m3 { --c: #dda0d9 } .m4 { --c: #dccb6b }
      .m5 { --c: #b5b0a4 }
    }
"""


def write(name, connection, *blocks):
    """For --report: make `blocks` the section `name` of the document.

    A block is Markdown: of table(), lines(), bars(), or plain words.  A section that is not there yet comes last.
    """
    replace(DOCUMENT, name, "\n\n".join([*blocks, environment(connection)]))


def environment(connection):
    """When, on what and with which settings it is measured, as the last words of a section."""
    return (
        f"Measured on {datetime.date.today():%-d %B %Y} on {machine()}."
        f" PostgreSQL's settings: {harness.server(connection)}."
    )


def replace(document, name, content):
    """Put `content` between the marks of the section `name`."""
    begin, end = f"<!-- benchmark: {name} -->", f"<!-- end of {name} -->"
    text = document.read_text()
    if begin not in text:
        text = f"{text.rstrip()}\n\n{begin}\n{end}\n"
    section = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    document.write_text(section.sub(lambda _: f"{begin}\n\n{content.strip()}\n\n{end}", text, count=1))


def machine():
    """What runs it, as words: no names, no paths."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({platform.machine()}), {gigabytes:.0f} GB of memory, load {os.getloadavg()[0]:.1f}"


def table(head, rows):
    """A table in Markdown: the first column to the left, the others, which are numbers, to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def cell(value):
    return (number(value) if isinstance(value, int | float) else str(value)).replace("|", "\\|")


def number(value):
    """Three digits that count, and commas between thousands."""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def lines(name, title, series, *, x, y, log_x=True, log_y=True, document=DOCUMENT):
    """Draw {name of a line: [(x, y)]}, at most six, and return the picture in Markdown.

    `x` and `y` say what the axes are; `log_…` whether each step is ten times the one before, else from 0 on.
    """
    points = [point for line in series.values() for point in line]
    across = Axis([value for value, _ in points], LEFT, WIDTH - LABELS, log_x)
    up = Axis([value for _, value in points], TOP + PLOT_HEIGHT, TOP, log_y)
    shapes = []
    for tick in up.ticks:
        shapes += [
            f'<path class="grid" d="M{LEFT} {up(tick):.1f}H{WIDTH - LABELS}"/>',
            f'<text class="soft end" x="{LEFT - 8}" y="{up(tick) + 4:.1f}">{short(tick)}</text>',
        ]
    bottom = TOP + PLOT_HEIGHT
    for tick in across.ticks:
        shapes += [
            f'<path class="axis" d="M{across(tick):.1f} {bottom}v5"/>',
            f'<text class="soft middle" x="{across(tick):.1f}" y="{bottom + 20}">{short(tick)}</text>',
        ]
    shapes += [
        f'<path class="axis" d="M{LEFT} {bottom}H{WIDTH - LABELS}"/>',
        f'<text class="soft" x="{LEFT - 56}" y="{TOP - 12}">{escape(y)}</text>',
        f'<text class="soft end" x="{WIDTH - LABELS}" y="{bottom + 38}">{escape(x)}</text>',
    ]
    labels = []
    for index, (label, line) in enumerate(series.items()):
        line = sorted(line)
        path = "L".join(f"{across(one):.1f} {up(other):.1f}" for one, other in line)
        shapes.append(f'<path class="line m{index % MARKS}" d="M{path}"/>')
        shapes += [
            f'<circle class="mark m{index % MARKS}" cx="{across(one):.1f}" cy="{up(other):.1f}" r="3.5"/>'
            for one, other in line
        ]
        labels.append((up(line[-1][1]), across(line[-1][0]), index, label))
    at = -math.inf
    for height, end, index, label in sorted(labels):
        at = max(height, at + 17)  # none on another
        left = WIDTH - LABELS + 12
        shapes.append(f'<path class="lead m{index % MARKS}" d="M{end + 5:.1f} {height:.1f}L{left} {at:.1f}h14"/>')
        shapes.append(f'<text x="{left + 19}" y="{at + 4:.1f}">{escape(label)}</text>')
    described = f"{y} by {x}: " + "; ".join(
        f"{label} " + ", ".join(f"{short(other)} at {short(one)}" for one, other in sorted(line))
        for label, line in series.items()
    )
    return draw(document, name, title, described, max(bottom + 50, at + 16), shapes)


def bars(name, title, values, *, x, log_x=False, document=DOCUMENT):
    """Draw {name of a bar: value} one below the other, and return the picture in Markdown.

    `x` says what the values are.  A name (group, name) sets a bar in a group: it then has one look in all groups.
    """
    names = [key[1] if isinstance(key, tuple) else key for key in values]
    left = max(LABELS + 20, 8 * max(map(len, names)))
    least = min(values.values())
    low = [1 if least > 1 else least / 2] if log_x else [0]  # ratios from 1 on; no bar without a length
    across = Axis([*values.values(), *low], left, WIDTH - 80, log_x)
    looks = {name: index % MARKS for index, name in enumerate(dict.fromkeys(names))} if len(set(names)) <= MARKS else {}
    shapes, at, group = [], TOP - 6, None
    for key, value in values.items():
        of, label = key if isinstance(key, tuple) else (None, key)
        if of != group:
            group = of
            at += 24
            shapes.append(f'<text class="soft" x="16" y="{at - 6}">{escape(of)}</text>')
        width = max(across(value) - left, 1)
        shapes += [
            f'<text class="end" x="{left - 8}" y="{at + 15}">{escape(label)}</text>',
            f'<rect class="bar m{looks.get(label, 0)}" x="{left}" y="{at + 3}" width="{width:.1f}"'
            f' height="{BAR_HEIGHT - 9}"/>',
            f'<text class="soft" x="{left + width + 6:.1f}" y="{at + 15}">{number(value)}</text>',
        ]
        at += BAR_HEIGHT
    for tick in across.ticks:
        shapes += [
            f'<path class="grid" d="M{across(tick):.1f} {TOP - 6}V{at}"/>',
            f'<text class="soft middle" x="{across(tick):.1f}" y="{at + 18}">{short(tick)}</text>',
        ]
    shapes.append(f'<path class="axis" d="M{left} {at}H{WIDTH - 80}"/>')
    shapes.append(f'<text class="soft end" x="{WIDTH - 80}" y="{at + 36}">{escape(x)}</text>')
    shapes.sort(key=lambda shape: 'class="grid"' not in shape)  # the grid lies below
    described = f"{x}: " + ", ".join(
        f"{' '.join(key) if isinstance(key, tuple) else key} {number(value)}" for key, value in values.items()
    )
    return draw(document, name, title, described, at + 48, shapes)


def draw(document, name, title, described, height, shapes):
    """Write the SVG file; the Markdown that shows it."""
    picture = document.parent / DRAWINGS / f"{name}.svg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    drawn = "\n  ".join(shapes)
    picture.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}"'
        f' viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="title description">\n'
        f'  <title id="title">{escape(title)}</title>\n  <desc id="description">{escape(described)}</desc>\n'
        f"  <style>{STYLE}  </style>\n"
        f'  <rect class="paper" width="{WIDTH}" height="{height:.0f}" rx="8"/>\n'
        f'  <text class="title" x="16" y="26">{escape(title)}</text>\n  {drawn}\n</svg>\n'
    )
    return f"![{title}]({DRAWINGS.as_posix()}/{name}.svg)"


class Axis:
    """Where on a drawing a value stands, between the pixels `start` and `end`; its `ticks`."""

    def __init__(self, values, start, end, log):
        self.start, self.end, self.log = start, end, log
        if log:
            lowest = math.floor(math.log10(min(values)) + 1e-9)
            highest = max(math.ceil(math.log10(max(values)) - 1e-9), lowest + 1)
            self.low, self.high = lowest, highest
            self.ticks = [10.0**power for power in range(lowest, highest + 1)]
        else:
            step = 10.0 ** math.floor(math.log10(max(*values, 1e-9)))
            step = next(step * part for part in (0.2, 0.5, 1, 2) if max(values) <= 6 * step * part)
            self.low, self.high = 0, step * math.ceil(max(values) / step - 1e-9)
            self.ticks = [step * index for index in range(round(self.high / step) + 1)]

    def __call__(self, value):
        place = math.log10(value) if self.log else value
        return self.start + (place - self.low) / (self.high - self.low) * (self.end - self.start)


def short(value):
    """A number on an axis: 1,500 is 1.5k."""
    for unit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= unit:
            return f"{value / unit:.4g}{letter}"
    return f"{value:.3g}"
