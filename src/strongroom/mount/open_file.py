"""A file of a snapshot that is being read at any place, out of the blobs that it consists of."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

from strongroom.archive.contents import blob_size
from strongroom.base.errors import Damaged, LimitExceeded, Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.mount.blob_cache import BlobCache
    from strongroom.repository.opened import Repository
    from strongroom.repository.packs.together import Plain

AHEAD_BLOBS = 16
"""How many of a file's next blobs are fetched ahead once it is read from one to the next; half as many at a time, since
several together are hashed faster than one after the other."""
MAX_SIZE = (1 << 63) - 1
"""The longest file that Linux knows, in bytes."""


class OpenFile:
    """A file's content by offset. From any thread."""

    def __init__(self, repository: Repository, cache: BlobCache, content: Sequence[str], subject: str) -> None:
        """``content``: the IDs of its blobs. Raises ``Missing`` for one that no index names."""
        self._cache = cache
        self._content = content
        self._subject = subject
        self._ends = array("Q")
        self._last = -1
        self._announced = 0
        end = 0
        for blob in content:
            if not (size := blob_size(repository, "data", blob)) and not repository.locations("data", blob):
                raise Missing(f"its data blob {blob[:10]} is in no index", subject=subject)
            end += size
            if end > MAX_SIZE:
                raise LimitExceeded("is longer than any file can be", subject=subject)
            self._ends.append(end)

    @property
    def size(self) -> int:
        """Its length by the index, in bytes."""
        return self._ends[-1] if self._ends else 0

    @property
    def blobs(self) -> int:
        """How many blobs it consists of."""
        return len(self._content)

    def read(self, offset: int, size: int) -> list[memoryview]:
        """Up to ``size`` bytes from ``offset`` on, in pieces that are not copied; fewer only at the end.

        Raises what loading a blob raises.
        """
        position = bisect_right(self._ends, offset)
        pieces: list[memoryview] = []
        while size > 0 and position < len(self._content):
            begin = self._ends[position - 1] if position else 0
            data = self._blob(position, self._ends[position] - begin)
            piece = memoryview(data)[offset - begin : offset - begin + size]
            pieces.append(piece)
            offset += len(piece)
            size -= len(piece)
            position += 1
        return pieces

    def _blob(self, position: int, length: int) -> Plain:
        if position != self._last:
            if position == self._last + 1 < len(self._content) - 1:  # one after the other, from the first on, too
                self._go_ahead(position + 1)
            else:
                self._announced = 0
            self._last = position
        data = self._cache.get(self._content[position])
        if len(data) != length:
            raise Damaged(
                f"its data blob {self._content[position][:10]} is not as long as the index says", subject=self._subject
            )
        return data

    def _go_ahead(self, begin: int) -> None:
        if self._announced - begin < AHEAD_BLOBS // 2:
            start = max(begin, self._announced)
            self._announced = start + self._cache.ahead(self._content[start : begin + AHEAD_BLOBS])
