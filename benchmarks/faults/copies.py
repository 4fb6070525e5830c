"""A database elsewhere: restored from a dump, replicated to a second server; and with another mapping."""

import contextlib
import time
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.faults.killed import kill_some_of
from benchmarks.faults.ledger import Ledger, hashes, words_in
from benchmarks.faults.stage import differences, drift
from benchmarks.harness import TIMELINE
from benchmarks.server import InVain, delete_folder, wait_until
from config.database.embedded import PORT, SUPERUSER

MAPPINGS = Path(__file__).parents[2] / "timeline" / "migrations" / "sql"

TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2
"""
OF_DJANGO = ("django_*", "auth_*", "sessions")  # as they are left out of `into_migrated`


# Restoring


def plain(server, source, target, dump, snapshot):
    "plain"
    server.run_on(source, "pg_dump", snapshot, "-f", dump)
    server.run_on(target, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump)


def parallel(server, source, target, dump, snapshot):
    "directory, two jobs"
    server.run_on(source, "pg_dump", snapshot, "-Fd", "-j2", "-f", dump)
    server.run_on(target, "pg_restore", "-j2", "--exit-on-error", dump)


def data_only(server, source, target, dump, snapshot):
    "data only"
    schema = dump.with_name(f"{dump.name}.sql")
    server.run_on(source, "pg_dump", "--schema-only", "-f", schema)
    server.run_on(target, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", schema)
    server.run_on(source, "pg_dump", snapshot, "--data-only", "-Fc", "-f", dump)
    server.run_on(target, "pg_restore", "--data-only", "--disable-triggers", "--exit-on-error", dump)


def without_timeline(server, source, target, dump, snapshot):
    "without the timeline, and a backfill"
    server.run_on(source, "pg_dump", snapshot, "-Fc", f"--exclude-table-data={TIMELINE}", "-f", dump)
    server.run_on(target, "pg_restore", "--exit-on-error", dump)
    manage(server, target, "backfill_timeline", "--first-load")


def into_migrated(server, source, target, dump, snapshot):
    "data only, into a migrated database"
    manage(server, target, "migrate", "--verbosity=0")
    left_out = [f"--exclude-table-data={table}" for table in (TIMELINE, *OF_DJANGO)]
    server.run_on(source, "pg_dump", snapshot, "-Fc", "--data-only", *left_out, "-f", dump)
    server.run_on(target, "pg_restore", "--single-transaction", dump)
    manage(server, target, "backfill_timeline")


def manage(server, database, *command):
    code, said = server.managed(database, *command)
    if code:
        raise InVain(f"{' '.join(command)}: {said}")


# The last two are the first ones of docs/operating.md.
WAYS = (plain, parallel, data_only, without_timeline, into_migrated)


def restore(stage, chance):
    """Dump under live writers, restore elsewhere: every table is as it was at that moment, and can be written to."""
    number = stage.kept["rounds"] = stage.kept.get("rounds", -1) + 1
    way, server, target = WAYS[number % len(WAYS)], stage.server, f"restored_{number}"
    dump = server.postgres.home / f"dump-{number}"
    server.create_database(target)
    try:
        with stage.people(chance) as crowd:
            crowd.all_write_again()
            time.sleep(chance.uniform(0, 1))
            with stage.connect() as connection:
                since = stage.ledger.position()
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                [(snapshot,)] = connection.execute("SELECT pg_export_snapshot()").fetchall()
                there = hashes(connection)
                way(server, stage.name, target, dump, f"--snapshot={snapshot}")
                triggers = connection.execute(TRIGGERS).fetchall()
            crowd.all_write_again()
        with server.connect(target) as restored:
            here = hashes(restored)
            if way is into_migrated:
                there, here = (without(OF_DJANGO, rows) for rows in (there, here))
            wrong = differences(there, here)
            wrong += stage.ledger.wrong(words_in(restored), since)[0]
            if restored.execute(TRIGGERS).fetchall() != triggers:
                wrong.append("the triggers are not those of the source")
        wrong += drift(server, target)
        wrong += writable(stage, target, chance)
        stage.happened[way.__doc__] += 1
    finally:
        server.drop_database(target)
        dump.unlink() if dump.is_file() else delete_folder(dump)
    return [f"{way.__doc__}: {sentence}" for sentence in wrong] + stage.wrong()


def without(patterns, rows):
    """Those of the `hashes` whose table is not among these."""
    return {table: row for table, row in rows.items() if not any(fnmatch(table, each) for each in patterns)}


def writable(stage, database, chance, server=None):
    """What goes wrong where people write in a copy of the stage's database for a moment."""
    server = server or stage.server
    ledger = Ledger(stage.folder / f"{database}.ledger")
    with stage.people(chance, url=server.url(database), ledger=ledger) as crowd:
        crowd.all_write_again()
        time.sleep(0.3)
    with server.connect(database) as connection:
        mine = [text for text in words_in(connection) if text.startswith(f"#{stage.name}-{crowd.number}-")]
    return drift(server, database) + ledger.wrong(mine)[0]


# Replicating


@contextlib.contextmanager
def with_second_server(server, folder):
    """The server itself, which gets a `second`: a server of its own."""
    server.second = server.copy(folder / "second")
    server.second.start()
    try:
        yield server
    finally:
        server.second.delete()


def replicate(stage, chance):
    """A second server follows while people write, is killed on the way, catches up, and takes over.

    In turn as a subscriber to all tables; as one to all but the timeline, which is then to be made by a backfill, as
    what a subscription applies fires no triggers of statements; and as a standby.
    """
    number = stage.kept["rounds"] = stage.kept.get("rounds", -1) + 1
    if number % 3 == 2:
        return stand_by(stage, chance, number)
    sources_only = number % 3 == 1
    first, second, replica = stage.server, stage.server.second, f"replica_{number}"
    with stage.connect(autocommit=True) as connection:
        connection.execute(f"CREATE PUBLICATION {replica} FOR ALL TABLES")
        if sources_only:
            tables = [f"public.{table}" for table in hashes(connection) if table != TIMELINE]
            connection.execute(f"DROP PUBLICATION {replica}")
            connection.execute(f"CREATE PUBLICATION {replica} FOR TABLE {', '.join(tables)}")
    with stage.people(chance) as crowd:
        crowd.all_write_again()
        subscribe(first, stage.name, second, replica)
        time.sleep(chance.uniform(0, 2))
        stage.happened[f"subscriber: {kill_some_of(second, chance)} killed"] += 1
        second.start()
        crowd.all_write_again()
    since = stage.ledger.position()
    with stage.connect(autocommit=True) as publisher:
        if not copied(publisher, second, replica):
            stage.happened["subscriber begun anew"] += 1
            with second.connect(replica, autocommit=True) as subscriber:
                subscriber.execute(f"DROP SUBSCRIPTION {replica}")
            second.drop_database(replica)
            subscribe(first, stage.name, second, replica)
            if not copied(publisher, second, replica):
                return ["A subscription that nobody disturbed is not copied."]
    with stage.connect(autocommit=True) as publisher, second.connect(replica, autocommit=True) as subscriber:
        [(end,)] = publisher.execute("SELECT pg_current_wal_lsn()").fetchall()
        caught_up = (
            "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = %s AND confirmed_flush_lsn >= %s)"
        )
        wait_until(
            lambda: publisher.execute(caught_up, [replica, end]).fetchone()[0], "the subscriber does not catch up"
        )
        there, here = hashes(publisher), hashes(subscriber)
        if sources_only:
            stage.happened[
                "subscriber without the timeline: drift, then a backfill" if drift(second, replica) else "no drift"
            ] += 1
            there, here = (without([TIMELINE], rows) for rows in (there, here))
        wrong = differences(there, here) + stage.ledger.wrong(words_in(subscriber), since)[0]
        subscriber.execute(f"DROP SUBSCRIPTION {replica}")
        for sequence in publisher.execute("SELECT sequencename, last_value FROM pg_sequences WHERE last_value > 0"):
            subscriber.execute("SELECT setval(%s, %s)", sequence)
        publisher.execute(f"DROP PUBLICATION {replica}")
    if sources_only:
        code, said = second.managed(replica, "backfill_timeline")
        wrong += [said] if code else []
    wrong += drift(second, replica) + writable(stage, replica, chance, second)
    second.drop_database(replica)
    return wrong + stage.wrong()


def subscribe(first, database, second, replica):
    """Make the database `replica` of the second server, with the first one's schema and a subscription of that name."""
    schema = first.postgres.home / f"schema-{replica}.sql"
    first.run_on(database, "pg_dump", "--schema-only", "--no-publications", "-f", schema)
    second.create_database(replica)
    second.run_on(replica, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", schema)
    schema.unlink()
    address = f"host={first.postgres.socket_directory} port={PORT} user={SUPERUSER} dbname={database}"
    with second.connect(replica, autocommit=True) as connection:
        connection.execute(f"CREATE SUBSCRIPTION {replica} CONNECTION '{address}' PUBLICATION {replica}")


def copied(publisher, second, replica):
    """Wait until all tables follow the publisher; whether they do, as one whose slot is lost never will."""
    with second.connect(replica, autocommit=True) as subscriber:
        while left := uncopied(subscriber):
            wait_until(
                lambda left=left: uncopied(subscriber) < left or has_lost_slots(publisher, subscriber),
                f"{left} tables are not copied",
            )
            if has_lost_slots(publisher, subscriber):
                time.sleep(10)  # PostgreSQL tries again every five seconds: one that was about to be done is, by now
                if has_lost_slots(publisher, subscriber):
                    return False
    return True


def uncopied(subscriber):
    """How many tables do not follow the publisher yet."""
    return subscriber.execute("SELECT FROM pg_subscription_rel WHERE srsubstate <> 'r'").rowcount


def has_lost_slots(publisher, subscriber):
    """Whether a table was copied, and the slot is gone by which it would catch up.

    PostgreSQL drops it before it commits that it is done with; who is killed in between asks for it for ever.
    """
    slots = {name for (name,) in publisher.execute("SELECT slot_name FROM pg_replication_slots")}
    needed = subscriber.execute(
        "SELECT format('pg_%s_sync_%s_%s', srsubid, srrelid, system_identifier)"
        " FROM pg_subscription_rel, pg_control_system() WHERE srsubstate = 'f'"
    )
    return any(name not in slots for (name,) in needed)


def stand_by(stage, chance, number):
    """A standby of the whole server; it is asked for drift as such, and promoted."""
    reads = "SELECT pg_last_wal_replay_lsn()"
    with stage.people(chance) as crowd:
        crowd.all_write_again()
        standby = stage.server.copy(stage.folder / f"standby-{number}", "-R")
        try:
            standby.start(reads)
            time.sleep(chance.uniform(0, 1))
            stage.happened[f"standby: {kill_some_of(standby, chance)} killed"] += 1
            standby.start(reads)
            crowd.all_write_again()
        except BaseException:
            standby.delete()
            raise
    since = stage.ledger.position()
    try:
        with stage.connect(autocommit=True) as primary, standby.connect(stage.name, autocommit=True) as reader:
            [(end,)] = primary.execute("SELECT pg_current_wal_lsn()").fetchall()
            wait_until(
                lambda: reader.execute("SELECT pg_last_wal_replay_lsn() >= %s", [end]).fetchone()[0],
                "the standby does not catch up",
            )
            wrong = differences(hashes(primary), hashes(reader)) + stage.ledger.wrong(words_in(reader), since)[0]
            wrong += drift(standby, stage.name)
            reader.execute("SELECT pg_promote()")
        standby.start()
        wrong += writable(stage, stage.name, chance, standby)
    finally:
        standby.delete()
    return wrong + stage.wrong()


# Another mapping


def remap(stage, chance):
    """Back to the mapping before the last one, and forth again, each with a backfill, while people write."""
    newest = max(path.name for path in MAPPINGS.glob("*_reverse.sql")).removesuffix("_reverse.sql")
    before = max(path.stem for path in MAPPINGS.parent.glob("0*.py") if path.stem < newest)
    wrong = []
    with stage.people(chance) as crowd:
        for target in (["timeline", before], ["timeline"]):
            crowd.all_write_again()
            time.sleep(chance.uniform(0, 0.5))
            for command in (["migrate", "--verbosity=0", *target], ["backfill_timeline"]):
                code, said = stage.managed(*command)
                wrong += [f"{' '.join(command)}: {said}"] if code else []
            crowd.all_write_again()
            wrong += drift(stage.server, stage.name)
            stage.happened[f"to {target[-1]}"] += 1
    return wrong + stage.wrong()
