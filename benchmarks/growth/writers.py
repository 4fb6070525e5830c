"""Writers at once against cores: entries a second, the processor's share, and what writers wait for."""

import random
from collections import Counter
from statistics import median

from benchmarks import harness, report

CLIENTS = (1, 2, 4, 8, 16)
ROUNDS = 3
WITHOUT = "reflections, without the timeline"
NOT_WAITING = "reflections, no wait for the disk"

# Whom writers write about, by number.
NUMBERED = """
    DROP TABLE IF EXISTS benchmark.writer, benchmark.place, benchmark.beat;
    CREATE TABLE benchmark.writer AS
    SELECT row_number() OVER (ORDER BY benchmark.draw(n, 90)) AS n, id AS student_id FROM benchmark.student;
    CREATE TABLE benchmark.place AS
    SELECT row_number() OVER (ORDER BY benchmark.draw(n, 91)) AS n, id AS video_id FROM benchmark.video;
    CREATE TABLE benchmark.beat AS
    SELECT row_number() OVER (ORDER BY hashtextextended(id::text, 92)) AS n, id FROM video_progress;
    ALTER TABLE benchmark.writer ADD PRIMARY KEY (n);
    ALTER TABLE benchmark.place ADD PRIMARY KEY (n);
    ALTER TABLE benchmark.beat ADD PRIMARY KEY (n);
    ANALYZE benchmark.writer, benchmark.place, benchmark.beat;
"""
REFLECTION = """\
\\set student random(1, {students})
\\set video random(1, {videos})
INSERT INTO reflections (student_id, video_id, video_timestamp_seconds, content)
SELECT student_id, video_id, :student % 200, repeat('What I would ask the next customer first. ', 5)
FROM benchmark.writer, benchmark.place WHERE writer.n = :student AND place.n = :video;
"""
# As a report of watching that covers nothing new: it crosses no tenth.
HEARTBEAT = """\
\\set row random(1, {beats})
\\set second random(1, 200)
UPDATE video_progress
SET watched = watched + int4multirange(int4range(0, 1)), watched_at = now(), position_seconds = :second
WHERE id = (SELECT id FROM benchmark.beat WHERE n = :row);
"""


def measure(ground):
    """Blocks of Markdown, of the smallest school."""
    with ground.copy_of(ground.school(ground.sizes[0], by_triggers=True)) as name:
        with ground.at(name) as connection:
            scripts = scripts_of(connection)
        found = {}
        for case, script in scripts.items():
            with ground.at(name) as connection:
                harness.watch(connection, case != WITHOUT)
                commit = "off" if case == NOT_WAITING else "on"
                harness.execute(connection, f"ALTER DATABASE {name} SET synchronous_commit = {commit}")
                harness.execute(connection, "VACUUM (ANALYZE)")
            ground.write(name, script)
            found[case] = [
                {clients: ground.write(name, script, clients) for clients in random.sample(CLIENTS, len(CLIENTS))}
                for _ in range(ROUNDS)
            ]
    return blocks(found, ground.document)


def scripts_of(connection):
    """{what is written: a script of pgbench}."""
    harness.execute(connection, NUMBERED)
    [(students, videos, beats)] = harness.execute(
        connection,
        "SELECT (SELECT count(*) FROM benchmark.writer), (SELECT count(*) FROM benchmark.place),"
        " (SELECT count(*) FROM benchmark.beat)",
    )
    return {
        "reflections": REFLECTION.format(students=students, videos=videos),
        WITHOUT: REFLECTION.format(students=students, videos=videos),
        NOT_WAITING: REFLECTION.format(students=students, videos=videos),
        "reflections, one student": REFLECTION.format(students=1, videos=videos),
        "reflections, one video": REFLECTION.format(students=students, videos=1),
        "heartbeats": HEARTBEAT.format(beats=beats),
    }


def blocks(found, document):
    one, most = CLIENTS[0], CLIENTS[-1]
    times = {
        case: {clients: median(each[clients].rate / each[one].rate for each in rounds) for clients in CLIENTS}
        for case, rounds in found.items()
    }
    rows = [
        [
            case,
            median(each[one].rate for each in rounds),
            *(times[case][clients] for clients in CLIENTS[1:]),
            f"{median(each[most].processor for each in rounds):.0%}",
            *(told(sum((each[clients].waits for each in rounds), Counter())) for clients in (one, most)),
            median(each[most].wal for each in rounds),
        ]
        for case, rounds in found.items()
    ]
    return [
        "**Writers at once**, each row committed by itself: rows a second of one writer, and how many"
        f" times that many write, as medians of {ROUNDS} rounds; the server's share of all cores, and what writers do"
        " or wait for at any moment",
        report.table(
            [
                "", "one: rows a second", *(f"{clients}: times" for clients in CLIENTS[1:]), f"cores, {most}",
                "one", f"{most}", "WAL bytes a row",
            ],
            rows,
        ),
        report.lines(
            "growth-writers", "Rows a second, beside those of one writer",
            {case.removeprefix("reflections, "): list(of.items()) for case, of in times.items()},
            x="writers at once", y="times", log_y=False, log_x=False, document=document,
        ),
    ]  # fmt: skip


def told(waits):
    """The two that are met most, with their shares."""
    met = waits.total() or 1
    return ", ".join(f"{name} {number / met:.0%}" for name, number in waits.most_common(2))
