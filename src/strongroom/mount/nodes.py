"""What the kernel knows of a mount: a number for each name that it was told, until it forgets it.

The number belongs to what stands behind the name, for ever: a link that leads elsewhere, or another snapshot in a
folder's place, gets another one, and so whatever the kernel keeps of a number stays true.
"""

from __future__ import annotations

import errno
import itertools
import os
import threading
from typing import TYPE_CHECKING

from strongroom.mount.protocol import ROOT

if TYPE_CHECKING:
    from strongroom.mount.tree_view import Inode

    Key = tuple[int, str, str]


class KernelNode:
    """A name that the kernel was told, below another one. ``inode`` is kept for folders and links above snapshots."""

    __slots__ = ("above", "inode", "key", "name", "number", "told")

    def __init__(self, number: int, above: KernelNode | None, name: str, key: Key, inode: Inode | None) -> None:
        self.number = number
        self.above = above
        self.name = name
        self.key = key
        self.inode = inode
        self.told = 0
        """How often the kernel was told, and has not forgotten it since."""


class Nodes:
    """From any thread."""

    def __init__(self, root: Inode) -> None:
        top = KernelNode(ROOT, None, "", (0, "", ""), root)
        self._known = {ROOT: top}
        self._by_key: dict[Key, KernelNode] = {}
        self._numbers = itertools.count(ROOT + 1)
        self._guard = threading.Lock()

    def find(self, number: int) -> KernelNode:
        """Raises ``OSError`` for a number that was never told, or forgotten."""
        try:
            return self._known[number]
        except KeyError:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE)) from None

    def tell(self, above: KernelNode, name: str, inode: Inode) -> int:
        """The number of what stands behind a name in a folder; the kernel is told of it once more."""
        key = (above.number, name, inode.identity)
        with self._guard:
            known = self._by_key.get(key)
            if known is None:
                kept = inode if inode.is_folder or inode.node is None else None
                known = KernelNode(next(self._numbers), above, name, key, kept)
                self._by_key[key] = self._known[known.number] = known
            known.told += 1
            return known.number

    def forget(self, number: int, times: int) -> bool:
        """The kernel forgets a number, told so many times. Whether it is gone."""
        with self._guard:
            known = self._known.get(number)
            if known is None or number == ROOT:
                return False
            known.told -= times
            if known.told > 0:
                return False
            del self._known[number]
            if self._by_key.get(known.key) is known:
                del self._by_key[known.key]
            return True
