"""A streaming standby: how far it is behind while people write, and whether it has what was just written."""

import statistics
import threading
import time
from contextlib import contextmanager

from benchmarks import report
from benchmarks.growth import writers
from benchmarks.server import wait_until

WRITERS = (1, 4, 16)
POSTS = 200
EVERY = 0.05  # seconds

LAG = """
    SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8,
        coalesce(extract(epoch FROM replay_lag), 0)::float8 * 1000
    FROM pg_stat_replication
"""
POST = """
    INSERT INTO daily_notes (student_id, content) SELECT student_id, 'A note' FROM benchmark.writer
    WHERE n = 1 + %s %% (SELECT count(*) FROM benchmark.writer)
    RETURNING id
"""
SEEN = "SELECT EXISTS (SELECT FROM student_activity_timeline WHERE source_table = 'daily_notes' AND source_id = %s)"


def measure(ground):
    """Blocks of Markdown, of a copy of the smallest school."""
    server = ground.server
    with ground.copy_of(ground.school(ground.sizes[0], by_triggers=True)) as name:
        with ground.at(name) as connection:
            script = writers.scripts_of(connection)["reflections"]
        standby = server.copy(ground.folder / "standby", "-R")
        try:
            standby.start("SELECT pg_last_wal_replay_lsn()")
            lags = {number: lag(ground, name, script, number) for number in WRITERS}
            posts = {
                "nothing": post(ground, standby, name, "on", ""),
                "that it has replayed the commit": post(ground, standby, name, "remote_apply", "*"),
            }
        finally:
            wait_for_standby(server, "")
            standby.delete()
    return blocks(lags, posts)


def lag(ground, name, script, number):
    """(MB of WAL a second, median and most MB behind, median and most ms behind, seconds to catch up)."""
    found, ended = [], threading.Event()
    with ground.server.connect(name, autocommit=True) as connection:

        def look():
            while not ended.wait(EVERY):
                found.extend(connection.execute(LAG).fetchall())

        looking = threading.Thread(target=look)
        looking.start()
        written = ground.write(name, script, number)
        ended.set()
        looking.join()
        start = time.monotonic()
        wait_until(lambda: connection.execute(LAG).fetchone()[0] == 0, "the standby does not catch up")
        caught_up = time.monotonic() - start
    behind, late = zip(*found, strict=True)
    megabytes = [each / 2**20 for each in behind]
    return (
        written.rate * written.wal / 2**20,
        statistics.median(megabytes), max(megabytes), statistics.median(late), max(late), caught_up,
    )  # fmt: skip


def post(ground, standby, name, commit, names):
    """Of single notes, with 4 others writing: (the share that the standby does not show once the commit returned,
    milliseconds of a commit)."""
    server = ground.server
    wait_for_standby(server, names)
    missed, took = 0, []
    with (
        server.connect(name, autocommit=True) as here,
        standby.connect(name, autocommit=True) as there,
        others(ground, name),
    ):
        here.execute(f"SET synchronous_commit = {commit}")
        for number in range(POSTS):
            start = time.perf_counter()
            [entry] = here.execute(POST, [number]).fetchone()
            took.append((time.perf_counter() - start) * 1000)
            missed += not there.execute(SEEN, [entry]).fetchone()[0]
    return missed / POSTS, statistics.median(took)


def wait_for_standby(server, names):
    """Have commits wait for standbys of these names ("*": of any), or no longer for any ("")."""
    with server.connect("postgres", autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        connection.execute("SELECT pg_reload_conf()")
        if names:
            synchronous = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')"
            wait_until(lambda: connection.execute(synchronous).fetchone()[0], "the standby is not synchronous")


@contextmanager
def others(ground, name):
    """Four writers beside it, whose commits wait for this server alone."""
    ended = threading.Event()

    def write(number):
        with ground.server.connect(name, autocommit=True) as connection:
            connection.execute("SET synchronous_commit = local")
            while not ended.is_set():
                connection.execute(POST, [number])
                number += 1

    threads = [threading.Thread(target=write, args=(50 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def blocks(lags, posts):
    alone = next(iter(posts.values()))[1]
    return [
        "**A streaming standby** on the same machine, while reflections are written at full speed",
        report.table(
            ["writers", "WAL, MB a second", "behind, MB: median", "most", "behind, ms: median", "most",
                "s to catch up"],
            [[str(number), *row] for number, row in lags.items()],
        ),
        f"**Reading one's own note on the standby** at once, {POSTS} times, while four others write",
        report.table(
            ["a commit waits for the standby:", "the entry is not there yet", "ms of a commit", "times"],
            [
                [what, f"{missed:.0%}", took, took / alone] for what, (missed, took) in posts.items()
            ],
        ),
    ]  # fmt: skip
