"""`student_activity_timeline`: one table of everything that students do.

Python never writes it: the database's triggers and `timeline_resync` keep it
equal to the view `timeline_expected` (see `timeline/sql/current/`).
"""

from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import DO_NOTHING, Q
from django.db.models.functions import TruncDate

from timeline.kinds import BY_VALUE, COUNTED, KINDS

DAY_ZONE = ZoneInfo("America/New_York")  # the zone whose days are THE days, for everybody


class ReadOnlyError(TypeError):
    """Python tried to write the timeline; write the source row instead."""

    def __init__(self):
        super().__init__("The timeline is written by the database alone: write the source row instead.")


class ActivityQuerySet(models.QuerySet):
    def _refuse(self, *args, **kwargs):
        raise ReadOnlyError

    create = bulk_create = bulk_update = update = delete = _insert = _update = _raw_delete = _refuse
    get_or_create = update_or_create = _refuse
    _refuse.alters_data = True


def reference(to, **options):
    """A column that points at a source's row; the sources hold the real foreign keys (docs/decisions/0007)."""
    return models.ForeignKey(
        to, DO_NOTHING, db_constraint=False, db_index=False, related_name="+", editable=False, **options
    )


class Activity(models.Model):
    """One entry: something that `student` did, or that was written to them, at `created_at`."""

    id = models.UUIDField(primary_key=True, editable=False)
    student = reference("profiles.Profile")
    activity_type = models.TextField("kind")
    created_at = models.DateTimeField()
    activity_date = models.GeneratedField(
        expression=TruncDate("created_at", tzinfo=DAY_ZONE), output_field=models.DateField(), db_persist=True
    )
    video = reference("courses.Video", null=True)
    video_timestamp_seconds = models.IntegerField(null=True)
    course = reference("courses.Course", null=True)
    lesson = reference("courses.Lesson", null=True)
    goal = reference("goals.Goal", null=True)
    quiz = reference("courses.Quiz", null=True)
    content = models.TextField(null=True)
    metadata = models.JSONField(db_default={})
    media_url = models.TextField(null=True)
    media_type = models.TextField(null=True)
    media_duration_seconds = models.IntegerField(null=True)
    requires_response = models.BooleanField(db_default=False)
    response_status = models.TextField(null=True)
    instructor_response = models.TextField(null=True)
    responded_at = models.DateTimeField(null=True)
    responded_by = reference("profiles.Profile", null=True, db_column="responded_by")
    source_table = models.TextField()
    source_id = models.UUIDField()

    objects = ActivityQuerySet.as_manager()

    # What pages say of an entry besides its columns; defined here, as templates are slow to look for what is not there.
    template = "timeline/entry.html"
    is_new = has_new_answer = is_own = False  # timeline.reading
    leads_to_student = answerable = waits_for_others = watchable = False  # timeline.access
    next = ""  # the address to go to once it is answered

    class Meta:
        db_table = "student_activity_timeline"
        base_manager_name = "objects"  # loaddata bypasses save(), and is stopped here
        verbose_name_plural = "student activity timeline"
        constraints = [
            models.CheckConstraint(
                condition=Q(activity_type__in=[kind.value for kind in KINDS]), name="timeline_activity_type"
            ),
            models.CheckConstraint(
                condition=Q(response_status__isnull=True) | Q(response_status__in=["pending", "responded"]),
                name="timeline_response_status",
            ),
            models.CheckConstraint(
                condition=Q(video__isnull=True) | Q(video_timestamp_seconds__isnull=False),
                name="timeline_second_of_video",
            ),
        ]
        indexes = [
            # For days, weeks and the student's feed: queries.student_days(), …; for those of some kinds or of one
            # course: queries.found_days().
            models.Index(
                "student",
                "activity_date",
                "created_at",
                "id",
                include=["activity_type", "course"],
                name="idx_student_date",
            ),
            # For queries.calendar(): an entry of a busy day takes six bytes, in idx_student_date some hundred.  The
            # condition holds for all: whoever does not state it keeps the plan that is bounded by its LIMIT.
            models.Index("student", "activity_date", condition=Q(source_table__gt=""), name="idx_student_day"),
            # For words in a student's days: entries without any are not searched.
            models.Index(
                "student",
                "activity_date",
                "created_at",
                "id",
                condition=Q(content__isnull=False),
                name="idx_student_words",
            ),
            # For one goal's timeline and its counts by kind: queries.goal_timeline(), …
            models.Index(
                "student",
                "goal",
                "created_at",
                "id",
                include=["activity_type"],
                condition=Q(goal__isnull=False),
                name="idx_student_goal",
            ),
            # For the journey of all students, of some kinds or of all but COUNTED, and how far everyone got:
            # queries.video_journey(), queries.reached(); for all of a video's entries, by kind and second: the
            # export, which merges the kinds, the plan's query and the admin's list.
            models.Index(
                "video",
                "activity_type",
                "video_timestamp_seconds",
                "id",
                condition=Q(video__isnull=False),
                name="idx_video_kind",
            ),
            # For the journey of all students, newest first or within dates, and what is new in it.
            models.Index(
                "video",
                "activity_type",
                "created_at",
                "id",
                include=["video_timestamp_seconds"],
                condition=Q(video__isnull=False) & ~Q(activity_type__in=sorted(COUNTED)),
                name="idx_video_listed",
            ),
            # For what waits for an answer in a video, by second: its moments, and who waits.
            models.Index(
                "video",
                "video_timestamp_seconds",
                "id",
                include=["student", "created_at"],
                condition=Q(video__isnull=False, response_status="pending"),
                name="idx_video_pending",
            ),
            # For the journey of one student: queries.video_journey(), queries.markers().
            models.Index(
                "student",
                "video",
                "video_timestamp_seconds",
                "id",
                condition=Q(video__isnull=False),
                name="idx_student_video",
            ),
            # For what waits of one student, whatever the course: queries.waiting_of_student().
            models.Index(
                "student", "created_at", "id", condition=Q(response_status="pending"), name="idx_student_pending"
            ),
            # For what waits for an answer, over an instructor's courses, and its moments: queries.inbox().
            models.Index(
                "course",
                "created_at",
                "id",
                include=["student", "video", "video_timestamp_seconds"],
                condition=Q(response_status="pending"),
                name="idx_response_status",
            ),
        ]

    def __str__(self):
        return str(self.kind)

    def save(self, **kwargs):
        raise ReadOnlyError

    def delete(self, **kwargs):
        raise ReadOnlyError

    @property
    def kind(self):
        return BY_VALUE[self.activity_type]

    @property
    def edited(self):
        return "edited" in self.metadata

    @property
    def response_edited(self):
        return "response_edited" in self.metadata
