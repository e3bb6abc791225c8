"""Where a log's tiles and checkpoints are kept for good: a small interface, and a folder that keeps it.

Object storage implements the same methods. Nothing here replaces or deletes.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Protocol

from strongroom.base.durable import make_folder, sync_folder, write_new
from strongroom.base.errors import Exists, Missing
from strongroom.receipts.log.tiles import ENTRIES, WIDTH
from strongroom.receipts.log.tiles import path as tile_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBER = re.compile(r"[0-9]{3}\Z")
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_HIGHER = re.compile(r"x[0-9]{3}\Z")
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

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder, in any order; empty when there is no such folder."""
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
            with os.scandir(self._at(folder)) as entries:
                return [entry.name for entry in entries if not entry.is_dir() and not entry.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder."""
        try:
            with os.scandir(self._at(folder)) as entries:
                return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
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


def checkpoint_sizes(store: TileStore) -> list[int]:
    """The sizes of the checkpoints that the store keeps, as their names say them, the largest first."""
    return sorted((int(name) for name in store.names("checkpoint") if _SIZE.match(name)), reverse=True)


def newest_checkpoint(store: TileStore) -> bytes | None:
    """The checkpoint of the largest size that the store keeps."""
    sizes = checkpoint_sizes(store)
    return store.read(f"checkpoint/{sizes[0]}") if sizes else None


def partial_widths(store: TileStore, level: int | str, number: int) -> list[int]:
    """The widths of the partial tiles of this number that the store keeps, the widest first."""
    names = store.names(tile_path(level, number, 1).rpartition("/")[0])
    return sorted((int(name) for name in names if _SIZE.match(name) and 0 < int(name) < WIDTH), reverse=True)


def extents(store: TileStore) -> tuple[int, int]:
    """How many leaves the store has files for: in full tiles, and in partial ones. Lists and reads nothing else."""
    full = partial = 0
    for level in (ENTRIES, 0):
        for number, is_full in _numbers(store, f"tile/{level}", 0):
            if is_full:
                full = max(full, (number + 1) * WIDTH)
            elif number * WIDTH >= partial // WIDTH * WIDTH:
                partial = max(partial, number * WIDTH + max(partial_widths(store, level, number), default=0))
    return full, partial


def _numbers(store: TileStore, folder: str, above: int) -> Iterator[tuple[int, bool]]:
    """The numbers of the tiles below a folder, and whether each is full."""
    for name in store.names(folder):
        if _NUMBER.match(name):
            yield above * 1000 + int(name), True
    for name in store.folders(folder):
        if _NUMBER.match(name[:-2]) and name.endswith(".p"):
            yield above * 1000 + int(name[:-2]), False
        elif _HIGHER.match(name):
            yield from _numbers(store, f"{folder}/{name}", above * 1000 + int(name[1:]))
