"""Which snapshots a user means: filters, `latest`, prefixes, `snapshot:subfolder`, groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.opened import Repository


@dataclass(frozen=True, slots=True)
class SnapshotFilter:
    """``--host`` (any of), ``--path`` (all of), ``--tag a,b`` (all within one, any of several; ``()`` means untagged)."""

    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()

    def matches(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot passes."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Found:
    """A snapshot that a user named; ``subfolder`` is what stood behind the colon, without a leading slash, or empty."""

    id: str
    snapshot: Snapshot
    subfolder: str = ""


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What the snapshots of a group have in common; a field that the grouping ignores is None. Lists are sorted."""

    hostname: str | None
    paths: tuple[str, ...] | None
    tags: tuple[str, ...] | None


def find_snapshot(repository: Repository, name: str, filter: SnapshotFilter = SnapshotFilter()) -> Found:
    """The snapshot meant by ``latest``, ``latest~N``, a prefix or a whole ID, with or without ``:subfolder``.

    The filter narrows ``latest`` only, as in restic. Raises ``UsageError`` when none or several match.
    """
    raise NotImplementedError


def select_snapshots(
    repository: Repository, names: Sequence[str] = (), filter: SnapshotFilter = SnapshotFilter()
) -> list[tuple[str, Snapshot]]:
    """Those named, or without names all that pass the filter, oldest first. A name that finds none is a warning."""
    raise NotImplementedError


def group_snapshots(
    snapshots: Iterable[tuple[str, Snapshot]], by: Sequence[str]
) -> list[tuple[GroupKey, list[tuple[str, Snapshot]]]]:
    """Groups by any of ``host``, ``paths``, ``tags`` (none of them: one group), in the order of their keys."""
    raise NotImplementedError
