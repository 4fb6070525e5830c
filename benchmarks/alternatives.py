"""The same three questions, asked of other ways to keep a timeline, with the same school in them.

- video: 51 entries of everybody in a video, by second (what its list shows: the entries that students chose to make);
- days: a student's last five days before a day, and the first 21 entries of each;
- goal: 51 entries that led to a goal, in order of time.

Each from the beginning, and after 90 %.  Asked are

- timeline: the statements of `timeline.queries`, as they are sent;
- UNION ALL: the source tables themselves (Option 3 of the original plan).  Every branch is written by hand, has an
  index of its own in the order that is asked for, is paged by keyset, and stops at the page's size;
- the plan's indexes: the same table with the five indexes of the original plan alone, paged by keyset;
- OFFSET: the timeline with all its indexes and one more, of all of a video by second, paged by OFFSET;
- activity-stream: django-activity-stream, where it is installed, with every entry as an action (actor the student,
  target the video, action object the goal) and its own statements; it knows neither seconds nor days, so it is asked
  for the newest 51, paged by keyset, as that is cheaper for it.

What they need is made in a transaction, measured, and rolled back: their indexes are as small as they can be.  One
way is asked after the other, so that buffers compare better than milliseconds.  These are without planning.
"""

import datetime
import statistics
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks import harness, report

PAGE, DAYS, OF_A_DAY = 51, 5, 21
TIMELINE, VIEW, PLAN, OFFSET, STREAM = WAYS = (
    "timeline", "UNION ALL", "the plan's indexes", "OFFSET", "activity-stream",
)  # fmt: skip
QUESTIONS = {"video": "a page of a video", "days": "a page of a student's days", "goal": "a page of a goal"}

# The branches of a student's timeline: (kind, table, when, what it says, which rows).
BRANCHES = [
    ("reflection", "reflections", "created_at", "content", "hidden_at IS NULL"),
    ("quiz_attempt", "quiz_attempts", "started_at", "score::text", "true"),
    ("quiz_completion", "quiz_attempts", "submitted_at", "score::text", "passed"),
    ("course_enrollment", "enrollments", "enrolled_at", "NULL", "true"),
    ("course_completion", "enrollments", "completed_at", "NULL", "completed_at IS NOT NULL"),
    ("lesson_completion", "lesson_completions", "completed_at", "NULL", "true"),
    ("checkpoint_reached", "learning_milestones", "reached_at", "NULL", "true"),
    ("daily_note", "daily_notes", "created_at", "content", "hidden_at IS NULL"),
    ("instructor_message", "goal_messages", "created_at", "content", "hidden_at IS NULL"),
    *(
        (
            "video_progress",
            "video_progress",
            f"(tenth_reached_at[{tenth}])",
            "NULL",
            f"tenth_reached_at[{tenth}] IS NOT NULL",
        )
        for tenth in range(1, 10)
    ),
    ("video_completion", "video_progress", "completed_at", "NULL", "completed_at IS NOT NULL"),
]
# Those that name their goal.
OWN = [
    ("success_proof", "success_proofs", "created_at", "content", "hidden_at IS NULL", "goal_id"),
    ("goal_milestone", "goal_milestones", "reached_at", "title", "reached_at IS NOT NULL", "goal_id"),
    ("goal_completion", "goals", "completed_at", "title", "completed_at IS NOT NULL", "id"),
]
OF_VIDEO = [
    "CREATE INDEX ON reflections (video_id, video_timestamp_seconds, id) WHERE hidden_at IS NULL",
    "CREATE INDEX ON video_progress (video_id, upper(watched), id) WHERE completed_at IS NOT NULL",
    "CREATE INDEX ON quiz_attempts (quiz_id, id)",
    "CREATE INDEX ON quiz_attempts (quiz_id, id) WHERE passed",
]
FOR_OFFSET = (
    "CREATE INDEX ON student_activity_timeline (video_id, video_timestamp_seconds, id) INCLUDE (activity_type)"
    " WHERE video_id IS NOT NULL"
)
PLAN_INDEXES = [
    "CREATE INDEX ON student_activity_timeline (student_id, video_id, created_at DESC)",
    "CREATE INDEX ON student_activity_timeline (student_id, activity_date DESC)",
    "CREATE INDEX ON student_activity_timeline (student_id, goal_id, created_at DESC)",
    "CREATE INDEX ON student_activity_timeline (video_id, created_at DESC)",
    "CREATE INDEX ON student_activity_timeline (student_id, response_status, created_at DESC) WHERE requires_response",
]


@dataclass
class Place:
    """Where a page of a question begins: behind the row with `key` (second or moment, id), `offset` rows on.

    Of days, `key` is the day before which they are.  None: from the beginning.
    """

    key: tuple | datetime.date | None = None
    offset: int = 0


def measure(connection, subjects, *, depth, rounds):
    """{(question, whom, "first" or "deep"): {way: (buffers, milliseconds)}}"""
    places = {whom: places_of(subject, depth) for whom, subject in subjects.items()}
    found = {}

    def ask(way, statements_of):
        for whom, subject in subjects.items():
            for (question, where), place in places[whom].items():
                if statements := list(statements_of(question, subject, place)):
                    taken = [explained(connection, statements) for _ in range(rounds)]
                    buffers = taken[-1][0]
                    milliseconds = statistics.median(each for _, each in taken)
                    found.setdefault((question, whom, where), {})[way] = buffers, milliseconds

    ask(TIMELINE, lambda *asked: of_timeline(connection, *asked))
    with rolled_back(connection, FOR_OFFSET):
        ask(OFFSET, by_offset)
    with rolled_back(connection, *indexes_of_view()):
        ask(VIEW, lambda *asked: of_view(connection, *asked))
    with rolled_back(connection, *without_indexes(connection), *PLAN_INDEXES):
        ask(PLAN, lambda *asked: by_plan(connection, *asked))
    if find_spec("actstream"):
        with rolled_back(connection, *stream(connection)):
            ask(STREAM, lambda *asked: of_stream(connection, *asked))
    return found


def explained(connection, statements):
    """The buffers and milliseconds of several statements together."""
    parts = [harness.explained(connection, sql, params) for sql, params in statements]
    return sum(part.buffers for part in parts), sum(part.milliseconds for part in parts)


@contextmanager
def rolled_back(connection, *statements):
    """A transaction in which these statements ran; all of it is undone at the end."""
    from django.db.transaction import atomic, set_rollback

    with atomic():
        harness.execute(connection, "SET LOCAL maintenance_work_mem = '256MB'")
        for statement in statements:
            harness.execute(connection, statement)
        yield
        set_rollback(True)


def places_of(subject, depth):
    """{(question, "first" or "deep"): Place}."""
    from timeline import queries
    from timeline.models import Activity
    from timeline.queries.filters import listed

    kinds = listed(queries.JourneyFilter(video=subject.video))
    video = Activity.objects.filter(video=subject.video, activity_type__in=kinds)
    goal = Activity.objects.filter(student=subject.student, goal=subject.goal)
    days = sorted(set(Activity.objects.filter(student=subject.student).values_list("activity_date", flat=True)))
    places = {(question, "first"): Place() for question in QUESTIONS}
    for question, rows, key in (("video", video, "video_timestamp_seconds"), ("goal", goal, "created_at")):
        offset = int((rows.count() - 1) * depth)
        row = rows.order_by(key, "pk")[offset]
        places[question, "deep"] = Place((getattr(row, key), row.pk), offset + 1)
    offset = int((len(days) - 1) * depth)
    places["days", "deep"] = Place(days[len(days) - 1 - offset], offset + 1)
    return places


# Each way: [(statement, its values)] of (question, subject, place).


def of_timeline(connection, question, subject, place):
    from timeline import queries

    sent = []

    def note(execute, sql, params, many, context):
        sent.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        if question == "days":
            queries.student_days(student=subject.student, before=place.key and place.key.isoformat())
            return [sent[0], sent[2]]  # without the counts, which no other way is asked for
        if question == "video":
            after = place.key and queries.BY_SECOND.cursor_of(place.key)
            queries.video_journey(queries.JourneyFilter(video=subject.video), after=after)
        else:
            after = place.key and queries.BY_TIME.cursor_of(place.key)
            queries.goal_timeline(goal=subject.goal, after=after)
    return [sent[0]]


def plain(question, subject, place):
    """The question as one plain SELECT: (FROM and WHERE, keyset, ORDER BY, values)."""
    from timeline import queries
    from timeline.queries.filters import listed

    if question == "video":
        kinds = listed(queries.JourneyFilter(video=subject.video))
        where = "video_id = %(video)s AND activity_type = ANY (%(kinds)s)"
        values, order = {"video": subject.video.pk, "kinds": kinds}, "video_timestamp_seconds, id"
    else:
        where = "student_id = %(student)s AND goal_id = %(goal)s"
        values, order = {"student": subject.student.pk, "goal": subject.goal.pk}, "created_at, id"
    keyset = f"({order}) > (%(key)s, %(id)s)" if place.key else "true"
    if place.key:
        values |= {"key": place.key[0], "id": place.key[1]}
    return where, keyset, order, values | {"offset": place.offset}


def by_plan(connection, question, subject, place):
    if question == "days":
        return of_timeline(connection, question, subject, place)
    where, keyset, order, values = plain(question, subject, place)
    return [
        (f"SELECT * FROM student_activity_timeline WHERE {where} AND {keyset} ORDER BY {order} LIMIT {PAGE}", values)
    ]


def by_offset(question, subject, place):
    if question == "days":
        values = {"student": subject.student.pk, "offset": place.offset}
        return [(DAYS_BY_OFFSET, values)]
    where, _, order, values = plain(question, subject, place)
    select = f"SELECT * FROM student_activity_timeline WHERE {where} ORDER BY {order}"
    return [(f"{select} LIMIT {PAGE} OFFSET %(offset)s", values)]


DAYS_BY_OFFSET = f"""
    SELECT entry.*
    FROM (
        SELECT DISTINCT activity_date FROM student_activity_timeline WHERE student_id = %(student)s
        ORDER BY activity_date DESC LIMIT {DAYS} OFFSET %(offset)s
    ) AS day
    CROSS JOIN LATERAL (
        SELECT * FROM student_activity_timeline
        WHERE student_id = %(student)s AND activity_date = day.activity_date
        ORDER BY created_at, id LIMIT {OF_A_DAY}
    ) AS entry
    ORDER BY entry.activity_date DESC, entry.created_at, entry.id
"""


def indexes_of_view():
    """Every branch in the order of each question."""
    for _, table, at, _, rows in BRANCHES:
        yield f"CREATE INDEX ON {table} (student_id, {at}, id) WHERE {rows}"
    for _, table, at, _, rows, goal in OWN:
        yield f"CREATE INDEX ON {table} (student_id, {at}, id) WHERE {rows}"
        yield f"CREATE INDEX ON {table} ({goal}, {at}, id) WHERE {rows}"
    yield from OF_VIDEO
    for table in sorted({branch[1] for branch in [*BRANCHES, *OWN]}):
        yield f"ANALYZE {table}"


def of_view(connection, question, subject, place):
    if question == "video":
        return [view_of_video(subject, place)]
    if question == "goal":
        return [view_of_goal(subject, place)]
    return view_of_days(connection, subject, place)


def branch(kind, table, at, says, rows, condition, order, limit, key=None):
    """One SELECT of a UNION ALL that stops at `limit`."""
    key = key or f"{at} AS key"
    return (
        f"(SELECT '{kind}' AS kind, id, {key}, student_id, {says}::text AS says FROM {table}"
        f" WHERE {rows} AND {condition} ORDER BY {order} LIMIT {limit})"
    )


def merged(branches, limit=PAGE):
    return f"SELECT * FROM ({' UNION ALL '.join(branches)}) AS merged ORDER BY key, id LIMIT {limit}"


def view_of_video(subject, place):
    from courses.models import Quiz

    second, after = place.key or (-1, None)
    values = {"video": subject.video.pk, "second": second, "id": after}
    beyond = "(video_timestamp_seconds, id) > (%(second)s, %(id)s)" if place.key else "true"
    branches = [
        branch(
            "reflection", "reflections", "video_timestamp_seconds", "content", "hidden_at IS NULL",
            f"video_id = %(video)s AND {beyond}", "video_timestamp_seconds, id", PAGE,
        ),
        branch(
            "video_completion", "video_progress", "upper(watched)", "NULL", "completed_at IS NOT NULL",
            f"video_id = %(video)s AND {'(upper(watched), id) > (%(second)s + 1, %(id)s)' if place.key else 'true'}",
            "upper(watched), id", PAGE, key="upper(watched) - 1 AS key",
        ),
    ]  # fmt: skip
    # A quiz stands at one second: before the cursor it is not asked at all.
    for quiz in Quiz.objects.filter(video=subject.video, video_timestamp_seconds__gte=second):
        condition = f"quiz_id = '{quiz.pk}'"
        if quiz.video_timestamp_seconds == second:
            condition += " AND id > %(id)s"
        branches += [
            branch(
                kind,
                "quiz_attempts",
                "",
                "score",
                rows,
                condition,
                "id",
                PAGE,
                f"{quiz.video_timestamp_seconds} AS key",
            )
            for kind, rows in (("quiz_attempt", "true"), ("quiz_completion", "passed"))
        ]
    return merged(branches), values


def view_of_goal(subject, place):
    [period] = subject.goal.periods.all()
    values = {"student": subject.student.pk, "goal": subject.goal.pk, "since": period.period.lower}
    values |= {"until": period.period.upper or datetime.datetime(9000, 1, 1, tzinfo=datetime.UTC)}
    values |= {"at": place.key and place.key[0], "id": place.key and place.key[1]}

    def beyond(at):
        return f"({at}, id) > (%(at)s, %(id)s)" if place.key else "true"

    branches = [
        branch(
            kind, table, at, says, rows,
            f"student_id = %(student)s AND {at} >= {'%(at)s' if place.key else '%(since)s'} AND {at} < %(until)s"
            f" AND {beyond(at)}" + (" AND goal_id IS NULL" if table == "goal_messages" else ""),
            f"{at}, id", PAGE,
        )
        for kind, table, at, says, rows in BRANCHES
    ]  # fmt: skip
    branches += [
        branch(kind, table, at, says, rows, f"{goal} = %(goal)s AND {beyond(at)}", f"{at}, id", PAGE)
        for kind, table, at, says, rows, goal in OWN
    ]
    return merged(branches), values


def view_of_days(connection, subject, place):
    from timeline.models import DAY_ZONE

    def midnight(day):
        return datetime.datetime.combine(day, datetime.time(), DAY_ZONE)

    every = [*BRANCHES, *(own[:5] for own in OWN)]
    before = midnight(place.key or datetime.date(9000, 1, 1))
    for _ in range(DAYS):
        last = " UNION ALL ".join(
            f"(SELECT {at} AS at FROM {table} WHERE {rows} AND student_id = %(student)s AND {at} < %(before)s"
            f" ORDER BY {at} DESC LIMIT 1)"
            for _, table, at, _, rows in every
        )
        step = f"SELECT max(at) FROM ({last}) AS last", {"student": subject.student.pk, "before": before}
        yield step
        [(at,)] = harness.execute(connection, *step)
        if at is None:
            return
        day = at.astimezone(DAY_ZONE).date()
        values = {"student": subject.student.pk, "since": midnight(day), "until": before}
        values["until"] = midnight(day + datetime.timedelta(days=1))
        branches = [
            branch(
                kind, table, at, says, rows,
                f"student_id = %(student)s AND {at} >= %(since)s AND {at} < %(until)s", f"{at}, id", OF_A_DAY,
            )
            for kind, table, at, says, rows in every
        ]  # fmt: skip
        yield merged(branches, OF_A_DAY), values
        before = midnight(day)


def without_indexes(connection):
    """Statements that take the timeline's indexes away, but for the primary key."""
    rows = harness.execute(
        connection,
        "SELECT indexrelid::regclass::text FROM pg_index"
        " WHERE indrelid = 'student_activity_timeline'::regclass AND NOT indisprimary",
    )
    return [f"DROP INDEX {name}" for (name,) in rows]


def stream(connection):
    """Statements that put every entry into django-activity-stream's table.

    Of its indexes, those of ids and times are made afterwards; those of columns with a handful of values serve nobody.
    """
    from actstream import registry
    from django.contrib.contenttypes.models import ContentType

    from courses.models import Video
    from goals.models import Goal
    from profiles.models import Profile

    registry.register(Profile, Video, Goal)
    indexes = harness.execute(
        connection,
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = 'actstream_action'::regclass AND NOT indisunique",
    )
    types = {model: ContentType.objects.get_for_model(model).pk for model in (Profile, Video, Goal)}
    yield "TRUNCATE actstream_action"
    yield from (f"DROP INDEX {name}" for name, _ in indexes)
    yield "SET LOCAL session_replication_role = replica"  # no look-up of content types for each row
    yield f"""
        INSERT INTO actstream_action (
            actor_content_type_id, actor_object_id, verb, description, target_content_type_id, target_object_id,
            action_object_content_type_id, action_object_object_id, timestamp, public
        )
        SELECT {types[Profile]}, student_id, activity_type, content,
            CASE WHEN video_id IS NOT NULL THEN {types[Video]} END, video_id,
            CASE WHEN goal_id IS NOT NULL THEN {types[Goal]} END, goal_id, created_at, true
        FROM student_activity_timeline ORDER BY created_at
    """
    yield "SET LOCAL session_replication_role = origin"
    yield from (definition for _, definition in indexes if "object_id" in definition or "timestamp" in definition)
    yield "ANALYZE actstream_action"


def of_stream(connection, question, subject, place):
    from actstream.models import Action

    ask, of = {
        "video": (Action.objects.target, subject.video),
        "days": (Action.objects.actor, subject.student),
        "goal": (Action.objects.action_object, subject.goal),
    }[question]
    rows = ask(of)
    if place.key:
        at = ask(of).values_list("timestamp", flat=True)[place.offset if question != "days" else 0]
        if question == "days":
            at = datetime.datetime.combine(place.key, datetime.time(), datetime.UTC)
        rows = rows.filter(timestamp__lt=at)
    return [rows[:PAGE].query.sql_with_params()]


# What is told


def asked_ways(found):
    return [way for way in WAYS if any(way in taken for taken in found[-1].others.values())]


def told(found):
    """(head, rows) of the measurements at each size."""
    ways = asked_ways(found)
    head = ["", "entries", *ways]
    rows = []
    for key in found[-1].others:
        for each in found:
            taken = each.others[key]
            question, whom, where = key
            rows.append(
                [
                    f"{QUESTIONS[question]}, {whom}{', after 90 %' if where == 'deep' else ''}",
                    report.short(each.entries),
                    *(f"{taken[way][0]:,}; {report.number(taken[way][1])}" if way in taken else "" for way in ways),
                ]
            )
    return head, rows


def pictures(found, suffix):
    """A drawing for each question."""
    ways = asked_ways(found)
    return [
        report.lines(
            f"reading-{question}{suffix}",
            f"{title[0].upper()}{title[1:]} with most entries: the dearer of first and after 90 %",
            {
                way: [
                    (each.entries, max(each.others[question, "hot", where][way][0] for where in ("first", "deep")))
                    for each in found
                ]
                for way in ways
            },
            x="entries in the table",
            y="buffers of 8 kB",
        )
        for question, title in QUESTIONS.items()
    ]


def grown(found):
    """A line for each page of the timeline that reads more in a larger table, or after 90 % of it."""
    for question, whom in dict.fromkeys((question, whom) for question, whom, _ in found[-1].others):
        least = found[0].others[question, whom, "first"][TIMELINE][0]
        for each in found:
            for where in ("first", "deep"):
                buffers, _ = each.others[question, whom, where][TIMELINE]
                if buffers > 1.5 * least + 30:
                    yield (
                        f"{QUESTIONS[question]}, {whom}, {where}, {each.entries:,} entries: {buffers:,} buffers, and"
                        f" {least:,} on the first page in the smallest table"
                    )


def ahead(found):
    """Words for each way that in the largest table reads less than the timeline, by a tenth and three buffers."""
    for (question, whom, where), taken in found[-1].others.items():
        ours, _ = taken[TIMELINE]
        for way, (buffers, _) in taken.items():
            if buffers < 0.9 * ours - 3:
                place = ", after 90 %" if where == "deep" else ""
                yield f"{QUESTIONS[question]}, {whom}{place}: {way} {buffers:,} buffers, the timeline {ours:,}"
