"""Blobs that files were read from lately, in bounded memory, and those that will be wanted next, fetched ahead."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from strongroom.repository.packs.together import Plain

MEMORY = 48 << 20
"""How much plaintext is kept, in bytes; one blob more for each that is being read."""
AHEAD = 24 << 20
"""How much of it may have been fetched ahead and not been asked for yet, in bytes."""
WAITING = 64
"""How many blobs wait to be fetched ahead; more are forgotten."""
TOGETHER = 8 << 20
"""How much of what waits is fetched at once, in bytes; one blob at least."""


class _Fetch:
    """A blob on its way: whoever wants it meanwhile waits for the one who fetches it."""

    __slots__ = ("data", "under_way")

    def __init__(self) -> None:
        self.under_way = threading.Lock()  # an event would cost as much as all else here
        self.under_way.acquire()
        self.data: Plain | None = None


class BlobSource(Protocol):
    """Where blobs come from."""

    def load(self, blob: str) -> Plain:
        """The verified plaintext of a data blob, or an error."""
        ...

    def load_together(self, blobs: Sequence[str]) -> Mapping[str, Plain]:
        """Those of several that make no trouble."""
        ...

    def size(self, blob: str) -> int:
        """How long its plaintext is said to be, in bytes."""
        ...


class BlobCache:
    """From any thread."""

    def __init__(self, source: BlobSource, workers: int, memory: int = MEMORY) -> None:
        """``workers``: how many fetch ahead at once; 0 for none."""
        self._source = source
        self._workers = workers
        self._memory = memory
        self._kept: OrderedDict[str, Plain] = OrderedDict()
        self._bytes = 0
        self._unasked: dict[str, int] = {}
        self._unasked_bytes = 0
        self._fetching: dict[str, _Fetch] = {}
        self._wanted: dict[str, int] = {}
        self._guard = threading.Lock()
        self._changed = threading.Condition(self._guard)
        self._threads: list[threading.Thread] = []
        self._closed = False

    def get(self, blob: str) -> Plain:
        """The plaintext of a blob. Raises what ``load`` raises."""
        while True:
            with self._guard:
                data = self._kept.get(blob)
                if data is not None:
                    self._kept.move_to_end(blob)
                    self._unasked_bytes -= self._unasked.pop(blob, 0)
                    return data
                fetch = self._fetching.get(blob)
                mine = fetch is None
                if fetch is None:
                    fetch = self._fetching[blob] = _Fetch()
            if mine:
                return self._fetch(blob, fetch)
            with fetch.under_way:
                pass
            if fetch.data is not None:
                with self._guard:
                    self._unasked_bytes -= self._unasked.pop(blob, 0)
                return fetch.data

    def ahead(self, blobs: Iterable[str]) -> int:
        """Fetch these soon, as far as memory and workers allow. How many of them were taken."""
        taken = 0
        if not self._workers:
            return taken
        with self._guard:
            waiting = woken = 0
            for blob in blobs:
                if self._closed or len(self._wanted) >= WAITING or self._unasked_bytes > AHEAD:
                    break
                taken += 1
                if blob in self._kept or blob in self._fetching or blob in self._wanted:
                    continue
                self._wanted[blob] = size = self._source.size(blob)
                waiting += size
                if waiting > TOGETHER * woken:
                    woken += 1
                    self._wake()
        return taken

    def close(self) -> None:
        """Fetch no more. What is under way ends by itself."""
        with self._changed:
            self._closed = True
            self._wanted.clear()
            self._changed.notify_all()

    def _wake(self) -> None:
        self._changed.notify()
        if len(self._threads) < self._workers:
            thread = threading.Thread(target=self._work, name="strongroom-ahead", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _fetch(self, blob: str, fetch: _Fetch) -> Plain:
        try:
            fetch.data = self._source.load(blob)
            return fetch.data
        finally:
            with self._guard:
                self._settle(blob, fetch, asked=True)

    def _settle(self, blob: str, fetch: _Fetch, *, asked: bool) -> None:
        del self._fetching[blob]
        if fetch.data is not None:
            self._keep(blob, fetch.data, asked=asked)
        fetch.under_way.release()

    def _keep(self, blob: str, data: Plain, *, asked: bool) -> None:
        self._kept[blob] = data
        self._bytes += len(data)
        if not asked:
            self._unasked[blob] = len(data)
            self._unasked_bytes += len(data)
        while self._bytes > self._memory and self._kept:
            oldest, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped)
            self._unasked_bytes -= self._unasked.pop(oldest, 0)

    def _work(self) -> None:
        while (fetches := self._next()) is not None:
            found: Mapping[str, Plain] = {}
            try:
                if len(fetches) == 1:
                    found = {blob: self._source.load(blob) for blob in fetches}
                elif fetches:
                    found = self._source.load_together(list(fetches))
            except Exception:  # whoever asks for it hears why
                continue
            finally:
                with self._guard:
                    for blob, fetch in fetches.items():
                        fetch.data = found.get(blob)
                        self._settle(blob, fetch, asked=False)

    def _next(self) -> dict[str, _Fetch] | None:
        """What to fetch together, of what waits longest; None when there will be no more."""
        with self._guard:
            while not self._wanted and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            fetches: dict[str, _Fetch] = {}
            room = TOGETHER
            for blob, size in list(self._wanted.items()):
                if fetches and size > room:
                    break
                del self._wanted[blob]
                if blob not in self._kept and blob not in self._fetching:
                    fetches[blob] = self._fetching[blob] = _Fetch()
                    room -= size
            return fetches
