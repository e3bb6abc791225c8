"""A store that does not give some objects, as judging sees it: what needs them waits, and the others are judged.

What is gone or damaged is known for what it is. What a store refuses, or breaks off, may be sound: nobody can say.
"""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, Missing, StoreError
from strongroom.repository.opened import Repository
from strongroom.storage.contract import Reader
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Store

NOT_GIVEN = "is not given by the store now"
"""The words of whatever needs such an object."""
MOST = 20
"""So many objects may be missed in one look; a store that gives more of them not is away, and that ends the round."""


class Giving(Wrapper):
    """Turns a refusal for one object into its absence, and remembers which. From any thread."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._guard = threading.Lock()
        self.refused: dict[str, str] = {}
        """Objects that were not given, and what the store said."""
        self.refusals = 0

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """Read at once, so that what breaks off half-way is seen here. Raises ``Missing`` for what is not given."""
        try:
            with self.inner.read(name, offset, length) as reader:
                return _InMemory(reader.read())
        except (Missing, Damaged, LimitExceeded):
            raise
        except StoreError as problem:
            with self._guard:
                self.refused[str(name)] = problem.what
                self.refusals += 1
                if len(self.refused) > MOST:
                    raise
            raise Missing(NOT_GIVEN, subject=str(name)) from problem


class _InMemory(Reader):
    """Bytes that were read."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._stream = io.BytesIO(data)

    def read(self, limit: int = -1, /) -> bytes:
        return self._stream.read(limit)

    def close(self) -> None:
        self._stream.close()


def giving(repository: Repository) -> tuple[Repository, Giving]:
    """The same repository with the same index, over a store of which some objects may not be given."""
    store = Giving(repository.store)
    found = Repository(
        store, repository.config, repository.key, repository.key_id, repository.surroundings, near=repository.near
    )
    found.index = repository.index
    return found, store
