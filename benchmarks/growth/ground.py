"""What all parts stand on: a PostgreSQL server of our own, the schools in it, and what statements and writers take."""

import os
import re
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import harness, population
from benchmarks.server import own_server, wait_until

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "4GB", "max_connections": "100"}
TEMPLATE = "growth_migrated"
CACHES = Path("/proc/sys/vm/drop_caches")
EVERY = 0.02  # seconds between two looks at what writers wait for


class Ground:
    """The server, and Django's connection to one of its databases at a time.

    `sizes`: of the schools that the backfill makes, from the smallest; `seconds`: how long writers write;
    `document`: beside which drawings are written.
    """

    def __init__(self, server, folder, sizes, seconds, document):
        self.server, self.folder, self.sizes, self.seconds, self.document = server, folder, sizes, seconds, document
        os.environ.update(DATABASE_URL=server.url("postgres"), LOCAL="on", ENV_FILE=os.devnull)
        self.connection = harness.set_up("config.settings")
        with harness.database(TEMPLATE):
            pass

    @contextmanager
    def at(self, name):
        """Django's connection to the database `name`."""
        self.connection.close()
        self.connection.settings_dict["NAME"] = name
        try:
            yield self.connection
        finally:
            self.connection.close()

    def school(self, entries, *, by_triggers=False):
        """The name of the database with a school of `entries` entries, made at the first call."""
        name = f"growth_{entries}{'_triggers' * by_triggers}"
        with self.at("postgres") as connection:
            [(there,)] = harness.execute(
                connection, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)", [name]
            )
        if not there:
            self.server.copy_database(TEMPLATE, name)
            with self.at(name) as connection:
                population.fill(connection, entries, by_triggers=by_triggers)
        return name

    @contextmanager
    def copy_of(self, name):
        """The name of a copy, deleted at the end."""
        copy = f"{name}_copy"
        self.connection.close()
        self.server.copy_database(name, copy)
        try:
            yield copy
        finally:
            self.connection.close()
            self.server.drop_database(copy)

    def restart(self, *, forget=False, **settings):
        """Start the server anew, with these settings; `forget`: whether the system forgets files, too, if we may."""
        self.connection.close()
        self.server.stop()
        if forget:
            forget_files()
        self.server.settings = SETTINGS | settings
        self.server.start()
        with self.server.connect("postgres") as connection:
            for name, value in self.server.settings.items():
                [shown] = connection.execute(f"SHOW {name}").fetchone()
                assert shown == value, f"{name} is {shown}"

    def write(self, database, script, clients=1, *, transactions=None, checkpoint=False):
        """What `clients` of pgbench write at once, each statement of `script` its own transaction: a Written.

        `checkpoint`: one before it.
        """
        on = self.server
        file = on.postgres.home / "growth.sql"
        file.write_text(script)
        file.chmod(0o644)
        length = ["-t", str(transactions)] if transactions else ["-T", str(self.seconds)]
        with on.connect(database, autocommit=True) as connection:
            if checkpoint:
                connection.execute("CHECKPOINT")
            before, cpu, start = counters(connection), processor_seconds(on), time.monotonic()
            with looked_at(on, database) as waits:
                threads = str(min(clients, os.cpu_count()))
                said = on.run_on(
                    database, "pgbench", "-n", "-c", str(clients), "-j", threads, *length, "-f", file
                )  # fmt: skip
            took = time.monotonic() - start
            # Who ends while they are counted would be counted twice: by itself, and by the postmaster.
            wait_until(lambda: not connection.execute(WRITING).fetchall(), "those who wrote are still there")
            time.sleep(0.1)
            cpu = (processor_seconds(on) - cpu) / took / os.cpu_count()
            after = counters(connection)
        number = int(re.search(r"actually processed: (\d+)", said)[1])
        rate = float(re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)[1])
        failed = int(re.search(r"failed transactions: (\d+)", said)[1])
        assert number > 0, said
        assert not failed, said
        return Written(rate, cpu, waits, *((then - now) / number for then, now in zip(after, before, strict=True)))


@contextmanager
def ground(sizes, seconds, document=None):
    """A Ground in a temporary folder, deleted at the end; there the drawings are, too, without a document."""
    with own_server("growth-", SETTINGS) as (server, folder):
        made = Ground(server, folder, sizes, seconds, document or folder / "drawn.md")
        try:
            yield made
        finally:
            made.connection.close()


def may_forget():
    return os.access(CACHES, os.W_OK)


def forget_files():
    """Have the system forget what it keeps of files in memory; does nothing if we may not."""
    if may_forget():
        os.sync()
        CACHES.write_text("1")


# What writers take

WRITING = "SELECT FROM pg_stat_activity WHERE application_name = 'pgbench'"


@dataclass
class Written:
    """`rate`: transactions a second; `processor`: the server's share of all cores; `waits`: {what: samples}.

    Of a transaction: bytes of `wal`, `images` of whole pages in it (each page's first change since a checkpoint, by
    which it will have to be written, too); blocks of 8 kB `read` from outside shared_buffers.
    """

    rate: float
    processor: float
    waits: Counter
    wal: float
    images: float
    read: float


def counters(connection):
    connection.execute("SELECT pg_stat_force_next_flush()")
    return connection.execute(
        "SELECT wal_bytes::float8, wal_fpi::float8, io.* FROM pg_stat_wal, ("
        " SELECT coalesce(sum(read_bytes), 0)::float8 / 8192"
        " FROM pg_stat_io WHERE object = 'relation') AS io"
    ).fetchone()


def processor_seconds(server):
    """Of all processes of the server, those that ended too, which the postmaster counts as its children."""
    postmaster, seconds = server.postmaster(), 0
    for process in postmaster.children():
        with suppress(psutil.NoSuchProcess):
            seconds += sum(process.cpu_times()[:2])
    return seconds + sum(postmaster.cpu_times()[:4])


@contextmanager
def looked_at(server, database):
    """A Counter of what those who write wait for, from look to look; "processor" for who works."""
    waits, ended = Counter(), threading.Event()

    def look():
        with server.connect(database, autocommit=True) as connection:
            while not ended.wait(EVERY):
                waits.update(
                    name
                    for (name,) in connection.execute(
                        "SELECT coalesce(wait_event_type || ' ' || wait_event, 'processor') FROM pg_stat_activity"
                        " WHERE application_name = 'pgbench' AND state = 'active'"
                    )
                )

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield waits
    finally:
        ended.set()
        looking.join()


# What statements take


def counted(connection, statement, params=None):
    """The row of a statement about what PostgreSQL counts, up to now."""
    harness.execute(connection, "SELECT pg_stat_force_next_flush()")
    harness.execute(connection, "SELECT pg_stat_clear_snapshot()")
    [row] = harness.execute(connection, statement, params)
    return row


@dataclass
class Taken:
    """Of some statements: `buffers` in all, those of them `read` from outside shared_buffers, milliseconds of running
    and of planning, rows that index-only scans had to look up in the table (`fetches`)."""

    buffers: int = 0
    read: int = 0
    milliseconds: float = 0
    planning: float = 0
    fetches: int = 0


def taken(connection, statements):
    """A Taken of [(statement, parameters, …)], each run once; what they write is undone."""
    from django.db.transaction import atomic, set_rollback

    total = Taken()
    with atomic():
        for sql, params, *_ in statements:
            found = harness.explain(connection, sql, params)
            plan = found["Plan"]
            total.buffers += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            total.read += plan["Shared Read Blocks"]
            total.milliseconds += found["Execution Time"]
            total.planning += found["Planning Time"]
            total.fetches += sum(node.get("Heap Fetches", 0) for node in harness.nodes(plan))
        set_rollback(True)
    return total


def statements_of_pages(connection, names):
    """{(page, "hot" or "median"): the statements it runs}, of these pages of benchmarks.reading."""
    from benchmarks import reading

    found = {}
    with harness.pages_served():
        for whom, subject in reading.chosen(connection).items():
            pages = reading.pages(subject)
            for name in names:
                found[name, whom] = reading.statements_of(connection, *pages[name], page=f"{name}, {whom}")
    return found
