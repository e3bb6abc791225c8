"""The book of an executor on a machine of its own: for which repositories it acts, what was said, what it answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, UsageError
from strongroom.base.record import record
from strongroom.custody.planned.orders import SignedBytes
from strongroom.custody.schemas import two_machines as schema
from strongroom.database.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.executor.records import Records

ANSWERS_NS = 2 * 24 * 3600 * 10**9
"""Answers are given again for so long, and then forgotten: a confirmation lives for an hour."""


@record
class ExecutorPlace:
    """A repository that it acts for, see ``schema.place``. ``hold``, ``detection`` and ``expiry`` in days."""

    repository: str
    name: str
    store: str
    known_as: str
    judge: str
    credentials: str
    hold: int
    detection: int
    expiry: int
    operators: int
    heard: int = 0


class ExecutorBook:
    """The tables, in the database of the executor's record."""

    def __init__(self, records: Records) -> None:
        self._database = records.database
        migrate(self._database, "two_machines", schema.METADATA, schema.STEPS)

    def add(self, place: ExecutorPlace) -> None:
        """Act for one more. Raises ``UsageError`` where its name or its ID is there already."""
        table = schema.place
        with self._database.write() as connection:
            taken = sa.or_(table.c.repository == place.repository, table.c.name == place.name)
            if connection.execute(sa.select(table.c.name).where(taken)).first() is not None:
                raise UsageError("this executor acts for it already", subject=place.name)
            connection.execute(table.insert().values(**{name: getattr(place, name) for name in place.__annotations__}))

    def places(self, names: Iterable[str] = ()) -> list[ExecutorPlace]:
        """Those that are named, or all. Raises ``ConfigurationError`` where there are none, ``UsageError``."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(schema.place).order_by(schema.place.c.name))
            found = {row.name: ExecutorPlace(*row) for row in rows}
        if not found:
            raise ConfigurationError("acts for no repository yet", hint="`strongroom custody executor init` begins.")
        for name in names:
            if name not in found:
                raise UsageError("this executor acts for no such repository", subject=name)
        return [place for name, place in found.items() if not names or name in names]

    def heard(self, repository: str, number: int) -> None:
        """The judge's messages up to this number were taken in."""
        table = schema.place
        with self._database.write() as connection:
            connection.execute(table.update().where(table.c.repository == repository).values(heard=number))

    # plans

    def take(self, repository: str, number: int, signed: SignedBytes) -> None:
        """A plan came; again is no matter."""
        table = schema.received
        with self._database.write() as connection:
            here = sa.and_(table.c.repository == repository, table.c.digest == signed.digest)
            if connection.execute(sa.select(table.c.digest).where(here)).first() is None:
                connection.execute(
                    table.insert().values(
                        repository=repository,
                        digest=signed.digest,
                        number=number,
                        is_open=0,
                        body=signed.body,
                        signature=signed.signature,
                    )
                )

    def set_open(self, repository: str, digests: Iterable[str]) -> None:
        """Which plans the judge names as open now; what is not among them is forgotten here, and not in the record."""
        table, named = schema.received, set(digests)
        with self._database.write() as connection:
            here = table.c.repository == repository
            there = connection.execute(sa.select(table.c.digest).where(here)).scalars().all()
            for digest in there:
                one = sa.and_(here, table.c.digest == digest)
                connection.execute(
                    table.update().where(one).values(is_open=1) if digest in named else table.delete().where(one)
                )

    def plans(self, repository: str, *, all_states: bool = False) -> dict[int, SignedBytes]:
        """The plans that are open, or all that came and are not forgotten, by their number."""
        table = schema.received
        query = sa.select(table).where(table.c.repository == repository).order_by(table.c.number)
        if not all_states:
            query = query.where(table.c.is_open == 1)
        with self._database.read() as connection:
            return {row.number: SignedBytes(bytes(row.body), bytes(row.signature)) for row in connection.execute(query)}

    # answers

    def answered(self, repository: str, message: int, at_ns: int, answer: dict[str, Any]) -> None:
        """What came of what a message asked for."""
        table = schema.answer
        with self._database.write() as connection:
            here = table.c.repository == repository
            connection.execute(table.delete().where(here, table.c.message == message))
            connection.execute(table.delete().where(here, table.c.at_ns < at_ns - ANSWERS_NS))
            connection.execute(
                table.insert().values(repository=repository, message=message, at_ns=at_ns, text=json.dumps(answer))
            )

    def answers(self, repository: str) -> dict[str, Any]:
        """The answers of the last days, by the number of the message."""
        table = schema.answer
        with self._database.read() as connection:
            rows = connection.execute(sa.select(table).where(table.c.repository == repository))
            return {str(row.message): json.loads(row.text) for row in rows}
