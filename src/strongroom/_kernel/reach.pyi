"""What snapshots reach."""

from typing import Self, final

from typing_extensions import Buffer

from strongroom._kernel.index import Index

@final
class Reach:
    """The trees and blobs that snapshots reach. From any thread; each tree is to be read once."""

    def __new__(cls, remember_data: bool = False) -> Self:
        """``remember_data``: data blobs, too, in about 40 bytes of memory each."""
    def root(self, tree: str) -> bool:
        """Marks a root tree; whether it is new."""
    def read(self, index: Index, plaintext: Buffer) -> tuple[list[str], list[tuple[bytes, str]]]:
        """Reads a tree: the trees below it that are new, and what is wrong, as name of the node and half a sentence.

        Raises ``Damaged`` or ``LimitExceeded`` for what is no tree. A hundred faults at most are listed.
        """
    def uses(self, type: str, id: str) -> bool:
        """Whether a blob was reached; always false for data that is not remembered."""
    def unused(self, index: Index) -> list[tuple[str, str]]:
        """Type and ID of the blobs of an index that were not reached, sorted."""
    def __len__(self) -> int:
        """The number of trees that were reached."""

def measure_tree(
    index: Index, plaintext: Buffer, draw: bytes | None = None
) -> tuple[int, int, list[str], list[tuple[bytes, str]], str | None]:
    """How much stands in one tree: its own files, the bytes of their content by the index whatever nodes claim, the
    trees of its folders as often as they are named, and what is wrong, as in ``Reach.read``, whose errors it raises.
    Last, with ``draw``, of the data blobs that are missing the one whose SHA-256 after those bytes is least.
    """

def pack_sizes(index: Index) -> list[tuple[str, int]]:
    """The size that each pack must have by an index: its blobs, its header, the header's length."""
