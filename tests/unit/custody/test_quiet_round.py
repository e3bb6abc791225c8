"""A round that finds nothing new asks little of the database: a thousand repositories are looked at by one machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.custody.in_process import Custody, Host

MOST_WRITES = 12
"""Each waits for the disk."""
MOST_STATEMENTS = 110


def counted(monkeypatch: pytest.MonkeyPatch, database: Any) -> Callable[[], tuple[int, int]]:
    """How many writing transactions and statements there were until it is asked."""
    writes, statements = [0], [0]
    write = database.write

    def counting() -> AbstractContextManager[sa.Connection]:
        writes[0] += 1
        found: AbstractContextManager[sa.Connection] = write()
        return found

    def asked(*_: object) -> None:
        statements[0] += 1

    monkeypatch.setattr(database, "write", counting)
    sa.event.listen(database.engine, "before_cursor_execute", asked)
    return lambda: (writes[0], statements[0])


def test_a_round_without_news_writes_and_asks_little(
    custody: Custody, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all that it looks at is still looked at: a pack that goes missing is found by the next one."""
    host.backup()
    custody.round()
    custody.hand_over()
    custody.round()
    custody.clock.advance(3600)
    count = counted(monkeypatch, custody.state.database)
    outcome = custody.round()
    writes, statements = count()
    assert (outcome.seen.new, outcome.seen.missing) == ([], [])
    assert 0 < writes <= MOST_WRITES, writes
    assert 0 < statements <= MOST_STATEMENTS, statements
    pack = next(path for path in (custody.place / "data").rglob("*") if len(path.name) == 64)
    pack.unlink()
    assert [str(name) for name in custody.round().seen.missing] == [f"data/{pack.name}"]
