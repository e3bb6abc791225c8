"""Give back what a repository lost, out of another one that has it: only ever by adding, never by removing.

IDs of blobs are hashes of plaintext, so other keys, passwords and chunk boundaries do not matter. Behind an append-only
gateway a host can heal what the store lost without any right that it does not have already.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.objects import Kind
from strongroom.base.record import field, mutable
from strongroom.repository.destination import Destination, PackOptions
from strongroom.repository.transfer import raise_failure, transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from strongroom._kernel import BlobEntry
    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository

Blob = tuple[str, str]
"""Type and ID."""


@mutable
class Healed:
    """What came of it: blobs that were wanted, those given back and their stored bytes, and those that nobody has."""

    wanted: int = 0
    given: int = 0
    bytes: int = 0
    nowhere: list[Blob] = field(default_factory=list)


def lost_blobs(repository: Repository) -> tuple[list[str], list[Blob]]:
    """Packs that the index names and the store lacks or has in another size, and the blobs that lie in no other pack.

    The index must be loaded. Raises errors of the store.
    """
    sizes = {info.name.name: info.size for info in repository.store.list(Kind.DATA)}
    lost = [pack for pack, size in _kernel.pack_sizes(repository.index) if sizes.get(pack) != size]
    gone = set(lost)
    blobs = {
        (entry.kind, entry.id)
        for pack in lost
        for entry in repository.index.pack_entries(pack)
        if all(copy.pack in gone for copy in repository.locations(entry.kind, entry.id))
    }
    return sorted(lost), sorted(blobs)


def heal(
    target: Repository,
    source: Repository,
    wanted: Iterable[Blob],
    reporter: Reporter,
    *,
    options: PackOptions | None = None,
    check: Callable[[], None] = lambda: None,
) -> Healed:
    """Bring the wanted blobs from ``source`` into new packs and an index of ``target``, each proven by its hash.

    Both indexes must be loaded. Raises errors of either store, and ``Interrupted``; what was stored until then stays.
    """
    destination = Destination(target, options, check=check)
    result = Healed()
    pieces: defaultdict[str, list[BlobEntry]] = defaultdict(list)
    for kind, blob_id in dict.fromkeys(wanted):
        result.wanted += 1
        copies = source.locations(kind, blob_id)
        if not copies:
            result.nowhere.append((kind, blob_id))
        elif destination.writer.want(kind, blob_id):
            copy = copies[0]
            pieces[copy.pack].append(
                _kernel.BlobEntry(kind, blob_id, copy.offset, copy.length, copy.uncompressed_length)
            )
    try:
        done = 0

        def count(_pack: str, _lost: Sequence[object]) -> None:
            nonlocal done
            done += 1
            reporter.count("packs", done, len(pieces))

        lost = transfer(source, sorted(pieces.items()), [destination], progress=count, stop=reporter.stop)
    except BaseException:
        destination.abandon()
        raise
    destination.finish()
    raise_failure(destination)
    result.nowhere += [(one.entry.kind, one.entry.id) for one in lost]
    result.given, result.bytes = destination.blobs, destination.bytes
    return result
