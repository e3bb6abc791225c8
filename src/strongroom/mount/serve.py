"""A mount from its beginning to its end."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.base.record import record
from strongroom.mount.blob_cache import BlobCache
from strongroom.mount.folders import DEFAULT_TEMPLATES
from strongroom.mount.go_layout import RFC3339
from strongroom.mount.mountpoint import unmount
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
"""How many of the kernel's questions are answered at once where the store is far; libfuse's own default."""
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
    cache = BlobCache(lambda blob: repository.load_blob("data", blob), min(WORKERS, repository.store.connections))
    ready = threading.Event()
    outcome: list[BaseException] = []
    loop = threading.Thread(
        target=_loop,
        args=(repository, view, cache, tell, place, options, ready.set, outcome),
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
    if outcome and not told:
        raise Unsupported(f"FUSE could not mount here ({outcome[0]})", subject=place, hint=_hint(options))


def _hint(options: MountOptions) -> str:
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
    ready: Callable[[], None],
    outcome: list[BaseException],
) -> None:
    """Answer the kernel until the mount is gone. One thread where the store is near: Python gains nothing by more."""
    from strongroom.mount.fuse import TAKES_THREADS, Fuse  # noqa: PLC0415 - it looks for libfuse when it is imported
    from strongroom.mount.operations import RepositoryOperations  # noqa: PLC0415

    logging.getLogger("fuse").disabled = True  # it would print tracebacks for programs that were interrupted
    flags: dict[str, object] = {"ro": True, "fsname": f"strongroom:{repository.id[:10]}", "subtype": "strongroom"}
    if TAKES_THREADS and not repository.near:  # else libfuse 3.12 and later complain of their own default
        flags["max_threads"] = flags["max_idle_threads"] = THREADS
    if options.allow_other:
        flags["allow_other"] = True
        flags["default_permissions"] = options.default_permissions
    try:
        operations = RepositoryOperations(repository, view, cache, tell, ready)
        Fuse(operations, place, foreground=True, nothreads=repository.near, **flags)
    except BaseException as error:
        outcome.append(error)


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
