"""What the track of a video says: who watched which part, where they stopped, and where entries cluster."""

import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import factories
from timeline import kinds, queries
from timeline.queries import journey, track, watchers
from timeline.queries.watchers import PARTS, STOPS, standing_out

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 3, 15, 14, 0, tzinfo=datetime.UTC)


def watching(video, *watched):
    """A student of the video's course for each of `watched`, a list of (start, end)."""
    students = [factories.EnrollmentFactory(course=video.lesson.course).student for _ in watched]
    for student, ranges in zip(students, watched, strict=True):
        factories.VideoProgressFactory(student=student, video=video, watched=ranges)
    return students


def test_the_curve_counts_who_saw_the_middle_second_of_each_part():
    video = factories.VideoFactory(duration_seconds=600)  # parts of five seconds
    watching(video, [(0, 600)], [(0, 3), (8, 12)], [(0, 2)], [(595, 600)], [])
    audience = queries.audience(video=video)
    assert audience.shares == [2, *[1] * 118, 2]
    assert (audience.watchers, audience.sampled, audience.class_size, audience.outside) == (5, 5, 5, 0)


def test_a_video_that_nobody_watched_has_an_empty_curve():
    audience = queries.audience(video=factories.VideoFactory())
    assert audience == queries.Audience(0, 0, 0, 0, [0] * PARTS, [])


@pytest.mark.parametrize("duration", [1, 7, 119])
def test_a_short_video_has_a_part_for_each_second(duration):
    video = factories.VideoFactory(duration_seconds=duration)
    watching(video, [(0, duration)], [(duration - 1, duration)])
    assert queries.audience(video=video).shares == [1] * (duration - 1) + [2]


@pytest.mark.parametrize("duration", [120, 121, 599, 86_400])
def test_the_curve_agrees_with_a_plain_count(duration):
    video = factories.VideoFactory(duration_seconds=duration)
    spans = [(0, duration), (duration // 3, duration // 2), (duration - 60, duration), (0, 61)]
    watching(video, *([span] for span in spans))
    middles = [(2 * part + 1) * duration // (2 * PARTS) for part in range(PARTS)]
    assert queries.audience(video=video).shares == [
        sum(start <= middle < end for start, end in spans) for middle in middles
    ]


def test_a_video_that_was_cut_shows_what_is_left_of_its_watching():
    video = factories.VideoFactory(duration_seconds=600)
    (student,) = watching(video, [(10, 40), (550, 600)])
    video.duration_seconds = 30
    video.save()
    assert queries.watched_by(video=video, student=student) == [(10, 30)]
    assert queries.audience(video=video).shares == [0] * 10 + [1] * 20


def test_who_left_the_course_is_no_longer_of_the_class_but_has_watched():
    video = factories.VideoFactory()
    student, _ = watching(video, [(0, 600)], [(0, 600)])
    student.enrollments.update(left_at=NOW)
    audience = queries.audience(video=video)
    assert (audience.watchers, audience.class_size, audience.outside) == (2, 1, 1)


def test_of_a_large_audience_a_sample_is_read_and_said_to_be_one(monkeypatch):
    monkeypatch.setattr(watchers, "AUDIENCE_LIMIT", 10)
    video = factories.VideoFactory()
    watching(video, *([(0, 300)] for _ in range(14)))
    audience = queries.audience(video=video)
    assert (audience.watchers, audience.sampled) == (14, 10)
    assert audience.shares == [10] * 60 + [0] * 60
    assert sum(stop.students for stop in audience.stops) == 10
    assert audience == queries.audience(video=video), "the same ones each time"


def test_where_many_stopped_is_told_and_who_finished_did_not_stop():
    video = factories.VideoFactory(duration_seconds=600)
    watching(
        video,
        *([(0, 372 + number)] for number in range(5)),  # last seconds 371 to 375: two parts
        *([(0, 595)] for _ in range(6)),  # finished
        *([(590, 600)] for _ in range(6)),  # looked at the end
        [(0, 100)],
    )
    assert queries.audience(video=video).stops == [queries.Stop(370, 380, 5)]


def test_a_video_shorter_than_two_minutes_has_no_stops():
    video = factories.VideoFactory(duration_seconds=119)
    watching(video, *([(0, 50)] for _ in range(5)))
    assert queries.audience(video=video).stops == []


def test_what_a_student_watched_is_told_in_order():
    video = factories.VideoFactory()
    (student,) = watching(video, [(300, 400), (10, 20)])
    assert queries.watched_by(video=video, student=student) == [(10, 20), (300, 400)]
    assert queries.watched_by(video=video, student=factories.ProfileFactory()) == []


# Places that stand out


def histogram(**counts):
    return [counts.get(f"p{part}", 0) for part in range(PARTS)]


@pytest.mark.parametrize(
    ("ended", "students", "places"),
    [
        (histogram(), 0, []),
        (histogram(p5=2), 2, []),  # two are not many
        (histogram(p5=3), 3, [(5, 6)]),
        (histogram(p5=2, p6=1), 3, [(5, 7)]),
        (histogram(p5=2, p7=1), 3, []),  # not neighbours
        (histogram(p0=3), 3, [(0, 1)]),
        (histogram(p119=3), 3, [(119, 120)]),
        (histogram(p5=3), 60, [(5, 6)]),
        (histogram(p5=3), 61, []),  # fewer than a twentieth
        ([1] * PARTS, 200, []),  # spread evenly
        (histogram(p5=4, p40=9, p41=3, p42=9, p80=5), 30, [(40, 42)]),  # 42 only continues it; 80 has too few of 30
        (histogram(p10=5, p20=6, p30=7, p40=8), 26, [(40, 41), (30, 31), (20, 21)]),  # the three largest
    ],
)
def test_a_place_stands_out(ended, students, places):
    assert standing_out(ended, students) == places


@given(st.lists(st.integers(0, 40), min_size=PARTS, max_size=PARTS), st.integers(0, 100))
def test_places_that_stand_out_are_few_apart_and_earned(ended, others):
    places = standing_out(ended, sum(ended) + others)
    counts = [sum(ended[first:last]) for first, last in places]
    assert len(places) <= STOPS
    assert counts == sorted(counts, reverse=True)
    assert all(count >= 3 + sum(ended) // 10 for count in counts)
    assert all(0 <= first < last <= PARTS and last - first <= 2 for first, last in places)
    ordered = sorted(places)
    assert all(one[1] < other[0] for one, other in pairwise(ordered))


# Markers


def marked(markers):
    return {(marker.slot, marker.group): (marker.second, marker.count, marker.waiting) for marker in markers}


@pytest.fixture
def video():
    return factories.VideoFactory(duration_seconds=240)  # slots of ten seconds


def test_markers_count_entries_by_slot_and_group(video):
    student = factories.ProfileFactory()
    for second in (0, 9, 10, 239):
        factories.ReflectionFactory(video=video, video_timestamp_seconds=second, student=student)
    factories.ReflectionFactory(
        video=video, video_timestamp_seconds=9, voice=True, instructor_response="Yes.", responded_at=NOW
    )
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=15)
    factories.QuizAttemptFactory(quiz=quiz)
    factories.QuizAttemptFactory(quiz=quiz, submitted=True, student=student)
    factories.VideoProgressFactory(video=video)
    everyone = {
        (0, "reflections"): (0, 3, 2),
        (1, "quizzes"): (15, 2, 0),  # a passed attempt is one attempt
        (1, "reflections"): (10, 1, 1),
        (23, "reflections"): (239, 1, 1),
    }
    assert marked(queries.markers(video=video)) == everyone
    assert marked(queries.markers(video=video, student=student)) == everyone | {
        (0, "reflections"): (0, 2, 2),
        (1, "quizzes"): (15, 1, 0),
    }
    for one in (None, student):
        quizzes = queries.markers(video=video, student=one, kinds=["quiz_attempt", "quiz_completion"])
        assert {marker.group for marker in quizzes} == {"quizzes"}
        assert queries.markers(video=video, student=one, kinds=["video_progress"]) == []


def test_what_stands_after_the_end_of_a_video_counts_for_the_last_slot(video):
    reflection = factories.ReflectionFactory(video=video, video_timestamp_seconds=2**31 - 1)
    for student in (None, reflection.student):
        assert marked(queries.markers(video=video, student=student)) == {(23, "reflections"): (2**31 - 1, 1, 1)}


@pytest.mark.parametrize("duration", [1, 5, 23])
def test_of_a_video_shorter_than_its_slots_it_counts_for_the_last_one_that_has_a_second(duration):
    video = factories.VideoFactory(duration_seconds=duration)
    student = factories.ReflectionFactory(video=video, video_timestamp_seconds=duration - 1).student
    factories.ReflectionFactory(video=video, video_timestamp_seconds=duration, student=student)
    last = (duration - 1) * track.SLOTS // duration
    for one in (None, student):
        assert marked(queries.markers(video=video, student=one)) == {(last, "reflections"): (duration - 1, 2, 2)}


@pytest.mark.parametrize("duration", [1, 5, 24, 25, 86_400])
def test_a_second_is_in_the_slot_that_its_share_of_the_video_says(duration):
    video = factories.VideoFactory(duration_seconds=duration)
    seconds = sorted({0, duration // 7, duration // 2, duration - 1})
    for second in seconds:
        factories.ReflectionFactory(video=video, video_timestamp_seconds=second)
    counts = {}
    for second in seconds:
        counts.setdefault(second * track.SLOTS // duration, []).append(second)
    assert {marker.slot: (marker.second, marker.count) for marker in queries.markers(video=video)} == {
        slot: (min(members), len(members)) for slot, members in counts.items()
    }


def test_a_marker_counts_so_far_and_says_that_there_are_more(video, monkeypatch):
    monkeypatch.setattr(track, "MARKER_LIMIT", 2)
    student = factories.ProfileFactory()
    for _ in range(5):
        factories.ReflectionFactory(video=video, video_timestamp_seconds=3, student=student)
        factories.ReflectionFactory(video=video, video_timestamp_seconds=3, student=student, voice=True)
    for one in (None, student):
        assert marked(queries.markers(video=video, student=one)) == {(0, "reflections"): (3, 3, 3)}


def test_totals_count_what_lists_have(video, monkeypatch):
    student = factories.ProfileFactory()
    for number in range(5):
        answered = {"instructor_response": "Yes.", "responded_at": NOW} if number else {}
        factories.ReflectionFactory(video=video, video_timestamp_seconds=3, student=student, **answered)
    factories.ReflectionFactory(video=video, video_timestamp_seconds=100)
    quiz = factories.QuizFactory(video=video, video_timestamp_seconds=15)
    factories.QuizAttemptFactory(quiz=quiz, submitted=True, student=student)  # an attempt, and its passing
    factories.QuizAttemptFactory(quiz=quiz)
    factories.VideoProgressFactory(video=video, student=student, watched=[(0, 240)])  # nine tenths, and the end
    for limit in (queries.COUNT_LIMIT, 3):
        for module in (track, journey):
            monkeypatch.setattr(module, "COUNT_LIMIT", limit)
        for one, totals in ((None, (1, 6, 3, 2)), (student, (10, 5, 2, 1))):
            told = queries.totals(video=video, student=one)
            counted = [min(number, limit + 1) for number in totals]
            assert told == dict(zip((*kinds.IN_VIDEO, "waiting"), counted, strict=True))
            for asked in (
                *({"kinds": tuple(kinds.of_groups([group]))} for group in kinds.IN_VIDEO),
                {"kinds": tuple(kinds.of_groups(["reflections", "quizzes"]))},
                {},
                {"waiting": True},
                {"newest": True},
                {"kinds": ("quiz_attempt",)},
            ):
                filtered = queries.JourneyFilter(video, student=one, **asked)
                page, counted_anew = (queries.video_journey(filtered, totals=known) for known in (told, None))
                assert min(page.total, limit + 1) == min(counted_anew.total, limit + 1), asked


def test_hidden_reflections_leave_their_marker(video):
    reflection = factories.ReflectionFactory(video=video)
    reflection.hidden_at = NOW
    reflection.save()
    assert queries.markers(video=video) == []


# Landmarks


def test_landmarks_are_the_checkpoints_and_quizzes_of_the_video_by_second(video):
    factories.CheckpointFactory(video=video, video_timestamp_seconds=100, title="The three questions")
    factories.QuizFactory(video=video, video_timestamp_seconds=50, title="What a customer is")
    factories.QuizFactory(lesson=video.lesson, title="After the lesson")
    factories.CheckpointFactory()
    assert queries.landmarks(video=video) == [
        queries.Landmark(50, "What a customer is", "quiz"),
        queries.Landmark(100, "The three questions", "checkpoint"),
    ]


def test_at_most_a_hundred_landmarks_are_told_the_first_ones(video, monkeypatch):
    monkeypatch.setattr(track, "LANDMARKS", 3)
    for second in (10, 20, 30, 40):
        factories.CheckpointFactory(video=video, video_timestamp_seconds=second)
    factories.QuizFactory(video=video, video_timestamp_seconds=15)
    assert [landmark.second for landmark in queries.landmarks(video=video)] == [10, 15, 20]
