"""Blobs: fetched by range, decrypted, decompressed and hashed, with a second copy tried where one is bad."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeVar

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, StoreError, StrongroomError
from strongroom.base.objects import Kind, ObjectName

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.repository.cache import RepositoryCache
    from strongroom.storage.contract import Store

Plain = TypeVar("Plain")

MAX_STORED = {"data": 65 << 20, "tree": 513 << 20}
"""The longest ciphertext that is read, in bytes: the budgets for plaintext, and room for what did not compress."""
MAX_CACHED_PACK = 64 << 20
"""Packs longer than this are never fetched whole, in bytes."""
MEMORY = 64 << 20
"""How much of packs that were fetched whole is kept in memory where there is no cache on disk, in bytes."""

REUSED = 32 << 20
"""Up to which size memory that was given back may serve the next blob, in bytes."""


def reuse_memory() -> None:
    """Let memory of blobs serve the next ones from now on: for a process that reads for long, and keeps a few."""
    _kernel.reuse_memory(REUSED)


class PackReader:
    """Raw ranges of packs. Those that hold trees only are fetched whole and kept, since their neighbours come next."""

    def __init__(
        self, store: Store, cache: RepositoryCache | None, near: bool, size_if_trees: Callable[[str], int | None]
    ) -> None:
        """``near``: the store lies on this machine, so that copies would gain nothing.

        ``size_if_trees(pack)``: the pack's size in bytes if it holds trees only, else None.
        """
        self._store = store
        self._cache = cache
        self._near = near
        self._size_if_trees = size_if_trees
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self._guard = threading.Lock()
        self._fetching: dict[str, threading.Lock] = {}

    def read_range(self, pack: str, offset: int, length: int) -> bytes:
        """Bytes of a pack that holds a tree, from wherever they are nearest. Raises what the store raises."""
        if not self._near:
            whole = self._whole(pack, offset, length)
            if whole is not None:
                return whole
        return self.read_from_store(pack, offset, length)

    def read_trees(self, pack: str) -> bytes:
        """The blobs of a pack that holds trees, from wherever they are nearest; what the cache has fits its name."""
        if self._cache is not None:
            kept = self._cache.load(Kind.DATA, pack, MAX_CACHED_PACK)  # a bad entry goes, and is fetched anew
            if kept is not None:
                return kept
        size = self._size_if_trees(pack)
        if size is not None:
            return self.read_range(pack, 0, size)
        return self._store.read_bytes(ObjectName(Kind.DATA, pack))

    def forget(self, pack: str) -> None:
        """A copy that was kept of a pack is bad: the store's is fetched when it is wanted again."""
        with self._guard:
            self._recent.pop(pack, None)
        if self._cache is not None:
            self._cache.forget(Kind.DATA, pack)

    def read_from_store(self, pack: str, offset: int, length: int) -> bytes:
        """Bytes of a pack, past all caches."""
        with self._store.read(ObjectName(Kind.DATA, pack), offset, length) as reader:
            return reader.read()

    def _whole(self, pack: str, offset: int, length: int) -> bytes | None:
        with self._guard:
            turn = self._fetching.setdefault(pack, threading.Lock())
        try:
            with turn:  # of several threads that want one pack, one fetches it
                with self._guard:
                    data = self._recent.get(pack)
                    if data is not None:
                        self._recent.move_to_end(pack)
                if data is not None:
                    return _part(data, offset, length)
                if self._cache is not None:
                    part = self._cache.load_range(Kind.DATA, pack, offset, length)
                    if part is not None:
                        return part
                size = self._size_if_trees(pack)
                if size is None or size > MAX_CACHED_PACK:
                    return None
                return self._fetch(pack, offset, length)
        finally:
            with self._guard:
                self._fetching.pop(pack, None)

    def _fetch(self, pack: str, offset: int, length: int) -> bytes | None:
        with self._store.read(ObjectName(Kind.DATA, pack)) as reader:
            data = reader.read(MAX_CACHED_PACK + 1)
        if len(data) > MAX_CACHED_PACK or _kernel.sha256_hex(data) != pack:
            return None
        if self._cache is None or not self._cache.store(Kind.DATA, pack, data):
            self._remember(pack, data)
        return _part(data, offset, length)

    def _remember(self, pack: str, data: bytes) -> None:
        with self._guard:
            self._recent[pack] = data
            total = sum(map(len, self._recent.values()))
            while total > MEMORY and len(self._recent) > 1:
                _, oldest = self._recent.popitem(last=False)
                total -= len(oldest)


def _part(data: bytes, offset: int, length: int) -> bytes | None:
    part = data[offset : offset + length]
    return part if len(part) == length else None


def load_verified(
    packs: PackReader,
    kind: str,
    blob_id: str,
    copies: list[_kernel.Location],
    open_copy: Callable[[bytes, _kernel.Location], Plain],
) -> Plain:
    """The plaintext of a blob out of the first copy that is good: what ``open_copy(ciphertext, copy)`` makes of it.

    A copy that came out of a cache and is bad is read again from the store before the next one is tried. Raises
    ``Missing`` without copies, else the error of the last copy: ``Damaged``, ``LimitExceeded`` or the store's.
    """
    if not copies:
        raise Missing("is in no index", subject=f"{kind} blob {blob_id}", hint="Try `strongroom repair index`.")
    failure: StrongroomError | None = None
    for copy in copies:
        for read in (packs.read_range if kind == "tree" else packs.read_from_store, packs.read_from_store):
            try:
                if copy.length > MAX_STORED[kind]:
                    raise LimitExceeded(f"is longer than any {kind} blob", subject=f"{kind} blob {blob_id}")
                ciphertext = read(copy.pack, copy.offset, copy.length)
                return open_copy(ciphertext, copy)
            except StoreError as problem:
                failure = problem
                break
            except (Damaged, LimitExceeded) as problem:
                failure = problem
                packs.forget(copy.pack)
    assert failure is not None
    if isinstance(failure, Damaged):
        raise Damaged(f"is damaged in every copy ({len(copies)})", subject=f"{kind} blob {blob_id}") from failure
    failure.subject = failure.subject or f"{kind} blob {blob_id}"
    raise failure
