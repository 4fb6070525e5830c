"""Whether the timeline follows what is written, where pages ask, and what it costs."""

import re
import statistics
from collections import Counter

import psycopg

from benchmarks import harness, reading, report
from benchmarks.citus.asking import TIMELINE, busiest, drifting, opened, shards_of, tried, value, words

NO_ID = "00000000-0000-0000-0000-000000000000"
PAGE, ROUNDS, CROWD = 50, 15, 1_000


def writing(citus, url):
    """Rows of what was written, and whether the timeline followed; then of what a lock keeps waiting."""
    enrolled = value(citus, "SELECT array_agg(DISTINCT student_id) FROM enrollments")
    people = value(citus, "SELECT count(*) FROM profiles")
    student, gone, one, another = enrolled[:4]

    def entries(condition, *params):
        return value(citus, f"SELECT count(*) FROM {TIMELINE} WHERE {condition}", *params)

    def judged(found, wanted):
        drift = drifting(citus)
        right = "as it must be" if found == wanted else f"NOT as it must be: {found} for {wanted}"
        return right + f"; NOT without drift: {drift:,}" * bool(drift)

    note = "INSERT INTO daily_notes (student_id, content) VALUES (%s, 'Beside it.') RETURNING id"
    with citus.transaction(force_rollback=True):
        written = value(citus, note, student)
        within = entries("student_id = %s AND source_id = %s", student, written)
    after = entries("student_id = %s AND source_id = %s", student, written)
    yield "a note: its entry is there in its transaction, and gone with it", judged((within, after), (1, 0))

    kept = value(citus, note, student)
    citus.execute("INSERT INTO daily_notes (student_id, content) SELECT id, 'All.' FROM profiles")
    with citus.cursor().copy("COPY daily_notes (student_id, content) FROM STDIN") as copied:
        for each in enrolled:
            copied.write_row((each, "Copied."))
    there = entries("content = 'All.'"), entries("content = 'Copied.'")
    yield "notes of all, by one statement and by COPY", judged(there, (people, len(enrolled)))

    citus.execute("UPDATE daily_notes SET content = 'Changed.' WHERE student_id = %s AND id = %s", [student, kept])
    citus.execute("UPDATE daily_notes SET hidden_at = now() WHERE content = 'All.'")
    citus.execute("DELETE FROM daily_notes WHERE content = 'Copied.'")
    there = entries("content = 'Changed.'"), entries("content IN ('All.', 'Copied.')")
    yield "a note changed; those of all hidden, or deleted", judged(there, (1, 0))

    citus.execute(
        "UPDATE video_progress SET watched = '{[0,100000)}', watched_at = now() WHERE student_id = %s", [student]
    )
    videos = value(citus, "SELECT count(*) FROM video_progress WHERE student_id = %s", student)
    there = entries("student_id = %s AND activity_type = 'video_completion'", student)
    yield "a student's videos watched to their end", judged(there, videos)

    citus.execute("DELETE FROM goal_periods WHERE student_id = %s", [student])
    there = entries("student_id = %s AND goal_id IS NOT NULL AND activity_type = 'text_reflection'", student)
    yield "a student's periods deleted, so that reflections have no goal", judged(there, 0)

    citus.execute("DELETE FROM profiles WHERE id = %s", [gone])
    yield "a student deleted, with all rows", judged(entries("student_id = %s", gone), 0)

    yield "a video changed, with a trigger of this reference table that asks for its entries", moved(citus)
    profile = "SELECT FROM profiles WHERE id = %s FOR KEY SHARE"
    another_note = "INSERT INTO daily_notes (student_id, content) VALUES (%s, 'Meanwhile.')"
    period = (
        "UPDATE goal_periods SET period = tstzrange(lower(period), NULL) WHERE student_id = %s AND upper_inf(period)"
    )
    with opened(url) as other:
        for what, first, second, wanted in (
            ("a row of `profiles` locked `FOR KEY SHARE`; another, too", profile, profile, another),
            ("a note of a student; another note", another_note, another_note, one),
            ("a note of a student; a change of their period", another_note, period, one),
            ("a change of a student's period; a note", period, another_note, one),
            ("a change of a student's period; a note of another student", period, another_note, another),
        ):
            yield f"at once: {what}", waited(citus, other, first, one, second, wanted)


def moved(citus):
    citus.execute(f"""
        CREATE FUNCTION lend_video() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            UPDATE {TIMELINE} SET lesson_id = NEW.lesson_id WHERE video_id = NEW.id;
            RETURN NULL;
        END
        $body$
    """)
    citus.execute("CREATE TRIGGER lend_video AFTER UPDATE ON media_files FOR EACH ROW EXECUTE FUNCTION lend_video()")
    refused = tried(citus, "UPDATE media_files SET title = title WHERE id = (SELECT id FROM media_files LIMIT 1)")
    citus.execute("DROP TRIGGER lend_video ON media_files")
    return f"“{refused}”" if refused else "taken"


def waited(citus, other, does, first, wants, second):
    """Whether somebody waits for the other's transaction; each does something about one student."""
    other.execute("SET statement_timeout = '1s'")
    with citus.transaction(force_rollback=True):
        citus.execute(does, [first])
        try:
            with other.transaction(force_rollback=True):
                other.execute(wants, [second])
        except psycopg.errors.QueryCanceled:
            return "waits"
    return "does not wait"


# Pages


def pages(connection, citus):
    told, refused = {}, Counter()
    with harness.pages_served():
        subject = reading.chosen(connection)["hot"]
        for page, (client, address) in reading.pages(subject).items():
            kinds = Counter()
            for sql, params, function in reading.statements_of(connection, client, address, page=page):
                try:
                    with citus.transaction(force_rollback=True):
                        psycopg.ClientCursor(citus).execute(sql, params)
                    kinds["one" if shards_of(citus, sql, params) < 2 else "several"] += 1
                except psycopg.Error as error:
                    kinds["refused"] += 1
                    said = re.sub(r" \(\w+\)", "", words(error))  # names of subqueries
                    refused[said, function] += 1
            told[page] = kinds
    rows = [[page, *(kinds[kind] for kind in ("one", "several", "refused"))] for page, kinds in told.items()]
    total = sum(told.values(), Counter())
    rows.append(["all", *(total[kind] for kind in ("one", "several", "refused"))])
    by_message = {}
    for (said, function), count in refused.items():
        by_message.setdefault(said, {})[function] = count
    ranked = sorted(by_message.items(), key=lambda item: -sum(item[1].values()))
    return [
        f"{sum(not kinds['refused'] for kinds in told.values())} of {len(told)} pages are answered as they are.",
        report.table(
            ["Citus' words", "statements", "of"],
            [[f"“{said}”", sum(by.values()), ", ".join(f"`{name}`" for name in sorted(by))] for said, by in ranked],
        ),
        reading.folded(
            "Statements of each page, by how many shards they go to",
            report.table(["page", "one, or a reference table", "several", "refused"], rows),
        ),
    ]


# Costs


def costs(plain, citus):
    """Rows of what the same takes without Citus and with it."""
    student = busiest(plain)
    most = f"SELECT {{0}} FROM {TIMELINE} WHERE {{1}} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    goal = value(plain, most.format("goal_id", "student_id = %s"), student)
    video = value(plain, most.format("video_id", "activity_type = 'text_reflection'"))
    for name, condition, order, params in (
        ("a page of a student's days", "student_id = %s", "activity_date DESC, created_at DESC, id DESC", [student]),
        ("a page of a goal", "student_id = %s AND goal_id = %s", "created_at, id", [student, goal]),
        (
            "a page of a video's reflections, from a second on",
            f"video_id = %s AND activity_type = 'text_reflection' AND (video_timestamp_seconds, id) > (60, '{NO_ID}')",
            "video_timestamp_seconds, id",
            [video],
        ),
    ):
        page = f"SELECT * FROM {TIMELINE} WHERE {condition} ORDER BY {order} LIMIT {PAGE}"
        yield [name, *compared(plain, citus, page, params)]
    yield [
        "how many entries a video has",
        *compared(plain, citus, f"SELECT count(*) FROM {TIMELINE} WHERE video_id = %s", [video]),
    ]
    enrolled = value(citus, "SELECT array_agg(DISTINCT student_id) FROM enrollments")
    for name, whose in {
        "one note": [student],
        f"{CROWD:,} notes of a student": [student] * CROWD,
        f"{CROWD:,} notes of {len(enrolled)} students": [enrolled[place % len(enrolled)] for place in range(CROWD)],
    }.items():
        values = ", ".join(["(%s, 'Written.')"] * len(whose))
        written = f"INSERT INTO daily_notes (student_id, content) VALUES {values}"
        yield [name, *compared(plain, citus, written, whose)]


def compared(plain, citus, statement, params):
    """[shards, milliseconds without Citus, with it, how many times as long]; the answers are the same."""

    def ask(connection):
        asked = psycopg.ClientCursor(connection).execute(statement, params)
        return asked.fetchall() if asked.description else asked.rowcount

    assert ask(plain) == ask(citus), f"another answer: {statement}"
    seconds = harness.alternate({"plain": lambda: ask(plain), "citus": lambda: ask(citus)}, ROUNDS)
    milliseconds = [1000 * statistics.median(seconds[side]) for side in ("plain", "citus")]
    return [shards_of(citus, statement, params), *milliseconds, harness.ratio(seconds["citus"], seconds["plain"])]
