"""The whole timeline, for the export as xAPI statements (timeline.statements)."""

import datetime
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from courses.models import Checkpoint, Course, Enrollment, Lesson, Quiz, QuizAttempt, Video, VideoProgress
from goals.models import Goal
from profiles.models import Profile
from timeline.keyset import RowComparison
from timeline.models import Activity
from timeline.queries.common import midnight
from timeline.queries.places import PLACES, uuid_in

STUDENTS = 200  # whose entries are read together
BATCH = 2_000  # rows that one statement reads
KNOWN = 20_000  # rows that are remembered from page to page

# What is read of the things that entries refer to.
READ = {
    "person": (Profile, ("full_name",)),
    "video": (Video, ("title", "duration_seconds")),
    "course": (Course, ("title",)),
    "lesson": (Lesson, ("title",)),
    "goal": (Goal, ("title",)),
    "quiz": (Quiz, ("title",)),
    "checkpoint": (Checkpoint, ("title",)),
}


@dataclass(frozen=True)
class Telling:
    """What is told of the timeline: all, or what these students did, in one course, on some days, of some kinds.

    `students` and `course` are ids, `kinds` activity_types, `start` and `end`
    days of the timeline, both included.  Of a course it is what those did who
    are or were enrolled there.
    """

    students: tuple[uuid.UUID, ...] | None = None
    course: uuid.UUID | None = None
    kinds: tuple[str, ...] | None = None
    start: datetime.date | None = None
    end: datetime.date | None = None

    @property
    def watching(self):
        """Whether what of each video was watched is told as well."""
        return self.kinds is None or "video_progress" in self.kinds


class Told(NamedTuple):
    """An entry.  Millions of them are cheap, which as many rows of the model are not."""

    id: uuid.UUID
    student_id: uuid.UUID
    activity_type: str
    created_at: datetime.datetime
    activity_date: datetime.date
    video_id: uuid.UUID | None
    video_timestamp_seconds: int | None
    course_id: uuid.UUID | None
    lesson_id: uuid.UUID | None
    goal_id: uuid.UUID | None
    quiz_id: uuid.UUID | None
    content: str | None
    metadata: dict
    media_type: str | None
    media_duration_seconds: int | None
    source_id: uuid.UUID
    took: datetime.timedelta | None = None  # of an attempt that was handed in


class Watched(NamedTuple):
    """What a student watched of a video, by now: `watched` are half-open ranges of seconds."""

    id: uuid.UUID
    student_id: uuid.UUID
    video_id: uuid.UUID
    watched: list
    watched_at: datetime.datetime
    position_seconds: int
    duration_seconds: int  # of the video
    completion_threshold: Decimal
    lesson_id: uuid.UUID
    course_id: uuid.UUID


class TellingPage(NamedTuple):
    """Some rows; `known` says what they refer to, {(name in READ, id): row}; `students` are done with this page."""

    entries: list[Told]
    watched: list[Watched]
    known: dict
    students: int


def count_students(telling):
    """How many students are gone through."""
    return len(telling.students) if telling.students is not None else _students(telling).count()


def statement_pages(telling, *, names=False, words=False):
    """Every entry that a Telling asks for, student by student, by day and time, as an iterator of TellingPage.

    After some students' entries comes what they watched.  Each page is a few
    statements of their own, as many however many rows there are: memory stays
    flat, and no snapshot is held open.  The names of people are read if
    `names`, the titles of goals if `words`.  Indexes: idx_student_date, and the
    keys of `profiles` and of `video_progress` (student, video).
    """
    known = {}
    read = READ.keys() - ({"person"} if not names else set()) - ({"goal"} if not words else set())
    for students in _some_students(telling):
        for entries in _pages(_entries(telling, students), Told, ("student_id", "activity_date", "created_at", "id")):
            _learn(known, entries, read)
            yield TellingPage(_timed(entries), [], known, 0)
        if telling.watching:
            for watched in _pages(_watched(telling, students), Watched, ("student_id", "video_id")):
                _learn(known, watched, read)
                yield TellingPage([], watched, known, 0)
        yield TellingPage([], [], known, len(students))


def _students(telling):
    people = Profile.objects.all()
    if telling.students is not None:
        people = people.filter(pk__in=telling.students)
    if telling.course is not None:
        people = people.filter(pk__in=Enrollment.objects.filter(course=telling.course).values("student"))
    return people


def _some_students(telling):
    last = uuid.UUID(int=0)
    people = _students(telling).order_by("pk").values_list("pk", flat=True)
    while some := list(people.filter(pk__gt=last)[:STUDENTS]):
        yield some
        last = some[-1]


def _entries(telling, students):
    rows = Activity.objects.filter(student__in=students)
    if telling.start:
        rows = rows.filter(activity_date__gte=telling.start)
    if telling.end:
        rows = rows.filter(activity_date__lte=telling.end)
    if telling.course:
        rows = rows.filter(course=telling.course)
    if telling.kinds is not None:
        rows = rows.filter(activity_type__in=telling.kinds)
    return rows.values_list(*Told._fields[:-1])


def _watched(telling, students):
    rows = VideoProgress.objects.filter(student__in=students).exclude(watched=[])
    if telling.start:
        rows = rows.filter(watched_at__gte=midnight(telling.start))
    if telling.end:
        rows = rows.filter(watched_at__lt=midnight(telling.end + datetime.timedelta(days=1)))
    if telling.course:
        rows = rows.filter(video__lesson__course=telling.course)
    places = ("video__duration_seconds", "video__completion_threshold", "video__lesson_id", "video__lesson__course_id")
    return rows.values_list(*Watched._fields[:-4], *places)


def _pages(rows, kind, order):
    """Rows as lists of `kind`, page by page in an order that an index has."""
    rows, after = rows.order_by(*order), None
    while True:
        some = rows.filter(RowComparison(order, ">", after)) if after else rows
        page = [kind(*row) for row in some[:BATCH]]
        if page:
            yield page
        if len(page) < BATCH:
            return
        after = [getattr(page[-1], column) for column in order]


def _timed(entries):
    """The entries, attempts with how long they took."""
    attempts = {entry.source_id for entry in entries if entry.quiz_id and "score" in entry.metadata}
    if not attempts:
        return entries
    times = QuizAttempt.objects.filter(pk__in=attempts).values_list("pk", "started_at", "submitted_at")
    took = {pk: submitted - started for pk, started, submitted in times if submitted}
    return [entry._replace(took=took[entry.source_id]) if entry.source_id in took else entry for entry in entries]


def _learn(known, rows, names):
    """Add to `known` what rows refer to and is not there yet: one query for each of the tables, at most."""
    if len(known) > KNOWN:
        known.clear()
    wanted = {name: {getattr(row, f"{name}_id", None) for row in rows} for name in PLACES}
    facts = [row.metadata for row in rows if isinstance(row, Told)]
    wanted["person"] = {row.student_id for row in rows} | {uuid_in(each, "author_id") for each in facts}
    wanted["checkpoint"] = {uuid_in(each, "checkpoint_id") for each in facts}
    for name in names:
        model, fields = READ[name]
        if unknown := [pk for pk in wanted[name] if pk and (name, pk) not in known]:
            known |= {(name, pk): None for pk in unknown}  # what is gone by now
            known |= {(name, row.pk): row for row in model.objects.filter(pk__in=unknown).only(*fields)}
