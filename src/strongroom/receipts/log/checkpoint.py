"""Checkpoints (https://c2sp.org/tlog-checkpoint): the signed head of a log, as origin, size and root."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged
from strongroom.receipts.log.note import Note, parse_note

if TYPE_CHECKING:
    from strongroom.receipts.log.note import Signer, Verifier

_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin, the number of its leaves, and the root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes
    note: Note | None = None
    """The note that it came in, with its signatures."""

    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, signer: Signer) -> Checkpoint:
        """This head with one signature."""
        text = self.text()
        return Checkpoint(self.origin, self.size, self.root, Note(text, (signer.sign(text),)))

    def encode(self) -> bytes:
        """The note's bytes."""
        if self.note is None:
            raise ValueError("an unsigned checkpoint is no note")
        return self.note.encode()


def parse(data: bytes) -> Checkpoint:
    """The checkpoint in a note; no signature is verified. Raises ``Damaged`` or ``LimitExceeded``."""
    note = parse_note(data)
    lines = note.text.split("\n")
    if len(lines) < 4 or not lines[0] or _SIZE.match(lines[1]) is None:
        raise Damaged("not a checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError):
        raise Damaged("a checkpoint whose root is not base64") from None
    if len(root) != 32 or base64.b64encode(root).decode() != lines[2]:
        raise Damaged("a checkpoint whose root is not 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root, note)


def open_checkpoint(data: bytes, verifier: Verifier) -> Checkpoint:
    """The checkpoint in a note that the log's key signed. Raises ``Damaged`` otherwise."""
    checkpoint = parse(data)
    if checkpoint.origin != verifier.name:
        raise Damaged(f"a checkpoint of another log: {checkpoint.origin}", subject=verifier.name)
    assert checkpoint.note is not None
    verifier.verify(checkpoint.note)
    return checkpoint
