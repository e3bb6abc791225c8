"""Blobs that more packs claim than an index remembers: one true copy counts, and the packs with the others go.

Nobody stores a blob in more than 64 packs by accident. Who plants so many wants the honest copy forgotten, or a prune
that stops. Each claiming pack is read once at most, and none after every such blob has its true copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Interrupted
from strongroom.base.objects import Kind
from strongroom.base.progress import Reporter
from strongroom.repository.packs.blob_proof import BlobProof
from strongroom.repository.packs.headers import read_headers
from strongroom.repository.packs.remembered import remembered
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strongroom._kernel import BlobEntry, Index
    from strongroom.repository.opened import Repository

_Blob = tuple[str, str]
"""Type and ID."""


def load_to_read(repository: Repository) -> Index:
    """Load the index for reading blobs: one of which too many places are named is found where it really lies.

    Whoever may add index files can name places enough that the true one is not remembered (threat A-1). Raises as
    ``load_index``, and errors of the store.
    """
    if repository.load_index().crowded():
        repository.surroundings.warn(
            "more places of a blob are named than an index remembers: looking for the true ones"
        )
        sizes = {info.name.name: info.size for info in repository.store.list(Kind.DATA)}
        disperse(repository, sizes, Reporter())
    return repository.index


def entries_of_crowded(repository: Repository, sizes: Mapping[str, int]) -> dict[str, list[BlobEntry]]:
    """What the packs hold of which the index has not all: by their headers, else by the index.

    ``sizes`` are those of the packs of the store, in bytes. Raises errors of the store.
    """
    index = repository.index
    crowded = sorted(index.crowded())
    found = {pack: index.pack_entries(pack) for pack in crowded}
    sized = [(pack, sizes[pack]) for pack in crowded if pack in sizes]
    found |= {pack: entries for pack, entries, _ in read_headers(repository, sized) if entries is not None}
    return found


def disperse(repository: Repository, sizes: Mapping[str, int], reporter: Reporter) -> dict[str, list[BlobEntry]]:
    """Leave one place of each such blob in ``repository.index``: one that proves true, or none.

    The packs of which the index has less since then, with all that they hold. Raises ``Interrupted`` and errors of the
    store.
    """
    index = repository.index
    whole = entries_of_crowded(repository, sizes)
    if not whole:
        return {}
    crowd = {_blob(entry) for pack, entries in whole.items() for entry in set(entries) - set(index.pack_entries(pack))}
    for pack in {place.pack for kind, blob in crowd for place in index.lookup(kind, blob)}:
        whole.setdefault(pack, index.pack_entries(pack))
    reporter.warning(
        f"{len(whole)} packs claim blobs that more than 64 others claim, too; reading them, since somebody planted them"
    )
    true = _true_places(repository, crowd, whole, sizes, reporter)
    return _strip(repository, index, crowd, whole, true)


def _true_places(
    repository: Repository,
    crowd: set[_Blob],
    whole: Mapping[str, list[BlobEntry]],
    sizes: Mapping[str, int],
    reporter: Reporter,
) -> dict[_Blob, tuple[str, BlobEntry]]:
    """The first place of each blob that proves true; packs that this host wrote or verified are asked first."""
    true: dict[_Blob, tuple[str, BlobEntry]] = {}
    own = remembered(repository, whole)
    packs = sorted((pack for pack in whole if pack in sizes), key=lambda pack: (pack not in own, pack))

    def claims() -> Iterator[tuple[str, list[BlobEntry]]]:
        for pack in packs:
            if len(true) == len(crowd):
                return
            sought = [entry for entry in whole[pack] if _blob(entry) in crowd and _blob(entry) not in true]
            if sought:
                yield pack, sought

    proof = BlobProof(repository, sizes)
    for done, ((pack, _), outcome) in enumerate(outcomes(proof.prove, claims(), repository.store.connections), 1):
        if reporter.stop.is_set():
            raise Interrupted("stopped")
        for entry in outcome()[0]:
            true.setdefault(_blob(entry), (pack, entry))
        reporter.count("planted packs read", done, len(packs))
    return true


def _strip(
    repository: Repository,
    index: Index,
    crowd: set[_Blob],
    whole: Mapping[str, list[BlobEntry]],
    true: Mapping[_Blob, tuple[str, BlobEntry]],
) -> dict[str, list[BlobEntry]]:
    stripped: dict[str, list[BlobEntry]] = {}
    left = index.without(list(whole))
    for pack, entries in whole.items():
        counted = [entry for entry in entries if _blob(entry) not in crowd or true.get(_blob(entry)) == (pack, entry)]
        left.insert_pack(pack, counted)
        if len(counted) < len(entries):
            stripped[pack] = entries
    repository.index = left
    return stripped


def _blob(entry: BlobEntry) -> _Blob:
    return entry.kind, entry.id
