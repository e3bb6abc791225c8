"""The twin of the kernel's packs: header entries of 37 or 41 bytes, then checks one after the other."""

from __future__ import annotations

Entry = tuple[str, str, int, int, int]
"""Type, ID, offset, length of the envelope, length of the plaintext if compressed, else 0."""


def encode_header(entries: list[Entry]) -> bytes:
    """The plaintext of the header."""
    plain = b""
    for kind, blob, _, length, uncompressed in entries:
        tag = (kind == "tree") + 2 * (uncompressed != 0)
        lengths = length.to_bytes(4, "little") + (uncompressed.to_bytes(4, "little") if uncompressed else b"")
        plain += bytes([tag]) + lengths + bytes.fromhex(blob)
    return plain


def decode_header(plain: bytes) -> list[Entry] | None:
    """The entries of a header's plaintext, or None if it is malformed."""
    entries: list[Entry] = []
    offset = 0
    while plain:
        compressed = plain[0] in (2, 3)
        size = 41 if compressed else 37
        if plain[0] > 3 or len(plain) < size:
            return None
        length = int.from_bytes(plain[1:5], "little")
        uncompressed = int.from_bytes(plain[5:9], "little") if compressed else 0
        if length < 32:
            return None
        entries.append((("data", "tree")[plain[0] % 2], plain[size - 32 : size].hex(), offset, length, uncompressed))
        offset += length
        plain = plain[size:]
    return entries
