"""Where a log's tiles and checkpoints are kept for good: a small interface, and a folder that keeps it.

Object storage implements the same three methods. Nothing here replaces or deletes.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Protocol

from strongroom.base.errors import Exists, Missing
from strongroom.storage.durable import make_folder, sync_folder, write_new

_PATH = re.compile(r"(?!.*\.\.)[a-z0-9._-]+(/[a-z0-9._-]+)*\Z")


class TileStore(Protocol):
    """Files that are written once. Paths are relative, of lower-case letters, digits, dots, dashes and underlines."""

    def write_once(self, path: str, data: bytes) -> None:
        """Make the file exist, durable on return. The same bytes again are success, others ``Exists``."""
        ...

    def read(self, path: str) -> bytes:
        """The whole file. Raises ``Missing``."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, in any order; empty when there is no such folder."""
        ...


class Folder:
    """A tile store in a local folder. A file appears whole, by a link that never replaces."""

    def __init__(self, root: str) -> None:
        self._root = root

    def write_once(self, path: str, data: bytes) -> None:
        """Make the file exist, durable on return."""
        target = self._at(path)
        with contextlib.suppress(Missing):
            return self._same(path, data)
        parent = os.path.dirname(target)
        self._folders(parent)
        temporary = os.path.join(parent, f".{os.path.basename(target)}.{os.getpid()}.{os.urandom(4).hex()}")
        if not write_new(target, data, temporary):
            self._same(path, data)
        return None

    def read(self, path: str) -> bytes:
        """The whole file."""
        try:
            with open(self._at(path), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise Missing("not in the log's folder", subject=path) from None

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder."""
        try:
            return [name for name in os.listdir(self._at(folder)) if not name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _at(self, path: str) -> str:
        if _PATH.match(path) is None:
            raise ValueError(f"not a path of a log: {path!r}")
        return os.path.join(self._root, path)

    def _same(self, path: str, data: bytes) -> None:
        if self.read(path) != data:
            raise Exists("the log's folder holds another file here, which a log never replaces", subject=path)

    def _folders(self, parent: str) -> None:
        missing = []
        while not os.path.isdir(parent):
            missing.append(parent)
            parent = os.path.dirname(parent)
        for folder in reversed(missing):
            if not make_folder(folder, 0o700):  # another's, whose name may not be durable yet
                sync_folder(os.path.dirname(folder))


def newest_checkpoint(store: TileStore) -> bytes | None:
    """The checkpoint of the largest size that the store keeps."""
    sizes = [int(name) for name in store.names("checkpoint") if name.isdecimal()]
    return store.read(f"checkpoint/{max(sizes)}") if sizes else None
