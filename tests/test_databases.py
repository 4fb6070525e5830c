"""The tests' own databases: what one test committed, no other finds."""

import pytest
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection

from tests import databases
from tests.test_admin import populate


def contents():
    """The rows of every table that has any, as text."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT rows::text FROM "{table}" AS rows ORDER BY 1')
            if rows := cursor.fetchall():
                found[table] = rows
    return found


@pytest.mark.django_db(transaction=True)
def test_a_test_that_commits_leaves_the_tables_as_the_migrations_made_them():
    migrated = contents()
    assert migrated.keys() == databases.KEPT
    populate()
    assert len(contents()) > 20
    if not databases.empty_by_rows():
        pytest.skip("This server's user may not pass the triggers: Django's flush is used.")
    assert contents() == migrated
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")  # as Django's flush does
    assert contents() == migrated
