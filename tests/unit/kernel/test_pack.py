"""Packs, blobs and compression of the kernel against their twins."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded
from tests.twins import envelope, pack

BLOBS = st.lists(
    st.tuples(st.sampled_from(["data", "tree"]), st.binary(max_size=300), st.booleans()), min_size=1, max_size=12
)
ID = st.binary(min_size=32, max_size=32).map(bytes.hex)
ROW = st.tuples(st.sampled_from(["data", "tree"]), ID, st.integers(32, 99), st.integers(0, 99))


def _entry(entry: _kernel.BlobEntry) -> pack.Entry:
    return (entry.kind, entry.id, entry.offset, entry.length, entry.uncompressed_length)


def _build(
    key: _kernel.Key, blobs: list[tuple[str, bytes, bool]]
) -> tuple[str, bytes, list[_kernel.BlobEntry], list[bytes]]:
    builder = _kernel.PackBuilder(key)
    for kind, plain, wanted in blobs:
        compressed = wanted and plain != b""
        data = _kernel.compress(plain) if compressed else plain
        builder.add(kind, hashlib.sha256(plain).hexdigest(), data, len(plain) if compressed else 0)
    name, data, entries = builder.finish()
    return name, data, entries, [plain for _, plain, _ in blobs]


@given(BLOBS)
@settings(max_examples=60, deadline=None)
def test_packs_are_what_the_twin_says(blobs: list[tuple[str, bytes, bool]]) -> None:
    """A pack has the name, header and blobs that the format demands, and each blob comes back."""
    key = _kernel.Key.generate()
    name, data, entries, plains = _build(key, blobs)
    assert name == hashlib.sha256(data).hexdigest()
    header = int.from_bytes(data[-4:], "little")
    assert _kernel.pack_header_length(data[-4:], len(data)) == header
    plain_header = envelope.unseal(key.material(), data[-4 - header : -4])
    assert plain_header is not None
    assert pack.decode_header(plain_header) == [_entry(entry) for entry in entries]
    assert _kernel.parse_pack_header(key, data[-4 - header :], len(data)) == entries
    for entry, plain in zip(entries, plains, strict=True):
        sealed = data[entry.offset : entry.offset + entry.length]
        assert _kernel.open_blob(key, entry.kind, entry.id, sealed, entry.uncompressed_length) == plain
    assert _kernel.verify_pack(key, name, data, entries[::-1]).sound
    begin = entries[-1].offset
    ranges = [(data, 0, entries), (data[begin:], begin, entries)]
    opened = [None if plain is None else bytes(memoryview(plain)) for plain in _kernel.open_together(key, ranges)]
    last = [plain if entry.offset >= begin else None for entry, plain in zip(entries, plains, strict=True)]
    assert opened == [*plains, *last]


@given(st.one_of(st.binary(max_size=200), st.lists(ROW, max_size=5)))
@settings(max_examples=150, deadline=None)
def test_headers_of_any_bytes_are_read_as_the_twin_reads_them(
    source: bytes | list[tuple[str, str, int, int]],
) -> None:
    """Whatever the key's owner put into a header: the kernel says what the twin says, or refuses."""
    key = _kernel.Key.generate()
    plain = (
        source
        if isinstance(source, bytes)
        else pack.encode_header([(kind, blob, 0, length, full) for kind, blob, length, full in source])
    )
    header = key.seal(plain)
    expected = pack.decode_header(plain)
    blobs = sum(entry[3] for entry in expected or [])
    tail = header + len(header).to_bytes(4, "little")
    if not expected:
        with pytest.raises(Damaged):
            _kernel.parse_pack_header(key, tail, len(tail) + 100)
        return
    assert [_entry(entry) for entry in _kernel.parse_pack_header(key, tail, blobs + len(tail))] == expected
    for size in (blobs + len(tail) - 1, blobs + len(tail) + 1):
        with pytest.raises(Damaged):
            _kernel.parse_pack_header(key, tail, size)


@given(BLOBS, st.data())
@settings(max_examples=60, deadline=None)
def test_a_flip_is_found_and_the_other_blobs_are_spared(
    blobs: list[tuple[str, bytes, bool]], data: st.DataObject
) -> None:
    """One flipped bit makes a pack unsound; all blobs that it does not touch are proven nevertheless."""
    key = _kernel.Key.generate()
    name, whole, entries, _ = _build(key, blobs)
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    bad = bytearray(whole)
    bad[bit // 8] ^= 1 << bit % 8
    report = _kernel.verify_pack(key, name, bad, entries)
    assert not report.sound
    spared = [entry for entry in entries if not entry.offset <= bit // 8 < entry.offset + entry.length]
    assert report.verified == spared
    with tempfile.TemporaryFile() as file:
        file.write(b"before" + bad)
        file.flush()
        again = _kernel.verify_pack(key, name, file.fileno(), entries, offset=6)
    assert (again.errors, again.verified, again.size) == (report.errors, report.verified, len(bad))


def test_a_pack_that_the_index_describes_otherwise() -> None:
    """Entries that only header or only index has are named."""
    key = _kernel.Key.generate()
    name, data, entries, _ = _build(key, [("data", b"one", False), ("tree", b"two", True)])
    moved = _kernel.BlobEntry("data", entries[0].id, entries[0].offset, entries[0].length + 1)
    report = _kernel.verify_pack(key, name, data, [moved, entries[1]])
    assert [text.split(",")[0] for text in report.errors] == [
        "1 blobs stand only in the header",
        "1 blobs stand only in the index",
    ]
    assert report.verified == entries
    assert not _kernel.verify_pack(_kernel.Key.generate(), name, data).sound
    with pytest.raises(OSError, match="Bad file descriptor"):
        _kernel.verify_pack(key, name, os.sysconf("SC_OPEN_MAX") - 1)


def test_blobs_that_lie() -> None:
    """Another ID, type of compression, length or key is damage that names the blob; too long is a limit."""
    key = _kernel.Key.generate()
    plain = b"plain " * 50
    blob = hashlib.sha256(plain).hexdigest()
    sealed = key.seal(_kernel.compress(plain))
    assert _kernel.open_blob(key, "data", blob, sealed, len(plain)) == plain
    for other, length in ((hashlib.sha256(b"").hexdigest(), 300), (blob, 299), (blob, 301), (blob, 0)):
        with pytest.raises(Damaged, match=f"data blob {other}"):
            _kernel.open_blob(key, "data", other, sealed, length)
    with pytest.raises(Damaged, match="verification failed"):
        _kernel.open_blob(_kernel.Key.generate(), "data", blob, sealed, 300)
    with pytest.raises(LimitExceeded):
        _kernel.open_blob(key, "data", blob, sealed, (64 << 20) + 1)
    with pytest.raises(ValueError, match="no type of blob"):
        _kernel.open_blob(key, "file", blob, sealed, 300)


@given(st.binary(max_size=2000), st.integers(1, 6), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_compression_comes_back_within_its_limit(piece: bytes, level: int, times: int) -> None:
    """A frame declares its size, has no checksum, and comes back exactly if the limit allows it."""
    plain = piece * times
    frame = _kernel.compress(memoryview(plain), level)
    assert frame[:4] == bytes.fromhex("28b52ffd")
    assert frame[4] & 0b100 == 0
    assert _kernel.decompress(frame, len(plain), len(plain)) == plain
    assert _kernel.decompress(bytearray(frame), len(plain)) == plain
    if plain:
        with pytest.raises(LimitExceeded):
            _kernel.decompress(frame, len(plain) - 1)
        with pytest.raises(Damaged):
            _kernel.decompress(frame[:-1], len(plain))
    with pytest.raises(Damaged):
        _kernel.decompress(frame, len(plain) + 9, len(plain) + 1)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_rubbish_is_no_frame(rubbish: bytes) -> None:
    """Any bytes after zstd's magic number end in a plaintext within the limit or in one of our errors."""
    for frame in (rubbish, bytes.fromhex("28b52ffd") + rubbish):
        with contextlib.suppress(Damaged, LimitExceeded):
            assert len(_kernel.decompress(frame, 1000)) <= 1000


def test_an_empty_builder() -> None:
    """A pack without blobs cannot be finished, and a finished builder takes nothing more."""
    builder = _kernel.PackBuilder(_kernel.Key.generate())
    builder.add("data", hashlib.sha256(b"").hexdigest(), b"")
    assert (len(builder), builder.count()) == (32, 1)
    builder.finish()
    with pytest.raises(ValueError, match="finished"):
        builder.finish()
    with pytest.raises(RuntimeError):
        _kernel.PackBuilder(_kernel.Key.generate()).finish()
