"""The data blobs of a repository, as the cache of a mount wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.archive.contents import blob_size
from strongroom.repository.packs.together import load_together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.repository.opened import Repository
    from strongroom.repository.packs.together import Plain


class Blobs:
    """The data blobs of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def load(self, blob: str) -> Plain:
        """By itself, with whatever is wrong with it."""
        return load_together(self._repository, (blob,)).get(blob) or self._repository.load_blob("data", blob)

    def load_together(self, blobs: Sequence[str]) -> dict[str, Plain]:
        """Those of several that make no trouble."""
        return load_together(self._repository, blobs)

    def size(self, blob: str) -> int:
        """In bytes, by the index."""
        return blob_size(self._repository, "data", blob)
