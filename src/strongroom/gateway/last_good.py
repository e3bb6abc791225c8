"""What files said when they loaded last, in memory that all processes of a gateway share.

A process that takes the place of one that ended finds the file as it is now. Where that does not load it begins with
what is in force in the others, as a reload leaves it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading

_HEAD = struct.Struct(">QQ32s")
"""Number, length of the text in bytes, and the SHA-256 of number and text."""
_SLOTS = 2


class LastGood:
    """One file's text. Made before processes are forked; whatever moment one is killed at, the others read a whole one.

    The older of two slots is written, and the newer one read.
    """

    def __init__(self) -> None:
        self._slots = [os.memfd_create("strongroom-last-good", os.MFD_CLOEXEC) for _ in range(_SLOTS)]
        self._guard = threading.Lock()

    def keep(self, text: bytes) -> None:
        """This loaded."""
        with self._guard:
            fcntl.lockf(self._slots[0], fcntl.LOCK_EX)
            try:
                found = [self._slot(slot) for slot in self._slots]
                newest = max(found)
                if newest[1] != text or not newest[0]:
                    slot = self._slots[found.index(min(found))]
                    head = _HEAD.pack(newest[0] + 1, len(text), _digest(newest[0] + 1, text))
                    _write(slot, head + text)
            finally:
                fcntl.lockf(self._slots[0], fcntl.LOCK_UN)

    def text(self) -> bytes | None:
        """What loaded last; None where nothing did."""
        number, text = max(self._slot(slot) for slot in self._slots)
        return text if number else None

    def _slot(self, slot: int) -> tuple[int, bytes]:
        """Number and text; 0 for a slot that nobody wrote to its end."""
        head = os.pread(slot, _HEAD.size, 0)
        if len(head) == _HEAD.size:
            number, length, digest = _HEAD.unpack(head)
            text = os.pread(slot, length, _HEAD.size)
            if _digest(number, text) == digest:
                return number, text
        return 0, b""


class LastGoodFiles:
    """Those of a gateway: its policy, its password file, and its certificate with the key."""

    def __init__(self) -> None:
        self.policy = LastGood()
        self.passwords = LastGood()
        self.certificate = LastGood()


def _digest(number: int, text: bytes) -> bytes:
    return hashlib.sha256(number.to_bytes(8) + text).digest()


def _write(slot: int, data: bytes) -> None:
    view = memoryview(data)
    at = 0
    while at < len(view):
        at += os.pwrite(slot, view[at:], at)
