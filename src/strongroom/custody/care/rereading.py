"""Reading stored objects again at an operator's word, in place of waiting for their turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.planned.packs import stored_objects
from strongroom.custody.spending.budget import Budget
from strongroom.custody.verifying import Verified, verify_again, verify_these, verify_unread
from strongroom.repository.selection import complete_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.custody.state import Adopted, State
    from strongroom.repository.opened import Repository

_KINDS = (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA, Kind.KEY)


def reread(
    state: State,
    adopted: Adopted,
    repository: Repository,
    things: Sequence[str],
    budget_bytes: int,
    progress: Callable[[int, int], None],
    *,
    holder: str,
) -> Verified:
    """Read objects whole: ``things``, each ``KIND/ID`` or the beginning of one, else all, the longest unread first.

    What is found is written down as a round does it. Raises ``Locked``, ``UsageError``, the store's errors.
    """
    lease = state.claim(adopted.id, holder)
    try:
        if things:
            return verify_these(state, lease, repository, [_named(state, adopted.id, thing) for thing in things])
        budget = Budget(budget_bytes)
        started_ns = state.clock.now_ns()
        fresh = verify_unread(state, lease, repository, budget, progress)
        again = verify_again(state, lease, repository, started_ns, budget, progress)
        return Verified(
            fresh.objects + again.objects,
            fresh.bytes + again.bytes,
            fresh.faults + again.faults,
            fresh.left + again.left,
        )
    finally:
        state.release(lease)


def _named(state: State, repository_id: str, text: str) -> ObjectName:
    kind, slash, prefix = text.rpartition("/")
    names = {
        name: ObjectName(one, name)
        for one in _KINDS
        if not slash or one.value == kind
        for name in stored_objects(state, repository_id, one)
    }
    if not names:
        raise UsageError(
            "is no kind of object", subject=kind, hint=f"There are {', '.join(one.value for one in _KINDS)}."
        )
    return names[complete_prefix(prefix, list(names), "object")]
