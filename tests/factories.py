"""Believable rows of every source table: `ReflectionFactory(student=student)`.

Times and ids are left to the database, as any writer may.  What belongs to a
goal takes its student from there: name the goal, or `goal__student`.
"""

import datetime
import uuid

import factory
from django.core.files.base import ContentFile
from factory.django import DjangoModelFactory
from psycopg.types.range import TimestamptzRange

from courses import models as courses
from goals import models as goals
from news.models import HowOften, NewsByMail
from profiles.models import MediaType, Profile
from reflections.models import Reflection
from uploads.models import Upload

WEEK = datetime.timedelta(weeks=1)
GIVEN_NAMES = ["Amara", "Bela", "Chiara", "Dmitri", "Elif", "Farid", "Grace", "Hannah", "Iker", "Jun", "Kofi", "Lucia"]
FAMILY_NAMES = [
    "Adeyemi",
    "Bauer",
    "Castro",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Kaya",
]


class ProfileFactory(DjangoModelFactory):
    """A person; `password=` is set properly, and without one they cannot log in."""

    class Meta:
        model = Profile
        skip_postgeneration_save = True

    full_name = factory.Sequence(
        lambda number: f"{GIVEN_NAMES[number % len(GIVEN_NAMES)]} {FAMILY_NAMES[number % len(FAMILY_NAMES)]}"
    )
    email = factory.Sequence(lambda number: f"person{number}@example.org")

    @classmethod
    def _create(cls, model_class, *args, **fields):
        return model_class.objects.create_user(*args, **fields)


class StaffFactory(ProfileFactory):
    is_staff = True


class CourseFactory(DjangoModelFactory):
    class Meta:
        model = courses.Course

    title = factory.Sequence(lambda number: f"Selling what you make, part {number}")


class CourseInstructorFactory(DjangoModelFactory):
    class Meta:
        model = courses.CourseInstructor

    course = factory.SubFactory(CourseFactory)
    instructor = factory.SubFactory(ProfileFactory)


class LessonFactory(DjangoModelFactory):
    class Meta:
        model = courses.Lesson

    course = factory.SubFactory(CourseFactory)
    title = "Finding the first customer"
    position = factory.Sequence(int)


class VideoFactory(DjangoModelFactory):
    class Meta:
        model = courses.Video

    lesson = factory.SubFactory(LessonFactory)
    title = "Whom to ask, and what"
    duration_seconds = 600
    completion_threshold = "0.95"
    position = factory.Sequence(int)


class CheckpointFactory(DjangoModelFactory):
    class Meta:
        model = courses.Checkpoint

    video = factory.SubFactory(VideoFactory)
    video_timestamp_seconds = factory.Sequence(lambda number: number % 600)
    title = "The three questions"


class QuizFactory(DjangoModelFactory):
    """A quiz of a lesson; with `video=` and `video_timestamp_seconds=`, inside that video."""

    class Meta:
        model = courses.Quiz

    video = None
    lesson = factory.LazyAttribute(lambda quiz: quiz.video.lesson if quiz.video else LessonFactory())
    title = "What a customer is"


class QuizQuestionFactory(DjangoModelFactory):
    class Meta:
        model = courses.QuizQuestion

    quiz = factory.SubFactory(QuizFactory)
    prompt = "Who decides what your work is worth?"
    choices = ["You", "The customer", "Your friends"]
    answers = ["The customer"]


class EnrollmentFactory(DjangoModelFactory):
    class Meta:
        model = courses.Enrollment

    student = factory.SubFactory(ProfileFactory)
    course = factory.SubFactory(CourseFactory)


class InvitationFactory(DjangoModelFactory):
    class Meta:
        model = courses.Invitation

    course = factory.SubFactory(CourseFactory)
    made_by = factory.SubFactory(ProfileFactory)
    link = factory.LazyFunction(uuid.uuid4)
    expires_at = factory.LazyFunction(lambda: datetime.datetime.now(datetime.UTC) + WEEK)


class LessonCompletionFactory(DjangoModelFactory):
    class Meta:
        model = courses.LessonCompletion

    student = factory.SubFactory(ProfileFactory)
    lesson = factory.SubFactory(LessonFactory)


class VideoProgressFactory(DjangoModelFactory):
    """The first half of a video watched: five entries."""

    class Meta:
        model = courses.VideoProgress

    student = factory.SubFactory(ProfileFactory)
    video = factory.SubFactory(VideoFactory)
    watched = factory.LazyAttribute(lambda progress: [(0, progress.video.duration_seconds // 2)])


class CheckpointReachedFactory(DjangoModelFactory):
    class Meta:
        model = courses.CheckpointReached

    student = factory.SubFactory(ProfileFactory)
    checkpoint = factory.SubFactory(CheckpointFactory)
    video = factory.SelfAttribute("checkpoint.video")
    video_timestamp_seconds = factory.SelfAttribute("checkpoint.video_timestamp_seconds")


class QuizAttemptFactory(DjangoModelFactory):
    """An attempt under way; `submitted=True` makes it a passed one."""

    class Meta:
        model = courses.QuizAttempt

    class Params:
        submitted = factory.Trait(
            submitted_at=factory.SelfAttribute("started_at"),
            score=80,
            passed=True,
        )

    student = factory.SubFactory(ProfileFactory)
    quiz = factory.SubFactory(QuizFactory)
    started_at = factory.LazyFunction(lambda: datetime.datetime.now(datetime.UTC))


class ReflectionFactory(DjangoModelFactory):
    """A text about a moment of a video; `voice=True` makes it a voice memo."""

    class Meta:
        model = Reflection

    class Params:
        voice = factory.Trait(
            content="",
            media_type=MediaType.AUDIO,
            media_url="https://media.example.org/memo.m4a",
            media_duration_seconds=42,
        )

    student = factory.SubFactory(ProfileFactory)
    video = factory.SubFactory(VideoFactory)
    video_timestamp_seconds = 83
    content = "I would have asked for the price first. Is that too early?"


class GoalFactory(DjangoModelFactory):
    class Meta:
        model = goals.Goal

    student = factory.SubFactory(ProfileFactory)
    title = "$1K a month"


class GoalPeriodFactory(DjangoModelFactory):
    """The goal has been the current one for a week."""

    class Meta:
        model = goals.GoalPeriod

    goal = factory.SubFactory(GoalFactory)
    student = factory.SelfAttribute("goal.student")
    period = factory.LazyFunction(lambda: TimestamptzRange(datetime.datetime.now(datetime.UTC) - WEEK, None))


class GoalMilestoneFactory(DjangoModelFactory):
    class Meta:
        model = goals.GoalMilestone

    goal = factory.SubFactory(GoalFactory)
    student = factory.SelfAttribute("goal.student")
    title = "First paying customer"


class GoalProposalFactory(DjangoModelFactory):
    class Meta:
        model = goals.GoalProposal

    student = factory.SubFactory(ProfileFactory)
    author = factory.SubFactory(ProfileFactory)
    title = "Ten paying customers"


class GoalCorrectionFactory(DjangoModelFactory):
    """A goal that had begun a day later than it was written down."""

    class Meta:
        model = goals.GoalCorrection

    goal = factory.SubFactory(GoalFactory)
    student = factory.SelfAttribute("goal.student")
    author = factory.SubFactory(ProfileFactory)
    before = factory.LazyFunction(lambda: TimestamptzRange(datetime.datetime.now(datetime.UTC) - WEEK, None))
    after = factory.LazyAttribute(
        lambda correction: TimestamptzRange(correction.before.lower + datetime.timedelta(days=1), None)
    )
    reason = "She began on the Monday."


class DailyNoteFactory(DjangoModelFactory):
    class Meta:
        model = goals.DailyNote

    student = factory.SubFactory(ProfileFactory)
    content = "Wrote to five shops; two want to see samples."


class SuccessProofFactory(DjangoModelFactory):
    class Meta:
        model = goals.SuccessProof

    goal = factory.SubFactory(GoalFactory)
    student = factory.SelfAttribute("goal.student")
    content = "The first invoice, paid."


class GoalMessageFactory(DjangoModelFactory):
    class Meta:
        model = goals.GoalMessage

    student = factory.SubFactory(ProfileFactory)
    author = factory.SubFactory(ProfileFactory)
    content = "Good start. Whom will you ask tomorrow?"


class NewsByMailFactory(DjangoModelFactory):
    """News that were confirmed a week ago, are due since, and told nothing yet."""

    class Meta:
        model = NewsByMail

    person = factory.SubFactory(ProfileFactory)
    how_often = HowOften.DAILY
    email = factory.SelfAttribute("person.email")
    link = factory.LazyFunction(uuid.uuid4)
    asked_at = asked_since = confirmed_at = told_until = factory.LazyFunction(
        lambda: datetime.datetime.now(datetime.UTC) - WEEK
    )
    asked = 1
    due_on = factory.LazyAttribute(lambda choice: choice.told_until.date())


class SharedStoryFactory(DjangoModelFactory):
    """The story of a reached goal, shared with a course that its student is in; `link=` is a UUID."""

    class Meta:
        model = goals.SharedStory

    goal = factory.SubFactory(
        GoalFactory, completed_at=factory.LazyFunction(lambda: datetime.datetime.now(datetime.UTC))
    )
    student = factory.SelfAttribute("goal.student")
    course = factory.LazyAttribute(lambda story: EnrollmentFactory(student=story.student).course)
    community_at = factory.LazyAttribute(lambda story: story.course and datetime.datetime.now(datetime.UTC))


class CongratulationFactory(DjangoModelFactory):
    class Meta:
        model = goals.Congratulation

    story = factory.SubFactory(SharedStoryFactory)
    person = factory.SubFactory(ProfileFactory)


def everything_of(student):
    """One row of every source, of one student, within the period of a goal."""
    goal = GoalPeriodFactory(goal__student=student).goal
    now = datetime.datetime.now(datetime.UTC)
    quiz = QuizFactory(video=VideoFactory(), video_timestamp_seconds=3)
    checkpoint = CheckpointFactory(video=quiz.video)
    answer = {"instructor_response": "Yes.", "responded_at": now, "responded_by": ProfileFactory()}
    return [
        VideoProgressFactory(student=student, video=quiz.video),
        CheckpointReachedFactory(student=student, checkpoint=checkpoint),
        ReflectionFactory(student=student, video=quiz.video, **answer),
        QuizAttemptFactory(student=student, quiz=quiz, submitted=True),
        EnrollmentFactory(student=student, course=quiz.lesson.course),
        LessonCompletionFactory(student=student, lesson=quiz.lesson),
        DailyNoteFactory(student=student),
        SuccessProofFactory(goal=goal),
        GoalMilestoneFactory(goal=goal),
        GoalMessageFactory(student=student, goal=goal),
        GoalFactory(student=student, completed_at=now),
    ]


class UploadFactory(DjangoModelFactory):
    """A student's own picture, named by no words yet; a memo by `voice=True`, a PDF by `document=True`."""

    class Meta:
        model = Upload

    class Params:
        voice = factory.Trait(
            file=factory.LazyFunction(lambda: ContentFile(b"a voice", "upload.weba")),
            media_type=MediaType.AUDIO,
            content_type="audio/webm",
            duration_seconds=42,
            width=None,
            height=None,
        )

        document = factory.Trait(
            file=factory.LazyFunction(lambda: ContentFile(b"a document", "upload.pdf")),
            media_type=MediaType.DOCUMENT,
            content_type="application/pdf",
            bytes=245_760,
            width=None,
            height=None,
        )

    student = factory.SubFactory(ProfileFactory)
    owner = factory.SelfAttribute("student")
    file = factory.LazyFunction(lambda: ContentFile(b"a picture", "upload.webp"))
    media_type = MediaType.IMAGE
    content_type = "image/webp"
    bytes = 9
    width = 640
    height = 360
