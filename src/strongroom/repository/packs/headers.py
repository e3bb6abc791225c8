"""What packs say of themselves: their headers, read from their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from strongroom._kernel import BlobEntry
    from strongroom.repository.opened import Repository

_FIRST = 4 + 32 + 15 * 41
"""How much of a pack's end is read before its header's length is known, in bytes: fifteen blobs, as in restic."""


def read_header(repository: Repository, pack: str, size: int, blobs: int = 0) -> list[BlobEntry]:
    """The blobs of a pack of ``size`` bytes by its own header, in order of place. Nothing says that they are there.

    ``blobs`` is how many it is thought to have: then one read is enough. Raises ``Damaged``, ``LimitExceeded``,
    ``Missing`` and what else the store raises.
    """
    length = min(size, max(_FIRST, 4 + 32 + blobs * 41))
    tail = repository.read_pack(pack, size - length, length)
    try:
        needed = _kernel.pack_header_length(tail[-4:], size) + 4
        if needed > length:
            tail = repository.read_pack(pack, size - needed, needed)
        return _kernel.parse_pack_header(repository.key, tail, size)
    except (Damaged, LimitExceeded) as problem:
        problem.subject = problem.subject or f"data/{pack}"
        raise


def read_headers(
    repository: Repository, packs: Iterable[tuple[str, int]]
) -> Iterator[tuple[str, list[BlobEntry] | None, str]]:
    """The headers of packs (name, size in bytes), several at once, in order: name, blobs, and why there are none.

    Raises errors of the store other than a missing pack.
    """

    def read(pack: tuple[str, int]) -> list[BlobEntry]:
        return read_header(repository, *pack)

    workers = max(2, repository.store.connections)
    for (name, _), outcome in outcomes(read, packs, workers):
        try:
            yield name, outcome(), ""
        except (Damaged, LimitExceeded, Missing) as problem:
            yield name, None, problem.what
