"""A repository anew, after an identity leaked: who had it knows the master key, and that cannot be changed.

What was good is copied into another repository, which has a master key of its own; the old one is frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.archive.copy.run import CopyTarget, copy
from strongroom.base.errors import UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.catalogue import load_catalogue
from strongroom.custody.deciding import snapshots_of
from strongroom.custody.incidents import Code
from strongroom.custody.judging.reading import readable_snapshot
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.ledger import open_incident
from strongroom.custody.planned.intents import intended
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.archive.copy.run import CopyResult
    from strongroom.base.progress import Reporter
    from strongroom.custody.state import Adopted, State
    from strongroom.repository.opened import Repository


def refuse_the_same(adopted: Adopted, old: Repository, new: Repository) -> None:
    """Raise ``UsageError`` where another repository is the same one, or has the same master key."""
    if new.id == adopted.id or new.key.material() == old.key.material():
        raise UsageError(
            "has the old master key, which is what leaked",
            subject=new.location,
            hint="`init --repo PLACE --copy-chunker-params --from-repo OLD` makes one with a key of its own.",
        )


def copy_good(
    state: State, adopted: Adopted, old: Repository, new: Repository, check: Callable[[], None], reporter: Reporter
) -> CopyResult:
    """Copy each good snapshot, the earliest first, by what packs were read to hold; what is there stays.

    ``check`` raises when the lock of ``new`` is lost, whose index is loaded here. Run again, it goes on. A snapshot
    that is gone or damaged, though nothing here removed it, counts among those that failed.
    """
    old.index = load_catalogue(state, adopted.id)
    new.load_index()
    with state.database.read() as connection:
        ours = intended(connection, adopted.id)
    names = [row.id for row in snapshots_of(state, adopted) if row.verdict == GOOD and row.operator != CONDEMNED]
    found = [(name, readable_snapshot(old, name)) for name in names]
    good = [(name, snapshot) for name, snapshot in found if snapshot is not None]
    (result,) = copy(old, [CopyTarget(new, new.location, check=check)], good, reporter)
    result.failed += sum(str(ObjectName(Kind.SNAPSHOT, name)) not in ours for name, there in found if there is None)
    return result


def freeze_old(state: State, adopted: Adopted, by: str, who: str, why: str) -> None:
    """From now on nothing of the old repository goes. ``by``: the name of the new one."""
    with state.database.write() as connection:
        words = f"its master key is known to others; {by} has what was good"
        open_incident(connection, adopted.id, Code.REISSUED, adopted.name, words, state.clock.now_ns())
        state.record(connection, who, adopted.id, f"reissued as {by}", why)
