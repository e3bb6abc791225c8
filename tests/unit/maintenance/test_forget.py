"""Deciding what goes: by groups, by arrival where the guarded rule is asked for, and never all of a group."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import RepositoryError, Unsupported, UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import replace
from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from strongroom.maintenance.forget import arrivals_of, decide, decide_guarded, guarded_policy
from strongroom.retention.calendar import NS, Span
from strongroom.retention.faithful import UNLIMITED, Policy
from tests.support.repositories import START_NS, make, opened

if TYPE_CHECKING:
    from pathlib import Path

TREE = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8"
DAY = 86400 * NS


def snapshot(
    days_ago: float, host: str = "alpha", paths: tuple[str, ...] = ("/b", "/a"), tags: tuple[str, ...] = ()
) -> Snapshot:
    return Snapshot(time=Timestamp(START_NS - int(days_ago * DAY)), tree=TREE, paths=paths, hostname=host, tags=tags)


def listed(*snapshots: Snapshot) -> list[tuple[str, Snapshot]]:
    """With IDs that tell their place: 0…, 1…, and so on."""
    return [(f"{number:x}" * 64, one) for number, one in enumerate(snapshots)]


def test_each_group_is_decided_by_itself_and_shown_with_sorted_paths() -> None:
    """Of two hosts each keeps its newest; the paths of what is shown are in order, as restic shows them."""
    ours = listed(snapshot(1), snapshot(2), snapshot(3, "beta"), snapshot(4, "beta"))
    groups = decide(ours, Policy(last=1), ("host", "paths"), {}, START_NS)
    assert [group.key.hostname for group in groups] == ["alpha", "beta"]
    assert [[name[0] for name, _ in group.keep] for group in groups] == [["0"], ["2"]]
    assert [[name[0] for name, _ in group.remove] for group in groups] == [["1"], ["3"]]
    assert groups[0].keep[0][1].paths == ("/a", "/b")
    assert groups[0].reasons["0" * 64] == ("last snapshot",)


def test_tags_are_sorted_only_where_they_make_the_group() -> None:
    """Two snapshots with the same tags in another order are one group, and both show them in order."""
    ours = listed(snapshot(1, tags=("y", "x")), snapshot(2, tags=("x", "y")))
    (group,) = decide(ours, Policy(last=1), ("tags",), {}, START_NS)
    assert group.key.tags == ("x", "y") and group.keep[0][1].tags == ("x", "y")
    (group,) = decide(ours, Policy(last=1), (), {}, START_NS)
    assert group.keep[0][1].tags == ("y", "x")


def test_a_group_that_would_lose_all_is_refused_by_name() -> None:
    """A policy of tags that none has removes nothing."""
    with pytest.raises(RepositoryError, match=r'snapshot group "host alpha, path \[/a /b\]"'):
        decide(listed(snapshot(1)), Policy(tags=(("x",),)), ("host", "paths"), {}, START_NS)


def test_an_empty_policy_removes_everything() -> None:
    """Whoever asks for it has been asked."""
    (group,) = decide(listed(snapshot(1), snapshot(2)), Policy(), (), {}, START_NS)
    assert (len(group.keep), len(group.remove)) == (0, 2)


def test_arrivals_are_the_stamps_of_the_store(tmp_path: Path) -> None:
    """A file's time of change is when it arrived."""
    make(tmp_path)
    repository = opened(tmp_path)
    name = repository.save_snapshot(snapshot(1))
    path = tmp_path / ObjectName(Kind.SNAPSHOT, name).path
    os.utime(path, ns=(1, 12345 * NS))
    assert arrivals_of(repository) == {name: 12345 * NS}


def test_forged_snapshots_push_out_nothing_under_the_guarded_rule() -> None:
    """R-1, R-2, R-3, R-4, R-5, R-9: what arrives within the detection window changes nothing about what goes."""
    honest = [snapshot(day) for day in range(1, 60)]
    names = [(f"{number:064x}", one) for number, one in enumerate(honest)]
    arrivals: dict[str, int | None] = {name: one.time.ns for name, one in names}
    policy = guarded_policy(Policy(last=2, daily=7, monthly=3), Span(days=14), START_NS)
    (before,) = decide_guarded(names, policy, arrivals, START_NS)
    forged = [(f"f{number:063x}", snapshot(day / 2)) for number, day in enumerate(range(-20, 120))]
    arrivals |= {name: START_NS - DAY for name, _ in forged}
    (after,) = decide_guarded([*names, *forged], policy, arrivals, START_NS)
    assert len(before.remove) > 30
    assert after.remove == before.remove
    assert after.doubts.future == 20 and after.doubts.disordered
    (faithful,) = decide([*names, *forged], Policy(last=2, daily=7, monthly=3), ("host",), arrivals, START_NS)
    forged_names = {name for name, _ in forged}
    assert len([name for name, _ in faithful.keep if name not in forged_names]) < 6, "restic's rule can be steered"


@pytest.mark.parametrize(
    ("policy", "dates", "faithful_loses"),
    [
        (Policy(last=20), [0.1] * 20, 30),
        (Policy(daily=20), [day + 0.4 for day in range(20)], 30),
        (Policy(within=Span(days=31)), [-day for day in range(1, 21)], 0),
    ],
)
def test_what_forged_snapshots_cost(policy: Policy, dates: list[float], faithful_loses: int) -> None:
    """The table of the guide: under restic's rule all thirty good ones go, or none; under the guarded rule none."""
    honest = [(f"{day:064x}", snapshot(day + 0.5)) for day in range(1, 31)]
    forged = [(f"f{number:063x}", snapshot(day)) for number, day in enumerate(dates)]
    arrivals: dict[str, int | None] = {name: START_NS for name, _ in forged}
    arrivals |= {name: one.time.ns for name, one in honest}
    good = {name for name, _ in honest}
    (faithful,) = decide([*honest, *forged], policy, ("host",), arrivals, START_NS)
    assert len(good & {name for name, _ in faithful.remove}) == faithful_loses
    days = guarded_policy(policy if policy.daily else replace(policy, daily=30), Span(days=1), START_NS)
    (before,) = decide_guarded(honest, days, arrivals, START_NS)
    (after,) = decide_guarded([*honest, *forged], days, arrivals, START_NS)
    assert after.remove == before.remove


def test_the_guarded_rule_takes_counts_alone() -> None:
    """Tags and spans by buckets are refused; unlimited counts are as large as can be; three stay in any case."""
    policy = guarded_policy(Policy(daily=UNLIMITED, within=Span(days=30)), Span(days=2), START_NS)
    assert (policy.daily, policy.within_ns, policy.detection_ns, policy.floor) == (sys.maxsize, 30 * DAY, 2 * DAY, 3)
    for refused in (Policy(tags=(("x",),)), Policy(within_daily=Span(days=1))):
        with pytest.raises(UsageError, match="counts and --keep-within alone"):
            guarded_policy(refused, Span(days=2), START_NS)


def test_the_guarded_rule_needs_stamps() -> None:
    """A store that does not say when it got a snapshot cannot be guarded."""
    with pytest.raises(Unsupported, match="does not say when"):
        decide_guarded(listed(snapshot(1)), guarded_policy(Policy(), Span(), START_NS), {}, START_NS)
