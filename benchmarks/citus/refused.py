"""What Citus refuses of the tables, change after change, until it takes them all."""

import re
from collections import Counter

from benchmarks import report
from benchmarks.citus.asking import DATABASE, own, tried

CATALOGUE = (
    "courses", "course_chapters", "media_files", "quizzes", "checkpoints", "course_instructors", "quiz_questions",
)  # fmt: skip

STEPS = {
    "as they are": "",
    "without the view `timeline_expected` over all sources": "DROP VIEW timeline_expected CASCADE",
    "with `citus.enable_unsafe_triggers`": f"""
        ALTER DATABASE {DATABASE} SET citus.enable_unsafe_triggers = on;
        SET citus.enable_unsafe_triggers = on
    """,
    "with `student_id` in primary keys, exclusion constraint and links": """
        ALTER TABLE shared_stories DROP CONSTRAINT shared_stories_link_key;
        ALTER TABLE goal_periods DROP CONSTRAINT goals_goalperiod_one_goal_at_a_time,
            ADD CONSTRAINT goals_goalperiod_one_goal_at_a_time
            EXCLUDE USING gist (student_id WITH =, period WITH &&);
        ALTER TABLE congratulations ADD student_id uuid;
        UPDATE congratulations SET student_id = (SELECT student_id FROM shared_stories WHERE id = story_id);
        ALTER TABLE congratulations ALTER student_id SET NOT NULL, DROP CONSTRAINT goals_congratulation_once,
            ADD CONSTRAINT goals_congratulation_once UNIQUE (student_id, story_id, person_id);
        DO $$
        DECLARE
            referring record;
            of_students regclass;
        BEGIN
            FOR referring IN
                SELECT conrelid::regclass AS of_table, conname FROM pg_constraint
                WHERE contype = 'f' AND confrelid = 'shared_stories'::regclass
            LOOP
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', referring.of_table, referring.conname);
            END LOOP;
            FOR of_students IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'student_id')
            LOOP
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD PRIMARY KEY (student_id, id)',
                    of_students, of_students || '_pkey');
            END LOOP;
        END
        $$
    """,
    "with `profiles` and the catalogue as reference tables": None,  # see refer()
    "without foreign keys between them, made anew after": None,  # see refusals()
    "without the trigger of `goal_periods` that locks the student": """
        DROP TRIGGER goal_periods_lock_student ON goal_periods
    """,
}
INNER = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint
    WHERE contype = 'f' AND conrelid::regclass::text = ANY (%(own)s) AND confrelid::regclass::text = ANY (%(own)s)
"""


def refusals(citus):
    """Change the tables step by step until Citus takes them all; a table of what it said at each step."""
    rows, inner = [], []
    for step, statements in STEPS.items():
        if "reference tables" in step:
            refer(citus)
        elif "foreign keys" in step:
            inner = citus.execute(INNER, {"own": own(citus)}).fetchall()
            statements = "; ".join(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"' for table, name, _ in inner)
        if statements:
            citus.execute(statements)
        said = Counter(said_of(citus, table) for table in own(citus))
        taken = said.pop(None, 0)
        rows.append([step, taken, "; ".join(f"{count}: “{message}”" for message, count in said.most_common())])
    first, *others = own(citus)
    citus.execute(f"SELECT create_distributed_table('{first}', 'student_id')")
    for table in others:
        citus.execute(f"SELECT create_distributed_table('{table}', 'student_id', colocate_with => '{first}')")
    inner.append(("congratulations", "of_story", "FOREIGN KEY (student_id, story_id) REFERENCES"
                  " shared_stories (student_id, id) ON DELETE CASCADE"))  # fmt: skip
    for table, name, definition in inner:
        refused = tried(citus, f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}', keep=True)
        if refused:
            rows.append([f"the foreign key of `{table}` to `goals`, made anew", "", f"“{refused}”"])
    return report.table(["the tables", "taken", "of the others"], rows)


def refer(citus):
    """Make `profiles` and the catalogue reference tables; what stands on them of the timeline goes before.

    A function that a trigger calls is no dependency that Citus sees.
    """
    citus.execute("SELECT create_distributed_function('seconds_covered(int4multirange)')")
    functions = citus.execute("SELECT oid::regprocedure::text FROM pg_proc WHERE proname LIKE 'timeline%'").fetchall()
    for (function,) in functions:
        citus.execute(f"DROP FUNCTION IF EXISTS {function} CASCADE")
    citus.execute("DROP TYPE timeline_entry")
    for table in ("profiles", *CATALOGUE):
        citus.execute(f"SELECT create_reference_table('{table}')")


def said_of(citus, table):
    message = tried(citus, f"SELECT create_distributed_table('{table}', 'student_id')")
    return message and re.sub(rf'"?\b{table}\b"?', "…", message)
