"""Deleting what happened before a day: which rows of the sources go, what goes with them, and what stays.

The rules are those of docs/decisions/0041-what-a-purge-takes.md.  A row goes
if all that it says happened before the day: its entries, by the mapping of the
timeline, and every time that it has itself.  The timeline follows by its
triggers.
"""

import datetime
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.db.models import DB_CASCADE, DB_SET_NULL, ForeignObjectRel

from courses.models import CheckpointReached, Enrollment, LessonCompletion, QuizAttempt, VideoProgress
from goals.models import DailyNote, Goal, GoalMessage, GoalMilestone, SuccessProof
from profiles.models import Writing
from reflections.models import Reflection
from timeline.backfill import HOLD, lock_timeout, next_size
from timeline.models import DAY_ZONE

FIRST_SIZE = 100  # rows and entries in a transaction; each later one is sized by how long the one before took
SMALLEST_SIZE, LARGEST_SIZE = 10, 500

# Conditions on rows that stay, however old.  OFFSET 0 has PostgreSQL look by an index for each row; it would else read
# all of the other table once.
IN_COURSE = """
    EXISTS (
        SELECT FROM course_chapters JOIN enrollments USING (course_id)
        WHERE course_chapters.id = source.lesson_id
            AND enrollments.student_id = source.student_id AND enrollments.left_at IS NULL
        OFFSET 0
    )
"""

OF_CURRENT_GOAL = """
    EXISTS (
        SELECT FROM goal_periods
        WHERE goal_periods.goal_id = source.goal_id AND goal_periods.student_id = source.student_id
            AND upper_inf(goal_periods.period)
        OFFSET 0
    )
"""

# The timeline is asked by idx_student_date.
NOT_LEFT_FOR_GOOD = """
    source.left_at IS NULL
    OR EXISTS (
        SELECT FROM student_activity_timeline AS entry
        WHERE entry.student_id = source.student_id AND entry.activity_date >= %(day)s
            AND entry.course_id = source.course_id
        OFFSET 0
    )
"""

# What is deleted with a goal must be as old as it, and of kinds that may go, too; a message would only lose its goal,
# but a newer one would then stand elsewhere.
HAS_WHAT_STAYS = """
    source.completed_at IS NULL
    OR EXISTS (
        SELECT FROM goal_periods
        WHERE goal_periods.goal_id = source.id AND coalesce(upper(goal_periods.period), 'infinity') > %(since)s
        OFFSET 0
    )
    OR EXISTS (
        SELECT FROM goal_milestones
        WHERE goal_milestones.goal_id = source.id AND reached_at IS NOT NULL
            AND (reached_at >= %(since)s OR 'goal_milestone' <> ALL (%(kinds)s::text[]))
        OFFSET 0
    )
    OR EXISTS (
        SELECT FROM success_proofs
        WHERE success_proofs.goal_id = source.id
            AND (greatest(created_at, edited_at) >= %(since)s OR 'success_proof' <> ALL (%(kinds)s::text[]))
        OFFSET 0
    )
    OR EXISTS (
        SELECT FROM goal_messages
        WHERE goal_messages.goal_id = source.id AND greatest(created_at, edited_at) >= %(since)s
        OFFSET 0
    )
    OR EXISTS (
        SELECT FROM goal_corrections WHERE goal_corrections.goal_id = source.id AND created_at >= %(since)s
        OFFSET 0
    )
    OR EXISTS (
        SELECT FROM shared_stories LEFT JOIN congratulations ON congratulations.story_id = shared_stories.id
        WHERE shared_stories.student_id = source.student_id AND shared_stories.goal_id = source.id AND (
            num_nonnulls(shared_stories.course_id, shared_stories.link) > 0
            OR greatest(shared_stories.created_at, community_at, congratulations.created_at) >= %(since)s
        )
        OFFSET 0
    )
"""


@dataclass(frozen=True)
class Source:
    """A source table: the kinds that its rows may have, and a condition in SQL on those that stay, however old."""

    model: type[models.Model]
    kinds: tuple[str, ...]
    stays: str = "false"

    @cached_property
    def table(self):
        return self.model._meta.db_table

    @cached_property
    def old(self):
        """A condition in SQL: every time in the row lies before the day.  When words were hidden does not count."""
        conditions = []
        for column in self.model._meta.local_concrete_fields:
            if isinstance(column, models.DateTimeField) and column.name != "hidden_at":
                # The plain form is one that an index of the student and that time can answer.
                form = "({} >= %(since)s) IS NOT TRUE" if column.null else "{} < %(since)s"
            elif isinstance(column, ArrayField) and isinstance(column.base_field, models.DateTimeField):
                form = "(%(since)s <= ANY ({})) IS NOT TRUE"
            else:
                continue
            conditions.append(form.format(f"source.{column.column}"))
        return " AND ".join(conditions)

    @cached_property
    def query(self):
        """The rows that go, of the students or the ids that the condition {scope} names: id, student, how many entries.

        Words that are hidden have no entry, and go as if they were not hidden.
        """
        hides = issubclass(self.model, Writing)
        row = """jsonb_populate_record(source, '{{"hidden_at": null}}')""" if hides else "source"
        entries = "CASE WHEN source.hidden_at IS NULL THEN says.entries ELSE 0 END" if hides else "says.entries"
        return f"""
            SELECT source.id, source.student_id, {entries}
            FROM {self.table} AS source
            CROSS JOIN LATERAL (
                SELECT
                    count(*) AS entries,
                    count(*) FILTER (WHERE created_at >= %(since)s) AS newer,
                    array_agg(activity_type) AS kinds
                FROM timeline_entries({row}) AS entry
            ) AS says
            WHERE {{scope}} AND {self.old} AND ({self.stays}) IS NOT TRUE
                AND says.newer = 0 AND coalesce(says.kinds, ARRAY['{self.kinds[0]}']) <@ %(kinds)s::text[]
        """


# Goals last: by then nothing is left of most of what would go with them.
SOURCES = [
    Source(VideoProgress, ("video_progress", "video_completion")),
    Source(CheckpointReached, ("checkpoint_reached",)),
    Source(Reflection, ("text_reflection", "voice_reflection", "screenshot_reflection", "loom_reflection")),
    Source(QuizAttempt, ("quiz_attempt", "quiz_completion")),
    Source(LessonCompletion, ("lesson_completion",), IN_COURSE),
    Source(DailyNote, ("daily_note",)),
    Source(GoalMessage, ("instructor_message",)),
    Source(SuccessProof, ("success_proof",), OF_CURRENT_GOAL),
    Source(GoalMilestone, ("goal_milestone",), f"source.reached_at IS NULL OR {OF_CURRENT_GOAL}"),
    Source(Enrollment, ("course_enrollment", "course_completion"), NOT_LEFT_FOR_GOOD),
    Source(Goal, ("goal_completion",), HAS_WHAT_STAYS),
]
WATCHING = SOURCES[0]

# Of which an import would make anew what was watched (docs/xapi.md).
STATEMENTS = """
    FROM video_progress AS watching
    JOIN xapi_agents AS agent ON agent.profile_id = watching.student_id
    JOIN xapi_statements AS statement ON statement.agent_id = agent.id AND statement.video_id = watching.video_id
    WHERE watching.id = ANY (%(rows)s) AND statement.timestamp < %(since)s
"""

STAYING = """
    SELECT count(*) FROM student_activity_timeline
    WHERE student_id = ANY (%(students)s) AND activity_date < %(day)s AND activity_type = ANY (%(kinds)s)
"""


class Row(NamedTuple):
    id: UUID
    student: UUID
    entries: int


@dataclass
class Tally:
    """What goes, or went: rows and entries by source table, and what else happens, by table.

    `unnamed` are rows that lose their reference to one that goes; `waiting`,
    reflections among `rows` that nobody answered; `staying`, older entries of
    the kinds asked for that stay (counted by a survey alone).
    """

    students: set = field(default_factory=set)
    rows: Counter = field(default_factory=Counter)
    entries: Counter = field(default_factory=Counter)
    deleted: Counter = field(default_factory=Counter)
    unnamed: Counter = field(default_factory=Counter)
    waiting: int = 0
    staying: int = 0

    def add(self, other):
        self.students |= other.students
        for name in ("rows", "entries", "deleted", "unnamed", "waiting", "staying"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Purge:
    """Deletes what happened before a day in New York, or counts it beforehand.

    `survey` and `delete` are the work of a timeline.backfill.Walk; `tally` says
    what was found or, once it is committed, deleted.
    """

    def __init__(self, before: datetime.date, kinds):
        since = datetime.datetime.combine(before, datetime.time(), DAY_ZONE)
        self.parameters = {"day": before, "since": since, "kinds": list(kinds)}
        self.sources = [source for source in SOURCES if not set(source.kinds).isdisjoint(kinds)]
        self.tally = Tally()
        self.size = FIRST_SIZE

    def survey(self, students):
        """Count what would go of these students; nothing is locked, nothing written."""
        done = Tally()
        with transaction.atomic(), connection.cursor() as cursor:
            found = self._found(cursor, students)
            for source, rows in found.items():
                self._count(cursor, done, source, rows, found)
            cursor.execute(STAYING, self.parameters | {"students": students})
            done.staying = cursor.fetchone()[0] - done.entries.total()
        self.tally.add(done)
        return done

    def delete(self, students):
        """Delete what goes of these students, in transactions that each take some HOLD seconds."""
        with transaction.atomic(), connection.cursor() as cursor:
            found = self._found(cursor, students)
        goals = [(row, source) for source, rows in found.items() for row in rows if source.model is Goal]
        others = [(row, source) for source, rows in found.items() for row in rows if source.model is not Goal]
        others.sort(key=lambda each: each[0].student)
        # How each locks: docs/locks.md.
        while others:
            start = time.monotonic()
            sizes = itertools.accumulate(1 + row.entries for row, _ in others)
            number = max(1, sum(1 for _ in itertools.takewhile(lambda size: size <= self.size, sizes)))
            self._delete(others[:number], "FOR SHARE")
            del others[:number]
            self._adapt(time.monotonic() - start)
        for goal in goals:  # one by one: a goal's periods resync the entries of their time that are left
            self._delete([goal], "FOR UPDATE")
        return self.tally

    def _found(self, cursor, students):
        """{Source: the Rows that go} of these students."""
        look_up_by_index(cursor)
        return {source: self._rows(cursor, source, "source.student_id", students) for source in self.sources}

    def _rows(self, cursor, source, column, ids):
        cursor.execute(source.query.format(scope=f"{column} = ANY (%(ids)s)"), self.parameters | {"ids": ids})
        return list(itertools.starmap(Row, cursor))

    def _delete(self, batch, lock):
        """Delete (Row, Source)s in one transaction, but for those that changed since they were found."""
        ids = {}
        for row, source in batch:
            ids.setdefault(source, []).append(row.id)
        done = Tally()
        with transaction.atomic(), connection.cursor() as cursor:
            look_up_by_index(cursor)
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, true), set_config('synchronous_commit', 'off', true)",
                [lock_timeout()],
            )
            students = [row.student for row, _ in batch]
            cursor.execute(f"SELECT FROM profiles WHERE id = ANY (%s) ORDER BY id {lock}", [students])
            for source in sorted(ids, key=SOURCES.index):
                cursor.execute(f"SELECT FROM {source.table} WHERE id = ANY (%s) ORDER BY id FOR UPDATE", [ids[source]])
                rows = self._rows(cursor, source, "source.id", ids[source])
                self._count(cursor, done, source, rows, {})
                if source is WATCHING:
                    self._delete_statements(cursor, rows)
                cursor.execute(f"DELETE FROM {source.table} WHERE id = ANY (%s)", [[row.id for row in rows]])
        self.tally.add(done)

    def _count(self, cursor, tally, source, rows, found):
        """Add rows that go, and what happens to others with them unless these are `found` to go themselves."""
        if not rows:
            return
        ids = [row.id for row in rows]
        tally.students.update(row.student for row in rows)
        tally.rows[source.table] += len(rows)
        tally.entries[source.table] += sum(row.entries for row in rows)
        if source.model is Reflection:
            tally.waiting += Reflection.objects.filter(pk__in=ids, responded_at=None, hidden_at=None).count()
        if source is WATCHING:
            cursor.execute(f"SELECT count(*) {STATEMENTS}", self._watched(rows))
            tally.deleted["xapi_statements"] += cursor.fetchone()[0]
        for model, lookup, goes in dependants(source.model):
            going = [row.id for other, others in found.items() if other.model is model for row in others]
            number = model._base_manager.filter(**{f"{lookup}__in": ids}).exclude(pk__in=going).count()
            (tally.deleted if goes else tally.unnamed)[model._meta.db_table] += number

    def _watched(self, rows):
        return self.parameters | {"rows": [row.id for row in rows]}

    def _delete_statements(self, cursor, rows):
        """Delete the statements of these rows; an import leaves alone what else it has made of their people."""
        cursor.execute(
            f"""
            WITH gone AS (
                DELETE FROM xapi_statements WHERE id = ANY (ARRAY(SELECT statement.id {STATEMENTS})) RETURNING agent_id
            )
            DELETE FROM xapi_written WHERE agent_id = ANY (ARRAY(SELECT agent_id FROM gone))
            """,
            self._watched(rows),
        )

    def _adapt(self, seconds):
        self.size = next_size(self.size, took=seconds, pace=HOLD, smallest=SMALLEST_SIZE, largest=LARGEST_SIZE)


def look_up_by_index(cursor):
    """For the rest of the transaction, whatever was known of the tables' sizes, as in timeline_resync."""
    cursor.execute("SET LOCAL enable_seqscan = off")


@cache
def dependants(model):
    """(model, lookup, whether it is deleted) of rows that foreign keys delete with those of `model`, or unname."""
    found = []
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.on_delete not in (DB_CASCADE, DB_SET_NULL):
            continue
        child, lookup, goes = relation.related_model, relation.field.name, relation.on_delete is DB_CASCADE
        found.append((child, lookup, goes))
        if goes:
            found += [(other, f"{path}__{lookup}", gone) for other, path, gone in dependants(child)]
    return found
