"""manage.py export_xapi: see docs/xapi.md."""

import contextlib
import datetime
import gzip
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config.console import COULD_NOT_RUN, exit_code, interruptible
from config.counts import counted
from courses.models import Course
from profiles.models import YEARS, Profile
from timeline.kinds import BY_VALUE
from timeline.management.console import SpeedColumn, kinds
from timeline.queries import Telling, count_students, statement_pages
from timeline.statements import Statements


class Command(BaseCommand):
    help = (
        "Write the timeline as xAPI statements, one a line: one for each entry, and for each video that a student has "
        "watched one more, with what of it was played. People are named by their ids alone, and what they wrote "
        "is left out, unless you ask for it."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "--site",
            required=True,
            metavar="URL",
            help="the site's address, as https://learn.example.org: every IRI begins with it, so never change it",
        )
        parser.add_argument(
            "--output",
            type=Path,
            metavar="FILE",
            help="the file to write, which comes into being when all is written; .gz is compressed. "
            "Without it, standard output",
        )
        parser.add_argument("--since", metavar="DATE", help="only from this day on (2026-03-15; days in New York)")
        parser.add_argument("--until", metavar="DATE", help="only to this day, included")
        parser.add_argument(
            "--students", nargs="+", metavar="WHO", help="only these students, by their e-mail addresses or ids"
        )
        parser.add_argument(
            "--course", metavar="ID", help="only what those who are or were enrolled in this course did in it"
        )
        parser.add_argument("--types", type=kinds, metavar="KIND,KIND", help=f"only these kinds: {', '.join(BY_VALUE)}")
        parser.add_argument("--with-names", action="store_true", help="with people's full names, too")
        parser.add_argument(
            "--with-words",
            action="store_true",
            help="with what people wrote, and the titles of their goals and milestones, too",
        )

    def handle(self, *, site, output, since, until, students, course, types, with_names, with_words, **options):
        statements = Statements(_site(site), names=with_names, words=with_words)
        try:
            telling = Telling(
                students=students and _students(students),
                course=course and _course(course),
                kinds=types and tuple(types),
                start=since and _day("--since", since),
                end=until and _day("--until", until),
            )
            if telling.start and telling.end and telling.end < telling.start:
                raise _wrong("--until is before --since.")
            pages = statement_pages(telling, names=with_names, words=with_words)
            with interruptible() as check_signals, _written(output) as write, self.progress(telling) as advance:
                for page in pages:
                    for entry in page.entries:
                        write(_line(statements.of(entry, page.known)))
                    for watched in page.watched:
                        write(_line(statements.of_watching(watched, page.known)))
                    advance(page.students, len(page.entries) + len(page.watched))
                    check_signals()
        except BrokenPipeError:  # whoever read has enough
            raise
        except KeyboardInterrupt as error:
            left = "There is no new file." if output else "What came out is not all."
            raise CommandError(f"Interrupted. {left}", returncode=exit_code(error)) from None
        except OperationalError as error:
            raise _wrong(f"The database does not answer as it should: {error}") from error
        except OSError as error:
            raise _wrong(f"{error.strerror or error}: {output or 'standard output'}") from error
        to = f" to {output}" if output else ""
        self.stderr.write(
            f"{counted(self.told, 'statement')} written{to}; {counted(self.students, 'student')} looked through.",
            self.style.SUCCESS,
        )

    @contextlib.contextmanager
    def progress(self, telling):
        """A function to tell after each page of how many students and statements are done."""
        self.told = self.students = 0
        console = Console(stderr=True)
        columns = [
            TextColumn("Exporting"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("students"),
            SpeedColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
        ]
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=count_students(telling) if console.is_terminal else None, told="")

            def advance(students, told):
                self.students, self.told = self.students + students, self.told + told
                bar.update(task, advance=students, told=f"{self.told:,} statements")

            yield advance


def _line(statement):
    return json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _wrong(message):
    return CommandError(message, returncode=COULD_NOT_RUN)


def _site(text):
    """The address that IRIs begin with, in the one spelling that it has."""
    try:
        parts = urlsplit(text.lower())
        parts.port  # noqa: B018
    except ValueError:
        parts = None
    if (
        parts is None
        or parts.scheme not in ("http", "https")
        or not re.fullmatch(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?", parts.netloc)
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise _wrong(f"--site is the site's address and no more, as https://learn.example.org, not {text}.")
    return f"{parts.scheme}://{parts.netloc}"


def _day(option, text):
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        with contextlib.suppress(ValueError):
            day = datetime.date.fromisoformat(text)
            if day.year in YEARS:
                return day
    raise _wrong(f"{option} takes a day such as 2026-03-15, not {text}.")


def _uuid(text):
    try:
        return UUID(text)
    except ValueError:
        return None


def _students(named):
    found = []
    for text in named:
        key = _uuid(text)
        who = {"pk": key} if key else {"email": Profile.objects.normalize_email(text)}
        person = Profile.objects.filter(**who).values_list("pk", flat=True).first() if any(who.values()) else None
        if person is None:
            raise _wrong(f"There is no student {text}.")
        found.append(person)
    return tuple(set(found))


def _course(text):
    key = _uuid(text)
    if key is None:
        raise _wrong(f"--course takes the course's id, as it stands in its page's address, not {text}.")
    if not Course.objects.filter(pk=key).exists():
        raise _wrong(f"There is no course {text}.")
    return key


@contextlib.contextmanager
def _written(path):
    """A function that writes bytes to standard output or, if all goes well, to the file `path`.

    The file is written beside it and takes its name at the end, so that half of
    one is never taken for a whole one.  Whoever runs this alone may read it.
    """
    if path is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    if path.exists() and not path.is_file():
        raise _wrong(f"{path} is no file. Leave out --output to write to standard output.")
    part = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False)  # noqa: SIM115
    try:
        with part:
            if path.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=part, mode="wb", compresslevel=6, mtime=0) as packed:
                    yield packed.write
            else:
                yield part.write
            part.flush()
            os.fsync(part.fileno())
        os.replace(part.name, path)
    except BaseException:
        Path(part.name).unlink(missing_ok=True)
        raise
