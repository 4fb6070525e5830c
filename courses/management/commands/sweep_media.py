"""Remove stored files that no row names: what psql, a cascade or a failed transaction left in MEDIA_ROOT."""

import contextlib
import os

from django.core.management import BaseCommand
from django.template.defaultfilters import filesizeformat
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config.files import stored_files, unnamed_files

DAY = 24 * 3600  # seconds; a younger file may belong to a transaction that is not finished


class Command(BaseCommand):
    help = f"{__doc__} Files of the last day stay. Without --delete, only say what would go."

    def add_arguments(self, parser):
        parser.add_argument("--delete", action="store_true", help="remove them")

    def handle(self, *, delete, verbosity, **options):
        console = Console(file=self.stdout._out, highlight=False, soft_wrap=True)
        found, total = unnamed_files(DAY), sum(1 for _ in stored_files())
        size = filesizeformat(sum(entry.stat().st_size for entry in found)).replace("\xa0", " ")
        number = f"{len(found):,} of {total:,} files"
        if not found:
            console.print(f"Nothing to remove: {total:,} files, each named by a row or younger than a day.")
        elif not delete:
            if verbosity > 1:
                for entry in found:
                    console.print(entry.path)
            console.print(f"No row names {number} ({size}). --delete removes them; --verbosity 2 lists them.")
        else:
            columns = TextColumn("Removing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            with Progress(*columns, console=console) as progress:
                for entry in progress.track(found):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(entry.path)
            console.print(f"Removed {number} ({size}), which no row named.")
