"""Statements that are composed once take each call's own values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from strongroom.database.prepared import driver_rows, plain, prepared

METADATA = sa.MetaData()
THING = sa.Table("thing", METADATA, sa.Column("name", sa.Text, primary_key=True), sa.Column("size", sa.BigInteger))
composed: list[int] = []


@prepared
def larger(least: int, names: Sequence[str]) -> sa.Select[Any]:
    composed.append(1)
    return sa.select(THING.c.name, THING.c.size).where(THING.c.size >= least, THING.c.name.in_(names))


@prepared
def resize(name: str, size: int | None) -> sa.Update:
    return THING.update().where(THING.c.name == name).values(size=size)


def test_each_call_has_its_own_values_and_one_statement_serves_all() -> None:
    engine = sa.create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            THING.insert(), [{"name": "a", "size": 1}, {"name": "b", "size": 2}, {"name": "c", "size": 3}]
        )
        assert plain(connection, *larger(2, ("a", "b", "c"))) == [("b", 2), ("c", 3)]
        assert plain(connection, *larger(0, ("a",))) == [("a", 1)]
        assert plain(connection, *larger(0, ())) == []
        connection.execute(*resize("a", 9))
        connection.execute(*resize("b", None))
        assert driver_rows(connection, "SELECT name, size FROM thing WHERE name < ?", ("c",)) == [("a", 9), ("b", None)]
    assert composed == [1]
    with pytest.raises(ValueError, match="zip"):
        larger(2)  # type: ignore[call-arg]
