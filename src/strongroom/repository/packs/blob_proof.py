"""Whether blobs lie in a pack where they are said to lie: found out by reading and hashing them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing
from strongroom.base.objects import Kind, ObjectName
from strongroom.repository.blobs import MAX_STORED
from strongroom.repository.packs.remembered import remember

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strongroom._kernel import BlobEntry
    from strongroom.repository.opened import Repository

Claims = tuple[str, list["BlobEntry"]]
"""A pack, and where blobs are said to lie in it; they do not overlap."""

_WHOLE = 0.5
"""A pack of which more than this share must be read is read whole, and needs no proof the next time."""
_GAP = 64 << 10
_RUN = 8 << 20


class BlobProof:
    """Reads blobs in the packs of one repository. From any thread."""

    def __init__(self, repository: Repository, sizes: Mapping[str, int]) -> None:
        """``sizes`` are those of all packs of the store, in bytes."""
        self._repository = repository
        self._sizes = sizes

    def prove(self, claims: Claims) -> tuple[list[BlobEntry], list[BlobEntry]]:
        """The blobs of a pack that are there, and those that are not. Raises errors of the store."""
        pack, entries = claims
        if sum(entry.length for entry in entries) > self._sizes[pack] * _WHOLE:
            return self._prove_whole(pack, entries)
        good: list[BlobEntry] = []
        bad: list[BlobEntry] = []
        for run in _runs(sorted(entries, key=lambda entry: entry.offset)):
            data = self._read(pack, run[0].offset, run[-1].offset + run[-1].length)
            for entry in run:
                (good if self._is_true(pack, entry, run[0].offset, data) else bad).append(entry)
        return good, bad

    def _prove_whole(self, pack: str, entries: list[BlobEntry]) -> tuple[list[BlobEntry], list[BlobEntry]]:
        try:
            with self._repository.store.read(ObjectName(Kind.DATA, pack)) as reader:
                descriptor = reader.fileno()
                source = reader.read() if descriptor is None else descriptor
                report = _kernel.verify_pack(self._repository.key, pack, source)
        except (Damaged, LimitExceeded, Missing):
            return [], entries
        if report.sound:
            remember(self._repository, [pack])
        verified = set(report.verified)
        good = [entry for entry in entries if entry in verified]
        # What the header does not have may lie in the pack for all that; it is read by itself.
        bad: list[BlobEntry] = []
        for entry in entries:
            if entry not in verified:
                (good if self._is_true(pack, entry, 0, b"") else bad).append(entry)
        return good, bad

    def _read(self, pack: str, start: int, end: int) -> bytes:
        with contextlib.suppress(Damaged, LimitExceeded, Missing):
            return self._repository.read_pack(pack, start, end - start)
        return b""

    def _is_true(self, pack: str, entry: BlobEntry, start: int, data: bytes) -> bool:
        """Whether a blob is what the index says; read a second time before it counts as false."""
        if entry.length > MAX_STORED[entry.kind]:
            return False
        at = entry.offset - start
        for again in (False, True):
            with contextlib.suppress(Damaged, LimitExceeded, Missing):
                stored = data[at : at + entry.length]
                if again:
                    stored = self._repository.read_pack(pack, entry.offset, entry.length)
                _kernel.open_blob(self._repository.key, entry.kind, entry.id, stored, entry.uncompressed_length)
                return True
        return False


def _runs(entries: list[BlobEntry]) -> Iterator[list[BlobEntry]]:
    """Blobs that lie so close together that they are read at once. Ends are in order, too: blobs do not overlap."""
    run = [entries[0]]
    for entry in entries[1:]:
        end = run[-1].offset + run[-1].length
        if end <= entry.offset <= end + _GAP and entry.offset + entry.length - run[0].offset <= _RUN:
            run.append(entry)
        else:
            yield run
            run = [entry]
    yield run
