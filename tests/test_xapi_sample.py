"""The import on published viewing traffic, if it is there: XAPI_SAMPLE names the file."""

import gzip
import io
import os
import random
import time

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from courses.models import Course, Enrollment, Lesson, Video, VideoProgress
from profiles.models import Profile
from tests.drift import drift
from tests.test_xapi_import import dump
from timeline.models import Activity
from xapi.models import Statement

SAMPLE = os.environ.get("XAPI_SAMPLE", "")

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        not os.path.exists(SAMPLE),
        reason="XAPI_SAMPLE does not name a file: 22,000 statements of France Université Numérique, "
        "data/statements.json.gz of openfun/ralph, each session on its earliest day.",
    ),
]


def total(expression):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM video_progress")
        return cursor.fetchone()[0]


def test_the_published_statements_give_the_published_numbers_in_any_order_in_well_under_a_minute(tmp_path):
    with transaction.atomic():
        began = time.monotonic()
        call_command("import_xapi", SAMPLE, stdout=io.StringIO())
        assert time.monotonic() - began < 60
        check_numbers()
        whole = dump()
        transaction.set_rollback(True)
    with gzip.open(SAMPLE) as file:
        shuffled = file.readlines()
    random.Random(7).shuffle(shuffled)
    for part, some in enumerate((shuffled[:12_000], shuffled[10_000:])):
        path = tmp_path / f"{part}.jsonl"
        path.write_bytes(b"".join(some))
        call_command("import_xapi", path, stdout=io.StringIO())
    assert dump() == whole


def check_numbers():
    assert Statement.objects.count() == 22_000
    assert Profile.objects.count() == 1_452
    assert Video.objects.count() == 10
    assert Course.objects.count() == Lesson.objects.count() == 2
    assert Enrollment.objects.count() == 2_039
    assert VideoProgress.objects.count() == 2_872
    assert total("sum(seconds_covered(watched))") == 888_419
    assert total("sum((SELECT count(moment) FROM unnest(tenth_reached_at) AS moment))") == 15_093
    assert total("count(completed_at)") == 1_258
    kinds = {"video_progress": 15_093, "video_completion": 1_258, "course_enrollment": 2_039}
    assert {kind: Activity.objects.filter(activity_type=kind).count() for kind in kinds} == kinds
    assert Activity.objects.count() == sum(kinds.values())
    assert not drift()
