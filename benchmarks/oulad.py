"""A module of the Open University Learning Analytics Dataset (OULAD), into the source tables, through their triggers.

OULAD is published under CC BY 4.0 (Kuzilek, Hlosta, Zdrahal 2017, Sci. Data 4:170171); its files are CSV, plain or
gzip.  What they say becomes

- `courses`: a presentation of a module; with a lesson for its assessments, and a quiz for each of them;
- `profiles`: a learner, "Learner 11391", the same one in all presentations;
- `enrollments`: a registration.  Who passed, or passed with distinction, completed the course on its last day, as
  the dataset dates no results; who unregistered left on that day;
- `quiz_attempts`: an assessment handed in.  Below 40 it is failed, as the dataset says; without a score it is an
  attempt that nobody marked.  A score that was banked, which is to say taken over from an earlier presentation, is
  nothing that the learner did here, and left out.

Days are counted from a presentation's start, which is known to its month: B is taken for 1 February, J for
1 October.  No time of day is known: all is put at noon.

The clicks of studentVle are left out: they say how often somebody clicked on a page on a day, and neither which
moment of a video was watched nor that anything was finished.  No source table holds such a thing.
"""

import csv
import gzip
import time
from collections import Counter
from pathlib import Path

NEEDED = {
    "courses": {"code_module", "code_presentation", "module_presentation_length"},
    "assessments": {"code_module", "code_presentation", "id_assessment", "assessment_type"},
    "studentInfo": {"code_module", "code_presentation", "id_student", "final_result"},
    "studentRegistration": {
        "code_module", "code_presentation", "id_student", "date_registration", "date_unregistration",
    },
    "studentAssessment": {"id_assessment", "id_student", "date_submitted", "is_banked", "score"},
}  # fmt: skip
PASSED = ("Pass", "Distinction")
PASSING_SCORE = 40

# What is empty, or "?" in some editions of the dataset, is not known.
PREPARE = """
    CREATE FUNCTION pg_temp.known(value text) RETURNS numeric IMMUTABLE
    RETURN nullif(nullif(value, ''), '?')::numeric;

    CREATE FUNCTION pg_temp.noon(presentation text, day numeric) RETURNS timestamptz IMMUTABLE
    RETURN (
        make_date(left(presentation, 4)::integer, CASE right(presentation, 1) WHEN 'B' THEN 2 WHEN 'J' THEN 10 END, 1)
        + day::integer + time '12:00'
    ) AT TIME ZONE 'America/New_York';

    CREATE TEMP TABLE presentation ON COMMIT DROP AS
    SELECT *, uuidv7() AS course_id, uuidv7() AS lesson_id FROM oulad_courses;
    CREATE TEMP TABLE assessment ON COMMIT DROP AS
    SELECT oulad_assessments.*, lesson_id, uuidv7() AS quiz_id
    FROM oulad_assessments JOIN presentation USING (code_module, code_presentation);
    CREATE TEMP TABLE learner ON COMMIT DROP AS
    SELECT id_student, uuidv7() AS student_id FROM oulad_studentinfo GROUP BY id_student;
    ANALYZE presentation, assessment, learner;
"""
SOURCES = {
    "profiles": """
        INSERT INTO profiles (id, full_name) SELECT student_id, 'Learner ' || id_student FROM learner
    """,
    "courses": """
        INSERT INTO courses (id, title) SELECT course_id, code_module || ' ' || code_presentation FROM presentation
    """,
    "course_chapters": """
        INSERT INTO course_chapters (id, course_id, title) SELECT lesson_id, course_id, 'Assessments' FROM presentation
    """,
    "quizzes": """
        INSERT INTO quizzes (id, lesson_id, title, passing_score)
        SELECT quiz_id, lesson_id, assessment_type || ' ' || id_assessment, %(passing_score)s FROM assessment
    """,
    "enrollments": """
        INSERT INTO enrollments (student_id, course_id, enrolled_at, completed_at, left_at)
        SELECT student_id, course_id,
            pg_temp.noon(code_presentation, pg_temp.known(date_registration)),
            CASE WHEN final_result = ANY (%(passed)s) THEN
                pg_temp.noon(code_presentation, pg_temp.known(module_presentation_length))
            END,
            pg_temp.noon(code_presentation, pg_temp.known(date_unregistration))
        FROM oulad_studentregistration
        JOIN oulad_studentinfo USING (code_module, code_presentation, id_student)
        JOIN presentation USING (code_module, code_presentation)
        JOIN learner USING (id_student)
        WHERE pg_temp.known(date_registration) IS NOT NULL
    """,
    "quiz_attempts": """
        INSERT INTO quiz_attempts (student_id, quiz_id, started_at, submitted_at, score, passed)
        SELECT student_id, quiz_id, at, CASE WHEN score IS NOT NULL THEN at END, score, score >= %(passing_score)s
        FROM (
            SELECT student_id, quiz_id, pg_temp.noon(code_presentation, pg_temp.known(date_submitted)) AS at,
                pg_temp.known(score) AS score
            FROM oulad_studentassessment JOIN assessment USING (id_assessment) JOIN learner USING (id_student)
            WHERE is_banked = '0'
        ) AS handed_in
    """,
}


class NotOulad(Exception):
    """The folder does not hold the dataset; str() says what is missing."""


def files(folder):
    """{name of a table of the dataset: its file}; NotOulad if one is missing, or lacks a column."""
    found = {}
    for name, needed in NEEDED.items():
        paths = [path for path in (Path(folder, f"{name}.csv"), Path(folder, f"{name}.csv.gz")) if path.exists()]
        if not paths:
            raise NotOulad(f"{folder} has neither {name}.csv nor {name}.csv.gz.")
        found[name] = paths[0]
        with opened(paths[0]) as file:
            if missing := needed - set(next(csv.reader(file), [])):
                raise NotOulad(f"{paths[0].name} has no column {', '.join(sorted(missing))}.")
    return found


def opened(path):
    return (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="")


def load(connection, folder):
    """Fill the source tables, in one transaction; {table: (rows, seconds of its one statement)}."""
    from django.db import transaction

    found = files(folder)
    written = {}
    with transaction.atomic(), connection.cursor() as cursor:
        for name, path in found.items():
            stage(cursor, f"oulad_{name.lower()}", path)
        cursor.execute(PREPARE)
        for table, statement in SOURCES.items():
            start = time.perf_counter()
            cursor.execute(statement, {"passed": list(PASSED), "passing_score": PASSING_SCORE})
            written[table] = cursor.rowcount, time.perf_counter() - start
        cursor.execute("DROP FUNCTION pg_temp.known, pg_temp.noon")
    return written


def stage(cursor, table, path):
    """Copy a file into a temporary table of its columns, as texts."""
    with opened(path) as file:
        columns = ", ".join(f'"{name}" text' for name in next(csv.reader(file)))
        cursor.execute(f"CREATE TEMP TABLE {table} ({columns}) ON COMMIT DROP")
        with cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
            while chunk := file.read(1 << 16):
                copy.write(chunk)
    cursor.execute(f"ANALYZE {table}")


def entries(folder):
    """{kind of entry: how many there must be}, counted in the files alone."""
    found = files(folder)

    def rows(name):
        with opened(found[name]) as file:
            yield from csv.DictReader(file)

    known = {(row["code_module"], row["code_presentation"], row["id_student"]): row for row in rows("studentInfo")}
    counts = Counter()
    for row in rows("studentRegistration"):
        if row["date_registration"] not in ("", "?"):
            counts["course_enrollment"] += 1
            person = known[row["code_module"], row["code_presentation"], row["id_student"]]
            counts["course_completion"] += person["final_result"] in PASSED
    for row in rows("studentAssessment"):
        if row["is_banked"] == "0":
            counts["quiz_attempt"] += 1
            counts["quiz_completion"] += row["score"] not in ("", "?") and float(row["score"]) >= PASSING_SCORE
    return dict(+counts)
