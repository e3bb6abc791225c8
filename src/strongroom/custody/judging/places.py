"""The catalogue as far as judging asks for it: whole where it is small, else all trees, and the data that trees name.

Five million blobs take 270 MB in memory, and a new snapshot names few of them. Going through what all packs were read
to hold takes less time than building an index of it.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.custody.catalogue import AT_ONCE, load_catalogue, places_of, sound_rows

if TYPE_CHECKING:
    from strongroom.custody.state import State

SMALL = 1_000_000
"""Up to so many blobs it is loaded whole, which takes some 55 MB."""
FEW = 4
"""For more new snapshots than these it is loaded whole, too: each may go through all rows twice."""


class JudgingPlaces:
    """``index`` has all places of each blob that was wanted, the oldest first, and of every tree. From any thread."""

    def __init__(self, state: State, repository: str, *, snapshots: int) -> None:
        """``snapshots``: how many are to be judged."""
        self._state = state
        self._repository = repository
        self._guard = threading.Lock()
        self._asked = _kernel.BlobSet()
        with state.database.read() as connection:
            places = places_of(connection, repository)
        self.is_whole = places <= SMALL or snapshots > FEW
        """Whether nothing needs to be asked for."""
        if self.is_whole:
            self.index = load_catalogue(state, repository)
        else:
            self.index = _kernel.Index()
            self._load(None)

    def want(self, blobs: _kernel.BlobSet) -> None:
        """Have the places of these blobs in the index."""
        with self._guard:
            if not self.is_whole and self._asked.add_all(blobs):
                self._load(blobs)

    def want_all(self) -> None:
        """Have all places in the index."""
        with self._guard, self._state.database.read() as connection:
            if self.is_whole:
                return
            rows = sound_rows(connection, self._repository)
            while some := list(itertools.islice(rows, AT_ONCE)):
                self.index.insert_many(some)  # what is there already stays, and is all that there is of its blob
            self.is_whole = True

    def _load(self, wanted: _kernel.BlobSet | None) -> None:
        with self._state.database.read() as connection:
            rows = sound_rows(connection, self._repository)
            while some := list(itertools.islice(rows, AT_ONCE)):
                if wanted is None:
                    self.index.insert_trees(some)
                else:
                    wanted.insert_into(self.index, some)
