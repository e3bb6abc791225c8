"""Locks as restic takes them."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from strongroom.repository.opened import Repository


class Lock:
    """A lock that is held: refreshed every five minutes in a thread of its own, frozen after 22.5 without success."""

    exclusive: bool

    @property
    def frozen(self) -> bool:
        """True when the lock may be taken for stale by others: nothing may be written under it any more."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ``Locked`` when the lock is frozen. Call before each write."""
        raise NotImplementedError

    def release(self) -> None:
        """Stop refreshing and remove the lock. Idempotent; a failure to remove it is a warning."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


def unlock(repository: Repository, *, remove_all: bool = False) -> int:
    """Remove stale locks (all with ``remove_all``), and return how many."""
    raise NotImplementedError
