"""What snapshots need of an index, and what follows for its packs."""

from collections.abc import Sequence
from typing import Self, final

from typing_extensions import Buffer

from strongroom._kernel.index import Index
from strongroom._kernel.key import Key
from strongroom._kernel.pack import BlobEntry

@final
class PackUse:
    """One pack by its index. Sizes are in bytes; the header counts as used."""

    @property
    def id(self) -> str: ...
    @property
    def used_blobs(self) -> int:
        """Blobs that are needed, and counted in no other pack."""
    @property
    def unused_blobs(self) -> int: ...
    @property
    def used_size(self) -> int: ...
    @property
    def unused_size(self) -> int: ...
    @property
    def kind(self) -> str:
        """``"data"``, ``"tree"``, ``"mixed"``, or nothing for a pack without blobs."""
    @property
    def uncompressed(self) -> bool:
        """Whether a blob is not compressed."""
    @property
    def lies(self) -> bool:
        """Whether a blob is not what the index says (``Usage.settle``)."""

@final
class PackShare:
    """One pack where of several copies of a blob the first counts. Sizes are in bytes, without the header."""

    @property
    def id(self) -> str: ...
    @property
    def needed_blobs(self) -> int:
        """Blobs that are needed, wherever the copy lies that counts."""
    @property
    def used_blobs(self) -> int:
        """Blobs that are needed, and whose copy here counts."""
    @property
    def used_size(self) -> int: ...
    @property
    def size(self) -> int:
        """Of all its blobs."""

@final
class UsageTotals:
    """All packs together, without headers."""

    used_blobs: int
    used_size: int
    duplicate_blobs: int
    """Further copies of blobs that are needed."""
    duplicate_size: int
    unused_blobs: int
    unused_size: int

@final
class Usage:
    """Which blobs of an index are needed, in a byte of memory each place. From any thread; each tree is read once.

    What is added to the index later counts for nothing.
    """

    def __new__(cls, index: Index) -> Self: ...
    def root(self, tree: str) -> bool:
        """Marks a root tree; whether it is new."""
    def read(self, plaintext: Buffer) -> tuple[list[str], list[tuple[bytes, str]]]:
        """Reads a tree: as ``Reach.read``."""
    def read_run(
        self, key: Key, data: Buffer, start: int, trees: Sequence[BlobEntry]
    ) -> tuple[list[str], list[tuple[str, bytes, str]], list[str]]:
        """Opens and reads trees in ``data``, a pack's bytes from ``start`` on, in one go.

        The trees below them that are new; what is wrong, as tree, name of the node and half a sentence; and the trees
        that are not what the index says, or not there.
        """
    def needs(self, type: str, id: str) -> bool:
        """Whether a blob is needed that the index names."""
    def packs(self) -> tuple[list[PackUse], UsageTotals]:
        """Every pack in the index's order. Of a needed blob in several packs one counts, by restic's rule."""
    def shares(self) -> list[PackShare]:
        """Every pack in the index's order. Of a needed blob in several packs the first in that order counts."""
    def lost(self) -> list[tuple[str, str]]:
        """Type and ID of needed blobs that have no place that is what the index says, sorted."""
    def settle(self, pack: str, blobs: Sequence[BlobEntry], good: bool) -> None:
        """Blobs of a pack were read and are what the index says, or are not: those places count for nothing then."""
    def suppose(self, going: Sequence[str]) -> tuple[int, int]:
        """Supposes that these packs go, and nothing else: how many needed blobs must move, and their bytes."""
    def lose(self, blobs: Sequence[BlobEntry]) -> None:
        """What goes holds these blobs, too, whatever the index says. After ``suppose``."""
    def moving(self, pack: str) -> list[BlobEntry]:
        """The blobs of a pack that goes which must move, by place. After ``suppose``."""
    def unproven(self, going: Sequence[str], limit: int) -> list[tuple[str, BlobEntry]]:
        """Blobs that go with a pack and stay in another where nobody has read them: that pack and place, ``limit`` at
        most. After ``suppose``."""
    def __len__(self) -> int:
        """The number of trees that were reached."""
