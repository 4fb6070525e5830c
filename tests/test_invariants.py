"""Whatever is done to the source tables, in whatever form, the timeline equals `timeline_expected`.

A run of some thirty random statements is undone before the next one.  More of
them: HYPOTHESIS_PROFILE=long.
"""

import contextlib
import datetime
import itertools
import json
import os
import uuid
from typing import NamedTuple

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg.types.range import TimestamptzRange

from tests import factories
from tests.databases import execute
from tests.drift import assert_no_drift

settings.register_profile("quick", max_examples=60, stateful_step_count=25)
settings.register_profile("long", max_examples=5000, stateful_step_count=40, derandomize=False)
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

UTC = datetime.UTC
MICROSECOND = datetime.timedelta(microseconds=1)

# A few moments, so that activities fall exactly on the edges of periods: ordinary ones, midnight in
# New York, both nights on which its clocks change, and the ends of the calendar.
MOMENTS = [
    datetime.datetime(1900, 1, 1, tzinfo=UTC),
    datetime.datetime(2025, 3, 1, 12, tzinfo=UTC),
    datetime.datetime(2025, 3, 9, 4, 59, 59, 999999, tzinfo=UTC),
    datetime.datetime(2025, 3, 9, 5, tzinfo=UTC),
    datetime.datetime(2025, 3, 9, 7, tzinfo=UTC),
    datetime.datetime(2025, 3, 10, 3, 59, 59, 999999, tzinfo=UTC),
    datetime.datetime(2025, 3, 10, 4, tzinfo=UTC),
    datetime.datetime(2025, 11, 2, 5, 30, tzinfo=UTC),
    datetime.datetime(2025, 11, 2, 6, 30, tzinfo=UTC),
    datetime.datetime(2025, 11, 3, 5, tzinfo=UTC),
    datetime.datetime(9998, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
]

SOURCES = [
    "video_progress",
    "learning_milestones",
    "reflections",
    "quiz_attempts",
    "enrollments",
    "lesson_completions",
    "daily_notes",
    "success_proofs",
    "goal_milestones",
    "goals",
    "goal_messages",
]
LENDERS = ["goal_periods", "course_chapters", "media_files", "quizzes"]
PARENTS = ["profiles", "courses", "checkpoints"]
TABLES = SOURCES + LENDERS + PARENTS
MODELS = {model._meta.db_table: model for model in apps.get_models() if model._meta.db_table in TABLES}


class Ref(NamedTuple):
    """A row of `table` that is there when the statement runs: the `n`-th, counted round."""

    table: str
    n: int


def ref(table):
    return st.builds(Ref, st.just(table), st.integers(0, 5))


# Ids of new rows come from a small pool, so that an upsert meets rows that are there.
def row_id(table):
    return st.integers(0, 7).map(lambda n: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{table} {n}")))


def maybe(strategy):
    return st.none() | strategy


moment = st.sampled_from(MOMENTS) | st.builds(
    lambda at, shift: at + shift * MICROSECOND, st.sampled_from(MOMENTS[1:-1]), st.sampled_from([-1, 1])
)
seconds = st.integers(0, 120)


@st.composite
def watched(draw):
    """Ranges as a player or a rogue may report them: in bounds, beyond, without bounds, empty."""
    bound = maybe(st.integers(-5, 130))
    ranges = draw(st.lists(st.tuples(bound, bound), max_size=3))
    parts = (
        f"[{'' if low is None else low},{'' if high is None else high})"
        for low, high in ranges
        if low is None or high is None or low <= high
    )
    return "{" + ",".join(parts) + "}"


@st.composite
def period(draw):
    start, end = draw(moment), draw(maybe(moment))
    return f"[{start.isoformat()},{'' if end is None else end.isoformat()})"


def row(table, **columns):
    return st.fixed_dictionaries({"id": row_id(table), **columns})


def merged(*strategies):
    return st.tuples(*strategies).map(lambda parts: {key: value for part in parts for key, value in part.items()})


def one_of(*columns):
    return st.one_of(*[st.fixed_dictionaries(each) for each in columns])


def nothing(*names):
    return {name: st.none() for name in names}


video_moment = one_of(
    nothing("video_id", "video_timestamp_seconds"),
    {"video_id": ref("media_files"), "video_timestamp_seconds": seconds},
)
writing = merged(
    st.fixed_dictionaries(
        {"created_at": moment, "hidden_at": maybe(moment), "content": st.sampled_from(["a", "é\n—'\\"])}
    ),
    one_of(
        nothing("media_url", "media_type", "media_duration_seconds"),
        {
            "media_url": st.just("/a b"),
            "media_type": st.sampled_from(["audio", "image", "video"]),
            "media_duration_seconds": maybe(st.just(3)),
        },
    ),
)
OWN_GOAL = "a goal of student_id"
LESSON_OF_VIDEO = "the lesson of video_id"

student = ref("profiles")
own_goal = ref(OWN_GOAL)

ROWS = {
    "video_progress": row(
        "video_progress",
        student_id=student,
        video_id=ref("media_files"),
        watched=watched(),
        watched_at=moment,
        completed_at=maybe(moment),
    ),
    "learning_milestones": row(
        "learning_milestones",
        student_id=student,
        checkpoint_id=maybe(ref("checkpoints")),
        video_id=ref("media_files"),
        video_timestamp_seconds=seconds,
        reached_at=moment,
    ),
    "reflections": merged(
        row("reflections", student_id=student, sentiment=maybe(st.just("glad"))),
        video_moment,
        writing,
        one_of(
            nothing("instructor_response", "responded_at", "responded_by"),
            {
                "instructor_response": st.just("Yes."),
                "responded_at": moment,
                "responded_by": maybe(ref("profiles")),
            },
        ),
    ),
    "quiz_attempts": merged(
        row("quiz_attempts", student_id=student, quiz_id=ref("quizzes")),
        one_of(
            {"started_at": moment, **nothing("submitted_at", "score", "passed")},
            {
                "started_at": st.sampled_from(MOMENTS[:5]),
                "submitted_at": st.sampled_from(MOMENTS[4:]),
                "score": st.sampled_from([0, 70, 99.5]),
                "passed": st.booleans(),
            },
        ),
    ),
    "enrollments": row(
        "enrollments",
        student_id=student,
        course_id=ref("courses"),
        enrolled_at=moment,
        completed_at=maybe(moment),
        left_at=maybe(moment),
    ),
    "lesson_completions": row(
        "lesson_completions", student_id=student, lesson_id=ref("course_chapters"), completed_at=moment
    ),
    "daily_notes": merged(row("daily_notes", student_id=student), writing),
    "success_proofs": merged(row("success_proofs", student_id=student, goal_id=own_goal), writing),
    "goal_milestones": row(
        "goal_milestones", student_id=student, goal_id=own_goal, title=st.just("m"), reached_at=maybe(moment)
    ),
    "goals": row("goals", student_id=student, title=st.just("g"), completed_at=maybe(moment)),
    "goal_messages": merged(
        row("goal_messages", student_id=student, author_id=maybe(ref("profiles")), goal_id=maybe(own_goal)), writing
    ),
    "goal_periods": row("goal_periods", student_id=student, goal_id=own_goal, period=period()),
    "course_chapters": row("course_chapters", course_id=ref("courses"), title=st.just("l")),
    "media_files": row(
        "media_files",
        lesson_id=ref("course_chapters"),
        title=st.just("v"),
        duration_seconds=st.sampled_from([1, 9, 10, 100, 101]),
        completion_threshold=st.sampled_from([0.001, 0.95, 1]),
    ),
    "quizzes": merged(
        row("quizzes", title=st.just("q")),
        one_of(
            {"lesson_id": ref("course_chapters"), **nothing("video_id", "video_timestamp_seconds")},
            {"video_id": ref("media_files"), "lesson_id": st.just(LESSON_OF_VIDEO), "video_timestamp_seconds": seconds},
        ),
    ),
    "profiles": row("profiles", full_name=st.just("p")),
    "courses": row("courses", title=st.just("c")),
    "checkpoints": row("checkpoints", video_id=ref("media_files"), video_timestamp_seconds=seconds, title=st.just("k")),
}


def some_rows(tables):
    return st.sampled_from(tables).flatmap(
        lambda table: st.tuples(st.just(table), st.lists(ROWS[table], min_size=1, max_size=3))
    )


CHILDREN_FIRST = (
    "reflections",
    "video_progress",
    "learning_milestones",
    "lesson_completions",
    "quizzes",
    "media_files",
    "course_chapters",
)

some_numbers = st.sets(st.integers(0, 5), min_size=1, max_size=3)
sql_or_orm = st.sampled_from(["sql", "orm"])


class Nowhere(Exception):
    """A row refers to a table that has none."""


@contextlib.contextmanager
def statement():
    """What is done within stays, unless a constraint of the sources refuses it; the timeline never refuses."""
    try:
        with transaction.atomic():
            yield
            execute("SET CONSTRAINTS ALL IMMEDIATE")
    except Nowhere:
        event("nowhere")
    except (DatabaseError, psycopg.Error) as error:  # COPY's come as they are
        problem = getattr(error, "diag", None) or error.__cause__.diag
        said = f"{problem.message_primary} {problem.table_name} {problem.context}"
        assert "timeline" not in said, said
        event(f"refused: {problem.sqlstate}")
    else:
        event("done")
        execute("SET CONSTRAINTS ALL DEFERRED")


def pick(reference, where="true", *parameters):
    """The id of the row that is meant."""
    ids = execute(f"SELECT id FROM {reference.table} WHERE {where} ORDER BY id", *parameters)
    if not ids:
        raise Nowhere
    return ids[reference.n % len(ids)][0]


def pick_all(table, numbers):
    return [pick(Ref(table, n)) for n in sorted(numbers)]


def resolved(row):
    """The row with ids in place of references, its columns in one order."""
    values = {}
    for name in sorted(row, key=lambda name: (name not in ("student_id", "video_id"), name)):
        value = row[name]
        if value == LESSON_OF_VIDEO:
            ((value,),) = execute("SELECT lesson_id FROM media_files WHERE id = %s", values["video_id"])
        elif isinstance(value, Ref) and value.table == OWN_GOAL:
            value = pick(Ref("goals", value.n), "student_id = %s", values["student_id"])
        elif isinstance(value, Ref):
            value = pick(value)
        values[name] = value
    return values


def resolved_all(rows):
    """As resolved(), each id once."""
    return [*{row["id"]: resolved(row) for row in rows}.values()]


def without(row, *names):
    return {name: value for name, value in row.items() if name not in names}


def columns(row, prefix=""):
    return ", ".join(prefix + name for name in row)


def assignments(row, source):
    return ", ".join(f"{name} = {source}.{name}" for name in row)


def as_table(table):
    """A FROM item over one parameter, the JSON of rows()."""
    return f"jsonb_populate_recordset(NULL::{table}, %s::jsonb)"


def as_json(rows):
    return json.dumps(rows, default=str)


def model_values(row):
    """The row as Python's models take it."""
    row = dict(row)
    for name, range_type in {"watched": "int4multirange", "period": "tstzrange"}.items():
        if name in row:
            ((row[name],),) = execute(f"SELECT %s::{range_type}", row[name])
    return {("responded_by_id" if name == "responded_by" else name): value for name, value in row.items()}


def insert_from_json(table, rows):
    execute(f"INSERT INTO {table} ({columns(rows[0])}) SELECT {columns(rows[0])} FROM {as_table(table)}", as_json(rows))


def delete_rows(table, picks, form):
    with statement():
        ids = pick_all(table, picks)
        if form == "orm":
            MODELS[table].objects.filter(id__in=ids).delete()
        else:
            execute(f"DELETE FROM {table} WHERE id = ANY (%s)", ids)


class Sources(RuleBasedStateMachine):
    """Statements of every form against the tables of sources, lenders and their parents."""

    def __init__(self):
        super().__init__()
        self.sandbox = transaction.atomic()
        self.sandbox.__enter__()

    def teardown(self):
        transaction.set_rollback(True)
        self.sandbox.__exit__(None, None, None)

    @initialize(rows=st.tuples(*[st.tuples(st.just(table), st.lists(ROWS[table], max_size=2)) for table in SOURCES]))
    def a_class(self, rows):
        for table, some in rows:
            for row in some:
                with statement():
                    insert_from_json(table, [resolved(row)])

    @invariant()
    def the_timeline_equals_its_sources(self):
        assert_no_drift()

    @rule(
        rows=some_rows(TABLES), form=st.sampled_from(["values", "select", "copy", "bulk_create"]), named=st.booleans()
    )
    def insert(self, rows, form, named):
        table, rows = rows
        with statement():
            rows = [row if named else without(row, "id") for row in resolved_all(rows)]
            if form == "bulk_create":
                MODELS[table].objects.bulk_create([MODELS[table](**model_values(row)) for row in rows])
            elif form == "copy":
                with (
                    connection.cursor() as cursor,
                    cursor.copy(f"COPY {table} ({columns(rows[0])}) FROM STDIN") as copy,
                ):
                    for row in rows:
                        copy.write_row([*row.values()])
            elif form == "values":
                placeholders = ", ".join(["(" + ", ".join(["%s"] * len(row)) + ")" for row in rows])
                values = itertools.chain.from_iterable(row.values() for row in rows)
                execute(f"INSERT INTO {table} ({columns(rows[0])}) VALUES {placeholders}", *values)
            else:
                insert_from_json(table, rows)

    @rule(rows=some_rows(TABLES), form=st.sampled_from(["id", "pair", "nothing"]))
    def upsert(self, rows, form):
        table, rows = rows
        with statement():
            rows = resolved_all(rows)
            pairs = {"video_progress": "student_id, video_id", "enrollments": "student_id, course_id"}
            target = pairs.get(table, "id") if form == "pair" else "id"
            action = "NOTHING" if form == "nothing" else "UPDATE SET " + assignments(rows[0], "excluded")
            execute(
                f"INSERT INTO {table} ({columns(rows[0])}) SELECT {columns(rows[0])} FROM {as_table(table)}"
                f" ON CONFLICT ({target}) DO {action}",
                as_json(rows),
            )

    @rule(rows=some_rows(TABLES), deletes=st.booleans())
    def merge(self, rows, deletes):
        table, rows = rows
        with statement():
            rows = resolved_all(rows)
            execute(
                f"MERGE INTO {table} AS present USING {as_table(table)} AS new ON present.id = new.id"
                + (" WHEN MATCHED AND hashtext(new.id::text) %% 2 = 0 THEN DELETE" if deletes else "")
                + f" WHEN MATCHED THEN UPDATE SET {assignments(rows[0], 'new')}"
                f" WHEN NOT MATCHED THEN INSERT ({columns(rows[0])}) VALUES ({columns(rows[0], 'new.')})",
                as_json(rows),
            )

    @rule(row=some_rows(TABLES), picks=some_numbers, kept=st.none() | st.sets(st.integers(0, 20)), form=sql_or_orm)
    def update(self, row, picks, kept, form):
        """Some columns, in several rows, of several students."""
        table, (row, *_) = row
        with statement():
            ids = pick_all(table, picks)
            row = resolved(row if len(ids) == 1 else without(row, "id"))
            if kept:
                names = [*row]
                kept = {names[n % len(names)] for n in kept}
                row = {name: row[name] for name in names if name in kept}
            if form == "orm":
                MODELS[table].objects.filter(id__in=ids).update(**model_values(row))
            else:
                execute(
                    f"UPDATE {table} AS present SET {assignments(row, 'new')} FROM {as_table(table)} AS new"
                    " WHERE present.id = ANY (%s)",
                    as_json([row]),
                    ids,
                )

    @rule(table=st.sampled_from(SOURCES), picks=some_numbers, form=sql_or_orm)
    def delete(self, table, picks, form):
        delete_rows(table, picks, form)

    @rule(table=st.sampled_from(PARENTS + LENDERS), picks=some_numbers, form=sql_or_orm)
    def delete_parents(self, table, picks, form):
        delete_rows(table, picks, form)

    @rule(video=ref("media_files"), goal=ref("goals"), checkpoint=ref("checkpoints"), person=ref("profiles"))
    def delete_from_many_tables_in_one_statement(self, video, goal, checkpoint, person):
        with statement():
            execute(
                "WITH a AS (DELETE FROM media_files WHERE id = %s), b AS (DELETE FROM goals WHERE id = %s),"
                " c AS (DELETE FROM checkpoints WHERE id = %s) DELETE FROM profiles WHERE id = %s",
                *map(pick, (video, goal, checkpoint, person)),
            )

    @rule(table=st.sampled_from(TABLES), cascade=st.booleans())
    def truncate(self, table, cascade):
        with statement():
            execute(f"TRUNCATE {table}" + (" CASCADE" if cascade else ""))

    @rule(row=ROWS["reflections"], hidden_at=maybe(moment), picks=some_numbers)
    def hide_or_bring_back(self, row, hidden_at, picks):
        for table in ("reflections", "daily_notes", "success_proofs", "goal_messages"):
            with statement():
                execute(f"UPDATE {table} SET hidden_at = %s WHERE id = ANY (%s)", hidden_at, pick_all(table, picks))

    @rule(goal=ref("goals"), at=moment)
    def switch_goal(self, goal, at):
        with statement():
            goal = pick(goal)
            ((owner,),) = execute("SELECT student_id FROM goals WHERE id = %s", goal)
            execute(
                "UPDATE goal_periods SET period = tstzrange(lower(period), %s)"
                " WHERE student_id = %s AND upper_inf(period) AND lower(period) < %s",
                at,
                owner,
                at,
            )
            execute(
                "INSERT INTO goal_periods (student_id, goal_id, period) VALUES (%s, %s, tstzrange(%s, NULL))",
                owner,
                goal,
                at,
            )

    @rule(picks=some_numbers, shift=st.sampled_from([-1, 1]), bounds=st.sampled_from(["start", "end"]))
    def move_a_boundary_by_a_microsecond(self, picks, shift, bounds):
        with statement():
            changed = {
                "start": "lower(period) + %s * interval '1 us', upper(period)",
                "end": "lower(period), upper(period) + %s * interval '1 us'",
            }[bounds]
            execute(
                f"UPDATE goal_periods SET period = tstzrange({changed}) WHERE id = ANY (%s)",
                shift,
                pick_all("goal_periods", picks),
            )

    @rule(progress=ref("video_progress"), watched=watched(), at=moment)
    def report_watching(self, progress, watched, at):
        with statement():
            execute(
                "UPDATE video_progress SET watched = %s, watched_at = %s WHERE id = %s", watched, at, pick(progress)
            )

    @rule(video=ref("media_files"), duration=st.sampled_from([1, 9, 10, 100, 101]))
    def cut_a_video(self, video, duration):
        with statement():
            execute("UPDATE media_files SET duration_seconds = %s WHERE id = %s", duration, pick(video))

    @rule(lesson=ref("course_chapters"), course=ref("courses"))
    def move_a_lesson(self, lesson, course):
        with statement():
            execute("UPDATE course_chapters SET course_id = %s WHERE id = %s", pick(course), pick(lesson))

    @rule(quiz=ref("quizzes"), row=ROWS["quizzes"])
    def move_a_quiz(self, quiz, row):
        with statement():
            row = resolved(without(row, "id"))
            execute(
                f"UPDATE quizzes SET {', '.join(f'{name} = %s' for name in row)} WHERE id = %s",
                *row.values(),
                pick(quiz),
            )

    @rule(video=ref("media_files"), lesson=ref("course_chapters"), second=seconds)
    def move_a_video_with_its_quizzes(self, video, lesson, second):
        with statement():
            video, lesson = pick(video), pick(lesson)
            execute("UPDATE quizzes SET video_timestamp_seconds = %s WHERE video_id = %s", second, video)
            execute("UPDATE media_files SET lesson_id = %s WHERE id = %s", lesson, video)

    @rule(
        rows=st.tuples(*[ROWS[table] for table in CHILDREN_FIRST]),
        order=st.permutations(range(len(CHILDREN_FIRST))),
    )
    def write_children_before_their_parents(self, rows, order):
        """As a foreign key that is checked at the commit would allow."""
        rows = dict(zip(CHILDREN_FIRST, rows, strict=True))
        with statement():
            course, lesson, video = pick(Ref("courses", 0)), str(uuid.uuid4()), str(uuid.uuid4())
            for row in rows.values():
                if "video_id" in row:
                    row |= {"video_id": video, "video_timestamp_seconds": 1}
                    row |= {"checkpoint_id": None} if "checkpoint_id" in row else {}
                if "lesson_id" in row:
                    row |= {"lesson_id": lesson}
            rows["video_progress"].pop("video_timestamp_seconds")
            rows["course_chapters"] |= {"id": lesson, "course_id": course}
            rows["media_files"] |= {"id": video}
            for n in order:
                table = CHILDREN_FIRST[n]
                insert_from_json(table, [resolved(rows[table])])

    @rule(picks=st.sets(st.integers(0, 5)))
    def resync_finds_nothing_to_do(self, picks):
        with statement():
            ids = pick_all("profiles", picks)
            assert execute("SELECT * FROM timeline_resync(%s::uuid[])", ids) == [(0, 0, 0)]


@pytest.fixture
def world(db):
    """What activities refer to: people, videos of 1, 10 and 100 seconds in two courses, quizzes, goals with periods."""
    people = factories.ProfileFactory.create_batch(4)
    lessons = [factories.LessonFactory(course=course) for course in factories.CourseFactory.create_batch(2)]
    videos = [
        factories.VideoFactory(lesson=lesson, duration_seconds=duration)
        for lesson, duration in zip(itertools.cycle(lessons), (1, 10, 100))
    ]
    for video in videos:
        checkpoint = factories.CheckpointFactory(video=video)
        quiz = factories.QuizFactory(video=video, video_timestamp_seconds=0)
        factories.VideoProgressFactory(student=people[0], video=video, watched=[(0, video.duration_seconds)])
        factories.CheckpointReachedFactory(student=people[0], checkpoint=checkpoint)
        factories.ReflectionFactory(student=people[0], video=video)
        factories.QuizAttemptFactory(student=people[0], quiz=quiz, submitted=True)
    factories.QuizFactory(lesson=lessons[0])
    factories.LessonCompletionFactory(student=people[0], lesson=lessons[0])
    for person in people[:2]:
        for start, end in itertools.pairwise(MOMENTS[1:4]):
            factories.GoalPeriodFactory(goal__student=person, period=TimestamptzRange(start, end))


def test_any_sequence_of_statements_leaves_the_timeline_equal_to_its_sources(world):
    run_state_machine_as_test(Sources, settings=settings(PROFILE, deadline=None, report_multiple_bugs=False))
