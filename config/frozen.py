"""Migrations that install SQL.

What the database runs today stands in `<app>/sql/current/`, where it is read
and edited.  A migration installs a frozen copy of it from
`<app>/migrations/sql/`: files there never change once they have landed
(`tests/test_sql.py` holds their hashes).
"""

from pathlib import Path

from django.db import migrations


def frozen_sql(migration, forward, reverse):
    """A RunSQL of two files in the `sql` folder beside `migration` (pass `__file__`)."""
    folder = Path(migration).parent / "sql"
    return migrations.RunSQL((folder / forward).read_text(), (folder / reverse).read_text())
