"""The catalogue's packed rows, written again with ``struct``."""

from __future__ import annotations

import struct

from strongroom._kernel import BlobEntry

ROW = struct.Struct(">B32sIII")
TYPES = ("data", "tree")


def encode(blobs: list[BlobEntry]) -> bytes:
    """A row of 45 bytes for each blob."""
    return b"".join(
        ROW.pack(TYPES.index(blob.kind), bytes.fromhex(blob.id), blob.offset, blob.length, blob.uncompressed_length)
        for blob in blobs
    )


def decode(rows: bytes) -> list[BlobEntry]:
    """The blobs of packed rows."""
    return [
        BlobEntry(TYPES[kind], name.hex(), offset, length, plain)
        for kind, name, offset, length, plain in ROW.iter_unpack(rows)
    ]
