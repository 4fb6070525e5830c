"""What commands share: a clean end at a signal or when nobody reads on, and exit codes."""

import contextlib
import os
import select
import signal
import sys

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


@contextlib.contextmanager
def while_read():
    """End what is done inside without a word when whoever reads its standard output has enough (`| head -1`)."""
    try:
        try:
            yield
        finally:
            if sys.stdout:  # none where it was closed from the first
                sys.stdout.flush()
    except BrokenPipeError:
        unread = [stream.fileno() for stream in (sys.stdout, sys.stderr) if stream and _is_unread(stream)]
        if not unread:  # but another connection broke
            raise
        # What Python still wants to write at its end goes nowhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in unread:
            os.dup2(nowhere, number)
        raise SystemExit(128 + signal.SIGPIPE) from None


def _is_unread(stream):
    poll = select.poll()
    poll.register(stream, 0)  # tells of errors alone, as of a pipe that has no other end
    return bool(poll.poll(0))


def exit_code(interrupt):
    """The exit code of a command that a KeyboardInterrupt ended: the one by which shells tell of the signal."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Interrupted) else signal.SIGINT)
