"""Which snapshots of a source a repository has already: restic's rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.selection import Listed


def is_similar(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots agree in all but parent, original, and who wrote them with which program."""
    return (
        one.time_ns == other.time_ns
        and (one.tree, one.hostname, one.username) == (other.tree, other.hostname, other.username)
        and (one.uid, one.gid, one.excludes) == (other.uid, other.gid, other.excludes)
        and (len(one.paths), len(one.tags)) == (len(other.paths), len(other.tags))
        and set(one.paths) >= set(other.paths)
        and set(one.tags) >= set(other.tags)
    )


def copy_of(snapshot_id: str, snapshot: Snapshot) -> Snapshot:
    """The snapshot as it is saved elsewhere: the parent means nothing there, the first ID is kept for ever."""
    return replace(snapshot, parent="", original=snapshot.original or snapshot_id)


class Copies:
    """The snapshots of one repository by the ID that they had at first."""

    def __init__(self, snapshots: Iterable[Listed]) -> None:
        self._by_original: dict[str, list[Listed]] = {}
        for snapshot_id, snapshot in snapshots:
            self.add(snapshot_id, snapshot)

    def add(self, snapshot_id: str, snapshot: Snapshot) -> None:
        """One more, which counts under its own ID, too."""
        for name in {snapshot_id, snapshot.original} - {""}:
            self._by_original.setdefault(name, []).append((snapshot_id, snapshot))

    def find(self, snapshot_id: str, snapshot: Snapshot) -> str | None:
        """The ID of the copy of another repository's snapshot, or None."""
        known = self._by_original.get(snapshot.original or snapshot_id, ())
        return next((copy for copy, other in known if is_similar(other, snapshot)), None)
