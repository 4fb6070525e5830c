"""The class of a video: who is in it, in every order, page by page, and who stands beside whom."""

import datetime

import pytest
from django.core.exceptions import BadRequest
from django.db import transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiles.models import Profile
from tests import factories
from timeline import queries
from timeline.queries import rosters
from timeline.queries.rosters import SORTS

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 3, 15, 14, 0, tzinfo=datetime.UTC)
DURATION = 10
UUID = "0198c0de-0000-7000-8000-000000000000"


@pytest.fixture
def video():
    return factories.VideoFactory(duration_seconds=DURATION)


people = st.lists(
    st.fixed_dictionaries(
        {
            "full_name": st.sampled_from(["", "Ann", "ann~5", "Bo", "Bo % Ann", "Ça", "ça_va"]),
            "left": st.booleans(),
            "watched": st.one_of(st.none(), st.integers(0, DURATION)),
            "minutes": st.integers(0, 2),
            "waiting": st.integers(0, 2),
        }
    ),
    max_size=8,
)


def write(video, rows):
    for row in rows:
        student = factories.ProfileFactory(full_name=row["full_name"])
        row["student"] = Profile.objects.get(pk=student.pk)
        factories.EnrollmentFactory(student=student, course=video.lesson.course, left_at=NOW if row["left"] else None)
        if row["watched"] is not None:
            watched_at = NOW + row["minutes"] * datetime.timedelta(minutes=1)
            factories.VideoProgressFactory(
                student=student, video=video, watched=[(0, row["watched"])], watched_at=watched_at
            )
        factories.ReflectionFactory.create_batch(row["waiting"], student=student, video=video)


def told(row):
    if row["watched"] is None:
        return queries.RosterRow(row["student"], None, None, row["waiting"])
    watched_at = NOW + row["minutes"] * datetime.timedelta(minutes=1)
    return queries.RosterRow(row["student"], row["watched"] * 100 // DURATION, watched_at, row["waiting"])


def key(sort):
    """How a row sorts: most first, nothing last, then by name as the database sorts bytes."""
    value = {
        "name": lambda row: 0,
        "coverage": lambda row: -row.percent if row.percent is not None else 1,
        "seen": lambda row: -row.watched_at.timestamp() if row.watched_at else 1,
        "waiting": lambda row: -row.waiting,
    }[sort]
    return lambda row: (value(row), row.student.full_name.encode(), row.student.pk)


def all_pages(video, size=3, **asked):
    rows, after = [], None
    while True:
        page = queries.roster(video=video, after=after, size=size, **asked)
        rows += page.entries
        after = page.next
        if not after:
            return rows
        assert len(page.entries) == size


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=people, name=st.sampled_from(["", "", "A", "~", "%", "ç", "_"]), size=st.integers(1, 3))
def test_every_order_has_the_class_once_and_neighbours_stand_as_in_it(video, rows, name, size):
    with transaction.atomic():
        write(video, rows)
        match = [told(row) for row in rows if not row["left"] and name.lower() in row["full_name"].lower()]
        for sort in SORTS:
            expected = sorted(match, key=key(sort))
            assert all_pages(video, size, name=name, sort=sort) == expected
            for row in map(told, rows):
                others = [other for other in expected if other.student != row.student]
                before = [other.student for other in others if key(sort)(other) < key(sort)(row)]
                after = [other.student for other in others if key(sort)(other) > key(sort)(row)]
                assert queries.roster_neighbours(video=video, student=row.student, name=name, sort=sort) == (
                    before[-1] if before else None,
                    after[0] if after else None,
                )
        transaction.set_rollback(True)


def test_a_large_class_is_by_name_whatever_is_asked_for(video, monkeypatch):
    monkeypatch.setattr(rosters, "SORTED_CLASS", 2)
    names = ["Cleo", "Ann", "Bo"]
    write(video, [{"full_name": name, "left": False, "watched": 5, "minutes": 0, "waiting": 0} for name in names])
    page = queries.roster(video=video, sort="coverage", size=2)
    assert ([row.student.full_name for row in page.entries], page.sortable) == (["Ann", "Bo"], False)
    bo, cleo = page.entries[1].student, Profile.objects.get(full_name="Cleo")
    assert queries.roster_neighbours(video=video, student=bo, sort="seen") == (page.entries[0].student, cleo)
    assert queries.roster(video=factories.VideoFactory(), sort="coverage").sortable


@pytest.mark.parametrize("sort", SORTS)
def test_who_is_erased_meanwhile_has_no_neighbours_or_those_of_their_place(video, sort):
    gone = factories.EnrollmentFactory(course=video.lesson.course, student__full_name="Gone").student
    Profile.objects.filter(pk=gone.pk).delete()
    assert queries.roster_neighbours(video=video, student=gone, sort=sort) == (None, None)


def test_coverage_is_of_the_video_as_it_is_now(video):
    write(video, [{"full_name": "Ann", "left": False, "watched": 10, "minutes": 0, "waiting": 0}])
    for duration, percent in ((5, 100), (1000, 1)):
        video.duration_seconds = duration
        video.save()
        for sort in ("name", "coverage"):
            (row,) = queries.roster(video=video, sort=sort).entries
            assert row.percent == percent


def test_what_waits_elsewhere_or_is_answered_does_not_count(video):
    write(video, [{"full_name": "Ann", "left": False, "watched": None, "minutes": 0, "waiting": 1}])
    ann = Profile.objects.get(full_name="Ann")
    factories.ReflectionFactory(student=ann)
    factories.ReflectionFactory(student=ann, video=video, instructor_response="Yes.", responded_at=NOW)
    for sort in SORTS:
        assert [row.waiting for row in queries.roster(video=video, sort=sort).entries] == [1]


@pytest.mark.parametrize(("sort", "limit"), [("name", "PENDING_OF_A_STUDENT"), ("waiting", "PENDING_LIMIT")])
def test_where_not_all_that_waits_is_looked_through_the_number_says_so(client, video, monkeypatch, sort, limit):
    write(video, [{"full_name": "Ann", "left": False, "watched": None, "minutes": 0, "waiting": 2}])
    monkeypatch.setattr(rosters, limit, 2)
    client.force_login(factories.StaffFactory())
    address = f"{reverse('video_journey', args=[video.pk])}?view=students&sort={sort}"
    assert '<span class="badge" data-state="pending">2</span>' in client.get(address).text
    factories.ReflectionFactory.create_batch(2, student=Profile.objects.get(full_name="Ann"), video=video)
    assert '<span class="badge" data-state="pending">3+</span>' in client.get(address).text


@pytest.mark.parametrize(
    "after", ["x", "5~Ann", "soon~Ann~00000000-0000-0000-0000-000000000000", f"{2**63}~A~{'0' * 32}"]
)
def test_an_incomplete_address_of_a_sorted_roster_is_told_so(video, after):
    with pytest.raises(BadRequest, match="not complete"):
        queries.roster(video=video, sort="coverage", after=after)
