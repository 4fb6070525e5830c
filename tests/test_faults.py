"""What the faults of `make bench-faults` are judged by: it must find what is lost, doubled, halved or stale."""

import pytest

from benchmarks.faults.ledger import Ledger
from benchmarks.server import what_to_do_next


@pytest.fixture
def ledger(tmp_path):
    """Of four texts: one that was told, one told and edited, one of which nothing was told, one edited untold."""
    ledger = Ledger(tmp_path / "ledger")
    for text in ("#1: told", "#2: told", "#2: edited"):
        ledger.will_write(text)
        ledger.is_told(text)
    ledger.will_write("#3: untold")
    ledger.will_write("#4: told")
    ledger.is_told("#4: told")
    ledger.will_write("#4: edited, untold")
    return ledger


RIGHT = ["#1: told", "#2: edited", "#4: told"]


@pytest.mark.parametrize(
    ("found", "untold"),
    [(RIGHT, 0), ([*RIGHT, "#3: untold"], 1), ([*RIGHT[:2], "#4: edited, untold"], 0), ([*RIGHT, "somebody's"], 0)],
)
def test_what_was_told_is_there_and_what_was_not_may_be(ledger, found, untold):
    assert ledger.wrong(found) == ([], untold)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (RIGHT[1:], "lost: #1"),
        ([*RIGHT, "#1: told"], "there 2 times: #1"),
        (["#1: told", "#2: told", "#4: told"], "not what was written: #2: told"),
        ([*RIGHT, "#3: unto"], "not what was written: #3: unto"),
        ([*RIGHT, "#5: nobody's"], "not what was written: #5: nobody's"),
    ],
)
def test_words_that_are_lost_doubled_halved_stale_or_nobodys_are_wrong(ledger, found, sentence):
    assert ledger.wrong(found)[0] == [sentence]


def test_who_looked_earlier_need_not_have_seen_what_was_told_since(ledger):
    since = ledger.position()
    ledger.will_write("#1: edited", "#6: new")
    ledger.is_told("#1: edited", "#6: new")
    assert ledger.wrong(RIGHT, since)[0] == []
    assert ledger.wrong(["#1: edited", *RIGHT[1:]], since)[0] == []
    assert ledger.wrong(RIGHT[1:], since)[0] == ["lost: #1"]
    assert set(ledger.wrong(RIGHT)[0]) == {"lost: #6", "not what was written: #1: told"}


def test_a_stopped_backfill_says_what_to_do_next():
    said = "Interrupted: 3 students done. Go on with:\n  python manage.py backfill_timeline --since-student 'a b'\n"
    assert what_to_do_next(said) == ["backfill_timeline", "--since-student", "a b"]
