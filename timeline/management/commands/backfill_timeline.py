"""`manage.py backfill_timeline`: make the timeline equal to what the source tables say, or check that it is."""

import argparse
import shlex
import sys
import time
from collections import Counter
from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError
from rich.console import Console
from rich.table import Column, Table

from config.console import exit_code, interruptible
from config.counts import counted
from config.outage import lost
from timeline.backfill import (
    CHECK,
    HOLD,
    NO_ID,
    StillLocked,
    StillWriting,
    TimelineNotEmpty,
    Walk,
    drift,
    first_load,
    flush,
    resync,
    unknown_students,
    wait_for_writers,
)
from timeline.management.console import student_id, students_progress

NAME = "backfill_timeline"
KINDS = {
    "missing": "an entry that its source gives, and that is not in the timeline",
    "stale": "an entry that does not say what its source says now",
    "ghost": "an entry that no source gives",
}
FLUSH_EVERY = 1  # second


def at_least_one(text):
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of students, 1 or more")
    return int(text)


def part_of_all(text):
    part, slash, parts = text.partition("/")
    if not (slash and text.isascii() and part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts) <= 100):
        raise argparse.ArgumentTypeError(f"'{text}' is not a part of all, as 1/2 and 2/2 are (at most 100 parts)")
    return int(part), int(parts)


class Command(BaseCommand):
    help = (
        "Make the timeline equal to what the source tables say, student by student, while people use the site. "
        "What is right already stays untouched, so you can run it at any time and as often as you like."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--check", action="store_true", help="change nothing; report what is wrong, and exit with 1 if anything is"
        )
        parser.add_argument("--students", nargs="+", type=student_id, metavar="ID", help="only these students")
        parser.add_argument(
            "--since-student", type=student_id, metavar="ID", help="start at this id: go on after a stop"
        )
        parser.add_argument(
            "--batch-size",
            type=at_least_one,
            metavar="N",
            help="students in one transaction (default: as many as take 50 ms, of a check half a second)",
        )
        parser.add_argument(
            "--part",
            type=part_of_all,
            metavar="K/N",
            help="only the K-th of N parts of all students: 1/2 in one terminal and 2/2 in another take some three "
            "fifths of the time",
        )
        parser.add_argument(
            "--first-load",
            action="store_true",
            help="fill an empty timeline at once and build its indexes afterwards, which is faster; whoever reads "
            "or writes waits until the end. All or nothing",
        )

    def handle(self, *, check, students, since_student, batch_size, part, first_load, **options):
        self.check_only, self.students, self.batch_size, self.part = check, students, batch_size, part
        if students and part:
            raise CommandError("--part is for all students: leave out either --part or --students.")
        if first_load:
            if check or students or since_student or batch_size or part:
                raise CommandError("--first-load is for the whole timeline at once: it goes with no other option.")
            self.first_load()
            return
        if students and (unknown := unknown_students(students)):
            raise CommandError("There is no student " + ", ".join(map(str, unknown)) + ".")
        walk = Walk(
            drift if check else resync,
            only=students,
            since=since_student,
            part=part or (1, 1),
            batch_size=batch_size,
            pace=CHECK if check else HOLD,
        )
        self.total = Counter()
        doing = "Checking" if check else "Backfilling"
        stop = None
        start = self.flushed_at = time.monotonic()
        self.safe_position = walk.position  # as far as a crash of the server cannot take anything
        try:
            try:
                with interruptible() as check_signals, students_progress(walk, doing, self.stderr) as advance:
                    if not check:
                        wait_for_writers()
                    for result in walk:
                        self.total += result
                        advance()
                        self.flush(walk, FLUSH_EVERY)
                        check_signals()
            except StillWriting as error:
                processes = ", ".join(str(process or "a prepared transaction") for process in error.processes)
                raise CommandError(
                    "Nothing was done: other transactions have long been writing, perhaps by an older mapping"
                    f" (PostgreSQL's processes: {processes}). When they are over, go on with:"
                    f"\n  {self.command(since=since_student)}"
                ) from error
            except (KeyboardInterrupt, StillLocked) as error:
                stop = error
            self.flush(walk)
        except (OperationalError, InterfaceError) as error:
            if not (reason := lost(error)):
                raise
            raise CommandError(
                f"The connection to the database was lost ({reason}): {self.summary(walk)}."
                f" Go on with:\n  {self.command(since=self.safe_position)}"
            ) from error
        if isinstance(stop, KeyboardInterrupt):
            self.stdout.write(f"Interrupted: {self.summary(walk)}. Go on with:\n  {self.command(since=walk.position)}")
            sys.exit(exit_code(stop))
        if stop:
            self.stdout.write(f"{self.summary(walk)}.")
            raise CommandError(
                f"Other transactions keep {counted(len(stop.students), 'student')} locked."
                f" When they are over, go on with:\n  {self.command(students=stop.students)}"
            )
        if check:
            self.report(walk)
        else:
            seconds = timedelta(seconds=round(time.monotonic() - start))
            self.stdout.write(f"{self.summary(walk)}; it took {seconds}.")

    def first_load(self):
        start = time.monotonic()
        self.stderr.write("Filling the timeline; who reads or writes it waits until this is done.")
        try:
            with interruptible():
                entries = first_load()
        except TimelineNotEmpty as error:
            raise CommandError(
                "The timeline is not empty, and a first load is for one that is."
                " Without --first-load, this command makes it right."
            ) from error
        except KeyboardInterrupt as error:
            self.stdout.write("Interrupted: the timeline is empty, as it was, and has its indexes.")
            sys.exit(exit_code(error))
        seconds = timedelta(seconds=round(time.monotonic() - start))
        self.stdout.write(f"{counted(entries, 'entry', 'entries')} inserted, indexes built; it took {seconds}.")

    def report(self, walk):
        if not self.total:
            self.stdout.write(f"The timeline says what its sources say: {self.summary(walk)}.")
            return
        table = Table("Source table", *(Column(kind.capitalize(), justify="right") for kind in KINDS))
        for source_table in sorted({source_table for source_table, _ in self.total}):
            table.add_row(source_table, *(f"{self.total[source_table, kind]:,}" for kind in KINDS))
        Console(file=self.stdout, highlight=False).print(table)
        self.stdout.write(
            f"The timeline differs from its sources: {self.summary(walk)}. Without --check, this command repairs it."
        )
        for kind, meaning in KINDS.items():
            self.stdout.write(f"{kind.capitalize()}: {meaning}.")
        sys.exit(1)

    def summary(self, walk):
        """What was done so far, as the middle of a sentence."""
        students = counted(walk.done, "student")
        if self.check_only:
            kinds = Counter()
            for (_, kind), count in self.total.items():
                kinds[kind] += count
            found = ", ".join(f"{kinds[kind]:,} {kind}" for kind in KINDS)
            return f"{students} checked" + (f", {found}" if self.total else ", nothing is wrong")
        changes = ", ".join(f"{self.total[change]:,} {change}" for change in ("inserted", "updated", "deleted"))
        return f"{students} done, entries {changes}"

    def command(self, *, students=None, since=None):
        """The command that does what this one has not done."""
        typed = sys.orig_argv
        words = typed[: typed.index(NAME)] if NAME in typed else ["python", "manage.py"]
        words = [*words, NAME]
        words += ["--check"] if self.check_only else []
        words += ["--batch-size", self.batch_size] if self.batch_size else []
        words += ["--part", "/".join(map(str, self.part))] if self.part else []
        students = students or self.students
        words += ["--students", *students] if students else []
        words += ["--since-student", since] if since and since != NO_ID else []
        return shlex.join(map(str, words))

    def flush(self, walk, every=0):
        """See that what was done is on disk, if that was last seen `every` seconds ago or longer."""
        if time.monotonic() - self.flushed_at >= every:
            if not self.check_only:
                flush()
            self.flushed_at, self.safe_position = time.monotonic(), walk.position
