"""One goal at a time, also where a GiST index cannot be trusted (docs/decisions/0019)."""

import datetime
import json

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg.types.range import TimestamptzRange

from goals.models import GoalPeriod
from tests import factories
from tests.plans import nodes

pytestmark = pytest.mark.django_db

UTC = datetime.UTC


def period(start, end=None):
    """From one day of March 2026 to another."""
    return TimestamptzRange(
        datetime.datetime(2026, 3, start, tzinfo=UTC), end and datetime.datetime(2026, 3, end, tzinfo=UTC)
    )


@pytest.fixture(params=["with the exclusion constraint", "with the trigger alone"])
def student(request):
    if request.param == "with the trigger alone":
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE goal_periods DROP CONSTRAINT goals_goalperiod_one_goal_at_a_time")
    student = factories.ProfileFactory()
    factories.GoalPeriodFactory(goal__student=student, period=period(5, 10))
    factories.GoalPeriodFactory(goal__student=student, period=period(10, 15))
    return student


@pytest.mark.parametrize(
    "overlapping", [period(1, 6), period(6, 8), period(4, 16), period(1), period(14), period(5, 10), period(9, 11)]
)
def test_periods_of_one_student_do_not_overlap(student, overlapping):
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.GoalPeriodFactory(goal__student=student, period=overlapping)


@pytest.mark.parametrize("free", [period(1, 5), period(15, 20), period(15)])
def test_a_period_may_touch_another(student, free):
    factories.GoalPeriodFactory(goal__student=student, period=free)


def test_periods_of_different_students_may_overlap(student):
    factories.GoalPeriodFactory(period=period(1))


def test_a_period_can_be_changed_within_what_is_free_and_not_beyond(student):
    first = GoalPeriod.objects.get(period__startswith=period(5).lower)
    first.period = period(1, 10)
    first.save()
    first.period = period(1, 11)
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save()


def test_a_period_can_be_written_again_by_its_id(student):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO goal_periods SELECT * FROM goal_periods"
            " ON CONFLICT (id) DO UPDATE SET period = excluded.period"
        )


def test_nothing_that_reads_periods_scans_the_gist_index():
    student = factories.ProfileFactory()
    statements = {
        "mapping": f"SELECT * FROM timeline_expected WHERE student_id = '{student.pk}'",
        "a student's periods": f"SELECT * FROM goal_periods WHERE student_id = '{student.pk}'",
        "deleting a student": f"DELETE FROM goal_periods WHERE student_id = '{student.pk}'",
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for name, statement in statements.items():
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
            plan = cursor.fetchone()[0][0]["Plan"]
            used = {node.get("Index Name") for node in nodes(plan)}
            assert "goals_goalperiod_of_student" in used, (name, json.dumps(plan, indent=1))
            assert "goals_goalperiod_one_goal_at_a_time" not in used, (name, json.dumps(plan, indent=1))
            assert not [
                node
                for node in nodes(plan)
                if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "goal_periods"
            ], name
