"""A student's reflection on a moment of a video, and the instructor's answer."""

from django.db import models
from django.db.models import DB_CASCADE, DB_SET_NULL, Q

from courses.fields import SecondsField
from courses.models import moment_constraint
from profiles.models import Writing, calendar_constraint, hidden_index, hidden_of_writer_index, media_index


class Reflection(Writing):
    """Text, voice memo (audio), screenshot (image) or Loom (video); it waits until `responded_at` is set.

    `responded_at` is when it was first answered, `responded_by` who wrote the
    answer that stands, `response_edited_at` when that last changed;
    `response_unseen` until the student has seen it.
    """

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="reflections", db_index=False)
    video = models.ForeignKey("courses.Video", DB_CASCADE, related_name="reflections", null=True, blank=True)
    video_timestamp_seconds = SecondsField(null=True, blank=True)
    sentiment = models.TextField(null=True, blank=True)
    instructor_response = models.TextField(null=True, blank=True)
    responded_at = models.DateTimeField(null=True, blank=True)
    responded_by = models.ForeignKey(
        "profiles.Profile", DB_SET_NULL, related_name="responses", null=True, blank=True, db_column="responded_by"
    )
    response_edited_at = models.DateTimeField(null=True, blank=True)
    response_unseen = models.BooleanField(db_default=False, editable=False)

    class Meta:
        db_table = "reflections"
        constraints = [
            *(constraint for constraint in Writing.Meta.constraints if not constraint.name.endswith("_calendar")),
            calendar_constraint("created_at", "edited_at", "hidden_at", "responded_at", "response_edited_at"),
            moment_constraint("reflections_reflection_moment"),
            models.CheckConstraint(
                condition=Q(instructor_response__isnull=True, responded_at__isnull=True, responded_by__isnull=True)
                | (Q(instructor_response__isnull=False, responded_at__isnull=False) & ~Q(instructor_response="")),
                name="reflections_reflection_response",
                violation_error_message="An answer has words and a time.",
            ),
            models.CheckConstraint(
                condition=Q(response_edited_at__isnull=True) | Q(responded_at__isnull=False),
                name="reflections_reflection_response_edited",
                violation_error_message="Only an answer can have been edited.",
            ),
        ]
        indexes = [
            # For timeline_resync: a student's rows within a span of time.
            models.Index(fields=["student", "created_at"], name="reflections_of_student"),
            # For the answers that a student received since a moment, and when somebody last answered them.
            models.Index(
                fields=["student", "responded_at"],
                include=["responded_by"],
                condition=Q(responded_at__isnull=False),
                name="reflections_answered",
            ),
            # For the answers that a student has not seen yet.
            models.Index(
                fields=["student", "video", "video_timestamp_seconds"],
                condition=Q(response_unseen=True),
                name="reflections_unseen",
            ),
            hidden_index("reflections_hidden"),
            hidden_of_writer_index("student", "hidden_reflections"),
            media_index("reflections_media"),
            # For the admin's list of what waits for an answer.
            models.Index(
                "id", condition=Q(responded_at__isnull=True, hidden_at__isnull=True), name="reflections_waiting"
            ),
        ]

    def __str__(self):
        return self.content[:60] or self.get_media_type_display() or ""
