"""A database that released steps made is the one that the declared tables make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from strongroom.base.errors import Unsupported
from strongroom.custody.schemas import (
    continuity,
    deletion,
    drift,
    evidence,
    executor,
    indexed,
    keeper,
    replica,
    telling,
    two_machines,
)
from strongroom.custody.schemas import main as custody
from strongroom.database.engine import Database
from strongroom.database.migrations import migrate, run_step
from strongroom.fleet.server.schemas import admitting as fleet_admitting
from strongroom.fleet.server.schemas import alerting as fleet_alerting
from strongroom.fleet.server.schemas import api as fleet_api
from strongroom.fleet.server.schemas import following as fleet_following
from strongroom.fleet.server.schemas import main as fleet
from strongroom.gateway import schema
from strongroom.gateway import watch_schema as watch
from strongroom.receipts.commit import schema as receipts
from tests.support.servers import postgres

MODULES = {
    "receipts": receipts,
    "gateway": schema,
    "watch": watch,
    "custody": custody,
    "deletion": deletion,
    "evidence": evidence,
    "continuity": continuity,
    "replica": replica,
    "drift": drift,
    "telling": telling,
    "executor": executor,
    "keeper": keeper,
    "two_machines": two_machines,
    "indexed": indexed,
    "fleet": fleet,
    "fleet-admitting": fleet_admitting,
    "fleet-alerting": fleet_alerting,
    "fleet-api": fleet_api,
    "fleet-following": fleet_following,
}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of either kind."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path}/test.db")
        yield made
        made.close()
        return
    with postgres.running() as url:
        made = Database(url)
        yield made
        made.close()


def differences(database: Database, metadata: sa.MetaData) -> list[Any]:
    """What the tables of a module differ in from what is declared, by Alembic's word."""

    def ours(name: str | None, kind: str, _parents: Any) -> bool:
        return kind != "table" or name in metadata.tables

    with database.read() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_name": ours}
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        if database.is_sqlite:
            texts = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
            counting = {name for name, text in texts if "AUTOINCREMENT" in text} & set(metadata.tables)
            assert counting == {name for name, one in metadata.tables.items() if any(c.identity for c in one.columns)}
            found = [one for one in found if not _of_sqlite_keys(one, metadata)]
    return found


def _of_sqlite_keys(difference: Any, metadata: sa.MetaData) -> bool:
    """SQLite takes NULL in a key that is not said to be NOT NULL; the steps did not say it, and nobody writes it. What
    counts by itself is no default there, and is compared by its word.
    """
    if not isinstance(difference, list):
        return False
    columns = [(one[0], metadata.tables[one[2]].c[one[3]]) for one in difference]
    return all(
        column.primary_key and (kind == "modify_nullable" or (kind == "modify_default" and column.identity))
        for kind, column in columns
    )


@pytest.mark.parametrize("module", MODULES)
def test_released_steps_lead_to_the_declared_tables(database: Database, module: str) -> None:
    """Tables, columns, types, defaults and indexes are the same whether steps made them or the declaration."""
    one = MODULES[module]
    with database.write() as connection:
        for step in one.STEPS:
            run_step(connection, step)
    assert differences(database, one.METADATA) == []


@pytest.mark.parametrize("module", MODULES)
def test_declared_tables_are_made_at_once(database: Database, module: str) -> None:
    """An empty database gets the tables as they are declared, is taken for the newest, and is left alone after that."""
    one = MODULES[module]
    for _ in range(2):
        migrate(database, module, one.METADATA, one.STEPS)
    assert differences(database, one.METADATA) == []
    with database.read() as connection:
        numbers = connection.execute(sa.text("SELECT number FROM migration ORDER BY number")).scalars().all()
    assert numbers == list(range(1, len(one.STEPS) + 1))
    with pytest.raises(Unsupported):
        migrate(database, module, one.METADATA, one.STEPS[:-1])


def test_an_older_database_is_brought_up(database: Database) -> None:
    """From the first step on, whatever was released is brought to the newest tables, and its rows stay."""
    one = MODULES["gateway"]
    migrate(database, "gateway", sa.MetaData(), one.STEPS[:1])
    with database.write() as connection:
        run_step(connection, one.STEPS[0])
        connection.execute(sa.text("INSERT INTO repository VALUES ('a', 'web01', 1, 0, 0, 0)"))
    migrate(database, "gateway", one.METADATA, one.STEPS)
    assert differences(database, one.METADATA) == []
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT id, creator FROM repository")).one() == ("a", "")


def test_a_difference_is_seen(database: Database) -> None:
    """The comparison finds a missing index, a missing column and another type."""
    metadata = sa.MetaData()
    sa.Table("one", metadata, sa.Column("a", sa.Text, primary_key=True), sa.Column("b", sa.Text), sa.Index("i", "b"))
    with database.write() as connection:
        run_step(connection, "CREATE TABLE one (a TEXT PRIMARY KEY)")
    kinds = {one[0] for one in differences(database, metadata)}
    assert kinds == {"add_column", "add_index"}
