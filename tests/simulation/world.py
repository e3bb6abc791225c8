"""A host, its repository behind a gateway's log, its custodian, its operator, day by day; and what must hold then."""

from __future__ import annotations

import contextlib
import json
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.base.errors import UsageError
from strongroom.custody.deciding import accept_snapshot, condemn_snapshot, snapshots_of
from strongroom.custody.evidence.clocks import ClockSource
from strongroom.custody.executor.contract import Went
from strongroom.custody.handover.by_word import set_aside
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.ledger import Incident, incidents
from strongroom.custody.planned.plans import FROZEN, approve, plan_rows
from strongroom.retention.guarded import Arrived, decide
from tests.simulation.honest import SimulatedHost
from tests.simulation.intruder import SUSPICIOUS, Move, move
from tests.support.clock import ManualClock
from tests.support.custody.in_process import DAY, POLICY, Custody, contents
from tests.support.custody.logged import Logged

DAY_NS = DAY * 10**9
FAULTS = ("lost", "rotten")


@dataclass
class World:
    """One host's; ``intrusion``: the day from which somebody else has all that the host has."""

    folder: Path
    seed: int
    intrusion: int
    broken: dict[Path, bytes] = field(default_factory=dict)
    """What the provider lost or spoiled yesterday."""
    moves: list[Move] = field(default_factory=list)
    today: int = 0
    honest_suspected: int = 0
    removed: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.clock = ManualClock(1_800_000_000 * 10**9)
        self.host = SimulatedHost(self.folder / "r", self.clock, random.Random(self.seed + 1))
        self.host.save(self.host.files)
        self.custody = Custody(self.folder / "r", self.folder / "custodian", clock=self.clock)
        self.custody.asks_clocks = True
        self.logged = Logged(self.custody, self.folder)
        self.logged.clocks = (ClockSource("the gateway", "gateway.example", 0),)
        self.logged.round()
        self.honest: dict[str, Arrived] = {}
        """Good snapshots of the host's own, as their first verdict had them."""

    def close(self) -> None:
        """Close the databases."""
        self.custody.close()

    def day(self) -> None:
        """Half a day in which host, intruder and provider do what they do, half a day, a round, and what is due."""
        self.today += 1
        self.clock.advance(DAY / 2)
        self._operate()
        made = self.host.day(self.today)
        fresh = []
        if self.today >= self.intrusion and self.dice.random() < 0.5:
            fresh = [move(self.host, self.dice)]
        past = {("snapshots", one.snapshot) for one in fresh if not one.receipt}
        self.custody.settle()
        self.logged.seen |= past
        self.logged.receive()
        fault = self._err()
        self.clock.advance(DAY / 2)
        outcome = self.logged.round()
        assert (outcome.log.doubt, outcome.log.failure) == ("", "")
        if made is not None and self._verdict(made) == SUSPICIOUS:
            self.honest_suspected += 1
        self._remember()
        self.moves += fresh
        self._check_found(fresh, fault)
        self._let_go()

    # what others do

    def _err(self) -> str:
        """The provider gives back what it lost, and loses or spoils one pack more, now and then."""
        for path, content in self.broken.items():
            self._write(path, content)
        self.broken.clear()
        packs = sorted(path for path in (self.custody.place / "data").rglob("*") if len(path.name) == 64)
        if self.dice.random() > 0.05 or not packs:
            return ""
        victim, how = self.dice.choice(packs), self.dice.choice(FAULTS)
        self.broken[victim] = victim.read_bytes()
        if how == "lost":
            victim.unlink()
        else:
            self._write(victim, b"rot" + self.broken[victim][3:])
        return how

    def _write(self, path: Path, content: bytes) -> None:
        """By the provider's clock, which is right: a pack that no round has seen yet would else come in another year,
        and a clock in doubt freezes all deleting."""
        path.write_bytes(content)
        os.utime(path, ns=(self.clock.now_ns(), self.clock.now_ns()))

    def _operate(self) -> None:
        """A person looks once a day: at what honest hosts did, at what is planted, at what is damaged for good."""
        state, adopted = self.custody.state, self.custody.adopted
        forged = {one.snapshot for one in self.moves}
        for row in snapshots_of(state, adopted):
            if row.id in self.host.backups and row.verdict == SUSPICIOUS:
                with contextlib.suppress(UsageError):  # not whole just now: the operator comes back to it
                    accept_snapshot(state, adopted, row.id, "operator", "it was us")
            elif row.id in forged and row.operator != CONDEMNED:
                condemn_snapshot(state, adopted, row.id, "operator", "it was not us")
        for plan in plan_rows(state, adopted.id):
            sizes = [why for why in json.loads(plan.body)["breakers"] if why.startswith("it would ")]
            if plan.state == FROZEN and sizes and not plan.approved:
                self._approve(plan.number)
        ours = {f"data/{path.name}" for path in self.broken}
        junk = [one.object for one in self._open() if one.code == "damaged" and one.object not in ours]
        if junk:
            handover, executor = self.custody.handover(), self.custody.executor()
            set_aside(state, adopted, handover, executor, self.custody.signer, junk[:10], "operator", "planted")

    def _approve(self, plan: int) -> None:
        """What is held back for its size alone goes by an operator's word, at judge and executor."""
        approve(self.custody.state, self.custody.adopted, plan, "operator", "few are left, so each is a large share")
        self.custody.executor().approve(plan, "operator")

    def _let_go(self) -> None:
        handed = self.custody.hand_over()
        assert not handed.wrong, (self.seed, handed.wrong)
        for one in handed.plans:
            if any("plan approve" in why for why in one.waits) and not one.done:
                self._approve(one.number)
        went = [one for one in handed.plans if one.removed]
        for one in went:
            self.removed += len(one.removed)
            self._check_holds(one)
        if went:
            self._check_listed()

    # what must hold

    def _open(self) -> list[Incident]:
        return incidents(self.custody.state)

    def _verdict(self, snapshot: str) -> str:
        found = [row.verdict for row in snapshots_of(self.custody.state, self.custody.adopted) if row.id == snapshot]
        return found[0] if found else ""

    def _remember(self) -> None:
        for row in snapshots_of(self.custody.state, self.custody.adopted):
            if row.id in self.host.backups and row.id not in self.honest and row.verdict == "good":
                self.honest[row.id] = Arrived(row.id, row.arrival_ns, row.verdict, row.judged_ns)

    def _check_found(self, fresh: list[Move], fault: str) -> None:
        """Each thing that was done is found in the first round after it, and forged snapshots are not good."""
        closed = incidents(self.custody.state, closed=True)
        codes = {one.code.value for one in closed if one.opened_ns > self.clock.now_ns() - DAY_NS / 2}
        if fault == "lost":
            assert "missing" in codes, (self.seed, self.today, codes)
        if fault == "rotten":
            assert {"altered", "damaged"} & codes, (self.seed, self.today, codes)
        for one in fresh:
            if one.found == SUSPICIOUS:
                verdict = self._verdict(one.snapshot)
                assert verdict in (SUSPICIOUS, "pending", "bad"), (self.seed, self.today, one, verdict)
            elif one.found:
                assert one.found in codes, (self.seed, self.today, one, codes)

    def _check_holds(self, went: Went) -> None:
        """Nothing goes before the detection window and the hold are over, counted from what we know ourselves."""
        for name in went.removed:
            kind, _, rest = name.partition("/")
            if kind == "snapshots" and rest in self.honest:
                age_ns = self.clock.now_ns() - self.honest[rest].arrival_ns
                assert age_ns >= (POLICY.detection + POLICY.hold) * DAY_NS, (self.seed, self.today, name, age_ns)

    def _check_listed(self) -> None:
        """Every snapshot of the host's that is listed gives each of its files, by the indexes that are listed; and
        within the detection window after an intrusion all are there that would be without it."""
        listed = self.custody.names("snapshots")
        if not self.broken:
            ours = sorted(listed & self.host.backups.keys() & self.honest.keys())
            for name, files in contents(self.custody.place, ours).items():
                assert files == self.host.backups[name], (self.seed, self.today, name)
        if self.intrusion <= self.today <= self.intrusion + POLICY.detection:
            verdicts = decide(self.honest.values(), POLICY.guarded(), self.clock.now_ns())
            lacking = {one.id for one in verdicts if one.keep} - listed
            assert not lacking, (self.seed, self.today, lacking)

    def check_bounded(self) -> None:
        """What is listed is bounded: what the policy keeps, what waits, and what an operator has not condemned yet."""
        listed = self.custody.names("snapshots")
        waiting = POLICY.daily + POLICY.floor + 3 * (POLICY.detection + POLICY.hold) + 12
        assert len(listed & self.host.backups.keys()) <= waiting + self.honest_suspected, (self.seed, len(listed))
