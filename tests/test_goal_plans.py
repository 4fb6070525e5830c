"""What the pages of a student with 50 goals and 100,000 entries read: little, and from the indexes that are named."""

import datetime
import json
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from psycopg.types.range import TimestamptzRange

from goals import living
from goals.models import Goal
from tests import factories
from tests.test_queries import buffers, nodes, plans_of, vacuum
from timeline import queries
from timeline.kinds import KINDS

pytestmark = pytest.mark.django_db

ENTRIES, GOALS = 100_000, 50
BUFFERS = 300  # pages of 8 kB that one query of a page may read
COUNTED = 1_600  # of the overview's counts: ten goals with COUNT_LIMIT entries each, index-only
NOW = datetime.datetime.now(datetime.UTC)
day = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def student(django_db_setup, django_db_blocker):
    """50 goals of twenty days each, of which the last is current; milestones and proofs; the newest goal has a fifth.

    The entries are without their sources, as nothing here writes anything.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        student = factories.ProfileFactory()
        for number in range(GOALS):
            start = NOW - 20 * day * (GOALS - number)
            end = start + 20 * day if number < GOALS - 1 else None
            goal = factories.GoalFactory(student=student, title=f"Goal {number}", created_at=start)
            factories.GoalPeriodFactory(goal=goal, period=TimestamptzRange(start, end))
            factories.GoalMilestoneFactory.create_batch(3, goal=goal, reached_at=start + day)
            factories.SuccessProofFactory(goal=goal, created_at=start + day)
        factories.GoalFactory.create_batch(20, student=student)
        cursor.execute("DELETE FROM student_activity_timeline")
        cursor.execute(FILLING, {"student": student.pk, "kinds": [kind.value for kind in KINDS], "entries": ENTRIES})
        vacuum(cursor)
        yield student
        cursor.execute("TRUNCATE profiles, student_activity_timeline CASCADE")


# A fifth of all under the newest goal, the rest even; each within the goal's time.
FILLING = """
    INSERT INTO student_activity_timeline (
        id, student_id, activity_type, created_at, goal_id, content, metadata, source_table, source_id
    )
    SELECT
        gen_random_uuid(), %(student)s, (%(kinds)s::text[])[1 + n %% 17],
        lower(period) + n %% 2000 * INTERVAL '14 minutes', goal_id, repeat('words ', 20), '{"percent": 50}',
        'daily_notes', gen_random_uuid()
    FROM generate_series(1, %(entries)s) AS n
    JOIN (
        SELECT goal_id, period, row_number() OVER (ORDER BY period) - 1 AS place FROM goal_periods
        WHERE student_id = %(student)s
    ) AS periods ON place = CASE WHEN n %% 5 = 0 THEN 49 ELSE n / 5 %% 50 END
"""


def plans_of_page(client, address):
    """(sql, plan) of each query that a page asks."""
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200
    found = []
    for query in captured:
        sql = query["sql"].strip()
        if not sql.startswith(("SELECT", "WITH")):
            continue
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql.replace("%", "%%"), [])
            found.append((sql, cursor.fetchone()[0][0]["Plan"]))
    return found


def test_every_page_reads_little_but_for_the_counts_of_the_overview_which_are_bounded(student):
    client = Client()
    client.force_login(student)
    goals = list(Goal.objects.filter(student=student, title__startswith="Goal ").order_by("created_at"))
    first = queries.goal_path(student=student)
    deep = queries.goal_timeline(goal=goals[-1])
    for _ in range(10):
        deep = queries.goal_timeline(goal=goals[-1], after=deep.next)
    path, of_goal = reverse("my_goals"), reverse("student_goal", args=[student.pk, goals[-1].pk])
    pages = {
        "path": path,
        "path, deep": f"{path}?{urlencode({'after': first.next})}",
        "planned, deep": f"{path}?{urlencode({'planned': queries.planned_goals(student=student).next})}",
        "goal": of_goal,
        "goal, deep": f"{of_goal}?{urlencode({'after': deep.next})}",
        "setting": reverse("new_goal", args=[student.pk]),
        "switching": reverse("make_current", args=[student.pk, goals[3].pk]),
        "corrections": reverse("goal_corrections", args=[student.pk]),
    }
    counts = 0
    for name, address in pages.items():
        for sql, plan in plans_of_page(client, address):
            is_count = "date_trunc" in sql
            counts += is_count
            bound = COUNTED if is_count and "LATERAL" in sql else BUFFERS
            assert buffers(plan) <= bound, (name, buffers(plan), sql[:300])
            if is_count:
                scans = [node for node in nodes(plan) if node.get("Relation Name") == "student_activity_timeline"]
                kinds = {(scan["Node Type"], scan.get("Index Name")) for scan in scans}
                assert kinds == {("Index Only Scan", "idx_student_goal")}, (name, json.dumps(plan, indent=1))
    assert counts >= 6


def test_the_counts_of_a_goal_stop_at_the_newest_10000_and_say_so(student):
    newest = queries.goal_path(student=student).entries[0]
    assert newest.limited
    assert newest.total == queries.COUNT_LIMIT + 1
    client = Client()
    client.force_login(student)
    page = client.get("/goals/").content.decode()
    assert "What led to it: 10,000+ entries" in page
    assert "Of its newest 10,000 entries." in page


def test_the_order_of_the_path_and_the_planned_goals_come_from_their_indexes(student):
    with connection.cursor() as cursor:
        for other in ("seqscan", "sort", "bitmapscan"):  # seventy goals are one page of a table
            cursor.execute(f"SET LOCAL enable_{other} = off")
    for ask, index in (
        (lambda: queries.goal_path(student=student), "goals_goalperiod_of_student"),
        (lambda: queries.planned_goals(student=student), "goals_of_student"),
    ):
        plan = plans_of(ask)[0]
        assert index in {node.get("Index Name") for node in nodes(plan)}, json.dumps(plan, indent=1)
        assert buffers(plan) <= BUFFERS


def test_how_many_entries_a_correction_moves_is_counted_from_the_index(student):
    goals = {goal.title: goal for goal in Goal.objects.filter(student=student)}
    start = NOW - 20 * day * 40
    move = living.Move(start, start + 10 * day, goals["Goal 10"], goals["Goal 9"])
    plans = plans_of(lambda: queries.entries_moved(move))
    (scan,) = [node for node in nodes(plans[0]) if node.get("Relation Name") == "student_activity_timeline"]
    assert (scan["Node Type"], scan["Index Name"]) == ("Index Only Scan", "idx_student_date")
    assert all(buffers(plan) <= BUFFERS for plan in plans)
    assert queries.entries_moved(move) > 500
