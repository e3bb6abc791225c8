"""The local cache: index, snapshots and tree packs as ciphertext. Nothing in it is trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.base.objects import Kind
    from strongroom.repository.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class CacheSummary:
    """A line of `cache`: a repository's folder, when it was last used, its size in bytes, and whether it is old."""

    repository_id: str
    last_used_ns: int
    size: int
    old: bool


def default_cache_folder() -> str:
    """``$STRONGROOM_CACHE_DIR``, else ``$XDG_CACHE_HOME/strongroom``, else ``~/.cache/strongroom``."""
    raise NotImplementedError


class Cache:
    """The folder with the caches of all repositories, marked with a CACHEDIR.TAG."""

    def __init__(self, folder: str, surroundings: Surroundings | None = None) -> None:
        self.folder = folder

    def repository(self, repository_id: str) -> RepositoryCache:
        """The cache of one repository; made when first written to. A folder that cannot be written is a warning."""
        raise NotImplementedError

    def summaries(self, max_age_days: int = 30) -> list[CacheSummary]:
        """What `cache` lists, in the order of their IDs."""
        raise NotImplementedError

    def remove_old(self, max_age_days: int = 30) -> list[str]:
        """Remove the folders that were not used for so many days; returns their repository IDs (`cache --cleanup`)."""
        raise NotImplementedError


class RepositoryCache:
    """The cache of one repository. Every failure of the disk is a miss, never an error."""

    def load(self, kind: Kind, name: str) -> bytes | None:
        """The bytes whose SHA-256 is ``name``, or None; an entry that is damaged is removed."""
        raise NotImplementedError

    def store(self, kind: Kind, name: str, data: bytes) -> None:
        """Keep an object's bytes, atomically."""
        raise NotImplementedError

    def prune(self, kind: Kind, present: Iterable[str]) -> None:
        """Forget the entries of a kind that the repository no longer has."""
        raise NotImplementedError
