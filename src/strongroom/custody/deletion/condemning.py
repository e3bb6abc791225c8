"""Which packs may go, and taking them out of the indexes: written anew without them first, the old files later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged
from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.custody.catalogue import rows_of
from strongroom.custody.indexed.copies import as_written
from strongroom.custody.indexed.names import note_names, true_indexes
from strongroom.custody.planned.packs import condemned_packs, is_sound, stored_objects
from strongroom.custody.schemas import deletion as schema
from strongroom.database.prepared import plain
from strongroom.repository.destination import INDEX_BLOBS
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from strongroom._kernel import BlobEntry
    from strongroom.custody.deletion.survey import NeedSurvey
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.repository.opened import Repository

    Packs = dict[str, list[BlobEntry]]


@record
class Choice:
    """Packs that may go, with their sizes in bytes; or why none may."""

    packs: dict[str, int]
    obstacles: tuple[str, ...] = ()


def choose(state: State, adopted: Adopted, found: NeedSurvey, now_ns: int) -> Choice:
    """The packs of which no listed snapshot needs this copy, once they are old enough.

    Never while a listed snapshot is unparsed, or one that was whole cannot be walked.
    """
    listed = found.listed
    obstacles = []
    if listed.unparsed:
        obstacles.append(f"{len(listed.unparsed)} snapshots were not read, or not judged")
    if found.faults:
        obstacles.append(f"a snapshot that was whole cannot be walked: {found.faults[0]}")
    if obstacles:
        return Choice({}, tuple(obstacles))
    objects = stored_objects(state, adopted.id, Kind.DATA)
    with state.database.read() as connection:
        table = schema.use
        query = sa.select(table.c.pack, table.c.reached_ns, table.c.leaving).where(table.c.repository == adopted.id)
        use = {name: (reached_ns is not None, bool(leaving)) for name, reached_ns, leaving in plain(connection, query)}
    chosen = {}
    for share in found.shares():
        if share.used_blobs:
            continue
        name = share.id
        was_reached, leaving = use.get(name, (False, False))
        reached = was_reached or share.needed_blobs > 0
        there = objects[name]
        arrival_ns = there.arrival_ns
        wait_ns = (adopted.policy.detection if reached else adopted.policy.expiry) * DAY
        if now_ns - arrival_ns < wait_ns and not leaving:
            continue
        if any(begin <= arrival_ns <= end for begin, end in listed.spans):
            continue
        chosen[name] = there.size
    return Choice(chosen)


def condemn(state: State, lease: Lease, repository: str, packs: Iterable[str]) -> None:
    """Write packs down as on their way out."""
    now_ns = state.clock.now_ns()
    with state.writing(lease) as connection:
        for name in packs:
            connection.execute(schema.condemned.insert().values(repository=repository, pack=name, since_ns=now_ns))


def read_indexes(repository: Repository, names: Iterable[str]) -> dict[str, list[tuple[str, list[BlobEntry]]]]:
    """What listed index files say, past every cache. Raises ``Damaged`` and the like: a part is not the whole."""
    return {
        name: [(pack, list(blobs)) for pack, blobs in _kernel.parse_index(
            repository.files.load(Kind.INDEX, name, cached=False)
        )]
        for name in names
    }  # fmt: skip


def rewrite(
    state: State,
    lease: Lease,
    repository: Repository,
    files: dict[str, list[tuple[str, list[BlobEntry]]]],
    found: NeedSurvey,
    condemned: Iterable[str],
) -> tuple[list[str], list[str]]:
    """Write new index files without the condemned, for those files that name one; the old names and the new.

    They hold every other entry of the old ones, of packs that were never read, too, and the copies that count of what
    is needed. Each is read back. Raises ``Damaged`` where the store gives other bytes.
    """
    out = set(condemned)
    old = [name for name, packs in files.items() if any(pack in out for pack, _ in packs)]
    if not old:
        return [], []
    kept: Packs = {}
    staying = {pack for name, packs in files.items() if name not in old for pack, _ in packs}
    for name in old:
        for pack, blobs in files[name]:
            if pack not in out:
                kept.setdefault(pack, []).extend(blobs)
    for pack in missing_from(found, staying | kept.keys()):
        kept[pack] = found.index.pack_entries(pack)
    return old, write_indexes(state, lease, repository, kept)


def write_indexes(state: State, lease: Lease, repository: Repository, packs: Packs) -> list[str]:
    """Write index files of these entries, read each back, and return their names. They count from now on.

    Raises ``Damaged`` where the store gives other bytes, ``Refused`` where it takes no index of ours.
    """
    written = []
    for chunk in _chunks(packs):
        name = repository.save_index(chunk)
        if not _same(read_indexes(repository, [name])[name], chunk):
            raise Damaged("the store gives another index than was written", subject=f"index/{name}")
        with state.writing(lease) as connection:
            note_names(connection, repository.id, name, [pack for pack, _ in chunk])
        written.append(name)
    return written


def missing_from(found: NeedSurvey, indexed: Iterable[str]) -> list[str]:
    """Packs with a copy that counts of something needed, which no index names."""
    named = set(indexed)
    return [share.id for share in found.shares() if share.used_blobs and share.id not in named]


def _chunks(packs: Packs) -> Iterator[list[tuple[str, list[BlobEntry]]]]:
    chunk: list[tuple[str, list[BlobEntry]]] = []
    count = 0
    for pack, blobs in packs.items():
        unique = as_written(blobs)
        chunk.append((pack, unique))
        count += len(unique)
        if count >= INDEX_BLOBS:
            yield chunk
            chunk, count = [], 0
    if chunk:
        yield chunk


def _same(read: Sequence[tuple[str, list[BlobEntry]]], written: Sequence[tuple[str, list[BlobEntry]]]) -> bool:
    return _set(read) == _set(written)


def _set(packs: Sequence[tuple[str, list[BlobEntry]]]) -> set[tuple[str, object]]:
    return {(pack, _key(blob)) for pack, blobs in packs for blob in blobs}


def _key(blob: BlobEntry) -> tuple[str, str, int, int, int]:
    return blob.kind, blob.id, blob.offset, blob.length, blob.uncompressed_length


def note_unindexed(state: State, lease: Lease, repository: Repository) -> list[str]:
    """Write down which condemned packs no listed index names any more; those that one names, by that index or another.

    A client may have written an index that names a condemned pack again. Returns the packs that are named.
    """
    condemned = condemned_packs(state, repository.id)
    if not condemned:
        return []
    files = read_indexes(repository, stored_objects(state, repository.id, Kind.INDEX))
    named = {pack for packs in files.values() for pack, _ in packs}
    now_ns = state.clock.now_ns()
    table = schema.condemned
    with state.writing(lease) as connection:
        for name, one in condemned.items():
            here = sa.and_(table.c.repository == repository.id, table.c.pack == name)
            if name in named:
                connection.execute(table.update().where(here).values(unindexed_ns=None))
            elif one.unindexed_ns is None:
                connection.execute(table.update().where(here).values(unindexed_ns=now_ns))
    return sorted(named & condemned.keys())


def uncovered(
    state: State, repository: Repository, found: NeedSurvey, packs: Iterable[str], since_ns: dict[str, int]
) -> tuple[dict[str, str], set[str]]:
    """Condemned packs of which a needed blob has no copy that is sure, with the reason; and packs to be read again.

    Sure is a copy in another pack that is listed, indexed, in no plan, and read again since the condemnation.
    """
    with state.database.read() as connection:
        true = true_indexes(connection, repository.id)
    listed = stored_objects(state, repository.id, Kind.INDEX)
    files = read_indexes(repository, [name for name in true if name in listed])  # they are there, here and now
    indexed = {pack for name in files for pack in true[name]}
    objects = stored_objects(state, repository.id, Kind.DATA)
    names = list(packs)
    reasons: dict[str, str] = {}
    again: set[str] = set()
    with state.database.read() as connection:
        rows = {name: held for name, held in rows_of(connection, repository.id, names) if is_sound(objects.get(name))}
    for name in names:
        for entry in _kernel.decode_rows(rows.get(name, b"")):
            if not found.needs(entry):
                continue
            places = [
                place.pack
                for place in found.index.lookup(entry.kind, entry.id)
                if place.pack != name and place.pack in indexed
            ]
            if not places:
                reasons[name] = f"{entry.kind} {entry.id[:10]} has no other copy that a true index names"
                break
            if not any((objects[place].verified_ns or 0) >= since_ns[name] for place in places):
                again.add(places[0])
                reasons[name] = f"{entry.kind} {entry.id[:10]} has a copy that was not read again since"
                break
    return reasons, again
