"""Civil time without bounds, and spans of it."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.retention.calendar import NS, Span, before, date_of, days_of, iso_week

EPOCH = datetime.date(1970, 1, 1).toordinal()


@given(st.dates())
def test_dates_are_those_of_datetime(date: datetime.date) -> None:
    """Dates and ISO weeks within datetime's years are what datetime says."""
    days = date.toordinal() - EPOCH
    assert days_of(date.year, date.month, date.day) == days
    assert date_of(days) == (date.year, date.month, date.day)
    assert iso_week(days) == tuple(date.isocalendar()[:2])


@given(st.integers(-20_000 * 366, 20_000 * 366))
def test_dates_go_there_and_back(days: int) -> None:
    """Every day of forty thousand years has one date, before the year 1 too."""
    assert days_of(*date_of(days)) == days


@pytest.mark.parametrize(
    ("text", "span"),
    [("1y5m7d2h", Span(1, 5, 7, 2)), ("2h1y", Span(1, 0, 0, 2)), ("", Span()), ("0d", Span()), ("9999y", Span(9999))],
)
def test_spans_are_read_as_restic_reads_them(text: str, span: Span) -> None:
    """Units in any order; nothing is a span of nothing."""
    assert Span.parse(text) == span


@pytest.mark.parametrize("text", ["5", "5x", "-3d", "1.5d", "2m3", "d", "1 d", "1w", "99999999999d", "\u0663d"])
def test_what_is_no_span_is_refused_in_words(text: str) -> None:
    """A span without a unit, with an unknown one, negative, broken or beyond bounds is refused, and says how."""
    with pytest.raises(ValueError, match=r"unit|span|number"):
        Span.parse(text)


def test_months_run_on_as_in_go() -> None:
    """A month before 31 March is 3 March, and a year before 29 February is 1 March."""

    def day(year: int, month: int, day_: int) -> int:
        return days_of(year, month, day_) * 86400 * NS

    assert before(day(2026, 3, 31), 0, Span(months=1)) == day(2026, 3, 3)
    assert before(day(2024, 2, 29), 0, Span(years=1)) == day(2023, 3, 1)


def test_a_day_before_is_the_same_hour_across_summer_time() -> None:
    """In a zone with summer time a day before is the same time of the clock, 25 hours earlier in October."""
    berlin = ZoneInfo("Europe/Berlin")

    def zone(seconds: int) -> int:
        found = datetime.datetime.fromtimestamp(seconds, berlin).utcoffset()
        assert found is not None
        return int(found.total_seconds())

    noon = datetime.datetime(2026, 10, 25, 12, tzinfo=berlin)
    ns = int(noon.timestamp()) * NS
    assert ns - before(ns, 3600, Span(days=1), zone) == 25 * 3600 * NS
    assert ns - before(ns, 3600, Span(days=1)) == 24 * 3600 * NS
