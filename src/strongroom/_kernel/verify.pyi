"""Verifying whole packs."""

from collections.abc import Sequence
from typing import final

from typing_extensions import Buffer

from strongroom._kernel.key import Key
from strongroom._kernel.pack import BlobEntry

@final
class PackReport:
    """What a pack holds and what is wrong with it."""

    @property
    def size(self) -> int: ...
    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
    @property
    def entries(self) -> list[BlobEntry]:
        """The blobs of its header in order of place; empty if it cannot be read."""
    @property
    def verified(self) -> list[BlobEntry]:
        """The blobs that were proven: MAC, decompression, SHA-256."""
    @property
    def errors(self) -> list[str]:
        """What is wrong with the pack as a whole, a sentence each."""
    @property
    def bad_blobs(self) -> list[tuple[BlobEntry, str]]:
        """The blobs that are not what header or index promises, with the reason."""

def verify_pack(
    key: Key,
    name: str,
    source: Buffer | int,
    expected: Sequence[BlobEntry] | None = None,
    *,
    offset: int = 0,
    size: int | None = None,
) -> PackReport:
    """Verifies a whole pack: SHA-256 against ``name``, header, each blob, and header against ``expected``, the index.

    ``source`` is its bytes, or an open file descriptor that is read from ``offset`` on, ``size`` bytes or to its end;
    each thread keeps the memory of some blobs. A wrong pack is no error. Raises ``OSError``, and ``LimitExceeded``
    above 4 GiB.
    """
