"""The guarded rule: what stays, why, and that no intruder steers it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.retention.guarded import DAY, HOUR, Arrived, GuardedPolicy, decide
from tests.twins import guarded as twin

START = 1_780_000_000 * 1_000_000_000
instants = st.integers(0, 400 * 24).map(lambda hours: START + hours * HOUR)
verdicts = st.sampled_from(["good", "good", "good", "suspicious", "bad", "pending"])
policies = st.builds(
    GuardedPolicy,
    hourly=st.integers(0, 5),
    daily=st.integers(0, 8),
    weekly=st.integers(0, 5),
    monthly=st.integers(0, 5),
    yearly=st.integers(0, 2),
    within_ns=st.integers(0, 40).map(lambda days: days * DAY),
    detection_ns=st.integers(0, 20).map(lambda days: days * DAY),
    floor=st.integers(1, 4),
)


def named(name: str) -> st.SearchStrategy[list[Arrived]]:
    """Snapshots whose IDs begin so; judged at once or later, some condemned or pinned by an operator."""
    one = st.tuples(instants, verdicts, st.integers(0, 30), st.integers(0, 19), st.integers(0, 19))
    return st.lists(one, max_size=25).map(
        lambda rows: [
            Arrived(f"{name}{number}", at, verdict, at + days * DAY, condemned == 0, pinned == 0)
            for number, (at, verdict, days, condemned, pinned) in enumerate(rows)
        ]
    )


@given(named("h"), policies, instants)
def test_the_rule_and_its_twin_agree(snapshots: list[Arrived], policy: GuardedPolicy, now: int) -> None:
    """What stays is what the slow twin says, for any history, policy and moment."""
    assert {one.id for one in decide(snapshots, policy, now) if one.keep} == twin.kept(snapshots, policy, now)


@given(named("h"), named("a"), policies, instants, st.integers(0, 20 * 24))
def test_an_intruder_steers_nothing(
    honest: list[Arrived], added: list[Arrived], policy: GuardedPolicy, taken_over: int, later: int
) -> None:
    """R-1, R-2, R-3, R-4, R-5, R-9: until D after a host was taken over, nothing that was kept goes for what came."""
    moment = taken_over + min(later * HOUR, policy.detection_ns)
    before = [one for one in honest if one.arrival_ns <= taken_over]
    forged = [one for one in added if one.arrival_ns > taken_over and not one.pinned and not one.condemned]
    alone = {one.id for one in decide(before, policy, moment) if one.keep}
    together = {one.id for one in decide([*before, *forged], policy, moment) if one.keep}
    assert alone <= together


@given(named("h"), named("a"), policies, instants, instants)
def test_whatever_comes_good_ones_stay_for_as_many_windows_as_the_calendar_has(
    honest: list[Arrived], added: list[Arrived], policy: GuardedPolicy, taken_over: int, now: int
) -> None:
    """R-1, R-4: however long an intruder is not noticed, and however many forged ones count as good by then: of what
    came before him the first of each window stays until so many windows of the calendar have passed as the policy
    counts. He can fill windows in which the host sent nothing; faster than the calendar he pushes nothing out."""
    before = [one for one in honest if one.arrival_ns <= taken_over]
    forged = [one for one in added if one.arrival_ns > taken_over and not one.condemned]
    kept = {one.id for one in decide([*before, *forged], policy, now) if one.keep}
    counted = [
        one
        for one in sorted(before, key=lambda one: (one.arrival_ns, one.id))
        if one.verdict == "good"
        and not one.condemned
        and now - max(one.arrival_ns, one.judged_ns) >= policy.detection_ns
    ]
    for count, window in (
        (policy.hourly, lambda at: at // HOUR),
        (policy.daily, lambda at: at // DAY),
        (policy.weekly, lambda at: (at // DAY + 3) // 7),
        (policy.monthly, _months),
        (policy.yearly, lambda at: _months(at) // 12),
    ):
        first: dict[int, str] = {}
        for one in counted:
            first.setdefault(window(one.arrival_ns), one.id)
        newest = window(now - policy.detection_ns)
        assert {name for at, name in first.items() if newest - at < count} <= kept


def _months(at_ns: int) -> int:
    moment = datetime.fromtimestamp(at_ns // 10**9, UTC)
    return moment.year * 12 + moment.month - 1


@given(named("h"), policies, instants)
def test_the_last_good_ones_stay(snapshots: list[Arrived], policy: GuardedPolicy, now: int) -> None:
    """A source with a good snapshot that nobody condemned keeps one, whatever the policy says."""
    good = [one for one in snapshots if one.verdict == "good" and not one.condemned]
    kept = {one.id for one in decide(snapshots, policy, now) if one.keep}
    assert not good or kept & {one.id for one in good}


@given(named("h"), policies, instants)
def test_each_decision_has_a_reason(snapshots: list[Arrived], policy: GuardedPolicy, now: int) -> None:
    """Nothing is kept or let go without a word on why."""
    assert all(one.reasons for one in decide(snapshots, policy, now))


def test_suspicious_ones_take_no_slot() -> None:
    """R-4: what is suspicious stays until somebody has looked, and pushes no good one out of its day."""
    day = START - START % DAY
    good = Arrived("good", day + 2 * HOUR, "good", day + 2 * HOUR)
    forged = Arrived("forged", day + HOUR, "suspicious", day + HOUR)
    found = decide([good, forged], GuardedPolicy(daily=1), day + 30 * DAY)
    assert [(one.id, one.keep) for one in found] == [("forged", True), ("good", True)]
    assert "the first good one of its day" in found[1].reasons


def test_a_policy_without_a_floor_is_refused() -> None:
    """R-5: no policy may give up the last good snapshot, or count below zero."""
    for wrong in ({"floor": 0}, {"daily": -1}, {"detection_ns": -1}):
        with pytest.raises(ValueError, match="policy"):
            GuardedPolicy(**wrong)
