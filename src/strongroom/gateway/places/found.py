"""Objects that are found in their place: their hash, and the receipt that they lack."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from strongroom.base.objects import CONFIG_NAME

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.receipts.log.leaf import LeafType
    from strongroom.storage.contract import Store

BLOCK = 128 * 1024
"""Forty uploads of what is there already are compared at once: each holds one or two of these."""


def digest_of(store: Store, name: ObjectName) -> str:
    """The SHA-256 of an object's bytes, as they are read now."""
    found = hashlib.sha256()
    with store.read(name) as reader:
        while block := reader.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def record_found(
    ledger: Ledger,
    repository: ServedRepository,
    name: ObjectName,
    kind: LeafType,
    *,
    principal: str = "",
    size: int,
    time_ns: int | None = None,
) -> bool:
    """Make a receipt for an object that is there, unless it has one; whether it had none.

    A config has no hash in its name: it is read.
    """
    digest = name.name
    if name.name == CONFIG_NAME:
        digest = digest_of(repository.store, name)
    return ledger.record(
        kind,
        repository.id,
        name,
        sha256=digest,
        size=size,
        principal=principal,
        time_ns=time_ns,
        unless_present=True,
    ).new
