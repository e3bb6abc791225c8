"""Before a pack goes: is what it holds of use really in what stays? Found out by reading, whatever the index says."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, Interrupted, LimitExceeded, Missing
from strongroom.base.objects import Kind, ObjectName
from strongroom.repository.blobs import MAX_STORED
from strongroom.repository.packs.headers import read_header, read_headers
from strongroom.repository.packs.remembered import remember, remembered
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from strongroom._kernel import BlobEntry, Usage
    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository

_AT_ONCE = 50_000
"""Blobs whose proof is sought at once: as objects of Python they are some 20 MB."""
_WHOLE = 0.5
"""A pack of which more than this share must be read is read whole, and needs no proof the next time."""
_GAP = 64 << 10
_RUN = 8 << 20

_Claims = tuple[str, list["BlobEntry"]]


class Proof:
    """Proves copies that stay. What proves false counts for nothing in ``usage`` from then on."""

    def __init__(self, repository: Repository, usage: Usage, sizes: Mapping[str, int], reporter: Reporter) -> None:
        """``sizes`` are those of all packs of the store, in bytes."""
        self._repository = repository
        self._usage = usage
        self._sizes = sizes
        self._reporter = reporter
        self._tried: set[str] = set()

    def holds(self, going: Sequence[str], others: Mapping[str, list[BlobEntry]]) -> bool:
        """Whether each needed blob of the packs that go was proven in one that stays, or moves.

        Those packs speak for themselves, by their headers; ``others`` are further ones that go, with what they hold.
        False where a copy proved false: decide anew then. Raises ``Interrupted`` and errors of the store.
        """
        self._usage.suppose(going)
        for entries in others.values():
            self._usage.lose(entries)
        self._hear(going)
        true = True
        while claims := self._usage.unproven(going, _AT_ONCE):
            by_pack: defaultdict[str, list[BlobEntry]] = defaultdict(list)
            for pack, entry in claims:
                by_pack[pack].append(entry)
            self._take_own_word(by_pack)
            for (pack, entries), outcome in outcomes(self._prove, list(by_pack.items()), self._workers):
                if self._reporter.stop.is_set():
                    raise Interrupted("stopped")
                good, bad = outcome()
                self._usage.settle(pack, good, True)
                self._usage.settle(pack, bad, False)
                if bad:
                    true = False
                    self._reporter.warning(
                        f"pack {pack} does not hold {len(bad)} of the {len(entries)} blobs that were sought in it; "
                        "other copies count"
                    )
        return true

    @property
    def _workers(self) -> int:
        return max(2, self._repository.store.connections)

    def _hear(self, going: Sequence[str]) -> None:
        """What each pack that goes says of itself, since an index may say less. One without a header says nothing."""
        sized = [(pack, self._sizes[pack]) for pack in going if pack in self._sizes]
        for done, (_, entries, _reason) in enumerate(read_headers(self._repository, sized), 1):
            if entries is not None:
                self._usage.lose(entries)
            if self._reporter.stop.is_set():
                raise Interrupted("stopped")
            self._reporter.count("headers", done, len(sized))

    def _take_own_word(self, by_pack: dict[str, list[BlobEntry]]) -> None:
        """Packs that this host wrote or verified hold what their headers say. Those are done, and taken out."""
        for pack in remembered(self._repository, [pack for pack in by_pack if pack not in self._tried]):
            self._tried.add(pack)
            with contextlib.suppress(Damaged, LimitExceeded, Missing):
                header = read_header(self._repository, pack, self._sizes[pack])
                said = set(header)
                self._usage.settle(pack, header, True)
                by_pack[pack] = [entry for entry in by_pack[pack] if entry not in said]
                if not by_pack[pack]:
                    del by_pack[pack]

    def _prove(self, claims: _Claims) -> tuple[list[BlobEntry], list[BlobEntry]]:
        """The blobs of a pack that are there, and those that are not."""
        pack, entries = claims
        size = self._sizes[pack]
        if sum(entry.length for entry in entries) > size * _WHOLE:
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
