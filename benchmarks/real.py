"""Published data of real learners: how fast they come in, and whether the timeline then says what they say.

    python -m benchmarks.real DATA [--rounds 5]

DATA is a folder that holds, itself or in folders of it,

- the CSV files of a module of OULAD, plain or gzip (benchmarks/oulad.py says what becomes of them), and
- a file of xAPI statements, `*.jsonl` or `*.jsonl.gz` (docs/xapi.md),

or one of both.  Makes a database of its own (`benchmark_…`, deleted at the end)
on the server of the settings.  In each round, in turn and into empty tables,

- OULAD: all rows of each source table by one statement, with the timeline's triggers and without;
- xAPI: `import_xapi`; the same file again, of which everything is known; and, to compare with, what it takes Python
  to read the file as JSON and do nothing with it.

Exits with 1 if `backfill_timeline --check` finds anything, if the timeline has
not as many entries of each kind as OULAD's files say, or if the import refuses
a statement.
"""

import contextlib
import io
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import harness, oulad, report
from benchmarks.writing import without_timeline

SOURCES = ("enrollments", "quiz_attempts")  # of those that oulad.load() fills


def main():
    parser = harness.parser("benchmarks.real", __doc__)
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    modules = [path.parent for path in options.data.rglob("studentRegistration.csv*")]
    statements = [path for name in ("*.jsonl", "*.jsonl.gz") for path in options.data.rglob(name)]
    if len(modules) > 1 or len(statements) > 1:
        parser.error(f"{options.data} has several of them: name the folder of one.")
    if not modules and not statements:
        parser.error(f"{options.data} has neither studentRegistration.csv of OULAD nor a file of statements, *.jsonl.")
    with harness.database() as connection:
        print(harness.server(connection))
        blocks, failed = [], []
        for found, measure in ((modules, measure_oulad), (statements, measure_statements)):
            if found:
                block, wrong = measure(connection, found[0], options.rounds)
                print(f"\n{block}\n")
                blocks.append(block)
                failed += wrong
        if failed:
            print("\n".join(failed))
        elif options.report:
            report.write("real", connection, *blocks, "`backfill_timeline --check` finds nothing.")
    return bool(failed)


def measure_oulad(connection, folder, rounds):
    """(what was found, in Markdown; what is wrong)."""
    seconds = {way: {} for way in ("without", "with")}
    for _ in range(rounds):
        for way, times in seconds.items():
            empty(connection)
            with contextlib.ExitStack() as stack:
                for table in SOURCES if way == "without" else ():
                    stack.enter_context(without_timeline(connection, table))
                written = oulad.load(connection, folder)
            for table, (_, took) in written.items():
                times.setdefault(table, []).append(took)
    failed = ["OULAD: the timeline drifts."] if harness.drifts() else []
    expected, found = oulad.entries(folder), entries_by_kind(connection)
    if found != expected:
        failed.append(f"OULAD: the files say {expected}, the timeline {found}.")

    rows = []
    for table in SOURCES:
        number, _ = written[table]
        ours = seconds["with"][table]
        times = harness.ratio(ours, seconds["without"][table])
        rows.append([f"`{table}`", number, number / statistics.median(ours), times])
    total = sum(number for number, _ in written.values())
    took = [sum(of_round) for of_round in zip(*seconds["with"].values(), strict=True)]
    bare = [sum(of_round) for of_round in zip(*seconds["without"].values(), strict=True)]
    rows.append(["all six tables", total, total / statistics.median(took), harness.ratio(took, bare)])
    head = ["OULAD: table", "rows", "rows a second", "times the time without timeline"]
    return "\n\n".join([report.table(head, rows), kinds_said(found)]), failed


def measure_statements(connection, path, rounds):
    """As measure_oulad()."""
    from django.core.management import CommandError, call_command

    failed, output = [], io.StringIO()
    with tempfile.TemporaryDirectory() as folder:

        def run():
            output.seek(0)
            output.truncate()
            call_command("import_xapi", str(path), rejects=Path(folder, "rejects.jsonl"), stdout=output)

        seconds = {name: [] for name in ("reading JSON alone", "import", "import again")}
        try:
            for _ in range(rounds):
                empty(connection)
                steps = zip(seconds, (lambda: read_alone(path), run, run), strict=True)
                for name, step in steps:
                    start = time.perf_counter()
                    step()
                    seconds[name].append(time.perf_counter() - start)
                    if name == "import":
                        imported = output.getvalue()
        except CommandError as error:
            failed.append(f"xAPI: {error}")
            return "", failed
    failed += ["xAPI: the timeline drifts."] if harness.drifts() else []
    number = read_alone(path)
    base = seconds["reading JSON alone"]
    rows = [
        [name, number, number / statistics.median(took), harness.ratio(took, base)] for name, took in seconds.items()
    ]
    head = ["xAPI", "statements", "statements a second", "times reading alone"]
    said = imported.strip().splitlines()[-1]
    return "\n\n".join([report.table(head, rows), said, kinds_said(entries_by_kind(connection))]), failed


def read_alone(path):
    """Read a file of statements as JSON; how many there are."""
    with oulad.opened(path) as file:
        return sum(1 for line in file if json.loads(line))


def empty(connection):
    """Delete everybody and every course, and with them all that was loaded; let the server rest from it."""
    harness.execute(
        connection, "TRUNCATE profiles, courses, xapi_statements, xapi_agents, xapi_pending, xapi_written CASCADE"
    )
    harness.execute(connection, "VACUUM (ANALYZE)")
    harness.execute(connection, "CHECKPOINT")


def entries_by_kind(connection):
    counts = "SELECT activity_type, count(*) FROM student_activity_timeline GROUP BY activity_type"
    return dict(harness.execute(connection, counts))


def kinds_said(found):
    said = ", ".join(f"{number:,} `{kind}`" for kind, number in sorted(found.items(), key=lambda item: -item[1]))
    return f"Entries: {said}."


if __name__ == "__main__":
    sys.exit(main())
