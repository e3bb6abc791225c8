"""A custodian in this process, with a clock that tests move, over a repository that others write to."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom import _kernel
from strongroom.base.progress import Reporter
from strongroom.custody.adopting import adopt
from strongroom.custody.evidence.clocks import clock_doubt
from strongroom.custody.executor.contract import Handed
from strongroom.custody.executor.execute import Executor
from strongroom.custody.executor.records import Records
from strongroom.custody.executor.ways import way_of
from strongroom.custody.handover.handover import Handover
from strongroom.custody.identity import Identity, generate
from strongroom.custody.ledger import incidents
from strongroom.custody.mark import has_place, read_mark
from strongroom.custody.planned.orders import SIGNER
from strongroom.custody.policy import CustodyPolicy
from strongroom.custody.rounds import run_round
from strongroom.custody.rounds_made.outcome import Outcome
from strongroom.custody.state import Adopted, State
from strongroom.format import rfc3339
from strongroom.receipts.commit.signing_key import load_or_create
from strongroom.repository.opening import open_repository
from strongroom.repository.surroundings import Surroundings
from strongroom.storage.local.store import LocalStore
from tests.support.clock import ManualClock
from tests.support.forge import Forge, node, sha
from tests.support.repositories import PASSWORD

if TYPE_CHECKING:
    from strongroom.receipts.log.note import Signer
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store

DAY = 86_400
BOOT = "0d3f8f0e-0000-4000-8000-000000000000"
POLICY = CustodyPolicy(
    daily=2, weekly=0, monthly=0, yearly=0, detection=3, floor=1, hold=2, verify=60, expiry=80, rpo_hours=48
)
"""Short, so that few days show all."""


@dataclass
class Custody:
    """The custodian of one repository in a folder: judge and executor, each with what is its own."""

    place: Path
    home: Path
    policy: CustodyPolicy = POLICY
    clock: ManualClock = field(default_factory=lambda: ManualClock(1_800_000_000 * 10**9))
    password: bytes = PASSWORD
    name: str = "web"
    asks_clocks: bool = False
    """Whether nothing goes by itself while no other clock agrees; rounds then have to ask them."""

    def __post_init__(self) -> None:
        self.home.mkdir(exist_ok=True)
        self.touched: set[str] = set()
        self.state = State(str(self.home / "state"), self.clock, create=True)
        self.identity: Identity = generate()[0]
        self.signer: Signer = load_or_create(str(self.home / "judge"), SIGNER)
        self.records = Records(f"sqlite:///{self.home}/executor.db", self.clock)
        self.settle()
        self.adopt()
        self.settle()

    def store(self) -> Store:
        """The store, with the custodian's rights."""
        return LocalStore(str(self.place))

    @property
    def url(self) -> str:
        """Where it is, as the state has it."""
        return str(self.place)

    def adopt(self) -> None:
        """Take it into care."""
        with open_repository(self.store(), self.password, surroundings=self.surroundings) as repository:
            adopt(self.state, repository, self.name, self.url, self.identity, self.policy)

    def close(self) -> None:
        """Close the databases."""
        self.records.close()
        self.state.close()

    def reopen(self) -> None:
        """Open them again, as another process does."""
        self.state = State(str(self.home / "state"), self.clock)
        self.records = Records(f"sqlite:///{self.home}/executor.db", self.clock)

    @property
    def adopted(self) -> Adopted:
        """The repository as the state has it."""
        return self.state.repository(self.name)

    @property
    def surroundings(self) -> Surroundings:
        """This machine with the test's clock."""
        return Surroundings(clock=self.clock, warn=lambda _text: None, hostname="custodian")

    def settle(self) -> None:
        """Give what others stored just now the stamp of the test's clock."""
        for folder, _, files in os.walk(self.place):
            for name in files:
                path = os.path.join(folder, name)
                if path not in self.touched and ".strongroom" not in path:
                    os.utime(path, ns=(self.clock.now_ns(), self.clock.now_ns()))
                    self.touched.add(path)

    def round(self, **options: Any) -> Outcome:
        """A round of the judge."""
        self.settle()
        outcome = run_round(
            self.state,
            self.adopted,
            self.store(),
            self.identity,
            self.surroundings,
            Reporter(),
            holder="test",
            signer=self.signer,
            **options,
        )
        self.settle()
        assert not outcome.failure, outcome.failure
        return outcome

    def boot(self) -> tuple[str, int]:
        """The boot's ID, and the time since."""
        return BOOT, int(self.clock.monotonic() * 1e9)

    def executor(self, **options: Any) -> Executor:
        """The executor, with its own record."""
        store = self.store()
        values: dict[str, Any] = {"hold_days": self.policy.hold, "expiry_days": self.policy.expiry} | options
        return Executor(
            self.records,
            store,
            way_of(store),
            self.adopted.id,
            self.adopted.store,
            self.signer.verifier,
            mark=lambda: read_mark(store, self.adopted.id) if has_place(store) else str(self.signer.verifier),
            boot=self.boot,
            **values,
        )

    def handover(self) -> Handover:
        """What stands between the two."""
        return Handover(
            self.state,
            self.adopted,
            self.store(),
            self.identity,
            self.signer,
            self.surroundings,
            Reporter(),
            holder="test",
            boot=self.boot,
            doubt=lambda: clock_doubt(self.state, self.adopted) if self.asks_clocks else "",
        )

    def hand_over(self) -> Handed:
        """Execute what is due."""
        handed = self.handover().hand_over(self.executor())
        self.settle()
        return handed

    def day(self, **options: Any) -> tuple[Outcome, Handed]:
        """A day passes; a round, and what is due."""
        self.clock.advance(DAY)
        return self.round(**options), self.hand_over()

    def names(self, kind: str) -> set[str]:
        """The objects of a kind that are there."""
        return {path.name for path in (self.place / kind).rglob("*") if path.is_file()}

    def open_incidents(self) -> list[tuple[str, str]]:
        """Code and words of what is open."""
        return [(one.code.value, f"{one.object}: {one.words}") for one in incidents(self.state)]


@dataclass
class Host:
    """An honest host that backs up with the tests' own writer: each backup has a file of its own, and one for all."""

    place: Path
    clock: ManualClock
    size: int = 20_000

    def __post_init__(self) -> None:
        self.forge = Forge(self.place)
        self.kept = os.urandom(400_000)
        self.files: dict[str, dict[str, bytes]] = {}
        """By snapshot, what each file holds."""
        self.packs: dict[str, list[str]] = {}
        """By snapshot, the packs that it wrote."""
        self._first = True

    def backup(self, content: bytes | None = None, *, index: bool = True) -> str:
        """Back up two files; the snapshot's ID."""
        fresh = os.urandom(self.size) if content is None else content
        before = len(self.forge.entries)
        if self._first:
            self.forge.pack(("data", self.kept))
            self._first = False
        self.forge.pack(("data", fresh))
        tree = self.forge.tree(
            node("fresh", "file", content=[sha(fresh)], size=len(fresh)),
            node("kept", "file", content=[sha(self.kept)], size=len(self.kept)),
        )
        made = self.forge.entries[before:]
        if index:
            self.forge.index(made)
        stamp = _rfc3339(self.clock.now_ns())
        name = self.forge.snapshot(tree, time=stamp).name
        self.files[name] = {"fresh": fresh, "kept": self.kept}
        self.packs[name] = [entry["id"] for entry in made]
        return name


def _rfc3339(now_ns: int) -> str:
    return rfc3339.format_utc(now_ns)


def _opened(place: Path, password: bytes) -> Repository:
    """The repository by its cheapest key: a custodian's own takes a second."""
    cost = {path.name: int(json.loads(path.read_bytes())["N"]) for path in (place / "keys").iterdir()}
    surroundings = Surroundings(warn=lambda _text: None)
    cheapest = min(cost, key=lambda name: cost[name])
    return open_repository(LocalStore(str(place)), password, key_hint=cheapest, surroundings=surroundings)


def restores(place: Path, snapshot: str, files: dict[str, bytes], password: bytes = PASSWORD) -> bool:
    """Whether a snapshot gives each of these files, by the indexes that are listed."""
    with _opened(place, password) as repository:
        repository.load_index()
        try:
            nodes = repository.load_tree(repository.load_snapshot(snapshot).tree).nodes
            found = {
                one.name.decode(): b"".join(repository.load_blob("data", blob) for blob in one.content or ())
                for one in nodes
            }
        except Exception:
            return False
    return found == files


def contents(place: Path, snapshots: list[str], password: bytes = PASSWORD) -> dict[str, dict[str, bytes]]:
    """What snapshots give, by the paths of files, by the indexes that are listed and are sound."""
    found: dict[str, dict[str, bytes]] = {}
    with _opened(place, password) as repository:
        repository.load_index(on_error=lambda _name, _problem: None)
        for name in snapshots:
            files = found[name] = {}
            waiting = [("", repository.load_snapshot(name).tree)]
            while waiting:
                above, tree = waiting.pop()
                for one in repository.load_tree(tree).nodes:
                    path = f"{above}{one.name.decode()}"
                    if one.subtree:
                        waiting.append((f"{path}/", one.subtree))
                    else:
                        files[path] = b"".join(repository.load_blob("data", blob) for blob in one.content or ())
    return found


def sound(place: Path, password: bytes = PASSWORD) -> list[str]:
    """What is wrong with any listed snapshot, by the indexes that are listed: each blob is read from its pack."""
    faults = []
    with _opened(place, password) as repository:
        index = repository.load_index()
        usage = _kernel.Usage(index)
        for name, found in repository.snapshots():
            waiting = [found.tree] if usage.root(found.tree) else []
            while waiting:
                tree = waiting.pop()
                try:
                    below, wrong = usage.read(repository.load_blob("tree", tree))
                except Exception as problem:
                    faults.append(f"{name[:8]}: {problem}")
                    continue
                waiting += below
                faults += [f"{name[:8]}: {what}" for _, what in wrong]
        for pack in index.packs():
            for entry in index.pack_entries(pack):
                if usage.needs(entry.kind, entry.id):
                    try:
                        repository.load_blob(entry.kind, entry.id)
                    except Exception as problem:
                        faults.append(f"{entry.kind} {entry.id[:8]}: {problem}")
    return faults
