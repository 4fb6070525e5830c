"""Updates: how many stay within a page (heap-only), what they leave to vacuum, by fillfactor; what a vacuum gives."""

from contextlib import contextmanager

from benchmarks import harness, report
from benchmarks.growth.ground import counted, statements_of_pages, taken
from benchmarks.harness import TIMELINE

FILLFACTORS = (100, 90, 70)
TRANSACTIONS = 20  # of a round, each of a twentieth of the rows, drawn by chance
ROUNDS = 3
OVERDUE = (2, 20)  # per cent of entries, after which autovacuum comes: as storage.sql has it, and by itself

# {what is done: (the table whose updates are counted, a statement to which a condition is added)}.
KINDS = {
    "a heartbeat": (
        "video_progress",
        "UPDATE video_progress SET watched = watched + int4multirange(int4range(0, 1)), watched_at = now(),"
        " position_seconds = (position_seconds + 15) % 300 WHERE true",
    ),
    "an answer": (
        TIMELINE,
        "UPDATE reflections SET instructor_response = 'Try it once, and tell me how it went.', responded_at = now(),"
        " responded_by = (SELECT id FROM profiles LIMIT 1) WHERE instructor_response IS NULL",
    ),
    "an answer is edited": (
        TIMELINE,
        "UPDATE reflections SET instructor_response = instructor_response || '.' WHERE instructor_response IS NOT NULL",
    ),
    "words are edited": (TIMELINE, "UPDATE reflections SET content = content || '.' WHERE true"),
}
TABLES = (TIMELINE, "video_progress")
UPDATES = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = %s"


def measure(ground):
    """Blocks of Markdown, of the smallest school, made by the triggers."""
    found = {}
    with packed(ground, FILLFACTORS[0]) as connection:
        vacuumed = looked_up(connection)
    for fillfactor in FILLFACTORS:
        with packed(ground, fillfactor) as connection:
            found[fillfactor] = updated(connection)
    return blocks(found, vacuumed)


@contextmanager
def packed(ground, fillfactor):
    """The connection to a copy of the school, whose tables are written anew so full, and left alone by autovacuum."""
    with ground.copy_of(ground.school(ground.sizes[0], by_triggers=True)) as name, ground.at(name) as connection:
        for table in TABLES:
            harness.execute(
                connection, f"ALTER TABLE {table} SET (fillfactor = {fillfactor}, autovacuum_enabled = off)"
            )
            harness.execute(connection, f"VACUUM (FULL, ANALYZE) {table}")
        yield connection


def updated(connection):
    """({kind: share of updates that are heap-only}, bytes of table and indexes as rounds of edits left them)."""
    shares = {kind: heap_only(connection, table, statement) for kind, (table, statement) in KINDS.items()}
    for table in TABLES:
        harness.execute(connection, f"VACUUM (FULL, ANALYZE) {table}")
    _, statement = KINDS["words are edited"]
    sizes = [size(connection)]
    for _ in range(ROUNDS):
        run(connection, statement)
        harness.execute(connection, f"VACUUM {TIMELINE}")
        sizes.append(size(connection))
    return shares, sizes


def heap_only(connection, table, statement):
    """The share of heap-only updates of `table` while `statement` is run for all rows; None if it made none."""
    before = counted(connection, UPDATES, [table])
    run(connection, statement)
    updates, hot = (now - then for now, then in zip(counted(connection, UPDATES, [table]), before, strict=True))
    return hot / updates if updates else None


def run(connection, statement):
    table = statement.split()[1]
    for part in range(TRANSACTIONS):
        harness.execute(connection, f"{statement} AND abs(hashtext({table}.id::text)) % {TRANSACTIONS} = {part}")


def size(connection):
    """(bytes of the timeline's table, of its indexes)."""
    [row] = harness.execute(connection, f"SELECT pg_relation_size('{TIMELINE}'), pg_indexes_size('{TIMELINE}')")
    return row


def looked_up(connection):
    """{what was changed since the last vacuum: Taken by the journey of the video with most entries}."""
    harness.execute(connection, f"VACUUM {TIMELINE}")
    statements = statements_of_pages(connection, ["journey"])["journey", "hot"]
    found = {"nothing": warm(connection, statements)}
    for share in OVERDUE:
        of_edits = f"UPDATE {TIMELINE} SET metadata = metadata || '{{\"edited\": 1}}'"
        harness.execute(connection, f"{of_edits} WHERE abs(hashtext(id::text)) % 100 < {share}")
        found[f"{share} % of the entries"] = warm(connection, statements)
        harness.execute(connection, f"VACUUM {TIMELINE}")
    return found


def warm(connection, statements):
    taken(connection, statements)
    return taken(connection, statements)


def blocks(found, vacuumed):
    first = [f"{fillfactor}" for fillfactor in found]
    kinds = [
        [kind, f"`{table}`", *("" if shares[kind] is None else f"{shares[kind]:.0%}" for shares, _ in found.values())]
        for kind, (table, _) in KINDS.items()
    ]
    grown = [
        [
            str(fillfactor),
            *(bytes_ / 2**20 for bytes_ in sizes[0]),
            *(sum(later) / sum(found[FILLFACTORS[0]][1][0]) for later in sizes),
            sizes[-1][0] / sizes[0][0], sizes[-1][1] / sizes[0][1],
        ]
        for fillfactor, (_, sizes) in found.items()
    ]  # fmt: skip
    return [
        "**Updates that stay within their page** (heap-only, which no index learns of), by fillfactor",
        report.table(["", "counted in", *first], kinds),
        "**The timeline after every reflection's words were edited**, a vacuum after each round: size, beside that at"
        " fillfactor 100 before",
        report.table(
            ["fillfactor", "table, MB", "indexes, MB", "before", *(f"{n}. round" for n in range(1, ROUNDS + 1)),
                "table: times", "indexes: times"],
            grown,
        ),
        "**The journey of a hot video**, by what changed since the last vacuum",
        report.table(
            ["changed since", "buffers", "times", "rows looked up in the table"],
            [
                [what, each.buffers, each.buffers / vacuumed["nothing"].buffers, each.fetches]
                for what, each in vacuumed.items()
            ],
        ),
    ]  # fmt: skip
