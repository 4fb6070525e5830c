"""What is wrong with the machine: no room on the disk, and a clock that goes backwards."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import psutil
import psycopg

from benchmarks.faults.killed import DAMAGE, opened_website
from benchmarks.faults.stage import NotRun

TMPFS = "400m"
LARGEST_FILE = 20 * 2**20  # bytes; a segment of the WAL is 16 MB
BATCH, LENGTH = 16_000, 1_800  # texts of a batch, characters of each: more than LARGEST_FILE
NO_ROOM = ("53", "58")  # SQLSTATEs: insufficient resources, and errors of the system
LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1"
JUMPS = 8  # of a round, up to two hours each


@contextlib.contextmanager
def small_disk(server, folder):
    """A copy of `server` on a tmpfs, where this user may mount one; else where there is room."""
    place = folder / "disk"
    place.mkdir(mode=0o711)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS},mode=711", "tmpfs", place]
    is_small = os.path.exists("/bin/mount") and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        copy = server.copy(place / "server")
        copy.ballast = place / "ballast" if is_small else None
        copy.start()
        try:
            yield copy
        finally:
            copy.delete()
    finally:
        if is_small:
            subprocess.run(["umount", place], check=True)


def disk(stage, chance):
    """The disk is full, or no file may grow, while a batch is written or a backfill runs, and then it is over."""
    rounds = stage.kept["rounds"] = stage.kept.get("rounds", 0) + 1
    full = full_disk if stage.server.ballast and rounds % 2 else small_files
    of_backfill = rounds % 4 in (0, 1)
    if of_backfill:
        with stage.connect() as connection:
            connection.execute(DAMAGE.format(seed=chance.getrandbits(31)))
    with stage.people(chance, excused=NO_ROOM) as crowd:
        crowd.all_write_again()
        batch = threading.Thread(target=backfill if of_backfill else write_batch, args=(stage, rounds))
        batch.start()
        with full(stage.server, chance):
            batch.join(60)
            time.sleep(0.5)
        batch.join(60)
        stage.happened[f"{full.__doc__}: {stage.kept.pop('batch')}"] += 1
        stage.server.start()
        crowd.all_write_again()
    wrong = []
    if of_backfill:
        code, said = stage.managed("backfill_timeline")
        wrong += [f"backfill_timeline: {said}"] if code else []
    with stage.connect() as connection:
        [(found,)] = connection.execute(
            "SELECT count(*) FROM daily_notes WHERE content LIKE %s", [f"#{stage.name}-batch{rounds}-%"]
        ).fetchall()
    if found not in (0, BATCH):
        wrong.append(f"{found} of the {BATCH} texts of a batch are there")
    return wrong + stage.wrong()


def write_batch(stage, number):
    texts = [f"#{stage.name}-batch{number}-{index}: {'words ' * (LENGTH // 6)}" for index in range(BATCH)]
    stage.ledger.will_write(*texts)
    try:
        with stage.connect() as connection:
            connection.execute(
                "INSERT INTO daily_notes (student_id, content) SELECT %s, unnest(%s::text[])",
                [stage.school.students[number % len(stage.school.students)], texts],
            )
        stage.ledger.is_told(*texts)
        stage.kept["batch"] = "a batch was written"
    except psycopg.Error as error:
        stage.kept["batch"] = f"a batch failed ({error.sqlstate or 'lost'})"


def backfill(stage, number):
    code, _ = stage.managed("backfill_timeline", "--batch-size", "2")
    stage.kept["batch"] = "a backfill failed" if code else "a backfill ended"


@contextlib.contextmanager
def full_disk(server, chance):
    "full tmpfs"
    time.sleep(chance.uniform(0, 0.5))
    with contextlib.suppress(OSError), server.ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(64 * 2**10))
    try:
        # Half of the times the WAL needs another file, too, without which PostgreSQL stops altogether.
        with contextlib.suppress(psycopg.Error), server.connect("postgres", autocommit=True) as connection:
            while chance.random() < 0.75:
                connection.execute("SELECT pg_logical_emit_message(true, '', 'x'), pg_switch_wal()")
        yield
    finally:
        server.ballast.unlink()


@contextlib.contextmanager
def small_files(server, chance):
    "limited files"
    if not shutil.which("prlimit"):
        raise NotRun("needs prlimit (of util-linux)")
    limit(server, LARGEST_FILE)
    try:
        yield
    finally:
        limit(server, "unlimited")


def limit(server, size):
    """Limit how far the server's processes, and those that they start, may write into a file.

    As the server's own user, since being root is not enough everywhere.
    """
    user = server.postgres.user
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
        postmaster = server.postmaster()
        for process in [postmaster, *postmaster.children()]:
            command = ["prlimit", "--pid", str(process.pid), f"--fsize={size}:"]
            subprocess.run(command, capture_output=True, cwd="/", **as_user)


def faketime_library():
    found = [os.environ["FAKETIME_LIBRARY"]] if "FAKETIME_LIBRARY" in os.environ else []
    found += [path for pattern in LIBRARIES for path in map(str, Path("/").glob(pattern[1:]))]
    if not found or not Path(found[0]).exists():
        raise NotRun("needs libfaketime (on Debian: apt-get install libfaketime)")
    return Path(found[0])


@contextlib.contextmanager
def false_clock(server, folder):
    """A copy of `server` whose clock is the machine's, and what its file `clock` says more or less."""
    library = Path(shutil.copy(faketime_library(), folder))
    library.chmod(0o755)
    copy = server.copy(folder / "clock")
    copy.clock = folder / "clock.offset"
    set_clock(copy, 0)
    copy.variables = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(copy.clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    copy.start()
    try:
        yield copy
    finally:
        copy.delete()


def set_clock(server, seconds):
    """Say how far the clock is off; in one step, as it is read all the time."""
    new = server.clock.with_suffix(".new")
    new.write_text(f"{seconds:+d}\n")
    new.chmod(0o644)
    new.replace(server.clock)


def clock(stage, chance):
    """The clock of PostgreSQL and of the web server jumps, at least once backwards, and goes on from there."""
    false = {"DJANGO_SETTINGS_MODULE": "benchmarks.faults.settings", "FALSE_CLOCK": str(stage.server.clock)}
    port, _ = opened_website(stage, variables=false)
    offsets = [7200, -7200, *(chance.randint(-7200, 7200) for _ in range(JUMPS - 2))]
    with stage.people(chance, port=port, visitors=3) as crowd, stage.connect(autocommit=True) as observer:
        crowd.all_write_again()
        for offset in offsets:
            [(before,)] = observer.execute("SELECT clock_timestamp()").fetchall()
            set_clock(stage.server, offset)
            [(after,)] = observer.execute("SELECT clock_timestamp()").fetchall()
            stage.happened["backwards" if after < before else "forwards"] += 1
            time.sleep(0.2)
        crowd.all_write_again()
    return stage.wrong()
