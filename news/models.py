"""Who is told of news by mail, and how often (docs/decisions/0044)."""

from django.db import models
from django.db.models import DB_CASCADE, Q

from profiles.models import Identified, calendar_constraint


class HowOften(models.TextChoices):
    DAILY = "daily", "At most once a day"
    WEEKLY = "weekly", "At most once a week"
    OFF = "off", "Never"


class NewsByMail(Identified):
    """A person's choice; nothing is mailed without one, nor before it is confirmed from the mailbox.

    `email`: the address that is asked, or has confirmed; where it is not the account's any more, nothing is mailed.
    `link`: of which news.choosing makes the address that confirms, mailed last at `asked_at`, and `asked` times since
    `asked_since`.  `told_until`: what came after it has not been mailed.  `due_on`: the first day on which it may be;
    None while nothing may.
    """

    person = models.OneToOneField("profiles.Profile", DB_CASCADE, related_name="news_by_mail")
    how_often = models.TextField(choices=HowOften, db_default=HowOften.OFF)
    email = models.TextField(db_default="", blank=True)
    link = models.UUIDField(unique=True, null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_since = models.DateTimeField(null=True, blank=True)
    asked = models.IntegerField(db_default=0)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    told_until = models.DateTimeField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)

    class Meta:
        db_table = "news_by_mail"
        verbose_name = verbose_name_plural = "news by mail"
        constraints = [
            models.CheckConstraint(condition=Q(how_often__in=HowOften.values), name="news_newsbymail_how_often"),
            models.CheckConstraint(
                condition=Q(due_on__isnull=True, confirmed_at__isnull=True, told_until__isnull=True)
                | (
                    Q(due_on__isnull=False, confirmed_at__isnull=False, told_until__isnull=False)
                    & ~Q(how_often=HowOften.OFF)
                    & ~Q(email="")
                ),
                name="news_newsbymail_confirmed",
                violation_error_message="What is mailed was confirmed.",
            ),
            calendar_constraint("asked_at", "asked_since", "confirmed_at", "told_until"),
        ]
        indexes = [
            # For who may be mailed today (news.sending).
            models.Index(fields=["due_on", "id"], condition=Q(due_on__isnull=False), name="news_by_mail_due"),
        ]

    def __str__(self):
        return f"News by mail for {self.person}"
