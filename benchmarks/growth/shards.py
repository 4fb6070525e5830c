"""Citus, from the catalogue: which keys of the schema hold the student's id, as tables distributed by it ask for.

Citus' rules for a distributed table: a primary key or unique constraint contains the distribution column; a foreign
key between distributed tables contains it on both sides; one from a reference table to a distributed one cannot be.
`benchmarks.citus` tries them.
"""

from benchmarks import harness, report
from benchmarks.harness import TIMELINE

STUDENTS = "profiles"  # by whose id everything would be distributed

OWN = """
    SELECT relname, oid FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'student_id' AND NOT attisdropped
    )
    ORDER BY relname
"""
UNIQUE = """
    SELECT of.relname, index.relname, indisprimary, array(
        SELECT attname::text FROM unnest(indkey) WITH ORDINALITY AS key (number, place)
        JOIN pg_attribute ON attrelid = indrelid AND attnum = number WHERE place <= indnkeyatts ORDER BY place
    )
    FROM pg_index JOIN pg_class AS of ON of.oid = indrelid JOIN pg_class AS index ON index.oid = indexrelid
    WHERE indisunique AND of.relnamespace = 'public'::regnamespace
    ORDER BY 1, 2
"""
EXCLUDE = r"""
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) ~ '\mstudent_id WITH =' FROM pg_constraint
    WHERE contype = 'x' ORDER BY 1, 2
"""
FOREIGN = """
    SELECT conrelid::regclass::text, confrelid::regclass::text, array(
        SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS key (number, place)
        JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place
    )
    FROM pg_constraint WHERE contype = 'f' ORDER BY 1, 2, 3
"""
FIRST = f"""
    SELECT relname, attname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
    WHERE indrelid = '{TIMELINE}'::regclass ORDER BY relname
"""


def measure(ground):
    with ground.at(ground.school(ground.sizes[0])) as connection:
        return blocks(rules(connection))


def rules(connection):
    """{rule: (what holds it, what does not)}, as lists of words."""
    own = {name for name, _ in harness.execute(connection, OWN)}
    keys = [(table, index, primary, columns) for table, index, primary, columns in harness.execute(connection, UNIQUE)]

    def holding(wanted):
        rows = [row for row in keys if row[0] in own and row[2] == wanted]
        names = [
            (f"`{table}` ({', '.join(columns) or 'of expressions'})", "student_id" in columns)
            for table, _, _, columns in rows
        ]
        return [name for name, held in names if held], [name for name, held in names if not held]

    excludes = [
        (f"`{table}.{name}`", held) for table, name, held in harness.execute(connection, EXCLUDE) if table in own
    ]
    foreign = [
        (f"`{table}` → `{other}` ({', '.join(columns)})", table, other, columns)
        for table, other, columns in harness.execute(connection, FOREIGN)
    ]
    inner = [each for each in foreign if each[1] in own and each[2] in own]
    of_student = [each for each in foreign if each[1] in own and each[2] == STUDENTS]
    into = [each for each in foreign if each[1] not in own | {STUDENTS} and each[2] in own | {STUDENTS}]
    firsts = harness.execute(connection, FIRST)
    return {
        "tables with `student_id`": ([f"`{name}`" for name in sorted(own)], []),
        "their primary keys contain it": holding(True),
        "their other unique indexes contain it": holding(False),
        "their exclusion constraints contain it": (
            [name for name, held in excludes if held],
            [name for name, held in excludes if not held],
        ),
        "foreign keys between them contain it": (
            [each[0] for each in inner if "student_id" in each[3]],
            [each[0] for each in inner if "student_id" not in each[3]],
        ),
        f"their foreign keys to `{STUDENTS}` are by it": (
            [each[0] for each in of_student if each[3] == ["student_id"]],
            [each[0] for each in of_student if each[3] != ["student_id"]],
        ),
        "no other table refers to them": ([], [each[0] for each in into]),
        "the timeline's indexes begin with it": (
            [f"`{name}`" for name, column in firsts if column == "student_id"],
            [f"`{name}` ({column})" for name, column in firsts if column != "student_id"],
        ),
    }


def blocks(found):
    rows = [[rule, len(held), len(lacking), ", ".join(lacking)] for rule, (held, lacking) in found.items()]
    return [
        "**Citus by `student_id`**: what the catalogue says of its rules",
        report.table(["", "so it is", "not so", "which"], rows),
    ]
