"""A prune that ends with its process at a certain change of the repository: ``python -m tests.support.pruning.dying``.

Takes the repository, the number of the change, and whether it is still made. Prints how many there were if it comes to
its end.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

from strongroom.base.progress import Reporter
from strongroom.maintenance.prune_plan import MaxUnused, PruneOptions
from strongroom.maintenance.prune_run import prune
from strongroom.repository.destination import PackOptions
from strongroom.repository.opening import open_repository
from strongroom.repository.state import StateDirectory
from strongroom.repository.surroundings import Surroundings
from strongroom.storage.local.store import LocalStore
from strongroom.storage.removal.local import LocalRemoval
from tests.support.command import PASSWORD

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName

OPTIONS = PruneOptions(max_unused=MaxUnused(percent=0), packs=PackOptions(pack_size=300_000))


class _Changes:
    """Counts changes, and ends the process at one of them."""

    def __init__(self, last: int, *, made: bool) -> None:
        self._last = last
        self._made = made
        self._lock = threading.Lock()
        self.count = 0

    def before(self) -> bool:
        """A change is about to be made; whether it is the last one."""
        with self._lock:
            self.count += 1
            if self.count == self._last and not self._made:
                os._exit(9)
            return self.count == self._last


class DyingStore(LocalStore):
    """A folder whose process ends at a certain change."""

    def __init__(self, path: str, changes: _Changes) -> None:
        super().__init__(path)
        self._changes = changes

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """Count, and perhaps end."""
        is_last = self._changes.before()
        super().create(name, data)
        if is_last:
            os._exit(9)


def main() -> None:
    """Prune until the change comes."""
    place, last, made, state = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "made", sys.argv[4]
    changes = _Changes(last, made=made)
    remove = LocalRemoval.remove_unsettled

    def dying_remove(self: LocalRemoval, name: ObjectName) -> None:
        is_last = changes.before()
        remove(self, name)
        if is_last:
            os._exit(9)

    LocalRemoval.remove_unsettled = dying_remove  # type: ignore[method-assign]  # of this process, which ends here
    surroundings = Surroundings()
    store = DyingStore(place, changes)
    with open_repository(
        store, PASSWORD.encode(), surroundings=surroundings, state=StateDirectory(state, surroundings)
    ) as repository:
        lock = repository.lock(exclusive=True)
        changes.count = 0
        with lock:
            prune(repository, OPTIONS, Reporter(), lock=lock)
            print(changes.count)


if __name__ == "__main__":
    main()
