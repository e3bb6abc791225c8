"""``unlock``: removing the locks that nobody holds any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, Locked, Missing, StoreError, Unavailable
from strongroom.base.objects import Kind
from strongroom.repository.locks.foreign import STALE_NS, Torn, is_stale, load_lock

if TYPE_CHECKING:
    from strongroom.repository.opened import Repository


def unlock(repository: Repository, *, remove_all: bool = False) -> int:
    """Remove stale locks, and return how many; with ``remove_all`` every file in ``locks/``, readable or not.

    A lock that the store will not let go of (somebody else's, behind a gateway) is a warning. One whose bytes do not
    fit its name keeps others out and tells nobody whose it is: where the store says that it is older than any live lock
    gets, it goes; else ``Locked`` is raised at the end.
    """
    store, surroundings = repository.store, repository.surroundings
    removed = 0
    torn: list[str] = []
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
        try:
            store.release_lock(name)
            removed += 1
        except Unavailable:
            raise
        except StoreError as problem:
            surroundings.warn(f"cannot remove the lock {name[:8]}: {problem}")
    if torn:
        others = f"successfully removed {removed} locks, but " if removed else ""
        left = ", ".join(name[:8] for name in torn)
        raise Locked(
            f"{others}damaged locks are left, since nobody can tell whose they are: {left}",
            subject=store.location,
            hint="If nobody else works on the repository, `strongroom unlock --remove-all` removes them.",
        )
    return removed
