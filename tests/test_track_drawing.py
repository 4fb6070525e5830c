"""The track under a video is drawn from any numbers: nothing overlaps, nothing lies outside, nothing is lost."""

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timeline import track
from timeline.queries import COUNT_LIMIT, MARKER_LIMIT, SLOTS, Audience, Landmark, Marker, Stop

LEAST_WIDTH = {SLOTS: 576, SLOTS // 2: 288}  # pixels; static/css/journey.css chooses by them
TARGET = 24  # pixels, of a marker
PARTS = 120

durations = st.integers(1, 86_400)


@st.composite
def markers_of(draw, duration):
    """Markers as queries.markers() gives them for a video of `duration` seconds."""
    found = []
    for number in range(SLOTS):
        start, end = track.slot(number, duration)
        for group in ("quizzes", "reflections"):
            if start < end and draw(st.booleans()):
                count = draw(st.integers(1, MARKER_LIMIT + 1))
                waiting = draw(st.integers(0, count)) if group == "reflections" else 0
                found.append(Marker(number, group, draw(st.integers(start, end - 1)), count, waiting))
    return found


@st.composite
def videos(draw):
    """What track.draw() takes, of any video."""
    duration = draw(durations)
    parts = min(PARTS, duration)
    watchers = draw(st.integers(0, COUNT_LIMIT + 1))
    sampled = min(watchers, 2_000)
    outside = draw(st.integers(0, sampled))
    edges = sorted(draw(st.sets(st.integers(0, duration), max_size=8)))
    stop = sorted(draw(st.tuples(st.integers(0, duration), st.integers(0, duration))))
    return {
        "duration": duration,
        "audience": Audience(
            watchers,
            sampled,
            draw(st.integers(sampled - outside, COUNT_LIMIT + 1)),
            outside,
            draw(st.lists(st.integers(0, sampled), min_size=parts, max_size=parts)),
            [Stop(*stop, draw(st.integers(1, 50)))],
        ),
        "markers": draw(markers_of(duration)),
        "landmarks": [
            Landmark(second, "A title", kind)
            for second, kind in draw(
                st.lists(st.tuples(st.integers(0, 2 * duration), st.sampled_from(["checkpoint", "quiz"])), max_size=5)
            )
        ],
        "watched": draw(st.none() | st.just(list(zip(edges[::2], edges[1::2], strict=False)))),
    }


def percent(text):
    assert re.fullmatch(r"\d{1,3}(\.\d{1,3})?%", text), text
    return float(text.rstrip("%"))


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(videos())
def test_no_two_markers_of_a_lane_overlap_where_the_track_is_as_narrow_as_it_gets(video):
    drawn = track.draw(**video)
    for slots, marks in ((SLOTS, drawn.wide), (SLOTS // 2, drawn.narrow)):
        for group in drawn.lanes:
            middles = [percent(mark.x) / 100 * LEAST_WIDTH[slots] for mark in marks if mark.group == group]
            edges = [0, *middles, LEAST_WIDTH[slots]]
            gaps = [after - before for before, after in pairwise(edges)]
            assert min(gaps[1:-1], default=TARGET) >= TARGET - 0.01
            assert min(gaps[0], gaps[-1]) >= TARGET / 2 - 0.01 or not middles


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(videos())
def test_everything_lies_within_the_track(video):
    drawn = track.draw(**video)
    places = [*drawn.wide, *drawn.narrow, *drawn.ticks, *drawn.axis, *drawn.parts]
    assert all(0 <= percent(place.x) <= 100 for place in places)
    bands = [*(drawn.watched or []), *drawn.stops, *drawn.parts]
    assert all(percent(band.x) + percent(band.width) <= 100.01 for band in bands)
    levels = [float(level) for level in re.findall(r"(?:^|V)([\d.]+)", drawn.curve)]
    assert all(0 <= level <= 100 for level in levels)
    assert drawn.curve.endswith(f"H{drawn.columns}")


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(videos())
def test_no_entry_is_lost_in_a_cluster(video):
    drawn = track.draw(**video)
    for marks in (drawn.wide, drawn.narrow):
        assert sum(mark.count for mark in marks) == sum(marker.count for marker in video["markers"])
        assert sum(mark.waiting for mark in marks) == sum(marker.waiting for marker in video["markers"])
        assert all(mark.start <= mark.second < mark.end for mark in marks)
        assert len({(mark.x, mark.group) for mark in marks}) == len(marks)
        assert {mark.group for mark in marks} <= set(drawn.lanes)


@given(durations)
def test_the_slots_are_the_video_in_order_without_gaps(duration):
    slots = [track.slot(number, duration) for number in range(SLOTS)]
    assert slots[0][0] == 0
    assert slots[-1][1] == duration
    assert all(before[1] == after[0] for before, after in pairwise(slots))


@given(durations)
def test_labels_of_the_axis_keep_apart_where_it_is_narrow(duration):
    labels = track.draw(**quiet(duration)).axis
    longest = max(7.5 * len(label.text) - 3.5 * label.text.count(":") for label in labels)  # pixels
    for width, shown in ((576, labels), (288, [label for label in labels if not label.minor])):
        middles = [percent(label.x) / 100 * width for label in shown]
        lefts = [
            middle - {"start": 0, "middle": 0.5, "end": 1}[label.anchor] * longest
            for middle, label in zip(middles, shown, strict=True)
        ]
        assert all(left + longest <= following for left, following in pairwise(lefts)), shown


def quiet(duration, **known):
    """A video that a class of ten has not watched."""
    nobody = Audience(0, 0, 10, 0, [0] * min(PARTS, duration), [])
    return {"duration": duration, "audience": nobody, "markers": [], "landmarks": []} | known


def test_the_full_height_is_the_class():
    drawn = track.draw(**quiet(240, audience=Audience(24, 24, 31, 0, [24] * 60 + [12] * 60, [])))
    assert drawn.curve == "22.6H60V61.3H120"
    assert drawn.whole_name == "31 in the class, 24 watched"
    assert [(part.students, part.percent) for part in drawn.parts] == [(24, 77)] * 12 + [(12, 39)] * 12


@pytest.mark.parametrize("duration", [2, 5, 23, 60, 119, 120])
def test_of_a_short_video_each_part_counts_its_own_seconds_alone(duration):
    for second in {0, duration // 2, duration - 1}:
        shares = [10 * (one == second) for one in range(duration)]
        parts = track.draw(**quiet(duration, audience=Audience(10, 10, 10, 0, shares, []))).parts
        seen = [(part.start, part.end) for part in parts if part.students]
        assert [start <= second < end for start, end in seen] == [True]


def test_watchers_who_are_not_in_the_class_now_are_told_apart_and_stand_beside_it():
    drawn = track.draw(**quiet(240, audience=Audience(24, 24, 27, 1, [24] * 60 + [14] * 60, [])))
    assert drawn.curve == "14.3H60V50H120"
    assert drawn.whole_name == "27 in the class, 23 watched, plus 1 no longer in it"
    assert {part.percent for part in drawn.parts} == {86, 50}
    everybody_else = track.draw(**quiet(240, audience=Audience(24, 24, 0, 24, [24] * 120, [])))
    assert everybody_else.curve == "0H120"
    assert everybody_else.whole_name == "0 in the class, 0 watched, plus 24 no longer in it"


def test_a_sample_says_so_and_stands_for_all_watchers():
    drawn = track.draw(**quiet(240, audience=Audience(8_000, 2_000, 10_000, 0, [1_000] * 120, [])))
    assert drawn.curve == "60H120"
    assert {(part.students, part.percent) for part in drawn.parts} == {(None, 40)}
    assert drawn.whole_name == "10,000 in the class, 8,000 watched; a sample of 2,000 is shown"


def test_a_sample_with_somebody_outside_the_class_says_that_there_are_such():
    drawn = track.draw(**quiet(240, audience=Audience(8_000, 2_000, 10_000, 7, [1_000] * 120, [])))
    assert drawn.whole_name == "10,000 in the class, 8,000 watched, some no longer in it; a sample of 2,000 is shown"
    more = track.draw(**quiet(240, audience=Audience(8_000, 2_000, 7_999, 7, [1_000] * 120, [])))
    assert more.whole_name == "8,000 watched; a sample of 2,000 is shown"


def test_of_more_students_than_are_counted_only_shares_are_told():
    drawn = track.draw(**quiet(240, audience=Audience(10_001, 2_000, 10_001, 0, [1_000] * 120, [])))
    assert drawn.curve == "50H120"
    assert drawn.whole_name == "10,000+ watched; a sample of 2,000 is shown"
    assert {part.students for part in drawn.parts} == {None}
    assert drawn.parts[0].label == "0:00–0:10: watched by 50%"


def test_a_marker_says_how_many_when_and_who_waits():
    assert mark(count=5, waiting=2).label == "5 reflections from 2:10 to 2:35, 2 waiting for an answer"
    assert mark(count=1).label == "1 reflection from 2:10 to 2:35"
    assert mark(count=MARKER_LIMIT + 1, group="quizzes").label == "99+ quiz attempts from 2:10 to 2:35"
    assert mark(count=1, start=7, end=8).label == "1 reflection at 0:07"


def mark(**known):
    return track.Mark(
        **{"x": "50%", "group": "reflections", "start": 130, "end": 155, "second": 131, "waiting": 0} | known
    )


def told(phrases):
    return " ".join(f"{phrase.before}{phrase.link}{phrase.after}" for phrase in phrases)


def of_class(markers=(), **audience):
    known = {
        "watchers": 31,
        "sampled": 31,
        "class_size": 35,
        "outside": 0,
        "shares": [0] * PARTS,
        "stops": [],
    } | audience
    markers = list(markers)
    return track.story_of_class(duration=600, audience=Audience(**known), markers=markers, totals=totals(markers))


def totals(markers):
    """What queries.totals() says, as far as a story tells it."""
    reflections = sum(marker.count for marker in markers if marker.group == "reflections")
    return {"reflections": reflections, "waiting": sum(marker.waiting for marker in markers)}


def test_the_story_of_a_class_tells_where_it_stopped_wrote_and_waits():
    phrases = of_class(
        [Marker(10, "reflections", 251, 7, 2), Marker(3, "reflections", 80, 2, 1), Marker(4, "quizzes", 100, 30, 0)],
        stops=[Stop(370, 400, 12), Stop(100, 110, 4)],
    )
    assert told(phrases) == (
        "12 of the 31 who watched stopped between 6:10 and 6:40. Most was written at 4:10–4:35 (7 reflections)."
        " 3 are waiting for an answer."
    )
    assert [phrase.second for phrase in phrases] == [370, 251, None]


def test_the_story_of_a_class_invents_nothing():
    assert told(of_class(watchers=0, sampled=0)) == "Nobody has watched this video yet."
    assert told(of_class()) == ""
    even = [Marker(slot, "reflections", 25 * slot, 4, 0) for slot in range(SLOTS)]
    assert told(of_class(even)) == "Nobody is waiting for an answer."
    assert told(of_class([Marker(2, "reflections", 51, 2, 0)])) == "Nobody is waiting for an answer."
    assert told(of_class([Marker(2, "reflections", 51, 1, 1)])) == "1 is waiting for an answer."


def test_a_story_told_by_a_sample_says_so():
    phrases = of_class(watchers=9_000, sampled=2_000, stops=[Stop(0, 5, 1_200)])
    assert told(phrases) == "1,200 of a sample of 2,000 who watched stopped between 0:00 and 0:05."


def of_student(watched, markers=()):
    markers = list(markers)
    story = track.story_of_student(duration=600, watched=watched, markers=markers, totals=totals(markers))
    return told(story)


def test_the_story_of_a_student_tells_how_far_they_came_and_what_they_skipped():
    assert of_student([]) == "Has not watched this video yet."
    assert of_student([(0, 600)]) == "Watched to the end."
    assert of_student([(0, 100), (110, 400)]) == "Watched up to 6:40."
    assert of_student([(0, 100), (200, 230), (240, 400)]) == "Watched up to 6:40. Skipped 1:40–3:20."
    assert of_student([(60, 600)]) == "Watched to the end. Skipped 0:00–1:00."
    written = [Marker(1, "reflections", 30, 2, 1), Marker(9, "reflections", 240, 1, 0)]
    assert of_student([(0, 600)], written) == "Watched to the end. Wrote 3 reflections. 1 is waiting for an answer."


def test_of_parts_that_were_counted_to_their_limit_none_is_told_to_have_the_most():
    full = [Marker(slot, "reflections", 25 * slot, MARKER_LIMIT + 1, 0) for slot in range(SLOTS)]
    assert told(of_class(full)).startswith("More than 99 reflections were written in every part of the video.")
    assert told(of_class(full[:2])).startswith(
        "More than 99 reflections were written in each of 2 of 24 parts of the video."
    )
    assert told(of_class(full[:1])).startswith("Most was written at 0:00–0:25 (99+ reflections).")


def test_what_is_counted_to_a_limit_is_told_as_a_limit():
    phrases = track.story_of_student(
        duration=600,
        watched=[(0, 600)],
        markers=[Marker(1, "reflections", 30, 100, 100)],
        totals={"reflections": COUNT_LIMIT + 1, "waiting": 230},
    )
    assert told(phrases) == "Watched to the end. Wrote 10,000+ reflections. 230 are waiting for an answer."
