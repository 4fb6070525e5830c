"""Remove what was left in MEDIA_ROOT: uploads that no words name any more, and files that no row names."""

import contextlib
import datetime
import os

from django.core.management import BaseCommand
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat, pluralize
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config.files import stored_files, unnamed_files
from uploads.store import unnamed_uploads

DAY = datetime.timedelta(days=1)  # what is younger may belong to a transaction that is not finished
BATCH = 500


class Command(BaseCommand):
    help = (
        f"{__doc__} The former are of words that were erased or never sent, the latter of rows that psql or a cascade "
        "erased, or of a failed transaction. What is younger than a day stays. Without --delete, only say what would "
        "go."
    )

    def add_arguments(self, parser):
        parser.add_argument("--delete", action="store_true", help="remove them")

    def handle(self, *, delete, verbosity, **options):
        console = Console(file=self.stdout._out, highlight=False, soft_wrap=True)
        uploads = unnamed_uploads(timezone.now() - DAY)
        found, total = unnamed_files(DAY.total_seconds()), sum(1 for _ in stored_files())
        unwanted = uploads.count()
        parts = []
        if unwanted:
            taken = size(uploads.aggregate(bytes=Sum("bytes"))["bytes"])
            parts.append(f"{unwanted:,} upload{pluralize(unwanted)} ({taken}) that no words name")
        if found:
            taken = size(sum(entry.stat().st_size for entry in found))
            parts.append(f"{len(found):,} of {total:,} files ({taken}) that no row names")
        summary = " and ".join(parts)
        if not parts:
            console.print(f"Nothing to remove: {total:,} files, each wanted or younger than a day.")
        elif not delete:
            if verbosity > 1:
                for path in [*(upload.file.path for upload in uploads.iterator()), *(entry.path for entry in found)]:
                    console.print(path)
            console.print(f"There are {summary}. --delete removes them; --verbosity 2 lists their files.")
        else:
            columns = TextColumn("Removing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            with Progress(*columns, console=console) as progress:
                task = progress.add_task("", total=unwanted + len(found))
                while batch := list(uploads.values_list("pk", flat=True)[:BATCH]):
                    uploads.filter(pk__in=batch).delete()  # with their files (config.files.discard)
                    progress.advance(task, len(batch))
                for entry in found:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(entry.path)
                    progress.advance(task)
            console.print(f"Removed {summary}.")


def size(number):
    return filesizeformat(number).replace("\xa0", " ")
