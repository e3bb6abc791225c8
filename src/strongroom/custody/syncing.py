"""What is in the store now, against what was there: new objects, objects that are gone, objects that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Missing, Refused
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import field, mutable
from strongroom.custody.arrival import SLACK_NS, arrival
from strongroom.custody.catalogue import note_loss
from strongroom.custody.incidents import Code
from strongroom.custody.indexed.names import forget_unlisted
from strongroom.custody.judging.verdicts import is_any_incomplete
from strongroom.custody.ledger import close_for, close_incident, open_incident
from strongroom.custody.planned.intents import intended, note_gone
from strongroom.custody.schemas.main import stored
from strongroom.custody.verifying import MOST_REFUSED
from strongroom.database.prepared import plain, prepared
from strongroom.repository.parallel import outcomes
from strongroom.storage.contract import Info
from strongroom.storage.versions.tagging import tags_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Listed, Store

KINDS = (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA, Kind.KEY)
"""In this order, so that what a listed snapshot needs is in the lists that follow."""
_BATCH = 500
_SECOND = 10**9


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

    ``last_look_ns``: when the last complete look began, None before adoption is over. ``still_there``: a second way
    to ask for an object that a list leaves out; the store's ``stat`` by default. What is gone for both is missing.
    Raises what the store raises; then nothing of that kind was taken for gone.
    """
    seen = Seen()
    for kind in KINDS:
        _look_at(state, lease, adopted, store, kind, last_look_ns, seen, still_there or stat_of(store))
    return seen


def stat_of(store: Store) -> Callable[[ObjectName], Info | None]:
    """A second way to ask for an object: None where it is not there."""

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
    known, away = known_at_last_look(state, adopted.id, kind)
    rows = [row for group in store.list_groups(kind) for row in group]
    now_ns = state.clock.now_ns()
    listed = set(rows)
    other = listed - known  # most are as they were, and two sets say so at once
    found = {row[0]: _info(kind, row) for row in rows if row in other}
    before = {row[0]: row for row in known - listed}
    # A list may lag behind, so each one that is not in it is asked for.
    unlisted = [ObjectName(kind, name) for name in sorted(before.keys() - found.keys())]
    asked = ask_for(unlisted, still_there, store.connections)
    found |= {info.name.name: info for info in asked.there}
    missing = asked.missing
    fresh = [info for name, info in found.items() if name not in before and name not in away]
    changed = [info for name, info in found.items() if name in before and differs(info, before[name])]
    returned = [info for name, info in found.items() if name in away]
    returned = _without_leaving(state, adopted, store, returned)
    for start in range(0, len(fresh), _BATCH):
        with state.writing(lease) as connection:
            for info in fresh[start : start + _BATCH]:
                remember(connection, adopted.id, info, last_look_ns, now_ns)
    ours: frozenset[str] = frozenset()
    for start in range(0, len(missing), _BATCH):
        with state.writing(lease) as connection:
            ours = intended(connection, adopted.id)
            for name in missing[start : start + _BATCH]:
                if str(name) in ours:  # we meant it to go, and whoever was killed did not come to say that it went
                    note_gone(connection, adopted.id, str(name), now_ns)
                    close_for(connection, adopted.id, [str(name)], now_ns)
                    continue
                _note_gone(connection, adopted.id, name, now_ns)
    if changed or returned or asked.refused:
        with state.writing(lease) as connection:
            for name, what in asked.refused:
                _note_refused(connection, adopted.id, name, what, now_ns)
            for info in changed:
                _note_change(connection, adopted.id, info, now_ns)
            for info in returned:
                note_return(connection, adopted.id, info, now_ns)
    if kind is Kind.INDEX:
        forget_unlisted(state, lease)
    same = known & listed
    seen.objects += len(found) + len(same)
    seen.bytes += sum(info.size for info in found.values()) + sum(row[1] for row in same)
    seen.new += [info.name for info in fresh]
    seen.altered += [info.name for info in changed]
    seen.returned += [info.name for info in returned]
    seen.missing += [name for name in missing if str(name) not in ours]


@mutable
class Asked:
    """What the store says of objects that no list has."""

    there: list[Info] = field(default_factory=list)
    missing: list[ObjectName] = field(default_factory=list)
    refused: list[tuple[ObjectName, str]] = field(default_factory=list)


def ask_for(names: list[ObjectName], still_there: Callable[[ObjectName], Info | None], at_once: int) -> Asked:
    """Ask for each. Raises ``Refused`` where too many are, and the store's errors."""
    asked = Asked()
    for name, answer in outcomes(still_there, names, at_once):
        try:
            info = answer()
        except Refused as problem:
            asked.refused.append((name, problem.what))
            if len(asked.refused) >= MOST_REFUSED:
                raise
            continue
        if info is None:
            asked.missing.append(name)
        else:
            asked.there.append(info)
    return asked


def known_at_last_look(state: State, repository: str, kind: Kind) -> tuple[set[Listed], set[str]]:
    """What was there at the last look, as lists have it; and the names of what was gone."""
    with state.database.read() as connection:
        rows = plain(connection, *_known_query(repository, kind.value))
    return {row[:3] for row in rows if row[3] is None}, {row[0] for row in rows if row[3] is not None}


@prepared
def _known_query(repository: str, kind: str) -> sa.Select[Any]:
    return sa.select(stored.c.name, stored.c.size, stored.c.stamp_ns, stored.c.gone_ns).where(
        stored.c.repository == repository, stored.c.kind == kind
    )


def _info(kind: Kind, row: Listed) -> Info:
    name, size, modified_ns = row
    return Info(ObjectName(kind, name), size, modified_ns)


def _without_leaving(state: State, adopted: Adopted, store: Store, returned: list[Info]) -> list[Info]:
    """Those that are not on their way out by our own tag: a bucket lists them until its rule ends them."""
    tags = tags_of(store) if returned else None
    if tags is None:
        return returned
    with state.database.read() as connection:
        ours = intended(connection, adopted.id)
    return [info for info in returned if str(info.name) not in ours or not tags.is_set(info.name)]


def differs(info: Info, before: Listed) -> bool:
    """Whether an object is another than it was at the last look, by its size and stamp."""
    return info.size != before[1] or not _same_stamp(info.modified_ns, before[2])


def _same_stamp(one: int | None, other: int | None) -> bool:
    """Whether two stamps may be one: a list of S3's has milliseconds where a question for the object has seconds, and
    some lists have none at all."""
    if one is None or other is None or one == other:
        return True
    return (one % _SECOND == 0 or other % _SECOND == 0) and one // _SECOND == other // _SECOND


def remember(connection: sa.Connection, repository: str, info: Info, last_look_ns: int | None, now_ns: int) -> None:
    """Write down an object that is seen for the first time. ``last_look_ns`` as ``look`` takes it."""
    when = arrival(info.modified_ns, last_look_ns, now_ns)
    connection.execute(
        stored.insert().values(
            repository=repository,
            kind=info.name.kind.value,
            name=info.name.name,
            size=info.size,
            stamp_ns=info.modified_ns,
            arrival_ns=when.ns,
            earliest_ns=when.earliest_ns,
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
    if info.name.kind is Kind.INDEX:
        note_loss(connection, repository)


def _note_refused(connection: sa.Connection, repository: str, name: ObjectName, what: str, now_ns: int) -> None:
    """No list has it, and the store says neither that it is there nor that it is not: nothing is known but that, and it
    is read as soon as the store gives it. It is no reason to leave the others."""
    _set(connection, repository, name, verified_ns=None)
    open_incident(connection, repository, Code.UNREADABLE, str(name), what, now_ns)


def _note_gone(connection: sa.Connection, repository: str, name: ObjectName, now_ns: int) -> None:
    """What was never sound, or lied, is no loss: with it goes what was wrong with it. Not a pack while a snapshot lacks
    something: what it should have held may be that. Of packs losses grow, and of indexes, which may have been the last
    that named one."""
    _set(connection, repository, name, gone_ns=now_ns)
    if name.kind in (Kind.DATA, Kind.INDEX):
        note_loss(connection, repository)
    if _never_sound(connection, repository, name):
        for code in (Code.DAMAGED, Code.ALTERED, Code.PLANTED_KEY, Code.UNREADABLE):
            close_incident(connection, repository, code, str(name), now_ns)
        if name.kind is Kind.DATA and is_any_incomplete(connection, repository):
            words = "was damaged when it was first read, and is gone; a snapshot lacks something that it may have held"
            open_incident(connection, repository, Code.MISSING, str(name), words, now_ns)
        return
    if name.kind is Kind.INDEX and close_incident(connection, repository, Code.LYING_INDEX, str(name), now_ns):
        return
    words = "was there and is gone: neither the list nor a question for it finds it"
    open_incident(connection, repository, Code.MISSING, str(name), words, now_ns)


def _never_sound(connection: sa.Connection, repository: str, name: ObjectName) -> bool:
    """Whether it was read, and was wrong each time."""
    row = connection.execute(
        sa.select(stored.c.verified_ns, stored.c.sound_ns).where(
            stored.c.repository == repository, stored.c.kind == name.kind.value, stored.c.name == name.name
        )
    ).one()
    return row.sound_ns is None and row.verified_ns is not None


def note_return(connection: sa.Connection, repository: str, info: Info, now_ns: int) -> None:
    """It is read before it is believed again. It arrived when it first did, so nobody makes a snapshot younger by
    taking it away and bringing it back (threat X-2)."""
    stamp = {"size": info.size, "stamp_ns": info.modified_ns}
    _set(connection, repository, info.name, gone_ns=None, verified_ns=None, **stamp)
    close_incident(connection, repository, Code.MISSING, str(info.name), now_ns)


def _set(connection: sa.Connection, repository: str, name: ObjectName, **values: object) -> None:
    connection.execute(
        stored.update()
        .where(stored.c.repository == repository, stored.c.kind == name.kind.value, stored.c.name == name.name)
        .values(**values)
    )
