"""What the commands share: a clean end at SIGTERM, and how numbers are told."""

import contextlib
import signal

from rich.progress import ProgressColumn
from rich.text import Text


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
