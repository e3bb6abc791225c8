"""Packs in memory: building them, reading their headers, opening their blobs."""

from collections.abc import Sequence
from typing import Self, final

from typing_extensions import Buffer

from strongroom._kernel.key import Key

@final
class BlobEntry:
    """One blob as a pack header or an index describes it."""

    def __new__(cls, kind: str, id: str, offset: int, length: int, uncompressed_length: int = 0) -> Self: ...
    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def offset(self) -> int:
        """Where the envelope begins in its pack."""
    @property
    def length(self) -> int:
        """Length of the envelope."""
    @property
    def uncompressed_length(self) -> int:
        """Length of the plaintext of a compressed blob; 0 if it is not compressed."""

def open_blob(key: Key, type: str, id: str, ciphertext: Buffer, uncompressed_length: int) -> bytes:
    """The plaintext of a blob: MAC, bounded decompression and SHA-256 are checked.

    Raises ``Damaged`` naming the blob, ``LimitExceeded`` above 64 MiB of data or 512 MiB of tree.
    """

@final
class Plaintext(Buffer):
    """The verified plaintext of a blob in the kernel's own memory, which functions of the kernel take as bytes.

    It has the buffer protocol, read-only.
    """

    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

def open_tree(key: Key, id: str, ciphertext: Buffer, uncompressed_length: int) -> Plaintext:
    """As ``open_blob`` for a tree, without a copy in Python's memory: what ``decode_tree`` reads may be large."""

def open_together(key: Key, ranges: Sequence[tuple[int | Buffer, int, Sequence[BlobEntry]]]) -> list[Plaintext | None]:
    """The plaintexts of blobs of ranges of packs, checked as by ``open_blob``, with the interpreter lock released.

    A range is an open file that is the pack, or the range's bytes; where in the pack it begins; and its blobs. None
    stands for a blob that needs a second look: it cannot be read, lies elsewhere or in a range of more than 8 MiB, or
    is not what it should be.
    """

def pack_header_length(tail: Buffer, size: int) -> int:
    """The length of the header envelope from the last bytes (4 or more) of a pack of ``size`` bytes.

    The header and its length are the last ``pack_header_length(...) + 4`` bytes. Raises ``Damaged``, ``LimitExceeded``.
    """

def parse_pack_header(key: Key, tail: Buffer, size: int) -> list[BlobEntry]:
    """The blobs of a pack of ``size`` bytes in order of place, out of its last bytes, which hold the whole header.

    Raises ``Damaged`` if they do not or the header lies, ``WrongKey``, ``LimitExceeded`` above 16 MiB.
    """

@final
class PackBuilder:
    """A pack under construction in memory; from any thread, one call at a time."""

    def __new__(cls, key: Key) -> Self: ...
    def add(self, kind: str, id: str, data: Buffer, uncompressed_length: int = 0) -> BlobEntry:
        """Seals one blob: plaintext, or a zstd frame of ``uncompressed_length`` bytes. ``id`` is the plaintext's.

        Raises ``LimitExceeded`` if the format cannot hold more.
        """
    def count(self) -> int:
        """The number of blobs."""
    def __len__(self) -> int:
        """Bytes of all envelopes so far, without the header."""
    def finish(self) -> tuple[str, bytes, list[BlobEntry]]:
        """Adds the header: the name of the pack, its bytes, its blobs. The builder is empty and useless afterwards."""
