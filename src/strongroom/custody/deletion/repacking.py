"""Writing needed blobs anew where packs are mostly waste: each is read, hashed, written and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record
from strongroom.custody.schemas import deletion as schema
from strongroom.repository.destination import Destination
from strongroom.repository.transfer import raise_failure, transfer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom._kernel import BlobEntry
    from strongroom.base.progress import Reporter
    from strongroom.custody.deletion.survey import NeedSurvey
    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository

MAX_UNUSED = 0.20
"""Of all bytes in packs so many may be waste."""


@record
class Waste:
    """Packs to write anew, the most wasteful first, with the blobs of each that are needed; and how much is waste."""

    packs: dict[str, list[BlobEntry]]
    unused: int
    total: int


def waste_of(found: NeedSurvey, going: Iterable[str]) -> Waste:
    """What to write anew so that the rest is within ``MAX_UNUSED``. Packs without any use go without that."""
    out = set(going)
    partly: list[tuple[float, str, int]] = []
    total = unused = 0
    for share in found.shares():
        if share.id in out:
            continue
        idle = share.size - share.used_size
        total += share.size
        unused += idle if share.used_blobs else 0
        if share.used_blobs and idle:
            partly.append((idle / share.size, share.id, idle))
    partly.sort(key=lambda one: (-one[0], one[1]))
    chosen: dict[str, list[BlobEntry]] = {}
    left = unused
    for _, pack, idle in partly:
        if left <= MAX_UNUSED * total:
            break
        chosen[pack] = [entry for entry in found.index.pack_entries(pack) if found.uses(pack, entry)]
        left -= idle
    return Waste(chosen, unused, total)


def repack(state: State, lease: Lease, repository: Repository, waste: Waste, reporter: Reporter) -> list[str]:
    """Write the needed blobs of these packs anew, index them, read them back; the new packs.

    The old ones are marked, so that the new copies count once they were read. Killed, it begins again, and what was
    written counts. Raises ``Damaged`` where a blob has no good copy, and errors of the store.
    """
    table = schema.use
    with state.writing(lease) as connection:
        for pack in waste.packs:
            here = sa.and_(table.c.repository == repository.id, table.c.pack == pack)
            if connection.execute(table.update().where(here).values(leaving=1)).rowcount == 0:
                connection.execute(table.insert().values(repository=repository.id, pack=pack, leaving=1))
    stored: list[str] = []
    destination = Destination(repository, on_stored=lambda pack, _entries: stored.append(pack))
    for entries in waste.packs.values():
        for entry in entries:
            destination.writer.want(entry.kind, entry.id)
    try:
        lost = transfer(repository, waste.packs.items(), [destination], stop=reporter.stop)
    except BaseException:
        destination.abandon()
        raise
    destination.finish()
    raise_failure(destination)
    if lost:
        raise Damaged(f"has no good copy: {lost[0].reason}", subject=f"{lost[0].entry.kind} {lost[0].entry.id}")
    for pack in stored:
        _read_back(repository, pack)
    return stored


def _read_back(repository: Repository, pack: str) -> None:
    with repository.store.read(ObjectName(Kind.DATA, pack)) as reader:
        descriptor = reader.fileno()
        try:
            report = _kernel.verify_pack(repository.key, pack, reader.read() if descriptor is None else descriptor)
        except LimitExceeded as problem:
            raise Damaged(problem.what, subject=f"data/{pack}") from None
    if report.errors or report.bad_blobs:
        raise Damaged("the store gives another pack than was written", subject=f"data/{pack}")
