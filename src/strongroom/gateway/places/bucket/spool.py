"""Where a body waits on this machine's disk until it is whole and hashed, within a budget.

The files have no name: whatever ends the process, the kernel takes them away, and none is ever left behind.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import threading
from collections import Counter
from typing import TYPE_CHECKING, cast

from strongroom.base.errors import Full, Unavailable
from strongroom.gateway.http.buffers import buffer
from strongroom.storage.local.os_errors import store_error

if TYPE_CHECKING:
    from typing import BinaryIO

    from strongroom.gateway.places.arrival import IncomingObject


class Spool:
    """One worker's part of the spool: ``budget`` bytes."""

    def __init__(self, folder: str, budget: int) -> None:
        self.folder = folder
        self.budget = budget
        self._used: Counter[str] = Counter()
        self._guard = threading.Lock()

    def charge(self, principal: str, count: int, held: int) -> None:
        """Take part of the budget for an upload that has ``held`` bytes of it.

        But for one upload, nobody gets more than is left for others: who announces much and sends it slowly does not
        shut them out. Raises ``Unavailable``, which slows clients down: some will soon be done.
        """
        with self._guard:
            free = self.budget - self._used.total() - count
            mine = self._used[principal] + count
            if free < 0 or (mine > free and mine > held + count):
                raise Unavailable("the spool is full; try again later")
            self._used[principal] = mine

    def give_back(self, principal: str, count: int) -> None:
        """Give it back."""
        with self._guard:
            self._used[principal] -= count
            if not self._used[principal]:
                del self._used[principal]

    def open(self, principal: str, announced: int | None) -> Spooled:
        """A file for a body of this length, or of a length that nobody knows. Raises ``Unavailable``."""
        return Spooled(self, principal, announced)


class Spooled:
    """A body on disk. Close it."""

    def __init__(self, spool: Spool, principal: str, announced: int | None) -> None:
        self._spool = spool
        self._principal = principal
        self._charged = 0
        self._charge(announced or 0)
        self.size = 0
        try:
            self.file = cast("BinaryIO", tempfile.TemporaryFile(dir=spool.folder, buffering=0))  # noqa: SIM115
        except OSError as error:
            self.close()
            raise store_error(error, spool.folder) from error

    def fill(self, arrival: IncomingObject) -> str:
        """Write the whole body and hash it; the SHA-256. Raises what the body raises, ``Full``, ``Unavailable``."""
        body, view = arrival.body, buffer()
        digest = hashlib.sha256()
        descriptor = self.file.fileno()
        while count := body.readinto(view):
            if body.read > arrival.limit:
                raise Full(f"larger than {arrival.limit} bytes, the most for this kind")
            if body.read > self._charged:
                self._charge(body.read - self._charged)
            arrival.piece(count)
            part = view[:count]
            digest.update(part)
            try:
                written = os.write(descriptor, part)
                while written < count:
                    written += os.write(descriptor, part[written:])
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise Full("no space is left on the spool's disk") from error
                raise store_error(error, self._spool.folder) from error
        self.size = body.read
        return digest.hexdigest()

    def _charge(self, count: int) -> None:
        if self._charged + count > self._spool.budget:  # waiting would never help
            raise Full(f"larger than {self._spool.budget} bytes, a worker's part of the spool")
        self._spool.charge(self._principal, count, self._charged)
        self._charged += count

    def close(self) -> None:
        """Forget the file and give the budget back. Idempotent."""
        charged, self._charged = self._charged, 0
        self._spool.give_back(self._principal, charged)
        if hasattr(self, "file"):
            self.file.close()
