"""What maintenance removes from a folder can be kept by the run, brought back whole, and purged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Exists, StoreError
from strongroom.base.objects import Kind, ObjectName
from strongroom.storage.local.store import LocalStore
from strongroom.storage.removal.run_trash import KeepingRemoval, bring_back, kept_runs, purge_run, run_name

if TYPE_CHECKING:
    from pathlib import Path

NS = 1_000_000_000
AT = 1_790_000_000 * NS + 5
RUN = run_name(AT, "prune")
NAMES = [ObjectName(kind, f"{number}{'a' * 63}") for number, kind in enumerate((Kind.SNAPSHOT, Kind.INDEX, Kind.DATA))]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A folder with a snapshot, an index file and a pack."""
    made = LocalStore(str(tmp_path))
    made.prepare()
    for name in NAMES:
        made.create(name, name.path.encode())
    return made


def present(store: LocalStore) -> list[ObjectName]:
    """What the repository sees."""
    return [info.name for kind in (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA) for info in store.list(kind)]


def test_what_is_removed_is_out_of_sight_and_comes_back(store: LocalStore) -> None:
    """Nothing of it is listed while it is kept; afterwards every byte is back, and nothing is left in the trash."""
    removal = KeepingRemoval(store, RUN)
    for name in [*NAMES, NAMES[0]]:  # what is gone already is success
        removal.remove(name)
    size = sum(len(name.path) for name in NAMES)
    assert present(store) == []
    assert (removal.objects, removal.bytes) == (3, size)
    (run,) = kept_runs(store)
    assert (run.name, run.time_ns, run.verb, run.bytes) == (RUN, AT, "prune", size)
    assert run.objects == {Kind.SNAPSHOT: 1, Kind.INDEX: 1, Kind.DATA: 1}
    asked: list[tuple[ObjectName, bytes, list[ObjectName]]] = []

    def admits(name: ObjectName, stored: bytes) -> bool:
        asked.append((name, stored, present(store)))
        return True

    bring_back(store, RUN, admits)
    index = NAMES[1]
    assert asked == [(index, index.path.encode(), NAMES[2:])], "asked once the packs are back, before the snapshot is"
    assert present(store) == NAMES
    assert [store.read_bytes(name) for name in NAMES] == [name.path.encode() for name in NAMES]
    assert kept_runs(store) == []


def test_an_index_file_that_is_refused_goes(store: LocalStore) -> None:
    """The rest comes back, and nothing is left in the trash."""
    removal = KeepingRemoval(store, RUN)
    for name in NAMES:
        removal.remove(name)
    bring_back(store, RUN, lambda _name, _stored: False)
    assert present(store) == [NAMES[0], NAMES[2]]
    assert kept_runs(store) == []


def test_what_broke_off_can_be_finished(store: LocalStore) -> None:
    """An object that is back already is no obstacle, one of another size is, and neither is lost."""
    removal = KeepingRemoval(store, RUN)
    for name in NAMES:
        removal.remove(name)
    store.create(NAMES[2], NAMES[2].path.encode())
    store.create(NAMES[1], b"another")
    with pytest.raises(Exists, match="another object of this name"):
        bring_back(store, RUN)
    assert present(store) == [NAMES[1], NAMES[2]], "the snapshot waits for what it needs"
    assert kept_runs(store)[0].objects == {Kind.SNAPSHOT: 1, Kind.INDEX: 1, Kind.DATA: 0}
    os.unlink(os.path.join(store.path, NAMES[1].path))
    bring_back(store, RUN)
    assert present(store) == NAMES


def test_a_purge_takes_what_names_others_first(store: LocalStore, tmp_path: Path) -> None:
    """Broken off in the middle it leaves packs that nothing names, never a snapshot without its packs."""
    removal = KeepingRemoval(store, RUN)
    for name in NAMES:
        removal.remove(name)
    stuck = tmp_path / ".strongroom" / "trash" / RUN / NAMES[1].path
    stuck.unlink()
    stuck.mkdir()
    with pytest.raises(StoreError):
        purge_run(store, RUN)
    assert [path.name for path in stuck.parents[1].rglob("*") if path.is_file()] == [NAMES[2].name]
    stuck.rmdir()
    purge_run(store, RUN)
    assert kept_runs(store) == [] and present(store) == []


def test_a_gateways_trash_and_strange_names_are_left_alone(store: LocalStore, tmp_path: Path) -> None:
    """Dated folders are the gateway's; a name that is none of ours is no run, and is never purged."""
    for name in ("2026-11-30", f"{RUN}-1", "notes"):
        (tmp_path / ".strongroom" / "trash" / name / "data").mkdir(parents=True)
    assert kept_runs(store) == []
    for name in ("2026-11-30", "../..", f"{RUN}/.."):
        for use in (lambda run: KeepingRemoval(store, run), lambda run: purge_run(store, run)):
            with pytest.raises(ValueError, match="no name of a run"):
                use(name)
    removal = KeepingRemoval(store, RUN)
    removal.remove(NAMES[0])
    stranger = tmp_path / ".strongroom" / "trash" / RUN / "snapshots" / "stranger"
    stranger.write_text("x")
    purge_run(store, RUN)
    assert stranger.exists() and present(store) == NAMES[1:]
