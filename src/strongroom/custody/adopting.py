"""Taking a repository into care: a key of our own in it, and everything of it pinned."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged, Exists, Missing
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.custody.evidence.own_key import add_own_key, forget_made_key
from strongroom.custody.evidence.pinning import pin_log
from strongroom.custody.identity import seal
from strongroom.custody.schemas import main as schema
from strongroom.custody.syncing import KINDS, remember
from strongroom.format.config import RepositoryConfig
from strongroom.repository.opened import Repository

if TYPE_CHECKING:
    from strongroom.custody.evidence.pinning import LogPins
    from strongroom.custody.identity import Identity
    from strongroom.custody.policy import CustodyPolicy
    from strongroom.custody.state import Adopted, State
    from strongroom.repository.surroundings import Surroundings
    from strongroom.storage.contract import Store

MAX_CONFIG = 1 << 20
"""No config is larger, in bytes."""


def adopt(
    state: State,
    repository: Repository,
    name: str,
    store_url: str,
    identity: Identity,
    policy: CustodyPolicy,
    *,
    recipients: tuple[str, ...] = (),
    who: str = "",
    window: str = "",
    log: LogPins | None = None,
    own_key: tuple[str, bytes] | None = None,
) -> str:
    """Take an opened repository into care, and return the name of the custody key that was added to it.

    ``recipients``: others to whom that key's password is sealed, the recovery kit's. Objects that are there count as
    seen from the first round on. ``window``: its path at a gateway, for the hint; ``log``: where its receipts are.
    ``own_key``: a key that its host has made for us, by name, and its password as it was sealed to us.

    Raises ``Exists`` when it is in care already, or its name is taken; ``Refused`` where a gateway has to admit the key
    first.
    """
    now_ns = state.clock.now_ns()  # what comes after this moment was not there, and is dated like anything later
    with state.database.read() as connection:
        table = schema.repository
        if connection.execute(sa.select(table.c.id).where(table.c.id == repository.id)).one_or_none():
            raise Exists(
                "is in this custodian's care already",
                subject=repository.id[:10],
                hint="`custody change NAME` gives it another policy or log. Where it was released, "
                "`custody release NAME --undo` takes it up again.",
            )
        if connection.execute(sa.select(table.c.id).where(table.c.name == name)).one_or_none():
            raise Exists("another repository has this name", subject=name, hint="Give it another.")
    found = [info for kind in KINDS for info in repository.store.list(kind)]
    known = [info.name.name for info in found if info.name.kind is Kind.KEY]
    if own_key is not None:
        key_name, sealed_password = own_key
    else:
        key_name, sealed_password = add_own_key(state, repository, identity, recipients, window)
        found.append(repository.store.stat(ObjectName(Kind.KEY, key_name)))
    config = repository.store.read_bytes(CONFIG)
    key_file = repository.store.read_bytes(ObjectName(Kind.KEY, key_name))
    master = json.dumps([part.hex() for part in repository.key.material()]).encode()
    with state.database.write() as connection:
        connection.execute(
            schema.repository.insert().values(
                id=repository.id,
                name=name,
                store=store_url,
                adopted_ns=now_ns,
                config_sha256=hashlib.sha256(config).hexdigest(),
                key_name=key_name,
                sealed_master=seal(master, (identity.recipient,)),
                sealed_password=sealed_password,
                policy=policy.encode(),
                config=config,
                key_file=key_file,
                generation=0,
                losses=0,
                returned=0,
            )
        )
        for info in found:
            remember(connection, repository.id, info, None, now_ns)
        for key in {*known, key_name}:
            connection.execute(schema.pinned_key.insert().values(repository=repository.id, name=key, pinned_ns=now_ns))
        forget_made_key(connection, repository.id)
        if log is not None:
            pin_log(connection, repository.id, log, now_ns)
        state.record(connection, who, repository.id, f"adopted as {name}, with {len(known)} keys that were there")
    return key_name


def pinned_config(adopted: Adopted, store: Store) -> bytes:
    """The config's bytes. They are the pinned ones or nothing: raises ``Damaged`` when others stand there (threat K-5),
    and errors of the store."""
    try:
        size = store.stat(CONFIG).size
    except Missing:
        raise Damaged("is gone", subject=f"config of {store.location}") from None
    if size > MAX_CONFIG:
        raise Damaged("is not the one that was adopted", subject=f"config of {store.location}")
    stored = store.read_bytes(CONFIG)
    if hashlib.sha256(stored).hexdigest() != adopted.config_sha256:
        raise Damaged("is not the one that was adopted", subject=f"config of {store.location}")
    return stored


def open_adopted(adopted: Adopted, store: Store, identity: Identity, surroundings: Surroundings) -> Repository:
    """The repository by what the state keeps of it: no password, no scrypt, no key file of the store's.

    Raises as ``pinned_config``.
    """
    stored = pinned_config(adopted, store)
    parts = json.loads(identity.unseal(adopted.sealed_master, f"master key of {adopted.name}"))
    key = _kernel.Key(*(bytes.fromhex(part) for part in parts))
    config = RepositoryConfig.parse(key.open(stored))
    if config.id != adopted.id:
        raise Damaged("is of another repository", subject=f"config of {store.location}")
    return Repository(store, config, key, adopted.key_name, surroundings)
