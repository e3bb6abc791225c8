"""Making the index anew: whatever was wrong with it, it says what the packs say afterwards."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom import _kernel
from strongroom.archive.check.run import CheckOptions, check
from strongroom.base.objects import Kind
from strongroom.base.progress import Reporter
from strongroom.maintenance.repair_index import RepairedIndex, repair_index
from tests.support.forge import Forge, dumps, node, sha
from tests.support.pruning import repositories
from tests.support.repositories import opened


def damaged(place: Path) -> Forge:
    """A sound repository with four packs of data, three trees, and two index files."""
    chance = random.Random(4)
    forge = Forge(place)
    folders = []
    for number in range(4):
        ids = forge.pack(*(("data", chance.randbytes(900 + number)) for _ in range(3)))
        files = [node(f"file{at}", "file", content=[blob], size=900) for at, blob in enumerate(ids)]
        folders.append(node(f"folder{number}", "dir", subtree=forge.tree(*files)))
    root = forge.tree(*folders)
    forge.index(forge.entries[:3])
    forge.index(forge.entries[3:])
    forge.snapshot(root)
    return forge


def indexes(forge: Forge) -> list[Path]:
    """The index files."""
    return sorted((forge.place / "index").iterdir())


def missing(forge: Forge) -> None:
    indexes(forge)[0].unlink()


def truncated(forge: Forge) -> None:
    path = indexes(forge)[-1]
    path.write_bytes(path.read_bytes()[:-20])


def flipped(forge: Forge) -> None:
    path = indexes(forge)[-1]
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 1
    path.write_bytes(stored)


def junk(forge: Forge) -> None:
    forge.write("index", os.urandom(100))


def no_index_at_all(forge: Forge) -> None:
    forge.unpacked("index", b"[1, 2]")


def of_a_pack_that_is_gone(forge: Forge) -> None:
    forge.index([{"id": sha(b"gone"), "blobs": forge.entries[0]["blobs"]}])


def fewer_blobs(forge: Forge) -> None:
    missing(forge)
    forge.index([pack | {"blobs": pack["blobs"][:1]} for pack in forge.entries])


def other_blobs(forge: Forge) -> None:
    one, two = forge.entries[0], forge.entries[2]
    forge.index([one | {"blobs": two["blobs"]}])


def other_places(forge: Forge) -> None:
    forge.index([pack | {"blobs": [blob | {"offset": 7} for blob in pack["blobs"]]} for pack in forge.entries])


def everything_twice(forge: Forge) -> None:
    forge.index()


def an_unindexed_pack(forge: Forge) -> None:
    forge.pack(("data", b"in no index"))


def an_incomplete_pack(forge: Forge) -> None:
    forge.write("data", os.urandom(300), sha(os.urandom(8)))


Damage = Callable[[Forge], None]
DAMAGES: tuple[Damage, ...] = (
    missing,
    truncated,
    flipped,
    junk,
    no_index_at_all,
    of_a_pack_that_is_gone,
    fewer_blobs,
    other_blobs,
    other_places,
    everything_twice,
    an_unindexed_pack,
    an_incomplete_pack,
)


def repaired(place: Path, *, read_all_packs: bool = False) -> RepairedIndex:
    """Repair it; under no lock, since nobody else is there."""
    with opened(place) as repository:
        return repair_index(repository, Reporter(), read_all_packs=read_all_packs)


def names(damages: tuple[Damage, ...]) -> str:
    """What a case is called."""
    return "-".join(damage.__name__ for damage in damages)


@pytest.mark.parametrize("damages", list(itertools.combinations(DAMAGES, 2)), ids=names)
def test_after_any_two_damages_the_index_is_that_of_the_packs(damages: tuple[Damage, ...], tmp_path: Path) -> None:
    """Every file is there again, ``check`` finds nothing, and a second repair has nothing to do."""
    forge = damaged(tmp_path)
    files = repositories.contents(tmp_path)
    for damage in damages:
        damage(forge)
    repaired(tmp_path, read_all_packs=len(names(damages)) % 2 == 0)
    with opened(tmp_path) as repository:
        assert check(repository, CheckOptions(read_data=True)).num_errors == 0
        expected = {pack["id"]: len(pack["blobs"]) for pack in forge.entries}
        index = repository.load_index()
        assert {pack: index.count(pack) for pack in index.packs()} == expected
    assert repositories.contents(tmp_path) == files
    before = [path.name for path in indexes(forge)]
    again = repaired(tmp_path)
    assert [path.name for path in indexes(forge)] == before
    assert (again.invalid, again.added, again.corrected, again.forgotten) == (0, 0, 0, 0)


def test_a_pack_that_is_gone_is_forgotten_and_what_it_had_is_missed(tmp_path: Path) -> None:
    """The index does not promise what is not there: a backup stores it again."""
    forge = damaged(tmp_path)
    pack = forge.entries[0]
    (tmp_path / "data" / pack["id"][:2] / pack["id"]).unlink()
    assert repaired(tmp_path).forgotten == 1
    with opened(tmp_path) as repository:
        index = repository.load_index()
        assert not index.contains_pack(pack["id"])
        assert not any(index.contains("data", blob["id"]) for blob in pack["blobs"])
        assert len(index.packs()) == len(forge.entries) - 1


def test_many_blobs_are_spread_over_several_files(tmp_path: Path) -> None:
    """As in restic a file has some 50,000 blobs; files that are full and right stay as they are."""
    forge = Forge(tmp_path)
    blobs = [(f"{number:064x}", 33 + number % 7) for number in range(120_000)]
    packs = []
    for at in range(0, len(blobs), 10_000):
        entries, offset, header = [], 0, b""
        for blob, length in blobs[at : at + 10_000]:
            entries.append({"id": blob, "type": "data", "offset": offset, "length": length})
            header += b"\0" + length.to_bytes(4, "little") + bytes.fromhex(blob)
            offset += length
        sealed = forge.secret.seal(header)
        path = forge.write("data", bytes(offset) + sealed + len(sealed).to_bytes(4, "little"))
        packs.append({"id": path.name, "blobs": entries})
    full = forge.index(packs[:5])
    forge.index(packs[5:7])
    repaired(tmp_path)
    assert full in indexes(forge)
    assert len(indexes(forge)) == 3
    with opened(tmp_path) as repository:
        assert len(repository.load_index()) == 120_000


def test_packs_of_which_not_all_is_remembered_are_named_wholly(tmp_path: Path) -> None:
    """More than 64 packs claim one blob: the index names all that each of them holds, as restic's check wants it."""
    forge = Forge(tmp_path)
    for number in range(70):
        forge.pack(("data", b"the same"), ("data", number.to_bytes(2)))
    for everything in (False, True, False):
        repaired(tmp_path, read_all_packs=everything)
        with opened(tmp_path) as repository:
            named = [
                pack
                for info in repository.store.list(Kind.INDEX)
                for pack in _kernel.parse_index(repository.load_unpacked(Kind.INDEX, info.name.name))
            ]
        assert sorted((pack, len(blobs)) for pack, blobs in named) == sorted((pack["id"], 2) for pack in forge.entries)


def test_the_kernel_writes_an_index_file_of_some_packs(tmp_path: Path) -> None:
    """Byte for byte what ``encode_index`` makes of the same entries."""
    forge = damaged(tmp_path)
    index = _kernel.Index()
    index.load(dumps({"packs": forge.entries}))
    some = [pack["id"] for pack in forge.entries[:2]]
    assert index.encode([*some, sha(b"unknown")]) == _kernel.encode_index(
        [(pack, index.pack_entries(pack)) for pack in some]
    )
