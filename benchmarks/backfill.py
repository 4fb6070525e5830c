"""How fast the timeline is made from its sources and checked, beside what PostgreSQL takes for the same rows.

    python -m benchmarks.backfill [--entries 1000000] [--rounds 5] [--report]

Makes a database of its own (`benchmark_…`, deleted at the end) on the server of
the settings, fills the source tables with a made-up school
(`even_school.sql`), and in each round measures, in turn,

- copy: COPY of the finished entries into a table without indexes, which is as fast as rows go in;
- plain: one INSERT … SELECT from `timeline_expected` into the empty timeline, with its indexes;
- backfill: the command into the empty timeline, with its batches, locks and commits;
- two: the same by two processes, --part 1/2 and --part 2/2;
- plains: the plain statement by two processes at once, each for half of the students;
- first: --first-load into the empty timeline, with the VACUUM at its end;
- again: the command once more, with nothing to do;
- check: `--check`, with nothing to find;
- checks: the same by two processes;
- compute: one process that computes, and touches no table;
- computes: two of them at once, each with half of the work: what a second process can bring on this machine.

The median of the rounds counts; the project asks the backfill for at least
80 % of the plain statement's speed.  Exits with 1 if it has less.
"""

import io
import multiprocessing
import statistics
import sys
import tempfile
import time

from benchmarks import harness, population, report

ENTRIES_PER_STUDENT = 185
LEAST = 0.8  # of the speed of the plain statement
NAMES = {
    "copy": "COPY into a bare table",
    "plain": "INSERT … SELECT",
    "backfill": "backfill",
    "two": "backfill, two processes",
    "plains": "INSERT … SELECT, two processes",
    "first": "first load",
    "again": "again, nothing to do",
    "check": "check",
    "checks": "check, two processes",
    "compute": "computing",
    "computes": "computing, two processes",
}
FILL = ("plain", "backfill", "two", "plains", "first")  # the empty timeline
ENTRIES = (*FILL, "copy", "again", "check", "checks")
INSERT = "INSERT INTO student_activity_timeline ({columns}) SELECT {columns} FROM timeline_expected"
# The students of one of two processes: as --part does, by a hash of their ids.
HALF = " WHERE uuid_hash(student_id) & 1 = {half}"
# So many rounds of ten thousand numbers, which stay in the process' own memory.
COMPUTE = "SELECT sum(hashint8(a * b)) FROM generate_series(1, {rounds}) a, generate_series(1, 10000) b"
ROUNDS = 2_000


def main():
    parser = harness.parser("benchmarks.backfill", __doc__)
    parser.add_argument("--entries", type=int, default=1_000_000, help="about how many (default: 1000000)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with harness.database() as connection:
        seconds, entries = measure(connection, options)
        print(harness.server(connection))
        print(f"{entries:,} entries, {options.rounds} rounds")
        for name, times in seconds.items():
            median = statistics.median(times)
            rounds = " ".join(f"{value:.2f}" for value in times)
            pace = f"{entries / median:>9,.0f} entries/s" if name in ENTRIES else " " * 19
            print(f"{NAMES[name]:>30}  {median:7.2f} s  {pace}  ({rounds})")
        if options.report:
            report.write("backfill", connection, *blocks(seconds, entries, options.rounds))
    share = 1 / harness.ratio(seconds["backfill"], seconds["plain"])
    print(f"backfill / plain: {share:.2f} of the speed, where {LEAST} is the least")
    return share < LEAST


def measure(connection, options):
    """{step: its seconds in each round}, and how many entries there are."""

    def execute(statement):
        return harness.execute(connection, statement)

    population.run(connection, "even_school.sql", students=max(options.entries // ENTRIES_PER_STUDENT, 1))
    execute("CREATE TABLE bare (LIKE student_activity_timeline)")
    insert = INSERT.format(columns=entry_columns(execute))
    steps = {
        "plain": lambda: execute(insert),
        "backfill": backfill,
        "two": lambda: by_two(connection, backfill, [("--part", "1/2"), ("--part", "2/2")]),
        "plains": lambda: by_two(connection, statement, [(insert + HALF.format(half=half),) for half in (0, 1)]),
        "first": lambda: backfill("--first-load"),
        "again": backfill,
        "check": lambda: backfill("--check"),
        "checks": lambda: by_two(connection, backfill, [("--check", "--part", "1/2"), ("--check", "--part", "2/2")]),
        "compute": lambda: by_two(connection, statement, [(COMPUTE.format(rounds=ROUNDS),)]),
        "computes": lambda: by_two(connection, statement, [(COMPUTE.format(rounds=ROUNDS // 2),)] * 2),
    }
    seconds = {name: [] for name in NAMES}
    execute("VACUUM ANALYZE")
    for _ in range(options.rounds):
        for name, step in {"copy": None, **steps}.items():
            if name == "copy":
                seconds[name].append(copy(connection))
                continue
            if name in FILL:
                execute("TRUNCATE student_activity_timeline")
                execute("CHECKPOINT")
            start = time.monotonic()
            step()
            seconds[name].append(time.monotonic() - start)
    [(entries,)] = execute("SELECT count(*) FROM student_activity_timeline")
    return seconds, entries


def blocks(seconds, entries, rounds):
    """What stands in docs/benchmarks.md."""
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    ratios = {name: 1 / harness.ratio(times, seconds["plain"]) for name, times in seconds.items()}
    times = {
        one: harness.ratio(seconds[one], seconds[two])
        for one, two in (("backfill", "two"), ("plain", "plains"), ("check", "checks"), ("compute", "computes"))
    }
    return [
        f"{entries:,} entries, medians of {rounds} rounds. *Times*, here and below, is how fast it is beside another,"
        " in the table the plain INSERT … SELECT: the median of the ratios within a round.",
        report.table(
            ["", "seconds", "entries a second", "times"],
            [
                [title, medians[name], round(entries / medians[name]), ratios[name]]
                for name, title in NAMES.items()
                if name in ENTRIES
            ],
        ),
        report.bars(
            "backfill",
            "Making the timeline from its sources",
            {NAMES[name]: entries / medians[name] for name in ("copy", *FILL, "check")},
            x="entries a second",
        ),
        f"Two processes are {times['backfill']:.2f} times as fast as one, and check {times['check']:.2f} times as fast."
        f" Two plain INSERT … SELECT at once, each for half of the students, are {times['plain']:.2f} times as fast as"
        f" one, and two that only compute {times['compute']:.2f} times: that is what a second process brings here.",
    ]  # fmt: skip


def entry_columns(execute):
    rows = execute(
        "SELECT quote_ident(attname) FROM pg_attribute"
        " WHERE attrelid = 'timeline_expected'::regclass AND attnum > 0 ORDER BY attnum"
    )
    return ", ".join(name for (name,) in rows)


def copy(connection):
    """The seconds of a COPY of all entries from a file into the table `bare`; reading them into it does not count."""
    harness.execute(connection, "TRUNCATE bare")
    harness.execute(connection, "CHECKPOINT")
    with connection.cursor() as cursor, tempfile.TemporaryFile() as file:
        with cursor.copy("COPY (SELECT * FROM student_activity_timeline) TO STDOUT (FORMAT binary)") as entries:
            for block in entries:
                file.write(block)
        file.seek(0)
        start = time.monotonic()
        with cursor.copy("COPY bare FROM STDIN (FORMAT binary)") as rows:
            while block := file.read(1 << 16):
                rows.write(block)
        return time.monotonic() - start


def backfill(*arguments):
    from django.core.management import call_command

    call_command("backfill_timeline", *arguments, stdout=io.StringIO(), stderr=io.StringIO())


def statement(sql):
    """Run it on a connection of this process' own."""
    from django.db import connection

    harness.execute(connection, sql)


def by_two(connection, work, parts):
    """`work(*part)` for each of the parts, each by a process of its own."""
    connection.close()  # a child has its own
    with multiprocessing.get_context("fork").Pool(len(parts)) as pool:
        pool.starmap(work, parts)


if __name__ == "__main__":
    sys.exit(main())
