"""Memory against size: what pages and writers have to fetch when less is in memory than there is."""

import random

from benchmarks import harness, report
from benchmarks.growth import writers
from benchmarks.growth.ground import counted, may_forget, statements_of_pages, taken

PAGES = ("journey", "days", "goal", "inbox")
MEMORY = {"16MB": 16, "64MB": 64, "256MB": 256, "1GB": 1024}  # shared_buffers: megabytes
ROUNDS = 3
VISITS = 160
ROWS = 2_000
BLOCKS = "SELECT blks_hit, blks_read FROM pg_stat_database WHERE datname = current_database()"
FORGOTTEN = ", the system having forgotten its files"
KEPT = " (the system kept its files in memory, as we may not have it forget them)"


def measure(ground):
    """Blocks of Markdown, of a copy of the largest school."""
    with ground.copy_of(ground.school(ground.sizes[-1])) as name:
        with ground.at(name) as connection:
            scripts = writers.scripts_of(connection)
            [(size,)] = harness.execute(connection, "SELECT pg_database_size(current_database())")
            pages = statements_of_pages(connection, PAGES)
            visits = statements_of_visits(connection, VISITS)
        cold = {page: cold_and_warm(ground, name, statements) for page, statements in pages.items()}
        visited, rounds = {}, {memory: [] for memory in MEMORY}
        for memory in MEMORY:
            ground.restart(shared_buffers=memory)
            with ground.at(name) as connection:
                visited[memory] = visit(connection, visits)
        for memory in random.sample([*MEMORY] * ROUNDS, ROUNDS * len(MEMORY)):
            ground.restart(shared_buffers=memory, synchronous_commit="off")  # or the disk's wait hides all else
            ground.write(name, scripts["reflections"], transactions=ROWS)
            rounds[memory].append(ground.write(name, scripts["reflections"], transactions=ROWS, checkpoint=True))
        ground.restart()
    written = {memory: middle(each, lambda row: row.rate) for memory, each in rounds.items()}
    return blocks(cold, visited, written, size, ground.document)


def middle(rounds, figure):
    """The round of the middle, by a figure of it."""
    return sorted(rounds, key=figure)[len(rounds) // 2]


def cold_and_warm(ground, name, statements):
    """(Taken with nothing in memory, Taken once it is), of the round in the middle by their times."""
    rounds = []
    for _ in range(ROUNDS):
        ground.restart(forget=True)
        with ground.at(name) as connection:
            harness.execute(connection, "SELECT 1")
            rounds.append((taken(connection, statements), taken(connection, statements)))
    return middle(rounds, lambda pair: pair[0].milliseconds / pair[1].milliseconds)


def statements_of_visits(connection, number):
    """The statements of `number` visits of pages: [[(statement, parameters)]].

    Each visit is about an entry drawn by chance, so a student or video is met as often as they have entries: in turn
    the student's own days, the video they watch, its journey and the student's days, these two to its instructor.
    """
    from benchmarks import reading
    from courses.models import Course
    from profiles.models import Profile

    rows = harness.execute(
        connection,
        "SELECT student_id, video_id, course_id FROM student_activity_timeline WHERE video_id IS NOT NULL"
        " ORDER BY hashtextextended(id::text, 1) LIMIT %s",
        [number],
    )
    people, found = {}, []

    def client_of(person):
        if person.pk not in people:
            people[person.pk] = harness.logged_in(person)
        return people[person.pk]

    with harness.pages_served():
        for turn, (student, video, course) in enumerate(rows):
            own = turn % 4 < 2
            person = Profile.objects.get(pk=student) if own else Course.objects.get(pk=course).instructors.first()
            address = (
                "/days/", f"/videos/{video}/", f"/videos/{video}/journey/", f"/students/{student}/days/"
            )[turn % 4]  # fmt: skip
            statements = reading.statements_of(connection, client_of(person), address, page=address)
            found.append([(sql, params) for sql, params, _ in statements])
    return found


def visit(connection, visits):
    """What the visits take the second time: (blocks of a visit, those from outside shared_buffers, their share)."""
    from django.db.transaction import atomic, set_rollback

    for _ in range(2):
        before = counted(connection, BLOCKS)
        with atomic(), connection.cursor() as cursor:
            for statements in visits:
                for sql, params in statements:
                    cursor.execute(sql, params)
            set_rollback(True)
        hit, read = (now - then for now, then in zip(counted(connection, BLOCKS), before, strict=True))
    return (hit + read) / len(visits), read / len(visits)


def blocks(cold, visited, written, size, document):
    megabytes = size / 2**20
    most = [*MEMORY][-1]
    return [
        "**With nothing in memory**: a page's statements after a start of the server"
        f"{FORGOTTEN if may_forget() else KEPT}, and once more; of {ROUNDS} rounds, the one of the middle",
        report.table(
            ["", "buffers", "of them read", "ms, cold", "ms, warm", "times"],
            [
                [f"{page}, {whom}", first.buffers, first.read, first.milliseconds, again.milliseconds,
                    first.milliseconds / again.milliseconds]
                for (page, whom), (first, again) in cold.items()
            ],
        ),
        f"**With less memory than there is**: {VISITS} visits of pages, the second time, and {ROWS:,} reflections of"
        f" students at random after as many, which wait for no disk, in {megabytes:,.0f} MB; their WAL is"
        f" that of the first seconds after a checkpoint; of {ROUNDS} rounds, the one of the middle",
        report.table(
            ["`shared_buffers`", "of the size", "buffers of a visit", "of them read", "blocks read for a row",
                "WAL bytes a row", "whole pages in it", f"time of a row: times {most}"],
            [
                [memory, f"{100 * MEMORY[memory] / megabytes:.0f} %", *visited[memory], row.read, row.wal,
                    row.images, written[most].rate / row.rate]
                for memory, row in written.items()
            ],
        ),
        report.lines(
            "growth-memory", "Blocks read, as they are not in shared_buffers",
            {
                "for a visit of a page": [(MEMORY[memory], visited[memory][1]) for memory in visited],
                "for a new reflection": [(MEMORY[memory], row.read) for memory, row in written.items()],
            },
            x="shared_buffers, MB", y="blocks of 8 kB", log_y=False, document=document,
        ),
    ]  # fmt: skip
