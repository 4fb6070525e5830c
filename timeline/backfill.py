"""Going over students in batches, to repair their timelines or to look for drift.

Each batch is a transaction of its own and locks its students' rows for some
50 ms, so that a backfill runs beside live writers (docs/decisions/0002).  It
waits for a row for less than the server's deadlock_timeout, so that it gives way
before PostgreSQL picks somebody else as the victim of a deadlock; students
who stay locked are left for later.  A batch of a check locks nobody, and takes
half a second.
"""

import functools
import time
from collections import Counter
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from psycopg import errors

HOLD = 0.05  # seconds that a batch may hold its students, about
CHECK = 0.5  # seconds that a batch of a check may take, about: it holds nobody, and is planned anew each time
FIRST_SIZE = 4  # students; each later batch is sized by how long the one before took
LARGEST_SIZE = 1000  # students
PATIENCE = 60  # seconds to wait for who is writing; and, in all, for students who stay locked
LONGEST_PAUSE = 5  # seconds between two tries
NO_ID, LAST_ID = UUID(int=0), UUID(int=2**128 - 1)

# A loose index scan (idx_student_date) finds students whom the timeline alone still knows: it has no
# foreign keys, so entries of somebody who is gone are possible, and are ghosts.
# Those of one part of several are told by a hash of their ids, the same however many students come in the meantime.
NEXT_STUDENTS = """
    WITH RECURSIVE present (id) AS (
        (
            SELECT student_id FROM student_activity_timeline
            WHERE student_id >= %(position)s ORDER BY student_id LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT student_id FROM student_activity_timeline
            WHERE student_id > present.id ORDER BY student_id LIMIT 1
        )
        FROM present WHERE present.id IS NOT NULL
    )
    (SELECT id FROM profiles WHERE id >= %(position)s AND {in_part} ORDER BY id LIMIT %(size)s)
    UNION
    (SELECT id FROM present WHERE id IS NOT NULL AND {in_part} LIMIT %(size)s)
    ORDER BY id LIMIT %(size)s
"""

IN_PART = "uuid_hash(id) & 65535 BETWEEN 65536 * (%(part)s - 1) / %(parts)s AND 65536 * %(part)s / %(parts)s - 1"

# An entry filed under another student is a ghost there and missing here, whoever shares the batch.
DRIFT = """
    SELECT
        coalesce((expected).source_table, (present).source_table),
        count(*) FILTER (WHERE (expected).id IS NOT NULL AND same_student IS NOT TRUE) AS missing,
        count(*) FILTER (WHERE same_student) AS stale,
        count(*) FILTER (WHERE (present).id IS NOT NULL AND same_student IS NOT TRUE) AS ghost
    FROM timeline_drift(%s::uuid[]), LATERAL (SELECT (present).student_id = (expected).student_id AS same_student) AS _
    GROUP BY 1
"""

# Whoever writes a source holds the advisory lock of places (timeline/sql/current/watch.sql) until the commit.
WRITING = """
    SELECT virtualtransaction, pid FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid IS DISTINCT FROM pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid::bigint << 32 | objid::bigint = hashtext('student_activity_timeline')
"""


class StillWriting(Exception):
    """These processes of PostgreSQL have transactions that last too long; None stands for a prepared one."""

    def __init__(self, processes):
        super().__init__(processes)
        self.processes = processes


class StillLocked(Exception):
    """Other transactions held these students' rows for longer than a backfill waits."""

    def __init__(self, students):
        super().__init__(students)
        self.students = students


class TimelineNotEmpty(Exception):
    """There are entries already; a first load needs an empty timeline."""


def unknown_students(students):
    """Those of these ids that no profile and no entry has."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM unnest(%s::uuid[]) AS id
            WHERE NOT EXISTS (SELECT FROM profiles WHERE profiles.id = id.id)
            AND NOT EXISTS (SELECT FROM student_activity_timeline WHERE student_id = id.id)
            """,
            [students],
        )
        return [student for (student,) in cursor]


@functools.cache
def lock_timeout():
    """How long to wait for a lock: half of what the server waits before it looks for deadlocks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (setting::integer / 2)::text || unit FROM pg_settings WHERE name = 'deadlock_timeout'")
        return cursor.fetchone()[0]


def resync(students):
    """Make these students' timelines right; returns how many entries were inserted, updated and deleted.

    The commit does not wait for the disk, which would cost a fifth of the time:
    a crash of the server may take the last second's work, until `flush`.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true), set_config('synchronous_commit', 'off', true)",
            [lock_timeout()],
        )
        cursor.execute("SELECT inserted, updated, deleted FROM timeline_resync(%s::uuid[])", [students])
        return Counter(dict(zip(("inserted", "updated", "deleted"), cursor.fetchone(), strict=True)))


def first_load():
    """Fill the empty timeline at once and build its indexes afterwards; returns how many entries there are.

    It waits for those who are writing or reading; others wait until its end.  All or nothing: whatever stops it, the
    timeline is empty and has its indexes.  Raises TimelineNotEmpty.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT timeline_first_load()")
            (entries,) = cursor.fetchone()
    except DatabaseError as error:
        if isinstance(error.__cause__, errors.ObjectNotInPrerequisiteState):
            raise TimelineNotEmpty from error
        raise
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) student_activity_timeline")  # counts are index-only scans
    return entries


def flush():
    """Return when everything that `resync` did is on disk."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")  # a transaction whose commit is logged, and waited for


def wait_for_writers():
    """Return once the transactions that are now writing sources are over; raises StillWriting.

    What they wrote before a mapping changed has the old mapping's entries, and
    nobody sees it until they commit: a resync does not wait for inserts, nor they
    for it.  Those who begin to write later use the new mapping.
    """
    deadline = time.monotonic() + PATIENCE
    pause = 0.01
    writing = _writing()
    while writing:
        if time.monotonic() + pause > deadline:
            raise StillWriting({process for _, process in writing})
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE / 10)
        writing &= _writing()


def _writing():
    """Who writes at the moment: a set of (virtual transaction, process)."""
    with connection.cursor() as cursor:
        cursor.execute(WRITING)
        return set(cursor.fetchall())


def drift(students):
    """What is wrong with these students' timelines: a Counter of (source table, missing | stale | ghost)."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        # As in timeline_resync: index look-ups, whatever was known of the tables' sizes.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(DRIFT, [students])
        return Counter(
            {
                (source_table, kind): count
                for source_table, *counts in cursor
                for kind, count in zip(("missing", "stale", "ghost"), counts, strict=True)
                if count
            }
        )


def next_size(size, *, took, pace, largest, smallest=1):
    """Of the batch that is to take `pace` seconds, after one of `size` that took so many; at most twice as large."""
    factor = min(max(pace / max(took, 0.001), 0.25), 2)
    return min(max(int(size * factor), smallest), largest)


class Walk:
    """Goes over all students in order of id, or over `only` these, from the id `since` on.

    With `part` (k, n), over the k-th of n parts of all, of about equal size.
    `work` is `resync`, `drift`, or another function of a list of students, whose
    batches take some `pace` seconds.  Iterating yields, batch by batch, what it
    returned.  Once it is over, whether by its end, an exception or Ctrl-C,
    `position` is the smallest id not done yet (None: all are done) and `done`
    says how many students are.  Raises StillLocked at the end if some had to
    be left out.
    """

    def __init__(self, work, *, only=None, since=None, part=(1, 1), batch_size=None, pace=HOLD):
        self.work = work
        self._pace = pace
        self.part = {"part": part[0], "parts": part[1]}
        self._in_part = IN_PART if part != (1, 1) else "true"
        self.only = None if only is None else sorted(set(only))
        self.done = 0
        self.size = batch_size or FIRST_SIZE
        self._fixed = batch_size is not None
        self._next = since or NO_ID
        self._locked = set()

    @property
    def position(self):
        return min([*self._locked, *([] if self._next is None else [self._next])], default=None)

    def count(self):
        """How many students there are to do; those without a profile are not counted beforehand."""
        if self.only is not None:
            return sum(student >= self._next for student in self.only)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM profiles WHERE id >= %(position)s AND {self._in_part}",
                self.part | {"position": self._next},
            )
            return cursor.fetchone()[0]

    def __iter__(self):
        while self._next is not None and (students := self._take()):
            start = time.monotonic()
            result = self._try(students)
            if result is not None:
                self._adapt(time.monotonic() - start)
                self._pass(students[-1])
                yield self._done(students, result)
                continue
            # Somebody is locked: find out who, and go on with the others.
            for student in students:
                result = self._try([student]) if len(students) > 1 else None
                if result is None:
                    self._locked.add(student)
                self._pass(student)
                if result is not None:
                    yield self._done([student], result)
        self._next = None
        yield from self._come_back()

    def _come_back(self):
        """Try those who were locked again, one by one and ever more slowly."""
        deadline = time.monotonic() + PATIENCE
        pause = 0.1
        while self._locked:
            for student in sorted(self._locked):
                result = self._try([student])
                if result is not None:
                    self._locked.discard(student)
                    yield self._done([student], result)
            if self._locked:
                if time.monotonic() + pause > deadline:
                    raise StillLocked(sorted(self._locked))
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _try(self, students):
        """What the work returns; None if the students, or entries of theirs, are locked."""
        try:
            return self.work(students)
        except DatabaseError as error:
            if isinstance(error.__cause__, errors.LockNotAvailable | errors.DeadlockDetected):
                return None
            raise

    def _take(self):
        if self.only is not None:
            return [student for student in self.only if student >= self._next][: self.size]
        with connection.cursor() as cursor:
            cursor.execute(
                NEXT_STUDENTS.format(in_part=self._in_part),
                self.part | {"position": self._next, "size": self.size},
            )
            return [student for (student,) in cursor]

    def _adapt(self, seconds):
        if not self._fixed:
            self.size = next_size(self.size, took=seconds, pace=self._pace, largest=LARGEST_SIZE)

    def _pass(self, student):
        self._next = UUID(int=student.int + 1) if student < LAST_ID else None

    def _done(self, students, result):
        self.done += len(students)
        return result
