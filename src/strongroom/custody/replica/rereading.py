"""Reading a replica again: what was hashed longest ago first, so that each byte's turn comes within W."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Missing
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import field, mutable
from strongroom.custody.replica.notes import copied, note_read
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Store

KINDS = (Kind.DATA, Kind.INDEX, Kind.SNAPSHOT)
_PIECE = 1 << 20


@mutable
class ReadAgain:
    """How many objects were hashed, what was wrong with which, and how many wait for want of budget."""

    read: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0


def reread(state: State, lease: Lease, adopted: Adopted, replica: Store, budget_bytes: int) -> ReadAgain:
    """Hash what is due, and what was wrong the last time. Raises errors of the store."""
    done = ReadAgain()
    due_ns = state.clock.now_ns() - adopted.policy.verify * DAY * 9 // 10
    rows = sorted(
        (
            (row.verified_ns, ObjectName(kind, name), row.size)
            for kind in KINDS
            for name, row in copied(state, adopted, kind).items()
            if row.verified_ns <= due_ns or row.fault
        ),
        key=lambda one: one[0],
    )
    for _, name, size in rows:
        if size > budget_bytes:
            done.left += 1
            continue
        budget_bytes -= size
        fault = _fault(replica, name)
        note_read(state, lease, adopted, name, fault)
        done.read += 1
        if fault:
            done.faults.append((str(name), fault))
    return done


def _fault(replica: Store, name: ObjectName) -> str | None:
    try:
        return None if hash_of(replica, name) == name.name else "is not what its name promises"
    except (Damaged, Missing) as problem:
        return problem.what


def hash_of(store: Store, name: ObjectName) -> str:
    """The SHA-256 of an object, read whole. Raises ``Missing``, ``Damaged``, the store's errors."""
    digest = hashlib.sha256()
    with store.read(name) as reader:
        while piece := reader.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
