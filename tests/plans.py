"""What a query costs as PostgreSQL plans and runs it, in a database that each module of such tests begins anew."""

import time
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext


@contextmanager
def empty_tables():
    """A cursor, with tables whose files are new: what other tests rolled back would be read, and change plans."""
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
        yield cursor
        cursor.execute(EMPTY)


EMPTY = "TRUNCATE profiles, courses, student_activity_timeline CASCADE"


@pytest.fixture
def new_files(db):
    """The same within a test's transaction, for one that is alone with its rows; use it before what makes them."""
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
        forget_statistics(cursor)


def forget_statistics(cursor):
    """For the rest of the transaction: what was gathered of other tests' rows outlives TRUNCATE, and changes plans."""
    cursor.execute("SELECT pg_clear_relation_stats(schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'")
    cursor.execute(
        "SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited) FROM pg_stats"
        " WHERE schemaname = 'public'"
    )


def vacuum(cursor):
    """Make every page all-visible, which an autovacuum worker's own snapshot may put off for a moment."""
    for _ in range(50):
        cursor.execute("VACUUM (ANALYZE)")
        # Not of every last page: a table may end with some that were never written.
        cursor.execute(
            "SELECT bool_and(relallvisible >= 0.95 * relpages) FROM pg_class WHERE relname = ANY (%s)",
            [["student_activity_timeline", "video_progress", "enrollments", "profiles", "congratulations"]],
        )
        if cursor.fetchone()[0]:
            return
        time.sleep(0.1)
    pytest.fail("Something in the database holds an old snapshot.")


def plans_of(ask):
    """The executed plan of each query that `ask` runs."""
    with CaptureQueriesContext(connection) as captured:
        ask()
    plans = []
    for query in captured:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query["sql"].replace("%", "%%"), [])
            plans.append(cursor.fetchone()[0][0]["Plan"])
    return plans


def buffers(plan):
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def relations(plan):
    return {node.get("Relation Name") for node in nodes(plan)}
