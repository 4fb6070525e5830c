"""What whole pages take from the server that production runs, beside pages of the same frame without data.

    python -m benchmarks.pages [--entries 100000] [--keep] [--rounds 3] [--seconds 3] [--connections 4] [--only home]

Makes a database of its own on the server of the settings (`benchmark_…`, deleted
at the end; with --keep `benchmark_<entries>`, which benchmarks.reading keeps as
well), with a made-up school (benchmarks/population.py), and starts
gunicorn as gunicorn.conf.py has it, with DEBUG off and as behind a proxy.  Each
main page is asked for by the person who uses it: the busiest student, or the
instructor with the most to answer; its frame by somebody of whom nothing is
known but their enrolment, or who teaches a course in which nothing happened.
In each round both are asked for in turn, by wrk (which must be installed), over
as many connections as told: each asks anew as soon as it is answered.

Then each page is asked for in this process, one at a time, and every
millisecond is looked where Python stands: so much of the time goes to waiting
for SQL, to Django's ORM around it, to templates, to addresses (`{% url %}`), to
our own code, and to what Django does with every request.

Exits with 1 if a request fails.
"""

import http.client
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from benchmarks import harness, population, report
from benchmarks.production import cookie, headers, production

SCRIPT = Path(__file__).with_name("wrk.lua")
AT_LEAST = 15  # times that a page is asked for, and
LOOKED = 1  # seconds that it is looked at
EMPTY = "A course in which nothing happened"
NOBODIES = {
    "Newcomer": "newcomer@frame.example",
    "New instructor": "instructor@frame.example",
    "Achiever": "achiever@frame.example",
}
WHAT = ("a second", "50 %", "90 %")

# Where Python stands, by the innermost file that says something: a helper counts for its caller.
PLACES = (
    ("/psycopg", "SQL"),
    ("/django/db/", "ORM"),
    ("/django/contrib/postgres/", "ORM"),
    ("/django/urls/", "addresses"),
    ("/django/template/", "templates"),
    ("/django/templatetags/", "templates"),
    ("/django/forms/", "templates"),
    ("/templatetags/", "templates"),
    ("/config/tags.py", "templates"),
    ("/django/test/", None),
    ("/benchmarks/", None),
    ("/django/utils/", ""),
    ("/django/", "every request"),
    ("/django_htmx/", "every request"),
    ("/whitenoise/", "every request"),
    ("/axes/", "every request"),
    ("/profiles/middleware.py", "every request"),
    ("/profiles/sessions.py", "every request"),
    ("/config/health.py", "every request"),
)
SHARES = ("SQL", "ORM", "templates", "addresses", "our code", "every request")


@dataclass(frozen=True)
class Asked:
    """A page: its address and who asks, and the same of its frame."""

    name: str
    person: object
    address: str
    nobody: object
    frame: str


def main():
    parser = harness.parser("benchmarks.pages", __doc__)
    parser.add_argument("--entries", type=int, default=100_000, help="about how many (default: 100000)")
    parser.add_argument("--keep", action="store_true", help="keep the database, to go on with it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of each page and round (default: 3)")
    parser.add_argument("--connections", type=int, default=4, help="at once (default: 4)")
    parser.add_argument("--only", help="pages, by the beginnings of their names, with commas between")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        parser.error("wrk is not installed; Debian has it: apt-get install wrk")
    kept = f"benchmark_{options.entries}" if options.keep else None
    with harness.database(kept) as connection:
        population.fill(connection, options.entries)
        remove_nobodies()  # of a run that was killed
        asked = pages(connection)
        if options.only:
            asked = [page for page in asked if page.name.startswith(tuple(options.only.split(",")))]
        print(f"{harness.server(connection)}\n{population.described(connection)}\n")
        with production(connection) as (port, log):
            blocks, failed = load(asked, port, options)
            failed += [f"The server's log:\n{log()}"] if "Traceback" in log() else []
        blocks.append(where_time_goes(connection, asked))
        print("\n" + "\n\n".join(blocks) + "\n")
        print("\n".join(failed))
        if options.report and not failed:
            said = f"{options.connections} connections at once, {options.rounds} rounds of {options.seconds} s each."
            report.write(section(options), connection, f"{population.described(connection)}; {said}", *blocks)
        remove_nobodies()
    return bool(failed)


def section(options):
    """Where the results stand in docs/benchmarks.md."""
    return "pages" + "-large" * (options.entries >= population.LARGE)


def pages(connection):
    """Every main page as Asked."""
    from django.urls import reverse

    from profiles.models import Profile

    def one(statement):
        [(value,)] = harness.execute(connection, statement)
        return value

    student = Profile.objects.get(pk=one("SELECT id FROM benchmark.student WHERE n = 1"))
    instructor = Profile.objects.get(pk=one("SELECT instructor_id FROM benchmark.course WHERE n = 1"))
    course = one("SELECT id FROM benchmark.course WHERE n = 1")
    of_student = f"FROM student_activity_timeline WHERE student_id = '{student.pk}'"
    video = one(f"SELECT video_id {of_student} AND video_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    journey = one(
        "SELECT video_id FROM student_activity_timeline WHERE video_id IS NOT NULL"
        f" AND course_id = '{course}' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    )
    day = one(f"SELECT activity_date {of_student} GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
    goal = one(
        f"SELECT goal_id {of_student} AND goal_id IN (SELECT id FROM goals WHERE completed_at IS NOT NULL)"
        " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    )

    empty, blank, newcomer, beginner, achiever, reached = nobodies()
    harness.execute(connection, "ANALYZE")

    def at(name, *args, query=""):
        return reverse(name, args=args) + query

    return [
        Asked("home of a student", student, at("home"), newcomer, at("home")),
        Asked("home of an instructor", instructor, at("home"), beginner, at("home")),
        Asked("catalogue", student, at("catalogue"), newcomer, at("catalogue", query="?q=nothing")),
        Asked("course, to a student", student, at("course", course), newcomer, at("course", empty.pk)),
        Asked("course, to its instructor", instructor, at("course", course), beginner, at("course", empty.pk)),
        Asked("watching", student, at("video", video), newcomer, at("video", blank.pk)),
        Asked(
            "journey of all", instructor, at("video_journey", journey), beginner, at("video_journey", blank.pk)
        ),
        Asked(
            "journey of one", instructor, at("video_journey", journey, query=f"?student={student.pk}"),
            beginner, at("video_journey", blank.pk, query=f"?student={newcomer.pk}"),
        ),
        Asked("inbox", instructor, at("inbox"), beginner, at("inbox")),
        Asked("days", student, at("my_days"), newcomer, at("my_days")),
        Asked(
            "days, to an instructor", instructor, at("student_days", student.pk),
            beginner, at("student_days", newcomer.pk),
        ),
        Asked("a day", student, at("my_day", day), newcomer, at("my_day", "2026-01-05")),
        Asked("goals", student, at("my_goals"), newcomer, at("my_goals")),
        Asked(
            "goal", student, at("student_goal", student.pk, goal),
            achiever, at("student_goal", achiever.pk, reached.pk),
        ),
        Asked(
            "story", student, at("goal_story", student.pk, goal), achiever, at("goal_story", achiever.pk, reached.pk)
        ),
        Asked("movement", instructor, at("class_movement", course), beginner, at("class_movement", empty.pk)),
        Asked("community", student, at("community"), newcomer, at("community")),
    ]  # fmt: skip


def nobodies():
    """A course in which nothing happened, its video, one who is in it, one who teaches it, one more with a goal reached
    at once, and that goal."""
    from django.db.models.functions import Now

    from courses.models import Course, CourseInstructor, Enrollment, Lesson, Video
    from goals.models import Goal
    from profiles.models import Profile

    empty = Course.objects.create(title=EMPTY)
    lesson = Lesson.objects.create(course=empty, title="Empty")
    blank = Video.objects.create(lesson=lesson, title="Empty", duration_seconds=600)
    people = [Profile.objects.create(full_name=name, email=email) for name, email in NOBODIES.items()]
    newcomer, beginner, achiever = people
    CourseInstructor.objects.create(course=empty, instructor=beginner)
    Enrollment.objects.bulk_create(Enrollment(student=each, course=empty) for each in (newcomer, achiever))
    reached = Goal.objects.create(student=achiever, title="Reached", created_at=Now(), completed_at=Now())
    return empty, blank, *people, reached


def remove_nobodies():
    """Remove those of whom nothing is known, and their course."""
    from courses.models import Course
    from profiles.models import Profile

    Course.objects.filter(title=EMPTY).delete()
    Profile.objects.filter(email__in=NOBODIES.values()).delete()


def load(asked, port, options):
    """(what wrk measured, as blocks of a report; what failed)."""
    cookies = {person.pk: cookie(person) for page in asked for person in (page.person, page.nobody)}
    rows, times, failed = [], {}, []
    for page in asked:
        targets = {
            "page": (page.address, cookies[page.person.pk]),
            "frame": (page.frame, cookies[page.nobody.pk]),
        }
        measured = {which: [] for which in targets}
        for which, target in targets.items():
            if (status := answered(port, *target)) != 200:  # to a redirect wrk has no objection
                failed.append(f"{page.name}, {which}: {target[0]} answers {status}")
            wrk(port, *target, seconds=1, connections=options.connections)  # the workers load what they need
        steps = {which: partial(sampled, measured[which], port, target, options) for which, target in targets.items()}
        harness.alternate(steps, options.rounds)
        for which, results in measured.items():
            failures = sum(result["failures"] for result in results)
            if failures or not all(result["a second"] for result in results):
                failed.append(f"{page.name}, {which}: {failures} requests failed, or none was answered in time.")
        if failed:
            continue

        row = [page.name, *(statistics.median(result[what] for result in measured["page"]) for what in WHAT)]
        row += [harness.ratio(*([result[what] for result in measured[which]] for which in targets)) for what in WHAT]
        rows.append(row)
        times[page.name] = row[len(WHAT) + 2]
        print(f"{page.name}: {row[1]:.0f} requests a second, {times[page.name]:.1f} times its frame", flush=True)
    head = [
        "page",
        "requests a second",
        "ms: 50 %",
        "90 %",
        "requests: times the frame's",
        "50 %: times",
        "90 %: times",
    ]
    blocks = [report.table(head, rows)]
    if options.report and not failed:
        x = "times the same page without data"
        blocks.insert(0, report.bars(section(options), "What a page takes, beside its frame", times, x=x))
    return blocks, failed


def sampled(results, port, target, options):
    results.append(wrk(port, *target, seconds=options.seconds, connections=options.connections))


def answered(port, address, cookie):
    """The status of an answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        client.request("GET", address, headers=headers(cookie))
        return client.getresponse().status


def wrk(port, address, cookie, *, seconds, connections):
    """{"a second", "50 %", "90 %" in milliseconds, "failures"} of an address."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT)]
    for name, value in headers(cookie).items():
        command += ["-H", f"{name}: {value}"]
    run = subprocess.run([*command, f"http://127.0.0.1:{port}{address}"], capture_output=True, text=True, check=True)
    requests, failures, took, *percentiles = map(float, run.stdout.split("\n")[-2].split())
    return {
        "failures": int(failures),
        **dict(zip(WHAT, (requests / took, *percentiles), strict=True)),
    }


def where_time_goes(connection, asked):
    """A table of what share of the time of each page goes where."""
    from django.test.utils import CaptureQueriesContext

    rows, total, whole = [], Counter(), 0
    with harness.pages_served():
        for page in asked:
            client = harness.logged_in(page.person)
            with CaptureQueriesContext(connection) as captured:
                response = client.get(page.address)
                queries = len(captured)
            size, times, found = len(response.content), [], Counter()
            begun = time.perf_counter()
            while len(times) < AT_LEAST or time.perf_counter() - begun < LOOKED:
                start = time.perf_counter()
                with looking(found):
                    assert client.get(page.address).status_code == 200, page.address
                times.append(time.perf_counter() - start)
            milliseconds = statistics.median(times) * 1000
            counted = found.total()
            rows.append(
                [page.name, milliseconds, round(size / 1000), queries]
                + [percent(found[share] / counted) for share in SHARES]
            )
            for share in SHARES:
                total[share] += found[share] / counted * milliseconds
            whole += milliseconds
    rows.append(["all", whole / len(rows), "", "", *(percent(total[share] / whole) for share in SHARES)])
    return report.table(["page", "ms", "kB", "queries", *SHARES], rows)


def percent(share):
    return f"{share:.0%}"


@contextmanager
def looking(found):
    """Count in `found`, every millisecond, where Python stands."""

    def look(number, frame):
        while frame:
            place = place_of(frame.f_code.co_filename)
            if place is None:
                return
            if place:
                found[place] += 1
                return
            frame = frame.f_back

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@cache
def place_of(file):
    """The share that time in this file belongs to; "" where its caller says, None where it is ours who ask."""
    root = str(Path(__file__).parent.parent)
    ours = "our code" if file.startswith(root) and "/site-packages/" not in file else ""
    return next((place for part, place in PLACES if part in file), ours)


if __name__ == "__main__":
    sys.exit(main())
