"""The numbers, lists and orders of pages are what anybody would count in the source tables, for random schools.

`entries_of_sources()` says in plain Python what the rows of the sources mean; each `recount_…` asks pages, through
all of their "Load more", and counts again.  What a page says of a class, a video, a day or a goal thus agrees with
what another one says of the same.  More schools: NUMBERS=200.
"""

import csv
import datetime
import hashlib
import io
import itertools
import os
import random
import re
import statistics
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

import pytest
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from psycopg.types.range import TimestamptzRange

from courses.models import (
    Checkpoint,
    CheckpointReached,
    Enrollment,
    Lesson,
    LessonCompletion,
    Quiz,
    QuizAttempt,
    Video,
    VideoProgress,
)
from courses.quizzes import questions_of
from goals import living
from goals.models import DailyNote, Goal, GoalMessage, GoalMilestone, GoalPeriod, SuccessProof
from profiles.models import BEGINNING
from reflections.models import Reflection
from tests import factories
from timeline import kinds, queries
from timeline.kinds import COUNTED, IN_VIDEO, of_groups
from timeline.models import DAY_ZONE
from timeline.rhythm import Rhythm

pytestmark = pytest.mark.django_db

SEEDS = range(int(os.environ.get("NUMBERS", 3)))
A_DAY = datetime.timedelta(days=1)
MICROSECOND = datetime.timedelta(microseconds=1)
WEEK = 7
SIZE = 5  # entries on a page, so that there are several
WRITTEN = of_groups(["reflections"])
REACHED = {"goal_milestone", "goal_completion", "success_proof"}
NOT_DONE = ("instructor_message", "course_enrollment")  # what others may have done to a student


def new_york(*parts, **options):
    return datetime.datetime(*parts, tzinfo=DAY_ZONE, **options)


# When it is: in the hours of both changes of clocks, on a leap day, at the year's end, while UTC has another day.
NOWS = [
    new_york(2026, 3, 8, 3, 30),
    new_york(2025, 11, 2, 1, 30, fold=1),
    new_york(2024, 2, 29, 23, 59, 59),
    new_york(2026, 1, 1, 0, 0),
    new_york(2025, 12, 31, 20, 0),
]


class School:
    """Three students, two courses, and what was done there at a few moments, many of which are the same."""

    def __init__(self, seed):
        self.chance = chance = random.Random(seed)
        self.now = NOWS[seed % len(NOWS)]
        self.today = self.now.date()
        self.moments = chance.sample(list(self.times()), 14)
        self.students = [factories.ProfileFactory(full_name=name) for name in ("Ann", "Ann", "Bo~%")]
        self.instructor, self.staff = factories.ProfileFactory(), factories.StaffFactory()
        self.courses = factories.CourseFactory.create_batch(2, title="Selling")
        factories.CourseInstructorFactory(course=self.courses[0], instructor=self.instructor)
        self.lessons = [factories.LessonFactory(course=course, position=0) for course in self.courses * 2]
        self.videos = [
            factories.VideoFactory(lesson=chance.choice(self.lessons), duration_seconds=seconds, position=0)
            for seconds in chance.sample([1, 10, 119, 601, 36_000], 3)
        ]
        for seconds in (5, 50):
            factories.CheckpointFactory(video=self.videos[0], video_timestamp_seconds=seconds)
        self.quizzes = [
            factories.QuizFactory(video=self.videos[1], video_timestamp_seconds=0),
            factories.QuizFactory(lesson=self.lessons[0], required=False),
        ]
        for quiz in self.quizzes:
            factories.QuizQuestionFactory.create_batch(2, quiz=quiz)
        self.enrol()
        self.watch()
        self.write()
        self.attempt()
        self.change_minds()

    def times(self):
        for days in (0, 1, 2, 3, 6, 7, 8, 13, 30, 31, 370, 371):
            midnight = datetime.datetime.combine(self.today - days * A_DAY, datetime.time(), DAY_ZONE)
            evening = midnight.replace(hour=20)  # of the next day in UTC
            yield from (time for time in (midnight, midnight - MICROSECOND, evening) if time <= self.now)

    def when(self, student):
        """A moment of a student's; the first students have few, and so may be quiet."""
        few = 3 * (1 + self.students.index(student))
        return self.chance.choice(self.moments[:few])

    def some(self, rows, number):
        return self.chance.choices(rows, k=number)

    def enrol(self):
        for student in self.students:
            for course in self.courses:
                if self.chance.random() < 0.8:
                    left = self.when(student) if self.chance.random() < 0.2 else None
                    factories.EnrollmentFactory(
                        student=student, course=course, enrolled_at=self.when(student), left_at=left
                    )
        for student in self.some(self.students, 2):
            lesson = self.chance.choice(self.lessons)
            LessonCompletion.objects.get_or_create(
                student=student, lesson=lesson, defaults={"completed_at": self.when(student)}
            )

    def watch(self):
        for student in self.students:
            for video in self.chance.sample(self.videos, 2):
                edges = sorted(self.chance.randint(0, video.duration_seconds) for _ in range(4))
                watched = [(start, end) for start, end in (edges[:2], edges[2:]) if start < end]
                VideoProgress.objects.create(
                    student=student, video=video, watched=watched, watched_at=self.when(student)
                )
            checkpoint = self.chance.choice(Checkpoint.objects.order_by("id"))
            factories.CheckpointReachedFactory(student=student, checkpoint=checkpoint, reached_at=self.when(student))

    def write(self):
        chance = self.chance
        for student in self.some(self.students, 16):
            video = chance.choice([*self.videos, None])
            answer = {
                "instructor_response": "apple",
                "responded_at": self.when(student),
                "responded_by": self.instructor,
            }
            Reflection.objects.create(
                student=student,
                video=video,
                video_timestamp_seconds=video and chance.randint(0, min(video.duration_seconds, 200)),
                content=chance.choice(["Apple", "100 %", "a_b", "Why?"]),
                created_at=self.when(student),
                **answer if chance.random() < 0.4 else {},
            )
        for student in self.some(self.students, 6):
            DailyNote.objects.create(student=student, content="apple", created_at=self.when(student))
        for student in self.students[:2]:
            goals = [
                Goal.objects.create(student=student, title="Earn", created_at=self.when(student)) for _ in range(3)
            ]
            for start, end in pairwise([*sorted({self.when(student) for _ in range(3)}), None]):
                goal, period = chance.choice(goals), TimestamptzRange(start, end)
                GoalPeriod.objects.create(goal=goal, student=student, period=period)
            for goal in self.some(goals, 4):
                whose = {"goal": goal, "student": student}
                GoalMilestone.objects.create(**whose, title="M", reached_at=chance.choice([None, self.when(student)]))
                SuccessProof.objects.create(**whose, content="apple", created_at=self.when(student))
                message = {"author": chance.choice([self.instructor, self.staff]), "created_at": self.when(student)}
                GoalMessage.objects.create(student=student, goal=chance.choice([goal, None]), content="Go.", **message)
            Goal.objects.filter(pk=goals[0].pk).update(completed_at=self.when(student))

    def attempt(self):
        for student in self.some(self.students, 8):
            quiz = self.chance.choice(self.quizzes)
            questions = questions_of(quiz)
            answers = {each["id"]: [self.chance.choice(each["choices"])] for each in questions}
            started, submitted = sorted([self.when(student), self.when(student)])
            passed = self.chance.random() < 0.5
            marks = {"submitted_at": submitted, "passed": passed, "score": 70 + 10 * passed}
            QuizAttempt.objects.create(
                student=student,
                quiz=quiz,
                questions=questions,
                answers=answers,
                started_at=started,
                **marks if self.chance.random() < 0.8 else {},
            )

    def change_minds(self):
        """A video is cut and another moved, a checkpoint too; words are hidden and deleted; somebody comes back."""
        cut, moved, _ = self.chance.sample(self.videos, 3)
        Video.objects.filter(pk=cut.pk).update(duration_seconds=cut.duration_seconds // 2 + 1)
        Video.objects.filter(pk=moved.pk).update(lesson=self.chance.choice(self.lessons))
        Checkpoint.objects.filter(video_timestamp_seconds=5).update(video_timestamp_seconds=6)
        Reflection.objects.filter(pk__in=Reflection.objects.order_by("id").values("pk")[:2]).update(hidden_at=self.now)
        DailyNote.objects.order_by("id").first().delete()
        Enrollment.objects.filter(student=self.students[0], left_at__isnull=False).update(left_at=None)


# What the rows of the sources mean


@dataclass(frozen=True, eq=False)
class Entry:
    id: uuid.UUID
    student: uuid.UUID
    kind: str
    at: datetime.datetime
    video: uuid.UUID | None = None
    second: int | None = None
    course: uuid.UUID | None = None
    goal: uuid.UUID | None = None
    text: str = ""
    waits: bool = False
    row: object = None
    part: int = 0

    @property
    def day(self):
        return self.at.astimezone(DAY_ZONE).date()

    @property
    def by_time(self):
        return self.at, self.id

    @property
    def by_second(self):
        return self.second, self.id


def id_of(row, what="entry", part=0):
    """The id of an entry, as docs/decisions/0006 derives it."""
    digest = hashlib.md5(f"{row._meta.db_table}{row.pk}{what}{part}".encode()).hexdigest()
    text = str(row.pk).replace("-", "")[:12] + digest[12:]
    return uuid.UUID(f"{text[:12]}8{text[13:16]}a{text[17:]}")


def entries_of_sources():
    periods, course_of = list(GoalPeriod.objects.all()), dict(Lesson.objects.values_list("pk", "course"))
    found = []

    def add(row, kind, at, what="entry", part=0, *, goal=None, lesson=None, course=None, **more):
        """An entry of the goal that it names, else of the one whose period holds its moment."""
        own = [
            each.goal_id
            for each in periods
            if each.student_id == row.student_id
            and each.period.lower <= at
            and (each.period.upper is None or at < each.period.upper)
        ]
        more["goal"] = goal or (own[0] if own else None)
        more["course"] = course or course_of.get(lesson)
        found.append(Entry(id_of(row, what, part), row.student_id, kind, at, row=row, part=part, **more))

    for row in VideoProgress.objects.select_related("video"):
        duration, place = row.video.duration_seconds, {"video": row.video_id, "lesson": row.video.lesson_id}
        for tenth, at in enumerate(row.tenth_reached_at, 1):
            if at:
                add(row, "video_progress", at, "tenth", tenth, second=duration * tenth // 10, **place)
        if row.completed_at:
            last = min(row.watched[-1][1], duration) - 1
            add(row, "video_completion", row.completed_at, "tenth", 10, second=last, **place)
    for row in CheckpointReached.objects.select_related("video"):
        place = {"video": row.video_id, "lesson": row.video.lesson_id, "second": row.video_timestamp_seconds}
        add(row, "checkpoint_reached", row.reached_at, **place)
    for row in Reflection.objects.filter(hidden_at=None).select_related("video"):
        place = {"video": row.video_id, "second": row.video_timestamp_seconds} if row.video else {}
        words = {"text": f"{row.content}\n{row.instructor_response or ''}", "waits": row.responded_at is None}
        add(row, "text_reflection", row.created_at, lesson=row.video and row.video.lesson_id, **place, **words)
    for row in QuizAttempt.objects.select_related("quiz"):
        quiz = row.quiz
        place = {"video": quiz.video_id, "second": quiz.video_timestamp_seconds, "lesson": quiz.lesson_id}
        add(row, "quiz_attempt", row.started_at, "attempt", **place)
        if row.passed:
            add(row, "quiz_completion", row.submitted_at, "completion", **place)
    for row in Enrollment.objects.all():
        add(row, "course_enrollment", row.enrolled_at, "enrollment", course=row.course_id)
    for row in LessonCompletion.objects.all():
        add(row, "lesson_completion", row.completed_at, lesson=row.lesson_id)
    for row in DailyNote.objects.all():
        add(row, "daily_note", row.created_at, text=row.content)
    for row in SuccessProof.objects.all():
        add(row, "success_proof", row.created_at, goal=row.goal_id, text=row.content)
    for row in GoalMessage.objects.all():
        add(row, "instructor_message", row.created_at, goal=row.goal_id, text=row.content)
    for row in GoalMilestone.objects.exclude(reached_at=None):
        add(row, "goal_milestone", row.reached_at, goal=row.goal_id, text=row.title)
    for row in Goal.objects.exclude(completed_at=None):
        add(row, "goal_completion", row.completed_at, goal=row.pk)
    return found


def kinds_of(entries):
    return Counter(entry.kind for entry in entries)


def done(entries):
    return [entry for entry in entries if entry.kind != "instructor_message"]


def covered(progress):
    """The seconds of its video that somebody watched, as far as the video still has them."""
    return sum(max(min(end, progress.video.duration_seconds) - start, 0) for start, end in progress.watched)


def percent(progress):
    return 100 * covered(progress) // progress.video.duration_seconds


# What pages say


@pytest.fixture(params=SEEDS)
def school(request, monkeypatch):
    school = School(request.param)
    school.entries = entries_of_sources()
    monkeypatch.setattr(timezone, "now", lambda: school.now)
    school.client = Client()
    school.client.force_login(school.staff)
    for question in (queries.video_journey, queries.found_days, queries.goal_timeline, queries.story_entries):
        monkeypatch.setitem(question.__kwdefaults__, "size", SIZE)
    for question in (queries.roster, queries.students_of_course, queries.class_movement, queries.inbox):
        monkeypatch.setitem(question.__kwdefaults__, "size", 2)
    return school


def page(school, name, *args, headers=None, **asked):
    response = school.client.get(reverse(name, args=args), asked, headers=headers)
    assert response.status_code == 200, (name, asked)
    return response.context_data


def pages(school, name, *args, by="after", more="more", **asked):
    """What each page of a list has in its context, from the first to the last."""
    found = [page(school, name, *args, **asked)]
    while following := found[-1][more]:
        found.append(page(school, name, *args, headers={"HX-Request": "true"}, **asked, **{by: following}))
    return found


def exported(school, name, *args, **asked):
    """The rows of a CSV, without its headings."""
    response = school.client.get(reverse(name, args=args), asked)
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))[1:]


def test_pages_say_what_a_count_of_the_sources_says(school):
    for video in Video.objects.select_related("lesson"):
        recount_journey(school, video)
        recount_track(school, video)
    recount_roster(school, school.chance.choice(Video.objects.select_related("lesson")))
    for course in school.courses:
        recount_class(school, course)
        recount_movement(school, course)
    for quiz in Quiz.objects.select_related("lesson"):
        recount_quiz(school, quiz)
    for student in school.students:
        recount_days(school, student)
        recount_new(school, student)
        recount_since(school, student)
        recount_goals(school, student)
        recount_course_of_student(school, student)
        recount_home_of_student(school, student)
    recount_inbox(school)


def test_a_correction_moves_as_many_entries_as_it_says_and_all_pages_follow(school):
    """The boundaries are moments at which something happened, and at some of them a goal was reached."""
    for period in GoalPeriod.objects.select_related("goal", "student").order_by("id"):
        start, end = sorted(school.chance.sample(school.moments, 2))
        end = None if period.period.upper is None else end
        period.refresh_from_db()
        try:
            plan = living.plan_correction(period, start, end)
        except ValidationError:
            continue
        author, before = school.instructor, {entry.id: entry for entry in school.entries}
        asked = {"id": uuid.uuid4(), "author": author, "reason": "A mistake.", "seen": plan.seen}
        log = living.correct(period=period, start=start, end=end, count=queries.entries_moved, **asked)
        school.entries = entries_of_sources()
        moved = [(before[entry.id].goal, entry.goal) for entry in school.entries if before[entry.id].goal != entry.goal]
        told = Counter()
        for move in log.moves:
            told[move["from"] and uuid.UUID(move["from"]), move["to"] and uuid.UUID(move["to"])] += move["entries"]
        assert +told == Counter(moved)
        assert log.moved == len(moved)
    for student in school.students:
        recount_goals(school, student)
        recount_days(school, student)
        recount_since(school, student)
    for course in school.courses:
        recount_movement(school, course)
    for video in Video.objects.select_related("lesson"):
        recount_journey(school, video)


def recount_journey(school, video):
    chance = school.chance
    everybodys = [entry for entry in school.entries if entry.video == video.pk]
    for student in (None, chance.choice(school.students)):
        asked, wanted = {}, everybodys
        if student:
            asked["student"] = student.pk
            wanted = [entry for entry in wanted if entry.student == student.pk]
        if chance.random() < 0.5:
            asked["kind"] = chance.sample(IN_VIDEO, 2)
            wanted = [entry for entry in wanted if entry.kind in of_groups(asked["kind"])]
        if chance.random() < 0.3:
            asked["from"] = chance.choice(school.moments).astimezone(DAY_ZONE).date()
            wanted = [entry for entry in wanted if entry.day >= asked["from"]]
        if chance.random() < 0.3:
            asked["q"] = chance.choice(["apple", "%", "_"])
            wanted = [entry for entry in wanted if asked["q"] in entry.text.lower()]
        rows = exported(school, "journey_export", video.pk, **asked)
        assert [row[0] for row in rows] == [str(entry.id) for entry in sorted(wanted, key=lambda each: each.by_second)]
        listed = [entry for entry in wanted if student or entry.kind not in COUNTED]
        listed.sort(key=lambda entry: entry.by_second)
        if chance.random() < 0.5:
            asked["order"] = "newest"
            listed.sort(key=lambda entry: entry.by_time, reverse=True)
        found = []
        for context in pages(school, "video_journey", video.pk, **asked):
            assert (context["page"].first, context["page"].total) == (len(found) + 1, len(listed)), asked
            found += [entry.pk for entry in context["page"].entries]
        assert found == [entry.id for entry in listed], asked
    lines = [
        (line.second, line.deed, line.students)
        for context in pages(school, "video_journey", video.pk)
        for line in context["items"]
        if isinstance(line, queries.Reached)
    ]
    tenths = Counter(entry.part for entry in everybodys if entry.kind == "video_progress")
    marks = [
        (video.duration_seconds * tenth // 10, f"watched {tenth * 10}%", students)
        for tenth, students in tenths.items()
        if video.duration_seconds >= 10
    ]
    marks += [
        (checkpoint.video_timestamp_seconds, f"reached “{checkpoint.title}”", checkpoint.reached.count())
        for checkpoint in video.checkpoints.all()
    ]
    assert sorted(lines) == sorted(mark for mark in marks if mark[2])


def recount_track(school, video):
    """The numbers of the filters, and each part of the track, of everyone and of one student."""
    end = video.duration_seconds - 1
    watching = {each.student_id: each for each in VideoProgress.objects.filter(video=video).select_related("video")}
    for student in (None, school.chance.choice(school.students)):
        asked = {"student": student.pk} if student else {}
        context = page(school, "video_journey", video.pk, **asked)
        entries = [entry for entry in school.entries if entry.video == video.pk]
        entries = [
            entry for entry in entries if (entry.student == student.pk if student else entry.kind not in COUNTED)
        ]
        of_group = {group: [entry for entry in entries if entry.kind in of_groups([group])] for group in IN_VIDEO}
        totals = {group: len(found) for group, found in of_group.items()}
        assert context["totals"] == totals | {"waiting": sum(entry.waits for entry in entries)}
        attempts = [entry for entry in entries if entry.kind == "quiz_attempt"]
        for part in context["track"].parts:
            within = range(part.start, part.end)
            written = [entry for entry in of_group["reflections"] if min(entry.second, end) in within]
            tried = sum(min(entry.second, end) in within for entry in attempts)
            told = (part.reflections, part.waiting, part.quizzes)
            assert told == (str(len(written)), str(sum(entry.waits for entry in written)), str(tried))
        for marks in (context["track"].wide, context["track"].narrow):
            assert sum(mark.count for mark in marks) == len(of_group["reflections"]) + len(attempts)
        assert context["track"].watchers == len(watching)
        if student and student.pk in watching:
            assert (context["percent"] or 0) == percent(watching[student.pk])


def recount_roster(school, video):
    rows = []
    for enrollment in Enrollment.objects.filter(course=video.lesson.course_id, left_at=None).select_related("student"):
        student = enrollment.student
        progress = VideoProgress.objects.filter(student=student, video=video).select_related("video").first()
        mine = (entry for entry in school.entries if (entry.student, entry.video) == (student.pk, video.pk))
        waiting = sum(entry.waits for entry in mine)
        rows.append((student, progress and percent(progress), progress and progress.watched_at, waiting))
    orders = {
        "name": lambda row: (),
        "coverage": lambda row: (row[1] is None, -(row[1] or 0)),
        "seen": lambda row: (row[2] is None, -row[2].timestamp() if row[2] else 0),
        "waiting": lambda row: -row[3],
    }
    for sort, order in orders.items():
        contexts = pages(school, "video_journey", video.pk, view="students", sort=sort)
        found = [row for context in contexts for row in context["roster"].entries]
        rows.sort(key=lambda row, order=order: (order(row), row[0].full_name, row[0].pk))
        assert [(row.student, row.percent, row.watched_at, row.waiting) for row in found] == rows, sort


def people_of(course):
    """Its enrolments, as a class is listed: those who left last."""
    enrollments = Enrollment.objects.filter(course=course).select_related("student")
    return sorted(enrollments, key=lambda each: (each.left_at is not None, each.student.full_name, each.student_id))


def last_activity(school, student):
    """The last thing that a student did; as long as they did nothing, that they were enrolled."""
    mine = [entry for entry in school.entries if entry.student == student]
    return max(
        [entry for entry in mine if entry.kind not in NOT_DONE]
        or [entry for entry in mine if entry.kind == "course_enrollment"],
        key=lambda entry: entry.by_time,
    )


def recount_class(school, course):
    people, lessons = people_of(course), set(course.lessons.values_list("pk", flat=True))
    contexts = pages(school, "course", course.pk)
    listed = [student for context in contexts for student in context["students"]]
    assert [student.pk for student in listed] == [each.student_id for each in people]
    assert contexts[0]["class_size"] == sum(each.left_at is None for each in people)
    rows = exported(school, "class_export", course.pk)
    assert [row[1] for row in rows] == [str(each.student_id) for each in people]
    for each, row in zip(people, rows, strict=True):
        times = each.enrolled_at, each.left_at, each.completed_at
        assert row[2:5] == [time.astimezone(DAY_ZONE).isoformat(timespec="seconds") if time else "" for time in times]
        scores = QuizAttempt.objects.filter(student=each.student, submitted_at__isnull=False)
        best = [
            scores.filter(quiz=quiz).aggregate(best=Max("score"))["best"]
            for quiz in Quiz.objects.filter(lesson__course=course)
        ]
        assert sorted(row[9:]) == sorted("" if score is None else f"{float(score):g}" for score in best)
    for student, row in zip(listed, rows, strict=True):
        complete = LessonCompletion.objects.filter(student=student, lesson__in=lessons).count()
        last = last_activity(school, student.pk)
        assert student.done == complete
        assert row[5:7] == [str(complete), str(len(lessons))]
        assert student.activity.days == (school.today - last.day).days
        assert row[7] == ("" if last.kind in NOT_DONE else str(last.day))
    for lesson in contexts[0]["lessons"]:
        for video in lesson.videos.all():
            assert video.waiting == sum(entry.waits for entry in school.entries if entry.video == video.pk)


def movement_of(school, student, last, days, gaps, limit):
    """What is told of a student beside their name: their rhythm, their goal, and what they reached in the week."""
    silent = (school.today - last.day).days
    rhythm = Rhythm(
        statistics.median_low(gaps) if len(gaps) >= 3 else None,
        silent,
        sum((school.today - day).days < WEEK for day in days),
        silent >= limit,
        acted=bool(days),
    )
    return (rhythm, *current_goal(school, student), [entry.id for entry in reached_lately(school, student)][:3])


def current_goal(school, student):
    """(the current goal, its day, its milestones, those reached)"""
    period = GoalPeriod.objects.filter(student=student, period__endswith=None).first()
    if period is None:
        return None, None, 0, 0
    milestones = GoalMilestone.objects.filter(goal=period.goal_id)
    day = (school.today - period.period.lower.astimezone(DAY_ZONE).date()).days + 1
    return period.goal, day, milestones.count(), milestones.exclude(reached_at=None).count()


def reached_lately(school, student):
    """What a student reached in the last week, the newest first."""
    reached = [entry for entry in school.entries if entry.student == student and entry.kind in REACHED]
    lately = [entry for entry in reached if (school.today - entry.day).days < WEEK]
    return sorted(lately, key=lambda entry: entry.by_time, reverse=True)


def recount_movement(school, course):
    last, quiet, active, reached, told = {}, set(), set(), set(), {}
    for each in people_of(course):
        if each.left_at:
            continue
        mine = [entry for entry in school.entries if entry.student == each.student_id]
        last[each.student_id] = last_activity(school, each.student_id)
        days = sorted({entry.day for entry in mine if entry.kind not in NOT_DONE}, reverse=True)[:12]
        gaps = [(later - earlier).days for later, earlier in pairwise(days)]
        limit = max(3, 2 * statistics.median_low(gaps)) if len(gaps) >= 3 else 7
        lately = {entry.kind for entry in mine if (school.today - entry.day).days < WEEK}
        told[each.student_id] = movement_of(school, each.student_id, last[each.student_id], days, gaps, limit)
        if (school.today - last[each.student_id].day).days >= limit:
            quiet.add(each.student_id)
        if lately - set(NOT_DONE):
            active.add(each.student_id)
        if lately & REACHED:
            reached.add(each.student_id)
    aiming = {period.student_id for period in GoalPeriod.objects.all() if period.period.upper is None}
    order = sorted(last, key=lambda pk: (-last[pk].at.timestamp(), pk))
    shown = {"active": active, "quiet": quiet, "reached": reached, "aimless": last.keys() - aiming}
    for show, some in {"": last.keys(), **shown}.items():
        contexts = pages(school, "class_movement", course.pk, show=show)
        assert contexts[0]["size"] == queries.ClassSize(len(last), len(active))
        movements = [movement for context in contexts for movement in context["movements"]]
        assert [movement.student.pk for movement in movements] == [pk for pk in order if pk in some], show
        for each in movements:
            shown = each.rhythm, each.goal, each.day, each.planned, each.reached, [entry.pk for entry in each.entries]
            assert shown == told[each.student.pk]


def recount_quiz(school, quiz):
    contexts = pages(school, "quiz", quiz.pk)
    students = [student for context in contexts for student in context["students"]]
    assert [student.pk for student in students] == [each.student_id for each in people_of(quiz.lesson.course)]
    tally, right, first_tries = Counter(), Counter(), 0
    for student in students:
        handed_in = list(QuizAttempt.objects.filter(quiz=quiz, student=student, submitted_at__isnull=False))
        passed = any(attempt.passed for attempt in handed_in)
        tally["passed" if passed else "tried" if handed_in else "others"] += 1
        if handed_in:
            assert student.result["attempts"] == len(handed_in)
            assert student.result["best"] == max(attempt.score for attempt in handed_in)
            assert student.result["last"] == max(attempt.submitted_at for attempt in handed_in)
            first = min(handed_in, key=lambda attempt: (attempt.started_at, attempt.pk))
            right.update(each["id"] for each in first.questions if first.answers[each["id"]] == each["answers"])
            first_tries += 1
    if len(contexts) == 1 and students:
        assert contexts[0]["told"] == {name: tally[name] for name in ("passed", "tried", "others")}
        told = {each["id"]: (each["right"], each["of"]) for each in contexts[0]["preview"]}
        assert told == {question: (right[question], first_tries) for question in told}


def recount_days(school, student):
    chance, mine = school.chance, [entry for entry in school.entries if entry.student == student.pk]
    by_day = defaultdict(list)
    for entry in mine:
        by_day[entry.day].append(entry)
    contexts = pages(school, "student_days", student.pk, by="before")
    rows = [row for context in contexts for row in context["rows"]]
    days = {row.date: row for row in rows if hasattr(row, "date")}
    assert list(days) == sorted({*by_day, school.today}, reverse=True)
    assert (max(days) - min(days)).days + 1 == sum(getattr(row, "days", 1) for row in rows), "with the quiet ones"
    for day, entries in by_day.items():
        context = page(school, "student_day", student.pk, day)
        assert (context["total"], context["sentence"]) == (len(entries), kinds.sentence(kinds_of(entries)))
        assert (context["day_before"], context["day_after"]) == (
            max((other for other in by_day if other < day), default=None),
            min((other for other in by_day if other > day), default=None),
        )
        assert (days[day].total, days[day].sentence) == (len(entries), kinds.sentence(kinds_of(entries)))
    shown = contexts[0]["calendar"].cells
    assert [cell.count for cell in shown] == [len(by_day.get(cell.date, ())) for cell in shown]
    numbers = sum(cell.count for cell in shown), sum(cell.count > 0 for cell in shown)
    assert re.findall(r"\d+", contexts[0]["calendar"].summary) == [*map(str, numbers), "53"]
    asked, wanted = {"kind": chance.sample(list(kinds.GROUPS), 3)}, mine
    wanted = [entry for entry in wanted if kinds.BY_VALUE[entry.kind].group in asked["kind"]]
    if chance.random() < 0.5:
        since = chance.choice(school.moments)
        asked["since"] = since.isoformat()
        wanted = [entry for entry in wanted if entry.at > since]
    if chance.random() < 0.3:
        asked["q"] = chance.choice(["apple", "%", "_"])
        wanted = [entry for entry in wanted if asked["q"] in entry.text.lower()]
    wanted.sort(key=lambda entry: entry.by_time)
    contexts = pages(school, "student_days", student.pk, by="before", **asked)
    assert sum(each["number"] for each in contexts) == len(wanted)
    listed = Counter()
    for context in contexts:
        for row in context["rows"]:
            listed[row.date] += row.total
    assert listed == Counter(entry.day for entry in wanted)
    rows = exported(school, "days_export", student.pk, **asked)
    assert [row[0] for row in rows] == [str(entry.id) for entry in wanted]


def recount_new(school, student):
    """What came since somebody's last visit, to the student themself and to their instructor."""
    since = school.chance.choice(school.moments)
    came = [entry for entry in school.entries if entry.student == student.pk and entry.at > since]
    authors = {entry: getattr(entry.row, "author_id", None) for entry in came}
    for viewer in (student, school.instructor):
        if viewer == student:
            new = [entry for entry in came if entry.kind == "instructor_message"]
        else:
            new = [entry for entry in came if authors[entry] != viewer.pk]
        first, number = queries.first_new(student=student, viewer=viewer, since=since)
        assert (first and first.pk, number) == (min(new, key=by_time).id if new else None, len(new))
    mine = [entry for entry in school.entries if entry.student == student.pk and entry.kind == "text_reflection"]
    answered = {entry.id for entry in mine if entry.row.responded_at and entry.row.responded_at > since}
    assert {entry.pk for entry in queries.answers_since(student=student, since=since)} == answered


def recount_since(school, student):
    """What the instructor is told: the page is theirs, if they teach the student."""
    if not Enrollment.objects.filter(student=student, course=school.courses[0]).exists():
        return
    school.client.force_login(school.instructor)
    context = page(school, "student_since", student.pk)
    school.client.force_login(school.staff)
    mine = [entry for entry in school.entries if entry.student == student.pk]
    spoken = [entry.at for entry in mine if getattr(entry.row, "author_id", None) == school.instructor.pk]
    answers = Reflection.objects.filter(student=student, responded_by=school.instructor)
    moment = max([*spoken, *(answer.responded_at for answer in answers)], default=None)
    assert context["since"].moment == moment
    did = [entry for entry in done(mine) if entry.at > (moment or BEGINNING)]
    assert (context["since"].counts, context["since_total"]) == (kinds_of(did), len(did))
    assert context["since"].waiting_count == sum(entry.waits for entry in mine)
    acted = [entry.day for entry in done(mine) if entry.kind != "course_enrollment"]
    assert context["since"].quiet == ((school.today - max(acted)).days if acted else None)
    assert context["since"].first.pk == min(did, key=lambda entry: entry.by_time).id if did else not context["done"]
    assert context["proofs"] == kinds_of(did)["success_proof"]
    move = context["move"]
    assert (move.goal, move.day, move.planned, move.reached) == current_goal(school, student.pk)
    assert len(move.milestones) == kinds_of(did)["goal_milestone"]
    assert len(move.goals) == kinds_of(did)["goal_completion"]


def days_of(school, goal):
    """Every day on which it was the current goal for a while."""
    days = set()
    for each in GoalPeriod.objects.filter(goal=goal):
        last = each.period.upper - MICROSECOND if each.period.upper else school.now
        day = each.period.lower.astimezone(DAY_ZONE).date()
        while day <= last.astimezone(DAY_ZONE).date():
            days.add(day)
            day += A_DAY
    return days


def sunday(day):
    return day - day.isoweekday() % 7 * A_DAY


def recount_goals(school, student):
    goals = list(Goal.objects.filter(student=student))
    began = {goal: max((each.period.lower for each in goal.periods.all()), default=goal.completed_at) for goal in goals}
    lived = sorted((goal for goal in goals if began[goal]), key=lambda goal: (began[goal], goal.pk), reverse=True)
    contexts = pages(school, "student_goals", student.pk)
    path = [each.lived for context in contexts for each in context["goals"]]
    assert [each.goal for each in path] == lived
    for each in path:
        mine = [entry for entry in school.entries if entry.goal == each.goal.pk]
        weeks = defaultdict(list)
        for entry in mine:
            weeks[sunday(entry.day)].append(entry)
        assert each.weeks == {week: kinds_of(entries) for week, entries in weeks.items()}
        assert (each.counts, each.total) == (kinds_of(mine), len(mine))
        assert each.goal.days == len(days_of(school, each.goal))
        counts = kinds_of(mine)
        assert sum(mark.reached_at is not None for mark in each.milestones) == counts["goal_milestone"]
        assert len(each.proofs) == counts["success_proof"]
        found = []
        for context in pages(school, "student_goal", student.pk, each.goal.pk):
            for week, sentence, _ in context["weeks"]:
                assert (week.counts, sentence) == (kinds_of(weeks[week.first]), kinds.sentence(week.counts))
                found += [entry.pk for entry in week.entries]
        assert found == [entry.id for entry in sorted(mine, key=lambda entry: entry.by_time)]
        if each.goal.completed_at:
            recount_story(school, each.goal, mine)


def by_time(entry):
    return entry.by_time


def longest_run(days):
    """How many of `days` follow one another, at most."""
    return max((next(n for n in itertools.count(1) if day + n * A_DAY not in days) for day in days), default=0)


def recount_story(school, goal, entries):
    contexts = pages(school, "goal_story", goal.student_id, goal.pk)
    context, days = contexts[0], days_of(school, goal)
    assert sum(each["number"] for each in contexts) == context["total"] == len(entries)
    assert context["story"].counts == kinds_of(entries)
    turns = Counter(turn.name for turn, _, _ in context["turns"])
    assert (turns["milestone"], turns["proof"], turns["goal"]) == (
        context["story"].counts.get("goal_milestone", 0),
        context["story"].counts.get("success_proof", 0),
        1,
    )
    passed = min((entry for entry in entries if entry.kind == "quiz_completion"), key=by_time, default=None)
    assert [turn.at for turn, _, _ in context["turns"] if turn.name == "quiz"] == ([passed.at] if passed else [])
    active = {entry.day for entry in done(entries)}
    run = longest_run(active)
    assert [turn.number for turn, _, _ in context["turns"] if turn.name == "run"] == ([run] if run >= 3 else [])
    weeks = Counter(sunday(entry.day) for entry in done(entries))
    assert {week.first: week.number for week in context["weeks"]} == weeks
    if length := context["length"]:
        told = (length.first, length.last, length.days, length.active)
        assert told == (min(days), max(days), len(days), len(active & days))
    else:
        assert not days


def recount_course_of_student(school, student):
    """As the student sees it, and as who teaches it sees how far they are."""
    for enrollment in Enrollment.objects.filter(student=student):
        course = enrollment.course
        completed = LessonCompletion.objects.filter(student=student, lesson__course=course).count()
        outline = page(school, "completions", course.pk, student.pk)["outline"]
        assert outline.done == completed
        for chapter in outline.chapters:
            quizzes = Quiz.objects.filter(lesson=chapter.lesson, required=True)
            passed = quizzes.filter(attempts__student=student, attempts__passed=True).distinct().count()
            watching = VideoProgress.objects.filter(student=student, video__lesson=chapter.lesson)
            watched = watching.exclude(completed_at=None).count()
            assert chapter.needed == chapter.lesson.videos.count() + quizzes.count()
            assert chapter.done == watched + passed
            shares = {step.row.pk: step.share for step in chapter.steps if step.is_video and step.share is not None}
            assert shares == {each.video_id: percent(each) for each in watching.select_related("video")}


def recount_home_of_student(school, student):
    school.client.force_login(student)
    home = page(school, "home")
    school.client.force_login(school.staff)
    counts = kinds_of(e for e in school.entries if e.student == student.pk and e.day == school.today)
    assert (home["today"].counts, home["sentence"]) == (counts, kinds.sentence(counts))
    told = {enrollment.course_id: done for enrollment, done in home["enrollments"]}
    current = Enrollment.objects.filter(student=student, left_at=None)
    assert told.keys() == set(current.values_list("course", flat=True))
    for course, done_and_all in told.items():
        completed = LessonCompletion.objects.filter(student=student, lesson__course=course).count()
        assert tuple(done_and_all) == (completed, Lesson.objects.filter(course=course).count())


def recount_inbox(school):
    """Everything that waits in courses is in one moment, and the oldest of each leads; home says as many.

    What waits in no course is told by its student, who has waited longest first.
    """
    school.client.force_login(school.instructor)
    context = page(school, "inbox")
    inbox = [context["inbox"]]
    of_course = page(school, "inbox", course=school.courses[0].pk)["inbox"]
    while inbox[-1].next:
        inbox.append(page(school, "inbox", after=inbox[-1].next)["inbox"])
    home = page(school, "home")
    school.client.force_login(school.staff)
    waiting = [entry for entry in school.entries if entry.waits and entry.course == school.courses[0].pk]
    moments = [each for one in inbox for each in one.entries]
    leads = []
    for each in moments:
        within = range(each.moment.first, each.moment.last + 1)
        here = [entry for entry in waiting if entry.video == each.lead.video_id and entry.second in within]
        leads.append(min(here, key=lambda entry: entry.by_time))
        assert (each.lead.pk, each.moment.count) == (leads[-1].id, len(here))
    assert [lead.by_time for lead in leads] == sorted(lead.by_time for lead in leads)
    assert sum(each.moment.count for each in moments) == len(waiting)
    assert {one.count for one in inbox} == {home["inbox"].count} == {len(waiting)}
    assert home["taught"] == [(school.courses[0], len(waiting))]
    assert of_course.count == len(waiting)
    taught = {each.student_id for each in people_of(school.courses[0])}
    alone = [entry for entry in school.entries if entry.waits and entry.course is None and entry.student in taught]
    numbers = Counter(entry.student for entry in sorted(alone, key=lambda entry: (entry.at, entry.student)))
    for told in (context["alone"], home["alone"]):
        assert [(student.pk, number) for student, number in told] == list(numbers.items())
