"""The timeline in partitions by month, beside the one that it is: what pages read and what planning takes."""

from operator import attrgetter

from benchmarks import harness, report
from benchmarks.growth.ground import statements_of_pages, taken
from benchmarks.harness import TIMELINE

PAGES = ("journey", "journey, newest first", "days", "goal", "inbox", "busiest day")
ROUNDS = 3
PLAIN, MONTHS = f"{TIMELINE}_plain", f"{TIMELINE}_months"


def measure(ground):
    """Blocks of Markdown, of a copy of the largest school."""
    with ground.copy_of(ground.school(ground.sizes[-1])) as name, ground.at(name) as connection:
        pages = statements_of_pages(connection, PAGES)
        number = partition(connection)
        harness.execute(connection, f"VACUUM (ANALYZE) {MONTHS}")
        plain, months = compare(connection, pages)
        return blocks(number, plain, months, gone(connection))


def partition(connection):
    """Make MONTHS of the timeline: the same columns, rows and indexes, by month of created_at; how many months.

    The primary key is (id, created_at), as it has to contain what the table is partitioned by; this cannot be
    activity_date, which is a generated column.
    """
    indexes = harness.execute(
        connection,
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary",
        [TIMELINE],
    )
    [(columns,)] = harness.execute(
        connection,
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        [TIMELINE],
    )
    harness.execute(
        connection,
        f"CREATE TABLE {MONTHS} (LIKE {TIMELINE} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS)"
        " PARTITION BY RANGE (created_at)",
    )
    months = harness.execute(
        connection,
        "SELECT month::timestamptz, (month + interval '1 month')::timestamptz FROM generate_series("
        f" (SELECT date_trunc('month', min(created_at)) FROM {TIMELINE}),"
        f" (SELECT max(created_at) FROM {TIMELINE}), interval '1 month') AS month ORDER BY 1",
    )
    for number, (since, until) in enumerate(months):
        harness.execute(
            connection,
            f"CREATE TABLE {MONTHS}_{number} PARTITION OF {MONTHS} FOR VALUES FROM ('{since}') TO ('{until}')",
        )
    harness.execute(connection, f"INSERT INTO {MONTHS} ({columns}) SELECT {columns} FROM {TIMELINE}")
    harness.execute(connection, f"ALTER TABLE {MONTHS} ADD PRIMARY KEY (id, created_at)")
    for (definition,) in indexes:
        head, _, tail = definition.partition(" ON ")
        table, _, rest = tail.partition(" ")
        assert table.rpartition(".")[2] == TIMELINE, definition
        harness.execute(connection, f"{head}_months ON {MONTHS} {rest}")
    return len(months)


def swapped(connection, there, here):
    """Give the table `here` the timeline's name, and the timeline the name `there`."""
    harness.execute(connection, f"ALTER TABLE {TIMELINE} RENAME TO {there}; ALTER TABLE {here} RENAME TO {TIMELINE}")


def compare(connection, pages, rounds=ROUNDS):
    """({page: Taken of the timeline}, {page: Taken of MONTHS}), each of the round that planned it fastest."""
    plain, months = {}, {}
    for _ in range(rounds):
        note(connection, pages, plain)
        swapped(connection, PLAIN, MONTHS)
        note(connection, pages, months)
        swapped(connection, MONTHS, PLAIN)
    return plain, months


def note(connection, pages, found):
    for page, statements in pages.items():
        again = taken(connection, statements)
        found[page] = min(found.get(page, again), again, key=attrgetter("planning"))


def gone(connection):
    """What it costs to be rid of the entries of a month, the largest: {way: (entries, bytes of WAL)}."""
    [(month,)] = harness.execute(
        connection,
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"
        " ORDER BY pg_relation_size(inhrelid) DESC LIMIT 1",
        [MONTHS],
    )
    [(entries, since, until)] = harness.execute(
        connection, f"SELECT count(*), min(created_at), max(created_at) FROM {month}"
    )
    start = harness.wal_position(connection)
    harness.execute(connection, f"DELETE FROM {TIMELINE} WHERE created_at BETWEEN %s AND %s", [since, until])
    harness.execute(connection, f"VACUUM {TIMELINE}")
    deleted = harness.wal_position(connection)
    harness.execute(connection, f"DROP TABLE {month}")
    dropped = harness.wal_position(connection)
    return {"DELETE, and VACUUM": (entries, deleted - start), "DROP TABLE of a partition": (entries, dropped - deleted)}


def blocks(number, plain, months, gone):
    return [
        f"**Partitions by month**: {number}, of the same entries with the same indexes, beside the table as it is;"
        f" planning as the fastest of {ROUNDS} rounds",
        report.table(
            ["", "buffers", "by month", "times", "ms of planning", "by month", "times"],
            [
                [f"{page[0]}, {page[1]}", one.buffers, months[page].buffers, months[page].buffers / one.buffers,
                    one.planning, months[page].planning, months[page].planning / one.planning]
                for page, one in plain.items()
            ],
        ),
        report.table(
            ["the end of a month", "entries", "WAL, bytes an entry"],
            [[way, entries, wal / entries] for way, (entries, wal) in gone.items()],
        ),
    ]  # fmt: skip
