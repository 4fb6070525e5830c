"""kill -9 of PostgreSQL, of a backfill, of an import and of a web worker; connections that break."""

import json
import time
import uuid
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import psutil

from benchmarks.server import environment, wait_until, what_to_do_next

FAILED = (500, 503)  # answers to a form while the database is away
VIDEO = "https://w3id.org/xapi/video"
DAMAGE = """
    DELETE FROM student_activity_timeline WHERE hashtextextended(id::text, {seed}) % 3 = 0;
    UPDATE student_activity_timeline SET content = 'what nobody wrote' WHERE hashtextextended(id::text, {seed}) % 7 = 1;
    INSERT INTO student_activity_timeline
        (id, student_id, activity_type, created_at, content, source_table, source_id)
    SELECT gen_random_uuid(), student_id, 'daily_note', created_at, 'a ghost', 'daily_notes', gen_random_uuid()
    FROM student_activity_timeline WHERE hashtextextended(id::text, {seed}) % 11 = 2;
"""


def kill(*processes):
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def postgres(stage, chance):
    """All of its processes, its postmaster, one backend of a writer, or one of its helpers.  Pages fail, and go on."""
    port, _ = opened_website(stage, may_fail=True)
    with stage.people(chance, port=port, visitors=2, answers_excused=FAILED) as crowd:
        crowd.all_write_again()
        time.sleep(chance.uniform(0, 1))
        stage.happened[kill_some_of(stage.server, chance)] += 1
        stage.server.start()
        crowd.all_write_again()
        time.sleep(0.2)
    return stage.wrong()


def kill_some_of(server, chance):
    """Kill a part of PostgreSQL; says which."""
    postmaster = server.postmaster()
    children = postmaster.children()
    named = {"everything": [postmaster, *children], "the postmaster": [postmaster]}
    for child in children:
        try:
            title = " ".join(child.cmdline())
        except psutil.Error:
            continue
        kind = "a helper" if any(name in title for name in ("writer", "checkpointer", "launcher")) else "a backend"
        named.setdefault(kind, []).append(child)
    what = chance.choice(sorted(named))
    kill(*(named[what] if what in ("everything", "the postmaster") else [chance.choice(named[what])]))
    return what


def backfill(stage, chance):
    """Of a timeline with a third missing: the command itself, or all of PostgreSQL below it, and then what it says."""
    seed = chance.getrandbits(31)
    with stage.connect() as connection:
        connection.execute(DAMAGE.format(seed=seed))
    with stage.people(chance) as crowd:
        with stage.server.manage(stage.name, "backfill_timeline", "--batch-size", "2") as process:
            wait_for(stage, process)
            begun = time.monotonic()
            time.sleep(chance.uniform(0, stage.kept.get("seconds", 0)))
            is_first = "seconds" not in stage.kept
            if is_first:  # it comes to its end, and says how long that takes
                what = "none, as the first one is timed"
            elif chance.random() < 0.5:
                what = "the backfill"
                process.kill()
            else:
                what = "PostgreSQL below it"
                postmaster = stage.server.postmaster()
                kill(postmaster, *postmaster.children())
            output = process.communicate()[0]
            stage.kept.setdefault("seconds", time.monotonic() - begun)
        if process.returncode == 0 and not is_first:
            what += ", at its end"
        stage.happened[what] += 1
        stage.server.start()
        crowd.all_write_again()
        # What the command says to do next must be enough.
        again = what_to_do_next(output) if "Go on with:" in output else ["backfill_timeline"]
        code, said = stage.managed(*again)
    return stage.wrong() + ([f"{' '.join(again)}: {said}"] if code else [])


def wait_for(stage, process):
    """Return once the process is connected to the stage's database, or over."""
    with stage.connect(autocommit=True) as connection:
        asked = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'faulted')"
        wait_until(
            lambda: process.poll() is not None or connection.execute(asked).fetchone()[0],
            "the command does not connect",
        )


def importing(stage, chance):
    """An xAPI import of learners who are new each time, and then the same command again."""
    statements, watched = made_up(chance, len(stage.kept))
    path = stage.folder / f"statements-{len(stage.kept)}.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in statements))
    stage.kept[path] = watched
    with stage.people(chance, programs=3) as crowd:
        with stage.server.manage(stage.name, "import_xapi", str(path)) as process:
            wait_for(stage, process)
            time.sleep(chance.uniform(0, 2.5))
            process.kill()
            process.communicate()
        stage.happened["at its end" if process.returncode == 0 else "under way"] += 1
        crowd.all_write_again()
        wrong = stage.wrong()  # the timeline is right with half an import, too
        code, said = stage.managed("import_xapi", str(path))
    path.unlink()
    if code:
        wrong.append(f"import_xapi: {said}")
    return wrong + stage.wrong() + wrong_import(stage, statements, watched)


def made_up(chance, number, learners=150, each=20):
    """Statements of players about three videos, and what they say was watched, {(learner, video): set of seconds}."""
    watched, statements = {}, []
    for index in range(learners * each):
        learner, video = f"Learner {number}.{index % learners}", index // learners % 3
        start = chance.randrange(280)
        watched.setdefault((learner, f"V{video}"), set()).update(range(start, start + 20))
        statements.append(
            {
                "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                "actor": {"name": learner, "account": {"homePage": "https://lms.example", "name": learner}},
                "verb": {"id": f"{VIDEO}/verbs/paused"},
                "object": {
                    "id": f"https://lms.example/videos/{video}",
                    "definition": {"type": f"{VIDEO}/activity-type/video", "name": {"en": f"V{video}"}},
                },
                "timestamp": f"2025-03-03T10:{index // 60 % 60:02}:{index % 60:02}Z",
                "context": {
                    "contextActivities": {
                        "category": [{"id": VIDEO}],
                        "parent": [
                            {
                                "id": "https://lms.example/courses/1",
                                "definition": {"type": "http://adlnet.gov/expapi/activities/course"},
                            }
                        ],
                    },
                    "extensions": {f"{VIDEO}/extensions/length": 300},
                },
                "result": {"extensions": {f"{VIDEO}/extensions/played-segments": f"{start}[.]{start + 20}"}},
            }
        )
    return statements, watched


def wrong_import(stage, statements, watched):
    """What the statements say and the database does not."""
    with stage.connect() as connection:
        ids = [statement["id"] for statement in statements]
        kept = connection.execute("SELECT count(*) FROM xapi_statements WHERE id = ANY(%s::uuid[])", [ids]).fetchone()
        rows = connection.execute(
            "SELECT full_name, title, watched FROM video_progress"
            " JOIN profiles ON profiles.id = student_id JOIN media_files ON media_files.id = video_id"
            " WHERE full_name = ANY(%s)",
            [list({learner for learner, _ in watched})],
        ).fetchall()
    found = {
        (name, title): {second for part in ranges for second in range(part.lower, part.upper)}
        for name, title, ranges in rows
    }
    sentences = [] if kept == (len(ids),) else [f"{kept[0]} of {len(ids)} statements are kept"]
    return sentences + [
        f"not what {key} watched" for key in watched.keys() | found if watched.get(key) != found.get(key)
    ]


@contextmanager
def website(stage, variables=(), may_fail=False):
    """gunicorn, as in production, on the stage's database: its port and its process.

    Unless requests `may_fail`, an exception in its log is wrong.
    """
    from benchmarks.production import production

    described = SimpleNamespace(settings_dict={"ENGINE": "django.db.backends.postgresql", "NAME": stage.name})
    with ExitStack() as stack:
        with environment({"DATABASE_URL": stage.server.url(stage.name), **dict(variables)}):
            port, log = stack.enter_context(production(described))
        [master] = [child for child in psutil.Process().children() if "gunicorn" in child.cmdline()]
        yield port, master
        if "Traceback" in log() and not may_fail:
            stage.refused.append(f"the log of gunicorn: {log()[-1500:]}")


def opened_website(stage, **options):
    """The website of all rounds: its port and its process."""
    if "website" not in stage.kept:
        stage.kept["website"] = stage.closing.enter_context(website(stage, **options))
    return stage.kept["website"]


def web(stage, chance):
    """One worker or all of them, while people post notes, reflections, messages, edits and answers."""
    port, master = opened_website(stage)
    with stage.people(chance, programs=1, port=port, visitors=5) as crowd:
        crowd.all_write_again()
        time.sleep(chance.uniform(0, 1))
        workers = master.children()
        if chance.random() < 0.5:
            workers = [chance.choice(workers)]
        stage.happened["all workers" if len(workers) > 1 else "one worker"] += 1
        kill(*workers)
        crowd.all_write_again()
    return stage.wrong()


def connection(stage, chance):
    """Forty times a connection, most in mid-transaction: ended by the server, or cut as by a network."""
    port, _ = opened_website(stage, may_fail=True)
    with (
        stage.people(chance, port=port, visitors=2, answers_excused=FAILED) as crowd,
        stage.connect(autocommit=True) as observer,
    ):
        crowd.all_write_again()
        for _ in range(40):
            time.sleep(chance.uniform(0, 0.06))
            if chance.random() < 0.5:
                busy = observer.execute(
                    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                    " AND datname = current_database() AND pid <> pg_backend_pid()"
                    " ORDER BY xact_start NULLS LAST, pid"
                ).fetchall()
                if busy:
                    observer.execute("SELECT pg_terminate_backend(%s)", [busy[0][0]])
                    stage.happened["pg_terminate_backend"] += 1
            else:
                chance.choice(crowd.programs).cut()
                stage.happened["cut"] += 1
        crowd.all_write_again()
    return stage.wrong()
