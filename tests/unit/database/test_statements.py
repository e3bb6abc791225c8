"""Plain statements ask for any number of values, in few texts, on SQLite and PostgreSQL; a fault is named as ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.base.errors import Unavailable
from strongroom.database.engine import Database
from strongroom.database.statements import statements_in
from strongroom.fleet.server.report_batch import NUMBERS
from strongroom.fleet.server.state import FleetState
from tests.support.servers import postgres

_WHICH = "WITH asked (name, number) AS (*) SELECT t.name FROM asked CROSS JOIN thing t WHERE t.name = asked.name"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty one, with a table of 3,000 things."""
    if request.param == "sqlite":
        yield from _opened(f"sqlite:///{tmp_path}/db")
    else:
        with postgres.running() as url:
            yield from _opened(url)


def _opened(url: str) -> Iterator[Database]:
    found = Database(url)
    with found.write() as connection:
        connection.execute(sa.text("CREATE TABLE thing (name TEXT PRIMARY KEY, number BIGINT NOT NULL)"))
        with statements_in(connection) as sql:
            sql.many("INSERT INTO thing VALUES (?, ?)", [(f"n{one}", one << 20) for one in range(3000)])
    yield found
    found.close()


def test_values_and_pairs(database: Database) -> None:
    """None, one, five, and more than one statement takes; what is not there is not found."""
    with database.write() as connection, statements_in(connection) as sql:
        for count in (0, 1, 5, 2500):
            wanted = [f"n{one}" for one in range(count)]
            found = sql.among("SELECT name FROM thing WHERE name IN (*)" + sql.locking, [*wanted, "no", "none"])
            assert sorted(name for (name,) in found) == sorted(wanted)
            pairs = [(f"n{one}", one << 20) for one in range(count)]
            both = set(sql.among_pairs(f"{_WHICH} AND t.number = asked.number", [*pairs, ("n1", 7)]))
            assert both == {(name,) for name, _ in pairs}


def test_a_fault_has_no_effect_and_a_name(database: Database) -> None:
    """A statement that cannot be takes back the whole transaction; a fault of ours stays SQLAlchemy's error."""
    with pytest.raises(sa.exc.IntegrityError), database.write() as connection:
        connection.execute(sa.text("DELETE FROM thing WHERE name = 'n1'"))
        with statements_in(connection) as sql:
            sql.many("INSERT INTO thing VALUES (?, ?)", [("n1", 1), ("n1", 2)])
    with database.read() as connection, statements_in(connection) as sql:
        assert sql.rows("SELECT number FROM thing WHERE name = ?", "n1") == [(1 << 20,)]


def test_what_may_pass_is_unavailable(tmp_path: Path) -> None:
    """A database that cannot be written to now, here since it was told so, is ``Unavailable``."""
    database = next(_opened(f"sqlite:///{tmp_path}/db"))
    with pytest.raises(Unavailable), database.write() as connection:
        connection.connection.cursor().execute("PRAGMA query_only = 1")
        with statements_in(connection) as sql:
            sql.many("INSERT INTO thing VALUES (?, ?)", [("x", 1)])
    database.close()


def test_numbers_of_reports_are_found_by_their_index(tmp_path: Path) -> None:
    """Whether a report came before is asked for each of them: a year of reports must not be read for that."""
    with FleetState(str(tmp_path), create=True) as state, state.database.read() as connection:
        plan = "EXPLAIN QUERY PLAN " + NUMBERS.replace("(*)", "(VALUES (?, ?), (?, ?))")
        with statements_in(connection) as sql:
            steps = [row[3] for row in sql.rows(plan, "a", 1, "b", 2)]
        assert any("SEARCH r USING COVERING INDEX" in one for one in steps), steps
        assert not any("SCAN r" in one for one in steps), steps
