"""Which packs go: the kernel's counting and the rule, held against a slow twin on random repositories."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import _kernel
from strongroom.base.errors import Damaged, Missing
from strongroom.maintenance.prune_plan import MaxUnused, PruneOptions, plan_prune
from tests.twins import prune as twin

MIB = 1 << 20


def name(number: int) -> str:
    """An ID."""
    return hashlib.sha256(str(number).encode()).hexdigest()


@dataclass
class Use:
    """A pack as the kernel counts it."""

    id: str
    used_blobs: int
    unused_blobs: int
    used_size: int
    unused_size: int
    kind: str = "data"
    uncompressed: bool = False
    lies: bool = False


@dataclass
class Sums:
    """All packs together."""

    used_blobs: int = 0
    used_size: int = 0
    duplicate_blobs: int = 0
    duplicate_size: int = 0
    unused_blobs: int = 0
    unused_size: int = 0


def plan(packs: list[Use], options: PruneOptions, version: int = 2, **more: int) -> set[str]:
    """The packs that are packed anew."""
    sums = Sums(
        sum(pack.used_blobs for pack in packs), sum(pack.used_size for pack in packs) - 36 * len(packs), 0, 0,
        sum(pack.unused_blobs for pack in packs), sum(pack.unused_size for pack in packs),
    )  # fmt: skip
    present = {pack.id: pack.used_size + pack.unused_size for pack in packs} | more
    return set(plan_prune(packs, sums, present, {}, options, version=version).repack)


BLOBS = st.tuples(st.sampled_from(["data", "tree"]), st.integers(0, 12).map(name))


@given(
    st.lists(st.dictionaries(BLOBS, st.tuples(st.integers(40, 99), st.integers(0, 3)), min_size=1), max_size=6),
    st.sets(BLOBS),
    st.sets(st.integers(0, 5)),
)
def test_the_kernel_counts_as_the_twin(
    contents: list[dict[twin.Blob, tuple[int, int]]], wanted: set[twin.Blob], going: set[int]
) -> None:
    """Each needed blob counts in one pack alone; what moves and what is at risk is what the twin says."""
    packs = [twin.Pack(name(100 + number), blobs) for number, blobs in enumerate(contents)]
    index = _kernel.Index()
    for pack in packs:
        entries, offset = [], 0
        for (kind, blob), (length, plain) in pack.blobs.items():
            entries.append(_kernel.BlobEntry(kind, blob, offset, length, plain))
            offset += length
        index.insert_pack(pack.id, entries)
    usage = _kernel.Usage(index)
    files = [_kernel.Node(b"file", "file", content=[blob for kind, blob in sorted(wanted) if kind == "data"])]
    usage.read(_kernel.encode_tree(files))
    for kind, blob in wanted:
        if kind == "tree":
            usage.root(blob)
    copies = twin.copies(packs)
    needed = wanted & set(copies)
    counts, sums = usage.packs()
    assert sums.used_blobs == len(needed)
    assert sums.duplicate_blobs == sum(copies[blob] - 1 for blob in needed)
    assert sum(pack.used_blobs for pack in counts) == len(needed)
    assert {pack.id: pack.used_size + pack.unused_size for pack in counts} == {pack.id: pack.size for pack in packs}
    unique = {blob: pack.id for pack in packs for blob in pack.blobs if blob in needed and copies[blob] == 1}
    if len(unique) == len(needed):
        found = {pack.id: (pack.used_blobs, pack.unused_blobs, pack.used_size, pack.unused_size) for pack in counts}
        assert found == twin.shares(packs, needed, unique)
    gone = {packs[number].id for number in going if number < len(packs)}
    moves = twin.must_move(packs, needed, gone)
    assert usage.suppose(list(gone))[0] == len(moves)
    assert {(blob.kind, blob.id) for pack in gone for blob in usage.moving(pack)} == moves
    risks = {(blob.kind, blob.id) for _, blob in usage.unproven(list(gone), 99)}
    assert risks == twin.at_risk(packs, needed, gone)


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30), st.booleans()), max_size=12),
    st.sampled_from([0.0, 5.0, 30.0, 99.0]),
    st.none() | st.integers(0, 300 * MIB),
)
def test_packs_are_chosen_as_by_the_twin(sizes: list[tuple[int, int, bool]], percent: float, most: int | None) -> None:
    """Trees first, small ones first, the worst first, until little enough is unused or the limit is reached."""
    packs = [
        Use(name(number), 1, min(unused, 1), used * MIB + number, unused * MIB, "tree" if tree else "data")
        for number, (used, unused, tree) in enumerate(sizes)
    ]
    options = PruneOptions(max_unused=MaxUnused(percent=percent), max_repack_size=most)
    ordered = sorted(pack.used_size + pack.unused_size for pack in packs)
    small = max(4 * MIB, ordered[len(ordered) * 3 // 100]) * 4 // 5 if ordered else 0
    partly = {pack.id: (pack.used_size, pack.unused_size) for pack in packs if pack.unused_blobs}
    few = [pack for pack in packs if not pack.unused_blobs and pack.used_size < small]
    if len(few) >= 10:
        partly |= {pack.id: (pack.used_size, 0) for pack in few}
    used = sum(pack.used_size for pack in packs) - 36 * len(packs)
    expected = twin.to_repack(
        partly,
        max_unused=1,
        needed=int(percent / (100 - percent) * used),
        most=float("inf") if most is None else most,
        small=small,
        data={pack.id for pack in packs if pack.kind == "data"},
    )
    assert plan(packs, options) == expected


def test_mixed_packs_and_uncompressed_trees_are_packed_anew_whatever_is_unused() -> None:
    """Mixed packs always, trees without compression in version 2, data without on demand alone."""
    mixed, tree, data = (
        Use(name(number), 1, 0, 8 * MIB, 0, kind, uncompressed=True)
        for number, kind in enumerate(["mixed", "tree", "data"])
    )
    unlimited = PruneOptions(max_unused=MaxUnused())
    assert plan([mixed, tree, data], unlimited) == {mixed.id, tree.id}
    assert plan([mixed, tree, data], unlimited, version=1) == {mixed.id}
    everything = PruneOptions(max_unused=MaxUnused(), repack_uncompressed=True)
    assert plan([mixed, tree, data], everything) == {mixed.id, tree.id, data.id}


def test_data_stays_with_repack_cacheable_only_unless_it_lies() -> None:
    """Half of it is unused and stays; a pack that does not hold what the index says goes all the same."""
    data = Use(name(1), 1, 1, 8 * MIB, 8 * MIB)
    false = Use(name(2), 1, 1, 8 * MIB, 8 * MIB, lies=True)
    options = PruneOptions(max_unused=MaxUnused(percent=0), repack_cacheable_only=True)
    assert plan([data, false], options) == {false.id}


def test_ten_small_packs_are_packed_together_and_nine_are_not() -> None:
    """A last small pack is not packed anew at each prune."""
    packs = [Use(name(number), 1, 0, 1000, 0) for number in range(10)]
    assert plan(packs, PruneOptions()) == {pack.id for pack in packs}
    assert plan(packs[:9], PruneOptions()) == set()


def test_a_needed_pack_that_is_missing_or_of_another_size_stops_the_prune() -> None:
    """What nobody needs may be missing."""
    used, unused = Use(name(1), 1, 0, 8 * MIB, 0), Use(name(2), 0, 1, 36, MIB)
    with pytest.raises(Missing, match=used.id):
        plan_prune([used, unused], Sums(), {unused.id: MIB + 36}, {}, PruneOptions())
    assert plan_prune([used, unused], Sums(), {used.id: 8 * MIB}, {}, PruneOptions()).forget == [unused.id]
    with pytest.raises(Damaged, match="bytes long"):
        plan_prune([used], Sums(), {used.id: 5}, {}, PruneOptions())
    assert plan_prune([unused], Sums(), {unused.id: 5}, {}, PruneOptions()).remove == [unused.id]
