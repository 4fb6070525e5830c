"""What the migrations install is what `sql/current/` says, and can be taken back."""

import hashlib
import io
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from config.frozen import FrozenSQL
from tests import databases
from timeline.sql import current_sql

ROOT = Path(settings.BASE_DIR)
FROZEN = ROOT / "tests" / "frozen.txt"

# Everything that SQL installs: as PostgreSQL itself writes it down.
INSTALLED = {
    "functions": """
        SELECT oid::regprocedure::text, pg_get_functiondef(oid), proacl::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    """,
    "triggers": "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal",
    "views": """
        SELECT relname, pg_get_viewdef(oid) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
    """,
    "types": """
        SELECT relname, attnum, attname, format_type(atttypid, atttypmod)
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('c', 'v')
    """,
    "storage": """
        SELECT relname, unnest(reloptions) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    """,
    "foreign keys": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype = 'f'
    """,
}
# And the rest of a schema.
TABLES = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, generation_expression
        FROM information_schema.columns WHERE table_schema = 'public'
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    """,
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "sequences": "SELECT sequencename, data_type::text FROM pg_sequences WHERE schemaname = 'public'",
    "extensions": "SELECT extname FROM pg_extension",
}


def snapshot(queries, using=connection):
    with using.cursor() as cursor:
        return {name: {*cursor.execute(f"{sql}").fetchall()} for name, sql in queries.items()}


def rows(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall()


def project_apps():
    return [app for app in apps.get_app_configs() if ROOT in Path(app.path).parents and ".venv" not in app.path]


# Two roads


@pytest.mark.django_db
def test_the_migrations_install_what_sql_current_says():
    migrated = snapshot(INSTALLED)
    assert migrated["functions"]
    assert migrated["triggers"]
    with connection.cursor() as cursor:
        cursor.execute("""
            DO $$
            DECLARE
                installed record;
            BEGIN
                FOR installed IN
                    SELECT oid::regprocedure::text AS name FROM pg_proc
                    WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
                    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
                    ORDER BY name -- all names, before the first is gone
                LOOP
                    EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', installed.name);
                END LOOP;
                FOR installed IN
                    SELECT relname AS name FROM pg_class
                    WHERE relnamespace = 'public'::regnamespace AND relkind = 'c'
                LOOP
                    EXECUTE format('DROP TYPE %I', installed.name);
                END LOOP;
                FOR installed IN
                    SELECT conrelid::regclass::text AS source, conname AS name FROM pg_constraint
                    WHERE connamespace = 'public'::regnamespace AND contype = 'f' AND cardinality(conkey) = 1
                LOOP
                    EXECUTE format(
                        'ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE INITIALLY DEFERRED',
                        installed.source, installed.name
                    );
                END LOOP;
                ALTER TABLE student_activity_timeline RESET (
                    autovacuum_vacuum_insert_scale_factor, autovacuum_vacuum_scale_factor,
                    autovacuum_analyze_scale_factor
                );
            END
            $$
        """)
        bare = snapshot(INSTALLED)
        assert not bare["functions"] | bare["triggers"] | bare["views"]
        for upstream in ("courses", "goals"):
            for path in sorted((ROOT / upstream / "sql" / "current").glob("*.sql")):
                cursor.execute(path.read_text())
        cursor.execute(current_sql())
    installed = snapshot(INSTALLED)
    for name in INSTALLED:
        assert installed[name] == migrated[name], f"{name} differ: did a change of sql/current get its migration?"


def test_every_file_of_sql_current_is_installed():
    files = {path for path in ROOT.glob("*/sql/current/**/*.sql") if ".venv" not in path.parts}
    installed = current_sql() + "".join(
        path.read_text() for name in ("courses", "goals") for path in (ROOT / name / "sql" / "current").glob("*.sql")
    )
    assert len(files) > 15
    for path in files:
        assert path.read_text() in installed, path


@pytest.fixture
def migrated_database(migrated, django_db_blocker):
    """The alias of a database of its own, with all migrations."""
    name = migrated.removesuffix("template") + "zero"
    with django_db_blocker.unblock(), databases.server() as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{migrated}"')
        with databases.alias(name):
            yield name
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_migrating_back_to_zero_and_forward_again_gives_the_same_schema(migrated_database):
    using = connections[migrated_database]
    before = snapshot(INSTALLED | TABLES, using)
    labels = [app.label for app in project_apps() if list((Path(app.path) / "migrations").glob("0*.py"))]
    assert {"profiles", "courses", "reflections", "goals", "xapi", "timeline"} <= {*labels}
    MigrationExecutor(using).migrate([(label, None) for label in labels])
    assert not {app for app, _ in MigrationRecorder(using).applied_migrations()} & {*labels}
    nothing = snapshot(INSTALLED | TABLES, using)
    assert not nothing["functions"] | nothing["triggers"] | nothing["views"] | nothing["types"]
    ours = {model._meta.db_table for app in project_apps() for model in app.get_models(include_auto_created=True)}
    assert not ours & {table for table, *_ in nothing["columns"]}
    call_command("migrate", database=migrated_database, verbosity=0, stdout=io.StringIO())
    after = snapshot(INSTALLED | TABLES, using)
    for name in before:
        assert after[name] == before[name], name


@pytest.mark.django_db
def test_the_models_have_their_migrations():
    call_command("makemigrations", check=True, dry_run=True, stdout=io.StringIO())


# Frozen


def test_what_ran_in_databases_is_frozen():
    present = {
        str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in [*ROOT.glob("*/migrations/sql/*.sql"), *ROOT.glob("*/migrations/0*.py")]
    }
    listed = {path: digest for digest, path in (line.split() for line in FROZEN.read_text().splitlines())}
    changed = sorted(path for path in listed if path in present and present[path] != listed[path])
    assert not changed, f"{changed} ran in databases: put them back, and ship the change in a migration of its own."
    missing = sorted({*listed} - {*present})
    assert not missing, f"{missing} ran in databases: put them back."
    new = sorted({*present} - {*listed})
    assert not new, f"Freeze what is new, from the project's folder: sha256sum {' '.join(new)} >> tests/frozen.txt"


# These took what they lock beside their SQL with them before the rule was there.
NOT_ALONE = {("goals", "0009_living"), ("goals", "0010_sharing")}


def test_sql_that_makes_triggers_anew_has_its_migration_to_itself():
    """What an operation before it has locked it cannot give up while it waits: whoever writes would be refused."""
    found = {
        key
        for key, migration in MigrationLoader(None).disk_migrations.items()
        if len(migration.operations) > 1 and any(isinstance(each, FrozenSQL) for each in migration.operations)
    }
    assert found == NOT_ALONE


# Rules that every part of the SQL keeps


def mapped_tables():
    return {
        name
        for (name,) in rows("""
            SELECT proargtypes[0]::regtype::text FROM pg_proc WHERE proname = 'timeline_entries'
        """)
    }


def trigger_functions():
    """Of every trigger function: its name and its definition."""
    return rows("""
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype
    """)


@pytest.mark.django_db
def test_every_mapped_table_is_expected_and_watched():
    sources = mapped_tables()
    assert len(sources) == 11
    expected = rows("""
        SELECT DISTINCT refobjid::regclass::text FROM pg_depend
        JOIN pg_rewrite ON pg_rewrite.oid = objid JOIN pg_class ON pg_class.oid = refobjid
        WHERE ev_class = 'timeline_expected'::regclass AND refclassid = 'pg_class'::regclass AND relkind = 'r'
    """)
    assert {table for (table,) in expected} == sources
    for source in sources:
        triggers = rows(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND starts_with(tgname, 'timeline_')", source
        )
        assert sorted(name for (name,) in triggers) == [
            "timeline_delete",
            "timeline_insert",
            "timeline_isolation",
            "timeline_truncate",
            "timeline_update",
        ]


@pytest.mark.django_db
def test_a_statement_without_rows_ends_at_once():
    definitions = dict(trigger_functions())
    for source in mapped_tables():
        for what, table in (("insert", "new_rows"), ("update", "new_rows"), ("delete", "old_rows")):
            if (source, what) == ("video_progress", "update"):
                continue  # a row's trigger: without rows it never runs
            body = definitions[f"timeline_{what}_{source}"].split("BEGIN", 1)[1]
            first, _, _ = body.partition("END IF;")
            assert first.split() == f"IF NOT EXISTS (SELECT FROM {table}) THEN RETURN NULL;".split()
    with connection.cursor() as cursor:
        for source in mapped_tables():
            cursor.execute(f"INSERT INTO {source} SELECT * FROM {source} WHERE false")
            cursor.execute(f"UPDATE {source} SET id = id")
            cursor.execute(f"DELETE FROM {source}")


@pytest.mark.django_db
def test_trigger_functions_run_as_their_owner_and_are_nobody_elses():
    for name, definition in trigger_functions():
        assert " SECURITY DEFINER" in definition, name
        assert "SET search_path TO 'public', 'pg_temp'" in definition, name
        assert "TG_TABLE_NAME" not in definition.upper(), name
    public = rows("""
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype
        AND has_function_privilege('public', oid, 'EXECUTE')
    """)
    assert public == []


@pytest.mark.django_db
def test_what_borrows_a_place_refers_to_a_row_that_is_there():
    waiting = rows("""
        SELECT conrelid::regclass::text, conname FROM pg_constraint
        WHERE contype = 'f' AND condeferrable
        AND confrelid IN ('course_chapters'::regclass, 'media_files'::regclass, 'quizzes'::regclass)
    """)
    assert waiting == [], "make them NOT DEFERRABLE, as timeline/sql/current/lenders.sql does"
