"""Sets of blobs and of other things that are known by their hash."""

from collections.abc import Sequence
from typing import Self, final

from typing_extensions import Buffer

from strongroom._kernel.index import Index
from strongroom._kernel.node import Node

@final
class BlobTotals:
    """Counts of blobs, and bytes of those that the index names (``indexed``), all and those that are compressed."""

    data_blobs: int
    tree_blobs: int
    indexed: int
    stored: int
    plain: int
    compressed: int
    compressed_stored: int
    compressed_plain: int

@final
class BlobSet:
    """Blobs, each once, in 40 to 75 bytes of memory each. From any thread."""

    def __new__(cls) -> Self: ...
    def add(self, type: str, id: str) -> bool:
        """Adds a blob; whether it is new."""
    def add_content(self, node: Node) -> None:
        """Adds the blobs of a file."""
    def add_tree(self, plaintext: Buffer) -> None:
        """Adds the blobs of all files of a tree. Raises ``Damaged`` and ``LimitExceeded`` for what is no tree."""
    def insert_into(self, index: Index, packs: Sequence[tuple[str, Buffer]]) -> None:
        """As ``Index.insert_many``, of the blobs of this set alone. Raises ``Damaged``."""
    def add_all(self, other: BlobSet) -> int:
        """Adds all of another set; how many are new."""
    def totals(self, index: Index, without: BlobSet | None = None) -> BlobTotals:
        """Adds up the blobs, or those that the other set does not have."""
    def __len__(self) -> int: ...

@final
class DigestSet:
    """Things that are known by half of their SHA-256, in 20 to 40 bytes of memory each. From any thread."""

    def __new__(cls) -> Self: ...
    def add(self, thing: bytes) -> bool:
        """Adds a thing; whether it is new."""
    def add_content(self, node: Node) -> bool:
        """Adds the content of an entry by its list of blobs; whether it is new. No content counts as an empty one."""
    def add_uses(self, path: bytes, node: Node, index: Index) -> tuple[int, int]:
        """Adds the use of each blob of a file at a path: how many are new, and the bytes of their plaintext."""
