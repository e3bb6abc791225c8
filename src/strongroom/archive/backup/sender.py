"""Store what a run makes for one repository: packs as they come, and indexes over those that are stored.

An index is written when it is due, also while no pack comes: what is stored must not wait for what is not.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError
from strongroom.base.objects import Kind, ObjectName
from strongroom.repository.packs.remembered import remember

if TYPE_CHECKING:
    from strongroom._kernel import Backup
    from strongroom.archive.backup.stall_watch import StallWatch
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository

PATIENCE = 0.1
"""Seconds that a call into the kernel waits, so that signals and failures are seen."""


class Sender:
    """The threads that send one repository's packs. An error takes this repository out of the run, no other."""

    def __init__(
        self, run: Backup, number: int, repository: Repository, lock: Lock | None, standing: StallWatch
    ) -> None:
        self._run = run
        self._number = number
        self._repository = repository
        self._lock = lock
        self._standing = standing
        self._mutex = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.error: StrongroomError | None = None

    def start(self) -> None:
        """Start as many threads as the store takes connections."""
        for number in range(max(1, self._repository.store.connections)):
            name = f"send-{self._number}-{number}"
            thread = threading.Thread(target=self._send, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def finish(self) -> None:
        """Wait until all packs are stored, then index them. What is stored stays useful after a failure, too."""
        for thread in self._threads:
            thread.join()
        try:
            self._save_index(force=True)
        except StrongroomError as error:
            self.fail(error)

    def fail(self, error: StrongroomError) -> None:
        """Take the repository out of the run; the first reason stays."""
        with self._mutex:
            if self.error is None:
                self.error = error
        self._run.failed(self._number)

    def _send(self) -> None:
        try:
            while self.error is None:
                pack = self._run.next_pack(self._number, PATIENCE)
                if pack is None:
                    if self._run.is_drained(self._number):
                        return
                    self._save_index(force=False)
                    continue
                self._check_lock()
                self._repository.store.create(ObjectName(Kind.DATA, pack.id), memoryview(pack))
                remember(self._repository, [pack.id])
                self._run.stored(self._number, pack.id, len(pack))
                self._standing.moved()
                if pack.holds_trees and self._repository.cache is not None:
                    self._repository.remember_tree_pack(pack.id, bytes(pack))
                pack = None  # its memory serves the next pack while this thread waits
                self._save_index(force=False)
        except StrongroomError as error:
            self.fail(error)
        except Exception as error:
            self.fail(StrongroomError(f"storing a pack failed: {error}", subject=self._repository.location))

    def _check_lock(self) -> None:
        if self._lock is not None:
            self._lock.check()

    def _save_index(self, *, force: bool) -> None:
        # The kernel hands out what is due; one thread at a time stores it, the others go on with packs.
        index = self._run.take_index(self._number, force)
        if index is not None:
            self._check_lock()
            self._repository.save_unpacked(Kind.INDEX, index)
