"""What the state has to say of repositories, cut into pieces of which each fits into a statement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.base.record import record, replace
from strongroom.custody.incidents import FREEZING
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.planned.plans import FROZEN, plan_rows
from strongroom.custody.schemas.main import drill, round_, snapshot, stored
from strongroom.custody.schemas.telling import told
from strongroom.custody.standing import standings
from strongroom.fleet.protocol.statement import (
    BREAKER,
    MOST_INCIDENTS,
    MOST_REPOSITORIES,
    MOST_SNAPSHOTS,
    RELEASED,
    StatedIncident,
    StatedRepository,
    StatedSnapshot,
)
from strongroom.fleet.protocol.strict_json import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.custody.standing import Standing
    from strongroom.custody.state import State

_NANO = 1_000_000_000
_ROOM = 400 * 1024
"""Bytes of a statement, at most; a message has 512 KiB."""
_INCIDENT_ROOM, _SNAPSHOT_ROOM = 100 * 1024, 200 * 1024
_MOST_WORDS, _MOST_HELD_BACK = 500, 20
_BAD = "bad"


@record
class Piece:
    """What one statement may say of one repository, and its size in bytes."""

    about: StatedRepository
    size: int


def packed(pieces: Iterator[Piece]) -> Iterator[tuple[StatedRepository, ...]]:
    """The pieces as so many statements as they need; one that says nothing where there are none."""
    waiting: list[StatedRepository] = []
    size = 0
    said = False
    for one in pieces:
        if waiting and (size + one.size > _ROOM or len(waiting) == MOST_REPOSITORIES):
            yield tuple(waiting)
            waiting, size, said = [], 0, True
        waiting.append(one.about)
        size += one.size
    if waiting or not said:
        yield tuple(waiting)


def pieces(state: State, now_ns: int) -> Iterator[Piece]:
    """All repositories: how they stand, what is open, and snapshots that the server has not heard of as they are."""
    for one in standings(state, now_ns):
        about = _about(state, one)
        fresh = _fresh(state, one.id)
        first = True
        while first or fresh:
            chunk, fresh = _cut(fresh)
            piece = replace(about, snapshots=tuple(chunk))
            yield Piece(piece, len(encode(piece.to_document())))
            first = False
    for released in state.repositories(released=True):
        if released.retired:
            piece = StatedRepository(released.id, released.name, RELEASED, None, None, True, 0, (), ())
            yield Piece(piece, len(encode(piece.to_document())))


def _about(state: State, one: Standing) -> StatedRepository:
    with state.database.read() as connection:
        ended = connection.execute(
            sa.select(round_.c.ended_ns, round_.c.outcome)
            .where(round_.c.repository == one.id, round_.c.ended_ns.is_not(None))
            .order_by(round_.c.number.desc())
            .limit(100)
        ).all()
        newest = sa.select(sa.func.max(drill.c.at_ns)).where(drill.c.repository == one.id).scalar_subquery()
        drilled = connection.execute(
            sa.select(drill.c.at_ns, drill.c.faults).where(drill.c.repository == one.id, drill.c.at_ns == newest)
        ).all()
    held_back = _held_back(state, one)
    whole = next((row.ended_ns for row in ended if not json.loads(row.outcome).get("failure")), None)
    return StatedRepository(
        one.id,
        one.name,
        one.state,
        None if whole is None else whole // _NANO,
        drilled[0].at_ns // _NANO if drilled else None,
        not any(json.loads(row.faults) for row in drilled),
        len(one.plans),
        (),
        (*held_back, *_incidents(one, MOST_INCIDENTS - len(held_back))),
        one.verify_by_ns // _NANO,
    )


def _held_back(state: State, one: Standing) -> list[StatedIncident]:
    """Plans that a breaker holds back, oldest first. While an incident freezes all deleting it speaks for them."""
    if any(thing.code in FREEZING for thing in one.incidents):
        return []
    found = []
    for row in plan_rows(state, one.id, (FROZEN,)):
        if breakers := json.loads(row.body)["breakers"]:
            words = f"plan {row.number} is held back: {'; '.join(breakers)}; `custody plan show {one.name}`"
            found.append(StatedIncident(row.number, BREAKER, row.made_ns // _NANO, words[:_MOST_WORDS]))
    return found[:_MOST_HELD_BACK]


def _incidents(one: Standing, most: int) -> Iterator[StatedIncident]:
    """The open incidents, oldest first; the last says how many there was no room for."""
    size = 0
    for position, thing in enumerate(one.incidents):
        number, opened = thing.number, thing.opened_ns // _NANO
        left = len(one.incidents) - position
        if (position == most - 1 or size > _INCIDENT_ROOM) and left > 1:
            yield StatedIncident(number, thing.code.value, opened, f"and {left} incidents more: `custody incidents`")
            return
        found = StatedIncident(number, thing.code.value, opened, thing.words[:_MOST_WORDS])
        size += len(encode(found.to_document()))
        yield found


def _fresh(state: State, repository: str) -> list[StatedSnapshot]:
    """Snapshots whose verdict is not the one that the server took; what is condemned or damaged is bad."""
    verdict = sa.case(
        (snapshot.c.operator == CONDEMNED, _BAD), (stored.c.fault.is_not(None), _BAD), else_=snapshot.c.verdict
    )
    here: Any = sa.and_(
        stored.c.repository == snapshot.c.repository,
        stored.c.kind == Kind.SNAPSHOT.value,
        stored.c.name == snapshot.c.id,
    )
    known: Any = sa.and_(told.c.repository == snapshot.c.repository, told.c.snapshot == snapshot.c.id)
    query = (
        sa.select(snapshot.c.id, snapshot.c.source, snapshot.c.arrival_ns, snapshot.c.claimed_ns, verdict.label("now"))
        .select_from(snapshot.outerjoin(stored, here).outerjoin(told, known))
        .where(snapshot.c.repository == repository, sa.or_(told.c.verdict.is_(None), told.c.verdict != verdict))
        .order_by(snapshot.c.arrival_ns)
    )
    with state.database.read() as connection:
        rows = connection.execute(query).all()
    return [
        StatedSnapshot(row.id, row.source[:200], _seconds(row.arrival_ns), _seconds(row.claimed_ns), row.now)
        for row in rows
    ]


def _seconds(ns: int) -> int:
    """A host may claim a time before 1970."""
    return max(0, ns // _NANO)


def _cut(fresh: list[StatedSnapshot]) -> tuple[list[StatedSnapshot], list[StatedSnapshot]]:
    size = 0
    for position, one in enumerate(fresh):
        size += len(encode(one.to_document()))
        if position == MOST_SNAPSHOTS or size > _SNAPSHOT_ROOM:
            return fresh[:position], fresh[position:]
    return fresh, []
