"""Files that are not packs, snapshots, indexes and locks: their plaintext may be compressed (format page 1.7)."""

from __future__ import annotations

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded

_COMPRESSED = 2
_JSON = (b"{", b"[")


def encode(plaintext: bytes, version: int) -> bytes:
    """What goes into the envelope: the JSON as it is in version 1, a marker and a zstd frame in version 2."""
    if version == 1:
        return plaintext
    return bytes((_COMPRESSED,)) + _kernel.compress(plaintext)


def decode(opened: bytes, limit: int, what: str) -> bytes:
    """The JSON out of an opened envelope, at most ``limit`` bytes. Both forms are taken in both versions.

    Raises ``Damaged`` for any other first byte and a bad frame, ``LimitExceeded``.
    """
    first = opened[0] if opened else -1
    try:
        plaintext = _kernel.decompress(memoryview(opened)[1:], limit) if first == _COMPRESSED else opened
    except (Damaged, LimitExceeded) as problem:
        problem.subject = what
        raise
    if plaintext[:1] not in _JSON:
        raise Damaged("is neither JSON nor compressed JSON", subject=what)
    if len(plaintext) > limit:
        raise LimitExceeded(f"is longer than {limit} bytes", subject=what)
    return plaintext
