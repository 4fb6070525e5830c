"""How far somebody is in a course: its lessons with what is done, and what comes next."""

from dataclasses import dataclass, field

from django.db.models import Count, Exists, OuterRef, Subquery

from courses.models import (
    Enrollment,
    Lesson,
    LessonCompletion,
    Quiz,
    QuizAttempt,
    QuizQuestion,
    Video,
    VideoProgress,
)
from courses.watching import percent

LESSONS = 200  # a course is shown so far
STEPS = 2_000  # videos, and quizzes, of a course


@dataclass
class Step:
    """A video to watch or a quiz to take.

    `share`: percent watched, or the score of the last attempt; None before.
    `begun`: an attempt is open, or something was watched and not all.
    """

    row: Video | Quiz
    is_done: bool
    share: int | None
    begun: bool
    is_next: bool = False

    @property
    def is_video(self):
        return isinstance(self.row, Video)

    @property
    def page(self):
        """The name of the address where it is done."""
        return "video" if self.is_video else "quiz"

    @property
    def counts(self):
        """Whether its lesson needs it."""
        return self.is_video or self.row.required


@dataclass
class Chapter:
    """A lesson with its steps in order, and the student's completion of it, if there is one."""

    lesson: Lesson
    completion: LessonCompletion | None
    steps: list[Step] = field(default_factory=list)

    @property
    def needed(self):
        return sum(step.counts for step in self.steps)

    @property
    def done(self):
        return sum(step.counts and step.is_done for step in self.steps)


@dataclass
class Outline:
    """A course's lessons for one student; `next` is the step to go on with, None when nothing is left to do.

    `limited`: how many lessons these are, if the course has more; None if they are all.
    """

    chapters: list[Chapter]
    next: Step | None
    limited: int | None

    @property
    def done(self):
        return sum(chapter.completion is not None for chapter in self.chapters)


def outline(course, student):
    """The Outline of a course for a student; five queries.

    Indexes: course_chapters_in_order, media_files_in_order, quizzes.lesson_id,
    courses_videoprogress_once, courses_lessoncompletion_once, quiz_attempts_at_quiz.
    """
    lessons, limited = first_lessons(Lesson.objects.filter(course=course).order_by("position", "id"))
    keys = [lesson.pk for lesson in lessons]
    completions = {
        completion.lesson_id: completion
        for completion in LessonCompletion.objects.filter(student=student, lesson__in=keys).select_related("set_by")
    }
    chapters = {key.pk: Chapter(key, completions.get(key.pk)) for key in lessons}
    videos = list(Video.objects.filter(lesson__in=keys).order_by("position", "id")[:STEPS])
    progress = {
        each.video_id: each
        for each in VideoProgress.objects.filter(student=student, video__in=[video.pk for video in videos])
    }
    quizzes = _quizzes(keys, student)
    for video in videos:
        chapters[video.lesson_id].steps.append(_watching(video, progress.get(video.pk)))
        for quiz in quizzes.pop(video.pk, []):
            chapters[video.lesson_id].steps.append(_quizzing(quiz))
    for left in quizzes.values():
        for quiz in left:
            chapters[quiz.lesson_id].steps.append(_quizzing(quiz))
    found = Outline(list(chapters.values()), _next(chapters.values(), progress), limited)
    if found.next:
        found.next.is_next = True
    return found


def first_lessons(lessons):
    """Those of a course's `lessons` (a queryset) that its pages show; and how many these are, if there are more."""
    found = list(lessons[: LESSONS + 1])
    return found[:LESSONS], LESSONS if len(found) > LESSONS else None


def lessons_done(student, courses):
    """{course id: (lessons complete, lessons)} of some courses.  Index: course_chapters_in_order."""
    done = LessonCompletion.objects.filter(student=student, lesson=OuterRef("pk"))
    counts = {}
    for course, is_done in Lesson.objects.filter(course__in=courses).values_list("course_id", Exists(done)):
        complete, number = counts.get(course, (0, 0))
        counts[course] = complete + is_done, number + 1
    return counts


def lessons_done_by(students, lessons):
    """{student: how many of `lessons` are complete}, as ids; those who completed none are left out.

    With the lessons of an `outline`, its `done` of many students.  Index: courses_lessoncompletion_once.
    """
    done = LessonCompletion.objects.filter(student__in=students, lesson__in=lessons)
    return dict(done.values_list("student").annotate(Count("pk")))


def stopped_in(student):
    """The VideoProgress in which a student stopped last and which still counts, with its video, or None.

    Of courses that they are in, and of lessons that are not complete.  Its `share` is in percent.
    Index: courses_videoprogress_once.
    """
    current = Enrollment.objects.filter(student=student, course=OuterRef("video__lesson__course"), left_at=None)
    complete = LessonCompletion.objects.filter(student=student, lesson=OuterRef("video__lesson"))
    rows = VideoProgress.objects.filter(Exists(current), ~Exists(complete), student=student, completed_at=None)
    found = rows.select_related("video").order_by("-watched_at").first()
    if found:
        found.share = percent(found.watched, found.video.duration_seconds)
    return found


def _quizzes(lessons, student):
    """{video id, or None: quizzes that can be taken}, in the order in which they come."""
    attempts = QuizAttempt.objects.filter(quiz=OuterRef("pk"), student=student)
    submitted = attempts.filter(submitted_at__isnull=False).order_by("-started_at", "-id")
    found = (
        Quiz.objects.filter(Exists(QuizQuestion.objects.filter(quiz=OuterRef("pk"))), lesson__in=lessons)
        .annotate(
            is_passed=Exists(attempts.filter(passed=True)),
            is_open=Exists(attempts.filter(submitted_at__isnull=True)),
            last_score=Subquery(submitted.values("score")[:1]),
        )
        .order_by("video_timestamp_seconds", "created_at", "id")
    )
    by_video = {}
    for quiz in found[:STEPS]:
        by_video.setdefault(quiz.video_id, []).append(quiz)
    return by_video


def _watching(video, progress):
    if progress is None:
        return Step(video, is_done=False, share=None, begun=False)
    share = percent(progress.watched, video.duration_seconds)
    is_done = progress.completed_at is not None
    return Step(video, is_done=is_done, share=share, begun=not is_done and share > 0)


def _quizzing(quiz):
    share = None if quiz.last_score is None else int(quiz.last_score)
    return Step(quiz, is_done=quiz.is_passed, share=share, begun=quiz.is_open)


def _next(chapters, progress):
    """The video last watched and not complete, else the first step that its lesson still needs."""
    left = [
        step
        for chapter in chapters
        if chapter.completion is None
        for step in chapter.steps
        if step.counts and not step.is_done
    ]
    stopped = [step for step in left if step.is_video and step.begun]
    if stopped:
        return max(stopped, key=lambda step: progress[step.row.pk].watched_at)
    return left[0] if left else None
