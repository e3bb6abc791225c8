"""What became of uploads whose process died, or that were given up without an answer: the store is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Missing, StrongroomError
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.base.server_log import LOG
from strongroom.gateway.paths import folders_of
from strongroom.gateway.places.agreement import agree
from strongroom.gateway.places.found import digest_of, record_found
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.bucket.intents import Intents
    from strongroom.gateway.places.bucket.repository import BucketRepository

    Find = Callable[[tuple[str, ...]], BucketRepository]

GRACE_SECONDS = 30.0
"""A store may still be at work on what it was sent whole: so long an object that is not there is asked for again."""


def settle(find: Find, intents: Intents, ledger: Ledger, stopping: Callable[[], bool]) -> None:
    """Settle what nobody works on; ``find`` gives the repository at a path. What cannot be settled now is tried again.

    Raises ``Unavailable``.
    """
    settled: list[str] = []
    for row in intents.orphans():
        if stopping():
            break
        try:
            if _settle(find, ledger, row):
                settled.append(row.id)
        except StrongroomError as error:
            LOG.error(f"an upload of {row.path} is not settled yet: {error.what}")
    if settled:
        intents.forget(settled)
    intents.tidy()


def _settle(find: Find, ledger: Ledger, row: Any) -> bool:
    """Whether it is settled."""
    name = CONFIG if row.kind == Kind.CONFIG.value else ObjectName(Kind(row.kind), row.name)
    old: bool = ledger.database.clock_ns() - row.created_ns > GRACE_SECONDS * 1e9
    try:
        repository = find(folders_of(row.path))
        if repository.id != row.repository:
            return True  # made anew since
        if not row.sha256:  # a removal
            agree(ledger, repository, name, row.principal)
            return True
        if _holds(repository, name, row):
            record_found(ledger, repository, name, LeafType.RECOVERED, principal=row.principal, size=row.size)
    except Missing:
        return old
    return True


def _holds(repository: BucketRepository, name: ObjectName, row: Any) -> bool:
    """Whether what stands there is what was sent. Raises ``Missing``."""
    held = repository.keyed.head(name.path)
    if held.size != row.size:
        return False
    return str(row.sha256) == (held.sha256 or digest_of(repository.objects, name))
