"""Where a fault happens: a database with a school, people who write in it, and what must be true afterwards."""

import itertools
import random
import re
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.faults.ledger import Ledger, words_in
from benchmarks.faults.writers import Crowd, Program, Visitor
from benchmarks.server import Server

TEMPLATE = "school"
STUDENTS = 80
VISITORS = 12  # students who are logged in
PROGRAMS = 5


class NotRun(Exception):
    """The fault cannot be made here; the text says what is missing."""


@dataclass
class School:
    """Ids of the rows that writers write about."""

    students: list
    videos: list
    goals: dict
    instructor: object
    instructor_cookie: str
    visitors: list  # (student, cookie)


def found_school(server):
    """The School in the database TEMPLATE, which Django's settings name; migrated and filled here."""
    from django.core.management import call_command
    from django.db import connection

    from benchmarks import harness, population
    from benchmarks.production import cookie
    from courses.models import Course, CourseInstructor, Video
    from goals.models import Goal
    from profiles.models import Profile

    server.create_database(TEMPLATE)
    call_command("migrate", verbosity=0)
    population.run(connection, "even_school.sql", students=STUDENTS)

    students = list(Profile.objects.order_by("id"))
    instructor = Profile.objects.create(full_name="Instructor", email="instructor@example.org", password="!")
    for course in Course.objects.all():
        CourseInstructor.objects.create(course=course, instructor=instructor)
    goals = {student.pk: [] for student in students}
    for goal in Goal.objects.order_by("id"):
        goals[goal.student_id].append(goal.pk)
    school = School(
        students=[student.pk for student in students],
        videos=list(Video.objects.order_by("id").values_list("pk", flat=True)[:8]),
        goals=goals,
        instructor=instructor.pk,
        instructor_cookie=cookie(instructor),
        visitors=[(student.pk, cookie(student)) for student in students[:VISITORS]],
    )
    harness.execute(connection, "VACUUM ANALYZE")
    connection.close()
    return school


class Stage:
    """A database `name` of its own on `server`, with a Ledger of what is written in it."""

    def __init__(self, name, server: Server, school, folder):
        self.name, self.server, self.school, self.folder = name, server, school, folder
        server.drop_database(name)
        server.copy_database(TEMPLATE, name)
        self.ledger = Ledger(folder / f"{name}.{id(self)}.ledger")
        with self.connect() as connection:
            self.before = self._words_before(connection)
        self.crowds = itertools.count()
        self.broken, self.longest, self.unsaid, self.happened = 0, 0.0, 0, Counter()
        self.refused = []
        self.kept = {}  # what a fault keeps from round to round
        self.closing = ExitStack()  # and what ends with its last one

    def connect(self, **options):
        return self.server.connect(self.name, **options)

    def managed(self, *arguments):
        return self.server.managed(self.name, *arguments)

    @contextmanager
    def people(
        self, chance, *, programs=PROGRAMS, port=None, visitors=0, excused=(), answers_excused=(), url=None, ledger=None
    ):
        """Writers at work: a Crowd.

        `excused`: beginnings of SQLSTATEs, `answers_excused`: HTTP's statuses;
        `url` and `ledger`: of another database, in which they write instead.
        """
        number = next(self.crowds)

        def of_writer(index, excused):
            own = random.Random(f"{chance.random()} {index}")
            return f"{self.name}-{number}-{index}", own, self.school, ledger or self.ledger, tuple(excused)

        url = url or self.server.url(self.name)
        writers = [
            *(Program(*of_writer(index, excused), url=url) for index in range(programs)),
            *(Visitor(*of_writer(f"v{index}", answers_excused), port=port) for index in range(visitors)),
        ]
        with Crowd(number, writers) as crowd:
            yield crowd
        self.broken += crowd.broken
        self.longest = max(self.longest, crowd.longest)
        self.refused += crowd.refused

    def wrong(self):
        """What is wrong by now, as sentences: drift, lost words, and writers who were refused.  Others may write on."""
        sentences, self.refused = self.refused, []
        sentences += drift(self.server, self.name)
        since = self.ledger.position()
        with self.connect() as connection:
            found, self.unsaid = self.ledger.wrong(words_in(connection), since)
            if self._words_before(connection) != self.before:
                found.append("what stood there before is not as it was")
        return sentences + found

    def _words_before(self, connection):
        """Words that are not the writers', which nobody touches: [rows, a hash]."""
        return connection.execute(
            "SELECT count(*), sum(hashtextextended(content, 0)::numeric)::text FROM ("
            " SELECT content FROM reflections UNION ALL SELECT content FROM daily_notes"
            " UNION ALL SELECT content FROM success_proofs UNION ALL SELECT content FROM goal_messages"
            ") AS words WHERE content NOT LIKE '#%: %'"
        ).fetchone()


def drift(server, database):
    """What `manage.py backfill_timeline --check` finds: no sentence if nothing."""
    code, output = server.managed(database, "backfill_timeline", "--check")
    if code == 0 and re.search(r"^The timeline says what its sources say", output, re.MULTILINE):
        return []
    return [f"backfill_timeline --check: {' '.join(output.split())[-500:]}"]


def differences(there, here):
    """The tables that do not hold the same rows, of two databases' `hashes`."""
    return [
        f"{table}: {there.get(table)} rows and hash there, {here.get(table)} here"
        for table in sorted(there.keys() | here.keys())
        if there.get(table) != here.get(table)
    ]
