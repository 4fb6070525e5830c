"""What a student works towards, and what is written on the way."""

import datetime
from itertools import pairwise

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.contrib.postgres.fields.ranges import RangeStartsWith
from django.db import models
from django.db.models import DB_CASCADE, DB_SET_NULL, F, Q
from django.db.models.functions import Cast, Now
from django.utils import timezone

from profiles.models import (
    Identified,
    MediaType,
    Profile,
    Writing,
    calendar_constraint,
    hidden_index,
    hidden_of_writer_index,
    media_constraint,
    media_index,
    media_type_field,
)

MEASURE_LIMIT = 200  # characters


def measure_constraint():
    return models.CheckConstraint(
        condition=Q(measure__length__lte=MEASURE_LIMIT),
        name="%(app_label)s_%(class)s_measure_length",
        violation_error_message=f"A measure has at most {MEASURE_LIMIT} characters.",
    )


class Goal(Identified):
    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="goals", db_index=False)
    title = models.TextField()
    description = models.TextField(db_default="", blank=True)
    measure = models.TextField(db_default="", blank=True, help_text="How to tell that it is reached: “$1K a month”.")
    target_date = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "goals"
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="goals_goal_title"),
            measure_constraint(),
            # The target of the composite foreign keys (student_id, goal_id) of migration 0002.
            models.UniqueConstraint(fields=["student", "id"], name="goals_goal_of_student"),
            calendar_constraint("created_at", "completed_at"),
        ]
        indexes = [
            # For a student's goals in the order in which they were set.
            models.Index(fields=["student", "created_at", "id"], name="goals_of_student"),
        ]

    def __str__(self):
        return self.title

    @property
    def is_current(self):
        """Whether its last period is still open."""
        return any(period.period.upper is None for period in self.periods.all())

    @property
    def state(self):
        """What it is by now: "reached"; "current"; "paused", if it was the current one; "planned", if it never was."""
        if self.completed_at:
            return "reached"
        if self.is_current:
            return "current"
        return "paused" if self.periods.all() else "planned"

    @property
    def days(self):
        """How many days it was the current one; a day on which it was paused and come back to counts once."""
        spans = sorted(period.span for period in self.periods.all())
        days = sum((last - first).days + 1 for first, last in spans)
        return days - sum(earlier[1] == later[0] for earlier, later in pairwise(spans))


def goal_key(on_delete, **options):
    """A reference to a goal of the same student, enforced by a composite foreign key (migration 0002)."""
    return models.ForeignKey("goals.Goal", on_delete, db_constraint=False, **options)


class GoalPeriod(Identified):
    """When a goal was the student's current one: `[start, end)`, open-ended while it still is."""

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="goal_periods", db_index=False)
    goal = goal_key(DB_CASCADE, related_name="periods")
    period = DateTimeRangeField()

    repeats = False  # whether it has the days of the one after it, where that is read with it

    class Meta:
        db_table = "goal_periods"
        constraints = [
            ExclusionConstraint(
                name="goals_goalperiod_one_goal_at_a_time",
                # As text, so that no query can use its index: a scan of a GiST index may miss rows while the
                # table is vacuumed (docs/decisions/0019).
                expressions=[
                    (Cast("student", models.TextField()), RangeOperators.EQUAL),
                    ("period", RangeOperators.OVERLAPS),
                ],
                violation_error_message="The student has another current goal in that time.",
            ),
            # For the period that holds a moment: the last one that began by then.
            models.UniqueConstraint(F("student"), RangeStartsWith("period"), name="goals_goalperiod_of_student"),
            models.CheckConstraint(
                condition=Q(period__isempty=False, period__lower_inc=True, period__upper_inc=False),
                name="goals_goalperiod_half_open",
                violation_error_message="A period has a start, and ends after it or not at all.",
            ),
            calendar_constraint("period__startswith", "period__endswith"),
        ]

    def __str__(self):
        start, end = (f"{day:%-d %B %Y}" for day in self.span)
        return f"{self.goal}, {start} to {end}" if self.period.upper else f"{self.goal}, since {start}"

    @property
    def span(self):
        """The first and the last day that it touches; today while it is open.

        One that ends at midnight has nothing of the day that begins there.
        """
        end = self.period.upper
        last = end - datetime.timedelta(microseconds=1) if end else timezone.now()
        return timezone.localdate(self.period.lower), timezone.localdate(last)

    @property
    def days(self):
        """How many days it touches, until today while it is open."""
        first, last = self.span
        return (last - first).days + 1


class GoalMilestone(Identified):
    """A step towards a goal; planned until `reached_at` is set."""

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="goal_milestones", db_index=False)
    goal = goal_key(DB_CASCADE, related_name="milestones")
    title = models.TextField()
    reached_at = models.DateTimeField(null=True, blank=True, db_default=Now())

    class Meta:
        db_table = "goal_milestones"
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="goals_goalmilestone_title"),
            calendar_constraint("reached_at"),
        ]
        indexes = [
            # For timeline_resync: a student's rows within a span of time.
            models.Index(fields=["student", "reached_at"], name="goal_milestones_of_student"),
        ]

    def __str__(self):
        return self.title


class DailyNote(Writing):
    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="daily_notes", db_index=False)

    class Meta(Writing.Meta):
        abstract = False
        db_table = "daily_notes"
        indexes = [
            # For timeline_resync: a student's rows within a span of time.
            models.Index(fields=["student", "created_at"], name="daily_notes_of_student"),
            hidden_index("daily_notes_hidden"),
            hidden_of_writer_index("student", "hidden_daily_notes"),
            media_index("daily_notes_media"),
        ]

    def __str__(self):
        return self.content[:60]


class SuccessProof(Writing):
    """What shows that a goal, or a part of it, was achieved."""

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="success_proofs", db_index=False)
    goal = goal_key(DB_CASCADE, related_name="proofs")
    media_type = media_type_field(MediaType.values)

    class Meta(Writing.Meta):
        abstract = False
        db_table = "success_proofs"
        constraints = [
            *(rule for rule in Writing.Meta.constraints if not rule.name.endswith("_media")),
            media_constraint(MediaType.values),
        ]
        indexes = [
            # For timeline_resync: a student's rows within a span of time.
            models.Index(fields=["student", "created_at"], name="success_proofs_of_student"),
            hidden_index("success_proofs_hidden"),
            hidden_of_writer_index("student", "hidden_success_proofs"),
            media_index("success_proofs_media"),
        ]

    def __str__(self):
        return self.content[:60]


class GoalMessage(Writing):
    """What an instructor wrote in a student's goal conversation, to all of it or about one goal."""

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="goal_messages", db_index=False)
    author = models.ForeignKey("profiles.Profile", DB_SET_NULL, related_name="messages_written", null=True, blank=True)
    goal = goal_key(DB_SET_NULL, related_name="messages", null=True, blank=True)

    class Meta(Writing.Meta):
        abstract = False
        db_table = "goal_messages"
        constraints = [
            *Writing.Meta.constraints,
            models.CheckConstraint(
                condition=Q(author__isnull=True) | ~Q(author=F("student")),
                name="goals_goalmessage_from_another",
                violation_error_message="A message comes from an instructor, not from the student.",
            ),
        ]
        indexes = [
            # For timeline_resync: a student's rows within a span of time; for conversation.unread(): the newest.
            models.Index(fields=["student", "created_at"], name="goal_messages_of_student"),
            hidden_index("goal_messages_hidden"),
            hidden_of_writer_index("author", "hidden_goal_messages"),
            media_index("goal_messages_media"),
        ]

    def __str__(self):
        return self.content[:60]


class ConversationVisit(Identified):
    """When `viewer` last read the goal conversation of `student`, and when they did so the time before.

    `previous_seen_at` is where what is new to them begins; on the first visit, when that began.
    """

    viewer = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="+", db_index=False)
    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="+")
    seen_at = models.DateTimeField(db_default=Now())
    previous_seen_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "conversation_visits"
        constraints = [
            models.UniqueConstraint(fields=["viewer", "student"], name="goals_conversationvisit_once"),
        ]

    def __str__(self):
        return f"{self.viewer} read {self.student}"


class GoalProposal(Identified):
    """A goal that `author` proposes; accepted, the student has a goal with its id."""

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="goal_proposals", db_index=False)
    author = models.ForeignKey("profiles.Profile", DB_SET_NULL, related_name="goals_proposed", null=True, blank=True)
    title = models.TextField()
    measure = models.TextField(db_default="", blank=True)
    target_date = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    accepted_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "goal_proposals"
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="goals_goalproposal_title"),
            measure_constraint(),
            models.CheckConstraint(
                condition=Q(author__isnull=True) | ~Q(author=F("student")),
                name="goals_goalproposal_from_another",
                violation_error_message="A goal is proposed by an instructor; a student sets one.",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(declined_at__isnull=True),
                name="goals_goalproposal_decided_once",
                violation_error_message="A proposal is accepted or declined, not both.",
            ),
            calendar_constraint("created_at", "accepted_at", "declined_at"),
        ]
        indexes = [
            # For the proposals to a student: living.waiting_proposals(), living.open_proposals(), queries.goal_move().
            models.Index(fields=["student", "created_at", "id"], name="goal_proposals_of_student"),
        ]

    def __str__(self):
        return self.title


class GoalCorrection(Identified):
    """That `author` corrected when a goal was the current one, and what followed.

    `moves`: [{"from": a goal's id or null, "to": the same, "entries": how many}]; `moved` is their sum.
    """

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="goal_corrections", db_index=False)
    goal = goal_key(DB_CASCADE, related_name="corrections")
    author = models.ForeignKey("profiles.Profile", DB_SET_NULL, related_name="goals_corrected", null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    before = DateTimeRangeField()
    after = DateTimeRangeField()
    moves = models.JSONField(db_default=[], blank=True)
    moved = models.IntegerField(db_default=0)
    reason = models.TextField()

    class Meta:
        db_table = "goal_corrections"
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="goals_goalcorrection_reason"),
            models.CheckConstraint(condition=Q(moved__gte=0), name="goals_goalcorrection_moved"),
            calendar_constraint("created_at"),
        ]
        indexes = [
            # For the corrections of a student's goals, the newest first.
            models.Index(fields=["student", "created_at", "id"], name="goal_corrections_of_student"),
        ]

    def __str__(self):
        return f"{self.goal}, corrected {timezone.localtime(self.created_at):%-d %B %Y}"


class Part(models.TextChoices):
    """What a shared story may hold beside the goal, its milestones and that it was reached."""

    WATCHING = "watching", "Videos that I watched"
    QUIZZES = "quizzes", "Quizzes, with their scores"
    COURSES = "courses", "Courses and lessons"
    REFLECTIONS = "reflections", "My reflections"
    ANSWERS = "answers", "Answers of instructors to them"
    NOTES = "notes", "My daily notes"
    PROOFS = "proofs", "My success proof"
    MESSAGES = "messages", "Messages of instructors to me"


class SharedStory(Identified):
    """What the student shows of how they reached a goal, and to whom; to nobody, without a `course` and a `link`.

    `course`: to its people, since `community_at`.  `link`: to whoever has the
    address that goals.sharing makes of it.
    """

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="shared_stories", db_index=False)
    goal = goal_key(DB_CASCADE, related_name="+", db_index=False)
    parts = ArrayField(models.TextField(choices=Part), db_default=[], blank=True)
    with_media = models.BooleanField(db_default=False)
    course = models.ForeignKey(
        "courses.Course", DB_SET_NULL, related_name="shared_stories", null=True, blank=True, db_index=False
    )
    community_at = models.DateTimeField(null=True, blank=True)
    link = models.UUIDField(null=True, blank=True, unique=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "shared_stories"
        verbose_name_plural = "shared stories"
        constraints = [
            models.UniqueConstraint(fields=["student", "goal"], name="goals_sharedstory_once"),
            models.CheckConstraint(condition=Q(parts__contained_by=Part.values), name="goals_sharedstory_parts"),
            models.CheckConstraint(
                condition=Q(course__isnull=True) | Q(community_at__isnull=False),
                name="goals_sharedstory_community_at",
                violation_error_message="What is shared with a course was so at some time.",
            ),
            calendar_constraint("community_at", "created_at"),
        ]
        indexes = [
            # For the stories shared with a course, the newest first.
            models.Index(
                fields=["course", "community_at", "id"], condition=Q(course__isnull=False), name="shared_with_course"
            ),
        ]

    def __str__(self):
        return f"{self.goal}, of {self.student}"

    @property
    def is_shared(self):
        return bool(self.course_id or self.link)


class Congratulation(Identified):
    """That `person` congratulated on a shared story."""

    story = models.ForeignKey(SharedStory, DB_CASCADE, related_name="congratulations", db_index=False)
    person = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "congratulations"
        constraints = [
            models.UniqueConstraint(fields=["story", "person"], name="goals_congratulation_once"),
            calendar_constraint("created_at"),
        ]
        indexes = [
            # For who congratulated on a story, the last one first.
            models.Index(fields=["story", "created_at", "id"], name="congratulations_on_story"),
        ]

    def __str__(self):
        return f"{self.person}: {self.story}"


class GoalHistory(Profile):
    """A student, as the owner of their goals' periods: the page on which a boundary between two goals is moved."""

    class Meta:
        proxy = True
        verbose_name = "goal history"
        verbose_name_plural = "goal histories"
