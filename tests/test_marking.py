"""Whether answers are right: what is forgiven, and that nothing else is."""

import unicodedata
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from courses.marking import NUMBER_LIMIT, folded, is_right, numbers, score
from courses.models import QuestionKind

CHOICES = ["a", "b", "c", "d"]


def right(kind, answers, given, tolerance="0"):
    return is_right(kind=kind, answers=answers, tolerance=Decimal(tolerance), given=given)


@given(st.sets(st.sampled_from(CHOICES), min_size=1), st.lists(st.sampled_from(CHOICES), max_size=6))
def test_exactly_the_right_choices_are_right_in_any_order(answers, chosen):
    assert right(QuestionKind.MULTIPLE, sorted(answers), chosen) == (set(chosen) == answers)
    if len(answers) == 1:
        assert right(QuestionKind.SINGLE, list(answers), chosen) == (set(chosen) == answers)


@pytest.mark.parametrize("kind", QuestionKind)
def test_nothing_is_never_right(kind):
    assert not right(kind, ["1"], [])


@pytest.mark.parametrize("kind", [QuestionKind.TEXT, QuestionKind.NUMBER])
def test_an_empty_text_is_not_right(kind):
    assert not right(kind, ["1"], [""])


@given(st.text(max_size=40))
def test_folding_a_folded_text_changes_nothing(text):
    assert folded(folded(text)) == folded(text)


@given(
    st.text(max_size=30), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.sampled_from([" ", "\t", "\u00a0", "  "])
)
def test_however_a_text_is_written_it_is_the_same_answer(text, form, space):
    assume(folded(text))
    written = space + unicodedata.normalize(form, text).replace(" ", space) + space
    assert right(QuestionKind.TEXT, [text], [written])
    assert right(QuestionKind.TEXT, ["else", text], [written])


@pytest.mark.parametrize(
    ("accepted", "typed"),
    [
        ("Straße", "STRASSE"),
        ("don't know", "Don\u2019t  know"),
        ("value-based", "Value\u2013Based"),
        ("café", "CAFE\u0301"),
        ("ﬁle", "file"),
        ("Ωμέγα", "ΩΜΈΓΑ"),
        ("co\u00adoperate", "cooperate"),
    ],
)
def test_people_type_the_same_answer_in_many_ways(accepted, typed):
    assert right(QuestionKind.TEXT, [accepted], [typed])


@pytest.mark.parametrize(("accepted", "typed"), [("café", "cafe"), ("price", "prices"), ("a b", "ab"), ("C++", "C")])
def test_another_word_is_another_answer(accepted, typed):
    assert not right(QuestionKind.TEXT, [accepted], [typed])


PLAIN = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4)


@given(PLAIN, PLAIN, st.decimals(min_value=0, max_value=100, places=4))
def test_a_number_is_right_if_and_only_if_it_is_within_the_tolerance(answer, typed, tolerance):
    """Against exact fractions."""
    expected = abs(Fraction(answer) - Fraction(typed)) <= Fraction(tolerance)
    for written in (f"{typed:f}", f"{typed:f}".replace(".", ","), f" {typed:f} "):
        assert right(QuestionKind.NUMBER, [str(answer)], [written], str(tolerance)) == expected


@given(st.integers(0, 10**12), st.sampled_from([",", ".", " ", "'", "\u202f"]))
def test_thousands_may_be_parted(number, mark):
    assert Decimal(number) in numbers(f"{number:,}".replace(",", mark))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("3.5", ["3.5"]),
        ("3,5", ["3.5"]),
        (",5", ["0.5"]),
        ("5.", ["5"]),
        ("+5", ["5"]),
        ("\u22125", ["-5"]),
        ("007", ["7"]),
        ("1,500", ["1.5", "1500"]),
        ("1.500", ["1.5", "1500"]),
        ("1,500.25", ["1500.25"]),
        ("1.500,25", ["1500.25"]),
        ("1,500,000", ["1500000"]),
        ("1'500.5", ["1500.5"]),
        ("12 000,75", ["12000.75"]),
        ("\u0663,\u0665", ["3.5"]),
        ("\uff10.\uff11", ["0.1"]),
    ],
)
def test_what_a_number_can_mean(typed, meant):
    assert set(numbers(typed)) == {Decimal(each) for each in meant}


@pytest.mark.parametrize(
    "typed",
    [
        *("", " ", "NaN", "inf", "-Infinity", "1e400", "1E5", "10^400", "5 \u20ac", "five", "--5", "1\0"),
        *("1.2.3", "1,2,3", "1,50,000", "1.500.25", "1..5", "1_000", "0x10", "1/2", ".", ",", "-"),
        *("\u00bd", "10\u00b2", "9" * (NUMBER_LIMIT + 1)),
    ],
)
def test_what_is_no_number_means_none(typed):
    assert numbers(typed) == []
    assert not right(QuestionKind.NUMBER, ["1"], [typed], "99999999")


@given(st.text(alphabet="0123456789.,' -+eE\u2212", max_size=NUMBER_LIMIT + 5))
def test_whatever_is_typed_means_at_most_two_finite_numbers(text):
    found = numbers(text)
    assert len(found) <= 2
    assert all(number.is_finite() for number in found)


@pytest.mark.parametrize("answer", ["1e400", "-1E+99999", "1e-99999"])
def test_a_number_that_an_author_wrote_too_large_is_compared_all_the_same(answer):
    assert not right(QuestionKind.NUMBER, [answer], ["5"], "4")


def test_tolerance_is_exact_where_binary_fractions_are_not():
    assert right(QuestionKind.NUMBER, ["0.3"], ["0.1"], "0.2")
    assert not right(QuestionKind.NUMBER, ["0.3"], ["0.09999999999999999999999999999"], "0.2")


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_a_score_is_a_percentage_to_two_places(marks):
    found = score(marks)
    assert abs(Fraction(found) - Fraction(100 * sum(marks), len(marks))) <= Fraction(1, 200)
    assert (found == 100) == all(marks)
    assert (found == 0) == (not any(marks))


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="no kind of question"):
        right("essay", ["x"], ["x"])
