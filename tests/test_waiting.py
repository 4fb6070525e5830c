"""What waits for an answer: its moments, the inbox over an instructor's courses, and what they cost."""

import datetime
import itertools
import re

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from tests import factories
from timeline import queries
from timeline.moments import GAP, SPAN, Moment, moment_at, moments
from timeline.queries import waiting as waiting_queries

pytestmark = pytest.mark.django_db

A_SUNDAY = datetime.datetime(2026, 3, 15, 14, 0, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


# Moments

waiting_seconds = st.dictionaries(st.integers(0, 300), st.integers(1, 9), max_size=80)


@given(waiting_seconds)
def test_each_second_is_in_one_moment_and_each_moment_counts_its_own(waiting):
    found = moments(waiting)
    for second in waiting:
        assert sum(moment.first <= second <= moment.last for moment in found) == 1
    for moment in found:
        inside = [second for second in waiting if moment.first <= second <= moment.last]
        assert (min(inside), max(inside)) == (moment.first, moment.last)
        assert moment.count == sum(waiting[second] for second in inside)
    assert found == sorted(found, key=lambda moment: moment.first)


@given(waiting_seconds)
def test_a_moment_has_no_gap_and_is_as_long_as_the_rules_let_it_be(waiting):
    found = moments(waiting)
    for moment in found:
        inside = sorted(second for second in waiting if moment.first <= second <= moment.last)
        assert moment.last - moment.first <= SPAN
        assert all(later - earlier <= GAP for earlier, later in itertools.pairwise(inside))
    for moment, following in itertools.pairwise(found):
        assert following.first - moment.last > GAP or following.first - moment.first > SPAN


@given(waiting_seconds, st.randoms())
def test_the_order_in_which_they_are_read_does_not_matter(waiting, random):
    shuffled = list(waiting.items())
    random.shuffle(shuffled)
    assert moments(dict(shuffled)) == moments(waiting)


def test_the_moment_of_a_second_holds_it():
    found = moments({130: 2, 134: 1, 136: 1, 142: 1})
    assert found == [Moment(130, 136, 4), Moment(142, 142, 1)]
    assert [moment_at(found, second) for second in (130, 135, 142)] == [found[0], found[0], found[1]]
    assert moments({}) == []


@given(st.dictionaries(st.integers(0, 60), st.integers(1, 3), min_size=1), st.data())
def test_the_link_to_a_moment_leads_to_what_is_left_of_it(waiting, data):
    moment = data.draw(st.sampled_from(moments(waiting)))
    own = [second for second in waiting if moment.first <= second <= moment.last]
    answered = data.draw(st.sets(st.sampled_from(own)))
    rest = {second: count for second, count in waiting.items() if second not in answered}
    left = [second for second in own if second in rest]
    found = moment_at(moments(rest), moment.first)
    if left:
        assert found.first == min(left)
    else:
        assert found is None or moment.last < found.first <= moment.first + SPAN


# The inbox


@pytest.fixture
def course():
    return factories.CourseInstructorFactory(instructor__full_name="Ines Teixeira").course


@pytest.fixture
def instructor(course):
    return course.instructors.get()


def wait(video, second, minute, **fields):
    """A reflection at a second of a video, written some minutes after A_SUNDAY."""
    return factories.ReflectionFactory(
        video=video, video_timestamp_seconds=second, created_at=A_SUNDAY + minute * MINUTE, **fields
    )


def led(inbox):
    """[(id of the leading reflection, {ids of the others}, how many more)] of a page of an inbox."""
    return [(each.lead.source_id, {mate.source_id for mate in each.mates}, each.more) for each in inbox.entries]


def test_the_oldest_of_a_moment_leads_and_the_others_stand_under_it_alone(course, instructor):
    video, other = factories.VideoFactory.create_batch(2, lesson__course=course)
    late, oldest, near = wait(video, 100, 50), wait(video, 103, 1), wait(video, 106, 30)
    alone, elsewhere = wait(video, 200, 20), wait(other, 103, 10)
    found = queries.inbox(courses=[course.pk], by=instructor)
    assert led(found) == [
        (oldest.pk, {late.pk, near.pk}, 0),
        (elsewhere.pk, set(), 0),
        (alone.pk, set(), 0),
    ]
    assert (found.count, found.limited, found.next) == (5, False, None)
    assert found.entries[0].moment == Moment(100, 106, 3)


def test_pages_meet_every_moment_once_though_its_entries_lie_on_several(course, instructor):
    videos = factories.VideoFactory.create_batch(2, lesson__course=course)
    ids = {wait(videos[number % 2], number * 7 % 60, number * 13 % 97).pk for number in range(60)}
    seen, mates, after, oldest = [], set(), None, []
    while True:
        page = queries.inbox(courses=[course.pk], by=instructor, after=after, size=2)
        seen += [each.lead.source_id for each in page.entries]
        oldest += [each.lead.created_at for each in page.entries]
        mates |= {mate.source_id for each in page.entries for mate in each.mates}
        after = page.next
        if after is None:
            break
    assert len(seen) == len(set(seen)) > 2
    assert oldest == sorted(oldest)
    assert not mates & set(seen)
    assert mates | set(seen) <= ids


def test_of_a_large_moment_five_others_are_listed_and_the_rest_is_counted(course, instructor):
    video = factories.VideoFactory(lesson__course=course)
    for number in range(9):
        wait(video, 10, number)
    (only,) = queries.inbox(courses=[course.pk], by=instructor).entries
    assert (len(only.mates), only.more, only.moment.count) == (5, 3, 9)


def test_what_is_answered_hidden_of_another_course_or_ones_own_does_not_wait(course, instructor):
    video = factories.VideoFactory(lesson__course=course)
    wait(video, 1, 1, hidden_at=A_SUNDAY)
    wait(video, 1, 1, instructor_response="Yes.", responded_at=A_SUNDAY)
    wait(video, 1, 1, student=instructor)
    factories.ReflectionFactory()
    assert queries.inbox(courses=[course.pk], by=instructor) == queries.Inbox([], None, 0, False)
    assert queries.inbox(courses=[], by=instructor).entries == []
    assert queries.awaiting_response_counts(courses=[course.pk], by=instructor) == {course.pk: 0}
    assert queries.awaiting_response_in_videos(videos=[video.pk]) == {video.pk: 1}, "as its journey says"
    assert queries.moments_of_video(video=video, by=instructor) == []
    assert queries.moment(video=video, second=1, by=instructor) == (None, [])


def test_beyond_what_is_looked_through_the_oldest_come_first_all_the_same(course, instructor, monkeypatch):
    monkeypatch.setattr(waiting_queries, "COUNT_LIMIT", 8)
    monkeypatch.setattr(waiting_queries, "LEAST_OF_A_COURSE", 4)
    other = factories.CourseInstructorFactory(instructor=instructor).course
    busy, quiet = (factories.VideoFactory(lesson__course=each) for each in (course, other))
    many = [wait(busy, 20 * number, number) for number in range(10)]
    few = [wait(quiet, 20 * number, 2 + 10 * number) for number in range(2)]
    found = queries.inbox(courses=[course.pk, other.pk], by=instructor)
    # Four of the busy course were looked through, and of the quiet one what is no younger than the fifth.
    assert [each.lead.source_id for each in found.entries] == [
        many[0].pk,
        many[1].pk,
        many[2].pk,
        few[0].pk,
        many[3].pk,
    ]
    assert (found.count, found.limited) == (5, True)


def test_a_course_tells_of_each_video_who_waits_in_it(client, course, instructor):
    busy, quiet = factories.VideoFactory.create_batch(2, lesson__course=course)
    for number in range(101):
        wait(busy, number % 60, 1)
    assert queries.awaiting_response_in_videos(videos=[busy.pk, quiet.pk]) == {busy.pk: 100, quiet.pk: 0}
    client.force_login(instructor)
    page = client.get(reverse("course", args=[course.pk])).content.decode()
    journeys = [reverse("video_journey", args=[video.pk]) for video in (busy, quiet)]
    assert re.search(rf'href="{journeys[0]}\?waiting=1">99\+ waiting', page)
    assert f"{journeys[1]}?waiting" not in page


# In one video


def test_a_moment_of_a_video_is_found_by_any_of_its_seconds(course, instructor):
    video = factories.VideoFactory(lesson__course=course)
    first, second = wait(video, 134, 1), wait(video, 130, 2)
    wait(video, 300, 3)
    found, entries = queries.moment(video=video, second=132, by=instructor)
    assert found == Moment(130, 134, 2)
    assert [entry.source_id for entry in entries] == [second.pk, first.pk]
    assert queries.moment(video=video, second=200, by=instructor) == (None, [])
