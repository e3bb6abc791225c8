"""Which packs of a repository this host wrote or verified itself: asking and adding to its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from strongroom.repository.opened import Repository


def remember(repository: Repository, packs: Iterable[str]) -> None:
    """Record packs of a repository that this host wrote, or read and hashed as a whole."""
    if repository.state is not None:
        repository.state.proven.add(packs)


def remembered(repository: Repository, packs: Collection[str]) -> set[str]:
    """Those of some packs that this host wrote or verified; none where nothing is remembered."""
    return set() if repository.state is None else repository.state.proven.among(packs)
