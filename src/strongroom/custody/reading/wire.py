"""What custodian and reading child say to each other over a socket: heads of fixed length, then what they announce."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from strongroom.base.objects import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS: Sequence[Kind] = (Kind.KEY, Kind.SNAPSHOT, Kind.INDEX, Kind.DATA)
KEY = struct.Struct("=32s16s16s")
"""First of all, to the child: the repository's master key."""
READY = b"ready"
"""Then, from the child: it is shut in."""
QUESTION = struct.Struct("=B64sQI")
"""To the child, with a descriptor: place in ``KINDS``, name, size in bytes, seconds that it may compute."""
ANSWER = struct.Struct("=BIIQ")
"""From the child: ``EXAMINED`` or ``NOT_READ``, bytes of fault, of words, of rows."""
EXAMINED, NOT_READ = 0, 1
NO_MEMORY = 3
"""The exit code of a child that needed more memory than it may have."""
MOST_WORDS = 64 << 10
"""Fault and words are no longer, in bytes."""


def receive(connection: socket.socket, size: int) -> bytes:
    """So many bytes. Raises ``EOFError`` where the other end is gone."""
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = connection.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return bytes(data)
