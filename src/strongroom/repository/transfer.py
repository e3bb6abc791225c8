"""Blobs out of the packs of one repository into those of others: each is read, proven and decompressed once.

For prune (source and destination are one repository), copy (any number of destinations) and repair packs.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

from strongroom import _kernel
from strongroom.base.errors import Damaged, Interrupted, StoreError, StrongroomError, Unavailable
from strongroom.base.record import record
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from strongroom._kernel import BlobEntry
    from strongroom.repository.destination import Destination
    from strongroom.repository.opened import Repository

MOST_GAP = 1 << 20
"""Unwanted bytes between two blobs that are read along rather than asked for twice, as in restic."""
MOST_AT_ONCE = 4 << 20
"""Bytes of a range that is handed on at once; a longer blob is a range of its own. Packs that are full by then wait for
its end while the next ones fill: whole packs at once made a copy to three repositories 40 MB larger."""

Pieces: TypeAlias = "Iterable[tuple[str, Sequence[BlobEntry]]]"


@record
class Lost:
    """A blob that no copy gave: by which pack it was asked for, and why it is not there."""

    pack: str
    entry: BlobEntry
    reason: str


def transfer(
    source: Repository,
    pieces: Pieces,
    destinations: Sequence[Destination],
    *,
    progress: Callable[[str, list[Lost]], None] = lambda _pack, _lost: None,
    stop: threading.Event | None = None,
    workers: int | None = None,
) -> list[Lost]:
    """Bring the blobs in ``pieces`` (packs of ``source`` with some or all of their blobs) that a destination wants.

    Several packs at once, each pack's ranges in order of place, neighbours joined. A blob that is bad in one place is
    taken from its other copies by ``source.index``; returns those that no copy gave, which stay wanted. Destinations
    that fail leave (``Destination.failure``), the others go on; when all have failed the rest is not read. Afterwards
    the last packs are still open: ``Destination.finish`` or ``flush`` stores and indexes them.

    ``progress(pack, lost)`` hears of each pack that is done, in order, in the caller's thread. Raises ``Interrupted``
    when ``stop`` is set, and ``Unavailable`` when the source stays so; call ``Destination.abandon`` then.
    """
    run = _Transfer(source, destinations, stop or threading.Event())
    lost: list[Lost] = []
    count = workers or max(2, source.store.connections)
    for (pack, _), outcome in outcomes(run.bring, run.wanted(pieces), count):
        lost_here = outcome()
        lost += lost_here
        progress(pack, lost_here)
    run.look()
    return lost


class _Transfer:
    def __init__(self, source: Repository, destinations: Sequence[Destination], stop: threading.Event) -> None:
        self._source = source
        self._destinations = destinations
        self._stop = stop
        self._has_descriptors = source.near

    def look(self) -> None:
        """Raise ``Interrupted`` when the user asked to stop."""
        if self._stop.is_set():
            raise Interrupted("stopped")

    def wanted(self, pieces: Pieces) -> Iterator[tuple[str, Sequence[BlobEntry]]]:
        """The pieces, for as long as there is somebody to take them."""
        for piece in pieces:
            self.look()
            if not any(destination.is_active for destination in self._destinations):
                return
            yield piece

    def bring(self, piece: tuple[str, Sequence[BlobEntry]]) -> list[Lost]:
        """Bring one pack's blobs, in a thread of its own."""
        pack, entries = piece
        lost: list[Lost] = []
        for part in _ranges(sorted(entries, key=lambda entry: entry.offset), self._has_descriptors):
            self.look()
            for entry, reason in self._bring_range(pack, part):
                failure = self._bring_other_copy(pack, entry, reason)
                if failure is not None:
                    lost.append(Lost(pack, entry, failure))
        return lost

    def _bring_range(self, pack: str, entries: list[BlobEntry]) -> list[tuple[BlobEntry, str]]:
        """The blobs that are bad in this place, with the reason."""
        start = entries[0].offset
        length = max(entry.offset + entry.length for entry in entries) - start
        try:
            if not self._source.near and all(entry.kind == "tree" for entry in entries):
                bad = self._hand_on(self._source.read_pack(pack, start, length, tree=True), entries, start)
                if not bad:
                    return bad
                entries = [entry for entry, _ in bad]  # the cache may be at fault
            with self._source.open_pack(pack, start, length) as reader:
                descriptor = reader.fileno()
                self._has_descriptors = descriptor is not None
                return self._hand_on(reader.read() if descriptor is None else descriptor, entries, start)
        except Unavailable:
            raise
        except Damaged as problem:  # the pack ends early: what lies before its end is still there
            if len(entries) > 1:
                return [bad for entry in entries for bad in self._bring_range(pack, [entry])]
            return [(entries[0], problem.what)]
        except StoreError as problem:
            return [(entry, problem.what) for entry in entries]

    def _hand_on(self, bytes_: bytes | int, entries: list[BlobEntry], start: int) -> list[tuple[BlobEntry, str]]:
        active = [destination for destination in self._destinations if destination.is_active]
        writers = [destination.writer for destination in active]
        packs, bad = _kernel.transfer_blobs(self._source.key, bytes_, entries, writers, offset=start)
        while packs:
            number, pack, blobs = packs.pop()
            active[number].put(pack, blobs, self._stop.is_set)
        return bad

    def _bring_other_copy(self, pack: str, entry: BlobEntry, reason: str) -> str | None:
        """None once another place gave the blob, else why the last one did not."""
        for copy in self._source.locations(entry.kind, entry.id):
            if (copy.pack, copy.offset) == (pack, entry.offset):
                continue
            other = _kernel.BlobEntry(entry.kind, entry.id, copy.offset, copy.length, copy.uncompressed_length)
            bad = self._bring_range(copy.pack, [other])
            if not bad:
                return None
            reason = bad[0][1]
        return reason


def _ranges(entries: Sequence[BlobEntry], with_gaps: bool) -> Iterator[list[BlobEntry]]:
    """Runs of blobs that are read at once. ``with_gaps``: from a descriptor only what is wanted is read."""
    part: list[BlobEntry] = []
    start = end = 0
    for entry in entries:
        new_end = max(end, entry.offset + entry.length)
        is_apart = entry.offset - end > MOST_GAP and not with_gaps
        if part and (is_apart or new_end - start > MOST_AT_ONCE):
            yield part
            part = []
        if not part:
            start, new_end = entry.offset, entry.offset + entry.length
        part.append(entry)
        end = new_end
    if part:
        yield part


def raise_failure(destination: Destination) -> None:
    """Raise what took a destination out, if anything did: for those with one destination only."""
    failure: StrongroomError | None = destination.failure
    if failure is not None:
        raise failure
