"""Arrival: no stamp makes an object older than the last look without it, nor newer than now."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strongroom.custody.arrival import CLAIMED, ROUND, SLACK_NS, STAMP, arrival

TIMES = st.integers(0, 1 << 61)


@given(stamp=st.none() | TIMES, last=TIMES, now=TIMES)
def test_an_arrival_lies_between_the_last_look_and_now(stamp: int | None, last: int, now: int) -> None:
    """Whatever the stamp says, and whichever way our own clock went."""
    found = arrival(stamp, last, now)
    assert last <= found.earliest_ns <= found.ns <= max(now, last)
    assert found.evidence in {ROUND, STAMP}
    if found.evidence == STAMP:
        assert found.ns == found.earliest_ns == stamp


@given(stamp=TIMES, last=TIMES, now=TIMES)
def test_a_stamp_outside_is_told_beyond_the_slack(stamp: int, last: int, now: int) -> None:
    """Five minutes between two clocks are nothing; more is an incident."""
    far = max(last - stamp, stamp - max(now, last))
    assert arrival(stamp, last, now).clamped == (far > SLACK_NS)


@given(stamp=st.none() | TIMES, now=TIMES)
def test_what_was_there_at_adoption_only_claims(stamp: int | None, now: int) -> None:
    """Its date is the stamp's, no later than now, and is marked as a claim."""
    found = arrival(stamp, None, now)
    assert found.evidence == CLAIMED
    assert found.ns <= now
