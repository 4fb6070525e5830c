"""What the journey of one video costs, for a class of 20,000 and a million entries, beside an empty page of its frame.

    python -m benchmarks.journey [--students 20000] [--entries 1000000] [--rounds 9] [--statements FILE] [--report]

Makes a database of its own (`benchmark_…`, deleted at the end) on the server of
the settings and fills the source tables with `class_of_one_video.sql`.  Then
each address of the page is asked for in turn with the same page of a video of
which nothing is known, so that both meet the same machine: the difference is
what the data cost.  With --statements (xAPI, see docs/xapi.md) the same is done
for the video with the most entries of those.  Of each address it prints

- queries: how many the page runs;
- list: the buffers (8 kB) of the query that reads the page's entries;
- largest: the buffers of its most costly query; all: of all together;
- ms: the median time of the whole answer, and by how much that is above the empty page's.

Exits with 1 if a page of entries reads more than 300 buffers, if it reads more
with its depth, or if a page needs more than 60 ms more than the empty one.
"""

import statistics
import sys
import time
from urllib.parse import urlencode

from benchmarks import harness, population, report

LIST_BUFFERS = 300
ABOVE_EMPTY = 60  # milliseconds


def main():
    parser = harness.parser("benchmarks.journey", __doc__)
    parser.add_argument("--students", type=int, default=20_000)
    parser.add_argument("--entries", type=int, default=1_000_000, help="about how many (default: 1000000)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--statements", metavar="FILE", help="xAPI statements to import and measure, too")
    options = parser.parse_args()
    with harness.database() as connection:
        return measure(connection, options)


def measure(connection, options):
    from django.test.utils import override_settings

    from courses.models import Video

    populate(connection, options)
    print(harness.server(connection))
    with override_settings(ALLOWED_HOSTS=["testserver"], SECURE_SSL_REDIRECT=False):
        blocks, failed = measure_video(connection, Video.objects.get(title="Large"), options.rounds)
        if options.statements:
            video = import_statements(connection, options.statements)
            more, wrong = measure_video(connection, video, options.rounds)
            blocks, failed = blocks + more, failed + wrong
    for line in failed:
        print(line)
    if options.report:
        report.write("journey", connection, *blocks)
    return bool(failed)


def populate(connection, options):
    # Of each student: steps through the video, an attempt at the quiz, and often its passing.
    reflections = max(options.entries - round(8.5 * options.students), options.students)
    population.run(connection, "class_of_one_video.sql", students=options.students, reflections=reflections)
    harness.execute(connection, "VACUUM (ANALYZE)")


def import_statements(connection, path):
    from django.core.management import call_command

    from courses.models import Course, CourseInstructor, Video
    from profiles.models import Profile

    call_command("import_xapi", path)
    harness.execute(connection, "VACUUM (ANALYZE)")
    [(busiest,)] = harness.execute(
        connection,
        "SELECT video_id FROM student_activity_timeline WHERE video_id <> ALL (%s)"
        " GROUP BY video_id ORDER BY count(*) DESC LIMIT 1",
        [list(Video.objects.filter(title__in=["Large", "Empty"]).values_list("pk", flat=True))],
    )
    video = Video.objects.get(pk=busiest)
    instructor = Profile.objects.get(email="instructor@example.com")
    CourseInstructor.objects.create(course=Course.objects.get(lessons__videos=video), instructor=instructor)
    return video


def measure_video(connection, video, rounds):
    """(what was found, in Markdown; what is wrong)."""
    from django.test import Client
    from django.urls import reverse

    from courses.models import Video
    from profiles.models import Profile
    from timeline import queries
    from timeline.models import Activity

    client = Client(raise_request_exception=True)
    client.force_login(Profile.objects.get(email="instructor@example.com"))
    address = reverse("video_journey", args=[video.pk])
    empty = reverse("video_journey", args=[Video.objects.get(title="Empty").pk])
    journey = Activity.objects.filter(video=video)
    watchers = journey.values("student_id").distinct().count()
    subject = f"{journey.count():,} entries of {watchers:,} students on one video, {rounds} rounds"
    print(f"\n\n{subject}\n")
    print(f"{'':<38} queries   list  largest     all       ms  above empty")

    failed, lists, rows = [], {}, []
    for name, asked in addresses(queries, video, journey).items():
        url = f"{address}?{urlencode(asked)}" if asked else address
        costs = buffers(connection, client, url)
        entries = max((cost for sql, cost in costs if reads_entries(sql)), default=0)
        ours, frame = [], []
        for _ in range(rounds):
            for timed, target in ((frame, empty), (ours, url)):
                start = time.perf_counter()
                response = client.get(target)
                timed.append((time.perf_counter() - start) * 1000)
                assert response.status_code == 200, target
        milliseconds = statistics.median(ours)
        above = milliseconds - statistics.median(frame)
        total = [cost for _, cost in costs]
        rows.append([name, len(costs), entries, max(total), sum(total), milliseconds, above])
        print("{:<38} {:>7} {:>6,} {:>8,} {:>7,} {:>8.1f} {:>+12.1f}".format(*rows[-1]))
        lists[name] = entries
        if name.startswith("page of entries") and entries > LIST_BUFFERS:
            failed.append(f"{name}: {entries} buffers, and not {LIST_BUFFERS} at most")
        if above > ABOVE_EMPTY:
            failed.append(f"{name}: {above:.0f} ms above the empty page, and not {ABOVE_EMPTY} at most")
    for name, cost in lists.items():
        first = lists.get(name.partition(" at ")[0], cost)
        if cost > 1.5 * first + 20:
            failed.append(f"{name}: {cost} buffers, the first page reads {first}")
    head = ["", "queries", "buffers: list", "largest", "all", "ms", "ms above empty"]
    return [f"**The journey of a video** ({subject})", report.table(head, rows)], failed


def addresses(queries, video, journey):
    """{what is looked at: its query string}."""
    student = journey.order_by("student_id").values_list("student_id", flat=True)[journey.count() // 2]
    return {
        "page of entries": {},
        **{f"page of entries at {depth} %": {"t": video.duration_seconds * depth // 100} for depth in (50, 90)},
        "page of entries, newest": {"order": "newest"},
        "page of entries, newest at 90 %": {
            "order": "newest",
            "after": cursor_at(queries, video, journey, 0.1),
        },
        "page of entries, reflections alone": {"kind": "reflections"},
        "page of entries of one student": {"student": student},
        "what waits": {"waiting": 1},
        "found by text": {"q": "note 77"},
        "found by days": {"from": "2026-02-01", "until": "2026-02-07"},
        "students by name": {"view": "students"},
        "students by coverage": {"view": "students", "sort": "coverage"},
    }


def cursor_at(queries, video, journey, share):
    """The cursor, newest first, after which `share` of what a list has is left."""
    listed = journey.exclude(activity_type__in=["video_progress", "checkpoint_reached"]).order_by("created_at", "id")
    entry = listed[int(listed.count() * share)]
    return queries.BY_TIME.cursor(entry)


def buffers(connection, client, url):
    """[(statement, buffers that it reads)] of a page's queries."""
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200, url
    return [(each["sql"], harness.explained(connection, each["sql"]).buffers) for each in captured]


def reads_entries(statement):
    """Whether it gives whole entries of the timeline, and is not a count."""
    return "student_activity_timeline" in statement and statement.split()[:2] in (
        ["SELECT", "*"],
        ["WITH", "candidate"],
    )


if __name__ == "__main__":
    sys.exit(main())
