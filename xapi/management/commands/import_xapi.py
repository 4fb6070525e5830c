"""manage.py import_xapi: see docs/xapi.md."""

import contextlib
import io
import os
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from config.console import COULD_NOT_RUN, exit_code, interruptible
from config.counts import counted
from xapi.erased import KeyMissing
from xapi.importing import Rejects, Summary, import_stream, only_import
from xapi.reading import CHUNK
from xapi.settling import pending_agents, settle

REJECTED = 1
STDIN = "-"


class Command(BaseCommand):
    help = (
        "Import xAPI statements: keep them in xapi_statements and make of them people, courses, videos, enrolments "
        "and watching. Importing again changes nothing. Exit code: 0 all imported, 1 something was "
        "rejected or damaged, 2 could not run, 130 or 143 interrupted."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "files",
            metavar="FILE",
            nargs="*",
            help="a JSON array or one statement a line, plain or gzip; - is standard input. "
            "Without one, an interrupted import is finished",
        )
        parser.add_argument(
            "--rejects",
            metavar="FILE",
            type=Path,
            help="where bad lines go (default: beside the first FILE, as FILE.rejects.jsonl; of standard input, "
            "xapi.rejects.jsonl)",
        )

    def handle(self, *, files, rejects, **options):
        rejects = Rejects(rejects or self._default_rejects(files))
        summary = Summary()
        try:
            with contextlib.ExitStack() as stack:
                check_signals = stack.enter_context(interruptible())
                streams = [self._open(name, stack) for name in files]
                if files:
                    self._check_rejects(rejects.path, files)
                stack.callback(rejects.close)
                stack.enter_context(
                    only_import(on_wait=lambda: self.stderr.write("Waiting for another import, or a purge, to end."))
                )
                progress = stack.enter_context(self._progress())
                for name, (stream, raw, size) in zip(files, streams, strict=True):
                    self._read(name, stream, raw, size, progress, rejects, summary, check_signals)
                self._settle(progress, summary, check_signals)
        except KeyboardInterrupt as error:
            raise CommandError(
                "Interrupted. What was read is kept; run the same command again to finish.", returncode=exit_code(error)
            ) from None
        except KeyMissing as error:
            raise CommandError(str(error), returncode=COULD_NOT_RUN) from error
        except OperationalError as error:
            raise CommandError(
                f"The database does not answer as it should: {error}", returncode=COULD_NOT_RUN
            ) from error
        except OSError as error:
            raise CommandError(f"{error.strerror or error}: {error.filename}", returncode=COULD_NOT_RUN) from error
        self._report(summary)
        wrong = [f"{name}, line {line}: {problem}" for name, line, problem in summary.damage]
        if wrong:
            wrong.append("What was read before stands. Import the whole file when you have it: that is safe to repeat.")
        if summary.rejected or summary.conflicts:
            wrong.append(
                f"{counted(summary.rejected, 'statement was', 'statements were')} rejected, "
                f"{counted(summary.conflicts, 'id')} met with two contents: see {rejects.path}"
            )
        if wrong:
            raise CommandError("\n".join(wrong), returncode=REJECTED)

    def _default_rejects(self, files):
        if not files or files[0] == STDIN:
            return Path("xapi.rejects.jsonl")
        return Path(f"{files[0]}.rejects.jsonl")

    def _check_rejects(self, path, files):
        if any(name != STDIN and path.exists() and path.samefile(name) for name in files):
            raise CommandError(f"--rejects names an input: {path}", returncode=COULD_NOT_RUN)
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise CommandError(
                f"Cannot write {path}, where bad lines would go: name another with --rejects.", returncode=COULD_NOT_RUN
            )

    def _open(self, name, stack):
        if name == STDIN:
            return sys.stdin.buffer, None, None
        raw = stack.enter_context(io.FileIO(name))
        return io.BufferedReader(raw, CHUNK), raw, os.fstat(raw.fileno()).st_size or None

    def _progress(self):
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )

    def _read(self, name, stream, raw, size, progress, rejects, summary, check_signals):
        task = progress.add_task(f"Reading {name}", total=size, done=0, unit="statements")
        before = summary.read

        def advance():
            progress.update(task, completed=raw.tell() if raw else 0, done=summary.read - before)
            check_signals()

        import_stream(stream, name, rejects=rejects, summary=summary, advance=advance)

    def _settle(self, progress, summary, check_signals):
        total = pending_agents()
        task = progress.add_task("Writing activity", total=total, done=0, unit="learners")
        done = 0

        def advance(agents):
            nonlocal done
            done += agents
            progress.update(task, completed=done, total=max(total, done), done=done)
            check_signals()

        summary.rows = settle(advance)

    def _report(self, summary):
        write = self.stdout.write
        write(
            f"{counted(summary.read, 'statement')} read: {summary.new:,} new, {summary.repeated:,} known, "
            f"{summary.conflicts:,} with another content, {summary.rejected:,} rejected"
            + (f", {summary.refused:,} refused: erased." if summary.refused else ".")
        )
        for verb, count in summary.verbs.most_common():
            idle = summary.without_meaning[verb]
            write(f"  {count:>10,}  {verb}" + (f"  ({idle:,} say nothing of what was watched: kept)" if idle else ""))
        tables = ("profiles", "courses", "media_files", "enrollments", "video_progress")
        write("Rows written: " + ", ".join(f"{table} {summary.rows[table]:,}" for table in tables) + ".")


class _Rate(ProgressColumn):
    def render(self, task):
        rate = task.fields["done"] / task.elapsed if task.elapsed else 0
        return Text(f"{task.fields['done']:,} {task.fields['unit']}, {rate:,.0f}/s")
