"""Two custodians with one state, on SQLite and PostgreSQL: who lost the lease in his sleep writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.base.errors import Locked
from strongroom.base.objects import Kind
from strongroom.base.progress import Reporter
from strongroom.custody.rounds import run_round
from strongroom.custody.rounds_made.outcome import Outcome
from strongroom.custody.schemas import main as schema
from strongroom.custody.state import LEASE_NS
from strongroom.storage.contract import Info, Store
from strongroom.storage.local.store import LocalStore
from strongroom.storage.wrappers.wrapper import Wrapper
from tests.support.custody.watched import Watched
from tests.support.servers import postgres


class Sleeping(Wrapper):
    """A store whose first list takes so long that something else happens meanwhile."""

    def __init__(self, inner: Store, meanwhile: Callable[[], object]) -> None:
        super().__init__(inner)
        self._meanwhile: Callable[[], object] | None = meanwhile

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """As the inner one, after what happens meanwhile."""
        if self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        return self.inner.list(kind, after)


@pytest.fixture(params=["sqlite", "postgresql"])
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched]:
    """A repository in care, with a first backup and a round."""
    if request.param == "sqlite":
        yield _ready(Watched(tmp_path))
        return
    with postgres.running() as url:
        made = _ready(Watched(tmp_path, place_of_state=url))
        yield made
        made.state.close()


def _ready(made: Watched) -> Watched:
    made.backup({"a": b"first " * 100})
    made.adopt()
    made.round()
    made.later(days=1)
    made.backup({"a": b"first " * 100, "b": b"second " * 100})
    return made


def round_of(watched: Watched, holder: str, meanwhile: Callable[[], object] = lambda: None) -> Outcome:
    """A round of one of the two."""
    watched.later()
    store = Sleeping(LocalStore(str(watched.forge.place)), meanwhile)
    surroundings = watched.machine.surroundings
    return run_round(watched.state, watched.adopted, store, watched.identity, surroundings, Reporter(), holder=holder)


def test_the_second_waits_for_the_first(watched: Watched) -> None:
    """While one works the other is refused, and what the first does is whole."""

    def other() -> None:
        with pytest.raises(Locked, match="one:1"):
            round_of(watched, "two:2")

    outcome = round_of(watched, "one:1", other)
    assert not outcome.failure
    assert [one.verdict for one in outcome.judged] == ["good"]
    assert not round_of(watched, "two:2").failure


def test_a_lease_that_was_lost_while_its_holder_slept(watched: Watched) -> None:
    """The sleeper wakes after another has made the round: it writes nothing more, and the other's word stands."""

    def other() -> None:
        with watched.state.database.write() as connection:  # an hour passes
            until = schema.lease.c.until_ns
            connection.execute(schema.lease.update().values(until_ns=until - LEASE_NS))
        assert not round_of(watched, "two:2").failure

    with pytest.raises(Locked, match="taken over"):
        round_of(watched, "one:1", other)
    assert watched.incidents() == []
    with watched.state.database.read() as connection:
        ended = connection.execute(sa.select(schema.round_.c.ended_ns).order_by(schema.round_.c.number)).scalars().all()
    assert [end is not None for end in ended] == [True, False, True]
    assert not round_of(watched, "one:1").failure
