"""The catalogue's packed rows, and an index of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import _kernel
from strongroom.base.errors import Damaged
from tests.twins import rows as twin

NUMBERS = st.integers(0, (1 << 32) - 1)
BLOBS = st.builds(
    _kernel.BlobEntry,
    st.sampled_from(["data", "tree"]),
    st.integers(0, 5).map(lambda number: f"{number:064x}"),
    NUMBERS,
    NUMBERS,
    NUMBERS,
)


@given(blobs=st.lists(BLOBS, max_size=8), others=st.lists(BLOBS, max_size=8))
def test_rows_are_those_of_the_twin_and_prove_what_they_hold(
    blobs: list[_kernel.BlobEntry], others: list[_kernel.BlobEntry]
) -> None:
    """Packed, unpacked and compared as Python does it."""
    rows = _kernel.encode_rows(blobs)
    assert rows == twin.encode(blobs)
    assert _kernel.decode_rows(rows) == twin.decode(rows) == blobs
    assert _kernel.unproven(rows, others) == [one for one in others if one not in blobs]


@given(blobs=st.lists(BLOBS, max_size=8))
def test_an_index_of_rows_is_one_of_blobs(blobs: list[_kernel.BlobEntry]) -> None:
    """``insert_rows`` adds what ``insert_pack`` adds."""
    packed, plain = _kernel.Index(), _kernel.Index()
    packed.insert_rows("ab" * 32, _kernel.encode_rows(blobs))
    plain.insert_pack("ab" * 32, blobs)
    assert packed.pack_entries("ab" * 32) == plain.pack_entries("ab" * 32)


@pytest.mark.parametrize("rows", [b"\0" * 44, b"\2" + b"\0" * 44, b"\0" * 46])
def test_what_is_no_row_is_refused(rows: bytes) -> None:
    """A state that was damaged is an error, not an index of nonsense."""
    with pytest.raises(Damaged):
        _kernel.decode_rows(rows)
    with pytest.raises(Damaged):
        _kernel.Index().insert_rows("ab" * 32, rows)


@given(packs=st.lists(st.lists(BLOBS, max_size=6), max_size=6), needed=st.sets(st.integers(0, 5)))
def test_shares_are_those_of_one_look_up_after_the_other(
    packs: list[list[_kernel.BlobEntry]], needed: set[int]
) -> None:
    """What each pack holds of use, where the first copy counts, counted by asking for each blob of each pack."""
    names = [f"{number:064x}" for number in range(len(packs))]
    index = _kernel.Index()
    index.reserve(3)
    index.insert_many([(name, _kernel.encode_rows(blobs)) for name, blobs in zip(names, packs, strict=True)])
    usage = _kernel.Usage(index)
    for number in needed:
        usage.root(f"{number:064x}")  # a tree of its own, read by nobody

    def counts(pack: str, blob: _kernel.BlobEntry) -> bool:
        return usage.needs(blob.kind, blob.id) and index.lookup(blob.kind, blob.id)[0].pack == pack

    expected = []
    for name in index.packs():
        entries = index.pack_entries(name)
        used = [blob for blob in entries if counts(name, blob)]
        wanted = sum(usage.needs(blob.kind, blob.id) for blob in entries)
        sizes = sum(blob.length for blob in used), sum(blob.length for blob in entries)
        expected.append((name, wanted, len(used), *sizes))
    found = [(one.id, one.needed_blobs, one.used_blobs, one.used_size, one.size) for one in usage.shares()]
    assert found == expected
    assert index.packs() == names
