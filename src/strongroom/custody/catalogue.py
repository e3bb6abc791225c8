"""The catalogue: which blobs a pack was read to hold, packed into rows of 45 bytes.

It is the one thing that judging and planning believe. An index file of a host's is a claim; an entry that no pack
proves is void.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from strongroom import _kernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from strongroom._kernel import BlobEntry

_ROW = struct.Struct(">B32sIII")
"""Type (0 data, 1 tree), ID, offset, length, length of the plaintext where it is compressed and else 0."""
_TYPES = ("data", "tree")


def encode_rows(blobs: Sequence[BlobEntry]) -> bytes:
    """The rows of a pack's blobs, in their order."""
    return b"".join(
        _ROW.pack(_TYPES.index(blob.kind), bytes.fromhex(blob.id), blob.offset, blob.length, blob.uncompressed_length)
        for blob in blobs
    )


def decode_rows(rows: bytes) -> list[BlobEntry]:
    """The blobs of a pack. Raises ``ValueError`` for what was not written by ``encode_rows``."""
    try:
        return [
            _kernel.BlobEntry(_TYPES[kind], identity.hex(), offset, length, plain)
            for kind, identity, offset, length, plain in _ROW.iter_unpack(rows)
        ]
    except (struct.error, IndexError):
        raise ValueError("not rows of the catalogue") from None


def index_of(packs: Iterable[tuple[str, bytes]]) -> _kernel.Index:
    """An index of what packs were read to hold: ``(name, rows)`` each, in the order in which they came."""
    index = _kernel.Index()
    for name, rows in packs:
        index.insert_pack(name, decode_rows(rows))
    return index
