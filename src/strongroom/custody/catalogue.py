"""The catalogue: which blobs a pack was read to hold, packed into rows of 45 bytes by the kernel.

It is the one thing that judging and planning believe. An index file of a host's is a claim; an entry that no pack
proves is void. What a pack held stays written when it is gone or damaged, so that it is known what was lost; it counts
only while the pack is there and sound.

Numbers say what changed: the *generation* grows with every gain and every loss, the *losses* with every loss, and
*returned* when a pack that was sound once is so again. A snapshot that was found whole is so for as long as no loss
came after.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.custody.schemas.deletion import intent
from strongroom.custody.schemas.main import pack, repository, stored
from strongroom.database.prepared import driver_rows, plain, prepared

if TYPE_CHECKING:
    from collections.abc import Container, Generator, Iterable, Iterator

    from strongroom.custody.state import State

AT_ONCE = 500
"""Packs whose rows are fetched at once: the catalogue of a large repository is never in memory twice."""
_ROW = 45
"""Bytes of a row, one for each blob."""


@record
class Age:
    """How often the catalogue of a repository changed, how often it lost something, and how often that came back."""

    generation: int
    losses: int
    returned: int

    @property
    def shaken(self) -> int:
        """Grows with each loss and each return, and with nothing that merely comes."""
        return self.losses + self.returned


def age_of(connection: sa.Connection, repository_id: str) -> Age:
    """Where the catalogue of a repository stands now."""
    row = connection.execute(*_age_query(repository_id)).one()
    return Age(row.generation, row.losses, row.returned)


@prepared
def _age_query(repository_id: str) -> sa.Select[tuple[int, int, int]]:
    numbers = sa.select(repository.c.generation, repository.c.losses, repository.c.returned)
    return numbers.where(repository.c.id == repository_id)


def note_gain(connection: sa.Connection, repository_id: str, *, again: bool) -> None:
    """A pack was read and is sound, or is so ``again``: what was incomplete is to be looked at again."""
    connection.execute(
        repository.update()
        .where(repository.c.id == repository_id)
        .values(generation=repository.c.generation + 1, returned=repository.c.returned + int(again))
    )


def note_loss(connection: sa.Connection, repository_id: str) -> None:
    """A pack is gone or damaged: nothing counts as whole until it was looked at again."""
    connection.execute(
        repository.update()
        .where(repository.c.id == repository_id)
        .values(generation=repository.c.generation + 1, losses=repository.c.losses + 1)
    )


def load_catalogue(state: State, repository_id: str) -> _kernel.Index:
    """An index of the packs that are there and sound, the oldest first: of several copies the first counts."""
    with state.database.read() as connection:
        return index_of(sound_rows(connection, repository_id), places_of(connection, repository_id))


def sound_rows(connection: sa.Connection, repository_id: str) -> Iterator[tuple[str, bytes]]:
    """Name and rows of the packs that are there and sound, the oldest first."""
    query = packs_read(repository_id).where(SOUND).order_by(stored.c.arrival_ns, pack.c.name)
    return rows_in_order(connection, repository_id, query)


def index_of(packs: Iterable[tuple[str, bytes]], places: int = 0) -> _kernel.Index:
    """An index of packs with their rows, in this order: of several copies the first counts. ``places``: how many blobs
    there may be, where it is known."""
    index = _kernel.Index()
    index.reserve(places)
    waiting = iter(packs)
    while some := list(itertools.islice(waiting, AT_ONCE)):
        index.insert_many(some)
    return index


def places_of(connection: sa.Connection, repository_id: str) -> int:
    """How many blobs all packs together were read to hold, those that are gone among them."""
    query = sa.select(sa.func.coalesce(sa.func.sum(sa.func.length(pack.c.blobs)), 0))
    return int(connection.execute(query.where(pack.c.repository == repository_id)).scalar_one()) // _ROW


def anything_lost(state: State, repository_id: str, index: _kernel.Index) -> bool:
    """Whether packs that are gone or damaged held a blob that no sound pack of ``index`` holds, or may have."""
    with state.database.read() as connection:
        if _is_unknown_what_went(connection, repository_id):
            return True
    with contextlib.closing(hurt_packs(state, repository_id)) as hurt:
        return any(not index.contains(blob.kind, blob.id) for _, blobs in hurt for blob in blobs)


def _is_unknown_what_went(connection: sa.Connection, repository_id: str) -> bool:
    """Whether a pack that was sound once is gone or damaged, and what it held was forgotten so that it be read anew.

    Not of those that were purged, which no snapshot needed.
    """
    named = sa.literal(f"{Kind.DATA.value}/").concat(stored.c.name)
    purged = sa.select(intent.c.name).where(intent.c.repository == repository_id, intent.c.purged_ns.is_not(None))
    same = sa.and_(pack.c.repository == stored.c.repository, pack.c.name == stored.c.name)
    query = (
        sa.select(stored.c.name)
        .select_from(stored.outerjoin(pack, same))
        .where(
            stored.c.repository == repository_id,
            stored.c.kind == Kind.DATA.value,
            sa.or_(stored.c.gone_ns.is_not(None), stored.c.fault.is_not(None)),
            stored.c.sound_ns.is_not(None),
            pack.c.name.is_(None),
            named.not_in(purged),
        )
        .limit(1)
    )
    return connection.execute(query).one_or_none() is not None


def hurt_packs(state: State, repository_id: str) -> Generator[tuple[str, list[_kernel.BlobEntry]], None, None]:
    """Each pack that was read to be sound and is gone or damaged now, with the blobs that it held then."""
    query = packs_read(repository_id).where(sa.or_(stored.c.gone_ns.is_not(None), stored.c.fault.is_not(None)))
    with state.database.read() as connection:
        for name, rows in rows_in_order(connection, repository_id, query):
            yield name, _kernel.decode_rows(rows)


def is_unread(connection: sa.Connection, repository_id: str) -> bool:
    """Whether a pack is there that was not read yet, or changed since."""
    return connection.execute(*_unread_query(repository_id)).one_or_none() is not None


@prepared
def _unread_query(repository_id: str) -> sa.Select[tuple[str]]:
    return (
        sa.select(stored.c.name)
        .where(
            stored.c.repository == repository_id,
            stored.c.kind.concat("") == Kind.DATA.value,  # so that it is found by what is unread, not by all packs
            stored.c.gone_ns.is_(None),
            stored.c.verified_ns.is_(None),
        )
        .limit(1)
    )


SOUND = sa.and_(stored.c.gone_ns.is_(None), stored.c.verified_ns.is_not(None), stored.c.fault.is_(None))
"""Of ``packs_read``: those that are there and were read to be what they should."""


def packs_read(repository_id: str) -> sa.Select[str]:
    """Select the names of all packs that were ever read to be sound, with what is known of them now."""
    same = sa.and_(stored.c.repository == pack.c.repository, stored.c.name == pack.c.name)
    return (
        sa.select(pack.c.name)
        .join(stored, same)
        .where(pack.c.repository == repository_id, stored.c.kind == Kind.DATA.value)
    )


def rows_in_order(
    connection: sa.Connection, repository_id: str, query: sa.Select[str], without: Container[str] = ()
) -> Iterator[tuple[str, bytes]]:
    """Name and rows of the packs that ``query`` names, in its order, but those ``without``.

    Names are sorted, and rows fetched for them: a database that sorts rows of kilobytes takes four times as long.
    """
    names = [row[0] for row in plain(connection, query) if row[0] not in without]
    for start in range(0, len(names), AT_ONCE):
        yield from rows_of(connection, repository_id, names[start : start + AT_ONCE])


def rows_of(connection: sa.Connection, repository_id: str, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """What some packs were read to hold, packed, whether they are there or not; in the order of ``names``."""
    found: dict[str, bytes] = {}
    wanted = list(names)
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        # The driver's own places: composed, five hundred names cost as much as fetching their rows.
        marks = ", ".join(itertools.repeat("?", len(some)))
        text = f"SELECT name, blobs FROM {pack.name} WHERE repository = ? AND name IN ({marks})"
        found |= {row[0]: bytes(row[1]) for row in driver_rows(connection, text, (repository_id, *some))}
    return [(name, found[name]) for name in wanted if name in found]
