"""Where repositories are: a folder, or a prefix in a bucket. The rest of the gateway knows this interface alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from strongroom.gateway.paths import MAX_DEPTH, is_folder_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.receipts.commit.tail import Tail
    from strongroom.storage.own.contract import OwnFiles


class Place(ABC):
    """The repositories of one gateway."""

    kind: str
    """What this is and which promises hold, in words for people; /health shows it to everybody."""
    has_trash = False
    """Whether a custodian's delete goes to a trash of the gateway's."""

    @abstractmethod
    def find(self, folders: tuple[str, ...]) -> ServedRepository:
        """The repository at these folders. Raises ``Missing``."""

    def find_to_read(self, folders: tuple[str, ...]) -> ServedRepository:
        """The same for who only reads what lies there, and asks neither for the repository's ID nor for its state."""
        return self.find(folders)

    @abstractmethod
    def create(self, folders: tuple[str, ...]) -> ServedRepository:
        """Make a repository. Idempotent. Raises ``Full``, ``Refused`` or ``Unavailable``."""

    @abstractmethod
    def all(self) -> list[ServedRepository]:
        """All repositories that have a config, down to the depth that paths may have."""

    @abstractmethod
    def _names_in(self, folders: tuple[str, ...]) -> Iterable[str]:
        """The names of the folders directly in these folders."""

    def _below(self, folders: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """These folders and those below them where a repository may be, from the top."""
        yield folders
        if len(folders) < MAX_DEPTH:
            for name in self._names_in(folders):
                if is_folder_name(name):
                    yield from self._below((*folders, name))

    @abstractmethod
    def by_id(self, repository: str) -> ServedRepository:
        """The repository of this ID. Raises ``Missing``."""

    @abstractmethod
    def settle(self, ledger: Ledger, stopping: Callable[[], bool]) -> None:
        """Settle what uploads of processes that have gone left behind."""

    @abstractmethod
    def tiles(self, origin: str) -> OwnFiles:
        """Where the log of this origin is kept for good."""

    @abstractmethod
    def tail(self, origin: str) -> Tail:
        """Where the newest head of the log of this origin is kept: on a disk of this machine."""

    @abstractmethod
    def problems(self) -> list[str]:
        """What keeps this place from taking objects in, in words for /health. The database is not asked for it."""

    def away(self) -> list[str]:
        """What the database knows and this place has no more, in such words. Raises ``Unavailable``."""
        return []

    def promises(self) -> dict[str, str]:
        """What the place itself was found to do, for /health; empty where there is nothing to find out."""
        return {}

    def check(self) -> None:
        """Before anything is served: see that the place is there and keeps what the gateway relies on.

        Raises ``Refused``, ``Unsupported`` or ``Unavailable``.
        """

    def watch(self, ledger: Ledger, stopping: Callable[[], bool]) -> None:
        """What goes on beside the requests, until the worker stops; returns where there is nothing to do."""

    def reload(self) -> None:
        """Called about once a second by each worker."""

    def close(self) -> None:
        """Release what is open. Idempotent."""
