"""Before a pack goes: is what it holds of use really in what stays? Found out by reading, whatever the index says."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Interrupted, LimitExceeded, Missing
from strongroom.repository.packs.blob_proof import BlobProof
from strongroom.repository.packs.headers import read_header, read_headers
from strongroom.repository.packs.remembered import remembered
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom._kernel import BlobEntry, Usage
    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository

_AT_ONCE = 50_000
"""Blobs whose proof is sought at once: as objects of Python they are some 20 MB."""


class Proof:
    """Proves copies that stay. What proves false counts for nothing in ``usage`` from then on."""

    def __init__(self, repository: Repository, usage: Usage, sizes: Mapping[str, int], reporter: Reporter) -> None:
        """``sizes`` are those of all packs of the store, in bytes."""
        self._repository = repository
        self._usage = usage
        self._sizes = sizes
        self._blobs = BlobProof(repository, sizes)
        self._reporter = reporter
        self._tried: set[str] = set()

    def holds(self, going: Sequence[str], others: Mapping[str, list[BlobEntry]]) -> bool:
        """Whether each needed blob of the packs that go was proven in one that stays, or moves.

        Those packs speak for themselves, by their headers; ``others`` are further ones that go, with what they hold.
        False where a copy proved false: decide anew then. Raises ``Interrupted`` and errors of the store.
        """
        if not len(self._usage):  # no tree, so no blob: what the packs say of themselves changes nothing
            return True
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
            for (pack, entries), outcome in outcomes(self._blobs.prove, list(by_pack.items()), self._workers):
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
