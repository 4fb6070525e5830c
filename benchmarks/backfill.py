"""How fast `backfill_timeline` is, beside a plain INSERT … SELECT of the same entries into the same indexed table.

    python -m benchmarks.backfill [--entries 200000] [--rounds 5]

Makes a database of its own (`benchmark_…`, deleted at the end) on the server of
the settings, fills the source tables with a made-up school
(`population.sql`), and in each round measures, in turn,

- plain: TRUNCATE, then one INSERT … SELECT from `timeline_expected`;
- backfill: TRUNCATE, then the command itself, with its batches, locks and commits;
- again: the command once more, with nothing to do;
- check: `--check`, with nothing to find.

The median of the rounds counts; the project asks the backfill for at least
80 % of the plain statement's speed.  Exits with 1 if it has less.
"""

import io
import statistics
import sys
import time
from pathlib import Path

from benchmarks import harness

ENTRIES_PER_STUDENT = 185


def main():
    parser = harness.parser("benchmarks.backfill", __doc__)
    parser.add_argument("--entries", type=int, default=200_000, help="about how many (default: 200000)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with harness.database() as connection:
        return measure(connection, options)


def measure(connection, options):
    def execute(statement):
        return harness.execute(connection, statement)

    population = Path(__file__).with_name("population.sql").read_text()
    execute(population % {"students": max(options.entries // ENTRIES_PER_STUDENT, 1)})
    columns = entry_columns(execute)
    steps = {
        "plain": lambda: execute(
            f"INSERT INTO student_activity_timeline ({columns}) SELECT {columns} FROM timeline_expected"
        ),
        "backfill": backfill,
        "again": backfill,
        "check": lambda: backfill("--check"),
    }
    seconds = {name: [] for name in steps}
    execute("VACUUM ANALYZE")
    for _ in range(options.rounds):
        for name, step in steps.items():
            if name in ("plain", "backfill"):
                execute("TRUNCATE student_activity_timeline")
                execute("CHECKPOINT")
            start = time.monotonic()
            step()
            seconds[name].append(time.monotonic() - start)

    [(entries,)] = execute("SELECT count(*) FROM student_activity_timeline")
    print(harness.server(connection))
    print(f"{entries:,} entries, {options.rounds} rounds")
    for name, times in seconds.items():
        median = statistics.median(times)
        rounds = " ".join(f"{value:.2f}" for value in times)
        print(f"{name:>8}  {median:6.2f} s  {entries / median:>9,.0f} entries/s  ({rounds})")
    ratios = [plain / ours for plain, ours in zip(seconds["plain"], seconds["backfill"], strict=True)]
    ratio = statistics.median(seconds["plain"]) / statistics.median(seconds["backfill"])
    print(f"backfill / plain: {ratio:.2f} of the speed (by round: {' '.join(f'{value:.2f}' for value in ratios)})")
    return ratio < 0.8


def entry_columns(execute):
    rows = execute(
        "SELECT quote_ident(attname) FROM pg_attribute"
        " WHERE attrelid = 'timeline_expected'::regclass AND attnum > 0 ORDER BY attnum"
    )
    return ", ".join(name for (name,) in rows)


def backfill(*arguments):
    from django.core.management import call_command

    call_command("backfill_timeline", *arguments, stdout=io.StringIO(), stderr=io.StringIO())


if __name__ == "__main__":
    sys.exit(main())
