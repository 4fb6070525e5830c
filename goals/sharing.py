"""Sharing the story of a reached goal: what of it, with a course's people and by a secret link; congratulating.

Only the student shares.  What has words, recordings or pictures in it stays
out unless it is chosen; what instructors wrote is chosen apart, and goes
without their names (docs/decisions/0037).
"""

import uuid
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from config.links import SecretLinks
from courses.models import Course, CourseInstructor, Enrollment
from goals.living import held
from goals.models import Congratulation, Goal, Part, SharedStory

# The activity_types of each part; answers are not entries, but written into those of reflections.
KINDS = {
    Part.WATCHING: ("video_progress", "video_completion", "checkpoint_reached"),
    Part.QUIZZES: ("quiz_attempt", "quiz_completion"),
    Part.COURSES: ("course_enrollment", "lesson_completion", "course_completion"),
    Part.REFLECTIONS: ("text_reflection", "voice_reflection", "screenshot_reflection", "loom_reflection"),
    Part.ANSWERS: (),
    Part.NOTES: ("daily_note",),
    Part.PROOFS: ("success_proof",),
    Part.MESSAGES: ("instructor_message",),
}
ALWAYS = ("goal_milestone", "goal_completion")
USUAL = (Part.WATCHING, Part.QUIZZES, Part.COURSES)  # chosen until the student chooses otherwise

LINKS = SecretLinks("goals.sharing")


@dataclass(frozen=True)
class Contents:
    """What of a story is shown: some Parts, and their `media` (recordings and pictures of the student's own)."""

    parts: frozenset
    media: bool = False

    @property
    def kinds(self):
        """The activity_types that are shown."""
        return [*ALWAYS, *(kind for part, kinds in KINDS.items() if part in self.parts for kind in kinds)]

    @property
    def answers(self):
        return Part.ANSWERS in self.parts


def contents(story):
    """The Contents of a SharedStory."""
    return Contents(frozenset(story.parts), story.with_media)


# Who is in which community

# Who left a course that they did not complete is not of its community any more; they are again if they come back.
MEMBER = Q(left_at=None) | Q(completed_at__isnull=False)


def shareable_courses(student):
    """The courses under which a student may share: those that they are in, or completed."""
    own = Enrollment.objects.filter(MEMBER, course=OuterRef("pk"), student=student)
    return Course.objects.filter(Exists(own))


def communities(user):
    """The courses whose shared stories `user` sees: those that they are in, completed or teach; all for staff."""
    if user.is_staff:
        return Course.objects.all()
    member = Enrollment.objects.filter(MEMBER, course=OuterRef("pk"), student=user)
    teaching = CourseInstructor.objects.filter(course=OuterRef("pk"), instructor=user)
    return Course.objects.filter(Exists(member) | Exists(teaching))


# Of goals that are reached, of students whose account is not closed.
SHOWN = Q(goal__completed_at__isnull=False, student__is_active=True)


def shown_stories():
    """The SharedStories that the people of their course see: of students who are among them."""
    member = Enrollment.objects.filter(MEMBER, course=OuterRef("course"), student=OuterRef("student"))
    return SharedStory.objects.filter(SHOWN, Exists(member), course__isnull=False)


def stories_seen(user):
    """The SharedStories that `user` may open in the community."""
    return shown_stories().filter(Exists(communities(user).filter(pk=OuterRef("course"))))


# Sharing


def own_story(goal, among=SharedStory.objects):
    """The goal's SharedStory; a new one, shown to nobody, if there is none yet."""
    found = among.filter(student=goal.student_id, goal=goal).select_related("course").first()
    return found or SharedStory(student_id=goal.student_id, goal=goal, parts=list(USUAL), with_media=False)


def share(goal, *, contents, course=None, link=False):
    """Show `contents` of a reached goal's story to the people of `course` (None: not), and by a `link` or not.

    A link that there is stays as it is.  ValidationError if the goal is not
    reached, or the course not one of the student's.
    """
    with held(goal.student):  # first, as whoever changes goals does
        goal = Goal.objects.select_for_update().filter(pk=goal.pk).first()
        if goal is None or not goal.completed_at:
            raise ValidationError("A story is shared once its goal is reached.")
        # Held, so that what is stopped meanwhile is stopped afterwards, and not shared again by these words.
        story = own_story(goal, SharedStory.objects.select_for_update(of=("self",)))
        if course != story.course:
            if course and not shareable_courses(goal.student_id).filter(pk=course.pk).exists():
                raise ValidationError("Choose one of your own courses.")
            story.course, story.community_at = course, timezone.now() if course else story.community_at
        story.parts = [part for part in Part if part in contents.parts]
        story.with_media = contents.media
        story.link = (story.link or uuid.uuid4()) if link else None
        story.save()
    return story


def renew_link(goal):
    """Another link instead of the one that there is, which ends; whether there was one."""
    return SharedStory.objects.filter(student=goal.student_id, goal=goal, link__isnull=False).update(link=uuid.uuid4())


def stop(goal):
    """Show the story to nobody; what was chosen, and the congratulations, are kept for another time."""
    SharedStory.objects.filter(student=goal.student_id, goal=goal).update(course=None, link=None)


def token(story):
    """What the address of a story's secret link ends with; None without a link."""
    return LINKS.token(story.link)


def story_of_token(text):
    """The SharedStory that a secret link shows; None if the link is none, or has ended, or nothing is shown by it."""
    link = LINKS.link_of(text)
    if link is None:
        return None
    shown = SharedStory.objects.filter(SHOWN, link=link)
    return shown.select_related("goal", "student").first()


# Congratulating


def congratulate(story, person):
    """One for each person, however often they ask.

    ValidationError if it is their own story; SharedStory.DoesNotExist if it, or the person, is being erased.
    """
    if person.pk == story.student_id:
        raise ValidationError("This is your own story.")
    try:
        with transaction.atomic():
            Congratulation.objects.bulk_create([Congratulation(story=story, person=person)], ignore_conflicts=True)
    except IntegrityError:
        raise SharedStory.DoesNotExist from None


def take_back(story, person):
    Congratulation.objects.filter(story=story, person=person).delete()
