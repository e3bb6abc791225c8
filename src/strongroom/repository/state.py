"""What this host remembers of its repositories by itself: pins, parents, re-reading (design, 'State, parent')."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.repository.surroundings import Surroundings


def default_state_folder() -> str:
    """``$STRONGROOM_STATE_DIR``, for root ``/var/lib/strongroom``, else ``$XDG_STATE_HOME/strongroom``."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Pin:
    """What was found at a URL when it was first opened. ``url`` is ``Store.location``; ``key_id`` opens it."""

    url: str
    repository_id: str
    polynomial: int
    key_id: str


@dataclass(frozen=True, slots=True)
class LastRun:
    """This host's last backup of some paths: the snapshot's ID, its root tree's ID (the authority), and when.

    ``started_ns`` is the wall clock at the start of the run, in nanoseconds since 1970 UTC.
    """

    snapshot: str
    tree: str
    started_ns: int


class StateDirectory:
    """The folder with one JSON file for each repository ID. Lost or broken: a warning, and everything is read again."""

    def __init__(self, folder: str, surroundings: Surroundings | None = None) -> None:
        self.folder = folder

    def pin_at(self, url: str) -> Pin | None:
        """The pin of a URL, whichever repository's file has it."""
        raise NotImplementedError

    def repository(self, repository_id: str) -> RepositoryState:
        """The state of one repository; empty when there is none yet."""
        raise NotImplementedError


class RepositoryState:
    """What this host remembers of one repository. Each change is written at once: locked, replaced atomically."""

    repository_id: str

    @property
    def salt(self) -> bytes:
        """32 random bytes, made once: a file's slot for re-reading is H(salt, path)."""
        raise NotImplementedError

    def pin(self, pin: Pin) -> None:
        """Remember what stands at a URL."""
        raise NotImplementedError

    def last_run(self, hostname: str, paths: Sequence[str]) -> LastRun | None:
        """This host's last backup of exactly these paths (their order does not count)."""
        raise NotImplementedError

    def record_run(self, hostname: str, paths: Sequence[str], run: LastRun) -> None:
        """Remember a backup, once its snapshot is stored. A disk that fails is a warning."""
        raise NotImplementedError
