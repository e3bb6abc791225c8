"""Blobs from one repository's packs into those of others, proven on the way."""

from collections.abc import Sequence
from typing import Self, final

from typing_extensions import Buffer

from strongroom._kernel.key import Key
from strongroom._kernel.pack import BlobEntry
from strongroom._kernel.pack_buffer import Pack

@final
class PackWriter:
    """The packs of one repository that takes over blobs: which it still wants, and those under construction.

    From any thread. A blob is named by its type and ID; its place among the wanted is about 50 bytes of memory.
    """

    def __new__(
        cls,
        key: Key,
        *,
        pack_size: int,
        compression: str,
        version: int = 2,
        recompress: bool = False,
        extra_verify: bool = True,
        open_packs: int = 2,
    ) -> Self:
        """``compression`` is a mode of restic's (off, fastest, auto, better, max) for what is not compressed yet.

        A frame of the source passes as it is, except into version 1, for data blobs into ``off``, when it is not one
        that any restic reads, or with ``recompress``. A pack is closed with the blob that brings it to ``pack_size``
        bytes; ``open_packs`` of data are filled at once at most. With ``extra_verify`` each blob is opened again after
        it was sealed. ``ValueError`` for another mode.
        """
    def want(self, type: str, id: str) -> bool:
        """Wants a blob; false where it is wanted or written already."""
    def lacks(self, type: str, id: str) -> bool:
        """Whether a blob was wanted and is not written into a pack yet."""
    def wanted(self) -> list[tuple[str, str]]:
        """Type and ID of the blobs that were wanted and are not written yet, in no order."""
    def flush(self) -> list[tuple[Pack, list[BlobEntry]]]:
        """Closes the open packs (two of data and one of trees at most): each with its blobs in order of place."""

def transfer_blobs(
    key: Key,
    source: Buffer | int,
    entries: Sequence[BlobEntry],
    writers: Sequence[PackWriter],
    *,
    offset: int = 0,
) -> tuple[list[tuple[int, Pack, list[BlobEntry]]], list[tuple[BlobEntry, str]]]:
    """Brings those of ``entries`` that a writer wants out of a range of a pack that ``key`` opens.

    ``source`` holds the pack's bytes from ``offset`` on: as bytes, or as a descriptor that stands at the first of them
    (as ``Reader.fileno`` gives it; it is not moved). Each blob is read, checked by MAC, decompressed within its budget
    and hashed once, then sealed for every writer that wants it; under the source's own key its envelope moves as it is.
    Data and trees go into packs of their own. Two calls never bring the same blob at once.

    Returns the packs that were filled, each with the number of its writer and its blobs in order of place; and the
    blobs that are damaged, too long, or not in the range, each with the reason. These stay wanted, and another copy may
    be tried. Raises ``RuntimeError`` when a blob does not read back after it was sealed (faulty memory): give up then.
    """
