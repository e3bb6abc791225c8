"""M-3: whoever has the custodian's machine empties no replica: its keeper has a key, a record and holds of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.errors import Damaged, Refused
from strongroom.custody.executor.operators import Operators
from strongroom.custody.executor.words import APPROVE, OperatorWord, plan_thing
from strongroom.custody.planned.orders import SNAPSHOTS, Item, Order, read_order
from strongroom.custody.replica.statement import GoingStatement, newest_statement, write_statement
from strongroom.receipts.commit.signing_key import load_or_create
from strongroom.storage.repository_files import files_beside
from tests.support.custody.fixtures import clock, custody, host
from tests.support.custody.in_process import DAY, Custody, Host, sound
from tests.support.custody.kept import KeptCopy

__all__ = ["clock", "custody", "host"]


@pytest.fixture
def copy(custody: Custody, tmp_path: Path) -> Iterator[KeptCopy]:
    """The replica after a first run, and its keeper after a first look."""
    made = KeptCopy(custody, tmp_path / "replica", tmp_path / "keeper")
    made.replicate()
    made.keep()
    yield made
    made.close()


def say(copy: KeptCopy, names: set[str], number: int = 50, *, signer: str = "") -> None:
    """A statement that whoever has the judge's key signs; or another's."""
    custody = copy.custody
    made = GoingStatement(custody.adopted.id, str(copy.place), number, custody.clock.now_ns(), tuple(sorted(names)))
    key = load_or_create(signer, "strongroom-judge") if signer else custody.signer
    write_statement(files_beside(copy.store()), made, key)


def everything(copy: KeptCopy) -> set[str]:
    """All that is there, as a statement names it."""
    return {f"{kind}/{name}" for kind in ("snapshots", "index", "data") for name in copy.names(kind)}


def test_s_8_a_replica_lets_go_what_the_repository_did_and_is_whole_each_day(
    custody: Custody, host: Host, copy: KeptCopy
) -> None:
    """S-8: backups, rounds, `replicate` and the keeper for three weeks: snapshots, indexes and packs go there later
    than in the repository, what is listed is whole each evening, and nothing of it is an incident."""
    went: dict[str, int] = {"snapshots": 0, "index": 0, "data": 0}
    for _ in range(20):
        custody.clock.advance(DAY)
        host.backup()
        custody.round()
        custody.hand_over()
        copy.replicate()
        for _, name in copy.keep().removed:
            went[name.partition("/")[0]] += 1
        assert sound(copy.place) == []
        assert custody.open_incidents() == []
    assert custody.names("snapshots") <= copy.names("snapshots")
    assert all(went.values()), went
    assert len(copy.names("snapshots")) < len(host.files) - 4
    assert len(copy.names("data")) < sum(map(len, host.packs.values())) - went["data"] // 2
    assert custody.names("data") <= copy.names("data")


def test_m_3_a_stolen_judge_waits_here_and_is_bounded(custody: Custody, host: Host, tmp_path: Path) -> None:
    """M-3: all of the repository is deleted, and all of the replica is said to be going, each day anew: nothing goes
    for the hold; then no more than a quarter of the snapshots and a tenth of the bytes, and each is in the trash."""
    for _ in range(11):
        host.backup()
    custody.round()
    copy = KeptCopy(custody, tmp_path / "replica", tmp_path / "keeper")
    copy.replicate()
    copy.keep()
    before = everything(copy)
    size = sum(path.stat().st_size for path in (copy.place / "data").rglob("*") if path.is_file())
    shutil.rmtree(custody.place / "snapshots")
    removed: set[str] = set()
    for day in range(6):
        say(copy, before - removed, 50 + day)
        removed |= {name for _, name in copy.keep().removed}
        assert day >= copy.hold or not removed
        custody.clock.advance(DAY)
    assert 0 < len({name for name in removed if name.startswith("snapshots/")}) <= 3
    left = sum(path.stat().st_size for path in (copy.place / "data").rglob("*") if path.is_file())
    assert size * 0.9 <= left < size
    trash = {path.name[:64] for path in (copy.place / ".strongroom" / "trash").rglob("*") if path.is_file()}
    assert {name.partition("/")[2] for name in removed} == trash
    copy.close()


def test_m_3_words_of_others_old_words_and_silence_let_nothing_go(
    custody: Custody, host: Host, copy: KeptCopy, tmp_path: Path
) -> None:
    """M-3: a statement of another key, of another place, one that is brought back after a newer one was taken away, and
    one of a custodian that has been silent since."""
    for _ in range(4):
        custody.clock.advance(DAY)
        host.backup()
        custody.round()
        copy.replicate()
    names = everything(copy)
    say(copy, names, 60, signer=str(tmp_path / "other"))
    files = files_beside(copy.store())
    judge = custody.signer.verifier
    newest = newest_statement(files, judge, custody.adopted.id, str(copy.place))
    assert newest is None or newest.number < 60
    assert newest_statement(files, judge, custody.adopted.id, "elsewhere") is None
    say(copy, names, 61)
    assert not copy.keep().doubt
    say(copy, set(), 62)
    copy.keep()
    assert copy.book.plans() == []  # the newest word names nothing any more
    (copy.place / ".strongroom" / "custody" / "going" / f"{62:010d}").unlink()
    for _ in range(4):
        assert "taken away" in copy.keep().doubt
        custody.clock.advance(DAY)
    say(copy, names, 63)
    custody.clock.advance(4 * DAY)
    assert "has said nothing for" in copy.keep().doubt
    assert everything(copy) == names


def test_m_3_a_plan_of_the_judges_is_none_of_the_keepers(custody: Custody, copy: KeptCopy) -> None:
    """M-3: an order that the judge signs for the replica's place is not taken by the keeper's executor."""
    (name,) = copy.names("snapshots")
    order = Order(custody.adopted.id, str(copy.place), 1, 9, SNAPSHOTS, 0, "", (Item(f"snapshots/{name}", 1),)).sign(
        custody.signer
    )
    assert copy.executor().look([order])
    with pytest.raises(Damaged):
        read_order(order, copy.signer.verifier)
    custody.clock.advance(9 * DAY)
    assert copy.executor().waits(9)


def test_m_3_what_was_put_away_ends_by_a_plan_after_its_days(custody: Custody, host: Host, tmp_path: Path) -> None:
    """M-3: the trash of a replica ends `expiry` days later by a plan that is held like any other, and no sooner; the
    keeper's mark stops no `replicate`, and what somebody else deletes there is copied again."""
    for _ in range(3):
        host.backup()
    custody.round()
    copy = KeptCopy(custody, tmp_path / "replica", tmp_path / "keeper", expiry=10)
    copy.replicate()
    copy.keep()
    name = sorted(copy.names("snapshots"))[0]
    trash = copy.place / ".strongroom" / "trash"
    for day in range(16):
        say(copy, {f"snapshots/{name}"}, 50 + day)
        copy.keep()
        if day < 13:
            assert (name in copy.names("snapshots")) == (day < 2)
            assert bool(list(trash.rglob(f"{name}*"))) == (day >= 2)
        custody.clock.advance(DAY)
    assert list(trash.rglob(f"{name}*")) == []
    assert copy.replicate().copied["snapshots"] == 1
    copy.close()


def test_m_3_a_keeper_asks_for_operators_signatures(custody: Custody, copy: KeptCopy, tmp_path: Path) -> None:
    """M-3: with operators=1 a plan goes beyond the bounds of thirty days by nobody's word at the keeper's machine but
    one that is signed by a key of its roster."""
    copy.operators = 1
    ann = load_or_create(str(tmp_path / "ann"), "ann")
    operators = Operators(copy.records)
    assert operators.add(ann.verifier, []) == 0
    say(copy, everything(copy))
    copy.keep()
    plan = copy.book.plans()[0]
    with pytest.raises(Refused, match="signatures of 1 operators"):
        copy.executor().approve(plan.number, "root")
    thing = plan_thing(plan.number, plan.signed.digest)
    word = OperatorWord(custody.adopted.id, str(copy.place), APPROVE, thing, 0, "ab" * 16)
    operators.hear(custody.adopted.id, str(copy.place), word.sign(ann))
    copy.executor().approve(plan.number, "ann")
    seen = copy.records.sighting(custody.adopted.id, plan.number)
    assert seen is not None
    assert seen.approved == "ann"


def test_statements_that_later_ones_replaced_are_tidied_away(copy: KeptCopy) -> None:
    """The judge writes one a day, and some stay beside the replica, the newest among them."""
    for number in range(60, 100):
        say(copy, set(), number)
    assert not copy.keep().doubt
    assert not copy.keep().doubt
    left = sorted(path.name for path in (copy.place / ".strongroom" / "custody" / "going").iterdir())
    assert left[-1] == f"{99:010d}"
    assert len(left) == 30
