"""What commands share: a clean end at a signal, exit codes, and how numbers are written."""

import contextlib
import signal

COULD_NOT_RUN = 2  # what a command ends with, where 1 says that something was found


class Interrupted(KeyboardInterrupt):
    """SIGTERM asks for the same clean end as Ctrl-C."""


@contextlib.contextmanager
def interruptible():
    """Ctrl-C and SIGTERM end what runs inside.  Gives a function to call now and then, which ends it if Python did not.

    An exception raised while a callback of the garbage collector runs is only printed.
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


def exit_code(interrupt):
    """The exit code of a command that a KeyboardInterrupt ended: the one by which shells tell of the signal."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Interrupted) else signal.SIGINT)


def counted(number, noun, several=None):
    return f"{number:,} " + (noun if number == 1 else several or noun + "s")
