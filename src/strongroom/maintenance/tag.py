"""``tag``: other tags on snapshots, whose IDs change with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import record, replace
from strongroom.maintenance.replacing import with_tags, without_tags

if TYPE_CHECKING:
    from strongroom.format.snapshot import Snapshot


@record
class TagChange:
    """Tags to set in place of all (an empty list: none are left), or to add and to remove."""

    set: tuple[str, ...] | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def apply(self, name: str, snapshot: Snapshot) -> Snapshot | None:
        """The snapshot with its new tags, which remembers the first ID that it had; None where nothing changes.

        As in restic, tags that are set count as changed always, unless there were none and none are set.
        """
        if self.set is not None:
            tags = self.set
            changed = bool(self.set or snapshot.tags)
        else:
            tags = without_tags(with_tags(snapshot.tags, self.add), self.remove)
            added = not set(self.add) <= set(snapshot.tags)
            changed = added or tags != snapshot.tags
        if not changed:
            return None
        return replace(snapshot, tags=tags, original=snapshot.original or name)
