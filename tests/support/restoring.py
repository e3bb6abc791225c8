"""Restoring from a forged repository with the library itself, and what it said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strongroom.archive.restore.run import RestoreOptions, restore
from strongroom.base.progress import Change, Reporter, RestoreSummary, Status
from strongroom.repository.opening import open_repository
from strongroom.storage.locate import open_store
from tests.support.command import PASSWORD
from tests.support.forge import Forge, Json, node, sha

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.repository.opened import Repository


class Listener(Reporter):
    """Keeps what a restore reports."""

    wants_changes = True

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[bytes, str] = {}
        self.changes: list[tuple[str, bytes]] = []
        self.last = Status()

    def error(self, item: bytes | str, message: str, during: str) -> None:
        assert during == "restore"
        self.errors[item if isinstance(item, bytes) else item.encode()] = message

    def changed(self, change: Change) -> None:
        item = change.item
        self.changes.append((change.action, item if isinstance(item, bytes) else item.encode()))

    def status(self, status: Status) -> None:
        self.last = status


@dataclass
class Restored:
    """How a restore ended."""

    summary: RestoreSummary
    errors: dict[bytes, str]
    """Messages by path in the restored tree."""
    changes: list[tuple[str, bytes]]
    last: Status

    def actions(self, action: str) -> set[bytes]:
        """The items of which this became."""
        return {item for word, item in self.changes if word == action}


def opened(place: Path) -> Repository:
    """A forged repository with its index."""
    repository = open_repository(open_store(str(place)), PASSWORD.encode())
    repository.load_index()
    return repository


def bring_back(forge: Forge, root: str, target: Path, *, subfolder: str = "", **options: Any) -> Restored:
    """Write the index of a forged repository and restore the tree ``root`` with these ``RestoreOptions``."""
    forge.index()
    listener = Listener()
    repository = opened(forge.place)
    try:
        summary = restore(repository, root, RestoreOptions(str(target), **options), listener, subfolder=subfolder)
    finally:
        repository.close()
    return Restored(summary, listener.errors, listener.changes, listener.last)


@dataclass
class Files:
    """Makes nodes of files in a forged repository; each call of ``pack`` ends a pack."""

    forge: Forge
    waiting: list[tuple[str, bytes]] = field(default_factory=list)

    def node(self, name: str, *contents: bytes, **fields: Any) -> Json:
        """A file of these blobs."""
        self.waiting += [("data", content) for content in contents]
        ids = [sha(content) for content in contents]
        return node(name, "file", content=ids, size=sum(map(len, contents)), **fields)

    def pack(self) -> None:
        """Write what waits as one pack."""
        if self.waiting:
            self.forge.pack(*dict.fromkeys(self.waiting))
        self.waiting = []
