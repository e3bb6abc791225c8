"""Snapshots that a host stored: which were read and are well, and reading one, which ends no round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, LimitExceeded, Missing
from strongroom.base.objects import Kind
from strongroom.custody.schemas.main import stored
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


def read_and_well(repository: str) -> sa.ColumnElement[bool]:
    """Of ``stored``: the snapshots that are there, and were well when they were read last."""
    return sa.and_(
        stored.c.repository == repository,
        stored.c.kind == Kind.SNAPSHOT.value,
        stored.c.gone_ns.is_(None),
        stored.c.fault.is_(None),
        stored.c.verified_ns.is_not(None),
    )
