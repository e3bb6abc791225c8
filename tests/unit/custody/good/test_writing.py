"""When a round writes the list, and what is there when it fails or is killed anywhere."""

from __future__ import annotations

import pytest

from strongroom.base.errors import Unavailable
from strongroom.base.progress import Reporter
from strongroom.base.record import replace
from strongroom.custody.changes.waiting import change_policy
from strongroom.custody.continuity import newest
from strongroom.custody.deciding import condemn_snapshot
from strongroom.custody.drills.newest_list import newest_list
from strongroom.custody.executor.ways import NumberedFileRemoval
from strongroom.custody.good.text import FOLDER, GoodList
from strongroom.custody.good.writing import KEPT, tidy_lists, written_list
from strongroom.custody.rounds import run_round
from strongroom.storage.own.folder import FolderFiles
from strongroom.storage.repository_files import files_beside
from tests.support.custody.in_process import DAY, Custody, Host


def lists(custody: Custody) -> list[str]:
    """The names of the lists beside the repository."""
    folder = custody.place / ".strongroom" / FOLDER
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def read(custody: Custody) -> GoodList:
    """The newest list, without any doubt."""
    found = newest_list(files_beside(custody.store()), custody.signer.verifier, custody.adopted.id)
    assert (found.passed, found.doubt) == ((), "")
    return found.list


def test_a_round_writes_it_where_something_changed_alone(
    custody: Custody, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new snapshot and a condemned one are news; a round without news writes its record and asks for nothing more."""
    (first,) = lists(custody)
    asked: list[str] = []
    for verb in ("write_once", "read", "names"):
        plain = getattr(FolderFiles, verb)

        def counting(self: FolderFiles, path: str, *data: bytes, plain: object = plain, verb: str = verb) -> object:
            asked.append(f"{verb} {path}")
            return plain(self, path, *data)  # type: ignore[operator]

        monkeypatch.setattr(FolderFiles, verb, counting)
    custody.clock.advance(DAY)
    custody.round()
    assert lists(custody) == [first]
    assert [one for one in asked if FOLDER in one] == []
    monkeypatch.undo()
    name = host.backup()
    custody.clock.advance(DAY)
    custody.round()
    assert len(lists(custody)) == 2
    made = read(custody)
    assert made.before == first
    assert made.sources[0].snapshots[0].id == name
    condemn_snapshot(custody.state, custody.adopted, name, "ann", "mine")
    custody.round()
    assert [one.id for one in read(custody).sources[0].snapshots] == [
        one.id for one in made.sources[0].snapshots if one.id != name
    ]


def test_names_are_shown_where_the_policy_says_so_alone(custody: Custody) -> None:
    """Hosts and paths stand nowhere in the list, and with ``show_names`` they do, in a new list at once."""
    (source,) = read(custody).sources
    hiding = (custody.place / ".strongroom" / FOLDER / lists(custody)[-1]).read_bytes()
    shown = replace(custody.adopted.policy, show_names=1)
    assert change_policy(custody.state, custody.adopted, shown, "ann", "shown", "") is None
    custody.round()
    (named,) = read(custody).sources
    assert named.snapshots == source.snapshots
    assert source.name == "1, whose name is hidden" != named.name
    assert named.name.encode() not in hiding


def test_a_round_that_fails_before_its_end_writes_none(custody: Custody, host: Host) -> None:
    """The store is away in the middle: neither a list nor a part of one is there, and the next round writes it."""
    host.backup()
    custody.clock.advance(DAY)
    custody.settle()
    before = lists(custody)
    data = custody.place / "data"
    data.rename(custody.place / "elsewhere")
    data.write_bytes(b"")
    words = (custody.state, custody.adopted, custody.store(), custody.identity, custody.surroundings, Reporter())
    assert run_round(*words, holder="test", signer=custody.signer).failure
    assert lists(custody) == before
    data.unlink()
    (custody.place / "elsewhere").rename(data)
    custody.round()
    assert len(lists(custody)) == len(before) + 1


@pytest.mark.parametrize("step", ["write_list", "write_record"])
def test_a_round_that_is_killed_at_the_end_leaves_none_or_a_whole_one(
    custody: Custody, host: Host, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Before the list, or between the list and its record: what is there reads well, the next round ends what was
    begun, with the same bytes, and then nothing is left to write."""
    host.backup()
    custody.clock.advance(DAY)
    before = lists(custody)

    def away(*_: object) -> bool:
        raise Unavailable("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(newest, step, away)
        with pytest.raises(AssertionError, match="killed here"):
            custody.round()
    made = read(custody)
    assert len(lists(custody)) == len(before) + (step == "write_record")
    written = written_list(custody.state, custody.adopted.id)
    assert written is not None and written.name == before[-1]
    custody.reopen()
    custody.round()
    assert len(lists(custody)) == len(before) + 1
    assert read(custody).number == 2
    if step == "write_record":
        assert read(custody) == made


def test_thirty_lists_stay(custody: Custody, host: Host) -> None:
    """Older ones are removed by who may remove, and by nobody else; what cannot be removed is asked for again."""
    remove = NumberedFileRemoval(custody.store()).remove
    for _ in range(KEPT + 2):
        host.backup()
        custody.clock.advance(3600)
        custody.round()
    names = lists(custody)
    assert len(names) == KEPT + 3

    def away(_: str) -> None:
        raise Unavailable("no")

    with pytest.raises(Unavailable):
        tidy_lists(custody.state, custody.adopted.id, away)
    assert lists(custody) == names
    tidy_lists(custody.state, custody.adopted.id, remove)
    assert lists(custody) == names[-KEPT:]
    tidy_lists(custody.state, custody.adopted.id, away)
    assert read(custody).number == KEPT + 3
    for path in (f"{FOLDER}/0000000001", f"{FOLDER}/../x", "custody/rounds/0000000001", f"{FOLDER}/a/{names[0]}"):
        with pytest.raises(ValueError, match="no numbered file"):
            remove(path)
