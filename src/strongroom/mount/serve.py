"""A mount from its beginning to its end."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.base.record import record
from strongroom.mount.attaching import attach
from strongroom.mount.blob_cache import BlobCache
from strongroom.mount.blobs import Blobs
from strongroom.mount.folders import DEFAULT_TEMPLATES
from strongroom.mount.go_layout import RFC3339
from strongroom.mount.mountpoint import unmount
from strongroom.mount.operations import RepositoryOperations
from strongroom.mount.session import Session
from strongroom.mount.snapshots import MountedSnapshots
from strongroom.mount.tree_view import Owner, TreeView
from strongroom.repository.blobs import reuse_memory
from strongroom.repository.selection import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import SnapshotFilter

MAX_TOLD = 1000
"""How many different problems are spoken of."""
LOOK_SECONDS = 0.2
"""How often a signal is looked for."""
END_SECONDS = 6.0
"""How long the end of a mount is waited for; what is still open elsewhere must not hold us."""
THREADS = 10
"""How many of the kernel's questions are answered at once where the store is far."""
WORKERS = 4
"""How many blobs are fetched ahead at once."""


@record
class MountOptions:
    """restic's options of ``mount``."""

    filter: SnapshotFilter = EVERYTHING
    templates: Sequence[str] = DEFAULT_TEMPLATES
    layout: str = RFC3339
    allow_other: bool = False
    owner_root: bool = False
    default_permissions: bool = True


def serve(
    repository: Repository,
    place: str,
    options: MountOptions,
    *,
    stop: threading.Event,
    warn: Callable[[str], None],
    mounted: Callable[[], None],
) -> None:
    """Show the repository at a place (see ``mountpoint.check``) until ``stop`` is set or somebody unmounts it.

    ``mounted()`` is called once it can be used. The repository's index is loaded. Raises ``Unsupported`` when FUSE
    refuses.
    """
    reuse_memory()  # the blobs that are kept take turns in it
    surroundings = repository.surroundings
    snapshots = MountedSnapshots(repository, options.filter, options.templates, options.layout, warn)
    snapshots.load()
    tell = _Problems(warn).tell
    view = TreeView(repository, snapshots, Owner(options.owner_root, surroundings.uid, surroundings.gid), tell)
    cache = BlobCache(Blobs(repository), min(WORKERS, repository.store.connections))
    ready = threading.Event()
    outcome: list[BaseException] = []
    loop = threading.Thread(
        target=_loop,
        args=(repository, view, cache, tell, place, options, snapshots.period, ready.set, outcome),
        name="strongroom-fuse",
        daemon=True,
    )
    loop.start()
    told = False
    try:
        while loop.is_alive() and not stop.is_set():
            if ready.wait(LOOK_SECONDS) and not told:
                told = True
                mounted()
            if told:
                loop.join(LOOK_SECONDS)
    finally:
        cache.close()
        if loop.is_alive() and not unmount(place):
            warn(f"{place}: somebody still uses it; it is unmounted, and what is open there can no longer be read")
        loop.join(END_SECONDS)
    if outcome and told:
        warn(f"{place}: nothing can be read there any more: {outcome[0]}")
    elif outcome:
        raise Unsupported(f"FUSE could not mount here ({outcome[0]})", subject=place, hint=_hint(options))


def _hint(options: MountOptions) -> str:
    if os.geteuid() == 0:
        return "In a container FUSE needs --device /dev/fuse --cap-add SYS_ADMIN."
    if options.allow_other:
        return "The reason stands above. --allow-other needs the line user_allow_other in /etc/fuse.conf."
    return "The reason stands above. In a container FUSE needs --device /dev/fuse --cap-add SYS_ADMIN."


def _loop(
    repository: Repository,
    view: TreeView,
    cache: BlobCache,
    tell: Callable[[str, str], None],
    place: str,
    options: MountOptions,
    fresh_seconds: int,
    ready: Callable[[], None],
    outcome: list[BaseException],
) -> None:
    """Answer the kernel until the mount is gone. One thread where the store is near: Python gains nothing by more."""
    flags: list[str] = []
    if options.allow_other:
        flags = ["allow_other", *(["default_permissions"] if options.default_permissions else [])]
    try:
        operations = RepositoryOperations(repository, view, cache, tell, fresh_seconds)
        descriptor = attach(place, f"strongroom:{repository.id[:10]}", flags)
    except BaseException as error:
        outcome.append(error)
        return
    try:
        Session(descriptor, operations.answer, ready).serve(1 if repository.near else THREADS)
    except BaseException as error:
        outcome.append(error)
        unmount(place)  # nobody answers there any more


class _Problems:
    """What cannot be shown is said once each."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._told: set[tuple[str, str]] = set()

    def tell(self, path: str, reason: str) -> None:
        """Warn of a path, unless it was done or enough is said."""
        if (path, reason) not in self._told and len(self._told) < MAX_TOLD:
            self._told.add((path, reason))
            self._warn(f"{path}: {reason}")
