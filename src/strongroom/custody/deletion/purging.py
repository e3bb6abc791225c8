"""What lies in a trash of ours, and the plan by which it goes for good once it has lain there for E."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.record import record
from strongroom.custody.deletion.bringing_back import has_trash
from strongroom.custody.ledger import is_frozen
from strongroom.custody.planned.orders import FOLDERS, PURGE, Item
from strongroom.custody.planned.plans import make_signed_plan, plan_rows
from strongroom.custody.schemas import deletion as schema
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import DAY
from strongroom.storage.kinds import keyed_of
from strongroom.storage.local.store import LocalStore
from strongroom.storage.local.trash import names_in_folder_trash
from strongroom.storage.own.trash import names_in_bucket_trash
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Store


@record
class PutAway:
    """An object, ``kind/name``, that we put away. ``until_ns``: before then nobody plans that it goes for good.

    ``plan``: the number of the open plan that names it; None where none does.
    """

    name: str
    size: int
    put_ns: int
    until_ns: int
    plan: int | None


@record
class TrashContents:
    """What lies in a trash: by us, the oldest first; how many names that are not ours; what of ours is gone from it."""

    ours: tuple[PutAway, ...]
    others: int
    gone: tuple[str, ...]


def contents_of_trash(state: State, adopted: Adopted, store: Store) -> TrashContents | None:
    """What lies there, by the store's own lists; None where no trash of ours is. Raises the store's errors."""
    if not has_trash(store):
        return None
    plain = innermost(store)
    lying = (
        names_in_folder_trash(plain.path) if isinstance(plain, LocalStore) else names_in_bucket_trash(keyed_of(plain))
    )
    planned = {
        name.removeprefix(FOLDERS[PURGE]): row.number
        for row in plan_rows(state, adopted.id)
        if row.kind == PURGE
        for name in json.loads(row.body)["remove"]
    }
    newest = {row.name: row for row in sorted(_put_away(state, adopted, 1 << 62), key=lambda row: int(row.done_ns))}
    ours = tuple(
        PutAway(name, row.size, row.done_ns, row.done_ns + adopted.policy.expiry * DAY, planned.get(name))
        for name, row in newest.items()
        if name in lying
    )
    return TrashContents(ours, len(lying - newest.keys()), tuple(sorted(newest.keys() - lying)))


def plan_purge(state: State, lease: Lease, adopted: Adopted, store: Store, signer: Signer) -> int | None:
    """Plan that what has lain there for E goes for good; its number, None where nothing is due or a plan is open.

    It is held as any plan, and the executor counts E anew from what it saw itself. Where incidents freeze deleting,
    nothing is planned.
    """
    if any(row.kind == PURGE for row in plan_rows(state, adopted.id)):
        return None
    rows = _put_away(state, adopted, state.clock.now_ns() - adopted.policy.expiry * DAY)
    items = {row.name: Item(f"{FOLDERS[PURGE]}{row.name}", row.size, "was put away for E") for row in rows}
    if not items:
        return None
    with state.database.read() as connection:
        if is_frozen(connection, adopted.id):
            return None
    if not has_trash(store):
        return None
    return make_signed_plan(
        state, lease, adopted, signer, PURGE, list(items.values()), wait_ns=adopted.policy.hold * DAY
    )


def _put_away(state: State, adopted: Adopted, before_ns: int) -> list[sa.Row[Any]]:
    with state.database.read() as connection:
        return list(connection.execute(*_put_away_query(adopted.id, before_ns)).all())


@prepared
def _put_away_query(repository: str, before_ns: int) -> sa.Select[Any]:
    intent = schema.intent
    return sa.select(intent).where(
        intent.c.repository == repository,
        intent.c.done_ns < before_ns,
        intent.c.undone_ns.is_(None),
        intent.c.purged_ns.is_(None),
        intent.c.name.not_like(f"{FOLDERS[PURGE]}%"),
    )
