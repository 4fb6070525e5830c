"""What the journey of one video costs, for a class of 20,000 and a million entries, beside an empty page of its frame.

    python -m benchmarks.journey [--students 20000] [--entries 1000000] [--rounds 9] [--report]

Makes a database of its own (`benchmark_…`, deleted at the end) on the server of
the settings and fills the source tables with `class_of_one_video.sql`.  Then
each address of the page is asked for in turn with the same page of a video of
which nothing is known, so that both meet the same machine: the difference is
what the data cost.  Of each address it prints

- queries: how many the page runs;
- list: the buffers (8 kB) of the query that reads the page's entries;
- largest: the buffers of its most costly query; all: of all together;
- ms: the median time of the whole answer, and the median of how much more that is than the empty page's in a round.

Exits with 1 if a page of entries reads more than 300 buffers, if it reads half
as much again and 20 buffers more at a depth, or if a page needs more than 60 ms
more than the empty one.
"""

import statistics
import sys
from functools import partial
from urllib.parse import urlencode

from benchmarks import harness, population, reading, report
from benchmarks.harness import TIMELINE

LIST_BUFFERS = 300
ABOVE_EMPTY = 60  # milliseconds


def main():
    parser = harness.parser("benchmarks.journey", __doc__)
    parser.add_argument("--students", type=int, default=20_000)
    parser.add_argument("--entries", type=int, default=1_000_000, help="about how many (default: 1000000)")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with harness.database() as connection:
        return measure(connection, options)


def measure(connection, options):
    populate(connection, options)
    print(harness.server(connection))
    with harness.pages_served():
        blocks, failed = measure_video(connection, options.rounds)
    print("\n".join(failed))
    if options.report:
        report.write("journey", connection, *blocks)
    return bool(failed)


def populate(connection, options):
    # Of each student: steps through the video, an attempt at the quiz, and often its passing.
    reflections = max(options.entries - round(8.5 * options.students), options.students)
    population.run(connection, "class_of_one_video.sql", students=options.students, reflections=reflections)
    harness.execute(connection, "VACUUM (ANALYZE)")


def measure_video(connection, rounds):
    """(what was found, in Markdown; what is wrong)."""
    from django.urls import reverse

    from courses.models import Video
    from profiles.models import Profile
    from timeline.models import Activity

    client = harness.logged_in(Profile.objects.get(email="instructor@example.com"))
    video, empty = Video.objects.get(title="Large"), Video.objects.get(title="Empty")
    address, frame = (reverse("video_journey", args=[each.pk]) for each in (video, empty))
    journey = Activity.objects.filter(video=video)
    watchers = journey.values("student_id").distinct().count()
    subject = f"{journey.count():,} entries of {watchers:,} students on one video, {rounds} rounds"
    print(f"\n\n{subject}\n")
    print(f"{'':<38} queries   list  largest     all       ms  above empty")

    def ask(target):
        assert client.get(target).status_code == 200, target

    failed, lists, rows = [], {}, []
    for name, asked in addresses(video, journey).items():
        url = f"{address}?{urlencode(asked)}"
        costs = buffers(connection, client, url, name)
        total = [cost for _, cost in costs]
        lists[name] = max((cost for sql, cost in costs if reads_entries(sql)), default=0)
        seconds = harness.alternate({"page": partial(ask, url), "frame": partial(ask, frame)}, rounds)
        above = statistics.median(1000 * (one - other) for one, other in zip(*seconds.values(), strict=True))
        milliseconds = 1000 * statistics.median(seconds["page"])
        rows.append([name, len(costs), lists[name], max(total), sum(total), milliseconds, above])
        print("{:<38} {:>7} {:>6,} {:>8,} {:>7,} {:>8.1f} {:>+12.1f}".format(*rows[-1]))
        if name.startswith("page of entries") and lists[name] > LIST_BUFFERS:
            failed.append(f"{name}: {lists[name]} buffers, and not {LIST_BUFFERS} at most")
        if above > ABOVE_EMPTY:
            failed.append(f"{name}: {above:.0f} ms above the empty page, and not {ABOVE_EMPTY} at most")
    for name, cost in lists.items():
        first = lists.get(name.partition(" at ")[0], cost)
        if cost > 1.5 * first + 20:
            failed.append(f"{name}: {cost} buffers, the first page reads {first}")
    head = ["", "queries", "buffers: list", "largest", "all", "ms", "ms above empty"]
    return [f"**The journey of a video** ({subject})", report.table(head, rows)], failed


def addresses(video, journey):
    """{what is looked at: its query string}."""
    from timeline import queries
    from timeline.queries.filters import listed

    newest = journey.filter(activity_type__in=listed(queries.JourneyFilter(video=video))).order_by("-created_at", "-pk")
    student = journey.order_by("student_id").values_list("student_id", flat=True)[journey.count() // 2]
    return {
        "page of entries": {},
        **{f"page of entries at {depth} %": {"t": video.duration_seconds * depth // 100} for depth in (50, 90)},
        "page of entries, newest": {"order": "newest"},
        "page of entries, newest at 90 %": {"order": "newest", "after": queries.BY_TIME.cursor(reading.deep(newest))},
        "page of entries, reflections alone": {"kind": "reflections"},
        "page of entries of one student": {"student": student},
        "what waits": {"waiting": 1},
        "found by text": {"q": "note 77"},
        "found by days": {"from": "2026-02-01", "until": "2026-02-07"},
        "students by name": {"view": "students"},
        "students by coverage": {"view": "students", "sort": "coverage"},
    }


def buffers(connection, client, url, name):
    """[(statement, buffers that it reads)] of a page's queries."""
    statements = reading.statements_of(connection, client, url, page=name)
    return [(sql, harness.explained(connection, sql, params).buffers) for sql, params, _ in statements]


def reads_entries(statement):
    """Whether it gives whole entries of the timeline, and is not a count."""
    return TIMELINE in statement and statement.split()[:2] in (["SELECT", "*"], ["WITH", "candidate"])


if __name__ == "__main__":
    sys.exit(main())
