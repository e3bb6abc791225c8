"""Sizes, durations and times as users write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.cli.arguments import values


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), ("17", 17), ("17b", 17), ("2k", 2048), ("2K", 2048), ("5M", 5 << 20), ("4G", 4 << 30), ("1t", 1 << 40)],
)
def test_sizes(text: str, count: int) -> None:
    """A size is a number with an optional suffix in powers of 1024."""
    assert values.size(text) == count


@pytest.mark.parametrize("text", ["", "-1", "1.5M", "1X", "M", "1 2"])
def test_what_is_no_size(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="is not a size"):
        values.size(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1.5s", 1.5), ("100ms", 0.1)]
)
def test_durations(text: str, seconds: float) -> None:
    """Durations are written as Go writes them."""
    assert values.duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "mebibytes"), [("0", 16), ("4", 4), ("128", 128)])
def test_sizes_of_packs(text: str, mebibytes: int) -> None:
    """Packs have 4 to 128 MiB, as in restic, whose 0 means the usual size."""
    assert values.pack_size(text) == mebibytes


@pytest.mark.parametrize("text", ["3", "129", "100000", "-1", "x"])
def test_what_is_no_size_of_packs(text: str) -> None:
    """What would fill the memory, or the repository with tiny files, is refused."""
    with pytest.raises(ValueError, match=r"MiB|whole number"):
        values.pack_size(text)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5d", "1h 30m"])
def test_what_is_no_duration(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="is not a duration"):
        values.duration(text)


@pytest.mark.parametrize("digits", [20, 26, 5000])
def test_numbers_beyond_any_use_are_refused(digits: int) -> None:
    """What no counter of 63 bits holds is a bad value at once, not an overflow somewhere in the middle."""
    number = "9" * digits
    for parse in (values.whole_number, values.size, lambda text: values.duration(text + "h"), values.pack_size):
        with pytest.raises(ValueError, match=r"too large|292 years|no size"):
            parse(number)
    with pytest.raises(ValueError, match="too large"):
        values.size("9999999999T")


def test_how_many_at_once() -> None:
    """Each has a thread, so that a slip of the finger must not start a million."""
    assert values.at_once("256") == 256
    with pytest.raises(ValueError, match="too many"):
        values.at_once("257")


def test_local_time_is_local() -> None:
    """A time without an offset is local, one with an offset is that moment."""
    assert values.local_time("2012-11-01 22:08:41").strftime("%Y-%m-%d %H:%M:%S") == "2012-11-01 22:08:41"
    assert values.local_time("2012-11-01T22:08:41+02:00") - values.local_time("2012-11-01T20:08:41+00:00") == timedelta(
        0
    )


@given(st.text(max_size=30))
def test_no_text_does_worse_than_value_error(text: str) -> None:
    """Whatever the user writes, the answer is a value or a sentence."""
    for parse in (values.size, values.duration, values.whole_number, values.key_value, values.local_time):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)
