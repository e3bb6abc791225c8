"""Reading a snapshot that a host stored: whatever it is, it ends no round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, Missing
from strongroom.base.objects import Kind
from strongroom.format.snapshot import Snapshot

if TYPE_CHECKING:
    from strongroom.repository.opened import Repository


def readable_snapshot(repository: Repository, snapshot_id: str) -> Snapshot | None:
    """The snapshot; None where it is gone, damaged or beyond its budget (threat B-1): verifying says so of each.

    Raises what the store raises.
    """
    try:
        return Snapshot.parse(repository.files.load(Kind.SNAPSHOT, snapshot_id), f"snapshots/{snapshot_id}")
    except (Damaged, LimitExceeded, Missing):
        return None
