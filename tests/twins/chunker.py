"""The twin of the kernel's chunker: the definition of the format page, 1.11, byte by byte."""

from __future__ import annotations

from functools import cache

MIN = 512 << 10
MAX = 8 << 20
MASK = (1 << 20) - 1
WINDOW = 64


def remainder(bits: int, divisor: int) -> int:
    """The remainder of polynomials over GF(2)."""
    while bits.bit_length() >= divisor.bit_length():
        bits ^= divisor << bits.bit_length() - divisor.bit_length()
    return bits


@cache
def tables(polynomial: int) -> tuple[list[int], list[int]]:
    """What a byte contributes after 64 steps, and what reduces a digest whose top byte it is."""
    out = [remainder(byte << 8 * (WINDOW - 1), polynomial) for byte in range(256)]
    mod = [remainder(byte << 53, polynomial) | byte << 53 for byte in range(256)]
    return out, mod


def cut(data: bytes, polynomial: int) -> int:
    """The length of the first chunk of a file that holds ``data``."""
    out, mod = tables(polynomial)
    window = [0] * WINDOW
    digest = at = 0
    for count in range(max(MIN - WINDOW, 0) + 1, len(data) + 1):
        byte = data[count - 1]
        digest ^= out[window[at]]
        window[at] = byte
        at = (at + 1) % WINDOW
        digest = (digest << 8 | byte) ^ mod[digest >> 45]
        if count >= MIN and (digest & MASK == 0 or count >= MAX):
            return count
    return len(data)


def chunk_lengths(data: bytes, polynomial: int) -> list[int]:
    """The lengths of all chunks."""
    lengths = []
    while data:
        lengths.append(cut(data, polynomial))
        data = data[lengths[-1] :]
    return lengths


def is_irreducible(polynomial: int) -> bool:
    """Whether nothing but 1 and itself divides a small polynomial: by trying."""
    return polynomial > 1 and all(
        remainder(polynomial, divisor)
        for divisor in range(2, polynomial)
        if 2 * (divisor.bit_length() - 1) < polynomial.bit_length()
    )
