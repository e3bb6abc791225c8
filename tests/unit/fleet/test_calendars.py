"""Are due dates those of the calendar, also on the nights when clocks change?"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.errors import Damaged
from strongroom.fleet.protocol.calendars import DAY, HOUR, Calendar, usual_lateness
from tests.support import peers

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> int:
    """Seconds since 1970 of a local time in Berlin."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp())


@pytest.mark.parametrize(
    ("grammar", "words"), [("oncalendar", "*-*-* 02:00:00"), ("cron", "0 2 * * *"), ("oncalendar", "*-*-* 02:00")]
)
def test_a_daily_backup_is_due_each_day_also_when_the_clock_changes(grammar: str, words: str) -> None:
    """In autumn the hour comes twice, in spring not at all: one date a night, or none, never two."""
    calendar = Calendar(grammar, words, "Europe/Berlin")
    moment, dates = at("2027-10-29T12:00"), []
    for _ in range(4):
        found = calendar.next_after(moment)
        assert found is not None
        moment = found
        dates.append(found)
    assert dates[0] == at("2027-10-30T02:00")
    assert [second - first for first, second in itertools.pairwise(dates)] == [DAY, DAY + HOUR, DAY]
    spring = calendar.next_after(at("2027-03-27T12:00"))
    assert spring in (at("2027-03-28T03:00"), at("2027-03-29T02:00"))


@settings(max_examples=60)
@given(
    st.sampled_from(["*-*-* 02:00:00", "Mon..Fri 22:15", "hourly", "monthly", "*-*-01/3 04:00", "weekly"]),
    st.integers(at("2027-01-01T00:00"), at("2029-01-01T00:00")),
)
def test_the_newest_date_is_the_one_before_the_next(words: str, moment: int) -> None:
    """Looking back and looking forward agree: no date lies between the newest until now and the next."""
    calendar = Calendar("oncalendar", words, "America/New_York")
    newest, following = calendar.newest_until(moment), calendar.next_after(moment)
    assert newest is not None and following is not None
    assert newest <= moment < following
    assert calendar.next_after(newest) == following


def test_every_counts_from_the_last() -> None:
    """`every` has no calendar: its date hangs on the last good backup."""
    calendar = Calendar("every", "24h", "UTC")
    assert calendar.next_after(1000) == 1000 + DAY
    assert calendar.newest_until(5000) is None


_VAIN_STEPS = ("*-*-* 20/5:00", "*-*-28/7 03:00", "*-*~1/1 03:00", "*-*~05/7 03:00", "*-11/2-01 03:00")
_STEPS = (
    "*-*-* 18/5:00",
    "*-*-24/7 03:00",
    "*-*~7/1 03:00",
    "*-*-* 00/8:00",
    "*-*-* 20..22/5:00",
    "Mon *-*~07/1 03:00",
)


@pytest.mark.peer("systemd-analyze")
@pytest.mark.parametrize("words", [*_VAIN_STEPS, *_STEPS])
def test_a_step_counts_where_systemd_counts_it(words: str) -> None:
    """systemd makes no timer of a step that goes beyond the end: a schedule that never runs is refused here as well."""
    asked = [str(peers.require("systemd-analyze")), "calendar", "--base-time=2027-01-01 00:00:00 UTC", words]
    by_systemd = subprocess.run(asked, capture_output=True, check=False).returncode == 0
    assert by_systemd == (words in _STEPS)
    with contextlib.nullcontext() if by_systemd else pytest.raises(Damaged, match="beyond the end"):
        Calendar("oncalendar", words, "UTC")


@pytest.mark.parametrize(
    ("grammar", "words", "zone"),
    [
        ("cron", "* * * * *", "UTC"),
        ("cron", "0 2 * *", "UTC"),
        ("cron", "0 0 30 2 *", "UTC"),
        ("oncalendar", "*:0/1", "UTC"),
        ("oncalendar", "whenever", "UTC"),
        *(("oncalendar", words, "UTC") for words in _VAIN_STEPS),
        ("oncalendar", "*-*-* 02:00", "Mars/Olympus"),
        ("oncalendar", "*-*-* 02:00", "../../etc/passwd"),
        ("every", "1m", "UTC"),
        ("every", "24", "UTC"),
    ],
)
def test_calendars_that_are_none_are_refused(grammar: str, words: str, zone: str) -> None:
    """With the words that were wrong, and within a moment."""
    with pytest.raises(Damaged):
        Calendar(grammar, words, zone)


def test_a_date_that_never_comes_is_no_date() -> None:
    """Neither forward nor back, and nobody searches for ever."""
    calendar = Calendar("oncalendar", "*-02-30 02:00", "UTC")
    assert calendar.next_after(0) is None and calendar.newest_until(10**9) is None
    assert Calendar("oncalendar", "2020-01-01", "UTC").next_after(2 * 10**9) is None


@pytest.mark.parametrize("words", ["*-*-* 02:00:00", "Mon *-02-29 02:00", "*-02-30 02:00", "Mon *-*-* 06,18:00"])
def test_what_was_looked_for_lately_answers_as_if_it_were_not(words: str) -> None:
    """In any order of moments, also at a date itself and a second beside it."""
    used = Calendar("oncalendar", words, "Europe/Berlin")
    dates = [used.next_after(1_800_000_000) or 1_800_000_000, 1_800_000_000 - 400 * DAY, 1_800_000_000]
    for moment in [one + step for one in dates for step in (DAY, 0, -1, 1, -9 * DAY, 3 * HOUR)]:
        assert used.next_after(moment) == Calendar("oncalendar", words, "Europe/Berlin").next_after(moment)


def test_the_usual_lateness() -> None:
    """One and a half intervals, the jitter and an hour."""
    assert usual_lateness(DAY, 1800) == 36 * HOUR + 1800 + HOUR
