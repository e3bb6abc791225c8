"""DELETE, for each role: locks by their makers, a custodian's into the trash, everything without --append-only.

What a repository loses for good it loses here only where the gateway serves without ``--append-only``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Missing, Refused
from strongroom.base.objects import Kind
from strongroom.gateway.access.roles import Role
from strongroom.gateway.lock_owners import forget_lock, lock_owner
from strongroom.gateway.places.agreement import agree
from strongroom.receipts.log.leaf import LeafType
from strongroom.storage.removal import removal_of

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.repository import ServedRepository

ORPHAN_SECONDS = 30 * 60
"""A lock that nobody is known to own may be removed by any host of the repository when it is older."""


def delete(repository: ServedRepository, name: ObjectName, identity: Caller, role: Role, ledger: Ledger) -> None:
    """Delete what the role may delete; what is not there is deleted already. Raises ``Refused``.

    In a panic nobody deletes anything but locks, whatever his role: read-only is read-only.
    """
    if name.kind is Kind.LOCK:
        _delete_lock(repository, name, identity, role, ledger)
        return
    if role not in (Role.FULL, Role.CUSTODIAN):
        raise Refused("this repository is append-only", subject=str(name))
    repository.check_panic(fresh=True)
    if role is Role.FULL:
        _delete_for_good(repository, name, identity, ledger)
    else:
        repository.put_away(name, identity.id, ledger)


def _delete_lock(repository: ServedRepository, name: ObjectName, identity: Caller, role: Role, ledger: Ledger) -> None:
    owner = lock_owner(ledger.database, repository.id, name.name)
    if role not in (Role.FULL, Role.CUSTODIAN) and owner != identity.id:
        try:
            made_ns = repository.store.stat(name).modified_ns
        except Missing:
            return
        age = 0.0 if made_ns is None else (ledger.database.clock_ns() - made_ns) / 1e9
        if owner is not None or role is not Role.HOST or age < ORPHAN_SECONDS:
            raise Refused("the lock is somebody else's; its maker or a custodian removes it", subject=str(name))
    repository.store.release_lock(name.name)
    if owner is not None:
        forget_lock(ledger.database, repository.id, name.name)


def _delete_for_good(repository: ServedRepository, name: ObjectName, identity: Caller, ledger: Ledger) -> None:
    try:
        size = repository.store.stat(name).size
    except Missing:
        return
    with repository.change(name, identity.id):
        removal_of(repository.store).remove(name)
        ledger.record(LeafType.PURGE, repository.id, name, size=size, principal=identity.id)
        agree(ledger, repository, name, identity.id)  # another request may have stored it meanwhile
