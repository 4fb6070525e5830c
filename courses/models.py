"""The catalogue, and what students do in it: enrol, watch, reach checkpoints, take quizzes, finish."""

import datetime

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import DB_CASCADE, DB_SET_NULL, F, Q
from django.db.models.functions import Left, Now
from django.utils import timezone

from config.files import StoredFileField
from courses.fields import RandomName, SecondRangesField, SecondsField
from profiles.models import Identified, calendar_constraint

TITLE_BEGINNING = 200  # characters of a course's title that say its place in the catalogue
LONGEST_VIDEO = 86_400  # seconds
MOST_ATTEMPTS = 1_000  # at a quiz, that its author may allow
TENTHS = 9  # 10 % to 90 %; the last step is the completion


def moment_constraint(name):
    """A CHECK that a row names a video and a second of it, or neither."""
    return models.CheckConstraint(
        condition=Q(video__isnull=True, video_timestamp_seconds__isnull=True)
        | Q(video__isnull=False, video_timestamp_seconds__isnull=False, video_timestamp_seconds__gte=0),
        name=name,
        violation_error_message="Name both a video and a second of it, from 0 on, or neither.",
    )


class Course(Identified):
    title = models.TextField()
    description = models.TextField(db_default="", blank=True)
    open_for_enrolment = models.BooleanField(
        db_default=True, help_text="Shown in the catalogue, where anyone can enrol."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    instructors = models.ManyToManyField(
        "profiles.Profile", through="CourseInstructor", related_name="courses_taught", blank=True
    )

    class Meta:
        db_table = "courses"
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="courses_course_title"),
            calendar_constraint("created_at"),
        ]
        indexes = [
            # For the catalogue, in order of the beginning of the title: a whole one may not fit into an index.
            models.Index(
                Left("title", TITLE_BEGINNING), "id", condition=Q(open_for_enrolment=True), name="courses_in_order"
            ),
        ]

    def __str__(self):
        return self.title


class CourseInstructor(Identified):
    """Who teaches a course, and so sees its students."""

    course = models.ForeignKey(Course, DB_CASCADE, db_index=False)
    instructor = models.ForeignKey("profiles.Profile", DB_CASCADE)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "course_instructors"
        constraints = [
            models.UniqueConstraint(fields=["course", "instructor"], name="courses_courseinstructor_once"),
        ]

    def __str__(self):
        return f"{self.instructor} teaches {self.course}"


class Lesson(Identified):
    course = models.ForeignKey(Course, DB_CASCADE, related_name="lessons", db_index=False)
    title = models.TextField()
    position = models.IntegerField(db_default=0, help_text="Lessons are shown in this order.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "course_chapters"
        ordering = ["course", "position", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="courses_lesson_title"),
            calendar_constraint("created_at"),
        ]
        indexes = [
            # For a course's lessons in order, and the cascade from courses.
            models.Index(fields=["course", "position", "id"], name="course_chapters_in_order"),
        ]

    def __str__(self):
        return self.title


class Video(Identified):
    lesson = models.ForeignKey(Lesson, DB_CASCADE, related_name="videos", db_index=False)
    title = models.TextField()
    description = models.TextField(db_default="", blank=True)
    position = models.IntegerField(db_default=0, help_text="A lesson's videos are shown in this order.")
    file = StoredFileField("video file", page="video_file", upload_to=RandomName("videos"))
    poster = StoredFileField(
        page="video_poster", upload_to=RandomName("videos"), help_text="The picture shown until the video plays."
    )
    captions = StoredFileField(
        page="video_captions", upload_to=RandomName("videos"), help_text="What is said and heard in the video, as text."
    )
    url = models.TextField(
        "address",
        db_default="",
        blank=True,
        help_text="Where the video is if its file is not here: an address that begins with https://.",
    )
    duration_seconds = models.IntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_VIDEO)], help_text="Length in seconds."
    )
    completion_threshold = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        db_default=0.95,
        validators=[MinValueValidator(0.001), MaxValueValidator(1)],
        help_text="The share of the video that counts as having watched it: 0.95 is 95%.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "media_files"
        ordering = ["lesson", "position", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="courses_video_title"),
            models.CheckConstraint(
                condition=Q(duration_seconds__gte=1, duration_seconds__lte=LONGEST_VIDEO), name="courses_video_duration"
            ),
            models.CheckConstraint(
                condition=Q(completion_threshold__gt=0, completion_threshold__lte=1),
                name="courses_video_completion_threshold",
            ),
            # The target of quizzes (lesson_id, video_id): a quiz follows its video to another lesson.
            models.UniqueConstraint(fields=["lesson", "id"], name="courses_video_of_lesson"),
            calendar_constraint("created_at"),
        ]
        indexes = [
            # For a lesson's videos in order, and the cascade from course_chapters.
            models.Index(fields=["lesson", "position", "id"], name="media_files_in_order"),
        ]

    def __str__(self):
        return self.title

    @property
    def src(self):
        """Where a player finds the video: the file here, else the https address elsewhere, else ""."""
        if self.file:
            return self.file.url
        return self.url if self.url.startswith("https://") else ""


class Checkpoint(Identified):
    """A second of a video that its author marked as worth reaching."""

    video = models.ForeignKey(Video, DB_CASCADE, related_name="checkpoints", db_index=False)
    video_timestamp_seconds = SecondsField()
    title = models.TextField()

    class Meta:
        db_table = "checkpoints"
        ordering = ["video", "video_timestamp_seconds"]
        constraints = [
            models.UniqueConstraint(fields=["video", "video_timestamp_seconds"], name="courses_checkpoint_once"),
            models.CheckConstraint(condition=Q(video_timestamp_seconds__gte=0), name="courses_checkpoint_second"),
            models.CheckConstraint(condition=~Q(title=""), name="courses_checkpoint_title"),
        ]

    def __str__(self):
        return self.title


class Quiz(Identified):
    """A quiz of a lesson; with a video and a second, it comes at that moment of the video."""

    lesson = models.ForeignKey(Lesson, DB_CASCADE, related_name="quizzes")
    # db_constraint: the composite foreign key (lesson_id, video_id) of migration 0002 says more.
    video = models.ForeignKey(Video, DB_CASCADE, related_name="quizzes", null=True, blank=True, db_constraint=False)
    video_timestamp_seconds = SecondsField(null=True, blank=True)
    title = models.TextField()
    passing_score = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        db_default=70,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="Percent of the points that pass.",
    )
    required = models.BooleanField(db_default=True, help_text="The lesson is complete only once this quiz is passed.")
    attempts_allowed = models.IntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_ATTEMPTS)],
        help_text="How many attempts a student has. Empty: no limit.",
    )
    skippable = models.BooleanField(
        db_default=True, help_text="In a video: students may keep watching without taking it."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "quizzes"
        verbose_name_plural = "quizzes"
        constraints = [
            models.CheckConstraint(condition=~Q(title=""), name="courses_quiz_title"),
            models.CheckConstraint(
                condition=Q(passing_score__gte=0, passing_score__lte=100), name="courses_quiz_passing_score"
            ),
            models.CheckConstraint(
                condition=Q(attempts_allowed__isnull=True)
                | Q(attempts_allowed__gte=1, attempts_allowed__lte=MOST_ATTEMPTS),
                name="courses_quiz_attempts_allowed",
            ),
            moment_constraint("courses_quiz_moment"),
            calendar_constraint("created_at"),
        ]

    def __str__(self):
        return self.title


class QuestionKind(models.TextChoices):
    SINGLE = "single_choice", "Single choice"
    MULTIPLE = "multiple_choice", "Multiple choice"
    TEXT = "short_answer", "Short answer"
    NUMBER = "number", "Number"


class QuizQuestion(Identified):
    """One question. `answers` are the right ones: among `choices`, accepted words, or one number."""

    quiz = models.ForeignKey(Quiz, DB_CASCADE, related_name="questions", db_index=False)
    position = models.IntegerField(db_default=0)
    kind = models.TextField(choices=QuestionKind, db_default=QuestionKind.SINGLE)
    prompt = models.TextField("question")
    choices = ArrayField(models.TextField(), db_default=[], blank=True)
    answers = ArrayField(models.TextField(), db_default=[])
    tolerance = models.DecimalField(
        max_digits=12, decimal_places=4, db_default=0, help_text="How far off a number may be."
    )
    explanation = models.TextField(db_default="", blank=True, help_text="Shown once the question is marked.")

    class Meta:
        db_table = "quiz_questions"
        ordering = ["quiz", "position", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(prompt=""), name="courses_quizquestion_prompt"),
            models.CheckConstraint(condition=Q(kind__in=QuestionKind.values), name="courses_quizquestion_kind"),
            models.CheckConstraint(condition=Q(answers__len__gte=1), name="courses_quizquestion_answers"),
            models.CheckConstraint(
                condition=Q(answers__len=1) | ~Q(kind__in=[QuestionKind.SINGLE, QuestionKind.NUMBER]),
                name="courses_quizquestion_one_answer",
                violation_error_message="A single choice and a number have exactly one right answer.",
            ),
            models.CheckConstraint(
                condition=Q(choices__contains=F("answers")) | ~Q(kind__in=[QuestionKind.SINGLE, QuestionKind.MULTIPLE]),
                name="courses_quizquestion_answers_among_choices",
                violation_error_message="Every right answer must be one of the choices.",
            ),
            # The upper bound is the column's own; it keeps NaN out.
            models.CheckConstraint(
                condition=Q(tolerance__gte=0, tolerance__lt=10**8), name="courses_quizquestion_tolerance"
            ),
        ]
        indexes = [
            # For a quiz's questions in order, and the cascade from quizzes.
            models.Index(fields=["quiz", "position", "id"], name="quiz_questions_in_order"),
        ]

    def __str__(self):
        return self.prompt


class Enrollment(Identified):
    """A student in a course. Leaving keeps the row: what was done stays done.

    A completion that an instructor set has their note, and them, if they are still there.
    """

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="enrollments", db_index=False)
    course = models.ForeignKey(Course, DB_CASCADE, related_name="enrollments")
    enrolled_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    completion_set_by = models.ForeignKey(
        "profiles.Profile", DB_SET_NULL, related_name="+", null=True, blank=True, db_index=False
    )
    completion_note = models.TextField(db_default="", blank=True)

    class Meta:
        db_table = "enrollments"
        verbose_name = "enrolment"
        constraints = [
            models.UniqueConstraint(fields=["student", "course"], name="courses_enrollment_once"),
            models.CheckConstraint(
                condition=Q(completion_set_by__isnull=True, completion_note="")
                | (Q(completed_at__isnull=False) & ~Q(completion_note="")),
                name="courses_enrollment_completion_note",
                violation_error_message="A completion that is set by hand has a note; without a completion is neither.",
            ),
            calendar_constraint("enrolled_at", "completed_at", "left_at"),
        ]
        indexes = [
            # For a class: how many it has now, and who.
            models.Index(fields=["course", "student"], condition=Q(left_at__isnull=True), name="enrollments_current"),
            # For the foreign key.
            models.Index(
                fields=["completion_set_by"],
                condition=Q(completion_set_by__isnull=False),
                name="enrollments_completion_set_by",
            ),
        ]

    def __str__(self):
        return f"{self.student} in {self.course}"


class Invitation(Identified):
    """A link by which whoever has it may enrol in a course, even one not open for enrolment; a course has at most one.

    `link`: of which courses.inviting makes the address.  `joined`: how often somebody enrolled by it.
    """

    course = models.ForeignKey(Course, DB_CASCADE, related_name="invitations", db_index=False)
    made_by = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="+")
    link = models.UUIDField(unique=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    joined = models.IntegerField(db_default=0)

    class Meta:
        db_table = "course_invitations"
        constraints = [
            models.UniqueConstraint(fields=["course"], name="courses_invitation_once"),
            models.CheckConstraint(condition=Q(joined__gte=0), name="courses_invitation_joined"),
            calendar_constraint("created_at", "expires_at"),
        ]

    def __str__(self):
        return f"Invitation to {self.course}"

    @property
    def last_day(self):
        """The last day on which it is valid."""
        return timezone.localdate(self.expires_at - datetime.timedelta(microseconds=1))


class LessonCompletion(Identified):
    """A student completed a lesson: by the rule of courses/finishing.py, or set by an instructor, with a note."""

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="lesson_completions", db_index=False)
    lesson = models.ForeignKey(Lesson, DB_CASCADE, related_name="completions")
    completed_at = models.DateTimeField(db_default=Now())
    set_by = models.ForeignKey("profiles.Profile", DB_SET_NULL, related_name="+", null=True, blank=True, db_index=False)
    note = models.TextField(db_default="", blank=True)

    class Meta:
        db_table = "lesson_completions"
        constraints = [
            models.UniqueConstraint(fields=["student", "lesson"], name="courses_lessoncompletion_once"),
            models.CheckConstraint(
                condition=Q(set_by__isnull=True) | ~Q(note=""),
                name="courses_lessoncompletion_note",
                violation_error_message="A completion that is set by hand has a note.",
            ),
            calendar_constraint("completed_at"),
        ]
        indexes = [
            # For the foreign key.
            models.Index(fields=["set_by"], condition=Q(set_by__isnull=False), name="lesson_completions_set_by"),
        ]

    def __str__(self):
        return f"{self.student} completed {self.lesson}"


class VideoProgress(Identified):
    """What one student watched of one video.

    `watched` holds the seconds of the video seen, as half-open ranges; a report
    is an insert or update of `watched` and `watched_at` (when it was watched).
    The trigger of `courses/sql/current/video_progress.sql` merges it with what
    was there, clips it to the video, and notes in `tenth_reached_at[1..9]` and
    `completed_at` when coverage first reached 10 % … 90 % and the video's
    completion threshold.  `position_seconds` is where the player stood last, 0 also
    where no player said; `viewing` tells the two apart, and has the clocks of the
    pages that reported last, as `courses/watching.py` keeps them.
    """

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="video_progress", db_index=False)
    video = models.ForeignKey(Video, DB_CASCADE, related_name="progress", db_index=False)
    watched = SecondRangesField(db_default=[])
    watched_at = models.DateTimeField(db_default=Now())
    tenth_reached_at = ArrayField(models.DateTimeField(null=True), db_default=[], editable=False)
    completed_at = models.DateTimeField(null=True, blank=True)
    position_seconds = SecondsField(db_default=0, editable=False)
    viewing = models.JSONField(db_default={}, editable=False)

    class Meta:
        db_table = "video_progress"
        verbose_name_plural = "video progress"
        constraints = [
            models.UniqueConstraint(fields=["student", "video"], name="courses_videoprogress_once"),
            models.CheckConstraint(condition=Q(tenth_reached_at__len=TENTHS), name="courses_videoprogress_nine_tenths"),
            models.CheckConstraint(condition=Q(position_seconds__gte=0), name="courses_videoprogress_position"),
            calendar_constraint(
                "watched_at", "completed_at", *(f"tenth_reached_at__{index}" for index in range(TENTHS))
            ),
        ]
        indexes = [
            # For an even sample of a video's watchers, and the cascade from media_files.  Neither column ever
            # changes, so a report stays a heap-only update.
            models.Index("video", models.Func("student", function="uuid_hash"), name="video_progress_sample"),
        ]

    def __str__(self):
        return f"{self.student} watching {self.video}"


class CheckpointReached(Identified):
    """A student watched a checkpoint's second; which second that was then is kept."""

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="checkpoints_reached", db_index=False)
    checkpoint = models.ForeignKey(Checkpoint, DB_SET_NULL, related_name="reached", null=True, blank=True)
    video = models.ForeignKey(Video, DB_CASCADE, related_name="checkpoints_reached")
    video_timestamp_seconds = SecondsField()
    reached_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "learning_milestones"
        verbose_name = "checkpoint reached"
        verbose_name_plural = "checkpoints reached"
        constraints = [
            models.UniqueConstraint(fields=["student", "checkpoint"], name="courses_checkpointreached_once"),
            models.CheckConstraint(
                condition=Q(video_timestamp_seconds__gte=0), name="courses_checkpointreached_second"
            ),
            calendar_constraint("reached_at"),
        ]
        indexes = [
            # For timeline_resync: a student's rows within a span of time.
            models.Index(fields=["student", "reached_at"], name="learning_milestones_of_student"),
        ]

    def __str__(self):
        return f"{self.student} at {self.video_timestamp_seconds} s of {self.video}"


class QuizAttempt(Identified):
    """One try at a quiz; `score` (percent) and `passed` are there once it is submitted.

    `questions` are those of the quiz when it was started, as `courses.quizzes.as_asked` writes them down;
    `answers` maps the id of a question to the list of what was answered.
    """

    student = models.ForeignKey("profiles.Profile", DB_CASCADE, related_name="quiz_attempts", db_index=False)
    quiz = models.ForeignKey(Quiz, DB_CASCADE, related_name="attempts", db_index=False)
    started_at = models.DateTimeField(db_default=Now())
    submitted_at = models.DateTimeField(null=True, blank=True)
    score = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    passed = models.BooleanField(null=True, blank=True)
    questions = models.JSONField(db_default=[], blank=True, editable=False)
    answers = models.JSONField(db_default={}, blank=True)

    class Meta:
        db_table = "quiz_attempts"
        constraints = [
            models.CheckConstraint(
                condition=Q(submitted_at__isnull=True, score__isnull=True, passed__isnull=True)
                | Q(
                    submitted_at__isnull=False,
                    submitted_at__gte=F("started_at"),
                    score__isnull=False,
                    passed__isnull=False,
                ),
                name="courses_quizattempt_marked_when_submitted",
                violation_error_message=(
                    "A submitted attempt has a score and is passed or not; it is submitted after it was started."
                ),
            ),
            models.CheckConstraint(
                condition=Q(score__isnull=True) | Q(score__gte=0, score__lte=100), name="courses_quizattempt_score"
            ),
            calendar_constraint("started_at", "submitted_at"),
        ]
        indexes = [
            # For timeline_resync: a student's rows within a span of time.
            models.Index(fields=["student", "started_at"], name="quiz_attempts_of_student"),
            # For a student's attempts at a quiz in order, and the cascade from quizzes.
            models.Index(fields=["quiz", "student", "started_at"], name="quiz_attempts_at_quiz"),
        ]

    def __str__(self):
        return f"{self.student} at {self.quiz}"
