"""A store around a store: everything is handed on, until a wrapper changes some of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.storage.contract import Info, Reader, Store, StoreKind, Upload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.base.objects import Kind, ObjectName
    from strongroom.storage.contract import Rows


class Wrapper(Store):
    """Hands everything on to ``inner``."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def store_kind(self) -> StoreKind:  # type: ignore[override]  # a class attribute elsewhere, read all the same
        """The inner store's."""
        return self.inner.store_kind

    @property
    def conditional_create(self) -> bool:  # type: ignore[override]  # a class attribute elsewhere, read all the same
        """The inner store's."""
        return self.inner.conditional_create

    @property
    def connections(self) -> int:  # type: ignore[override]
        """The inner store's."""
        return self.inner.connections

    @property
    def location(self) -> str:
        """The inner store's."""
        return self.inner.location

    @property
    def place(self) -> object:
        """The inner store's."""
        return self.inner.place

    def prepare(self) -> None:
        """Handed on."""
        self.inner.prepare()

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """Handed on."""
        return self.inner.list(kind, after)

    def list_groups(self, kind: Kind, after: str | None = None) -> Iterator[Rows]:
        """Handed on, unless this wrapper lists in a way of its own."""
        if type(self).list is not Wrapper.list:
            return super().list_groups(kind, after)
        return self.inner.list_groups(kind, after)

    def has_folder(self, kind: Kind) -> bool | None:
        """Handed on."""
        return self.inner.has_folder(kind)

    def stat(self, name: ObjectName) -> Info:
        """Handed on."""
        return self.inner.stat(name)

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """Handed on."""
        return self.inner.read(name, offset, length)

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """Handed on."""
        return self.inner.stage(name, size)

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """Handed on."""
        self.inner.create(name, data)

    def child(self, name: str) -> Store:
        """The inner store's child, wrapped as this one is."""
        return self.around(self.inner.child(name))

    def around(self, inner: Store) -> Wrapper:
        """The same wrapper around another store."""
        return type(self)(inner)

    def release_lock(self, name: str) -> None:
        """Handed on."""
        self.inner.release_lock(name)

    def close(self) -> None:
        """Handed on."""
        self.inner.close()


def innermost(store: Store) -> Store:
    """The store itself, without its wrappers."""
    while isinstance(store, Wrapper):
        store = store.inner
    return store
