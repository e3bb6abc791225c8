"""Make a repository, or open one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.repository.cache import Cache
    from strongroom.repository.opened import Repository
    from strongroom.repository.state import StateDirectory
    from strongroom.repository.surroundings import Surroundings
    from strongroom.storage.contract import Store


def initialise(
    store: Store,
    password: bytes,
    *,
    version: int = 2,
    polynomial: int | None = None,
    surroundings: Surroundings | None = None,
    cache: Cache | None = None,
    state: StateDirectory | None = None,
) -> Repository:
    """Make a new repository and return it opened.

    ``polynomial``: that of another repository, so that chunks agree; a random irreducible one otherwise. Raises
    ``Exists`` when there is a repository already, ``RepositoryError`` when the state directory has pinned one here.
    """
    raise NotImplementedError


def open_repository(
    store: Store,
    password: bytes,
    *,
    key_hint: str | None = None,
    surroundings: Surroundings | None = None,
    cache: Cache | None = None,
    state: StateDirectory | None = None,
) -> Repository:
    """Open a repository with any of its keys.

    Raises ``NoRepository``, ``WrongPassword``, ``Damaged`` (a broken config), ``Unsupported`` (another version), and
    ``RepositoryError`` when another repository, or none, stands where the state directory has pinned one.
    """
    raise NotImplementedError
