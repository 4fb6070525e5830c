"""What the timeline costs who writes: rows of each source table with its triggers, beside the same rows without them.

    python -m benchmarks.writing [--rounds 40] [--no-large] [--sources reflections,daily_notes] [--report]

Makes a database of its own (`benchmark_…`, deleted at the end) on the server of
the settings, with a made-up school (`even_school.sql`) and its timeline.  Then
writes through the ORM, in every round and in an order that changes, each of
these one transaction, second rows included:

- one: a row by `save()`, with the wait for the disk at its commit;
- one, not waiting: the same with `synchronous_commit` off, as a crash may take the last rows, which then tells what
  the database works beside that wait (of reflections);
- one, slow disk: the same, each commit waiting SLOW_DISK µs more than this machine's disk takes (`commit_delay`), as
  for a disk that is reached by a network;
- many: 1,000 rows by `bulk_create()`;
- large, unless --no-large is said: 100,000 rows, in batches of 1,000 (half of the time that all takes);
- heartbeat: a report of watching that crosses no tenth of the video (without triggers, and with them);

each

- without the timeline's triggers,
- with them,
- row-level: with the same mapping in a trigger FOR EACH ROW (no locks, and so not always right);
- signals: no triggers, and a receiver of post_save that looks up goal and course and writes the second row;
- activity-stream: no triggers, and `action.send()` of django-activity-stream, where that is installed, which is told
  neither words nor course nor goal.

A bulk_create() sends no signals; these two then write the second rows one by
one, in three rounds, and none of 100,000, each of which costs what one of 1,000 does.

Printed are the median microseconds for a row, how many times that is of the row
without timeline (the median over the rounds of the ratio within a round), and
the bytes of WAL for a row, with PostgreSQL's images of pages after a checkpoint and
(with the extension pg_walinspect, which is made for it) without them.  Exits with 1 if one row costs more than
1.15 times a row without timeline (on a slow disk, too), 1,000 rows more than
1.7 times, or a heartbeat more than 1.1 times or 20 % more WAL.
"""

import argparse
import datetime
import itertools
import random
import statistics
import sys
import time
import uuid
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks import harness, population, report

MANY, LARGE = 1_000, 100_000
AT_ONCE = 20  # single rows of a round
ONE_BY_ONE = 3  # rounds of many rows whose second rows are written one by one
WARM = 3  # rows before them: what turns the triggers on and off has the server plan anew
STUDENTS = 1_000
SLOW_DISK = 1_500  # µs
MOST = {"one": 1.15, "one, slow disk": 1.15, "many": 1.7, "heartbeat": 1.1}  # times the same without timeline
MOST_WAL = {"heartbeat": 1.2}
SPOKEN = {
    "one": "one row", "one, slow disk": f"one row, a disk {SLOW_DISK / 1000} ms slower",
    "one, not waiting": "one row, not waiting for the disk", "many": "1,000 rows", "large": "100,000 rows",
    "heartbeat": "a heartbeat",
}  # fmt: skip


# How a commit of one row waits, if not as it does by itself.  A single writer takes the whole delay: no siblings asked.
COMMITS = {
    "one, slow disk": {"commit_delay": SLOW_DISK, "commit_siblings": 0},
    "one, not waiting": {"synchronous_commit": "off"},
}


@dataclass(frozen=True)
class Cost:
    """What a row of `table` costs: µs, bytes of WAL with and without page images, and how many times one without."""

    table: str
    what: str
    way: str
    microseconds: float
    times: float
    wal: float
    records: float | None
    records_times: float | None

    @property
    def broken(self):
        """A sentence for each limit that is broken."""
        pairs = (self.times, MOST.get(self.what), "time"), (self.records_times, MOST_WAL.get(self.what), "WAL")
        return [
            f"{self.table}, {SPOKEN[self.what]}: {value:.2f} times the {of}, where {most} is the most."
            for value, most, of in pairs
            if self.way == "timeline" and most and value and value > most
        ]


def main():
    parser = harness.parser("benchmarks.writing", __doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--large", action=argparse.BooleanOptionalAction, default=True, help="100,000 rows, too")
    parser.add_argument("--sources", help="only these tables, with commas between")
    options = parser.parse_args()
    with harness.database() as connection:
        population.run(connection, "even_school.sql", students=STUDENTS)
        harness.execute(connection, INSPECT)
        harness.execute(connection, "VACUUM (ANALYZE)")
        print(harness.server(connection))
        [(entries,)] = harness.execute(connection, "SELECT count(*) FROM student_activity_timeline")
        print(f"{entries:,} entries to begin with, {options.rounds} rounds")
        costs = measure(connection, options)
        if options.report:
            report.write("writing", connection, *blocks(costs, entries, options.rounds))
    broken = [sentence for cost in costs for sentence in cost.broken]
    print("\n".join(broken))
    return bool(broken)


# Where the extension is not to be had, nothing is told of page images.
INSPECT = """
    DO $$ BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_walinspect;
    EXCEPTION WHEN feature_not_supported OR undefined_file OR insufficient_privilege THEN
        RAISE NOTICE 'without pg_walinspect';
    END $$
"""


def measure(connection, options):
    """The Costs of what is asked for, each printed as it is there."""
    school = School()
    sources = school.rows()
    chosen = options.sources.split(",") if options.sources else [*sources, "heartbeats"]
    print(f"{'':52}{'µs a row':>10}{'times':>8}{'WAL a row':>11}{'records':>9}{'times':>8}")
    costs = []
    for table in chosen:
        if table == "heartbeats":
            reports = school.heartbeats()
            ways = {name: WAYS[name] for name in ("without", "timeline")}
            costs += compare(connection, "heartbeat", "video_progress", ways, options.rounds, AT_ONCE, reports, saved)
            continue
        rows = sources[table]
        costs += compare(connection, "one", table, WAYS | SECOND, options.rounds, AT_ONCE, rows, saved)
        for what, settings in COMMITS.items():
            if what == "one, not waiting" and table != "reflections":
                continue
            ways = WAYS | SECOND if table == "reflections" else WAYS
            for name, value in settings.items():
                harness.execute(connection, f"SET {name} = {value}")
            costs += compare(connection, what, table, ways, options.rounds, AT_ONCE, rows, saved)
            for name in settings:
                harness.execute(connection, f"RESET {name}")
        rounds = max(options.rounds // 5, 3)
        costs += compare(connection, "many", table, WAYS, rounds, MANY, rows, created)
        slow = {"without": WAYS["without"], **SECOND}
        costs += compare(connection, "many", table, slow, ONE_BY_ONE, MANY, rows, created)[1:]
        if options.large:
            costs += compare(connection, "large", table, WAYS, 1, LARGE, rows, created)
    return costs


def compare(connection, what, table, ways, rounds, number, rows, write):
    """Prints what `number` rows cost in each of `ways`, the first of which is "without"; returns the Costs."""
    seconds, wal, records = ({name: [] for name in ways} for _ in range(3))
    for _ in range(rounds):
        for name in random.sample([*ways], len(ways)):
            warm, batch = list(itertools.islice(rows, WARM)), list(itertools.islice(rows, number))
            with ways[name](connection, table) as second_row:
                write(warm, second_row)
                before = harness.wal_position(connection)
                start = time.perf_counter()
                write(batch, second_row)
                seconds[name].append((time.perf_counter() - start) / number)
                after = harness.wal_position(connection)
            wal[name].append((after - before) / number)
            records[name].append(wal_records(connection, before, after, number))
    costs = []
    for name in ways:
        of_records, base = (
            None if None in records[way] else statistics.median(records[way]) for way in (name, "without")
        )
        cost = Cost(
            table,
            what,
            name,
            statistics.median(seconds[name]) * 1e6,
            harness.ratio(seconds[name], seconds["without"]),
            statistics.median(wal[name]),
            of_records,
            of_records and of_records / base,
        )
        print(
            f"{table:20}{what:>16}{name:>16}{cost.microseconds:10,.0f}{cost.times:8.2f}{cost.wal:11,.0f}"
            + (f"{cost.records:9,.0f}{cost.records_times:8.2f}" if cost.records else ""),
            flush=True,
        )
        costs.append(cost)
    return costs


def blocks(costs, entries, rounds):
    """What stands in docs/benchmarks.md."""
    at = {(cost.table, cost.what, cost.way): cost for cost in costs}
    tables = [table for table, what, way in at if (what, way) == ("one", "timeline")]
    found = [intro(entries, rounds, images=not costs[0].records)]
    if "reflections" in tables:
        found += of_reflections(at)
    found += of_sources(at, tables)
    if beat := at.get(("video_progress", "heartbeat", "timeline")):
        found.append(
            f"**A heartbeat** that crosses no tenth costs {beat.times:.2f} times one without triggers, and"
            f" {beat.records_times or 0:.2f} times its WAL."
        )
    return found


def intro(entries, rounds, *, images):
    """What the figures are; `images`: whether WAL is told with images of pages."""
    return (
        "Through the ORM, each row (or all rows of one statement) in a transaction of its own, with its second row;"
        f" {entries:,} entries to begin with; medians of {rounds} rounds (1,000 rows: {max(rounds // 5, 3)}, by signals"
        f" and django-activity-stream {ONE_BY_ONE}; 100,000 rows: one). *Times* is the median of the ratios within a"
        " round to the same rows without timeline. WAL is what PostgreSQL logged for a row,"
        f" {'with' if images else 'without'} the images of whole pages that it adds at their first change after a"
        " checkpoint, which are as many as there are pages that one meets first."
    )


def of_reflections(at):
    ways = [way for way in (*WAYS, *SECOND) if ("reflections", "one", way) in at]
    whats = [what for what in SPOKEN if ("reflections", what, "without") in at]
    return [
        "**A reflection, in five ways** (µs a row; times; bytes of WAL a row)",
        report.table(
            ["", *(SPOKEN[what] for what in whats)],
            [[NAMES[way], *(told(at.get(("reflections", what, way))) for what in whats)] for way in ways],
        ),
        report.bars(
            "writing-reflection",
            "A reflection: how many times what it costs without a second row",
            {
                (SPOKEN[what], NAMES[way]): at["reflections", what, way].times
                for what in ("one", "many") for way in ways[1:]
            },
            x="times the row without a second row",
            log_x=True,
        ),
    ]  # fmt: skip


def of_sources(at, tables):
    whats = [what for what in ("one", "one, slow disk", "many", "large") if any(key[1] == what for key in at)]
    ways = ("timeline", "row-level", *SECOND)
    return [
        "**A row of each source, with the timeline's triggers** (µs a row; times; bytes of WAL a row, times)",
        report.table(
            ["", *(SPOKEN[what] for what in whats)],
            [
                [f"`{table}`", *(told(at[table, what, "timeline"], wal_times=True) for what in whats)]
                for table in tables
            ],
        ),
        "**The same rows in other ways** (times: one row; 1,000 rows)",
        report.table(
            ["", *(NAMES[way] for way in ways)],
            [
                [
                    f"`{table}`",
                    *("; ".join(f"{at[table, what, way].times:.2f}" for what in ("one", "many")) for way in ways),
                ]
                for table in tables
            ],
        ),
    ]


def told(cost, *, wal_times=False):
    if cost is None:
        return ""
    wal = cost.records or cost.wal
    times = f", {cost.records_times:.1f}" if wal_times and cost.records_times else ""
    return f"{cost.microseconds:,.0f}; {cost.times:.2f}; {wal:,.0f}{times}"


def wal_records(connection, before, after, number):
    """The bytes of WAL of a row without images of pages; None if that cannot be had."""
    if not harness.execute(connection, "SELECT to_regproc('pg_get_wal_stats')")[0][0] or before == after:
        return None
    harness.execute(connection, "SELECT pg_logical_emit_message(false, '', '', true)")  # sees the WAL to the disk
    statement = """
        SELECT coalesce(sum(record_size), 0) FROM pg_get_wal_stats('0/0'::pg_lsn + %s, '0/0'::pg_lsn + %s)
    """
    [(size,)] = harness.execute(connection, statement, [before, after])
    return float(size) / number


def saved(rows, second_row):
    """Save one row after another, each with its second row, if Python writes one, in one transaction."""
    for row in rows:
        with together(second_row):
            row.save(force_insert=row._state.adding, force_update=not row._state.adding)
            if second_row and not isinstance(second_row, BulkOnly):
                second_row(row)


def created(rows, second_row):
    """Write all rows by one bulk_create(), and with them their second rows, if Python writes them."""
    with together(second_row):
        type(rows[0]).objects.bulk_create(rows, batch_size=MANY)
        if second_row:
            for row in rows:
                second_row(row)


def together(second_row):
    """A transaction around a row and its second row, as a trigger's are in one; a row alone needs none of Django's."""
    from django.db.transaction import atomic

    return atomic() if second_row else nullcontext()


# The ways: context managers of (connection, table) that set the triggers, and give what writes a second row, if any.


@contextmanager
def with_timeline(connection, table):
    yield


@contextmanager
def without_timeline(connection, table):
    harness.watch(connection, False, table)
    yield
    harness.watch(connection, True, table)


@contextmanager
def signals(connection, table):
    from django.db.models import QuerySet
    from django.db.models.signals import post_save

    from goals.models import GoalPeriod
    from timeline.models import Activity

    def receiver(sender, instance, **kwargs):
        moment = next(getattr(instance, name) for name in MOMENTS if hasattr(instance, name))
        place = getattr(instance, "video", None) or getattr(instance, "quiz", None)
        lesson = place.lesson if place else getattr(instance, "lesson", None)
        course = lesson.course if lesson else getattr(instance, "course", None)
        period = GoalPeriod.objects.filter(student=instance.student_id, period__contains=moment).first()
        entries = [
            Activity(
                id=uuid.uuid4(),
                student_id=instance.student_id,
                activity_type=kind,
                created_at=moment,
                video=getattr(instance, "video", None),
                video_timestamp_seconds=getattr(instance, "video_timestamp_seconds", 0),
                lesson=lesson,
                course=course,
                goal_id=period and period.goal_id,
                quiz=getattr(instance, "quiz", None),
                content=getattr(instance, "content", None),
                metadata={},
                requires_response=table == "reflections",
                response_status="pending" if table == "reflections" else None,
                source_table=table,
                source_id=instance.pk,
            )
            for kind in KINDS[table]
        ]
        QuerySet(Activity).bulk_create(entries)  # the model's own manager and save() refuse

    post_save.connect(receiver, sender=model_of(table))
    with without_timeline(connection, table):
        yield BulkOnly(receiver)
    post_save.disconnect(receiver, sender=model_of(table))


# What a receiver writes of a row, and when that was.
KINDS = {
    "reflections": ["text_reflection"], "quiz_attempts": ["quiz_attempt", "quiz_completion"],
    "learning_milestones": ["checkpoint_reached"], "daily_notes": ["daily_note"],
    "goal_messages": ["instructor_message"], "success_proofs": ["success_proof"],
    "goal_milestones": ["goal_milestone"], "goals": ["goal_completion"], "enrollments": ["course_enrollment"],
    "lesson_completions": ["lesson_completion"], "video_progress": ["video_progress"],
}  # fmt: skip
MOMENTS = ("watched_at", "started_at", "reached_at", "enrolled_at", "completed_at", "created_at")


def model_of(table):
    from django.apps import apps

    return next(model for model in apps.get_models() if model._meta.db_table == table and not model._meta.proxy)


class BulkOnly:
    """A receiver of post_save, to be called by hand where bulk_create() did not."""

    def __init__(self, receiver):
        self.receiver = receiver

    def __call__(self, row):
        self.receiver(type(row), row)


@contextmanager
def row_level(connection, table):
    with without_timeline(connection, table):
        harness.execute(connection, ROW_LEVEL.format(table=table))
        yield
        harness.execute(connection, f"DROP TRIGGER row_level ON {table}")


ROW_LEVEL = """
    CREATE OR REPLACE FUNCTION row_level_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO student_activity_timeline (
            student_id, id, activity_type, created_at, video_id, video_timestamp_seconds, course_id, lesson_id,
            goal_id, quiz_id, content, metadata, media_url, media_type, media_duration_seconds, requires_response,
            response_status, instructor_response, responded_at, responded_by, source_table, source_id
        )
        SELECT NEW.student_id, entry.* FROM timeline_entries(NEW) AS entry;
        RETURN NULL;
    END $$;
    CREATE TRIGGER row_level AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION row_level_{table}()
"""


@contextmanager
def activity_stream(connection, table):
    from actstream import action, registry

    from courses.models import Video
    from profiles.models import Profile

    registry.register(Profile, Video, model_of(table))

    def send(row):
        moment = next(getattr(row, name) for name in MOMENTS if hasattr(row, name))
        action.send(row.student, verb="did", action_object=row, target=getattr(row, "video", None), timestamp=moment)

    with without_timeline(connection, table):
        yield send


WAYS = {"without": without_timeline, "timeline": with_timeline, "row-level": row_level}
SECOND = {"signals": signals}  # write the second rows in Python, one by one
if find_spec("actstream"):
    SECOND["activity-stream"] = activity_stream
NAMES = {
    "without": "without a second row", "timeline": "the timeline's triggers", "row-level": "row-level triggers",
    "signals": "Django signals", "activity-stream": "django-activity-stream",
}  # fmt: skip


class School:
    """The made-up school, and endless new rows of each source table for it."""

    def __init__(self):
        from courses.models import Course, Lesson, Video
        from goals.models import Goal
        from profiles.models import Profile

        self.students = list(Profile.objects.filter(enrollments__isnull=False).distinct().order_by("pk"))
        self.videos = list(Video.objects.select_related("lesson__course").order_by("pk"))
        self.goals = {goal.student_id: goal for goal in Goal.objects.filter(completed_at=None)}
        self.random = random.Random(0)
        self.moment = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
        # For what there is once for each student: nobody in the school has these yet.
        courses = Course.objects.bulk_create(Course(title=f"New course {n}") for n in range(600))
        lessons = Lesson.objects.bulk_create(Lesson(course=course, title="Lesson") for course in courses)
        videos = Video.objects.bulk_create(Video(lesson=each, title="Film", duration_seconds=600) for each in lessons)
        self.new = {"course": courses, "lesson": lessons, "video": videos}

    def rows(self):
        """{table: endless rows, not saved}, of students and videos at random."""
        from courses.models import CheckpointReached, Enrollment, LessonCompletion, Quiz, QuizAttempt, VideoProgress
        from goals.models import DailyNote, Goal, GoalMessage, GoalMilestone, SuccessProof
        from reflections.models import Reflection

        words = "What I would ask the next customer first, and why it took me a week to dare it. "
        author = self.students[0]
        quizzes = list(Quiz.objects.all())
        hour = datetime.timedelta(hours=1)

        def reflection(student, video, at):
            return Reflection(
                student=student, video=video, video_timestamp_seconds=video.duration_seconds // 2, content=words,
                created_at=at,
            )  # fmt: skip

        def reached(student, video, at):
            return CheckpointReached(student=student, video=video, video_timestamp_seconds=10, reached_at=at)

        def attempt(student, video, at):
            return QuizAttempt(
                student=student, quiz=self.random.choice(quizzes), started_at=at, submitted_at=at + hour, score=80,
                passed=True,
            )  # fmt: skip

        def note(student, video, at):
            return DailyNote(student=student, content=words, created_at=at)

        def message(student, video, at):
            return GoalMessage(student=student, author=author, content=words, created_at=at)

        def proof(student, video, at):
            return SuccessProof(student=student, goal=self.goals[student.pk], content=words, created_at=at)

        def step(student, video, at):
            return GoalMilestone(student=student, goal=self.goals[student.pk], title="A step", reached_at=at)

        def goal(student, video, at):
            return Goal(student=student, title="Done", created_at=at, completed_at=at + hour)

        return {
            "reflections": self._made(reflection),
            "quiz_attempts": self._made(attempt),
            "learning_milestones": self._made(reached),
            "daily_notes": self._made(note),
            "goal_messages": self._made(message, students=self.students[1:]),
            "success_proofs": self._made(proof),
            "goal_milestones": self._made(step),
            "goals": self._made(goal),
            "enrollments": self._once("course", lambda **pair: Enrollment(**pair, enrolled_at=self.moment)),
            "lesson_completions": self._once(
                "lesson", lambda **pair: LessonCompletion(**pair, completed_at=self.moment)
            ),
            "video_progress": self._once(
                "video", lambda **pair: VideoProgress(**pair, watched=[(0, 61)], watched_at=self.moment)
            ),
        }

    def heartbeats(self):
        """Rows of video_progress to be saved, ever again: a second more of a tenth of which some was watched before."""
        from courses.models import VideoProgress

        watched = VideoProgress.objects.filter(video__in=self.new["video"])
        rows = list(watched.select_related("student", "video")[: 20 * AT_ONCE])
        if not rows:
            rows = VideoProgress.objects.bulk_create(
                VideoProgress(student=student, video=self.new["video"][0], watched=[(0, 61)], watched_at=self.moment)
                for student in self.students[: 20 * AT_ONCE]
            )
        for round_ in itertools.count():
            for row in rows:
                start = 61 + round_ % 40  # a second more of a tenth that ends at 120
                row.watched = [(start, start + 1)]
                row.watched_at = self.moment + datetime.timedelta(seconds=15 * round_)
                yield row

    def _made(self, make, students=None):
        for minute in itertools.count():
            student = self.random.choice(students or self.students)
            yield make(
                student, self.random.choice(self.videos), self.moment + datetime.timedelta(minutes=minute % 100_000)
            )

    def _once(self, name, make):
        for other in self.new[name]:
            for student in self.students:
                yield make(student=student, **{name: other})


if __name__ == "__main__":
    sys.exit(main())
