"""Index files: which blobs lie in which packs (format page 1.8). Reading them is the kernel's, by ``_kernel.Index``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PLAINTEXT = 256 << 20
"""Budget for a decrypted index file in bytes."""

Blob = tuple[str, str, int, int, int]
"""Type (``data`` or ``tree``), ID, offset, length of the ciphertext, uncompressed length or 0; all in bytes."""


def encode(packs: Iterable[tuple[str, Iterable[Blob]]]) -> bytes:
    """The plaintext of an index file as restic writes it, with the newline at its end."""
    document = {"packs": [{"id": pack, "blobs": [_blob(*blob) for blob in blobs]} for pack, blobs in packs]}
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _blob(kind: str, blob_id: str, offset: int, length: int, uncompressed: int) -> dict[str, object]:
    entry: dict[str, object] = {"id": blob_id, "type": kind, "offset": offset, "length": length}
    if uncompressed:
        entry["uncompressed_length"] = uncompressed
    return entry
