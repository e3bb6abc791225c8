"""A snapshot in another one's place: the new one is stored before the old one goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.objects import Kind, ObjectName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from strongroom.format.snapshot import Snapshot
    from strongroom.maintenance.removing import Remover
    from strongroom.repository.opened import Repository


def replace_snapshot(
    repository: Repository, old: str, new: Snapshot, remover: Remover | None, check: Callable[[], None] = lambda: None
) -> str:
    """Store a snapshot, then remove the one that it stands for, unless there is no remover; the new one's ID.

    ``check`` raises when nothing may be written any more. Raises what the store says; then the old one stands.
    """
    check()
    name = repository.save_snapshot(new)
    if remover is not None:
        remove_snapshot(old, remover, check)
    return name


def remove_snapshot(name: str, remover: Remover, check: Callable[[], None] = lambda: None) -> None:
    """Remove one snapshot. Raises what the store says."""
    check()
    for _, error in remover.remove_all([ObjectName(Kind.SNAPSHOT, name)]):
        raise error


def with_tags(tags: Sequence[str], added: Iterable[str]) -> tuple[str, ...]:
    """The tags with those behind that are not among them."""
    found = list(tags)
    for tag in added:
        if tag not in found:
            found.append(tag)
    return tuple(found)


def without_tags(tags: Sequence[str], removed: Iterable[str]) -> tuple[str, ...]:
    """The tags without others; the last one takes a removed one's place, as in restic."""
    left = list(tags)
    for tag in removed:
        if tag in left:
            left[left.index(tag)] = left[-1]
            left.pop()
    return tuple(left)
