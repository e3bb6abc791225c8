"""The index: which blob lies where."""

from collections.abc import Sequence
from typing import Self, final

from typing_extensions import Buffer

from strongroom._kernel.pack import BlobEntry

@final
class Location:
    """One place where a blob lies."""

    @property
    def pack(self) -> str: ...
    @property
    def offset(self) -> int:
        """Where the envelope begins in the pack."""
    @property
    def length(self) -> int:
        """Length of the envelope."""
    @property
    def uncompressed_length(self) -> int:
        """Length of the plaintext of a compressed blob; 0 if it is not compressed."""

@final
class Index:
    """All blobs that the index files of a repository name, in about 55 bytes of memory each. From any thread."""

    def __new__(cls) -> Self: ...
    def load(self, plaintext: Buffer) -> list[str]:
        """Adds the JSON of one index file and returns the packs that it names, without ``packs_to_delete``.

        Raises ``Damaged``, ``LimitExceeded`` above 256 MiB, ``Unsupported`` for restic 0.1; nothing is added then.
        """
    def insert_pack(self, pack: str, blobs: Sequence[BlobEntry]) -> None:
        """Adds blobs of one pack; those that are known to lie there change nothing."""
    def insert_rows(self, pack: str, rows: Buffer) -> None:
        """Adds the blobs of one pack as ``encode_rows`` packed them. Raises ``Damaged``."""
    def insert_many(self, packs: Sequence[tuple[str, Buffer]]) -> None:
        """As ``insert_rows``, of many packs in this order. Raises ``Damaged``; those before it are added then."""
    def insert_trees(self, packs: Sequence[tuple[str, Buffer]]) -> None:
        """As ``insert_many``, of the trees alone."""
    def reserve(self, places: int) -> None:
        """Makes room for so many places in all, which spares the time of growing."""
    def contains(self, type: str, id: str) -> bool:
        """Whether any index file names the blob. It need not exist for all that."""
    def lookup(self, type: str, id: str) -> list[Location]:
        """All places of a blob (64 at most), in the order in which they were named."""
    def packs(self) -> list[str]:
        """All packs, in the order in which they were named."""
    def contains_pack(self, pack: str) -> bool:
        """Whether any index file names the pack."""
    def pack_entries(self, pack: str) -> list[BlobEntry]:
        """The blobs of a pack by place; empty for a pack that is not named."""
    def ids(self, type: str, prefix: str = "") -> list[str]:
        """The IDs of the blobs of a type that begin so, sorted, each once. All of them are 110 bytes of memory each."""
    def count(self, pack: str) -> int:
        """How many blobs a pack has, each place once."""
    def untidy(self) -> list[str]:
        """Packs of which this cannot be true: blobs overlap or leave gaps, or some were left out (``crowded``)."""
    def crowded(self) -> list[str]:
        """Packs of which a blob was left out, since 64 others were named as holding it before."""
    def without(self, packs: Sequence[str]) -> Index:
        """A copy of this index without some packs."""
    def encode(self, packs: Sequence[str]) -> bytes:
        """The JSON of one index file for these packs, as ``encode_index`` makes it."""
    def memory(self) -> int:
        """Bytes of memory that the index holds."""
    def __len__(self) -> int:
        """The number of places, which counts a blob once for each pack that it lies in."""

def encode_index(packs: Sequence[tuple[str, Sequence[BlobEntry]]]) -> bytes:
    """The JSON of one index file, byte for byte as restic writes it."""

def parse_index(plaintext: Buffer) -> list[tuple[str, list[BlobEntry]]]:
    """What one index file says: each pack with its blobs, in the order of the file. Raises as ``Index.load``."""

def index_packs(plaintext: Buffer) -> list[tuple[str, int]]:
    """What one index file says of packs, in its order: each with the number of blobs named for it, each place once."""

def encode_rows(blobs: Sequence[BlobEntry]) -> bytes:
    """A row of 45 bytes for each blob: type (0 data, 1 tree), ID, offset, length, length of the plaintext or 0."""

def decode_rows(rows: Buffer) -> list[BlobEntry]:
    """The blobs of packed rows. Raises ``Damaged``."""

def unproven(rows: Buffer, blobs: Sequence[BlobEntry]) -> list[BlobEntry]:
    """Those blobs that packed rows do not hold just so, in their order. Raises ``Damaged``."""
