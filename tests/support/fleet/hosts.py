"""Hosts as a fleet's server sees them: a key, a chain of reports, and schedules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from strongroom.base.record import replace
from strongroom.fleet.protocol.chain import FIRST
from strongroom.fleet.protocol.enrolment import EnrolBegin, EnrolDone, EnrolledRepository
from strongroom.fleet.protocol.gateway_claim import make_claim, new_tokens
from strongroom.fleet.protocol.report import REPORT, HostReport, RequestOutcome, RunOutcome, RunReport
from strongroom.fleet.protocol.schedule_terms import ScheduleTerms
from strongroom.fleet.protocol.signed import KeyPair, SignedMessage
from strongroom.fleet.protocol.token import InvitationToken

DAILY = ScheduleTerms("home", ("offsite",), "oncalendar", "*-*-* 02:00:00", "Europe/Berlin", 1800, 400 * 86400, True)
"""Each night at two; the host itself says nothing of when it is late."""


def key_of(name: str) -> KeyPair:
    """A key that is the same in each run of the tests."""
    return KeyPair(hashlib.sha256(name.encode()).digest())


def snapshot_of(name: str) -> str:
    """A snapshot's ID."""
    return hashlib.sha256(name.encode()).hexdigest()


@dataclass
class FleetHost:
    """A host with its key and its chain."""

    name: str
    schedules: tuple[ScheduleTerms, ...] = (DAILY,)
    repository_id: str = ""
    sequence: int = 0
    previous: str = FIRST
    key: str = ""
    """What its key is made of, where that is not its name: another machine of the same name."""
    keep: bool = False
    goes_to: str = "offsite"
    """What it calls the repository of its runs; it joins with one called ``offsite``."""
    clock_offset: int = 0
    """Milliseconds that its clock is ahead, as it says."""
    outcomes: tuple[RequestOutcome, ...] = ()
    """What its next report says became of requests."""
    pair: KeyPair = field(init=False)
    tokens: list[str] = field(default_factory=new_tokens)

    def __post_init__(self) -> None:
        self.pair = key_of(self.key or self.name)
        self.repository_id = self.repository_id or snapshot_of(self.name + " repository")

    def begin(self, token: InvitationToken) -> SignedMessage:
        """The first message of joining."""
        claim = make_claim(self.pair, self.name, self.tokens, keep=self.keep)
        asked = EnrolBegin(token.ticket.id, self.pair.public, self.name, "0.2", claim)
        return asked.signed(self.pair, token.ticket.proof_key)

    def done(self) -> SignedMessage:
        """The last one."""
        keys = "ab" * 32, "cd" * 32
        made = EnrolledRepository("offsite", "rest:https://backup/hosts/x/", self.repository_id, keys, "ef" * 32)
        return EnrolDone(self.pair.id, (made,), self.schedules).signed(self.pair)

    def run(self, at: int, code: int = 0, retry_at: int | None = None, snapshot: str = "") -> RunReport:
        """A run of the first source that ended at ``at``."""
        made = snapshot or (snapshot_of(f"{self.name} {at}") if code in (0, 3) else "")
        outcome = RunOutcome(self.goes_to, self.repository_id, made, code, (10, 1, 1, 1000, 100))
        identity = hashlib.sha256(f"{self.name} {at} {code}".encode()).hexdigest()[:32]
        return RunReport(
            identity, self.schedules[0].source, at - 60, at - 50, at, code, (outcome,), retry_at, (), "log"
        )

    def report(self, at: int, run: RunReport | None = None, dropped: tuple[tuple[int, int], ...] = ()) -> SignedMessage:
        """The next report of the chain."""
        self.sequence += 1
        report = HostReport(
            "hourly" if run is None else "run",
            self.pair.id,
            "00" * 16,
            self.sequence,
            self.previous,
            at,
            self.clock_offset,
            {"strongroom": "0.2"},
            self.schedules,
            run,
            dropped,
            self.outcomes,
        )
        message = self.pair.sign(REPORT, report.to_document())
        self.previous = message.sha256
        return message

    def copy(self) -> FleetHost:
        """The same machine twice: one key, and one past."""
        return FleetHost(self.name, self.schedules, self.repository_id, self.sequence, self.previous)

    def with_lateness(self, seconds: int) -> None:
        """Let the host say that it is late only after so long."""
        self.schedules = tuple(replace(one, late_after=seconds) for one in self.schedules)
