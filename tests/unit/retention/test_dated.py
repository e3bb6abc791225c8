"""R-1, R-2, R-3, R-4, R-5, R-9: history that was copied in takes slots by the dates it claims, once an operator says
so, and pushes nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from strongroom.base.errors import UsageError
from strongroom.base.record import replace
from strongroom.custody.care.dating import accept_dates, datable
from strongroom.custody.planning import decisions
from strongroom.custody.policy import CustodyPolicy
from strongroom.format import rfc3339
from strongroom.retention.guarded import DAY, Arrived, GuardedPolicy, decide
from tests.support.custody.watched import Watched
from tests.unit.retention.test_guarded import instants, named, policies

SOURCE = "forge:/source"


@given(named("h"), named("c"), policies, instants)
def test_what_is_dated_pushes_nothing_out(
    arrived: list[Arrived], copied: list[Arrived], policy: GuardedPolicy, now: int
) -> None:
    """R-1, R-2, R-3, R-4, R-5, R-9: whatever dates are believed of others, what arrived stays as it would without."""
    dated = [replace(one, dated_ns=one.arrival_ns - 100 * DAY) for one in copied]
    alone = {one.id for one in decide(arrived, policy, now) if one.keep}
    assert alone == {one.id for one in decide([*arrived, *dated], policy, now) if one.keep and one.id[0] == "h"}


def copied_in(watched: Watched, ages: list[int]) -> list[str]:
    """Snapshots that come now and claim to be so many days old."""
    made = []
    for age in ages:
        time = rfc3339.format_utc(watched.now_ns - age * DAY)
        made.append(watched.backup({"file": b"content", f"of {age}": str(age).encode()}, time=time))
    return made


def kept(watched: Watched) -> set[str]:
    """What the rule keeps, by ID."""
    return {one.id for one in decisions(watched.state, watched.adopted, watched.now_ns) if one.keep}


def test_r_9_a_year_that_was_copied_in_today_is_kept_by_its_months(tmp_path: Path) -> None:
    """R-9: without a word all of it is suspicious; with it each month keeps one, though all came in an hour. What is
    copied after the word, what is dated after its arrival and what is odd for more than that are not dated by it."""
    policy = CustodyPolicy(daily=0, weekly=0, monthly=13, yearly=0, floor=1, detection=3)
    watched = Watched(tmp_path, policy)
    watched.backup({"file": b"content", "more": b"more"})
    watched.adopt()
    watched.round()
    watched.later(hours=1)
    months = copied_in(watched, [47 + 32 * number for number in range(10)])
    same = copied_in(watched, [48, 49, 50])  # between two of the first month's
    empty = watched.snapshot(watched.tree({}), time=rfc3339.format_utc(watched.now_ns - 40 * DAY))
    watched.round()
    assert {watched.verdict(one) for one in [*months, *same, empty]} == {"suspicious"}
    found = datable(watched.state, watched.adopted, source=SOURCE)
    assert {*months, *same} <= set(found.ids)
    assert found.others == (empty,)
    accept_dates(watched.state, watched.adopted, found.ids, "a test", "")
    late = copied_in(watched, [500])[0]
    watched.later(hours=1)
    watched.round()
    assert {watched.verdict(one) for one in (late, empty)} == {"suspicious"}
    assert datable(watched.state, watched.adopted, source=SOURCE).thing != found.thing
    assert kept(watched) >= {*months, *same}  # their age begins with the word
    watched.later(days=5)
    watched.backup({"file": b"content", "more": b"more"})
    watched.round()
    left = kept(watched)
    assert set(months) <= left
    assert not set(same[:2]) & left
    with pytest.raises(UsageError, match="has no whole snapshot"):
        datable(watched.state, watched.adopted, name=empty)
