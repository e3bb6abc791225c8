"""The keys of a repository: find the one that opens it, list them, add one. Removal is apart, in ``key_removal``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.repository.opened import Repository


@dataclass(frozen=True, slots=True)
class KeySummary:
    """A line of `key list`. ``created`` is RFC 3339 text as the file has it; fields that it lacks are empty."""

    id: str
    current: bool
    username: str
    hostname: str
    created: str


def list_keys(repository: Repository) -> list[KeySummary]:
    """All keys that are valid files, in the order of their names; others are skipped with a warning."""
    raise NotImplementedError


def add_key(
    repository: Repository, password: bytes, *, hostname: str | None = None, username: str | None = None
) -> str:
    """Wrap the master key with another password, store it, prove that it opens, and return its ID."""
    raise NotImplementedError
