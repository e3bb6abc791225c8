"""The incidents of one repository: opened once, closed when what was wrong is right again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.record import record
from strongroom.custody.incidents import FREEZING, NOT_GIVEN_BEFORE, Code
from strongroom.custody.schemas.main import incident
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.state import Lease, State


@record
class Incident:
    """What was seen, of which object, since when (nanoseconds since 1970 UTC); ``closed_ns`` once it is right."""

    number: int
    repository: str
    code: Code
    object: str
    opened_ns: int
    closed_ns: int | None
    words: str


_OVER = (Code.LYING_INDEX, Code.PLANTED_KEY, Code.DAMAGED, Code.ALTERED, Code.UNREADABLE)
"""What is wrong with an object is over when it went by our own hand."""
MOST_WORDS = 4000
"""How long the words of an incident are at most; names in them come from hosts."""


def printable(text: str, most: int = MOST_WORDS) -> str:
    """Text of a host's that any database and terminal takes: no control characters, and no more than ``most``."""
    clean = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text[: most + 1])
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def open_incident(connection: sa.Connection, repository: str, code: Code, thing: str, words: str, now_ns: int) -> bool:
    """Open an incident; one that is open gets the new words. Whether it is new."""
    thing = printable(thing)
    already = _standing(connection, repository, code, thing)
    if already is not None:
        connection.execute(incident.update().where(incident.c.number == already).values(words=printable(words)))
        return False
    number = connection.execute(sa.select(sa.func.coalesce(sa.func.max(incident.c.number), 0))).scalar_one() + 1
    connection.execute(
        incident.insert().values(
            number=number,
            repository=repository,
            code=code.value,
            object=thing,
            opened_ns=now_ns,
            words=printable(words),
        )
    )
    return True


def close_incident(connection: sa.Connection, repository: str, code: Code, thing: str, now_ns: int) -> bool:
    """Close an incident, if it is open; whether it was."""
    number = _standing(connection, repository, code, printable(thing))
    if number is None:
        return False
    connection.execute(incident.update().where(incident.c.number == number).values(closed_ns=now_ns))
    return True


def settle_incident(state: State, lease: Lease, code: Code, thing: str) -> None:
    """What ``code`` says of a thing is right now. Most often nothing is open, and a question waits for no disk."""
    with state.database.read() as connection:
        if _standing(connection, lease.repository, code, printable(thing)) is None:
            return
    with state.writing(lease) as connection:
        close_incident(connection, lease.repository, code, thing, state.clock.now_ns())


def set_incident(
    connection: sa.Connection, repository: str, code: Code, thing: str, words: str, now_ns: int, *, wrong: bool
) -> None:
    """Open an incident while something is wrong, close it when it is right."""
    if wrong:
        open_incident(connection, repository, code, thing, words, now_ns)
    else:
        close_incident(connection, repository, code, thing, now_ns)


def open_things(connection: sa.Connection, repository: str) -> set[tuple[str, str]]:
    """Code and object of every open incident: asking once is cheaper than closing, one by one, what is not open."""
    return {(row.code, row.object) for row in connection.execute(*_open_query(repository))}


@prepared
def _open_query(repository: str) -> sa.Select[tuple[Any, ...]]:
    return (
        sa.select(incident)
        .where(incident.c.repository == repository, incident.c.closed_ns.is_(None))
        .order_by(incident.c.number)
    )


def incidents(state: State, repository: str | None = None, *, closed: bool = False) -> list[Incident]:
    """The open ones, newest last; ``closed``: those that are over as well."""
    if repository is not None and not closed:
        with state.database.read() as connection:
            return [_incident(row) for row in connection.execute(*_open_query(repository))]
    query = sa.select(incident).order_by(incident.c.number)
    if repository is not None:
        query = query.where(incident.c.repository == repository)
    if not closed:
        query = query.where(incident.c.closed_ns.is_(None))
    with state.database.read() as connection:
        return [_incident(row) for row in connection.execute(query)]


def _incident(row: sa.Row[Any]) -> Incident:
    return Incident(row.number, row.repository, Code(row.code), row.object, row.opened_ns, row.closed_ns, row.words)


def is_frozen(connection: sa.Connection, repository: str) -> bool:
    """Whether an open incident forbids that anything goes."""
    return connection.execute(*_freezing_query(repository)).one_or_none() is not None


@prepared
def _freezing_query(repository: str) -> sa.Select[tuple[int]]:
    codes = [code.value for code in FREEZING]
    return (
        sa.select(incident.c.number)
        .where(
            incident.c.repository == repository,
            incident.c.closed_ns.is_(None),
            sa.or_(
                incident.c.code.in_(codes),
                sa.and_(
                    incident.c.code == Code.UNREADABLE.value,
                    incident.c.object.startswith(NOT_GIVEN_BEFORE, autoescape=True),
                ),
            ),
        )
        .limit(1)
    )


def _standing(connection: sa.Connection, repository: str, code: Code, thing: str) -> int | None:
    return connection.execute(*_standing_query(repository, code.value, thing)).scalar_one_or_none()


@prepared
def _standing_query(repository: str, code: str, thing: str) -> sa.Select[tuple[int]]:
    return sa.select(incident.c.number).where(
        incident.c.repository == repository,
        incident.c.code == code,
        incident.c.object == thing,
        incident.c.closed_ns.is_(None),
    )


def close_for(connection: sa.Connection, repository: str, names: Iterable[str], now_ns: int) -> None:
    """Close what is open about objects, ``kind/name``, that went by our own hand."""
    for name in names:
        for code in _OVER:
            close_incident(connection, repository, code, name, now_ns)
