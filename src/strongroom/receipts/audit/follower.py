"""What a follower of a log remembers between two looks: the key, the last checkpoint, and every leaf's hash.

With the hashes it can name the first leaf that was changed, even in a log that was rewritten and signed anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from strongroom.base.durable import replace_file
from strongroom.base.errors import Damaged
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.checkpoint import Checkpoint
from strongroom.receipts.log.merkle import Edge
from strongroom.receipts.log.note import Verifier
from strongroom.receipts.log.tiles import HASH


class Follower:
    """The memory of one log in a folder, which holds those of other logs, too."""

    def __init__(self, state: str, origin: str) -> None:
        self._folder = os.path.join(state, hashlib.sha256(origin.encode()).hexdigest()[:32])
        self._origin = origin

    def verifier(self) -> Verifier | None:
        """The key that was pinned."""
        data = self._read("key")
        return None if data is None else Verifier.parse(data.decode())

    def checkpoint(self) -> Checkpoint | None:
        """The last checkpoint that was found good."""
        data = self._read("checkpoint")
        return None if data is None else checkpoints.parse(data)

    def hashes(self) -> list[bytes]:
        """The hashes of the leaves under that checkpoint. Raises ``Damaged`` when they do not lead to its root."""
        last = self.checkpoint()
        if last is None:
            return []
        data = (self._read("hashes") or b"")[: last.size * HASH]
        found = [data[i : i + HASH] for i in range(0, len(data), HASH)]
        edge = Edge()
        for one in found:
            edge.append(one)
        if edge.size != last.size or edge.root() != last.root:
            raise Damaged("the follower's memory is damaged", subject=self._folder, hint="remove it and pin anew")
        return found

    def keep(self, verifier: Verifier, last: Checkpoint, hashes: Sequence[bytes]) -> None:
        """Remember. The checkpoint is replaced after all that it needs is durable."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        self._write("key", f"{verifier}\n".encode())
        self._write("hashes", b"".join(hashes))
        self._write("checkpoint", last.encode())

    def _read(self, name: str) -> bytes | None:
        try:
            with open(os.path.join(self._folder, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        replace_file(os.path.join(self._folder, name), data)
