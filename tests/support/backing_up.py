"""Backing up with the library itself: repositories that are cheap to open, a clock that the test moves."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strongroom import _kernel
from strongroom.archive.backup.options import BackupOptions, BackupTarget
from strongroom.archive.backup.run import backup
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.base.progress import Change, Reporter
from strongroom.format.config import RepositoryConfig
from strongroom.repository.opening import open_repository
from strongroom.repository.state import StateDirectory
from strongroom.storage.local.store import LocalStore
from tests.support.repositories import PASSWORD, POLYNOMIAL, Machine, put_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from strongroom.archive.backup.options import BackupOutcome
    from strongroom.base.progress import BackupSummary
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store

OTHER_POLYNOMIAL = 0x3DA3358B4DC173


class Listener(Reporter):
    """Keeps what a backup reports."""

    wants_changes = True

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[str, str] = {}
        self.warnings: list[str] = []
        self.messages: list[str] = []
        self.changes: dict[str, str] = {}

    def error(self, item: bytes | str, message: str, during: str) -> None:  # noqa: ARG002
        self.errors[os.fsdecode(item)] = message

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def message(self, text: str, level: int = 1) -> None:  # noqa: ARG002
        self.messages.append(text)

    def changed(self, change: Change) -> None:
        self.changes[os.fsdecode(change.item)] = change.action


def make_repository(path: Path, *, version: int = 2, polynomial: int = POLYNOMIAL) -> LocalStore:
    """A repository that is cheap to open."""
    store = LocalStore(str(path))
    store.prepare()
    key = _kernel.Key.generate()
    put_key(store, key)
    store.create(CONFIG, key.seal(RepositoryConfig(version, os.urandom(32).hex(), polynomial, {}).encode()))
    return store


@dataclass
class Run:
    """How a backup ended."""

    outcome: BackupOutcome
    heard: Listener

    @property
    def summaries(self) -> list[BackupSummary]:
        """One for each repository, in the order given."""
        return [result.summary for result in self.outcome.results]

    @property
    def summary(self) -> BackupSummary:
        """The only one."""
        (summary,) = self.summaries
        return summary


@dataclass
class Host:
    """A machine that backs up into repositories below a folder, with a state directory of its own."""

    folder: Path
    machine: Machine = field(default_factory=Machine)
    wrap: Callable[[str, Store], Store] = lambda _, store: store

    def open(self, name: str) -> Repository:
        """A repository by its folder's name; made when it is not there."""
        path = self.folder / name
        if not path.exists():
            make_repository(path)
        state = StateDirectory(str(self.folder / "state"), self.machine.surroundings)
        store = self.wrap(name, LocalStore(str(path)))
        return open_repository(store, PASSWORD, surroundings=self.machine.surroundings, state=state)

    def backup(
        self,
        source: Path | list[Path],
        *names: str,
        listener: Listener | None = None,
        pack_size: int = 1 << 20,
        **options: Any,
    ) -> Run:
        """Back up into these repositories (by default one), with these ``BackupOptions``."""
        heard = listener or Listener()
        paths = tuple(os.fsencode(path) for path in (source if isinstance(source, list) else [source]))
        targets = [BackupTarget(self.open(name), name, pack_size=pack_size) for name in names or ("repository",)]
        try:
            return Run(backup(targets, BackupOptions(paths=paths, **options), heard), heard)
        finally:
            for target in targets:
                target.repository.close()

    def check(self, name: str = "repository") -> None:
        """Read every pack whole, and every tree of every snapshot; raises for whatever is wrong."""
        repository = self.open(name)
        index = repository.load_index()
        for pack in index.packs():
            data = repository.store.read_bytes(ObjectName(Kind.DATA, pack))
            report = _kernel.verify_pack(repository.key, pack, data, index.pack_entries(pack))
            assert report.sound, report.errors
        for _, snapshot in repository.snapshots():
            self._walk(repository, snapshot.tree)
        repository.close()

    def _walk(self, repository: Repository, tree: str) -> None:
        waiting = [tree]
        while waiting:
            for node in repository.load_tree(waiting.pop(), strict=True).nodes:
                for blob in node.content or ():
                    assert repository.index.contains("data", blob)
                waiting += [node.subtree] if node.subtree is not None else []

    def nodes(self, name: str = "repository") -> dict[str, _kernel.Node]:
        """The newest snapshot's nodes by their paths in it."""
        repository = self.open(name)
        repository.load_index()
        _, snapshot = max(repository.snapshots(), key=lambda pair: pair[1].time_ns)
        found: dict[str, _kernel.Node] = {}

        def walk(tree: str, prefix: str) -> None:
            for node in repository.load_tree(tree).nodes:
                path = f"{prefix}/{os.fsdecode(node.name)}"
                found[path] = node
                if node.subtree is not None:
                    walk(node.subtree, path)

        walk(snapshot.tree, "")
        repository.close()
        return found
