"""What operators decide: that a snapshot, a source or a key is theirs, or is not; each with a name and a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import UsageError
from strongroom.base.objects import Kind
from strongroom.custody.incidents import Code
from strongroom.custody.indexed.names import doubt_indexes_naming
from strongroom.custody.judging.verdicts import ACCEPTED, CONDEMNED, judge_source_again
from strongroom.custody.ledger import close_incident
from strongroom.custody.planned.intents import intended
from strongroom.custody.schemas.main import pack, pinned_key, snapshot, source, stored
from strongroom.repository.selection import complete_prefix
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State


def accept_snapshot(state: State, adopted: Adopted, name: str, who: str, why: str) -> str:
    """Call a suspicious snapshot good, and return its ID. It counts from now on as if it had come now.

    Raises ``UsageError`` where there is no such snapshot, or nothing to accept.
    """
    with state.database.write() as connection:
        row = _snapshot(connection, adopted.id, name)
        if row.whole < 0:
            raise UsageError(
                "is not whole as far as was read, so nobody can call it good",
                subject=f"snapshot {row.id[:8]}",
                hint="It is judged anew when what it lacks was read or is there again.",
            )
        if row.verdict == GOOD and row.operator != CONDEMNED:
            raise UsageError("is good already", subject=f"snapshot {row.id[:8]}")
        now_ns = state.clock.now_ns()
        _decide(connection, adopted.id, row.id, verdict=GOOD, operator=ACCEPTED, judged_ns=now_ns)
        close_incident(connection, adopted.id, Code.SUSPICIOUS, f"snapshots/{row.id}", now_ns)
        state.record(connection, who, adopted.id, f"accepted snapshot {row.id}", why)
    return str(row.id)


def condemn_snapshot(state: State, adopted: Adopted, name: str, who: str, why: str) -> str:
    """Say that a snapshot may go, and return its ID. Raises ``UsageError``."""
    with state.database.write() as connection:
        row = _snapshot(connection, adopted.id, name)
        now_ns = state.clock.now_ns()
        _decide(connection, adopted.id, row.id, operator=CONDEMNED, judged_ns=now_ns)
        for code in (Code.SUSPICIOUS, Code.LOST):
            close_incident(connection, adopted.id, code, f"snapshots/{row.id}", now_ns)
        state.record(connection, who, adopted.id, f"condemned snapshot {row.id}", why)
    return str(row.id)


def pin_snapshot(state: State, adopted: Adopted, name: str, who: str, why: str, *, pinned: bool) -> str:
    """Keep a snapshot whatever the policy says, or no longer; return its ID. Raises ``UsageError``."""
    with state.database.write() as connection:
        row = _snapshot(connection, adopted.id, name)
        _decide(connection, adopted.id, row.id, pinned=int(pinned))
        state.record(connection, who, adopted.id, f"{'pinned' if pinned else 'unpinned'} snapshot {row.id}", why)
    return str(row.id)


def accept_source(state: State, adopted: Adopted, name: str, who: str, why: str) -> None:
    """Let a source be one. The next round judges what it has sent so far by all other rules. Raises ``UsageError``."""
    with state.database.write() as connection:
        changed = connection.execute(
            source.update().where(source.c.repository == adopted.id, source.c.name == name).values(accepted=1)
        )
        if changed.rowcount != 1:
            names = [row.name for row in connection.execute(sa.select(source).where(source.c.repository == adopted.id))]
            raise UsageError("there is no such source", subject=name, hint=f"There are: {', '.join(names) or 'none'}.")
        judge_source_again(connection, adopted.id, name)
        state.record(connection, who, adopted.id, f"accepted source {name}", why)


def accept_key(state: State, adopted: Adopted, name: str, who: str, why: str) -> str:
    """Pin a key that was not announced, and return its whole name. Raises ``UsageError``."""
    with state.database.write() as connection:
        key = _key(connection, adopted.id, name)
        now_ns = state.clock.now_ns()
        connection.execute(pinned_key.delete().where(pinned_key.c.repository == adopted.id, pinned_key.c.name == key))
        connection.execute(pinned_key.insert().values(repository=adopted.id, name=key, pinned_ns=now_ns))
        connection.execute(
            stored.update()
            .where(stored.c.repository == adopted.id, stored.c.kind == "keys", stored.c.name == key)
            .values(verified_ns=None)
        )
        state.record(connection, who, adopted.id, f"accepted key {key}", why)
    return key


def accept_gone(state: State, adopted: Adopted, name: str, who: str, why: str) -> tuple[str, bool]:
    """Say that what an object held is lost for good, ``kind/name`` or the beginning of the name; return it whole, and
    whether wrong bytes still stand in its place.

    Its incidents end, and what it held stays lost: snapshots that need it stay bad. By a pack's index entries every
    client takes its blobs for stored, so the next round sets the indexes aside that name it, and writes what else they
    name into another. Raises ``UsageError`` where nothing of that name is missing or damaged.
    """
    with state.database.write() as connection:
        row = _lost(connection, adopted.id, name)
        thing = f"{row.kind}/{row.name}"
        now_ns = state.clock.now_ns()
        here = sa.and_(stored.c.repository == adopted.id, stored.c.kind == row.kind, stored.c.name == row.name)
        is_ours = thing in intended(connection, adopted.id)  # what we removed comes back by `undo`, as it was read
        if not is_ours:
            connection.execute(stored.update().where(here).values(sound_ns=None))
        if row.kind == Kind.DATA.value and not is_ours:
            connection.execute(pack.delete().where(pack.c.repository == adopted.id, pack.c.name == row.name))
            doubt_indexes_naming(connection, adopted.id, [row.name])
        for code in (Code.MISSING, Code.ALTERED, Code.DAMAGED, Code.LYING_INDEX, Code.PLANTED_KEY, Code.UNREADABLE):
            close_incident(connection, adopted.id, code, thing, now_ns)
        state.record(connection, who, adopted.id, f"accepted that {thing} is gone", why)
    return thing, row.gone_ns is None


def find_key(state: State, adopted: Adopted, name: str) -> str:
    """The whole name of a key that is there. Raises ``UsageError``."""
    with state.database.read() as connection:
        return _key(connection, adopted.id, name)


def find_lost(state: State, adopted: Adopted, name: str) -> str:
    """The ``kind/name`` of what is gone or damaged. Raises ``UsageError``."""
    with state.database.read() as connection:
        row = _lost(connection, adopted.id, name)
    return f"{row.kind}/{row.name}"


def _key(connection: sa.Connection, repository: str, name: str) -> str:
    query = sa.select(stored.c.name).where(stored.c.repository == repository, stored.c.kind == Kind.KEY.value)
    return complete_prefix(name, [row.name for row in connection.execute(query)], "key")


def _lost(connection: sa.Connection, repository: str, name: str) -> Any:
    kind, slash, prefix = name.rpartition("/")
    hurt = sa.and_(stored.c.fault.is_not(None), stored.c.sound_ns.is_not(None), stored.c.kind != Kind.KEY.value)
    query = sa.select(stored.c.kind, stored.c.name, stored.c.gone_ns).where(
        stored.c.repository == repository, sa.or_(stored.c.gone_ns.is_not(None), hurt)
    )
    lost: dict[str, Any] = {row.name: row for row in connection.execute(query) if not slash or row.kind == kind}
    return lost[complete_prefix(prefix, list(lost), "object that is gone or damaged")]


def snapshots_of(state: State, adopted: Adopted) -> list[sa.Row[Any]]:
    """All snapshots ever judged, in the order of their arrival."""
    with state.database.read() as connection:
        return list(
            connection.execute(
                sa.select(snapshot)
                .where(snapshot.c.repository == adopted.id)
                .order_by(snapshot.c.arrival_ns, snapshot.c.id)
            ).all()
        )


def find_snapshot(state: State, adopted: Adopted, name: str) -> sa.Row[Any]:
    """One snapshot by the beginning of its ID. Raises ``UsageError``.

    ``latest`` names none: another one may have come since whoever says it looked, and that may be an intruder's.
    """
    if name == "latest":
        hint = f"`strongroom custody snapshots {adopted.name}` lists them by arrival; take the ID of the one you mean."
        raise UsageError("may be an intruder's, so nothing is decided by it", subject="snapshot latest", hint=hint)
    with state.database.read() as connection:
        return _snapshot(connection, adopted.id, name)


def newest_snapshot(state: State, adopted: Adopted) -> str:
    """The ID of the one that arrived last. Raises ``UsageError`` where none was seen yet."""
    found = snapshots_of(state, adopted)
    if not found:
        hint = f"`strongroom custody round {adopted.name}` looks what is there."
        raise UsageError("no snapshot was seen yet", subject=adopted.name, hint=hint)
    return str(found[-1].id)


def _snapshot(connection: sa.Connection, repository: str, name: str) -> sa.Row[Any]:
    ids = [row.id for row in connection.execute(sa.select(snapshot.c.id).where(snapshot.c.repository == repository))]
    wanted = complete_prefix(name, ids, "snapshot")
    return connection.execute(
        sa.select(snapshot).where(snapshot.c.repository == repository, snapshot.c.id == wanted)
    ).one()


def _decide(connection: sa.Connection, repository: str, snapshot_id: str, **values: object) -> None:
    connection.execute(
        snapshot.update().where(snapshot.c.repository == repository, snapshot.c.id == snapshot_id).values(**values)
    )
