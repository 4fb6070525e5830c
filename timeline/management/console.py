"""What the commands share: a clean end at a signal, how numbers are told, and how far going over students is."""

import argparse
import contextlib
import signal
import time
from datetime import timedelta
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from timeline.kinds import BY_VALUE

REPORT_EVERY = 10  # seconds between two lines where there is no terminal for a progress bar


class Interrupted(KeyboardInterrupt):
    """SIGTERM asks for the same clean end as Ctrl-C."""


@contextlib.contextmanager
def interruptible():
    """Ctrl-C and SIGTERM end what is done inside; a function to call now and then, which ends it if Python forgot to.

    What is raised while a callback of the garbage collector runs is printed and forgotten.
    """
    asked = []

    def interrupt(signum, frame):
        asked.append(Interrupted if signum == signal.SIGTERM else KeyboardInterrupt)
        check()

    def check():
        if asked:
            raise asked[-1]

    before = {}
    try:
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, interrupt)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not of what runs in the background
            before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    except ValueError:  # not the main thread: whoever called us decides about signals
        yield check
        return
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class SpeedColumn(ProgressColumn):
    def render(self, task):
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")


def counted(number, noun, several=None):
    return f"{number:,} " + (noun if number == 1 else several or noun + "s")


def lost(error):
    """Why the connection is gone, in a line, if a database error says that it is; else None."""
    # A failed statement has an SQLSTATE that says something else.
    if (getattr(error.__cause__, "sqlstate", None) or "08").startswith(("08", "57P")):
        return str(error).strip().splitlines()[0]
    return None


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
def students_progress(walk, doing, stderr, *, names_next=True):
    """A function to call after each batch: it moves a bar or, without a terminal, prints a line now and then.

    `doing` stands before the bar; a line goes to `stderr`, and with `names_next` says where one goes on if it stops.
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
                line = f"{walk.done:,} of {counted(count, 'student')}, {speed:,.0f} a second, {left} left"
                stderr.write(f"{line}; next is {walk.position}" if names_next else line)

        yield advance
