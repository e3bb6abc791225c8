"""Counters in mapped files that a full disk cannot turn into a signal.

Prometheus's library maps files with holes. To write into a hole of a full disk is no error but SIGBUS, which ends the
worker in the middle of whatever it does. Here a file gets its room before it is mapped, and what finds none is not
counted.
"""

from __future__ import annotations

import os
from typing import Any

from prometheus_client import mmap_dict, values

from strongroom.base.durable import rename_new

_FIRST = 1 << 20
"""Bytes of a new file, as in the library."""
NEW = ".new"
"""Behind the name of a file that has no room yet."""
_ENTRY = 64
"""Bytes that an entry takes at most beside its key."""


class _Allocated(mmap_dict.MmapedDict):
    """The library's map of counters, whose room is there before it is written to."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode and not _make_room(filename, _FIRST):
            # Counted for this worker alone, in memory.
            filename = f"/proc/self/fd/{os.memfd_create('counters', os.MFD_CLOEXEC)}"
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def read_value(self, key: str) -> Any:
        return super().read_value(key) if self._has_room(key) else (0.0, 0.0)  # type: ignore[no-untyped-call]

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        if self._has_room(key):
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]

    def _has_room(self, key: str) -> bool:
        if key in self._positions:
            return True
        wanted, room = self._used + len(key.encode()) + _ENTRY, self._capacity
        while wanted > room:
            room *= 2
        return room == self._capacity or _allocate(self._f.fileno(), room)


def _make_room(filename: str, size: int) -> bool:
    """Make a file of this size, or none: the page of metrics reads whatever has the name of one."""
    if os.path.exists(filename):
        return True  # made by an earlier counter of this process
    made = filename + NEW
    try:
        descriptor = os.open(made, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    try:
        if not _allocate(descriptor, size):
            return False
        rename_new(made, filename)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _allocate(descriptor: int, size: int) -> bool:
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError:
        return False
    return True


def use() -> None:
    """From now on, in this process. Before the first counter is made."""
    values.MmapedDict = _Allocated  # type: ignore[attr-defined]
