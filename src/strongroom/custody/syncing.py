"""What is in the store now, against what was there: new objects, objects that are gone, objects that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Missing
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import field, mutable
from strongroom.custody.arrival import SLACK_NS, arrival
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.schema import stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Info, Store

KINDS = (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA, Kind.KEY)
"""In this order, so that what a listed snapshot needs is in the lists that follow."""
_BATCH = 500


@mutable
class Seen:
    """What a look at the store found. Names are ``kind/name``."""

    objects: int = 0
    bytes: int = 0
    new: list[ObjectName] = field(default_factory=list)
    missing: list[ObjectName] = field(default_factory=list)
    altered: list[ObjectName] = field(default_factory=list)
    returned: list[ObjectName] = field(default_factory=list)


def look(
    state: State,
    lease: Lease,
    adopted: Adopted,
    store: Store,
    last_look_ns: int | None,
    still_there: Callable[[ObjectName], Info | None] | None = None,
) -> Seen:
    """List the store, remember what is new and open an incident for what is gone or changed.

    ``last_look_ns``: when the last complete look began, None before the first. ``still_there``: a second way to ask for
    an object that a list leaves out; the store's ``stat`` by default. What is gone for both is missing. Raises what the
    store raises; then nothing of that kind was taken for gone.
    """
    seen = Seen()
    for kind in KINDS:
        _look_at(state, lease, adopted, store, kind, last_look_ns, seen, still_there or _stat(store))
    return seen


def _stat(store: Store) -> Callable[[ObjectName], Info | None]:
    def ask(name: ObjectName) -> Info | None:
        try:
            return store.stat(name)
        except Missing:
            return None

    return ask


def _look_at(
    state: State,
    lease: Lease,
    adopted: Adopted,
    store: Store,
    kind: Kind,
    last_look_ns: int | None,
    seen: Seen,
    still_there: Callable[[ObjectName], Info | None],
) -> None:
    with state.database.read() as connection:
        known = {
            row.name: row
            for row in connection.execute(
                sa.select(stored.c.name, stored.c.size, stored.c.stamp_ns, stored.c.gone_ns).where(
                    stored.c.repository == adopted.id, stored.c.kind == kind.value
                )
            )
        }
    now_ns = state.clock.now_ns()
    found = list(store.list(kind))
    present = {info.name.name for info in found}
    for row in known.values():  # a list may lag behind, so each one that is not in it is asked for
        if row.name not in present and row.gone_ns is None:
            again = still_there(ObjectName(kind, row.name))
            if again is not None:
                found.append(again)
                present.add(row.name)
    fresh = [info for info in found if info.name.name not in known]
    changed = [info for info in found if info.name.name in known and _differs(info, known[info.name.name])]
    returned = [info.name for info in found if info.name.name in known and known[info.name.name].gone_ns is not None]
    missing = [ObjectName(kind, name) for name, row in known.items() if name not in present and row.gone_ns is None]
    for start in range(0, len(fresh), _BATCH):
        with state.writing(lease) as connection:
            for info in fresh[start : start + _BATCH]:
                _remember(connection, adopted.id, info, last_look_ns, now_ns)
    if changed or returned or missing:
        with state.writing(lease) as connection:
            for info in changed:
                _note_change(connection, adopted.id, info, now_ns)
            for name in returned:
                _set(connection, adopted.id, name, gone_ns=None, verified_ns=None)
                close_incident(connection, adopted.id, Code.MISSING, str(name), now_ns)
            for name in missing:
                _set(connection, adopted.id, name, gone_ns=now_ns)
                words = "was there and is gone: neither the list nor a question for it finds it"
                open_incident(connection, adopted.id, Code.MISSING, str(name), words, now_ns)
    seen.objects += len(found)
    seen.bytes += sum(info.size for info in found)
    seen.new += [info.name for info in fresh]
    seen.altered += [info.name for info in changed]
    seen.returned += returned
    seen.missing += missing


def _differs(info: Info, row: Any) -> bool:
    return row.gone_ns is None and (info.size != row.size or info.modified_ns != row.stamp_ns)


def _remember(connection: sa.Connection, repository: str, info: Info, last_look_ns: int | None, now_ns: int) -> None:
    when = arrival(info.modified_ns, last_look_ns, now_ns)
    connection.execute(
        stored.insert().values(
            repository=repository,
            kind=info.name.kind.value,
            name=info.name.name,
            size=info.size,
            stamp_ns=info.modified_ns,
            arrival_ns=when.ns,
            evidence=when.evidence,
            proven=0,
        )
    )
    if when.clamped:
        words = f"its stamp is more than {SLACK_NS // (60 * 10**9)} minutes outside the time in which it came"
        open_incident(connection, repository, Code.CLOCK, str(info.name), words, now_ns)


def _note_change(connection: sa.Connection, repository: str, info: Info, now_ns: int) -> None:
    """Size or stamp is another: to be read again. The arrival stays, since a name's bytes have arrived once."""
    _set(connection, repository, info.name, size=info.size, stamp_ns=info.modified_ns, verified_ns=None)
    words = f"its size or its stamp changed; it has {info.size} bytes now"
    open_incident(connection, repository, Code.ALTERED, str(info.name), words, now_ns)


def _set(connection: sa.Connection, repository: str, name: ObjectName, **values: object) -> None:
    connection.execute(
        stored.update()
        .where(stored.c.repository == repository, stored.c.kind == name.kind.value, stored.c.name == name.name)
        .values(**values)
    )
