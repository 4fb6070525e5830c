"""The tests' databases: migrated once, copied for each process, and emptied after each test that commits."""

import functools
from contextlib import contextmanager

import psycopg
from django.core.management import call_command
from django.db import connection, connections, transaction

# What the migrations write: it stands in every database, and is kept in all.
KEPT = {"django_migrations", "django_content_type", "auth_permission"}


def execute(statement, *parameters):
    """Run a statement on the connection of the test; its rows, if it gives any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else None


def parameters():
    """How to connect to the tests' server, whichever database is meant."""
    given = connection.get_connection_params()
    return {name: given[name] for name in ("host", "port", "user", "password") if name in given}


@contextmanager
def server():
    """A connection to the tests' server, to none of their databases."""
    with psycopg.connect(**parameters(), dbname="postgres", autocommit=True) as server:
        yield server


@contextmanager
def alias(name):
    """The alias by which Django knows the database of this name."""
    connections.databases[name] = connections.databases["default"] | {"NAME": name}
    try:
        yield name
    finally:
        connections[name].close()
        del connections[name], connections.databases[name]


@contextmanager
def template(name, run):
    """See that the database of this name has been migrated in this run of the tests, by whichever process comes first.

    It is dropped when no other database is left whose name begins as its own does.
    """
    others = name.removesuffix("template")
    with server() as admin:
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        made_for = admin.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        if made_for != (run,):
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            admin.execute(f'CREATE DATABASE "{name}"')
            with alias(name):
                call_command("migrate", database=name, verbosity=0)
            admin.execute(f"COMMENT ON DATABASE \"{name}\" IS '{run}'")
    yield name
    with server() as admin:
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        if admin.execute("SELECT FROM pg_database WHERE starts_with(datname, %s)", [others]).rowcount == 1:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@functools.cache
def emptied(name):
    """The tables of the database of this name that tests fill."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " ORDER BY relname"
        )
        return [table for (table,) in cursor if table not in KEPT]


def pass_triggers(cursor):
    """Let no trigger run in this transaction, nor foreign keys be looked at, if we may; return whether we may."""
    cursor.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')")
    ((may,),) = cursor.fetchall()
    if may:
        cursor.execute("SET LOCAL session_replication_role = replica")
    return may


def empty_by_rows():
    """Delete every row that a test left, if we may do so past all triggers; return whether we may.

    A test leaves few; truncating 41 tables for them makes some 200 files.  As that does, this waits for who writes.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if not pass_triggers(cursor):
            return False
        tables = [f'"{table}"' for table in emptied(connection.settings_dict["NAME"])]
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE")
        cursor.execute(";".join(f"DELETE FROM {table}" for table in tables))
    return True
