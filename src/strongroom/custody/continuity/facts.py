"""What an audit copy tells: arrivals that rounds witnessed, and what operators said; and taking that into a state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.custody.arrival import CLAIMED
from strongroom.custody.incidents import Code
from strongroom.custody.judging.verdicts import ACCEPTED, judge_source_again
from strongroom.custody.ledger import close_incident
from strongroom.custody.schemas import continuity as schema
from strongroom.custody.schemas.main import pinned_key, snapshot, source, stored
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from collections.abc import Mapping

Facts = dict[str, list[object]]
"""By thing: ``snapshot/ID`` has arrival, earliest, evidence, operator, pinned, and 1 where an operator dated it;
``source/NAME`` accepted, settings; ``key/NAME`` nothing."""


def facts_of(connection: sa.Connection, repository: str) -> Facts:
    """What this state would tell of a repository."""
    rows = connection.execute(*_snapshots_query(repository))
    found: Facts = {f"snapshot/{row.id}": [*row[1:6], *([1] if row.dated else [])] for row in rows}
    for row in connection.execute(*_sources_query(repository)):
        found[f"source/{row.name}"] = [row.accepted, row.settings]
    for name in connection.execute(*_keys_query(repository)).scalars():
        found[f"key/{name}"] = []
    return found


@prepared
def _snapshots_query(repository: str) -> sa.Select[Any]:
    joined = snapshot.join(
        stored,
        sa.and_(
            stored.c.repository == snapshot.c.repository,
            stored.c.name == snapshot.c.id,
            stored.c.kind == Kind.SNAPSHOT.value,
        ),
    )
    found = (stored.c.arrival_ns, stored.c.earliest_ns, stored.c.evidence, snapshot.c.operator, snapshot.c.pinned)
    return (
        sa.select(snapshot.c.id, *found, snapshot.c.dated)
        .select_from(joined)
        .where(snapshot.c.repository == repository)
    )


@prepared
def _sources_query(repository: str) -> sa.Select[Any]:
    return sa.select(source).where(source.c.repository == repository)


@prepared
def _keys_query(repository: str) -> sa.Select[tuple[str]]:
    return sa.select(pinned_key.c.name).where(pinned_key.c.repository == repository)


def untold(connection: sa.Connection, repository: str) -> Facts:
    """What no audit copy tells yet; what was told of things that this state has not seen is left alone."""
    known = {row.thing: (row.words, row.waiting) for row in connection.execute(*_told_query(repository))}
    return {
        thing: words
        for thing, words in facts_of(connection, repository).items()
        if known.get(thing, ("", 0))[0] != json.dumps(words) and not known.get(thing, ("", 0))[1]
    }


@prepared
def _told_query(repository: str) -> sa.Select[Any]:
    return sa.select(schema.told).where(schema.told.c.repository == repository)


@prepared
def _untaken_query(repository: str) -> sa.Select[Any]:
    return sa.select(schema.told).where(schema.told.c.repository == repository, schema.told.c.waiting == 1)


def is_any_waiting(connection: sa.Connection, repository: str) -> bool:
    """Whether anything is still to be taken into this state."""
    return connection.execute(*_untaken_query(repository)).first() is not None


def note_told(connection: sa.Connection, repository: str, facts: Mapping[str, list[object]], *, waiting: bool) -> None:
    """These are in an audit copy. ``waiting``: they are still to be taken into this state."""
    table = schema.told
    for thing, words in facts.items():
        connection.execute(table.delete().where(table.c.repository == repository, table.c.thing == thing))
        connection.execute(
            table.insert().values(repository=repository, thing=thing, words=json.dumps(words), waiting=int(waiting))
        )


def take_in(connection: sa.Connection, repository: str, now_ns: int) -> int:
    """Take what waits into the state, as far as the state has seen what it is about; how many things that were.

    What an operator called good is good as of now: ages begin at zero.
    """
    table = schema.told
    done = 0
    for row in connection.execute(*_untaken_query(repository)).all():
        kind, _, name = row.thing.partition("/")
        if _TAKERS[kind](connection, repository, name, json.loads(row.words), now_ns):
            connection.execute(
                table.update().where(table.c.repository == repository, table.c.thing == row.thing).values(waiting=0)
            )
            done += 1
    return done


def _take_snapshot(connection: sa.Connection, repository: str, name: str, words: list[object], now_ns: int) -> bool:
    arrival_ns, earliest_ns, evidence, operator, pinned, *dated = words
    here = sa.and_(snapshot.c.repository == repository, snapshot.c.id == name)
    row = connection.execute(sa.select(snapshot.c.verdict, snapshot.c.whole).where(here)).one_or_none()
    if row is None:
        return False
    values: dict[str, object] = {"operator": operator, "pinned": pinned, "judged_ns": now_ns, "dated": int(bool(dated))}
    if operator == ACCEPTED and row.whole >= 0:
        values["verdict"] = GOOD
        close_incident(connection, repository, Code.SUSPICIOUS, f"snapshots/{name}", now_ns)
    if evidence != CLAIMED:  # a claim is as good as what this state has itself
        values["arrival_ns"] = arrival_ns
        connection.execute(
            stored.update()
            .where(stored.c.repository == repository, stored.c.kind == Kind.SNAPSHOT.value, stored.c.name == name)
            .values(arrival_ns=arrival_ns, earliest_ns=earliest_ns, evidence=evidence)
        )
    connection.execute(snapshot.update().where(here).values(values))
    return True


def _take_source(connection: sa.Connection, repository: str, name: str, words: list[object], now_ns: int) -> bool:
    del now_ns
    accepted, settings = words
    changed = connection.execute(
        source.update()
        .where(source.c.repository == repository, source.c.name == name)
        .values(accepted=accepted, settings=settings)
    )
    if accepted:
        judge_source_again(connection, repository, name)
    return changed.rowcount == 1


def _take_key(connection: sa.Connection, repository: str, name: str, words: list[object], now_ns: int) -> bool:
    del words
    here = sa.and_(pinned_key.c.repository == repository, pinned_key.c.name == name)
    if connection.execute(sa.select(pinned_key.c.name).where(here)).one_or_none() is None:
        connection.execute(pinned_key.insert().values(repository=repository, name=name, pinned_ns=now_ns))
        close_incident(connection, repository, Code.PLANTED_KEY, f"keys/{name}", now_ns)
    return True


_TAKERS = {"snapshot": _take_snapshot, "source": _take_source, "key": _take_key}
