"""Snapshots, indexes and locks: whole files, encrypted, hashed into their names, from the cache where it has them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, NotOurs
from strongroom.base.objects import Kind, ObjectName
from strongroom.format import config, lock, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from strongroom.repository.cache import RepositoryCache
    from strongroom.storage.contract import Store

MAX_PLAINTEXT = {
    Kind.CONFIG: config.MAX_PLAINTEXT,
    Kind.SNAPSHOT: 16 << 20,
    Kind.INDEX: 256 << 20,
    Kind.LOCK: lock.MAX_PLAINTEXT,
}
"""Budgets in bytes (``docs/concepts/kernel.md``)."""
_OVERHEAD = 1024
"""What envelope, marker and a frame that could not be compressed may add, in bytes: more than enough."""
SMALL_FILE = 128 << 10
"""The longest file that the kernel reads together with others, in bytes."""
AT_ONCE = 128
"""How many files it reads in one go."""
_CACHED = (Kind.SNAPSHOT, Kind.INDEX)


class UnpackedFiles:
    """Reads and writes the unpacked files of one repository."""

    def __init__(self, store: Store, key: _kernel.Key, version: int, cache: RepositoryCache | None) -> None:
        self._store = store
        self._key = key
        self._version = version
        self._cache = cache

    def load(self, kind: Kind, name: str, *, cached: bool = True, limit: int | None = None) -> bytes:
        """The plaintext, checked, within its budget or a smaller ``limit`` in bytes.

        Raises ``Missing``, ``Damaged``, ``LimitExceeded``.
        """
        object_name = ObjectName(kind, name)
        return self.open_stored(self.stored(object_name, cached=cached), object_name, limit)

    def load_small(self, kind: Kind, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """Each name with its file's plaintext, checked, where the store is a folder of this machine and the file small.

        None for one that ``load`` has to read, or to say why it cannot be read.
        """
        folder = self._store.folder_of(kind)
        for start in range(0, len(names), AT_ONCE):
            group = list(names[start : start + AT_ONCE])
            plaintexts: list[bytes | None] = [None] * len(group)
            if folder is not None:
                with contextlib.suppress(OSError):
                    plaintexts = self._key.open_files(folder, group)
            yield from zip(group, plaintexts, strict=True)

    def open_stored(self, stored: bytes, name: ObjectName, limit: int | None = None) -> bytes:
        """The plaintext in stored bytes whose hash was checked. Raises ``Damaged``, ``LimitExceeded``."""
        return open_unpacked(self._key, stored, name, limit)

    def stored(self, name: ObjectName, *, cached: bool = True) -> bytes:
        """The ciphertext, whose hash is its name. A bad one is read a second time: the line may be at fault."""
        cache = self._cache if cached and name.kind in _CACHED else None
        if cache is not None:
            data = cache.load(name.kind, name.name, MAX_PLAINTEXT[name.kind] + _OVERHEAD)
            if data is not None:
                return data
        for _ in range(2):
            data = read_bounded(self._store, name)
            if name.kind is Kind.CONFIG or _kernel.sha256_hex(data) == name.name:
                if cache is not None:
                    cache.store(name.kind, name.name, data)
                return data
        raise Damaged("does not have the content that its name promises", subject=str(name))

    def save(self, kind: Kind, plaintext: bytes, begun: Callable[[str], None] = lambda _name: None) -> str:
        """Encrypt, prove that the result opens, store it under its hash, and return that name.

        ``begun`` hears the name before anything is sent: what is interrupted may be in the store all the same.
        """
        stored = self._key.seal(unpacked.encode(plaintext, self._version))
        if unpacked.decode(self._key.open(stored), MAX_PLAINTEXT[kind], kind.value) != plaintext:
            raise Damaged("came out changed of its own encryption; is this machine's memory sound?", subject=kind.value)
        name = _kernel.sha256_hex(stored)
        begun(name)
        self._store.create(ObjectName(kind, name), stored)
        if self._cache is not None and kind in _CACHED:
            self._cache.store(kind, name, stored)
        return name


def open_unpacked(key: _kernel.Key, stored: bytes, name: ObjectName, limit: int | None = None) -> bytes:
    """The plaintext in stored bytes whose hash was checked. Raises ``Damaged``, ``LimitExceeded``."""
    try:
        opened = key.open(stored)
    except Damaged:
        if name.kind is Kind.CONFIG:  # no hash vouches for its bytes
            raise Damaged("was not written with this repository's key, or is damaged", subject=str(name)) from None
        raise NotOurs("was not written with this repository's key", subject=str(name)) from None
    if name.kind is Kind.CONFIG:
        return opened
    return unpacked.decode(opened, MAX_PLAINTEXT[name.kind] if limit is None else limit, str(name))


def read_bounded(store: Store, name: ObjectName) -> bytes:
    """The stored bytes of a small file. Raises ``LimitExceeded`` before reading one that is beyond its budget."""
    limit = MAX_PLAINTEXT[name.kind] + _OVERHEAD
    with store.read(name) as reader:
        if reader.size > limit:
            raise LimitExceeded(f"is longer than {limit} bytes", subject=str(name))
        return reader.read(limit)
