"""`manage.py purge_activity`: delete what happened before a day, or say what that would delete."""

import argparse
import contextlib
import sys
import time
from datetime import datetime, timedelta

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError
from rich.console import Console
from rich.table import Column, Table

from config.console import exit_code, interruptible
from config.counts import counted
from config.outage import lost
from privacy.retention import SOURCES, WATCHING, Purge
from timeline.backfill import CHECK, StillLocked, Walk, flush, unknown_students
from timeline.kinds import BY_VALUE
from timeline.management.console import kinds, student_id, students_progress
from timeline.queries import today
from xapi.importing import only_import
from xapi.settling import pending_agents

MEANING = {  # of deleting rows of a source table, to those whose they are
    "video_progress": "What was watched of these videos is forgotten: they start at the beginning, and count for a "
    "lesson that is not complete yet only when they are watched again.",
    "xapi_statements": "They tell of that watching, and the next import would bring it back from them. So does the "
    "same file, imported again.",
    "quiz_attempts": "These attempts do not count any more: not towards the number that a quiz allows, and if they "
    "were passed, not for a lesson that is not complete yet.",
    "enrollments": "Instructors who see a student only because that student was once in one of these courses do not "
    "see them any more.",
    "goals": "What is kept of the time of these goals then belongs to no goal.",
}
AGAIN = "The same command goes on."
STAYING = (
    "Their rows tell of something later as well, or of another kind (a goal: with its milestones, proof and messages); "
    "or they are of what is under way: the current goal, a course that the student is in, a goal that was not reached "
    "or whose story is shared. docs/decisions/0041-what-a-purge-takes.md has the rules."
)


def day(text):
    try:
        chosen = datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a day, as 2024-01-31 is") from None
    now = today()
    if chosen >= now:
        raise argparse.ArgumentTypeError(
            f"{text} is not over: today is {now} in New York, whose days these are; {now - timedelta(days=1)} is "
            "the last that can be named"
        )
    return chosen


class Command(BaseCommand):
    help = (
        "Delete what students did and wrote before a day, and what was written to them: the rows of the source tables "
        "of which all is older; the timeline follows. What is under way stays: the current goal with its milestones "
        "and proof, courses that a student is in with the lessons completed there, goals that were not reached. "
        "Without --delete, only say what would go. People can use the site meanwhile; run it as often as you like."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--before",
            required=True,
            type=day,
            metavar="YYYY-MM-DD",
            help="what happened on that day (New York's) or later stays; the day must be over",
        )
        parser.add_argument(
            "--types",
            type=kinds,
            default=[*BY_VALUE],
            metavar="KIND,KIND",
            help=f"only rows whose entries are all of these kinds (default: all): {', '.join(BY_VALUE)}",
        )
        parser.add_argument("--students", nargs="+", type=student_id, metavar="ID", help="only of these students")
        parser.add_argument("--delete", action="store_true", help="delete it, for good")

    def handle(self, *, before, types, students, delete, **options):
        if students and (unknown := unknown_students(students)):
            raise CommandError("There is no student " + ", ".join(map(str, unknown)) + ".")
        purge = Purge(before, types)
        walk = Walk(purge.delete if delete else purge.survey, only=students, pace=CHECK)
        doing = "Deleting" if delete else "Looking"
        start = time.monotonic()
        try:
            with contextlib.ExitStack() as stack:
                check_signals = stack.enter_context(interruptible())
                if delete and WATCHING in purge.sources:
                    self.keep_imports_out(stack)
                advance = stack.enter_context(students_progress(walk, doing, self.stderr, names_next=False))
                for _ in walk:
                    advance()
                    check_signals()
            if delete:
                flush()
        except KeyboardInterrupt as error:
            self.stdout.write(f"Interrupted: {so_far(walk, purge.tally, delete)}. {AGAIN}")
            sys.exit(exit_code(error))
        except StillLocked as error:
            raise CommandError(
                f"Other transactions keep {counted(len(error.students), 'student')} locked:"
                f" {so_far(walk, purge.tally, delete)}. {AGAIN}"
            ) from error
        except (OperationalError, InterfaceError) as error:
            if not (reason := lost(error)):
                raise
            raise CommandError(
                f"The connection to the database was lost ({reason}): {so_far(walk, purge.tally, delete)}. {AGAIN}"
            ) from error
        self.report(purge.tally, f"{before:%-d %B %Y}", delete, timedelta(seconds=round(time.monotonic() - start)))

    def keep_imports_out(self, stack):
        """Until the stack is closed: what an import writes is computed from statements that this deletes."""
        stack.enter_context(
            only_import(on_wait=lambda: self.stderr.write("Waiting for an import, or another purge, to end."))
        )
        if pending_agents():
            raise CommandError(
                "Nothing was deleted: an import was interrupted. Finish it first, with: manage.py import_xapi"
            )

    def report(self, tally, day, deleted, took):
        number = tally.rows.total()
        if number:
            self.tables(tally)
            for table, meaning in MEANING.items():
                if tally.rows[table] or tally.deleted[table]:
                    self.stdout.write(f"- {table}: {meaning}")
            if tally.waiting:
                self.stdout.write(f"- reflections: {tally.waiting:,} of them had no answer.")
        if tally.staying > 0:
            self.stdout.write(
                f"{counted(tally.staying, 'older entry', 'older entries')} of the kinds asked for would stay. {STAYING}"
            )
        rows = counted(number, "row") + f" of {counted(len(tally.students), 'student')}"
        tell = f"{'tells' if number == 1 else 'tell'} only of what happened before {day}, New York's day"
        if not number:
            self.stdout.write(f"Nothing to delete: no row tells only of what happened before {day}, New York's day.")
        elif deleted:
            self.stdout.write(
                f"Deleted {rows}, of before {day}, New York's day; it took {took}."
                " Files that no words name any more are removed by: manage.py sweep_media --delete"
            )
        else:
            self.stdout.write(
                f"{rows} {tell}. Nothing was deleted: the same command with --delete does that, for good."
            )

    def tables(self, tally):
        console = Console(file=self.stdout._out, highlight=False)
        table = Table("Source table", right("Rows"), right("Entries"))
        for source in SOURCES:
            if number := tally.rows[source.table]:
                table.add_row(source.table, f"{number:,}", f"{tally.entries[source.table]:,}")
        console.print(table)
        others = sorted(+tally.deleted | +tally.unnamed)
        if others:
            table = Table("With them", right("Rows"), "")
            for name in others:
                for number, becomes in (tally.deleted[name], "deleted"), (tally.unnamed[name], "set to null"):
                    if number:
                        table.add_row(name, f"{number:,}", becomes)
            console.print(table)


def right(heading):
    return Column(heading, justify="right")


def so_far(walk, tally, delete):
    """What was done, as the middle of a sentence."""
    if not delete:
        return f"{counted(walk.done, 'student')} looked at, nothing was deleted"
    return f"{counted(walk.done, 'student')} done, {counted(tally.rows.total(), 'row')} deleted"
