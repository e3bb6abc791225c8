"""Reading all index files: large ones one at a time, small ones of a folder on this machine together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.objects import Kind
from strongroom.repository import index_reading
from strongroom.repository.opening import open_repository
from strongroom.storage.local.store import LocalStore
from tests.support.forge import dumps, ordinary
from tests.support.repositories import PASSWORD, Machine
from tests.unit.repository.test_opened import FarStore, NearStore

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_large_index_files_are_read_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index file beyond what may be read beside others, by its size or by what it expands to, is still read."""
    store = LocalStore(str(ordinary(tmp_path).place))
    expected = open_repository(store, PASSWORD, surroundings=Machine().surroundings).load_index().packs()
    monkeypatch.setattr(index_reading, "SMALL_FILE", 0)
    for limit in (10, store.stat(next(store.list(Kind.INDEX)).name).size):
        monkeypatch.setattr(index_reading, "SMALL_INDEX", limit)
        again = open_repository(store, PASSWORD, surroundings=Machine().surroundings)
        assert again.load_index().packs() == expected != []


def test_small_index_files_on_this_machine_are_read_together(tmp_path: Path) -> None:
    """They say the same as when each is asked for; only large ones, and those with something wrong, are asked for."""
    forge = ordinary(tmp_path)
    for number in range(150):
        forge.pack(("data", b"%d" % number))
        forge.index(forge.entries[-1:])
    blobs = [{"id": f"{number:064x}", "type": "data", "offset": 100 * number, "length": 100} for number in range(2000)]
    large = forge.unpacked("index", dumps({"packs": [{"id": "e" * 64, "blobs": blobs}]})).name
    foreign = forge.write("index", b"junk").name
    broken = forge.unpacked("index", b'{"packs":[7]}').name

    def load(store: NearStore) -> tuple[dict[str, set[str]], set[str], list[str]]:
        repository = open_repository(store, PASSWORD, surroundings=Machine().surroundings)
        files: dict[str, set[str]] = {}
        failed: set[str] = set()
        repository.load_index(
            on_error=lambda name, _: failed.add(name), on_file=lambda name, packs: files.update({name: set(packs)})
        )
        assert set(repository.index.packs()) == set().union(*files.values())
        return files, failed, [name for name in store.reads if name.startswith("index/")]

    far, near = load(FarStore(str(forge.place))), load(NearStore(str(forge.place)))
    assert near[:2] == far[:2] and near[1] == {foreign, broken} and len(near[0]) == 152
    assert set(near[2]) == {f"index/{large}", f"index/{foreign}"} and len(far[2]) >= 154
