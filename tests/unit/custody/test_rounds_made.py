"""R-13: what `custody status` calls well was so at the newest round, and nothing that is due since stayed away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from strongroom.custody.replica.notes import note_run, set_place
from strongroom.custody.rounds_made.newest import note_failure
from strongroom.custody.schemas.main import repository as repositories
from strongroom.custody.standing import BROKEN, LATE, WELL, Standing, standings
from strongroom.custody.syncing import look as plain_look
from strongroom.custody.telling.metrics import metrics
from strongroom.custody.unfinished import NOT_ENDED
from tests.support.clock import ManualClock
from tests.support.custody.in_process import DAY, Custody, Host, _rfc3339

HOUR = 3600


class Killed(BaseException):
    """The end of a process, which nothing catches."""


@pytest.fixture
def host(tmp_path: Path, clock: ManualClock) -> Host:
    """A host with two sources, both of which still send."""
    made = Host(tmp_path / "r", clock)
    other(made, made.backup())
    return made


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at no special moment."""
    return ManualClock(1_800_000_000 * 10**9)


def other(host: Host, like: str) -> None:
    """The other source's backup, of the same files."""
    tree = next(entry for entry in host.forge.entries if entry["id"] == host.packs[like][-1])["blobs"][0]["id"]
    host.forge.snapshot(tree, time=_rfc3339(host.clock.now_ns()), hostname="other")


def standing(custody: Custody, after: float = 0) -> Standing:
    """How the repository stands, so many seconds from now."""
    (found,) = standings(custody.state, custody.clock.now_ns() + int(after * 10**9))
    return found


def in_a_round(custody: Custody, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """A round in whose look something happens."""

    def look(*arguments: Any) -> Any:
        happens()
        return plain_look(*arguments)

    monkeypatch.setattr("strongroom.custody.rounds.look", look)
    try:
        custody.round()
    finally:
        monkeypatch.undo()


def test_r_13_a_round_that_was_killed_is_told_until_one_goes_through(
    custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-13: the round before was well a minute ago; the one that was killed is not forgotten for that."""
    before = standing(custody)
    assert (before.state, before.failure) == (WELL, "")

    def end() -> None:
        raise Killed

    with pytest.raises(Killed):
        in_a_round(custody, monkeypatch, end)
    found = standing(custody)
    assert (found.state, found.failure, found.last_round_ns) == (BROKEN, NOT_ENDED, before.last_round_ns)
    custody.state.release(custody.state.claim(custody.adopted.id, "another"))
    assert standing(custody).failure == NOT_ENDED
    custody.round()
    assert standing(custody).state == WELL


def test_r_13_a_round_that_is_under_way_hides_nothing_and_ends_with_its_process(
    custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-13: while one is made, what stands is of before; once its process is gone it will not end."""
    seen = []

    def look() -> None:
        seen.append(standing(custody))
        monkeypatch.setattr(custody.state, "is_gone", lambda holder: holder == "test")
        seen.append(standing(custody))

    in_a_round(custody, monkeypatch, look)
    assert ("under way" in seen[0].running, seen[0].state) == (True, WELL)
    assert (seen[1].running, seen[1].state) == ("", BROKEN)
    assert standing(custody).state == WELL


def test_r_13_a_failure_before_or_after_a_round_moves_no_deadline(custody: Custody) -> None:
    """R-13: what ended a round outside of it (no identity, a store that is not to be opened, a plan that could not be
    executed) is remembered, each time anew, and no deadline moves by it."""
    deadline = metrics(custody.state, [(custody.adopted, standing(custody))])
    for words in ("no\nidentity", *(f"no store {number}" for number in range(12))):
        custody.clock.advance(HOUR)
        note_failure(custody.state, custody.adopted, words, "test")
        found = standing(custody)
        assert (found.state, found.failure) == (BROKEN, words.replace("\n", " "))
    now = metrics(custody.state, [(custody.adopted, standing(custody))])
    kept = [line for line in deadline.splitlines() if "_deadline_" in line]
    assert [line for line in now.splitlines() if "_deadline_" in line] == kept
    assert 'state{repository="web",state="broken"} 1' in now
    custody.round()
    assert standing(custody).state == WELL


def test_r_13_a_source_that_ended_is_not_hidden_by_one_that_goes_on(custody: Custody, host: Host) -> None:
    """R-13: one host's backups stop, another's in the same repository do not. A clock that was set back, or that was
    ahead when a round was made, makes nothing well either."""
    for _ in range(4):
        custody.clock.advance(DAY)
        host.backup()
        custody.round()
    found = standing(custody)
    assert (found.state, "other" in found.advice) == (LATE, True)
    assert found.good_due_ns < custody.clock.now_ns()
    other(host, next(iter(host.packs)))
    custody.round()
    assert standing(custody).state == WELL
    assert standing(custody, 27 * HOUR).state == LATE
    assert standing(custody, -30 * DAY).state == LATE


def test_r_13_a_replica_that_nothing_feeds_is_told(custody: Custody) -> None:
    """R-13: runs of `replicate` stop, or fail, while rounds go on."""
    lease = custody.state.claim(custody.adopted.id, "test")
    set_place(custody.state, lease, custody.adopted, "elsewhere", "test")
    note_run(custody.state, lease, custody.adopted, "", 0)
    assert standing(custody).state == WELL
    note_run(custody.state, lease, custody.adopted, "the store is\naway", 0)
    assert (standing(custody).state, standing(custody).replica) == (
        LATE,
        "`custody replicate` failed: the store is away",
    )
    note_run(custody.state, lease, custody.adopted, "", 3)
    assert standing(custody).state == WELL
    assert "for more than a day" in standing(custody, 27 * HOUR).replica
    custody.state.release(lease)


@pytest.fixture
def custody(tmp_path: Path, clock: ManualClock, host: Host) -> Any:
    """The custodian, after a first round."""
    made = Custody(host.place, tmp_path / "custodian", clock=clock)
    made.round()
    yield made
    made.close()


def test_a_status_of_many_asks_once(custody: Custody) -> None:
    """Forty repositories more are three questions more for each, no more: else a thousand take a minute."""
    asked: list[str] = []
    sa.event.listen(custody.state.database.engine, "before_cursor_execute", lambda *of: asked.append(of[2]))
    standings(custody.state, custody.clock.now_ns())
    before = len(asked)
    with custody.state.database.write() as connection:
        (row,) = connection.execute(sa.select(repositories)).mappings()
        for number in range(40):
            values = {**row, "id": f"{number:064x}", "name": f"web{number}"}
            connection.execute(repositories.insert().values(values))
    asked.clear()
    assert len(standings(custody.state, custody.clock.now_ns())) == 41
    assert len(asked) <= before + 3 * 40
