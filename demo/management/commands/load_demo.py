"""Load the demo class: two courses and forty students over eight weeks, ending now."""

import datetime

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo import load


class Command(BaseCommand):
    help = __doc__
    stealth_options = ("anew",)  # how whoever called this would load it anew

    def add_arguments(self, parser):
        parser.add_argument(
            "--reset", action="store_true", help="delete the demo class that is there, and load it anew"
        )
        parser.add_argument("--force", action="store_true", help="even into a database that holds other people")
        parser.add_argument(
            "--today",
            type=datetime.date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="the last day of the class, whole; default: today in New York, up to now",
        )

    def handle(self, *, reset, force, today, anew="load_demo --reset loads it anew", **options):
        console = Console(file=self.stdout._out, highlight=False)
        now = timezone.now()
        if today is not None and load.end_of(today) > now:
            if today > load.day_of(now):
                raise CommandError(f"{today} has not come yet: nothing in the class may lie in the future.")
            today = None
        if settings.PRODUCTION and not force:
            raise CommandError(
                "The demo's people log in with a password that everybody knows, one of them as staff: "
                "on a server that others reach, add --force if you mean it."
            )
        if not reset and (day := load.loaded_for()):
            load.put_videos()
            message = f"The demo class is there, as of {day:%-d %B %Y}; {anew}."
            console.print(message, soft_wrap=True)
        else:
            self.load(console, now if today is None else load.end_of(today), reset, force)
        self.print_logins(console)

    def load(self, console, now, reset, force):
        columns = TextColumn("Loading the demo class"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("")
            try:
                load.load(
                    now,
                    replace=reset,
                    force=force,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )
            except load.DemoError as error:
                raise CommandError(str(error)) from error

    @staticmethod
    def print_logins(console):
        console.print(f"\nLog in with the password [bold]{load.PASSWORD}[/bold] as")
        for login in load.LOGINS:
            console.print(f"  [bold]{login.email:<20}[/bold] {login.who}", soft_wrap=True)
