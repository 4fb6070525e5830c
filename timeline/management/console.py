"""What the commands share: a clean end at SIGTERM, how numbers are told, and how far going over students is."""

import argparse
import contextlib
import signal
import time
from datetime import timedelta
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

REPORT_EVERY = 10  # seconds between two lines where there is no terminal for a progress bar


class Interrupted(KeyboardInterrupt):
    """SIGTERM asks for the same clean end as Ctrl-C."""


@contextlib.contextmanager
def sigterm_interrupts():
    def interrupt(signum, frame):
        raise Interrupted

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: whoever called us decides about signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class SpeedColumn(ProgressColumn):
    def render(self, task):
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


def counted(number, noun, several=None):
    return f"{number:,} " + (noun if number == 1 else several or noun + "s")


def student_id(text):
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a student's id, which is a UUID") from None


@contextlib.contextmanager
def students_progress(walk, doing, stderr):
    """A function to call after each batch: it moves a bar or, without a terminal, prints a line now and then.

    `doing` stands before the bar; a line goes to `stderr`, and says where one goes on if it stops.
    """
    console = Console(stderr=True, highlight=False)
    count = walk.count()
    if console.is_terminal:
        columns = [
            TextColumn(doing),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("students"),
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
                stderr.write(
                    f"{walk.done:,} of {counted(count, 'student')}, {speed:,.0f} a second, {left} left;"
                    f" next is {walk.position}"
                )

        yield advance
