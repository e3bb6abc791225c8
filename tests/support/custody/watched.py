"""A repository in care, in one process: a host that the forge plays, a custodian whose clock the test moves."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strongroom.base.progress import Reporter
from strongroom.custody.adopting import adopt
from strongroom.custody.deciding import accept_snapshot, accept_source, snapshots_of
from strongroom.custody.identity import Identity, generate
from strongroom.custody.judging.verdicts import spoken
from strongroom.custody.ledger import Incident, incidents
from strongroom.custody.policy import CustodyPolicy
from strongroom.custody.rounds import run_round
from strongroom.custody.rounds_made.outcome import Outcome
from strongroom.custody.state import Adopted, State
from strongroom.format import rfc3339
from strongroom.storage.local.store import LocalStore
from tests.support.forge import Forge, node
from tests.support.repositories import START_NS, Machine, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.storage.contract import Store

Files = dict[str, bytes]
DAY = 86400.0


@dataclass
class Watched:
    """``backup`` is the honest host; ``forge`` is whoever holds its key. Files get the stamp of the moved clock at the
    next round, unless ``stamp`` gave them another."""

    place: Path
    policy: CustodyPolicy = field(default_factory=CustodyPolicy)
    machine: Machine = field(default_factory=Machine)
    stored: dict[bytes, str] = field(default_factory=dict)
    wrap: Callable[[Store], Store] = lambda store: store

    place_of_state: str = ""
    """A folder below ``place`` unless another is named, or a database."""

    def __post_init__(self) -> None:
        self.forge = Forge(self.place / "repository")
        self.state = State(self.place_of_state or str(self.place / "state"), self.machine.clock, create=True)
        self.identity: Identity = generate()[0]
        self._stamped: set[Path] = set()
        self._listed = 0

    def adopt(self) -> None:
        """Take it into care, with what is in it now."""
        self._stamp_all()
        repository = opened(self.forge.place, self.machine)
        url = str(self.forge.place)
        adopt(self.state, repository, "web01", url, self.identity, self.policy, who="a test")
        repository.close()

    @property
    def adopted(self) -> Adopted:
        """As the state has it."""
        return self.state.repository("web01")

    def later(self, *, days: float = 0, hours: float = 0) -> None:
        """Move the clock."""
        self._stamp_all()
        self.machine.clock.seconds += days * DAY + hours * 3600

    @property
    def now_ns(self) -> int:
        """The custodian's clock."""
        return self.machine.clock.now_ns()

    def round(self, **options: Any) -> Outcome:
        """A round."""
        self._stamp_all()
        store = self.wrap(LocalStore(str(self.forge.place)))
        surroundings = self.machine.surroundings
        return run_round(
            self.state, self.adopted, store, self.identity, surroundings, Reporter(), holder="a test", **options
        )

    def backup(self, files: Files, **fields: Any) -> str:
        """What an honest host stores: blobs that are new, trees, an index of them, a snapshot; the snapshot's ID."""
        return self.snapshot(self.tree(files), **fields)

    def tree(self, files: Files) -> str:
        """Store files and the trees above them, and return the root."""
        folders: dict[str, Files] = {}
        here: list[Any] = []
        fresh = [content for content in dict.fromkeys(files.values()) if content and content not in self.stored]
        if fresh:
            for content, blob in zip(fresh, self.forge.pack(*(("data", one) for one in fresh)), strict=True):
                self.stored[content] = blob
        for path, content in sorted(files.items()):
            folder, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(folder, {})[rest] = content
            else:
                blobs = [self.stored[content]] if content else []
                here.append(node(path, "file", content=blobs, size=len(content)))
        here += [node(name, "dir", subtree=self.tree(below)) for name, below in folders.items()]
        return self.forge.tree(*sorted(here, key=lambda one: str(one["name"])))

    def index(self) -> Path:
        """An index file of the packs that no index of ours names yet."""
        entries, self._listed = self.forge.entries[self._listed :], len(self.forge.entries)
        made: Path = self.forge.index(entries)
        return made

    def snapshot(self, tree: str, *, ahead: float = 0, **fields: Any) -> str:
        """Store a snapshot of a tree, with an index before it; it claims to be of now and ``ahead`` seconds."""
        if self._listed < len(self.forge.entries):
            self.index()
        time = rfc3339.format_utc(self.now_ns + int(ahead * 1e9))
        made: str = self.forge.snapshot(tree, **({"time": time} | fields)).name
        return made

    def stamp(self, path: Path, seconds: float) -> None:
        """Give a stored file the stamp of another moment of the moved clock."""
        os.utime(path, ns=(START_NS + int(seconds * 1e9),) * 2)
        self._stamped.add(path)

    def _stamp_all(self) -> None:
        for path in self.forge.place.rglob("*"):
            if path.is_file() and path not in self._stamped:
                self.stamp(path, self.machine.clock.seconds)

    def pack(self, number: int) -> Path:
        """The file of the pack that was written as this one in order."""
        name: str = self.forge.entries[number]["id"]
        return self.forge.place / "data" / name[:2] / name

    def verdict(self, snapshot_id: str) -> str:
        """What is said of a snapshot now, by the operator or the judge."""
        row = self._row(snapshot_id)
        return spoken(row.verdict, row.operator)

    def reasons(self, snapshot_id: str) -> set[str]:
        """The codes of the reasons."""
        return {code for code, *_ in json.loads(self._row(snapshot_id).reasons)}

    def measures(self, snapshot_id: str) -> dict[str, float]:
        """What was measured of it."""
        found: dict[str, float] = json.loads(self._row(snapshot_id).measures)
        return found

    def _row(self, snapshot_id: str) -> Any:
        return next(row for row in snapshots_of(self.state, self.adopted) if row.id == snapshot_id)

    def incidents(self) -> list[Incident]:
        """The open ones."""
        return incidents(self.state, self.adopted.id)

    def codes(self) -> set[str]:
        """Their codes."""
        return {one.code.value for one in self.incidents()}

    def accept(self, snapshot_id: str) -> None:
        """An operator accepts a snapshot."""
        accept_snapshot(self.state, self.adopted, snapshot_id, "a test", "")

    def accept_source(self, name: str = "forge:/source") -> None:
        """An operator accepts a source."""
        accept_source(self.state, self.adopted, name, "a test", "")
