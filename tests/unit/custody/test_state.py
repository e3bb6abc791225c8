"""The custodian's state: who may write, what is kept of who decided, and the same on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Locked
from strongroom.custody.deciding import condemn_snapshot
from strongroom.custody.schemas import main as schema
from strongroom.custody.state import LEASE_NS, State
from tests.support.custody.watched import Watched
from tests.support.repositories import ManualClock
from tests.support.servers import postgres


def test_one_custodian_at_a_time_and_the_late_one_writes_nothing(tmp_path: Path) -> None:
    """Another waits until the lease is over; then what the first still wants to write is refused."""
    with State(str(tmp_path / "state"), ManualClock(), create=True) as state:
        first = state.claim("r", "one:1")
        with pytest.raises(Locked, match="one:1"):
            state.claim("r", "two:2")
        with state.database.write() as connection:  # an hour passes
            until = schema.lease.c.until_ns
            connection.execute(schema.lease.update().values(until_ns=until - LEASE_NS))
        second = state.claim("r", "two:2")
        assert second.fence > first.fence
        with pytest.raises(Locked, match="taken over"), state.writing(first):
            pass
        state.release(first)
        with state.writing(second):
            pass


def test_a_process_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    """A holder that is known to be no more is taken over at once; any other is waited for."""
    with State(str(tmp_path / "state"), ManualClock(), create=True, is_gone="here:1".__eq__) as state:
        state.claim("r", "here:1")
        state.claim("r", "here:2")
        with pytest.raises(Locked, match="here:2"):
            state.claim("r", "here:3")


@pytest.mark.parametrize("change", ["what", "who", "cut"])
def test_an_audit_trail_that_was_changed_says_so(tmp_path: Path, change: str) -> None:
    """An entry in other words, or one that was taken out, is found."""
    with State(str(tmp_path / "state"), ManualClock(), create=True) as state:
        for number in range(3):
            with state.database.write() as connection:
                state.record(connection, "ann", "r", f"did {number}", "because")
        assert [row.what for row in state.audit_trail()] == ["did 0", "did 1", "did 2"]
        table = schema.audit
        with state.database.write() as connection:
            if change == "cut":
                connection.execute(table.delete().where(table.c.number == 2))
            else:
                connection.execute(table.update().where(table.c.number == 2).values({change: "somebody else"}))
        with pytest.raises(ConfigurationError, match="entry 2"):
            state.audit_trail()


def test_a_hurt_snapshot_is_called_bad_whatever_was_said_of_it(tmp_path: Path) -> None:
    """An operator's acceptance holds while it is whole; a condemnation always."""
    watched = Watched(tmp_path)
    watched.backup({"a": b"first " * 100})
    watched.adopt()
    watched.round()
    watched.later(days=1)
    empty = watched.snapshot(watched.tree({"b": b"second " * 10}))
    watched.round()
    watched.accept(empty)
    assert watched.verdict(empty) == "accepted"
    watched.pack(-2).unlink()
    watched.later(hours=1)
    watched.round()
    assert watched.verdict(empty) == "bad"
    condemn_snapshot(watched.state, watched.adopted, empty, "a test", "")
    assert watched.verdict(empty) == "condemned"


def test_postgresql_takes_what_sqlite_takes(tmp_path: Path) -> None:
    """A round, a forged snapshot with zeros in its names, a loss and its end, in PostgreSQL."""
    with postgres.running() as url:
        watched = Watched(tmp_path, place_of_state=url)
        watched.backup({"a": b"first " * 100})
        watched.adopt()
        assert [one.verdict for one in watched.round().judged] == ["good"]
        watched.later(days=1)
        forged = watched.snapshot(watched.tree({"a": b"x"}), hostname="zero\u0000\u001b", time="9999-12-31T00:00:00Z")
        watched.forge.write("keys", b"\x00junk")
        path = watched.pack(0)
        content = path.read_bytes()
        path.unlink()
        outcome = watched.round()
        assert outcome.failure == ""
        assert {"lost", "missing", "planted-key", "suspicious"} == watched.codes()
        assert watched.verdict(forged) == "suspicious"
        path.write_bytes(content)
        watched.later(hours=1)
        watched.round()
        assert watched.codes() == {"planted-key", "suspicious"}
        with watched.state.database.read() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(schema.round_)).scalar_one() == 3
        watched.state.close()
