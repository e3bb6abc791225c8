"""The log against the store, name by name: what the log says is there and is gone, and what has no receipt.

Both are read in the order of names, a page or a folder at a time, so that memory does not grow with the repository.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.receipts.commit import schema as log_schema

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.storage.contract import Store

KINDS = (Kind.CONFIG, Kind.KEY, Kind.SNAPSHOT, Kind.INDEX, Kind.DATA)
"""What has receipts: locks come and go."""
PAGE = 1000


@dataclass(frozen=True, slots=True)
class LogDifference:
    """An object that the log has and the store lacks (``lost``), or the other way round."""

    name: ObjectName
    lost: bool
    modified_ns: int | None = None
    """The store's stamp of what has no receipt, where the store has stamps."""


_Found = tuple[tuple[str, str], ObjectName, bool, int | None]
"""A place in the order of both, the object, whether it is the store that has it, and its stamp."""


def differences(database: Database, repository: str, store: Store | None) -> Iterator[LogDifference]:
    """All differences in the order of names; no store stands for one that has nothing.

    An object on its way in or out while both are read may be among them. Raises what the store raises, ``Unavailable``.
    """
    stored = [_stored(store, kind) for kind in KINDS] if store is not None else []
    both = heapq.merge(_logged(database, repository), *stored, key=lambda found: found[0])
    for _, group in itertools.groupby(both, key=lambda found: found[0]):
        (_, name, is_stored, stamp), *twin = group
        if not twin:
            yield LogDifference(name, not is_stored, stamp)


def _stored(store: Store, kind: Kind) -> Iterator[_Found]:
    for info in store.list(kind):
        yield (info.name.name, kind.value), info.name, True, info.modified_ns


def _logged(database: Database, repository: str) -> Iterator[_Found]:
    """What the log says is there. The names are hexadecimal digits, in whose order all databases agree."""
    table = log_schema.leaf
    place = (table.c.name, table.c.kind)
    after = ("", "")
    while True:
        newest = (
            sa.select(sa.func.max(table.c.id))
            .where(
                table.c.repository == repository,
                sa.tuple_(*place) > sa.tuple_(*map(sa.literal, after)),
                table.c.kind.in_([kind.value for kind in KINDS]),
            )
            .group_by(*place)
            .order_by(*place)
            .limit(PAGE)
        )
        query = sa.select(*place, table.c.present).where(table.c.id.in_(newest)).order_by(*place)
        with database.read() as connection:
            rows = connection.execute(query).all()
        for name, kind, present in rows:
            if present:
                found = CONFIG if kind == Kind.CONFIG.value else ObjectName(Kind(kind), name)
                yield (name, kind), found, False, None
        if len(rows) < PAGE:
            return
        after = (rows[-1][0], rows[-1][1])
