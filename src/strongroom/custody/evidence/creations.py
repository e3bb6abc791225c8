"""A store that writes down what is created in it before it is there, so that nobody takes ours for an intruder's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.custody.schemas.evidence import creation
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.objects import ObjectName
    from strongroom.custody.state import State
    from strongroom.storage.contract import Store, Upload


class NotingStore(Wrapper):
    """Calls ``note`` with the name of each object, locks apart, before it is created."""

    def __init__(self, inner: Store, note: Callable[[ObjectName], None]) -> None:
        super().__init__(inner)
        self._note = note

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """Noted, and handed on."""
        if name.kind is not Kind.LOCK:
            self._note(name)
        return self.inner.stage(name, size)

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """Noted, and handed on."""
        if name.kind is not Kind.LOCK:
            self._note(name)
        self.inner.create(name, data)

    def around(self, inner: Store) -> NotingStore:
        """As the base says."""
        return NotingStore(inner, self._note)


def noting(state: State, repository: str, store: Store) -> NotingStore:
    """The store of a repository, with what we create in it written down in the state."""
    return NotingStore(store, lambda name: note_creation(state, repository, name))


def note_creation(state: State, repository: str, name: ObjectName) -> None:
    """Write down that we are about to create an object."""
    here = sa.and_(creation.c.repository == repository, creation.c.name == str(name))
    with state.database.write() as connection:
        if connection.execute(sa.select(creation.c.name).where(here)).one_or_none() is None:
            connection.execute(
                creation.insert().values(repository=repository, name=str(name), at_ns=state.clock.now_ns())
            )
