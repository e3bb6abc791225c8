"""The threat catalogue at the gateway: row T-1, the clock; with clocks that a test moves, and end to end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strongroom.base.steady import SETTLE_NS
from strongroom.receipts.commit import clock_watch
from strongroom.receipts.commit.clock_watch import ClockWatch
from strongroom.receipts.commit.committer import commit_group
from strongroom.receipts.commit.log_state import change, state
from strongroom.receipts.log.checkpoint import Checkpoint
from strongroom.receipts.log.leaf import parse
from strongroom.receipts.log.note import COSIGNATURE, Note
from tests.support.command import STRONGROOM, environment, run
from tests.support.logs import Log, draft, make_log, new_signer
from tests.support.servers.gateway_inside import leaves
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import until

SECOND = 10**9
DAY = 86_400 * SECOND


@dataclass
class Machine:
    """Clocks that a test moves: the wall's, and the time since boot."""

    log: Log
    wall: int = 1_800_000_000 * SECOND
    since_boot: int = 5000 * SECOND
    boot: str = "b1"
    kept: bool | None = True
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    def now_ns(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.since_boot / SECOND

    def sleep(self, seconds: float) -> None:
        self.pass_by(int(seconds * SECOND))

    def pass_by(self, nanoseconds: int) -> None:
        """Time goes by as it should."""
        self.wall += nanoseconds
        self.since_boot += nanoseconds

    def watch(self, **more: object) -> ClockWatch:
        """A gateway's worker is started on this machine."""
        return ClockWatch(
            self.log.database,
            self,
            self.boot,
            since_boot=lambda: self.since_boot,
            kernel=lambda: self.kept,
            **more,  # type: ignore[arg-type]
        )

    def stamp(self, watch: ClockWatch) -> tuple[int, bool]:
        """A receipt of now: its time and its flag."""
        (made,) = commit_group(self.log.database, [draft(next(self.numbers))], self, self.boot, watch.suspect)
        receipt = parse(made.data)
        return receipt.time_ns, receipt.suspect


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(make_log(tmp_path))


@pytest.mark.parametrize("by", [-DAY, -10 * SECOND, 10 * SECOND, 400 * DAY])
def test_t_1_a_jump_is_flagged_and_stored_raw(machine: Machine, by: int) -> None:
    """T-1: after a jump either way receipts carry the flag for an hour and the raw time; then the new time counts."""
    watch = machine.watch()
    assert machine.stamp(watch) == (machine.wall, False)
    machine.pass_by(DAY)
    watch.look()
    assert machine.stamp(watch) == (machine.wall, False)
    machine.wall += by
    assert machine.stamp(watch) == (machine.wall, True)  # before anybody has looked
    assert "jumped by" in watch.look()
    assert machine.stamp(watch) == (machine.wall, True)
    machine.pass_by(SETTLE_NS - SECOND)
    watch.look()
    assert machine.stamp(watch) == (machine.wall, True)
    machine.pass_by(2 * SECOND)
    assert watch.look() == ""
    assert machine.stamp(watch) == (machine.wall, False)
    machine.wall -= by  # and back
    assert machine.stamp(watch) == (machine.wall, True)


def test_t_1_a_jump_between_two_runs_is_flagged(machine: Machine) -> None:
    """T-1: a gateway that is started again on the same boot knows that the clock was moved meanwhile; so do others."""
    machine.stamp(machine.watch())
    machine.pass_by(60 * SECOND)
    machine.wall += 30 * DAY
    first, second = machine.watch(), machine.watch()
    assert machine.stamp(first) == (machine.wall, True)
    assert machine.stamp(second) == (machine.wall, True)


def test_t_1_another_boot_with_an_earlier_clock_is_flagged(machine: Machine) -> None:
    """T-1: after a boot whose clock is before the newest receipt receipts are flagged; a later one is believed."""
    machine.stamp(machine.watch())
    machine.boot, machine.since_boot = "b2", 30 * SECOND
    machine.wall += 600 * SECOND
    assert machine.stamp(machine.watch()) == (machine.wall, False)
    machine.boot, machine.since_boot = "b3", 30 * SECOND
    machine.wall -= 1000 * DAY  # a dead battery
    watch = machine.watch()
    assert machine.stamp(watch) == (machine.wall, True)
    assert "earlier than the newest receipt" in watch.look()


def test_t_1_a_clock_that_nobody_keeps(machine: Machine) -> None:
    """T-1: the kernel's word that the clock is not synchronised flags receipts as long as it stands."""
    machine.kept = False
    watch = machine.watch()
    assert machine.stamp(watch) == (machine.wall, True)
    machine.kept = True
    watch.look()
    assert machine.stamp(watch) == (machine.wall, False)
    machine.kept = None  # it does not say
    watch.look()
    assert machine.stamp(watch) == (machine.wall, False)


def test_t_1_a_witness_with_another_time(machine: Machine) -> None:
    """T-1: a countersignature whose time is more than five minutes from ours flags receipts until one agrees."""
    witness = new_signer("witness.example/w", COSIGNATURE)
    machine.log.add(1)
    machine.log.publish()
    watch = machine.watch(witness=witness.verifier)
    other = new_signer("other.example/w", COSIGNATURE)  # the one that was asked before
    for signer, ahead, doubted in (
        (witness, 0, False),
        (witness, 301, True),
        (witness, 299, False),
        (witness, -301, True),
        (other, -301, False),
    ):
        now = state(machine.log.database)
        assert now.checkpoint is not None
        head = Checkpoint(now.origin, now.published, b"r" * 32)
        theirs = machine.wall // SECOND + ahead
        note = Note(head.text(), (signer.sign(head.text(), theirs),))
        with machine.log.database.write() as connection:
            change(connection, now.id, {}, cosigned=note.encode(), cosigned_ns=machine.wall)
        watch.look()
        assert machine.stamp(watch) == (machine.wall, doubted)


def test_the_kernel_is_asked_without_changing_anything() -> None:
    """``adjtimex`` answers yes, no or nothing, the same twice, and the clock's frequency stays."""
    assert clock_watch.kept_by_kernel() in (True, False, None)
    assert clock_watch.kept_by_kernel() == clock_watch.kept_by_kernel()


def test_t_1_what_was_held_is_not_old_because_the_clock_says_so(machine: Machine) -> None:
    """T-1: after a jump a span of days up to now is not believed until as many days have really gone by."""
    week = 7 * DAY
    watch = machine.watch()
    assert watch.unsure(week) == ""
    machine.wall += 30 * DAY
    assert "jumped by" in watch.unsure(week)
    machine.pass_by(DAY)
    assert watch.look() == ""  # for receipts the new time counts by now
    assert "not long ago" in watch.unsure(week)
    assert "not long ago" in machine.watch().unsure(week)
    machine.pass_by(6 * DAY)
    assert watch.unsure(week) == ""


@pytest.mark.root
def test_t_1_end_to_end(tmp_path: Path) -> None:
    """T-1: a gateway that is started again with another time since boot says so in its leaves, /health and metrics."""
    unshare = ("unshare", "--time", "--boottime", "86400", "--fork", "--kill-child")
    if os.geteuid() or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs root and time namespaces")
    flags = ("--no-auth", "--append-only", "--clock-kept-outside", "--prometheus")
    with Gateway(tmp_path, flags=flags) as gateway:
        gateway.make()
        assert gateway.ask("GET", "/health").json()["warnings"] == []
        until(lambda: b"strongroom_clock_suspect 0.0" in _metrics(gateway), pause=0.1)
        gateway.stop()
        gateway.start(wrap=unshare)
        data = b"while the clock is in doubt"
        assert gateway.put(f"/web01/data/{name_of(data)}", data) == 200
        health = gateway.ask("GET", "/health")
        assert health.status == 200
        assert "the clock jumped by -86400 seconds" in health.json()["warnings"]
        assert "jumped" in gateway.ask("GET", "/.strongroom/v1/status").json()["clock_suspect"]
        until(lambda: b"strongroom_clock_suspect 1.0" in _metrics(gateway), pause=0.1)
        purge = [*unshare, str(STRONGROOM), "gateway", "trash", "purge", "web01", "--clock-kept-outside"]
        done = run([*purge, "--path", str(gateway.data)], env=environment(tmp_path))
        assert done.code == 1
        assert "nothing is removed now: the clock jumped" in done.err
    assert [receipt.suspect for receipt in leaves(gateway)] == [False, True]


def _metrics(gateway: Gateway) -> bytes:
    return gateway.ask("GET", "/metrics").body
