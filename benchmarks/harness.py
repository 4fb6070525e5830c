"""What every benchmark needs: a database of its own, the server's settings, and fair rounds."""

import argparse
import os
import random
import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass

import django

TIMELINE = "student_activity_timeline"
SETTINGS = (
    "server_version", "shared_buffers", "work_mem", "max_wal_size", "fsync", "synchronous_commit", "full_page_writes",
)  # fmt: skip


def parser(module, document):
    """An ArgumentParser that says what the benchmark's docstring says, with --report (benchmarks.report.write())."""
    summary, *details = document.split("\n\n", 1)
    made = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=summary,
        epilog="".join(details),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--report", action="store_true", help="write the results into docs/benchmarks.md, too")
    return made


@contextmanager
def database(keep=None):
    """The connection to an empty database `benchmark_…` on the server of the settings; deleted at the end.

    With `keep`, to the database of that name, made if it is not there, and migrated; it stays.
    """
    connection = set_up()
    name = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = keep or f"benchmark_{name}"
    connection.creation.create_test_db(autoclobber=True, verbosity=0, keepdb=bool(keep))
    try:
        yield connection
    finally:
        connection.creation.destroy_test_db(name, verbosity=0, keepdb=bool(keep))


def delete(name):
    """Delete a database that was kept, in whatever state it is."""
    connection = set_up()
    connection.close()
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {connection.ops.quote_name(name)}")


def set_up(settings="benchmarks.settings"):
    """Django's connection, with these settings unless there are some already."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    django.setup()
    from django.db import connection

    return connection


def execute(connection, statement, params=None):
    """Run statements; return the rows of the last, if it gives any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else None


def wal_position(connection):
    """The bytes of WAL that the server has written by now."""
    [(position,)] = execute(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    return int(position)


def watch(connection, on, table=None):
    """Set the timeline's triggers on or off: those of `table`, else of all sources and lenders."""
    triggers = execute(
        connection,
        "SELECT tgrelid::regclass::text, quote_ident(tgname) FROM pg_trigger"
        " WHERE tgname LIKE 'timeline%%' AND tgrelid = coalesce(%s::regclass, tgrelid)",
        [table],
    )
    for of, trigger in triggers:
        execute(connection, f"ALTER TABLE {of} {'ENABLE' if on else 'DISABLE'} TRIGGER {trigger}")


@contextmanager
def pages_served():
    """In which pages can be asked for in this process, by logged_in()."""
    from django.test.utils import override_settings

    with override_settings(ALLOWED_HOSTS=["testserver"], SECURE_SSL_REDIRECT=False):
        yield


def logged_in(person):
    """A client, of this process, in which `person` is logged in."""
    from django.test import Client

    client = Client()
    client.force_login(person)
    return client


@dataclass(frozen=True)
class Explained:
    """What a statement took: `buffers` (of 8 kB) and `milliseconds`; `scans`, the timeline's indexes that it read."""

    buffers: int
    milliseconds: float
    scans: str


def explained(connection, statement, params=None):
    """A statement as EXPLAIN (ANALYZE, BUFFERS) finds it, once what it needs is in memory."""
    for _ in range(2):
        found = explain(connection, statement, params)
    plan = found["Plan"]
    buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return Explained(buffers, found["Execution Time"], ", ".join(sorted(set(scanned(plan)))))


def explain(connection, statement, params=None):
    """What EXPLAIN (ANALYZE, BUFFERS) says of a statement that it runs once."""
    [(plans,)] = execute(connection, f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}", params)
    return plans[0]


def scanned(plan):
    """The timeline's indexes that a plan reads; "all of it" for a scan of the whole table."""
    for node in nodes(plan):
        index, table = node.get("Index Name", ""), node.get("Relation Name")
        if table == TIMELINE and node["Node Type"] == "Seq Scan":
            yield "all of it"
        if index.startswith("idx_"):
            yield index
        if index.startswith(f"{TIMELINE}_pkey"):
            yield "its primary key"


def nodes(plan):
    """A plan's nodes, itself first."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def server(connection):
    """The settings of the server that bear on speed, as one line."""
    told = [f"{name} {execute(connection, f'SHOW {name}')[0][0]}" for name in SETTINGS]
    # The setting is on where there is no compiler, too.
    [(compiles,)] = execute(connection, "SELECT pg_jit_available()")
    return ", ".join([*told, f"jit {'on' if compiles else 'off'}"])


def alternate(steps, rounds):
    """The seconds of each of `steps` ({name: function}) in each round, {name: [seconds]}: all steps in turn, each
    round in another order, so that what else the machine does meets them all alike."""
    seconds = {name: [] for name in steps}
    order = list(steps)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            start = time.perf_counter()
            steps[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds, base):
    """How many times as long as `base`: the median over the rounds of the ratio within a round."""
    return statistics.median(one / other for one, other in zip(seconds, base, strict=True))


def drifts():
    """Whether `backfill_timeline --check` finds anything; it says what."""
    from django.core.management import call_command

    try:
        call_command("backfill_timeline", "--check")
    except SystemExit:
        return True
    return False
