"""Whether an answer is right, and what a quiz scores: pure functions, without the database.

A question is marked as a whole: a multiple choice is right if exactly the
right choices are chosen.  In what people type, case, spaces and the several ways
in which Unicode writes the same text do not matter; a number may be written with
a decimal comma or point, and is compared exactly.
"""

import re
import unicodedata
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal

from courses.models import QuestionKind

NUMBER_LIMIT = 40  # characters of a number
_EXACT = Context(prec=400, Emax=MAX_EMAX, Emin=MIN_EMIN)  # digits enough for any two numbers of NUMBER_LIMIT
_ALIKE = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4\u0060", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
_NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<digits>\d[\d.,']*|[.,]\d+)")
_AT_LAST_MARK = re.compile(r"(.*?)(?:([.,])(\d*))?")
_GROUPED = re.compile(r"\d{1,3}(?:(?P<mark>[.,'])\d{3})(?:(?P=mark)\d{3})*")


def is_right(*, kind, answers, tolerance, given):
    """Whether an answer is right.

    Args:
        kind: a QuestionKind.
        answers: the right choices, the accepted answers, or the one number, as QuizQuestion has them.
        tolerance: Decimal; how far a number may be off, both ends included.
        given: a list of strings: the chosen choices, or what was typed as the only one; [] for nothing.
    """
    match kind:
        case QuestionKind.SINGLE | QuestionKind.MULTIPLE:
            return bool(given) and set(given) == set(answers)
        case QuestionKind.TEXT:
            return any(folded(each) == folded(answer) for each in given for answer in answers)
        case QuestionKind.NUMBER:
            right = Decimal(answers[0])
            return any(
                _EXACT.abs(_EXACT.subtract(number, right)) <= tolerance for each in given for number in numbers(each)
            )
    raise ValueError(f"There is no kind of question called {kind!r}.")


def folded(text):
    """A text without what does not matter in a short answer: folding it again changes nothing.

    NFKC and full case folding (Unicode, chapter 3.13), one space for several,
    none at the ends, no invisible characters, plain quotation marks and hyphens.
    """
    before = None
    while text != before:
        before = text
        text = unicodedata.normalize("NFKC", text.casefold()).translate(_ALIKE)
        text = "".join(character for character in text if unicodedata.category(character) != "Cf")
        text = " ".join(text.split())
    return text


def numbers(text):
    """What number a text can mean, as a list of Decimals: none, one, or two.

    A comma or a point is a decimal mark; where several stand, or one before
    exactly three digits, it may part thousands ("1,500" is 1.5 or 1500), as
    spaces and apostrophes may.  No exponents, no units, no NaN.
    """
    if len(text) > NUMBER_LIMIT:
        return []
    found = _NUMBER.fullmatch("".join(text.translate(_ALIKE).split()))
    if found is None:
        return []
    digits, readings = found["digits"], []
    whole, mark, fraction = _AT_LAST_MARK.fullmatch(digits).groups()
    if (plain := _joined(whole, mark)) is not None:
        readings.append(f"{plain}.{fraction}" if fraction else plain)
    if _GROUPED.fullmatch(digits):
        readings.append(re.sub(r"\D", "", digits))
    return [Decimal(found["sign"] + each) for each in dict.fromkeys(readings)]


def _joined(whole, mark):
    """The digits before the decimal mark, with the groups of thousands joined; None if they are not such groups."""
    if whole.isdecimal() or not whole:
        return whole or "0"
    grouped = _GROUPED.fullmatch(whole)
    return re.sub(r"\D", "", whole) if grouped and grouped["mark"] != mark else None


def score(marks):
    """The percentage of right ones among `marks` (booleans, at least one), as a Decimal with two places."""
    return (Decimal(100 * sum(marks)) / len(marks)).quantize(Decimal("0.01"), ROUND_HALF_UP)
