"""What a report of watching takes while a class watches at once, from the server that production runs.

    python -m benchmarks.watching [--students 500] [--seconds 60] [--report]

Makes a database of its own (`benchmark_…`, deleted at the end) on the server of
the settings, and starts gunicorn as gunicorn.conf.py has it, with DEBUG off and
as behind a proxy.  First it sends reports one at a time, which is the idle
baseline.  Then every student reports every 15 seconds, each at seconds of their
own, what they watched since: a new connection each time, as one's player finds
it.  A report takes from when it was due to when its answer was read, so that
one that has to wait for others is not the shorter for it.

Exits with 1 if a report is not answered by what was watched, if the 99th
percentile under load is above 100 ms, or if the timeline is not what its
sources say.
"""

import http.client
import json
import os
import random
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from benchmarks import harness, report
from benchmarks.production import cookie, headers, production

EVERY = 15  # seconds between two reports of a page
MOST = 100  # milliseconds, of 99 of 100 reports
IDLE = 100  # students, of three reports each
CONNECTIONS = 64  # at once, at most
ROOM = 5  # seconds to make everything ready


def main():
    parser = harness.parser("benchmarks.watching", __doc__)
    parser.add_argument("--students", type=int, default=500, help="how many watch at once (default: 500)")
    parser.add_argument("--seconds", type=int, default=60, help="how long they do (default: 60)")
    options = parser.parse_args()
    with harness.database() as connection, production(connection) as (port, log):
        return measure(connection, port, log, options)


def measure(connection, port, log, options):
    students, video = populate(options)
    print(harness.server(connection))
    workers, threads = os.environ.get("WEB_CONCURRENCY", 2), os.environ.get("WEB_THREADS", 4)
    served = f"gunicorn: {workers} workers of {threads} threads"
    print(f"{served}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':24}{'reports':>8}{'median':>9}{'99 %':>9}{'slowest':>9}  ms")

    for page in pages(students[:20], video):  # the workers load what they need
        page.report(port, 1, time.perf_counter())
    idle = []
    for page in pages(students[20 : 20 + IDLE], video):
        idle += [page.report(port, 5 * number, time.perf_counter()) for number in (1, 2, 3)]
    rows = [told("one at a time", idle)]

    busy, late, before, took = play(pages(students[20 + IDLE :], video), port, options.seconds)
    rows.append(told(f"{options.students} students", busy))
    pace = f"{len(busy) / took:.0f} reports a second, 99 of 100 due ones noticed within {late:.1f} ms"
    print(f"\n{pace}")
    print(f"load {before:.1f} before, {os.getloadavg()[0]:.1f} at the end")

    failed = [
        f"{count} reports: {error}" for error, count in Counter(error for _, error in idle + busy if error).items()
    ]
    if percentile(busy) > MOST:
        failed.append(f"99 of 100 reports take up to {percentile(busy):.0f} ms, and not {MOST} at most")
    if "Traceback" in log():
        failed.append(f"The server's log:\n{log()}")
    failed += ["The timeline drifts."] if harness.drifts() else []
    print("\n".join(failed))
    if options.report and not failed:
        head = ["**A report of watching**", "reports", "ms: median", "99 %", "slowest"]
        report.write("watching", connection, report.table(head, rows), f"{pace}; {served}.")
    return bool(failed)


def populate(options):
    """([(a student, their cookie)], the video that they watch)."""
    from courses.models import Checkpoint, Course, Enrollment, Lesson, Video
    from profiles.models import Profile

    course = Course.objects.create(title="Load")
    lesson = Lesson.objects.create(course=course, title="Load", position=1)
    duration = max(600, 2 * options.seconds)  # as long as they watch there is something new
    video = Video.objects.create(lesson=lesson, title="Load", duration_seconds=duration, position=1)
    for second in range(20, duration, 60):
        Checkpoint.objects.create(video=video, video_timestamp_seconds=second, title=f"At {second}")
    people = Profile.objects.bulk_create(
        Profile(full_name=f"Student {number}", email=f"student{number}@example.org", password="!")
        for number in range(20 + IDLE + options.students)
    )
    Enrollment.objects.bulk_create(Enrollment(student=person, course=course) for person in people)
    return [(person, cookie(person)) for person in people], video


def pages(students, video):
    """The page of the video that each of the students has opened now."""
    return [Page(student, cookie, video) for student, cookie in students]


class Page:
    """A page that plays a video at its own speed since it was opened."""

    def __init__(self, student, cookie, video):
        from django.urls import reverse

        from courses.watching import open_session

        self.address = reverse("watched", args=[video.pk])
        self.headers = headers(cookie)
        self.opened = time.perf_counter()
        self.token = open_session(student, video)
        self.known = 0  # seconds of the video that the server confirmed, from its start

    def report(self, port, second, due):
        """Say that the video was watched to `second`; (milliseconds since it was due, what was wrong or "")."""
        at = round((time.perf_counter() - self.opened) * 1000)
        watched = [[self.known, second]]
        body = json.dumps({"token": self.token, "at": at, "watched": watched, "position": second})
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as client:
                client.request("POST", self.address, body, self.headers)
                response = client.getresponse()
                answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            return (time.perf_counter() - due) * 1000, repr(error)
        milliseconds = (time.perf_counter() - due) * 1000
        if response.status != 200:
            return milliseconds, f"{response.status} {answer[:200]!r}"
        if json.loads(answer)["watched"] != [[0, second]]:
            return milliseconds, "what was watched is not what is known"
        self.known = second
        return milliseconds, ""


def play(watching, port, seconds):
    """Let every page report every 15 seconds: (results, how late we ourselves were, load before, seconds it took)."""
    begin = max(page.opened for page in watching) + ROOM
    due = sorted(
        (begin + first + EVERY * number, index)
        for index, first in enumerate(random.uniform(0, EVERY) for _ in watching)
        for number in range(max(seconds // EVERY, 1))
    )
    load = os.getloadavg()[0]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        sent, late = [], []
        for moment, index in due:
            time.sleep(max(moment - time.perf_counter(), 0))
            late.append(((time.perf_counter() - moment) * 1000, ""))
            page = watching[index]
            sent.append(pool.submit(page.report, port, int(moment - page.opened), moment))
        results = [future.result() for future in sent]
    return results, percentile(late), load, time.perf_counter() - begin


def told(name, results):
    """What is printed of results, as a row: how many, and the milliseconds of the middle, the 99th and the slowest."""
    took = [milliseconds for milliseconds, _ in results]
    row = [name, len(took), statistics.median(took), percentile(results), max(took)]
    print("{:24}{:>8,}{:>9.1f}{:>9.1f}{:>9.1f}".format(*row), flush=True)
    return row


def percentile(results):
    """The milliseconds in which 99 of 100 are done."""
    return statistics.quantiles([milliseconds for milliseconds, _ in results], n=100, method="inclusive")[98]


if __name__ == "__main__":
    sys.exit(main())
