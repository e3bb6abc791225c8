"""Objects that were there before us get their leaves; what an earlier run left is settled.

Run in the background by each worker: the gateway serves at once, however much there is.
"""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError
from strongroom.base.objects import CONFIG_NAME, NAMED_KINDS, Kind
from strongroom.gateway.quota import ALL
from strongroom.receipts.leaf import LeafType

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.objects import ObjectName
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.repository import Repository
    from strongroom.gateway.worker import Services
    from strongroom.storage.contract import Store

BLOCK = 128 * 1024
"""Forty uploads of what is there already are compared at once: each holds one or two of these."""


def recover(services: Services, stopping: Callable[[], bool]) -> None:
    """Settle what was left, then look through every repository once."""
    try:
        services.repositories.settle(services.ledger, stopping)
        for repository in services.repositories.all():
            if stopping():
                return
            try:
                if repository.state(fresh=True).adopting:
                    adopt(services.ledger, repository, stopping)
            except (StrongroomError, OSError) as error:
                print(f"error: {repository.place}: {error}", file=sys.stderr, flush=True)
        if services.settings.max_size:
            _count(services, stopping)
    except (StrongroomError, OSError) as error:
        print(f"error: recovery: {error}", file=sys.stderr, flush=True)
    services.repositories.watch(services.ledger, stopping)


def adopt(ledger: Ledger, repository: Repository, stopping: Callable[[], bool]) -> None:
    """Give every object that has no receipt an ``adopted`` leaf with the store's stamp. Goes on where it ended."""
    with repository.exclusive("adopting", wait=False) as mine:
        if not mine:
            return  # another worker does it
        for kind in (Kind.CONFIG, *NAMED_KINDS):
            if kind is Kind.LOCK:
                continue
            for info in repository.store.list(kind):
                if stopping():
                    return
                record_found(ledger, repository, info.name, LeafType.ADOPTED, size=info.size, time_ns=info.modified_ns)
        repository.mark(adopting=0)


def digest_of(store: Store, name: ObjectName) -> str:
    """The SHA-256 of an object's bytes, as they are read now."""
    found = hashlib.sha256()
    with store.read(name) as reader:
        while block := reader.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def record_found(
    ledger: Ledger,
    repository: Repository,
    name: ObjectName,
    kind: LeafType,
    *,
    principal: str = "",
    size: int,
    time_ns: int | None = None,
) -> None:
    """Make a receipt for an object that is there, unless it has one. A config has no hash in its name: it is read."""
    digest = name.name
    if name.name == CONFIG_NAME:
        digest = digest_of(repository.store, name)
    ledger.record(
        kind,
        repository.id,
        name,
        sha256=digest,
        size=size,
        principal=principal,
        time_ns=time_ns,
        unless_present=True,
    )


def _count(services: Services, stopping: Callable[[], bool]) -> None:
    """Count what is stored, for ``--max-size``; until this is done, only what arrived since counts."""
    size = objects = 0
    for repository in services.repositories.all():
        for kind in (Kind.CONFIG, *NAMED_KINDS):
            for info in repository.store.list(kind):
                size, objects = size + info.size, objects + 1
                if stopping():
                    return
    services.quotas.set_used(ALL, size, objects)
