"""`manage.py mail_news`: mail news to those who asked for them and are due; for cron, once a day."""

import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from config.console import COULD_NOT_RUN, exit_code, interruptible
from config.counts import counted
from config.outage import lost
from news.sending import Run, ServerDown
from timeline.management.console import students_progress

UNSENT = 1  # what it ends with, where somebody could not be mailed
NAMED = 20  # people whose mails could not be sent
AGAIN = "The same command goes on."


class Command(BaseCommand):
    help = (
        "Mail news to those who asked for them, confirmed it, and have not been mailed today (or this week, as they "
        "chose): to students what instructors wrote to them, to instructors how many reflections wait for their "
        "answer. Whoever has no news gets no mail. To be run once a day; twice is as good, also at the same time."
    )

    def handle(self, **options):
        if not settings.EMAIL_URL:
            raise CommandError("There is no mail server: set EMAIL_URL.", returncode=COULD_NOT_RUN)
        if not settings.SITE_ADDRESS:
            raise CommandError(
                "The links of a mail would lead nowhere: set SITE_ADDRESS, as in https://timeline.example.org.",
                returncode=COULD_NOT_RUN,
            )
        run = Run()
        try:
            with (
                interruptible() as check_signals,
                students_progress(run, "Mailing", self.stderr, names_next=False, of=("person", "people")) as advance,
            ):
                for _ in run:
                    advance()
                    check_signals()
        except KeyboardInterrupt as error:
            self.stdout.write(f"Interrupted: {said(run)}. {AGAIN}")
            sys.exit(exit_code(error))
        except ServerDown as error:
            self.report(run)
            raise CommandError(f"The mail server is down ({error}): {said(run)}. {AGAIN}", returncode=UNSENT) from error
        except (OperationalError, InterfaceError) as error:
            if not (reason := lost(error)):
                raise
            raise CommandError(
                f"The connection to the database was lost ({reason}): {said(run)}. {AGAIN}", returncode=UNSENT
            ) from error
        self.stdout.write(f"{said(run).capitalize()}.")
        if run.unsent:
            self.report(run)
            raise CommandError(
                f"{counted(len(run.unsent), 'mail')} could not be sent; the next run tries again.", returncode=UNSENT
            )

    def report(self, run):
        for each in run.unsent[:NAMED]:
            self.stderr.write(f"{each.person}: {each.reason}")
        if more := len(run.unsent[NAMED:]):
            self.stderr.write(f"… and {more:,} more")


def said(run):
    """What was done, as the middle of a sentence."""
    return f"{counted(run.sent, 'mail')} sent, of {counted(run.done, 'person', 'people')} looked at"
