"""What the timeline costs who writes: rows of each source table with its triggers, beside the same rows without them.

    python -m benchmarks.writing [--rounds 40] [--large] [--sources reflections,daily_notes]

Makes a database of its own (`benchmark_…`, deleted at the end) on the server of
the settings, with a made-up school and its timeline.  Then writes through the
ORM, each statement committed by itself, in every round and in an order that
changes:

- one: a row by `save()`;
- many: 1,000 rows by `bulk_create()`; with --large also 100,000, in batches of 1,000;
- heartbeat: a report of watching that crosses no tenth of the video;

each with the timeline's triggers and without.  Of reflections also

- signals: no triggers, and a receiver of post_save that looks up goal and course and writes the second row;
- row-level: the same mapping in a trigger FOR EACH ROW;
- activity-stream: no triggers, and `action.send()` of django-activity-stream, where that is installed.

A bulk_create() sends no signals; these two then write the second rows one by one.

Printed are the median microseconds for a row, how many times that is of the row
without timeline (the median over the rounds of the ratio within a round), and
the bytes of WAL for a row.  Exits with 1 if one row costs more than 1.15 times
a row without timeline, 1,000 rows more than 1.7 times, or a heartbeat more than
1.1 times or 20 % more WAL.
"""

import datetime
import itertools
import random
import statistics
import sys
import time
import uuid
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks import harness

MANY, LARGE = 1_000, 100_000
AT_ONCE = 20  # single rows of a round
STUDENTS = 1_000
MOST = {"one": 1.15, "many": 1.7, "heartbeat": 1.1}  # times the same without timeline
MOST_WAL = {"heartbeat": 1.2}


def main():
    parser = harness.parser("benchmarks.writing", __doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--large", action="store_true", help="100,000 rows, too (many minutes)")
    parser.add_argument("--sources", help="only these tables, with commas between")
    options = parser.parse_args()
    with harness.database("benchmarks.settings") as connection:
        population = Path(__file__).with_name("population.sql").read_text()
        harness.execute(connection, population % {"students": STUDENTS})
        harness.execute(connection, "VACUUM (ANALYZE)")
        print(harness.server(connection))
        [(entries,)] = harness.execute(connection, "SELECT count(*) FROM student_activity_timeline")
        print(f"{entries:,} entries to begin with, {options.rounds} rounds")
        return measure(connection, options)


def measure(connection, options):
    """Compares what is asked for; returns whether anything costs more than it may."""
    school = School()
    sources = school.rows()
    chosen = options.sources.split(",") if options.sources else [*sources, "heartbeats"]
    print(f"{'':48}{'µs a row':>10}{'times':>8}{'WAL a row':>11}{'times':>8}")
    failed = []
    for table in chosen:
        if table == "heartbeats":
            reports = school.heartbeats()
            failed += compare(connection, "heartbeat", "video_progress", WAYS, options.rounds, AT_ONCE, reports, saved)
            continue
        ways = WAYS | (OTHER_WAYS if table == "reflections" else {})
        rows = sources[table]
        failed += compare(connection, "one", table, ways, options.rounds, AT_ONCE, rows, saved)
        failed += compare(connection, "many", table, ways, max(options.rounds // 5, 3), MANY, rows, created)
        if options.large:
            failed += compare(connection, "large", table, WAYS, 3, LARGE, rows, created)
    print("\n".join(failed))
    return bool(failed)


def compare(connection, what, table, ways, rounds, number, rows, write):
    """Prints what `number` rows cost in each of `ways`; returns a line for each limit that is broken."""
    seconds, wal = ({name: [] for name in ways} for _ in range(2))
    for _ in range(rounds):
        for name in random.sample([*ways], len(ways)):
            batch = list(itertools.islice(rows, number))
            with ways[name](connection, table) as second_row:
                before = wal_position(connection)
                start = time.perf_counter()
                write(batch, second_row)
                seconds[name].append(time.perf_counter() - start)
                wal[name].append(wal_position(connection) - before)
    failed = []
    for name in ways:
        times = harness.ratio(seconds[name], seconds["without"])
        bytes_of_wal = statistics.median(wal[name])
        wal_times = bytes_of_wal / statistics.median(wal["without"])
        print(
            f"{table:20}{what:>11} {name:>16}{statistics.median(seconds[name]) / number * 1e6:10,.0f}{times:8.2f}"
            f"{bytes_of_wal / number:11,.0f}{wal_times:8.2f}",
            flush=True,
        )
        if name == "timeline":
            for value, most, of in ((times, MOST.get(what), "time"), (wal_times, MOST_WAL.get(what), "WAL")):
                if most and value > most:
                    failed.append(f"{table}, {what}: {value:.2f} times the {of}, where {most} is the most.")
    return failed


def wal_position(connection):
    [(position,)] = harness.execute(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    return int(position)


def saved(rows, second_row):
    for row in rows:
        row.save(force_insert=row._state.adding, force_update=not row._state.adding)
        if second_row:
            second_row(row)


def created(rows, second_row):
    type(rows[0]).objects.bulk_create(rows, batch_size=MANY)
    if second_row:
        for row in rows:
            second_row(row)


# The ways: context managers of (connection, table) that set the triggers, and give what writes a second row, if any.


@contextmanager
def with_timeline(connection, table):
    yield


@contextmanager
def without_timeline(connection, table):
    triggers = harness.execute(
        connection,
        "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE 'timeline%%'",
        [table],
    )
    for word in ("DISABLE", "ENABLE"):
        for (name,) in triggers:
            harness.execute(connection, f"ALTER TABLE {table} {word} TRIGGER {name}")
        if word == "DISABLE":
            yield


@contextmanager
def signals(connection, table):
    from django.db.models import QuerySet
    from django.db.models.signals import post_save

    from goals.models import GoalPeriod
    from reflections.models import Reflection
    from timeline.models import Activity

    def receiver(sender, instance, **kwargs):
        period = GoalPeriod.objects.filter(student=instance.student_id, period__contains=instance.created_at).first()
        entry = Activity(
            id=uuid.uuid4(),
            student_id=instance.student_id,
            activity_type="text_reflection",
            created_at=instance.created_at,
            video_id=instance.video_id,
            video_timestamp_seconds=instance.video_timestamp_seconds,
            lesson_id=instance.video.lesson_id,
            course_id=instance.video.lesson.course_id,
            goal_id=period and period.goal_id,
            content=instance.content,
            metadata={},
            requires_response=True,
            response_status="pending",
            source_table="reflections",
            source_id=instance.pk,
        )
        QuerySet(Activity).bulk_create([entry])  # the model's own manager and save() refuse

    post_save.connect(receiver, sender=Reflection)
    with without_timeline(connection, table):
        yield BulkOnly(receiver)
    post_save.disconnect(receiver, sender=Reflection)


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
    from goals.models import Goal
    from profiles.models import Profile
    from reflections.models import Reflection

    registry.register(Profile, Reflection, Video, Goal)

    def send(row):
        action.send(row.student, verb="reflected", action_object=row, target=row.video, timestamp=row.created_at)

    with without_timeline(connection, table):
        yield send


WAYS = {"without": without_timeline, "timeline": with_timeline}
OTHER_WAYS = {"signals": signals, "row-level": row_level}
if find_spec("actstream"):
    OTHER_WAYS["activity-stream"] = activity_stream


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
        courses = Course.objects.bulk_create(Course(title=f"New course {n}") for n in range(400))
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

        def of_goal(model, **values):
            return lambda student, video, at: model(
                student=student, goal=self.goals[student.pk], **{name: value(at) for name, value in values.items()}
            )

        return {
            "reflections": self._made(reflection),
            "quiz_attempts": self._made(attempt),
            "learning_milestones": self._made(reached),
            "daily_notes": self._made(
                lambda student, video, at: DailyNote(student=student, content=words, created_at=at)
            ),
            "goal_messages": self._made(message, students=self.students[1:]),
            "success_proofs": self._made(of_goal(SuccessProof, content=lambda at: words, created_at=lambda at: at)),
            "goal_milestones": self._made(of_goal(GoalMilestone, title=lambda at: "A step", reached_at=lambda at: at)),
            "goals": self._made(
                lambda student, video, at: Goal(student=student, title="Done", created_at=at, completed_at=at + hour)
            ),
            "enrollments": self._once("course", lambda **pair: Enrollment(**pair, enrolled_at=self.moment)),
            "lesson_completions": self._once(
                "lesson", lambda **pair: LessonCompletion(**pair, completed_at=self.moment)
            ),
            "video_progress": self._once(
                "video", lambda **pair: VideoProgress(**pair, watched=[(0, 61)], watched_at=self.moment)
            ),
        }

    def heartbeats(self):
        """Reports to be saved: fifteen more seconds of a tenth of which some were watched, fifteen ever again."""
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
