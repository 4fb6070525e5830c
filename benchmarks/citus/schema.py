"""The timeline as Citus takes it: mappings as views, and triggers of statements on the shards of their sources."""

import re

from benchmarks.citus.asking import TIMELINE, answer, busiest, columns, drift_of
from timeline.sql import CURRENT

SOURCES = {file.stem: file.read_text() for file in sorted(CURRENT.glob("sources/*.sql"))}
GOAL = re.compile(r"\(\s*SELECT CASE WHEN goal_periods\.period.*?LIMIT 1\s*\)", re.DOTALL)
BODY = re.compile(r"BEGIN ATOMIC\n(.*);\nEND;", re.DOTALL)


def mapping_view(source, text, columns):
    """A view `timeline_of_<source>` that says what the mapping function says whose definition is `text`.

    Citus plans it over shards: it wants no correlated subquery (the current goal is joined instead), and a FROM.
    `columns`: those of an entry.
    """
    body, borrowed = GOAL.subn("NULL::uuid", BODY.search(text)[1])
    if not re.search(r"^FROM", body, re.MULTILINE):
        body = body.replace("\nWHERE", "\nFROM (VALUES (true)) AS one_row\nWHERE")
    said = ", ".join(
        "coalesce(entry.goal_id, current.goal_id) AS goal_id" if column == "goal_id" and borrowed else f"entry.{column}"
        for column in columns
    )
    current = """
        LEFT JOIN goal_periods AS current ON current.student_id = source.student_id
            AND lower(current.period) <= entry.created_at
            AND coalesce(upper(current.period), 'infinity') > entry.created_at
    """
    return (
        f"CREATE VIEW timeline_of_{source} AS SELECT source.student_id, {said}"
        f" FROM {source} AS source CROSS JOIN LATERAL (\n{body}\n) AS entry {current if borrowed else ''}"
    )


def mappings(citus):
    """Rows of what Citus says of mappings as functions, which are there, and as views, which it makes."""
    student = busiest(citus)
    for text in ((CURRENT / "entry.sql").read_text(), *SOURCES.values(), (CURRENT / "expected.sql").read_text()):
        citus.execute(text)
    one = f"""
        SELECT count({{}}) FROM daily_notes AS source CROSS JOIN LATERAL timeline_entries({{}}) AS entry
        WHERE source.student_id = '{student}'
    """
    yield "functions, all students", answer(citus, "SELECT count(*) FROM timeline_expected")
    yield "a function, one student", answer(citus, one.format("*", "source"))
    cast = "jsonb_populate_record(NULL::daily_notes, to_jsonb(source))"
    yield "the same, of a row made the table's type", answer(citus, one.format("entry.goal_id", cast))
    citus.execute("DROP VIEW timeline_expected")
    entry = columns(citus)
    for source, text in SOURCES.items():
        citus.execute(mapping_view(source, text, entry))
    union = " UNION ALL ".join(f"SELECT * FROM timeline_of_{source}" for source in SOURCES)
    citus.execute(f"CREATE VIEW timeline_expected AS {union}")
    yield "views, all students", answer(citus, "SELECT count(*) FROM timeline_expected")
    yield "views, one student", answer(citus, f"SELECT * FROM timeline_expected WHERE student_id = '{student}'")
    yield "what drifts, all students in one statement", answer(citus, drift_of(entry))


def watching(source, entry):
    """Statements that keep the timeline equal to a source, by triggers of statements on its shards.

    Transition tables hold the rows of one shard, and Citus lets a trigger ask for what lies beside them; it knows that
    of one student at a time, and of an INSERT … SELECT that borrows from the catalogue not even then.  `students`,
    which is distributed as they are, is locked instead of `profiles`.
    """
    rest = [name for name in entry if name != "id"]
    upsert = f"""
        FOR entry IN SELECT * FROM timeline_of_{source} WHERE student_id = student AND source_id = ANY (written) LOOP
            INSERT INTO {TIMELINE} AS present (student_id, id, {", ".join(rest)})
            VALUES (student, entry.id, {", ".join(f"entry.{name}" for name in rest)})
            ON CONFLICT (student_id, id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in rest)}
            WHERE ({", ".join(f"present.{name}" for name in rest)})
                IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in rest)});
        END LOOP;
    """
    # Asked before: in a DELETE or UPDATE that joins them, Citus writes a mapping's CASE as PostgreSQL does not take it.
    kept = (
        f"kept := ARRAY(SELECT id FROM timeline_of_{source} WHERE student_id = student AND source_id = ANY (written));"
    )
    # The first 48 bits of an entry's id are those of its source's (timeline_entry_id): its primary key finds it.
    ghosts = f"""
        DELETE FROM {TIMELINE}
        WHERE student_id = student AND source_table = '{source}' AND source_id = ANY (written)
        AND id >= (SELECT min(overlay(one::text COLLATE "C" PLACING '-0000-0000-000000000000' FROM 14))::uuid
            FROM unnest(written) AS one)
        AND id <= (SELECT max(overlay(one::text COLLATE "C" PLACING '-ffff-ffff-ffffffffffff' FROM 14))::uuid
            FROM unnest(written) AS one)
        AND id <> ALL (kept);
    """
    for event, rows, work in (
        ("insert", "NEW", upsert),
        ("update", "NEW", kept + ghosts + upsert),
        ("delete", "OLD", ghosts),
    ):
        lock = "KEY SHARE" if event == "insert" else "SHARE"
        yield f"""
            CREATE FUNCTION timeline_{event}_{source}() RETURNS trigger LANGUAGE plpgsql AS $body$
            DECLARE
                student uuid;
                written uuid[];
                kept uuid[] := '{{}}';
                entry record;
            BEGIN
                FOR student, written IN SELECT student_id, array_agg(id) FROM changed GROUP BY 1 ORDER BY 1 LOOP
                    PERFORM FROM students WHERE student_id = student FOR {lock};
                    {work}
                END LOOP;
                RETURN NULL;
            END
            $body$
        """
        yield (
            f"CREATE TRIGGER timeline_{event} AFTER {event} ON {source} REFERENCING {rows} TABLE AS changed"
            f" FOR EACH STATEMENT EXECUTE FUNCTION timeline_{event}_{source}()"
        )


def lending():
    """Statements that bring the goals of a student's entries up to date when a period changes."""
    for event, rows in (("insert", "NEW"), ("update", "NEW"), ("delete", "OLD")):
        yield f"""
            CREATE FUNCTION timeline_lend_{event}() RETURNS trigger LANGUAGE plpgsql AS $body$
            DECLARE
                student uuid;
                entry record;
            BEGIN
                FOR student IN SELECT DISTINCT student_id FROM changed ORDER BY 1 LOOP
                    PERFORM FROM students WHERE student_id = student FOR UPDATE;
                    FOR entry IN SELECT id, goal_id FROM timeline_expected WHERE student_id = student LOOP
                        UPDATE {TIMELINE} SET goal_id = entry.goal_id
                        WHERE student_id = student AND id = entry.id AND goal_id IS DISTINCT FROM entry.goal_id;
                    END LOOP;
                END LOOP;
                RETURN NULL;
            END
            $body$
        """
        yield (
            f"CREATE TRIGGER timeline_lend_{event} AFTER {event} ON goal_periods REFERENCING {rows} TABLE AS changed"
            f" FOR EACH STATEMENT EXECUTE FUNCTION timeline_lend_{event}()"
        )


def install(citus):
    citus.execute("CREATE TABLE students (student_id uuid PRIMARY KEY)")
    citus.execute("SELECT create_distributed_table('students', 'student_id', colocate_with => 'goals')")
    citus.execute("INSERT INTO students SELECT id FROM profiles")
    citus.execute("ALTER TABLE students ADD FOREIGN KEY (student_id) REFERENCES profiles (id) ON DELETE CASCADE")
    entry = columns(citus)
    for statement in [each for source in SOURCES for each in watching(source, entry)] + list(lending()):
        citus.execute(statement)
