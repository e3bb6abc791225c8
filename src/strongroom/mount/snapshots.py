"""The snapshots of a mounted repository, looked at again from time to time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError
from strongroom.mount.folders import Folders, arrange
from strongroom.repository.packs.crowds import load_to_read
from strongroom.repository.selection import newest_first

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import SnapshotFilter

NEAR_SECONDS = 2
"""How old the list of snapshots may be where the repository lies on this machine."""
FAR_SECONDS = 60
"""How old it may be elsewhere; restic's."""


class MountedSnapshots:
    """The folders of the snapshots as they are now. From any thread."""

    def __init__(
        self,
        repository: Repository,
        filter: SnapshotFilter,
        templates: Sequence[str],
        layout: str,
        warn: Callable[[str], None],
    ) -> None:
        self._repository = repository
        self._filter = filter
        self._templates = templates
        self._layout = layout
        self._warn = warn
        self._clock = repository.surroundings.clock
        self.begun_ns = self._clock.now_ns()
        """When the mount began, in nanoseconds since 1970-01-01 UTC."""
        self.period = NEAR_SECONDS if repository.near else FAR_SECONDS
        """How old the list may be, in seconds."""
        self._guard = threading.Lock()
        self._names: list[str] | None = None
        self._current = Folders()
        self._looked = 0.0

    def load(self) -> None:
        """Read the snapshots for the first time. Raises what the store says."""
        with self._guard:
            self._load(self._repository.snapshot_names())

    def current(self) -> Folders:
        """The folders as they are now."""
        if self._clock.monotonic() - self._looked >= self.period and self._guard.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._guard.release()
        return self._current

    def _look(self) -> None:
        try:
            names = self._repository.snapshot_names()
            if names != self._names:
                load_to_read(self._repository)
                self._load(names)
        except StrongroomError as error:  # what was there can still be read
            self._warn(f"cannot look for new snapshots: {error}")
        self._looked = self._clock.monotonic()

    def _load(self, names: list[str]) -> None:
        listed = [one for one in self._repository.snapshots() if self._filter.matches(one[1])]
        folders = arrange(newest_first(listed)[::-1], self._templates, self._layout)
        if folders.left_out:
            self._warn(f"{folders.left_out} folders of snapshots have names that cannot be shown")
        self._names = names
        self._current = folders
        self._looked = self._clock.monotonic()
