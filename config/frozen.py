"""Migrations that install SQL.

The SQL that the database runs today is in `<app>/sql/current/`, where it is read
and edited.  A migration installs a frozen copy of it from
`<app>/migrations/sql/`: files there never change once they have landed
(`tests/test_sql.py` holds their hashes, and those of all migrations).
"""

import time
from pathlib import Path

from django.db import OperationalError, migrations, transaction
from psycopg.errors import QueryCanceled

WAIT = "500ms"  # at most, with some of the locks: below PostgreSQL's deadlock_timeout of a second
PATIENCE = 60  # seconds, for all tries
PAUSE = 0.1  # seconds between two, in which those who write go on


def frozen_sql(migration, forward, reverse):
    """An operation of two files in the `sql` folder beside `migration` (pass `__file__`)."""
    folder = Path(migration).parent / "sql"
    return FrozenSQL((folder / forward).read_text(), (folder / reverse).read_text())


class FrozenSQL(migrations.RunSQL):
    """RunSQL that takes the locks of all tables with triggers before it begins.

    It replaces triggers, table after table.  Somebody who writes two such tables in one transaction would now and then
    hold the lock that it waits for, and wait for one that it holds; and PostgreSQL would refuse one of them.  It cannot
    give up what an operation before it in the same migration has locked: let it be the only one in its migration.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        lock_tables_with_triggers(schema_editor)
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        lock_tables_with_triggers(schema_editor)
        super().database_backwards(app_label, schema_editor, from_state, to_state)


def lock_tables_with_triggers(schema_editor):
    """Keep everybody from writing tables that have triggers until the migration's transaction ends.

    Gives up whatever it has whenever it has waited for WAIT, so that who writes never loses to it, and tries again.
    Raises OperationalError after PATIENCE: some transaction has written one of the tables for as long.
    """
    connection = schema_editor.connection
    if schema_editor.collect_sql:
        return
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        tables = ", ".join(table for (table,) in cursor)
        cursor.execute("SELECT current_setting('statement_timeout')")
        [(timeout,)] = cursor.fetchall()
    until = time.monotonic() + PATIENCE
    while tables:
        try:
            with transaction.atomic(connection.alias), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [WAIT])
                cursor.execute(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [timeout])
            return
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled) or time.monotonic() > until:
                raise
            time.sleep(PAUSE)


TABLES = """
    SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
    JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
    ORDER BY 1
"""
