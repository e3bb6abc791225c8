"""What snapshots claim of their time is held against when the store got them."""

from __future__ import annotations

from strongroom.retention.calendar import NS
from strongroom.retention.claims import Claim, Doubts, doubts, is_forged

HOUR, DAY = 3600 * NS, 86400 * NS
NOW = 20_000 * DAY


def honest(days_ago: int, took: int = HOUR) -> Claim:
    """A backup that began some days ago and arrived when it had ended."""
    return Claim(NOW - days_ago * DAY, NOW - days_ago * DAY + took, took)


def test_honest_snapshots_raise_no_doubts() -> None:
    """A history of daily backups, one of which took 30 hours and arrived after its successor, is as it should be."""
    history = [honest(day) for day in range(1, 30)] + [honest(40, 30 * HOUR), honest(39)]
    assert not doubts(history, NOW)
    assert doubts(history, NOW) == Doubts(total=31)
    assert not any(map(is_forged, history))


def test_times_in_the_future_are_counted() -> None:
    """A claim ahead of now by more than clocks differ is one, whether or not the store says when it came."""
    soon, later = Claim(NOW + 60 * NS, NOW), Claim(NOW + HOUR, NOW)
    found = doubts([soon, later, Claim(NOW + HOUR, None), honest(1)], NOW)
    assert (found.future, found.ahead, found.disordered, found.late) == (2, 0, 0, 0)
    assert [is_forged(one) for one in (soon, later)] == [False, True]


def test_a_time_that_has_come_since_is_remembered_to_have_been_ahead() -> None:
    """A snapshot that claimed tomorrow a week ago is said, and makes no honest one look late."""
    found = doubts([honest(day) for day in range(1, 10)] + [Claim(NOW - 6 * DAY, NOW - 7 * DAY)], NOW)
    assert found == Doubts(total=10, ahead=1)


def test_snapshots_between_others_that_came_before_them_are_counted() -> None:
    """Twenty that arrive today and claim the hours beside honest ones of the last days are out of order."""
    forged = [Claim(NOW - day * DAY + 12 * HOUR, NOW - HOUR) for day in range(2, 22)]
    found = doubts([honest(day) for day in range(1, 30)] + forged, NOW)
    assert found == Doubts(total=49, disordered=20, late=19)
    assert found.describe() == (
        "of 49 snapshots, 20 reached the store after others that claim to be newer; "
        "19 reached the store more than two days after the time that they claim"
    )


def test_what_says_that_it_was_rewritten_is_counted_among_the_doubts() -> None:
    """A snapshot that was tagged today keeps its time of last month; it is said how many of the doubts are such."""
    tagged = Claim(NOW - 20 * DAY, NOW, HOUR, rewritten=True)
    found = doubts([honest(1), tagged], NOW)
    assert found == Doubts(total=2, disordered=1, late=1, rewritten=1)
    assert found.describe().endswith("(1 of these say that they were tagged, rewritten or copied)")
    assert is_forged(tagged)


def test_a_store_without_stamps_raises_no_doubt_but_of_the_future() -> None:
    """Without the time of arrival nothing is out of order."""
    assert doubts([Claim(NOW - day * DAY, None) for day in range(5)], NOW) == Doubts(total=5)
    assert not is_forged(Claim(NOW + DAY, None))
