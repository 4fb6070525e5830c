"""What every query of every page reads, by how much there is, whom it is about, and how deep one has read.

    python -m benchmarks.reading [--entries 100000 1000000] [--triggers] [--keep] [--no-alternatives] [--report]

For each size makes a school (`benchmarks.population`) in a database
`benchmark_<entries>` on the server of the settings, deleted at the end or, with
--keep, kept; what was stopped goes on.  Its timeline is made by the backfill,
student by student, or with --triggers week by week, as it is in life: a
student's entries then lie all over the table.  Then asks for every page, of the
video and the student with the most entries and of those in the middle, its
first page and the one after 90 % of it, and runs each of its queries once more
as EXPLAIN (ANALYZE, BUFFERS).  Told are

- of each page, the buffers (8 kB) of all its queries together;
- of each function that asks, its most costly query on any page, and the index that it read;
- of three questions, what others read for the same answer (`benchmarks.alternatives`), and where that is less.

Exits with 1 where a page of entries reads half as much again and 30 buffers more
than the first page does in the smallest table.
"""

import datetime
import statistics
import sys
from dataclasses import dataclass, field
from urllib.parse import urlencode

from rich.console import Console
from rich.table import Table

from benchmarks import alternatives, harness, population, report
from benchmarks.harness import TIMELINE

DEPTH = 0.9
OURS = ("timeline", "courses", "goals", "reflections", "profiles", "uploads")  # whose queries are told apart
WEEK = datetime.timedelta(weeks=1)
ROUNDS = 5


def main():
    parser = harness.parser("benchmarks.reading", __doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes to compare")
    parser.add_argument("--triggers", action="store_true", help="make the timelines by the triggers (slower)")
    parser.add_argument("--keep", action="store_true", help="keep the databases, to go on with them")
    parser.add_argument("--no-alternatives", action="store_true", help="the project's own pages alone")
    parser.add_argument("--delete", action="store_true", help="delete databases that were kept, and end")
    options = parser.parse_args()
    databases = {size: f"benchmark_{size}{'_triggers' * options.triggers}" for size in sorted(options.entries)}
    if options.delete:
        for name in databases.values():
            harness.delete(name)
        return False
    print("\n".join(map(population.need, databases)))
    found = []
    for size, name in databases.items():
        with harness.database(name) as connection:
            population.fill(connection, size, by_triggers=options.triggers)
            found.append(measure(connection, size, with_others=not options.no_alternatives))
            described = report.environment(connection)
        if not options.keep:
            harness.delete(name)
    suffix = "-large" * (max(databases) >= population.LARGE) + "-triggers" * options.triggers
    return tell(found, described, suffix, options.report)


@dataclass
class Measured:
    """What was read in a table of `entries` entries.

    `pages`: {(page, "hot" or "median"): Cost}; `asked`: {function: Query}, its most costly one; `others`: what
    `alternatives.measure` returns.
    """

    entries: int
    pages: dict = field(default_factory=dict)
    asked: dict = field(default_factory=dict)
    others: dict = field(default_factory=dict)


@dataclass
class Query:
    """A query of a page: the `function` that asked, the `buffers` and `milliseconds` it took, and what it scanned."""

    function: str
    page: str
    buffers: int
    milliseconds: float
    scans: str


@dataclass
class Cost:
    """What a page takes: its queries, the buffers and milliseconds of all of them, and those of its largest one."""

    queries: int
    buffers: int
    milliseconds: float
    largest: Query


def measure(connection, entries, *, with_others):
    measured = Measured(entries)
    with harness.pages_served():
        subjects = chosen(connection)
        for name, subject in subjects.items():
            for page, (client, address) in pages(subject).items():
                costs = costs_of(connection, client, address, page=f"{page}, {name}")
                largest = max(costs, key=lambda query: query.buffers)
                measured.pages[page, name] = Cost(
                    len(costs),
                    sum(query.buffers for query in costs),
                    sum(query.milliseconds for query in costs),
                    largest,
                )
                for query in costs:
                    known = measured.asked.get(query.function)
                    if not known or known.buffers < query.buffers:
                        measured.asked[query.function] = query
        if with_others:
            measured.others = alternatives.measure(connection, subjects, depth=DEPTH, rounds=ROUNDS)
    return measured


# Whom the pages are about


@dataclass
class Subject:
    """A video and a student, and who looks at them."""

    video: object
    student: object
    goal: object  # the student's goal with the most entries
    reached: object  # the same, of those reached; None without
    teacher: object  # who teaches the video's course, and most
    tutor: object  # who teaches the student


def chosen(connection):
    """{"hot": a Subject of the most entries, "median": one of the middle}."""
    from courses.models import Course, Video
    from goals.models import Goal
    from profiles.models import Profile

    def ranked(column):
        rows = harness.execute(
            connection,
            f"SELECT {column} FROM {TIMELINE} WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1",
        )
        return rows[0][0], rows[len(rows) // 2][0]

    def teacher_of(course):
        return max(course.instructors.all(), key=lambda each: each.courses_taught.count())

    def of_goals(student, condition):
        rows = harness.execute(
            connection,
            f"SELECT goal_id FROM {TIMELINE} JOIN goals ON goals.id = goal_id"
            f" WHERE {TIMELINE}.student_id = %s AND {condition} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
            [student.pk],
        )
        return Goal.objects.get(pk=rows[0][0]) if rows else None

    subjects = {}
    for name, video, student in zip(("hot", "median"), ranked("video_id"), ranked("student_id"), strict=True):
        video = Video.objects.select_related("lesson__course").get(pk=video)
        student = Profile.objects.get(pk=student)
        subjects[name] = Subject(
            video=video,
            student=student,
            goal=of_goals(student, "true"),
            reached=of_goals(student, "completed_at IS NOT NULL"),
            teacher=teacher_of(video.lesson.course),
            tutor=teacher_of(Course.objects.filter(enrollments__student=student).order_by("pk").first()),
        )
    return subjects


# The pages


def pages(subject):
    """{name of a page: (a client that is logged in, its address)}, of a video, a student and who teaches them."""
    teacher, tutor, own = map(harness.logged_in, (subject.teacher, subject.tutor, subject.student))
    return (
        {f"journey{name}": (teacher, address) for name, address in of_video(subject)}
        | {name: (teacher, address) for name, address in of_teacher(subject)}
        | {name: (tutor, address) for name, address in of_student(subject)}
        | {name: (own, address) for name, address in of_oneself(subject)}
    )


def of_video(subject):
    """(name, address) of each part and filter of a video's journey."""
    from django.urls import reverse

    from profiles.models import Profile
    from timeline import queries
    from timeline.models import Activity
    from timeline.queries.filters import listed

    video = subject.video
    page = reverse("video_journey", args=[video.pk])
    kinds = listed(queries.JourneyFilter(video=video))
    entries = Activity.objects.filter(video=video, activity_type__in=kinds)
    newest = entries.order_by("-created_at", "-pk")
    there = newest[0].created_at
    watcher = deep(Activity.objects.filter(video=video).order_by("student_id"), 0.5).student_id
    class_by_name = Profile.objects.filter(enrollments__course=video.lesson.course_id).order_by("full_name", "pk")
    yield "", page
    yield ", deep", f"{page}?t={int(video.duration_seconds * DEPTH)}"
    for name, asked in {
        ", newest first": {"order": "newest"},
        ", newest first, deep": {"order": "newest", "after": queries.BY_TIME.cursor(deep(newest))},
        ", reflections": {"kind": "reflections"},
        ", quizzes": {"kind": "quizzes"},
        ", waiting": {"waiting": 1},
        ", a week": {"from": (there - WEEK).date(), "until": there.date()},
        ", a word": {"q": "customer"},
        ", a word that is nowhere": {"q": "nowhere"},
        ", one student": {"student": watcher},
        ", one student, newest first": {"student": watcher, "order": "newest"},
        ", students by name": {"view": "students"},
        ", students by name, deep": {"view": "students", "after": queries.BY_NAME.cursor(deep(class_by_name))},
        ", students by coverage": {"view": "students", "sort": "coverage"},
        ", students by what waits": {"view": "students", "sort": "waiting"},
        ", students found by name": {"view": "students", "name": "student 1"},
    }.items():
        yield name, f"{page}?{urlencode(asked)}"
    news = {"since": queries.BY_TIME.cursor(deep(newest, 0.01))}
    yield ", what is new", f"{reverse('video_journey_new', args=[video.pk])}?{urlencode(news)}"
    waiting = Activity.objects.filter(video=video, response_status="pending").first()
    if waiting:
        yield ", a moment", reverse("moment", args=[video.pk, waiting.video_timestamp_seconds])


def of_teacher(subject):
    """(name, address) of the pages over a whole course, or over all of an instructor's."""
    from django.urls import reverse

    from timeline import queries
    from timeline.models import Activity

    course = subject.video.lesson.course
    taught = list(subject.teacher.courses_taught.values_list("pk", flat=True))
    waiting = Activity.objects.filter(course__in=taught, response_status="pending").order_by("created_at", "pk")
    yield "home of an instructor", reverse("home")
    yield "inbox", reverse("inbox")
    yield "inbox, deep", f"{reverse('inbox')}?{urlencode({'after': queries.BY_TIME.cursor(deep(waiting))})}"
    yield "course of an instructor", reverse("course", args=[course.pk])
    movement = reverse("class_movement", args=[course.pk])
    yield "movement", movement
    yield "movement, quiet", f"{movement}?show=quiet"
    yield "movement, reached something", f"{movement}?show=reached"
    yield "quiz of an instructor", reverse("quiz", args=[subject.video.quizzes.get().pk])
    yield "community of an instructor", reverse("community")


def of_student(subject):
    """(name, address) of a student's days and goals, as an instructor sees them."""
    from django.urls import reverse

    from timeline import queries
    from timeline.models import Activity

    student = subject.student
    entries = Activity.objects.filter(student=student)
    newest = entries.order_by("-created_at", "-pk")
    days = sorted(set(entries.values_list("activity_date", flat=True)), reverse=True)
    page = reverse("student_days", args=[student.pk])
    early = {"before": days[int((len(days) - 1) * DEPTH)].isoformat()}
    course = entries.filter(course__isnull=False).values_list("course_id", flat=True).first()
    yield "days", page
    for name, asked in {
        "deep": early,
        "reflections": {"kind": "reflections"},
        "reflections, deep": {"kind": "reflections", "before": queries.BY_TIME.cursor(deep(newest))},
        "a rare kind": {"kind": "goal_completion"},
        "a course": {"course": course},
        "a goal": {"goal": subject.goal.pk},
        "a word": {"q": "customer"},
        "a word that is nowhere": {"q": "nowhere"},
        "waiting": {"waiting": 1},
        "since a month": {"since": (newest[0].created_at - 4 * WEEK).isoformat()},
    }.items():
        yield f"days, {name}", f"{page}?{urlencode(asked)}"
    busiest = statistics.mode(entries.values_list("activity_date", flat=True))
    of_day = entries.filter(activity_date=busiest).order_by("created_at", "pk")
    day = reverse("student_day", args=[student.pk, busiest])
    yield "busiest day", day
    yield "busiest day, deep", f"{day}?{urlencode({'after': queries.BY_TIME.cursor(deep(of_day))})}"
    yield "since we last spoke", reverse("student_since", args=[student.pk])
    yield "place of an entry", reverse("entry", args=[deep(newest).pk])
    yield "goals", reverse("student_goals", args=[student.pk])
    of_goal = Activity.objects.filter(student=student, goal=subject.goal).order_by("created_at", "pk")
    goal = reverse("student_goal", args=[student.pk, subject.goal.pk])
    yield "goal", goal
    yield "goal, deep", f"{goal}?{urlencode({'after': queries.BY_TIME.cursor(deep(of_goal))})}"
    if subject.reached:
        of_story = Activity.objects.filter(student=student, goal=subject.reached).order_by("created_at", "pk")
        story = reverse("goal_story", args=[student.pk, subject.reached.pk])
        yield "story", story
        yield "story, deep", f"{story}?{urlencode({'after': queries.BY_TIME.cursor(deep(of_story))})}"


def of_oneself(subject):
    """(name, address) of what a student sees."""
    from django.urls import reverse

    from courses.models import Video

    watched = Video.objects.filter(progress__student=subject.student).order_by("-progress__watched_at").first()
    yield "home of a student", reverse("home")
    yield "own days", reverse("my_days")
    yield "own goals", reverse("my_goals")
    yield "catalogue", reverse("catalogue")
    yield "video to watch", reverse("video", args=[watched.pk])
    yield "course of a student", reverse("course", args=[watched.lesson.course_id])
    yield "community", reverse("community")


def deep(rows, share=DEPTH):
    """The row before which `share` of `rows` stand."""
    return rows[int((rows.count() - 1) * share)]


# What they read


def costs_of(connection, client, address, *, page):
    """A Query for each statement that the page runs; it is run once before, so that what it needs is in memory."""
    from django.db.transaction import atomic, set_rollback

    queries = []
    statements = statements_of(connection, client, address, page=page)
    with atomic():
        for sql, params, function in statements:
            explained = harness.explained(connection, sql, params)
            queries.append(Query(function, page, explained.buffers, explained.milliseconds, explained.scans))
        set_rollback(True)  # what EXPLAIN ANALYZE wrote
    return queries


def statements_of(connection, client, address, *, page):
    """[(statement, parameters, the function of ours that asks)] of a page, which is asked for once."""
    statements = []

    def note(execute, sql, params, many, context):
        if not many and sql.split(None, 1)[0].upper() in ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"):
            statements.append((sql, params, asking()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        response = client.get(address)
    assert response.status_code in (200, 204, 302), f"{page}: {response.status_code} for {address}"
    return statements


def asking():
    """The function of ours that runs a query just now: "queries.days.student_days" of the timeline, …."""
    frame = sys._getframe(2)
    while frame:
        module = frame.f_globals["__name__"]
        if module.partition(".")[0] in OURS:
            return f"{module.removeprefix('timeline.')}.{frame.f_code.co_qualname.partition('.<')[0]}"
        frame = frame.f_back
    return "Django"


# What is told


def tell(found, described, suffix, into_report):
    """Print what was found, and write it into the document if asked; whether anything is not as it should be."""
    sizes = [report.short(each.entries) for each in found]
    pages_head = [
        "page",
        *(f"{whom} {size}" for whom in ("hot", "median") for size in sizes),
        "largest query",
        "queries",
        "ms",
    ]
    pages_rows = list(page_rows(found))
    asked_head = ["asked by", *sizes, "ms", "scans", "on the page"]
    asked_rows = list(function_rows(found))
    show("Buffers of all queries of a page", pages_head, pages_rows)
    show("Buffers of the most costly query of a function", asked_head, asked_rows)
    failed = []
    if found[-1].others:
        others = alternatives.told(found)
        show("The same asked of others (buffers; milliseconds)", *others)
        failed = list(alternatives.grown(found))
        ahead = list(alternatives.ahead(found))
        print("\n".join(["", f"Where another way reads less, at {sizes[-1]}:", *ahead] if ahead else []))
    print("\n".join(failed))
    if not into_report:
        return bool(failed)

    largest = sizes[-1]
    blocks = [
        "**All queries of a page**",
        picture(found, suffix),
        folded(
            f"Buffers of all queries of each page, by how many entries there are; its largest query, their number and"
            f" their time together are those of the hot one at {largest}",
            report.table(pages_head, pages_rows),
        ),
        folded(
            f"Buffers of the most costly query of each function that asks (of timeline/, unless it names another app),"
            f" on any page; its time and what it scans at {largest}",
            report.table(asked_head, asked_rows),
        ),
    ]
    if found[-1].others:
        blocks = [
            "**A page of entries, beside other ways to keep a timeline** (buffers; milliseconds, without planning)",
            *alternatives.pictures(found, suffix),
            report.table(*others),
            f"Where another way reads less, at {sizes[-1]}: " + ("; ".join(ahead) if ahead else "nowhere") + ".",
            *blocks,
        ]
    report.replace(report.DOCUMENT, f"reading{suffix}", "\n\n".join([*blocks, described]))
    return bool(failed)


def folded(summary, content):
    """What is long, to be unfolded."""
    return f"<details>\n<summary>{summary}</summary>\n\n{content}\n\n</details>"


def page_rows(found):
    for page in dict.fromkeys(page for page, _ in found[-1].pages):
        buffers = [
            each.pages[page, whom].buffers if (page, whom) in each.pages else ""
            for whom in ("hot", "median")
            for each in found
        ]
        cost = found[-1].pages.get((page, "hot")) or found[-1].pages[page, "median"]
        yield page, *buffers, cost.largest.buffers, cost.queries, cost.milliseconds


def function_rows(found):
    for function, query in sorted(found[-1].asked.items(), key=lambda item: -item[1].buffers):
        buffers = [each.asked[function].buffers if function in each.asked else "" for each in found]
        yield f"`{function}`", *buffers, query.milliseconds, query.scans, query.page


def picture(found, suffix):
    shown = ("journey", "movement", "inbox", "days", "goals", "goal")
    return report.lines(
        f"reading-pages{suffix}",
        "All queries of a page, of the video or student with most entries",
        {page: [(each.entries, each.pages[page, "hot"].buffers) for each in found] for page in shown},
        x="entries in the table",
        y="buffers of 8 kB",
    )


def show(title, head, rows):
    table = Table(title=title)
    for index, name in enumerate(head):
        table.add_column(name, justify="left" if index < 1 else "right")
    for row in rows:
        table.add_row(*(report.cell(value) for value in row))
    Console(width=200, highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
