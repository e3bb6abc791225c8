"""What repositories still need of some snapshots, found tree by tree."""

from collections.abc import Sequence
from typing import Self, final

from typing_extensions import Buffer

from strongroom._kernel.index import Index
from strongroom._kernel.pack import BlobEntry
from strongroom._kernel.transfer import PackWriter

@final
class TransferPlan:
    """Which blobs each target's writer is to get, and in which packs of the source they lie. From any thread.

    Each tree is looked at once for each set of targets, however many paths lead to it. A target is named by its number.
    """

    def __new__(cls, source: Index, targets: Sequence[tuple[PackWriter, Index]]) -> Self:
        """``ValueError`` for more than 64 targets."""
    def root(self, tree: str, targets: Sequence[int]) -> bool:
        """Wants a root tree for those of ``targets`` that lack it; whether it must be read.

        Raises ``Damaged`` when one wants it and no index of the source names it.
        """
    def read(self, plaintext: Buffer, targets: Sequence[int]) -> tuple[list[str], list[tuple[bytes, str]]]:
        """Wants for ``targets`` what a tree names and they lack.

        Returns the trees below it that are still to be read for them, and what is wanted and in no index of the source:
        name of the node and a sentence, a hundred at most. Raises ``Damaged`` or ``LimitExceeded`` for a tree that
        restic would not have written: what is not sound is not spread.
        """
    def next_pack(self) -> tuple[str, list[BlobEntry]] | None:
        """Takes the next pack with the blobs that are wanted of it; None when all were taken."""
    def waiting(self) -> tuple[int, int, int]:
        """What is to be taken: packs, blobs, and the sizes of these as the source stores them, in bytes."""
