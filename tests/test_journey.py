"""What a journey lists, counts and exports, whatever is asked for: against a plain filter and sort in Python."""

import datetime
import uuid

import pytest
from django.core.exceptions import BadRequest
from django.db import connection, transaction
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import factories
from timeline import kinds, queries
from timeline.kinds import COUNTED
from timeline.models import DAY_ZONE
from timeline.queries import export, live
from timeline.queries import journey as journey_module
from timeline.queries.filters import WRITTEN
from timeline.views.asked import journey_asked

pytestmark = pytest.mark.django_db

IN_A_VIDEO = kinds.of_groups(kinds.IN_VIDEO)
TEXTS = ["", "a", "A", "%", "_", "\\", "é", "a_", "%a\\"]
# Around the midnights of New York, summer time beginning between them; twice the same time.
TIMES = [
    datetime.datetime(2026, 3, day, hour, minute, tzinfo=datetime.UTC)
    for day, hour, minute in ((8, 4, 59), (8, 5, 0), (8, 12, 0), (9, 3, 59), (9, 4, 0), (10, 4, 0))
]


@pytest.fixture
def video():
    return factories.VideoFactory()


@pytest.fixture
def students():
    return [factories.ProfileFactory() for _ in range(2)]


entries = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.uuids(version=4),
            "student": st.integers(0, 1),
            "activity_type": st.sampled_from(IN_A_VIDEO),
            "created_at": st.sampled_from(TIMES),
            "second": st.integers(0, 3),
            "content": st.one_of(st.none(), st.text("aAé%_\\b", max_size=4)),
            "answer": st.one_of(st.none(), st.text("aAÉ%_\\b", min_size=1, max_size=4)),
        }
    ),
    max_size=12,
    unique_by=lambda entry: entry["id"],
)
filters = st.fixed_dictionaries(
    {
        "student": st.sampled_from([None, None, 0, 1]),
        "groups": st.one_of(st.just([]), st.lists(st.sampled_from(kinds.IN_VIDEO), unique=True)),
        "waiting": st.booleans(),
        "start": st.sampled_from([None, None, *(datetime.date(2026, 3, day) for day in (7, 8, 9, 10))]),
        "end": st.sampled_from([None, None, *(datetime.date(2026, 3, day) for day in (7, 8, 9, 10))]),
        "text": st.one_of(st.just(""), st.sampled_from(TEXTS)),
        "newest": st.booleans(),
    }
)


def write(video, students, rows):
    """Entries without their sources: the plainest way to have any."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO student_activity_timeline (
                id, student_id, activity_type, created_at, video_id, video_timestamp_seconds, content,
                response_status, instructor_response, source_table, source_id
            ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'reflections', gen_random_uuid())
            """,
            [
                (
                    row["id"],
                    students[row["student"]].pk,
                    row["activity_type"],
                    row["created_at"],
                    video.pk,
                    row["second"],
                    *((row["content"], status(row), row["answer"]) if row["activity_type"] in WRITTEN else [None] * 3),
                )
                for row in rows
            ],
        )


def status(row):
    if row["activity_type"] not in WRITTEN:
        return None
    return "responded" if row["answer"] else "pending"


def is_asked_for(row, asked):
    day = row["created_at"].astimezone(DAY_ZONE).date()
    words = [row["content"] or "", row["answer"] or ""] if row["activity_type"] in WRITTEN else []
    return (
        (asked["student"] is None or asked["student"] == row["student"])
        and (not asked["groups"] or row["activity_type"] in kinds.of_groups(asked["groups"]))
        and (not asked["waiting"] or status(row) == "pending")
        and (asked["start"] is None or asked["start"] <= day)
        and (asked["end"] is None or day <= asked["end"])
        and (not asked["text"] or any(asked["text"].lower() in word.lower() for word in words))
    )


def by_second(row):
    return row["second"], row["id"]


def by_time(row):
    return row["created_at"], row["id"]


def journey_filter(video, students, asked):
    return queries.JourneyFilter(
        video=video,
        student=None if asked["student"] is None else students[asked["student"]],
        kinds=tuple(kinds.of_groups(asked["groups"])) if asked["groups"] else None,
        **{name: asked[name] for name in ("waiting", "start", "end", "text", "newest")},
    )


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=entries, asked=filters, size=st.integers(1, 4), since=st.sampled_from([None, *TIMES]))
def test_pages_counts_news_and_the_export_are_what_a_plain_filter_and_sort_give(
    video, students, rows, asked, size, since
):
    wanted = [row for row in rows if is_asked_for(row, asked)]
    listed = [row for row in wanted if asked["student"] is not None or row["activity_type"] not in COUNTED]
    listed.sort(key=by_time if asked["newest"] else by_second, reverse=asked["newest"])
    asked_for = journey_filter(video, students, asked)
    with transaction.atomic():
        write(video, students, rows)
        found, after = [], None
        while True:
            page = queries.video_journey(asked_for, after=after, size=size)
            assert (page.first, page.total, page.limited) == (len(found) + 1, len(listed), "")
            found += [entry.pk for entry in page.entries]
            after = page.next
            if not after:
                break
            assert len(page.entries) == size
        assert found == [row["id"] for row in listed]

        exported = [entry.pk for entry in queries.journey_export(asked_for)]
        assert exported == [row["id"] for row in sorted(wanted, key=by_second)]

        cursor = since and f"{since.isoformat()}~{uuid.UUID(int=0)}"
        news = [row for row in listed if since is None or row["created_at"] >= since]
        assert queries.new_since(asked_for, since=cursor) == (len(news), False)
        told = [
            row
            for row in rows
            if (
                row["student"] == asked["student"]
                if asked["student"] is not None
                else row["activity_type"] not in COUNTED
            )
        ]
        newest = max(told, key=by_time, default=None)
        assert queries.newest_cursor(asked_for) == (newest and f"{newest['created_at'].isoformat()}~{newest['id']}")
        transaction.set_rollback(True)


def reflections(video, number, **fields):
    """`number` reflections, the later the earlier in the video."""
    return [
        factories.ReflectionFactory(
            video=video,
            video_timestamp_seconds=100 - index,
            created_at=TIMES[0] + index * datetime.timedelta(minutes=1),
            content=f"Word {index}",
            **fields,
        )
        for index in range(number)
    ]


def seconds(page):
    return [entry.video_timestamp_seconds for entry in page.entries]


def test_a_checkpoint_is_counted_for_whoever_reached_it_wherever_it_stood_then(video):
    checkpoint = factories.CheckpointFactory(video=video, video_timestamp_seconds=70, title="The price")
    removed = factories.CheckpointFactory(video=video, video_timestamp_seconds=90)
    reached = factories.CheckpointReachedFactory.create_batch(3, checkpoint=checkpoint)
    factories.CheckpointReachedFactory(student=reached[0].student, checkpoint=removed)
    checkpoint.video_timestamp_seconds = 75
    checkpoint.save()
    removed.delete()
    factories.CheckpointFactory(video=video, video_timestamp_seconds=70, title="Nobody's yet")
    anew = factories.CheckpointFactory(video=video, video_timestamp_seconds=90, title="Anew")
    factories.CheckpointReachedFactory(student=reached[0].student, checkpoint=anew)
    lines = [(75, "reached “The price”", 3), (90, "reached “Anew”", 1)]
    assert queries.reached(video=video) == [queries.Reached(*line) for line in lines]
    assert queries.reached(video=video, after=75) == [queries.Reached(*lines[1])]


def test_what_no_index_finds_is_looked_for_among_the_newest_and_said_to_be(video, monkeypatch):
    monkeypatch.setattr(journey_module, "SCAN_LIMIT", 3)
    reflections(video, 6)
    page = queries.video_journey(queries.JourneyFilter(video, text="word"))
    assert (seconds(page), page.total, page.limited) == ([95, 96, 97], 3, "newest 3")
    page = queries.video_journey(queries.JourneyFilter(video, text="word 0"))
    assert (page.entries, page.total, page.limited) == ([], 0, "newest 3")
    day = TIMES[0].astimezone(DAY_ZONE).date()
    assert queries.video_journey(queries.JourneyFilter(video, start=day)).limited == "newest 3"
    assert queries.video_journey(queries.JourneyFilter(video, start=day, newest=True)).total == 6  # an index finds it
    assert queries.video_journey(queries.JourneyFilter(video, text="word", kinds=("quiz_attempt",))).limited == ""


def test_of_one_student_and_of_what_waits_the_first_ones_are_looked_through(video, students, monkeypatch):
    monkeypatch.setattr(journey_module, "SCAN_LIMIT", 3)
    reflections(video, 6, student=students[0])
    for asked in ({"student": students[0]}, {"waiting": True}):
        page = queries.video_journey(queries.JourneyFilter(video, newest=True, **asked))
        assert (seconds(page), page.total, page.limited) == ([95, 96, 97], 3, "first 3")
        page = queries.video_journey(queries.JourneyFilter(video, **asked))
        assert (page.total, page.limited) == (6, "")


def test_counts_stop_and_say_that_there_are_more(video, monkeypatch):
    monkeypatch.setattr(journey_module, "COUNT_LIMIT", 3)
    reflections(video, 6)
    asked = queries.JourneyFilter(video)
    page = queries.video_journey(asked, size=5)
    assert (page.first, page.total) == (1, 4)
    assert queries.video_journey(asked, after=page.next).first == 5  # "after more than 3"


def test_an_export_is_read_in_batches_that_each_end(video, students, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(export, "BATCH", 4)
    reflections(video, 12, student=students[0])
    asked = queries.JourneyFilter(video)
    with django_assert_num_queries(4 + 1):  # 4, 4, 4 and none; and once the student's name
        assert [entry.video_timestamp_seconds for entry in queries.journey_export(asked)] == [*range(89, 101)]
    found = queries.journey_export(queries.JourneyFilter(video, text="word 0"))
    assert [entry.content for entry in found] == ["Word 0"]  # in the third batch
    assert next(queries.journey_export(asked)).student == str(students[0])


def test_news_of_the_future_wait_for_their_time(video):
    tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    reflections(video, 1)
    factories.ReflectionFactory(video=video, created_at=tomorrow)
    asked = queries.JourneyFilter(video)
    cursor = queries.newest_cursor(asked)
    assert cursor.startswith("2026-03-08T04:59")
    assert queries.new_since(asked, since=cursor) == (0, False)
    factories.ReflectionFactory(video=video)
    assert queries.new_since(asked, since=cursor) == (1, False)


def test_many_news_are_counted_so_far(video, monkeypatch):
    monkeypatch.setattr(live, "NEW_LIMIT", 2)
    reflections(video, 5)
    assert queries.new_since(queries.JourneyFilter(video), since=None) == (2, True)


def test_news_that_match_are_not_all_where_some_were_not_looked_at(video, monkeypatch):
    reflections(video, 5)
    asked = queries.JourneyFilter(video, text="word 4")  # the newest
    assert queries.new_since(asked, since=None) == (1, False)
    monkeypatch.setattr(live, "NEW_SCAN", 3)
    assert queries.new_since(asked, since=None) == (1, True)


# The address


def asked_in(query, video):
    return journey_asked(RequestFactory().get(f"/?{query}"), video)


def test_an_address_is_read_as_a_filter(video):
    assert asked_in("", video) == queries.JourneyFilter(video)
    assert asked_in("waiting=&from=&until=&q=&order=", video) == queries.JourneyFilter(video)
    query = "kind=quizzes&kind=watching&waiting=1&from=2026-03-08&until=2026-03-08&q=%20a%00%25&order=newest"
    assert asked_in(query, video) == queries.JourneyFilter(
        video,
        kinds=("video_progress", "video_completion", "quiz_attempt", "quiz_completion", "checkpoint_reached"),
        waiting=True,
        start=datetime.date(2026, 3, 8),
        end=datetime.date(2026, 3, 8),
        text="a%",
        newest=True,
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("kind=goals", "no kind of activity"),
        ("waiting=yes", "“yes” for “waiting”"),
        ("order=oldest", "“oldest” for “order”"),
        ("from=yesterday", "“yesterday” is not a day"),
        ("from=2026-02-30", "“2026-02-30” is not a day"),
        ("until=20260308", "is not a day"),
        ("until=2026-W10-7", "is not a day"),
        ("until=%D9%A2026-03-08", "is not a day"),
        ("from=%00", "is not a day"),
        ("from=1899-12-31", "years 1900 to 9998"),
        ("until=9999-12-31", "years 1900 to 9998"),
    ],
)
def test_an_address_that_makes_no_sense_is_told_so(video, query, words):
    with pytest.raises(BadRequest, match=words):
        asked_in(query, video)


def test_the_years_that_an_address_may_name_are_ones_that_can_be_asked_for(video):
    asked = asked_in("from=1900-01-01&until=9998-12-31", video)
    reflections(video, 2)
    assert queries.video_journey(asked).total == 2
