"""What the commands share: how students and kinds are named, and how far going over students is."""

import argparse
import contextlib
import time
from datetime import timedelta
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from config.counts import counted
from timeline.kinds import BY_VALUE

REPORT_EVERY = 10  # seconds between two lines where there is no terminal for a progress bar


class SpeedColumn(ProgressColumn):
    def render(self, task):
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


def student_id(text):
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a student's id, which is a UUID") from None


def kinds(text):
    named = [name.strip() for name in text.split(",")]
    if unknown := [name for name in named if name not in BY_VALUE]:
        raise argparse.ArgumentTypeError(
            f"there is no kind '{unknown[0]}'; there are, to be named with commas between them: {', '.join(BY_VALUE)}"
        )
    return named


@contextlib.contextmanager
def students_progress(walk, doing, stderr, *, names_next=True, of=("student", "students")):
    """A function to call after each batch: it moves a bar or, without a terminal, prints a line now and then.

    `doing` stands before the bar; a line goes to `stderr`, and with `names_next` says where one goes on if it stops.
    `of`: what one of them is called, and several.
    """
    console = Console(stderr=True, highlight=False)
    count = walk.count()
    if console.is_terminal:
        columns = [
            TextColumn(doing),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(of[1]),
            SpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
        ]
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=count)
            yield lambda: bar.update(task, completed=walk.done, total=max(count, walk.done))
    else:
        start = last = time.monotonic()

        def advance():
            nonlocal last
            now = time.monotonic()
            if now - last >= REPORT_EVERY:
                last = now
                speed = walk.done / (now - start)
                left = timedelta(seconds=round(max(count - walk.done, 0) / speed))
                line = f"{walk.done:,} of {counted(count, *of)}, {speed:,.0f} a second, {left} left"
                stderr.write(f"{line}; next is {walk.position}" if names_next else line)

        yield advance
