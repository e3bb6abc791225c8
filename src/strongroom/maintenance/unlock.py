"""``unlock``: removing the locks that nobody holds any more."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, Locked, Missing, Refused, StoreError, Unavailable
from strongroom.base.objects import Kind, is_object_name
from strongroom.repository.locks.foreign import STALE_NS, Torn, is_stale, load_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.repository.opened import Repository


def unlock(repository: Repository, *, remove_all: bool = False) -> int:
    """Remove stale locks, and return how many; with ``remove_all`` every file in ``locks/``, readable or not.

    A lock that the store will not let go of (somebody else's, behind a gateway) keeps none of the others: ``Refused``
    is raised at the end. One whose bytes do not fit its name keeps others out and tells nobody whose it is: where the
    store says that it is older than any live lock gets, it goes; else ``Locked`` is raised at the end.
    """
    store, surroundings = repository.store, repository.surroundings
    removed = 0
    torn: list[str] = []
    refused: list[str] = []
    for info in list(store.list(Kind.LOCK)):
        name = info.name.name
        if not remove_all:
            try:
                if not is_stale(load_lock(store, repository.files, name), surroundings):
                    continue
            except Missing:
                continue
            except Torn:
                if info.modified_ns is None or surroundings.clock.now_ns() - info.modified_ns <= STALE_NS:
                    torn.append(name)
                    continue
            except (Damaged, LimitExceeded) as problem:
                surroundings.warn(f"leaving what is no lock of this repository: {problem}")
                continue
        removed += _remove(repository, name, refused)
    if remove_all:
        removed += sum(_remove(repository, name, refused) for name in list(_no_files(repository)))
    others = f"successfully removed {removed} locks, but " if removed else ""
    if refused:
        left = ", ".join(name[:8] for name in refused)
        raise Refused(
            f"{others}{len(refused)} could not be removed: {left}",
            subject=store.location,
            hint="The store says why, above. Whoever may delete there can run `strongroom unlock`.",
        )
    if torn:
        left = ", ".join(name[:8] for name in torn)
        raise Locked(
            f"{others}damaged locks are left, since nobody can tell whose they are: {left}",
            subject=store.location,
            hint="If nobody else works on the repository, `strongroom unlock --remove-all` removes them.",
        )
    return removed


def _remove(repository: Repository, name: str, refused: list[str]) -> bool:
    """Whether it is gone. A passing fault that did not pass is raised."""
    try:
        repository.store.release_lock(name)
    except Unavailable:
        raise
    except StoreError as problem:
        repository.surroundings.warn(f"cannot remove the lock {name[:8]}: {problem}")
        refused.append(name)
        return False
    return True


def _no_files(repository: Repository) -> Iterator[str]:
    """What lies among the locks under a lock's name and is no file, such as a link: restic stops at those."""
    folder = repository.store.folder_of(Kind.LOCK)
    if folder is not None:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            yield from (
                entry.name
                for entry in entries
                if is_object_name(entry.name) and not entry.is_file(follow_symlinks=False)
            )
