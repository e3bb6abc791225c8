"""A gateway's log over a custodian's repository in this process, a witness of it, and clocks of other machines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.custody.evidence.clocks import ClockSource
from strongroom.custody.evidence.outside import Outside
from strongroom.custody.evidence.pinning import LogPins, pin_log
from strongroom.custody.rounds_made.outcome import Outcome
from strongroom.custody.schemas.main import stored
from strongroom.receipts.commit.committer import Draft, commit_group
from strongroom.receipts.log.leaf import LeafType
from strongroom.receipts.log.note import COSIGNATURE, Verifier
from strongroom.receipts.witness.client import WitnessClient
from strongroom.receipts.witness.witness import Refusal, Witness, parse_submission
from tests.support.clock import ManualClock
from tests.support.custody.in_process import Custody
from tests.support.logs import REPOSITORY, Log, Shown, make_log, new_signer

if TYPE_CHECKING:
    from collections.abc import Iterable

URL = "rest:http://127.0.0.1:9/web/"
"""Nobody listens there: the log is shown without the network."""
KINDS = ("snapshots", "index", "data", "keys")


class NearWitness(WitnessClient):
    """A witness in this process, asked as over the network."""

    def __init__(self, witness: Witness, verifier: Verifier) -> None:
        super().__init__("http://witness.example", verifier)
        self.witness = witness

    def _ask(self, method: str, url: str, body: bytes | None) -> tuple[int, bytes]:
        if method == "GET":
            try:
                return 200, self.witness.latest(url.rpartition("/")[2])
            except Exception:
                return 404, b""
        try:
            return 200, self.witness.add_checkpoint(parse_submission(body or b"")).encode()
        except Refusal as refusal:
            return refusal.status, b"" if refusal.size is None else b"%d\n" % refusal.size


@dataclass
class Logged:
    """A custodian whose repository is behind a gateway, as far as its log goes."""

    custody: Custody
    folder: Path
    pinned: bool = True
    seen: set[tuple[str, str]] = field(default_factory=set)
    clocks: tuple[ClockSource, ...] = ()
    boot: str = "boot-1"
    boot_from: float = 0.0

    def __post_init__(self) -> None:
        self.log: Log = make_log(self.folder / "log", clock=self.custody.clock)
        self.shown: Log = self.log
        """What the gateway shows."""
        self.witness_signer = new_signer("witness.example/w1", COSIGNATURE)
        self.witness_clock = self.custody.clock
        self.witness = Witness(
            str(self.folder / "witness"), self.witness_signer, [self.log.signer.verifier], self.custody.clock
        )
        self.receive()
        if self.pinned:
            with self.custody.state.database.write() as connection:
                pin_log(connection, self.custody.adopted.id, LogPins(URL, self.log.verifier), self.clock.now_ns())

    @property
    def clock(self) -> ManualClock:
        """The custodian's."""
        return self.custody.clock

    def watched(self) -> None:
        """Pin the witness as well."""
        pins = LogPins(URL, self.log.verifier, "http://witness.example", str(self.witness_signer.verifier))
        with self.custody.state.database.write() as connection:
            pin_log(connection, self.custody.adopted.id, pins, self.clock.now_ns())

    def receive(self, *, at_ns: int | None = None, log: Log | None = None) -> None:
        """Give a receipt to what is stored and has none; ``at_ns``: what a gateway that lies says of the time."""
        self.write(LeafType.CREATE, sorted(self._stored() - self.seen), at_ns=at_ns, log=log)
        self.seen |= self._stored()

    def write(
        self, kind: LeafType, things: Iterable[tuple[str, str]], *, at_ns: int | None = None, log: Log | None = None
    ) -> None:
        """Write leaves of one type, and publish."""
        log = log or self.log
        drafts = [
            Draft(kind, REPOSITORY, kind=one, name=name, sha256=name, size=1, principal="web01", time_ns=at_ns)
            for one, name in things
        ]
        if drafts:
            commit_group(log.database, drafts, self.clock, "")
        log.publish()

    def _stored(self) -> set[tuple[str, str]]:
        return {
            (kind, path.name)
            for kind in KINDS
            for path in (self.custody.place / kind).rglob("*")
            if path.is_file() and len(path.name) == len(hashlib.sha256().hexdigest())
        }

    def outside(self) -> Outside:
        """How a round reaches all that."""
        return Outside(
            boot=lambda: (self.boot, int((self.clock.monotonic() - self.boot_from) * 1e9)),
            more=lambda: self.clocks,
            open_log=lambda _url, _options: Shown(self.shown),
            open_witness=lambda _url, verifier: NearWitness(self.witness, verifier),
        )

    def round(self, **options: Any) -> Outcome:
        """A round that asks them."""
        return self.custody.round(outside=self.outside(), **options)

    def evidence(self, snapshot: str) -> tuple[str, int]:
        """By what a snapshot's arrival is known, and when it was."""
        with self.custody.state.database.read() as connection:
            row = connection.execute(
                sa.select(stored.c.evidence, stored.c.arrival_ns).where(stored.c.name == snapshot)
            ).one()
        return row.evidence, row.arrival_ns
