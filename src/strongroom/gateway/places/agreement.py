"""Have the log's last word on an object be what lies in the store, whatever raced with whatever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Missing, Unavailable
from strongroom.base.objects import CONFIG
from strongroom.gateway import registry
from strongroom.gateway.places.found import digest_of
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.repository import ServedRepository

TRIES = 16


def agree(ledger: Ledger, repository: ServedRepository, name: ObjectName, principal: str) -> None:
    """Look, and record what the log lacks, until both say the same: what was seen may be past when it is recorded.

    Whoever records last has looked after it. Raises ``Unavailable``, and what the store raises.
    """
    for _ in range(TRIES):
        placed = repository.has(name)
        if placed == registry.is_logged(ledger.database, repository.id, name):
            return
        if placed:
            _record_there(ledger, repository, name)
        else:
            kind, size, detail = repository.where_gone(name)
            ledger.record(kind, repository.id, name, size=size, principal=principal, detail=detail)
    raise Unavailable("an object comes and goes too fast to be logged", subject=str(name))


def _record_there(ledger: Ledger, repository: ServedRepository, name: ObjectName) -> None:
    try:
        digest = digest_of(repository.store, name) if name is CONFIG else name.name
        size = repository.store.stat(name).size
    except Missing:
        return  # it has gone since
    kind, detail = LeafType.RESTORE, "it stands in its place"
    ledger.record(kind, repository.id, name, sha256=digest, size=size, detail=detail, unless_present=True)
