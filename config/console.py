"""What commands share: a clean end at a signal, and how numbers and a lost connection are told."""

import contextlib
import signal
import sys

from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from django.db.migrations.executor import MigrationExecutor

COULD_NOT_RUN = 2  # what a command ends with, where 1 says that something was found
# SQLSTATEs of PostgreSQL.
READ_ONLY, NOT_ALLOWED, GIVEN_UP = "25006", "42501", "57014"
NOT_THERE = ("42P01", "42703", "42883")  # a table, a column, a function


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


def exit_code(interrupt):
    """What a command ends with that was ended by a KeyboardInterrupt: as a shell tells of the signal."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Interrupted) else signal.SIGINT)


def counted(number, noun, several=None):
    return f"{number:,} " + (noun if number == 1 else several or noun + "s")


def lost(error):
    """Why the connection is gone, in a line, if a database error says that it is; else None."""
    # A failed statement has an SQLSTATE that says something else.
    if (_sqlstate(error) or "08").startswith(("08", "57P")):
        return str(error).strip().splitlines()[0]
    return None


def cannot_serve(error):
    """Whether a database error says that the database is away or takes no changes, whatever was asked of it."""
    if _sqlstate(error) == READ_ONLY:
        return True
    return isinstance(error, OperationalError | InterfaceError) and lost(error) is not None


def why_not(error):
    """Why a command could not run, where it is the database that is not as it has to be; None if it is our fault."""
    if isinstance(error, MigrationSchemaMissing):
        error = error.__context__
    state, said = _sqlstate(error), str(error).strip()
    first = said.partition("\n")[0]
    if state is None and isinstance(error, OperationalError):
        return said  # there was no connection
    if state == READ_ONLY:
        return f"The database takes no changes, as a standby or by default_transaction_read_only: {first}."
    if state == NOT_ALLOWED:
        return f"The role that DATABASE_URL names may not do that: {first}. Commands need the owner of the tables."
    if state == GIVEN_UP:
        return f"The database gave up a statement, as its role or it has a statement_timeout: {first}."
    if state in NOT_THERE and "migrate" not in sys.argv and _is_behind():
        return f"The database is of an older version, or empty: run manage.py migrate first ({first})."
    return None


def _is_behind():
    connection.close()  # it may be in a transaction that has failed
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _sqlstate(error):
    return getattr(error.__cause__, "sqlstate", None)
