"""This host's own record of packs that it wrote, or read and hashed as a whole: nobody else's word counts for as much.
Another one of the same form tells since when packs are in no index, where the store does not say how old they are.

A file of 34 bytes for each pack: its ID, and the day (since 1970 UTC, little-endian). It is appended to once a pack is
stored. What is lost of it costs reading, nothing else.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.file_lock import file_lock
from strongroom.base.own_files import open_own_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from strongroom.repository.surroundings import Surroundings

_ENTRY = 32 + 2
_DAY_NS = 86_400 * 1_000_000_000
_AT_ONCE = _ENTRY << 14


class ProvenPacks:
    """The record of one repository. Safe to use from many threads and processes; a disk that fails is a warning."""

    def __init__(self, path: str, surroundings: Surroundings) -> None:
        self.path = path
        self._surroundings = surroundings

    @property
    def today(self) -> int:
        """The day it is, since 1970 UTC."""
        return self._surroundings.clock.now_ns() // _DAY_NS

    def add(self, packs: Iterable[str]) -> None:
        """Remember packs that are stored and known to be what their names promise, with all their blobs."""
        day = min(self.today, 0xFFFF).to_bytes(2, "little")
        data = b"".join(bytes.fromhex(pack) + day for pack in packs)
        if not data:
            return
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            with self._alone():
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with open(os.open(self.path, flags, 0o600), "ab", buffering=0) as file:
                    torn = file.seek(0, os.SEEK_END) % _ENTRY  # a killed process may have left a part of an entry
                    file.write(bytes(_ENTRY - torn) + data if torn else data)
        except OSError as problem:
            self._warn(f"cannot write {self.path}: {problem.strerror}; a later prune may read more than it must")

    def among(self, packs: Collection[str]) -> set[str]:
        """Those of these packs that are recorded."""
        wanted = {bytes.fromhex(pack) for pack in packs}
        found: set[str] = set()
        if not wanted:
            return found
        for entry in self._entries():
            if entry[:32] in wanted:
                found.add(entry[:32].hex())
        return found

    def days_of(self, packs: Collection[str]) -> dict[str, int]:
        """Those of these packs that are recorded, with the first day on which they were (since 1970 UTC)."""
        wanted = {bytes.fromhex(pack) for pack in packs}
        days: dict[str, int] = {}
        for entry in self._entries():
            if entry[:32] in wanted:
                days.setdefault(entry[:32].hex(), int.from_bytes(entry[32:], "little"))
        return days

    def keep(self, packs: Iterable[str]) -> None:
        """Forget all but these packs, which are not asked for where none is recorded, and each recorded twice."""
        if not os.path.exists(self.path):
            return
        wanted = {bytes.fromhex(pack) for pack in packs}
        try:
            with self._alone():
                total = 0
                kept: dict[bytes, bytes] = {}
                for entry in self._entries():
                    total += 1
                    if entry[:32] in wanted:
                        kept.setdefault(entry[:32], entry)
                if len(kept) < total:
                    replace_file(self.path, b"".join(kept.values()))
        except OSError as problem:
            self._warn(f"cannot write {self.path}: {problem.strerror}")

    def _entries(self) -> Iterable[bytes]:
        try:
            with open_own_file(self.path) as file:
                status = os.fstat(file.fileno())
                if status.st_mode & 0o022 or status.st_uid not in (0, os.geteuid()):
                    self._warn(f"ignoring {self.path}: others can write it")
                    return
                while data := file.read(_AT_ONCE):
                    for at in range(0, len(data) - _ENTRY + 1, _ENTRY):
                        yield data[at : at + _ENTRY]
        except FileNotFoundError:
            return
        except OSError as problem:
            self._warn(f"cannot read {self.path}: {problem.strerror}; a prune may read more than it must")

    def _alone(self) -> contextlib.AbstractContextManager[object]:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # file systems say in many ways that they have no locks
                stack.enter_context(file_lock(self.path + ".lock"))
            return stack.pop_all()

    def _warn(self, text: str) -> None:
        if text not in self._surroundings.told:
            self._surroundings.told.add(text)
            self._surroundings.warn(text)
