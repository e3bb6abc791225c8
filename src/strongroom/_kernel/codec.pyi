"""Hashes, zstd frames, polynomials and chunks."""

from typing_extensions import Buffer

def sha256_hex(data: Buffer) -> str:
    """The SHA-256 of ``data``."""

def compress(data: Buffer, level: int = ...) -> bytes:
    """One zstd frame with its content size and without a checksum, as restic writes it. Level 1 to 22."""

def decompress(frame: Buffer, limit: int, expected: int | None = None) -> bytes:
    """The plaintext of zstd frames, of at most ``limit`` bytes and exactly ``expected`` ones, if given.

    Raises ``LimitExceeded`` beyond ``limit``, ``Damaged`` for anything else that is wrong.
    """

def random_polynomial() -> int:
    """A new random irreducible polynomial of degree 53, bit i for the coefficient of x^i."""

def is_irreducible(p: int) -> bool:
    """Whether a polynomial of at most 64 bits is irreducible over GF(2)."""

def chunk_lengths(data: Buffer, polynomial: int) -> list[int]:
    """The lengths of the chunks of a file that holds ``data``.

    Raises ``Unsupported`` for a polynomial not of degree 53, ``Damaged`` for a reducible one.
    """
