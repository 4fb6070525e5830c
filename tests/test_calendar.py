"""The calendar's geometry: every day of its weeks stands exactly once where its weekday and week say."""

import datetime
from itertools import pairwise

import pytest
from django.test import RequestFactory
from hypothesis import example, given
from hypothesis import strategies as st

from timeline import calendar
from timeline.queries import WEEKS

A_DAY = datetime.timedelta(days=1)
SUNDAY, MONDAY = 0, 1
days = st.dates(datetime.date(1902, 1, 1), datetime.date(9998, 12, 31))


@given(days, st.integers(0, 6))
@example(datetime.date(2024, 2, 29), SUNDAY)
@example(datetime.date(2025, 2, 28), MONDAY)
@example(datetime.date(2026, 12, 31), MONDAY)
@example(datetime.date(2027, 1, 1), SUNDAY)
def test_each_day_of_53_weeks_stands_once_in_the_row_of_its_weekday_and_the_column_of_its_week(today, first_weekday):
    drawn = calendar.drawn({}, today=today, first_weekday=first_weekday)
    cells = drawn.cells
    assert [cell.date for cell in cells] == [cells[0].date + number * A_DAY for number in range(len(cells))]
    assert cells[-1].date == today
    assert 52 * 7 < len(cells) <= WEEKS * 7, "within what queries.calendar() counts"
    assert len({(cell.x, cell.y) for cell in cells}) == len(cells)
    for cell in cells:
        assert cell.row == (cell.date.isoweekday() - first_weekday) % 7
        assert 0 <= cell.x <= drawn.width - calendar.PITCH
        assert calendar.MONTHS <= cell.y <= drawn.height - calendar.PITCH
    assert [len(week) for week in drawn.weeks[:-1]] == [7] * (WEEKS - 1)
    assert len(drawn.weeks[-1]) + len(drawn.missing) == 7


@given(days, st.integers(0, 6))
def test_months_are_named_in_order_with_room_for_each_name(today, first_weekday):
    drawn = calendar.drawn({}, today=today, first_weekday=first_weekday)
    places = [x for x, _ in drawn.months]
    assert 11 <= len(places) <= 13
    assert all(after - before >= 2 * calendar.PITCH for before, after in pairwise(places))
    assert places[-1] <= drawn.width - 2 * calendar.PITCH
    for x, date in drawn.months:
        assert date == drawn.weeks[x // calendar.PITCH][0].date


@pytest.mark.parametrize(
    ("count", "level"), [(0, 0), (1, 1), (2, 1), (3, 2), (5, 2), (6, 3), (11, 3), (12, 4), (5000, 4)]
)
def test_levels_double(count, level):
    today = datetime.date(2026, 3, 15)
    drawn = calendar.drawn({today: count}, today=today, first_weekday=SUNDAY)
    assert drawn.cells[-1].level == level


def test_the_legend_says_what_levels_stand_for():
    drawn = calendar.drawn({}, today=datetime.date(2026, 3, 15), first_weekday=SUNDAY)
    assert drawn.legend == [(1, "1–2"), (2, "3–5"), (3, "6–11"), (4, "12 or more")]


def test_days_and_the_whole_are_told_in_words():
    today = datetime.date(2026, 3, 15)
    drawn = calendar.drawn({today: 7, today - A_DAY: 1}, today=today, first_weekday=SUNDAY)
    assert [cell.name for cell in drawn.cells[-2:]] == [
        "Saturday, 14 March 2026: 1 entry",
        "Sunday, 15 March 2026: 7 entries",
    ]
    assert drawn.summary == "8 entries on 2 days in the last 53 weeks"
    assert calendar.drawn({today: 1}, today=today, first_weekday=SUNDAY).summary.startswith("1 entry on 1 day in")


@pytest.mark.parametrize(
    ("languages", "first"),
    [
        ("en-US,en;q=0.9", SUNDAY),
        ("en-GB,en;q=0.9", MONDAY),
        ("de-CH", MONDAY),
        ("pt-BR,pt;q=0.9,en;q=0.5", SUNDAY),
        ("xx-YY, fr;q=0.3", MONDAY),
        ("", SUNDAY),
        ("\x00;q=;;,,*", SUNDAY),
    ],
)
def test_weeks_begin_as_the_readers_language_says(languages, first):
    request = RequestFactory().get("/", headers={"Accept-Language": languages})
    assert calendar.first_weekday(request) == first
