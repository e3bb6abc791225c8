"""A repository that takes over blobs: its packs under construction, the threads that store them, its index files."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import StrongroomError
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record
from strongroom.repository.packs.remembered import remember

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom._kernel import BlobEntry, Pack
    from strongroom.repository.opened import Repository

INDEX_BLOBS = 50_000
"""Blobs that fill an index file, as in restic: what a killed run has stored and not indexed is brought again."""
INDEX_SECONDS = 120
"""How long packs stay without an index at most, while more are stored: a killed run loses so much of its work."""
_LOOK = 0.1
"""Seconds of a wait at once."""


@record
class PackOptions:
    """How packs are made: ``_kernel.PackWriter`` has the meaning of each. ``pack_size`` is in bytes."""

    compression: str = "auto"
    pack_size: int = 16 << 20
    recompress: bool = False
    extra_verify: bool = True
    open_packs: int = 2


class Destination:
    """One repository that blobs are brought to, with as many threads as its store has connections. For many threads.

    Say what is to come with ``want``, let ``transfer`` bring it, then ``finish``: packs are stored as they fill, index
    files over those that are stored follow by themselves, and ``repository.index`` (which must be loaded) learns them.
    The first error takes this repository out: it stands in ``failure``, and nothing more is written here.
    """

    def __init__(
        self,
        repository: Repository,
        options: PackOptions | None = None,
        *,
        check: Callable[[], None] = lambda: None,
        on_stored: Callable[[str, list[BlobEntry]], None] | None = None,
        at_once: int = 0,
    ) -> None:
        """``check`` raises when nothing may be written any more (the lock's ``check``); asked before each write.

        ``at_once`` packs are stored at once at most: as many as the store has connections when 0.
        ``on_stored(pack, entries)`` hears of each pack once it is stored, one at a time, from any thread.
        """
        options = options or PackOptions()
        self.repository = repository
        self.writer = _kernel.PackWriter(
            repository.key,
            pack_size=options.pack_size,
            compression=options.compression,
            version=repository.version,
            recompress=options.recompress,
            extra_verify=options.extra_verify,
            open_packs=options.open_packs,
        )
        self.failure: StrongroomError | None = None
        self.packs = 0
        """Packs that were stored."""
        self.blobs = 0
        """Blobs in them."""
        self.bytes = 0
        """Their sizes in all, in bytes."""
        self._check = check
        self._on_stored = on_stored
        self._at_once = max(1, at_once or repository.store.connections)
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Pack, list[BlobEntry]]] = deque()
        self._sending = 0
        self._closed = False
        self._threads: list[threading.Thread] = []
        self._unindexed: list[tuple[str, list[BlobEntry]]] = []
        self._unindexed_blobs = 0
        self._indexed_at = repository.surroundings.clock.monotonic()
        self._saving = threading.Lock()

    @property
    def is_active(self) -> bool:
        """Whether it still takes part."""
        return self.failure is None

    def want(self, kind: str, blob_id: str) -> bool:
        """Wants a blob that is to come; false where the repository has it, or it is wanted or on its way already."""
        return not self.repository.index.contains(kind, blob_id) and self.writer.want(kind, blob_id)

    def fail(self, error: StrongroomError) -> None:
        """Take it out; the first reason stays."""
        with self._changed:
            self.failure = self.failure or error
            self._waiting.clear()
            self._changed.notify_all()

    def put(self, pack: Pack, entries: list[BlobEntry], stopped: Callable[[], bool] = lambda: False) -> None:
        """Hand over a finished pack. Waits while as many are on their way as there are connections."""
        with self._changed:
            while len(self._waiting) + self._sending >= self._at_once and self.is_active and not stopped():
                self._changed.wait(_LOOK)
            if not self.is_active:
                return
            self._waiting.append((pack, entries))
            if len(self._threads) < min(self._sending + len(self._waiting), self._at_once):
                thread = threading.Thread(target=self._send, name="strongroom-store", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Close the open packs and wait until all are stored and indexed. Raises nothing: look at ``failure``."""
        if self.is_active:
            for pack, entries in self.writer.flush():
                self.put(pack, entries)
        self._settle()

    def finish(self) -> None:
        """``flush``, and let the threads go. Raises nothing: look at ``failure``."""
        self.flush()
        self._close()

    def abandon(self) -> None:
        """Index what is stored, so that it stays useful; forget the rest; let the threads go. Raises nothing."""
        with self._changed:
            self._waiting.clear()
        self._settle()
        self._close()

    def _settle(self) -> None:
        with self._changed:
            while self._waiting or self._sending:
                self._changed.wait(_LOOK)
        try:
            self._save_index(force=True)
        except StrongroomError as error:
            self.fail(error)

    def _close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait(_LOOK)
                if not self._waiting:
                    return
                pack, entries = self._waiting.popleft()
                self._sending += 1
                self._changed.notify_all()
            try:
                self._store(pack, entries)
            except StrongroomError as error:
                self.fail(error)
            except Exception as error:
                self.fail(StrongroomError(f"storing a pack failed: {error}", subject=self.repository.location))
            finally:
                del pack, entries  # the memory serves the next pack while this thread waits
                with self._changed:
                    self._sending -= 1
                    self._changed.notify_all()

    def _store(self, pack: Pack, entries: list[BlobEntry]) -> None:
        self._check()
        self.repository.store.create(ObjectName(Kind.DATA, pack.id), memoryview(pack))
        remember(self.repository, [pack.id])
        if pack.holds_trees and self.repository.cache is not None:
            self.repository.remember_tree_pack(pack.id, bytes(pack))
        with self._changed:
            self.repository.index.insert_pack(pack.id, entries)
            self._unindexed.append((pack.id, entries))
            self._unindexed_blobs += len(entries)
            self.packs += 1
            self.blobs += len(entries)
            self.bytes += len(pack)
            if self._on_stored is not None:
                self._on_stored(pack.id, entries)
        self._save_index(force=False)

    def _save_index(self, *, force: bool) -> None:
        with self._saving:
            clock = self.repository.surroundings.clock
            with self._changed:
                is_due = self._unindexed_blobs >= INDEX_BLOBS or clock.monotonic() - self._indexed_at >= INDEX_SECONDS
                if not self._unindexed or not (force or is_due):
                    return
                packs, self._unindexed = self._unindexed, []
                self._unindexed_blobs = 0
                self._indexed_at = clock.monotonic()
            self._check()
            self.repository.save_index(packs)
