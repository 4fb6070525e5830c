"""What all parts ask of Citus."""

import re
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.growth import shards
from benchmarks.harness import TIMELINE

DATABASE, PLAIN = "benchmark_citus", "benchmark_plain"
SHORT = 57  # characters of a message that says little by itself


@contextmanager
def opened(url, name=DATABASE, **node):
    with psycopg.connect(make_conninfo(url, dbname=name, **node), autocommit=True) as connection:
        yield connection


def tried(citus, statement, *, keep=False):
    """What the server says against a statement; None if it takes it, which is then undone unless to `keep`."""
    try:
        with citus.transaction(force_rollback=not keep):
            citus.execute(statement)
    except psycopg.Error as error:
        return words(error)
    return None


def words(error):
    """The server's, without a shard's number, and with its details where a few words alone do not tell."""
    said, details = re.sub(r"_\d{6}\b", "_…", error.diag.message_primary), error.diag.message_detail
    return f"{said}: {details}" if details and len(said) < SHORT else said


def columns(citus):
    """Those of an entry."""
    return value(
        citus,
        "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute"
        " WHERE attrelid = 'timeline_entry'::regclass AND attnum > 0",
    )


def busiest(connection):
    return value(connection, f"SELECT student_id FROM {TIMELINE} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1")


def answer(citus, statement):
    if refused := tried(citus, statement):
        return f"“{refused}”"
    rows = citus.execute(statement).fetchall()
    said = f"{rows[0][0]:,}" if len(rows) == 1 and len(rows[0]) == 1 else f"{len(rows):,} rows"
    count = shards_of(citus, statement)
    return f"{said}, from {count} shard{'s' * (count > 1)}"


def drift_of(entry):
    """A statement that counts what differs between the timeline and the view, on every shard by itself."""
    both = ["student_id", *entry]
    return f"""
        SELECT count(*) FROM (SELECT {", ".join(both)} FROM {TIMELINE}) AS present
        FULL JOIN (SELECT {", ".join(both)} FROM timeline_expected) AS expected
            ON expected.student_id = present.student_id AND expected.id = present.id
        WHERE ({", ".join(f"present.{name}" for name in both)})
            IS DISTINCT FROM ({", ".join(f"expected.{name}" for name in both)})
    """


def drifting(citus):
    return value(citus, drift_of(columns(citus)))


def value(connection, statement, *params):
    """What a statement gives that gives one row of one column."""
    [(only,)] = connection.execute(statement, params or None).fetchall()
    return only


def shards_of(citus, statement, params=None):
    """How many tasks Citus makes of a statement, of its largest part; 0 if it asks no other node."""
    asked = psycopg.ClientCursor(citus).mogrify(statement, params)
    plan = "\n".join(line for (line,) in citus.execute(f"EXPLAIN {asked}".encode()).fetchall())
    return max(map(int, re.findall(r"Task Count: (\d+)", plan)), default=0)


def own(citus):
    return [name for name, _ in citus.execute(shards.OWN).fetchall()]
