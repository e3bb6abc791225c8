"""The threat catalogue: row B-4, floods against rounds whose requests and time are limited."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from strongroom.base.objects import ObjectName
from strongroom.custody.deciding import snapshots_of
from strongroom.custody.rounds_made.outcome import Outcome
from strongroom.custody.spending.budget import Limits, RoundStep, Spending
from strongroom.custody.standing import standings
from strongroom.storage.contract import Reader, Store
from strongroom.storage.wrappers.wrapper import Wrapper
from tests.support.clock import ManualClock
from tests.support.custody.custodian import Custodian
from tests.support.custody.watched import Watched
from tests.support.faults import WithholdingStore
from tests.support.forge import Forge, node
from tests.support.programs import Strongroom

A_READ = 10.0
"""Seconds that a slow store takes for each object."""


class _Slow(Wrapper):
    """A store that takes its time for each object."""

    def __init__(self, inner: Store, watched: Watched) -> None:
        super().__init__(inner)
        self._watched = watched

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        self._watched.machine.clock.seconds += A_READ
        return super().read(name, offset, length)


def _flood(watched: Watched, count: int = 60) -> None:
    for number in range(count):
        watched.forge.pack(("data", f"junk {number}".encode() * 300))


def _limited(watched: Watched, **limits: float) -> tuple[Outcome, Spending]:
    spending = Spending(Limits(**limits), watched.machine.clock)  # type: ignore[arg-type]
    return watched.round(spending=spending), spending


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """One honest backup, read a month ago, and one that has just come."""
    made = Watched(tmp_path)
    made.backup({"a": b"honest " * 100})
    made.adopt()
    made.round()
    made.later(days=29)
    return made


@pytest.mark.parametrize("limits", [{"requests": 60}, {"seconds": 60 * A_READ}, {"requests": 60, "seconds": 600.0}])
def test_b_4_a_flood_starves_neither_rereading_nor_judging(watched: Watched, limits: dict[str, float]) -> None:
    """B-4: a flood of packs uses up what a round may take; what came before it is read and judged, what was read a
    month ago is read again, and the rest is said, and done by the rounds that follow, until nothing waits."""
    honest = watched.backup({"a": b"honest " * 100, "b": b"new " * 500})
    watched.later(hours=1)
    _flood(watched)
    watched.wrap = lambda store: _Slow(store, watched)
    outcome, spending = _limited(watched, **limits)
    assert outcome.read_again.objects > 0
    assert watched.verdict(honest) == "good"
    assert outcome.left.unread > 0
    assert outcome.left.spent == {{"seconds": "time"}.get(one, one) for one in limits} or len(limits) == 2
    assert outcome.left.words() == next(iter(standings(watched.state, watched.now_ns))).left
    assert spending.requests.total <= 60 + 8  # what is under way in threads is ended
    for _ in range(12):
        if not outcome.left.words():
            break
        watched.later(hours=1)
        outcome, _ = _limited(watched, **limits)
    assert (outcome.left.words(), outcome.failure, watched.codes()) == ("", "", set())


@pytest.mark.parametrize("kind", ["keys", "snapshots", "index"])
def test_b_4_a_flood_of_one_kind_without_end_keeps_no_other_kind_from_being_read(watched: Watched, kind: str) -> None:
    """B-4: before each round more junk of one kind comes than the round may read; the packs of a backup that came
    before all of it are read, and it has its verdict, within three rounds."""
    honest = watched.backup({"a": b"honest " * 100, "b": b"new " * 500})
    for number in range(3):
        watched.later(hours=1)
        for one in range(60):
            junk = f"junk {number} {one}".encode()
            (watched.forge.place / kind / hashlib.sha256(junk).hexdigest()).write_bytes(junk)
        outcome, _ = _limited(watched, requests=60)
        assert outcome.left.unread > 20
    assert watched.verdict(honest) == "good"


def test_b_4_snapshots_that_wait_for_ever_keep_none_from_its_verdict(watched: Watched) -> None:
    """B-4: a crowd of snapshots waits for a pack that the store does not give, and is judged anew in each round; one
    that came after them has its verdict in the first that reads it, and all of the crowd have their turns."""
    watched.forge.pack(("data", b"locked away" * 10))
    name = watched.pack(-1).name
    watched.wrap = lambda store: WithholdingStore(store, name)
    for number in range(40):
        watched.snapshot(f"{number:064x}", hostname=f"h{number}")
    watched.round()
    watched.later(hours=1)
    honest = watched.backup({"a": b"honest " * 100, "c": b"c" * 900})
    outcome, _ = _limited(watched, requests=50)
    assert outcome.left.unjudged > 20
    assert watched.verdict(honest) == "good"
    (watched.forge.place / "data" / name[:2] / name).unlink()
    watched.wrap = lambda store: store
    for _ in range(30):
        watched.later(hours=1)
        outcome, _ = _limited(watched, requests=50)
    assert outcome.left.words() == ""
    crowd = [
        one for one in snapshots_of(watched.state, watched.adopted) if json.loads(one.document)["hostname"] != "forge"
    ]
    assert {one.verdict for one in crowd} == {"suspicious"}


def test_b_4_an_object_that_is_larger_than_the_budget_takes_nothing_of_what_is_read_again(watched: Watched) -> None:
    """B-4: the last object that is begun may be half a gibibyte; the quarter for reading again stays what it is."""
    for number in range(3):
        watched.forge.pack(("data", bytes([number]) * 1_000_000))
    outcome, _ = _limited(watched, bytes=1000)
    assert (outcome.read.objects, outcome.left.unread) == (1, 2)
    assert outcome.read_again.objects > 0


def test_a_promise_that_is_broken_for_want_of_budget_stays_said(watched: Watched) -> None:
    """Within one request for each step, bytes wait for longer than `verify` days: that is `overdue` as ever."""
    for number in range(9):
        watched.forge.pack(("data", f"more {number}".encode() * 100))
    watched.later(days=5)
    outcome, _ = _limited(watched, requests=1)
    assert (outcome.read.objects, outcome.read_again.objects) == (1, 1)
    assert "overdue" in watched.codes()
    assert next(iter(standings(watched.state, watched.now_ns))).state == "broken"
    watched.round()
    assert watched.codes() == set()


def test_time_is_what_passed_and_no_clock_on_the_wall() -> None:
    """What a step may take hangs on the steady clock that is passed in, whatever the wall clock shows."""

    class _Jumping:
        def __init__(self) -> None:
            self.passed, self.wall = 0.0, 0

        def now_ns(self) -> int:
            self.wall += 10**15
            return self.wall

        def monotonic(self) -> float:
            return self.passed

        def sleep(self, seconds: float) -> None:
            self.passed += seconds

    clock = _Jumping()
    budget = Spending(Limits(seconds=50.0), clock).of(RoundStep.READ)
    assert budget.begin() and budget.begin()
    clock.now_ns()
    assert budget.begin()
    clock.sleep(20.0)
    assert not budget.begin()
    assert budget.spent == {"time"}


def test_what_a_step_leaves_is_for_those_after_it_and_none_takes_anothers_share() -> None:
    """A fifth each; two steps that take nothing leave theirs to the third, and one that takes too much takes it from
    nobody else."""
    spending = Spending(Limits(requests=50), ManualClock())

    def begun(step: RoundStep) -> int:
        budget = spending.of(step)
        count = 0
        while budget.begin():
            count += 1
            spending.requests.reads += 1
        return count

    assert begun(RoundStep.READ) == 20
    assert begun(RoundStep.READ_AGAIN) == 10
    spending.requests.reads += 100
    assert begun(RoundStep.JUDGE) == 10
    assert begun(RoundStep.GO) == 10
    clock = ManualClock()
    spending = Spending(Limits(seconds=50.0), clock)
    clock.advance(500)
    budget = spending.of(RoundStep.JUDGE)
    assert budget.begin() and budget.begin()
    clock.advance(10)
    assert not budget.begin()


def test_b_4_a_flood_in_one_repository_takes_nothing_from_another(strongroom: Strongroom, tmp_path: Path) -> None:
    """B-4: each repository has the whole budget; the words, `--json` and `status` say what waits, and custody.toml
    sets it as well."""
    custodian = Custodian(strongroom, tmp_path / "custody")
    forges = {name: Forge(tmp_path / name) for name in ("flooded", "quiet")}
    for name, forge in forges.items():
        (blob,) = forge.pack(("data", b"x" * 100))
        tree = forge.tree(node("x", "file", content=[blob], size=100))
        forge.index()
        forge.snapshot(tree)
        custodian.adopt(name, forge.place)
    for number in range(80):
        forges["flooded"].pack(("data", f"junk {number}".encode() * 30))
    found = {
        one["name"]: one
        for one in map(
            json.loads,
            custodian.run("round", "--all", "--no-execute", "--budget-requests", "40", "--json").out.splitlines(),
        )
    }
    assert (found["quiet"]["unread"], found["quiet"]["spent"], found["quiet"]["judged"]["good"]) == (0, [], 1)
    assert found["flooded"]["unread"] > 40
    assert found["flooded"]["spent"] == ["requests"]
    (tmp_path / "custody" / "custody.toml").write_text(
        'version = 1\n[round]\nbudget_requests = 40\nbudget_time = "2h"\n'
    )
    said = custodian.run("round", "flooded", "--no-execute").out
    waits = "left for want of budget (requests): "
    assert f"  {waits}" in said
    assert f"flooded: round: {waits}" in custodian.run("status").out
    status = {one["name"]: one["left"] for one in custodian.run("status", "--json").json()}
    assert status["quiet"] is None and status["flooded"].startswith(waits)


@pytest.mark.parametrize(
    "words", [("--budget-requests", "0"), ("--budget-requests", "-3"), ("--budget-time", "0s"), ("--budget-time", "5")]
)
def test_a_budget_that_is_none_is_refused(strongroom: Strongroom, tmp_path: Path, words: tuple[str, str]) -> None:
    """In the grammar that durations have elsewhere, and never nothing at all."""
    custodian = Custodian(strongroom, tmp_path / "custody")
    refused = custodian.run("round", "--all", f"{words[0]}={words[1]}").expect(1)
    assert f"{words[0]} {words[1].removesuffix('s')}" in refused.err
