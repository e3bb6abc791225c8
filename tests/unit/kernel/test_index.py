"""The kernel's index against its twin, with the JSON of other writers and of enemies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Unsupported
from tests.twins.index import Index, Place, encode

IDS = st.integers(0, 12).map(lambda number: bytes([number] * 32).hex())
BLOB = st.fixed_dictionaries(
    {
        "id": IDS,
        "type": st.sampled_from(["data", "tree"]),
        "offset": st.integers(0, 1 << 31),
        "length": st.integers(32, 1 << 30),
    },
    optional={"uncompressed_length": st.integers(1, (1 << 32) - 1)},
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
KNOWN = {"id", "blobs", "packs", "type", "offset", "length", "uncompressed_length"}
UNKNOWN = st.dictionaries(st.text(max_size=6).filter(lambda key: key.lower() not in KNOWN), VALUES, max_size=2)
PACK = st.tuples(IDS, st.lists(st.tuples(BLOB, UNKNOWN), max_size=6), UNKNOWN)
FILES = st.lists(st.tuples(st.lists(PACK, max_size=4), UNKNOWN), max_size=4)


def _shuffled(entry: dict[str, Any], order: st.DataObject) -> dict[str, Any]:
    return dict(order.draw(st.permutations(list(entry.items()))))


def _places(index: _kernel.Index, kind: str, blob: str) -> list[Place]:
    return [(place.pack, place.offset, place.length, place.uncompressed_length) for place in index.lookup(kind, blob)]


@given(FILES, st.sampled_from([None, 1]), st.booleans(), st.data())
@settings(max_examples=50, deadline=None)
def test_any_spelling_is_read_as_the_twin_reads_it(
    files: list[Any], indent: int | None, ascii_only: bool, data: st.DataObject
) -> None:
    """Any order of keys, white space, escapes and unknown keys: the index says what the twin says."""
    index, twin = _kernel.Index(), Index()
    for packs, extra in files:
        listed = [
            (pack, [_shuffled({**more, **blob}, data) for blob, more in blobs], also) for pack, blobs, also in packs
        ]
        packs_now = [_shuffled({"id": pack, "blobs": blobs, **also}, data) for pack, blobs, also in listed]
        document = {"packs": packs_now, **extra}
        text = json.dumps(_shuffled(document, data), indent=indent, ensure_ascii=ascii_only).encode()
        assert index.load(text) == twin.load(text)
    assert index.packs() == twin.packs
    assert len(index) == sum(map(len, twin.places.values()))
    for kind in ("data", "tree"):
        assert index.ids(kind) == sorted(blob for known, blob in twin.places if known == kind)
        for number in range(14):
            blob = bytes([number] * 32).hex()
            assert _places(index, kind, blob) == twin.places.get((kind, blob), [])
            assert index.contains(kind, blob) == ((kind, blob) in twin.places)
    for pack in twin.packs:
        expected = sorted(
            (place[1], kind, blob, place[2], place[3])
            for (kind, blob), places in twin.places.items()
            for place in places
            if place[0] == pack
        )
        found = [(e.offset, e.kind, e.id, e.length, e.uncompressed_length) for e in index.pack_entries(pack)]
        assert sorted(found) == expected
        assert [entry[0] for entry in found] == [entry[0] for entry in expected]


@given(st.lists(st.tuples(IDS, st.lists(BLOB, max_size=4)), max_size=4))
@settings(max_examples=60, deadline=None)
def test_the_kernel_writes_what_the_twin_writes(packs: list[tuple[str, list[dict[str, Any]]]]) -> None:
    """Index files are the twin's byte for byte, and the parser gives back what went in."""
    rows = [
        (pack, [(b["type"], b["id"], b["offset"], b["length"], b.get("uncompressed_length", 0)) for b in blobs])
        for pack, blobs in packs
    ]
    entries = [(pack, [_kernel.BlobEntry(*row) for row in blobs]) for pack, blobs in rows]
    written = _kernel.encode_index(entries)
    assert written == encode(packs)
    assert _kernel.parse_index(written) == entries


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damage_ends_in_our_errors_and_adds_nothing(data: st.DataObject) -> None:
    """A file with one byte changed, dropped or cut off is refused as a whole or is still an index."""
    blob = _kernel.BlobEntry("data", "00" * 32, 0, 40, 7)
    good = _kernel.encode_index([("11" * 32, [blob]), ("22" * 32, [blob, blob])])
    at = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.sampled_from([b"", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"0", b"9", b"-", b"\xff"]))
    end = data.draw(st.sampled_from([len(good), at]))
    bad = good[:at] + byte + good[at + 1 :]
    index = _kernel.Index()
    try:
        index.load(bad[:end])
    except (Damaged, LimitExceeded, Unsupported):
        assert len(index) == 0
        assert index.packs() == []
    else:
        json.loads(bad[:end].decode(errors="replace"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"[]", Unsupported),
        (b"", Damaged),
        (b"{", Damaged),
        (b'{"packs":1}', Damaged),
        (b'{"packs":[],"packs":[]}', Damaged),
        (b'{"a":' + b"[" * 200_000, LimitExceeded),
        (b'{"a":"' + b"x" * (256 << 20) + b'"}', LimitExceeded),
    ],
)
def test_what_is_no_index_is_refused(text: bytes, error: type[Exception]) -> None:
    """Old, cut, ambiguous, deep and huge files each end in their error."""
    with pytest.raises(error):
        _kernel.Index().load(text)


def test_ids_are_spelled_in_one_way() -> None:
    """Upper case and other lengths are no IDs, in arguments as in files."""
    index = _kernel.Index()
    for text in ("", "AB" * 32, "ab" * 31, "zz" * 32):
        with pytest.raises(Damaged):
            index.lookup("data", text)
    assert index.lookup("data", "ab" * 32) == []
    assert not index.contains_pack("ab" * 32)
