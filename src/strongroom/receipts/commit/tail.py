"""The newest head that was signed, and the entries that no full bundle holds: one small file, replaced each time.

A checkpoint goes to the tile store every ten minutes, but each head is signed, shown and followed at once. So before a
head is published it is made durable here, beside the tiles or in the state, and never in the database: a database that
was put back from a copy is brought up from this file, and a head that would contradict it is never signed.
"""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.base.durable import make_folder, replace_file
from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.file_lock import file_lock
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log import tiles
from strongroom.receipts.log.note import MAX_NOTE
from strongroom.receipts.log.tiles import MAX_BUNDLE, WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom.receipts.log.checkpoint import Checkpoint

TAIL_FILE = "tail"
"""Its name where it lies beside the tiles."""
_MAGIC = b"strongroom-tail/v1\n"
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Signed:
    """A head, its signature not verified, and its leaves from ``start`` on."""

    head: Checkpoint
    entries: list[bytes]

    @property
    def start(self) -> int:
        """The index of the first entry: a multiple of a bundle's width."""
        return self.head.size - len(self.entries)


def first_entry(size: int) -> int:
    """From which leaf on no full bundle holds the entries of a log of this size."""
    return size - size % WIDTH


def read_tail(path: str) -> Signed | None:
    """What the file says; None when there is none. Raises ``Damaged`` or ``LimitExceeded``."""
    try:
        with open(path, "rb") as file:
            data = file.read(len(_MAGIC) + _LENGTH.size + MAX_NOTE + MAX_BUNDLE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not data.startswith(_MAGIC) or len(data) < len(_MAGIC) + _LENGTH.size:
        raise Damaged("the file with the log's newest head is damaged", subject=path)
    (length,) = _LENGTH.unpack_from(data, len(_MAGIC))
    begin = len(_MAGIC) + _LENGTH.size
    try:
        head = checkpoints.parse(data[begin : begin + length])
        return Signed(head, tiles.unbundle(data[begin + length :], head.size % WIDTH))
    except (Damaged, LimitExceeded) as error:
        raise Damaged(f"the file with the log's newest head is damaged: {error.what}", subject=path) from None


class Tail:
    """The file of one log. Any number of processes of a machine may share it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._known: tuple[object, int] = (None, 0)

    def size(self) -> int:
        """How many leaves are under the newest head that was kept; 0 where none is, or who signs has to say why not.

        To be asked before the database is: what it says afterwards is not less, or it was put back from a copy.
        """
        try:
            status = os.stat(self.path)
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._known[0]:
                kept = self.read_signed()
                self._known = (stamp, kept.head.size if kept is not None else 0)
        except (OSError, Damaged, LimitExceeded):
            return 0
        return self._known[1]

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """One at a time: read, compare, sign and keep, with nothing slow in between."""
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            make_folder(folder, 0o700)
        with file_lock(f"{self.path}.lock"):
            yield

    def read_signed(self) -> Signed | None:
        """The newest that was kept. Raises ``Damaged``."""
        return read_tail(self.path)

    def keep(self, head: Checkpoint, entries: Sequence[bytes]) -> None:
        """Replace what was kept; durable on return. ``entries`` are the leaves from ``first_entry`` on."""
        note = head.encode()
        replace_file(self.path, _MAGIC + _LENGTH.pack(len(note)) + note + tiles.bundle(entries))
