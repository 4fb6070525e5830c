"""What says the same thing twice becomes one line, and nothing is lost or moved by it."""

import datetime
import itertools
import uuid
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from timeline.fold import Steps, folded, item_of, with_reached
from timeline.kinds import KINDS, sentence
from timeline.queries import Reached
from timeline.templatetags.timeline import by_kind

NOON = datetime.datetime(2026, 3, 15, 12, tzinfo=datetime.UTC)
ROWS = [uuid.UUID(int=number) for number in range(4)]


def entry(activity_type, *, at=0, row=0, percent=None, second=0):
    return SimpleNamespace(
        id=uuid.uuid4(),
        activity_type=activity_type,
        created_at=NOON + datetime.timedelta(minutes=at),
        source_table="quiz_attempts" if activity_type.startswith("quiz") else "video_progress",
        source_id=ROWS[row],
        student_id=1,
        video_id=row,
        video_timestamp_seconds=second,
        metadata={} if percent is None else {"percent": percent},
    )


def test_a_run_of_steps_is_one_line_until_something_else_happens():
    steps = [entry("video_progress", at=tenth, percent=tenth * 10) for tenth in (1, 2, 3)]
    note = entry("daily_note", at=4)
    later = entry("video_progress", at=5, percent=40)
    run, between, last = folded([*steps, note, later])
    assert run.entries == tuple(steps)
    assert run.percent == 30
    assert between is note
    assert last.entries == (later,)


def test_steps_that_are_read_newest_first_are_told_in_their_order_all_the_same():
    steps = [entry("video_progress", at=tenth, percent=tenth * 10) for tenth in (1, 2, 3)]
    (run,) = folded(steps[::-1])
    assert (run.entries, run.percent) == (tuple(steps), 30)


def test_steps_in_two_videos_are_two_lines():
    one, other = folded([entry("video_progress", percent=10), entry("video_progress", row=1, percent=10)])
    assert isinstance(one, Steps)
    assert isinstance(other, Steps)


def test_going_to_and_fro_between_videos_is_one_line_for_each_until_something_else_happens():
    order = [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0)]
    steps = [entry("video_progress", at=at, row=row, percent=at * 10) for at, row in order]
    one, other = folded(steps)
    assert one.entries == tuple(steps[::2])
    assert other.entries == tuple(steps[1::2])
    note, later = entry("daily_note", at=6), entry("video_progress", at=7, row=1, percent=70)
    assert folded([*steps, note, later])[2:] == [note, Steps((later,))]


def test_a_checkpoint_interrupts_no_run():
    before, checkpoint, after = (
        entry("video_progress", at=1, percent=10),
        entry("checkpoint_reached", at=2),
        entry("video_progress", at=3, percent=20),
    )
    run, between = folded([before, checkpoint, after])
    assert run.entries == (before, after)
    assert between is checkpoint


def test_tenths_and_the_end_reached_at_once_stand_in_order():
    at_once = [entry("video_progress", percent=90), entry("video_completion"), entry("video_progress", percent=80)]
    run, end = folded(at_once)
    assert [step.metadata["percent"] for step in run.entries] == [80, 90]
    assert end.activity_type == "video_completion"


def test_an_attempt_beside_its_passing_is_the_passing_in_either_order():
    attempt, passing = entry("quiz_attempt"), entry("quiz_completion")
    assert folded([attempt, passing]) == folded([passing, attempt]) == [passing]
    another = entry("quiz_attempt", row=1)
    assert folded([another, passing]) == [another, passing]
    assert item_of([another, passing], attempt) is passing


@given(
    st.lists(
        st.builds(
            entry,
            st.sampled_from([kind.value for kind in KINDS if kind.group != "quizzes"]),
            at=st.integers(0, 3),
            row=st.integers(0, 3),
            percent=st.sampled_from(range(10, 100, 10)),
        )
    )
)
def test_folding_loses_nothing_and_keeps_the_order_of_time(entries):
    entries.sort(key=lambda one: one.created_at)
    items = folded(entries)
    of_items = [item.entries if isinstance(item, Steps) else (item,) for item in items]
    assert sorted(id(one) for shown in of_items for one in shown) == sorted(map(id, entries))
    starts = [shown[0].created_at for shown in of_items]
    assert starts == sorted(starts)
    for item, shown in zip(items, of_items, strict=True):
        times = [one.created_at for one in shown]
        assert times == sorted(times)
        assert len({(one.student_id, one.video_id) for one in shown}) == 1
        assert all(item_of(items, one) is item for one in shown)


@given(
    st.lists(st.integers(0, 50), max_size=30).map(sorted),
    st.lists(st.integers(0, 60), max_size=12, unique=True).map(sorted),
    st.integers(1, 10),
)
def test_every_line_stands_on_exactly_one_page_and_before_the_entries_of_its_second(seconds, marks, size):
    lines = [Reached(second, "watched", 1) for second in marks]
    entries = [entry("text_reflection", second=second) for second in seconds]
    after, shown = None, []
    for start in range(0, max(len(entries), 1), size):
        page = entries[start : start + size]
        is_last = start + size >= len(entries)
        until = None if is_last else page[-1].video_timestamp_seconds
        between = [
            line for line in lines if (after is None or line.second > after) and (until is None or line.second <= until)
        ]  # as queries.reached() gives them
        shown += with_reached(page, between)
        after = until
    assert [item for item in shown if isinstance(item, Reached)] == lines
    assert [item for item in shown if not isinstance(item, Reached)] == entries
    for one, other in itertools.pairwise(shown):
        if isinstance(one, Reached) and not isinstance(other, Reached):
            assert one.second <= other.video_timestamp_seconds
        if isinstance(other, Reached) and not isinstance(one, Reached):
            assert one.video_timestamp_seconds < other.second


def test_a_days_sentence_names_what_was_done_most_simply():
    assert sentence({}) == ""
    assert sentence({"video_progress": 9, "video_completion": 3}) == "Watched 3 videos."
    assert sentence({"video_progress": 4}) == "Watched some video."
    # A video has nine steps at most: what is beyond those of the finished ones is of others.
    assert sentence({"video_progress": 10, "video_completion": 1}) == "Watched a video and watched part of another."
    assert sentence({"video_progress": 28, "video_completion": 1}) == "Watched a video and watched parts of others."
    assert sentence({"video_progress": 30, "video_completion": 3, "daily_note": 1}) == (
        "Watched 3 videos, watched part of another and wrote a daily note."
    )
    assert sentence({"quiz_completion": 1}) == "Passed a quiz."
    assert (
        sentence(
            {"daily_note": 1, "text_reflection": 2, "quiz_attempt": 1, "quiz_completion": 1, "video_completion": 3}
        )
        == "Watched 3 videos, wrote 2 reflections, took a quiz, passed one and wrote a daily note."
    )


def test_a_sentence_says_neither_that_what_was_passed_was_begun_that_day_nor_that_quizzes_were_different_ones():
    # An attempt that failed, and one of the evening before that was handed in after midnight.
    assert sentence({"quiz_attempt": 1, "quiz_completion": 1}) == "Took a quiz and passed one."
    # The same quiz again and again, also once it was passed.
    assert sentence({"quiz_attempt": 3}) == "Made 3 quiz attempts."
    assert sentence({"quiz_attempt": 3, "quiz_completion": 1}) == "Made 3 quiz attempts and passed one."
    assert sentence({"quiz_attempt": 2, "quiz_completion": 2}) == "Made 2 quiz attempts and passed 2."
    assert sentence({"quiz_attempt": 1, "quiz_completion": 2}) == "Took a quiz and passed 2."
    assert sentence({"quiz_completion": 2}) == "Passed 2 quiz attempts."


def test_sums_do_not_say_that_a_quiz_that_was_passed_twice_is_two():
    told = by_kind({"quiz_attempt": 3, "quiz_completion": 2})
    assert [(number, noun) for _, number, noun in told] == [(3, "quiz attempts"), (2, "quiz attempts passed")]
    assert [noun for *_, noun in by_kind({"quiz_completion": 1})] == ["quiz passed"]
