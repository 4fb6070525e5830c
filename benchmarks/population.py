"""A made-up school of as many entries as one wants, with a few hot students and videos and many quiet ones.

    python -m benchmarks.population [--entries 10000000] [--database benchmark_large] [--triggers] [--delete]

Fills the source tables (`school.sql`, and `week.sql` for each week of a year
that ends yesterday), and has the real `backfill_timeline` make the timeline of
them or, with --triggers, the real triggers as the rows come.  Seeded: what is
drawn is the same every time.  The database is kept, and what was stopped goes
on where it was: week by week, then batch by batch of students.
"""

import math
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks import harness

DATABASE = "benchmark_large"
LARGE = 10_000_000  # entries, from which on results are a section of their own
WEEKS = 52
BYTES = 1_600  # of disk for an entry, with its source row and all indexes
SPEED = 10_000  # entries a second, about, on two cores with other things to do
SEED = 7


def main():
    parser = harness.parser("benchmarks.population", __doc__)
    parser.add_argument("--entries", type=int, default=LARGE, help=f"about how many (default: {LARGE})")
    parser.add_argument("--database", default=DATABASE, help=f"its name (default: {DATABASE})")
    parser.add_argument("--triggers", action="store_true", help="through the triggers, which is slower")
    parser.add_argument("--delete", action="store_true", help="delete the database, and end")
    options = parser.parse_args()
    if options.delete:
        harness.delete(options.database)
        return
    with harness.database(options.database) as connection:
        fill(connection, options.entries, by_triggers=options.triggers)
        print(described(connection))


def need(entries):
    """What `entries` need, as a sentence."""
    gigabytes = entries * BYTES / 1e9
    return f"{entries:,} entries need some {gigabytes:.1f} GB of disk, beside WAL, and {spoken(entries / SPEED)}."


def spoken(seconds):
    return f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{seconds:.0f} seconds"


def fill(connection, entries, *, by_triggers=False, until=None):
    """Make the database of `connection`, empty or begun by this function, a school of about `entries` entries.

    Its year ends before the day `until` (by default, today).  Says beforehand what it needs, and how far it is.
    Raises SystemExit if another school is there.
    """
    console = Console(stderr=True, highlight=False)
    way = "triggers" if by_triggers else "backfill"
    begun = state(connection)
    if begun and (begun["entries"], begun["way"]) != (entries, way):
        sys.exit(
            f"There is a school of {begun['entries']:,} entries there, by {begun['way']}: name another --database,"
            " or --delete it."
        )
    if begun and begun["complete"]:
        return
    console.print(
        need(entries) + (f" Going on after {begun['weeks']} of {WEEKS} weeks." if begun else ""), soft_wrap=True
    )
    with progress(console) as advance:
        if not begun:
            found(connection, entries, way, until)
        for week in range(state(connection)["weeks"], WEEKS):
            with transaction(connection):
                run(connection, "week.sql", week=week)
                harness.execute(connection, "UPDATE benchmark.school SET weeks = %s", [week + 1])
            advance((week + 1) / WEEKS * (1 if by_triggers else 0.3))
        harness.watch(connection, True)
        harness.execute(connection, "ANALYZE")
        if not by_triggers:
            backfill(connection, lambda share: advance(0.3 + 0.7 * share))
    # The visibility map, too: autovacuum would have come by, and index-only scans need it.
    harness.execute(connection, "VACUUM (ANALYZE)")
    harness.execute(connection, "UPDATE benchmark.school SET complete = true")


def found(connection, entries, way, until=None, seed=SEED):
    """The school itself, before its first week."""
    with transaction(connection):
        if way == "backfill":
            harness.watch(connection, False)
        students = max(entries // 250, 4)
        run(
            connection, "school.sql", entries=entries, students=students, seed=seed, way=way,
            courses=min(max(round(4 * math.sqrt(entries / 100_000)), 4), 50),
            until=until or time.strftime("%Y-%m-%d"),
        )  # fmt: skip
    harness.execute(connection, "ANALYZE")


def backfill(connection, advance):
    """What `backfill_timeline` does, from where it was."""
    from timeline.backfill import Walk, flush, resync

    walk, saved = Walk(resync, since=state(connection)["next_student"]), time.monotonic()
    for _ in walk:
        if time.monotonic() - saved > 1:
            flush()
            harness.execute(connection, "UPDATE benchmark.school SET next_student = %s", [walk.position])
            saved = time.monotonic()
            [(share,)] = harness.execute(
                connection,
                "SELECT sum(quota) FILTER (WHERE id < next_student) / sum(quota)"
                " FROM benchmark.student, benchmark.school",
            )
            advance(share or 0)
    flush()


def state(connection):
    """How far the school is, {column: value}; None before its beginning."""
    [(there,)] = harness.execute(connection, "SELECT to_regclass('benchmark.school') IS NOT NULL")
    if not there:
        return None
    columns = ("entries", "way", "weeks", "next_student", "complete")
    [row] = harness.execute(connection, f"SELECT {', '.join(columns)} FROM benchmark.school")
    return dict(zip(columns, row, strict=True))


def described(connection):
    """What there is, as a line."""
    [(entries, students, disk)] = harness.execute(
        connection,
        "SELECT count(*), count(DISTINCT student_id), pg_size_pretty(pg_database_size(current_database()))"
        " FROM student_activity_timeline",
    )
    return f"{entries:,} entries of {students:,} students, {disk}"


def run(connection, file, **values):
    """Run a file of SQL of this folder, with these values in it."""
    harness.execute(connection, Path(__file__).with_name(file).read_text() % values)


@contextmanager
def transaction(connection):
    from django.db.transaction import atomic

    with atomic():
        harness.execute(connection, "SET LOCAL synchronous_commit = off")
        yield


@contextmanager
def progress(console):
    """A function that is told which share is done."""
    columns = [TextColumn("Filling"), BarColumn(), TextColumn("{task.percentage:.0f} %"), TimeRemainingColumn()]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1)
        start = last = time.monotonic()

        def advance(share):
            nonlocal last
            bar.update(task, completed=share)
            if not console.is_terminal and time.monotonic() - last > 30:
                last = time.monotonic()
                console.print(f"{share:.0%} after {timedelta(seconds=round(last - start))}")

        yield advance


if __name__ == "__main__":
    sys.exit(main())
