"""Whether a database error means that the database is away, takes no changes or is not in order."""

import sys

from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing
from django.db.migrations.executor import MigrationExecutor

# SQLSTATEs of PostgreSQL.
READ_ONLY, NOT_ALLOWED, GIVEN_UP = "25006", "42501", "57014"
NOT_THERE = ("42P01", "42703", "42883")  # a table, a column, a function


def lost(error):
    """Why the connection is gone, in one line, if a database error means that; else None."""
    # A failed statement has an SQLSTATE that says something else.
    if (_sqlstate(error) or "08").startswith(("08", "57P")):
        return str(error).strip().splitlines()[0]
    return None


def cannot_serve(error):
    """Whether a database error means that the database is away or takes no changes, whatever was asked of it."""
    if _sqlstate(error) == READ_ONLY:
        return True
    return isinstance(error, OperationalError | InterfaceError) and lost(error) is not None


def why_not(error):
    """Why a command could not run, if that is because of the state of the database; None if it is our fault."""
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
