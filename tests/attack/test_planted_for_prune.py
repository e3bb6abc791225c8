"""What an intruder with the password plants so that a prune throws honest data away: nothing honest is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Missing
from strongroom.base.progress import Reporter
from strongroom.maintenance.prune_plan import MaxUnused, PruneOptions
from strongroom.maintenance.repair_index import repair_index
from tests.support.forge import sha
from tests.support.pruning.honest import Honest, needed

if TYPE_CHECKING:
    pass

TRUSTING = PruneOptions(max_unused=MaxUnused(percent=0), trust_index=True)
DAY_AND_MORE = 90_000


def claims_in_a_lying_pack(honest: Honest) -> None:
    honest.plant_first([honest.false_pack(*needed(honest, "data"))])


def eight_lying_packs(honest: Honest) -> None:
    honest.plant_first([honest.false_pack(*needed(honest, "data")) for _ in range(8)])


def claims_in_a_tiny_pack(honest: Honest) -> None:
    before = len(honest.forge.entries)
    honest.forge.pack(("data", b"tiny"))
    tiny = honest.forge.entries[before]
    honest.plant_first([tiny | {"blobs": needed(honest, "data")}])


def claims_in_a_pack_that_is_not_there(honest: Honest) -> None:
    honest.plant_first([{"id": sha(b"nowhere"), "blobs": needed(honest, "data") + needed(honest, "tree")}])


def more_blobs_in_an_honest_pack(honest: Honest) -> None:
    one, two = honest.packs[0], honest.packs[1]
    honest.plant_first([one | {"blobs": two["blobs"]}, two | {"blobs": one["blobs"][:1]}])


def other_places_in_an_honest_pack(honest: Honest) -> None:
    shifted = [blob | {"offset": blob["offset"] + 1, "length": blob["length"] - 1} for blob in honest.packs[0]["blobs"]]
    honest.plant_first([honest.packs[0] | {"blobs": shifted}])


def a_crowd(honest: Honest) -> None:
    """So many claims of one blob that the honest one is not remembered."""
    blob = needed(honest, "data")[0]
    honest.plant_first([{"id": sha(bytes([number])), "blobs": [blob]} for number in range(70)])


def a_crowd_and_another_blob_of_the_same_length(honest: Honest) -> None:
    """The honest claim is crowded out, and another one takes its place so that the sizes agree."""
    blob, other = needed(honest, "data")[0], needed(honest, "data")[5]
    crowd = [{"id": sha(bytes([number])), "blobs": [blob]} for number in range(70)]
    instead = [blob | {"id": other["id"]}]
    honest.plant_first([*crowd, honest.packs[0] | {"blobs": instead}])


def a_crowd_of_stored_packs(honest: Honest) -> None:
    """More packs than an index remembers claim two blobs; each is stored, and its size and header fit the claim."""
    honest.plant_first([honest.false_pack(*needed(honest, "data")[:2]) for _ in range(70)])


def a_crowd_of_lying_trees(honest: Honest) -> None:
    honest.plant_first([honest.false_pack(*needed(honest, "tree")) for _ in range(70)])


def a_crowd_of_true_copies(honest: Honest) -> None:
    for _ in range(70):
        honest.forge.pack(("data", honest.contents[0]), ("data", b"rubbish"))
    honest.plant_first(honest.forge.entries[-70:])


def supersedes(honest: Honest) -> None:
    honest.plant_first([], supersedes=[honest.index.name])


def packs_to_delete(honest: Honest) -> None:
    honest.plant_first([], packs_to_delete=[pack | {"time": "2020-01-01T00:00:00Z"} for pack in honest.packs])


def true_copies(honest: Honest) -> None:
    honest.forge.pack(*(("data", content) for content in honest.contents))
    honest.plant_first([honest.forge.entries[-1]])


def lying_trees(honest: Honest) -> None:
    honest.plant_first([honest.false_pack(*needed(honest, "tree"))])


def trees_in_a_pack_that_is_not_there(honest: Honest) -> None:
    honest.plant_first([{"id": sha(b"nowhere"), "blobs": needed(honest, "tree")}])


Plant = Callable[[Honest], None]
CASES: list[tuple[str, Plant]] = [
    ("A-1", claims_in_a_lying_pack),
    ("A-1", eight_lying_packs),
    ("A-1", claims_in_a_tiny_pack),
    ("A-1", claims_in_a_pack_that_is_not_there),
    ("A-1", more_blobs_in_an_honest_pack),
    ("A-1", other_places_in_an_honest_pack),
    ("A-1", a_crowd),
    ("A-1", a_crowd_and_another_blob_of_the_same_length),
    ("A-1", a_crowd_of_stored_packs),
    ("A-1", a_crowd_of_true_copies),
    ("A-1", true_copies),
    ("A-2", lying_trees),
    ("A-2", trees_in_a_pack_that_is_not_there),
    ("A-2", a_crowd_of_lying_trees),
    ("A-7", supersedes),
    ("A-8", packs_to_delete),
]


@pytest.mark.parametrize("plant", [pytest.param(plant, id=f"{threat}-{plant.__name__}") for threat, plant in CASES])
def test_nothing_honest_is_lost(plant: Plant, tmp_path: Path) -> None:
    """A-1, A-2, A-7, A-8: after what was planted each file is there, the garbage is gone, and a second prune agrees."""
    honest = Honest(tmp_path)
    plant(honest)
    garbage = honest.packs[2]["id"]
    honest.prune()
    assert honest.restores()
    assert garbage not in honest.data()
    honest.prune()
    assert honest.restores()
    with honest.open() as repository, repository.lock(exclusive=True) as lock:
        repair_index(repository, Reporter(), lock=lock, read_all_packs=True)
    assert honest.restores()


@pytest.mark.parametrize("plant", [a_crowd, a_crowd_of_stored_packs, a_crowd_of_lying_trees, a_crowd_of_true_copies])
def test_readers_find_what_a_crowd_hides(plant: Plant, tmp_path: Path) -> None:
    """A-1: where more places are named of a blob than an index remembers the true one is found, and nothing removed."""
    honest = Honest(tmp_path)
    plant(honest)
    before = honest.data()
    assert honest.restores()
    assert honest.data() == before


def test_a_crowd_of_planted_packs_goes(tmp_path: Path) -> None:
    """A-1: one true copy is left of what 70 packs claim, other options leave out none of it, and repairs are not
    stopped by the crowd either."""
    honest = Honest(tmp_path)
    a_crowd_of_stored_packs(honest)
    a_crowd_of_true_copies(honest)
    a_crowd_of_lying_trees(honest)
    with honest.open() as repository, repository.lock(exclusive=True) as lock:
        repair_index(repository, Reporter(), lock=lock)
    assert len(honest.data()) > 210
    honest.prune(PruneOptions(max_repack_size=0, repack_cacheable_only=True))
    assert honest.restores()
    honest.prune(PruneOptions(trust_index=True))
    assert honest.restores()
    assert len(honest.data()) < 10
    with honest.open() as repository:
        assert not repository.load_index().crowded()


def test_who_trusts_the_index_loses_what_is_honest(tmp_path: Path) -> None:
    """A-1: the same plants cost files where the index is believed, so that the tests above can fail."""
    lost = False
    for number in range(12):  # which copy is kept hangs on random seeds
        honest = Honest(tmp_path / str(number))
        claims_in_a_lying_pack(honest)
        honest.prune(TRUSTING)
        lost = lost or not honest.restores()
    assert lost


def test_young_packs_in_no_index_stay(tmp_path: Path) -> None:
    """A-9: a pack of a backup whose lock was removed stays for a day, and its snapshot can follow."""
    honest = Honest(tmp_path)
    honest.forge.pack(("data", b"of a backup that goes on"))
    young = honest.forge.entries[-1]["id"]
    honest.forge.pack(("data", b"of one that was killed the day before yesterday"))
    old = honest.forge.entries[-1]["id"]
    path = tmp_path / "data" / old[:2] / old
    os.utime(path, (time.time() - DAY_AND_MORE,) * 2)
    honest.prune()
    assert young in honest.data() and old not in honest.data()
    honest.prune(TRUSTING)
    assert young not in honest.data()


def test_a_pack_in_no_index_that_has_the_only_true_copy_stays(tmp_path: Path) -> None:
    """A-3, A-9: the index names a lying pack alone, and the honest one is in no index: nothing goes, and what to do is
    said."""
    honest = Honest(tmp_path)
    lying = honest.false_pack(*(blob for blob in needed(honest, "data") if blob in honest.packs[0]["blobs"]))
    honest.index.unlink()
    honest.forge.index([lying, *honest.packs[1:]])
    pack = honest.packs[0]["id"]
    os.utime(tmp_path / "data" / pack[:2] / pack, (time.time() - DAY_AND_MORE,) * 2)
    before = honest.data()
    with pytest.raises(Missing) as stopped:
        honest.prune()
    assert "repair index" in stopped.value.hint
    assert honest.data() == before
    with honest.open() as repository, repository.lock(exclusive=True) as lock:
        repair_index(repository, Reporter(), lock=lock)
    honest.prune()
    assert honest.restores()


def test_a_pack_that_seems_unused_speaks_for_itself(tmp_path: Path) -> None:
    """A-1: an honest pack of which the index names only rubbish of the same size is not removed for that."""
    honest = Honest(tmp_path)
    first = honest.packs[0]
    wanted = [blob for blob in needed(honest, "data") if blob in first["blobs"]]
    rubbish = [blob | {"id": sha(os.urandom(8))} for blob in first["blobs"]]
    honest.index.unlink()
    honest.forge.index([honest.false_pack(*wanted), first | {"blobs": rubbish}, *honest.packs[1:]])
    before = honest.data()
    with pytest.raises(Missing):
        honest.prune()
    assert honest.data() == before
    with honest.open() as repository, repository.lock(exclusive=True) as lock:
        repair_index(repository, Reporter(), lock=lock, read_all_packs=True)
    honest.prune()
    assert honest.restores()
