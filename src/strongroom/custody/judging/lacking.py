"""Trees that are known not to be whole, each with one blob that it lacks: for as long as that one is missing nothing
else about the tree needs to be known, so it is not read again.

Which of the missing blobs is remembered is drawn by a secret that a host does not know. Who brings them one by one, so
that all is read anew each time, does not know which of them counts: a tree that lacks m blobs is read some ln m times,
not m times (threat B-4).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.custody.schemas.main import lacking_tree
from strongroom.custody.schemas.main import repository as adopted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from strongroom.custody.judging.places import JudgingPlaces
    from strongroom.custody.state import Lease, State

Lack = tuple[str, str]
"""Type and ID of a blob; ``FORM``: what stands in the tree, or in one below it, is nothing that this release takes."""
FORM = ("form", "01")
"""A release that takes more of what may stand in a tree counts on, so that such trees are read again."""
_Kept = tuple[Lack, int]
"""With the column ``named`` of ``lacking_tree``."""
_NEVER = -1
_LOADED = 100_000
"""Up to so many are held in memory; beyond, each is asked for, over all of the catalogue."""
_AT_ONCE = 5000


class Holding(Protocol):
    """Blobs that there are."""

    def contains(self, kind: str, blob: str, /) -> bool:
        """Whether it is one of them."""


class LackingTrees:
    """What the state remembers. From any thread."""

    def __init__(self, state: State, repository: str, index: Holding, places: JudgingPlaces | None = None) -> None:
        """``index``: of all packs that count; where ``places`` are given, of what these were asked for."""
        self._state = state
        self._repository = repository
        self._index = index
        with state.database.read() as connection:
            mine = sa.select(adopted.c.sealed_master).where(adopted.c.id == repository)
            self.draw = hashlib.sha256(b"lacking" + bytes(connection.execute(mine).scalar_one())).digest()
            """The secret: of what only the state has, and the same from round to round."""
            query = sa.select(lacking_tree).where(lacking_tree.c.repository == self._repository)
            rows = connection.execute(query.limit(_LOADED + 1)).all()
        self._all = len(rows) <= _LOADED
        self._known: dict[str, _Kept] = dict(map(_kept, rows if self._all else []))
        if places is not None and not self._all:
            places.want_all()
        elif places is not None and not places.is_whole:
            wanted = _kernel.BlobSet()
            for (kind, blob), _ in self._known.values():
                if kind == "data":
                    wanted.add(kind, blob)
            places.want(wanted)

    def of(self, trees: Iterable[str]) -> dict[str, Lack]:
        """Those of these trees that cannot be whole, with what they lack still."""
        return {tree: lack for tree, (lack, _) in self._of(trees).items()}

    def named(self, trees: Iterable[str], shaken: int) -> tuple[set[str], set[str]]:
        """Those that cannot be whole: of which indexes name all that there is, as was seen since the catalogue was
        last shaken, and the others."""
        kept = self._of(trees)
        named = {tree for tree, (_, seen) in kept.items() if seen == shaken}
        return named, kept.keys() - named

    def _of(self, trees: Iterable[str]) -> dict[str, _Kept]:
        wanted = set(trees)
        if self._all or not wanted:
            known = {tree: self._known[tree] for tree in wanted if tree in self._known}
        else:
            known = {}
            for some in self._batches(wanted):
                with self._state.database.read() as connection:
                    known |= dict(map(_kept, connection.execute(sa.select(lacking_tree).where(some))))
        return {tree: kept for tree, kept in known.items() if self._is_lacking(kept[0])}

    def _is_lacking(self, lack: Lack) -> bool:
        return lack == FORM or (lack[0] != FORM[0] and not self._index.contains(*lack))

    def first(self, lacks: Iterable[Lack]) -> Lack | None:
        """The one of these to remember: the least by the secret, so that of a tree's it is the least of all below."""
        found = list(lacks)
        return FORM if FORM in found else min(found, key=self._place, default=None)

    def _place(self, lack: Lack) -> bytes:
        return hashlib.sha256(self.draw + bytes.fromhex(lack[1])).digest()

    def note_named(self, lease: Lease, trees: Iterable[str], shaken: int) -> None:
        """Indexes name what there is of these trees, now that the catalogue was shaken so often."""
        for some in self._batches(trees):
            with self._state.writing(lease) as connection:
                connection.execute(lacking_tree.update().where(some).values(named=shaken))

    def _batches(self, trees: Iterable[str]) -> Iterator[sa.ColumnElement[bool]]:
        """Conditions for their rows, each for as many as a query takes: a hostile tree names hundreds of thousands."""
        wanted = list(map(bytes.fromhex, trees))
        for start in range(0, len(wanted), _AT_ONCE):
            some = lacking_tree.c.tree.in_(wanted[start : start + _AT_ONCE])
            yield sa.and_(lacking_tree.c.repository == self._repository, some)

    def keep(self, lease: Lease, fresh: Mapping[str, Lack]) -> None:
        """Trees that the state remembers from now on, or with another blob than before."""
        rows: list[dict[str, Any]] = [
            {
                "repository": self._repository,
                "tree": bytes.fromhex(tree),
                "kind": kind,
                "blob": bytes.fromhex(blob),
                "named": _NEVER,
            }
            for tree, (kind, blob) in fresh.items()
        ]
        for number, some in enumerate(self._batches(fresh)):
            with self._state.writing(lease) as connection:
                connection.execute(lacking_tree.delete().where(some))
                connection.execute(lacking_tree.insert(), rows[number * _AT_ONCE : (number + 1) * _AT_ONCE])
        if self._all:
            self._known |= {tree: (lack, _NEVER) for tree, lack in fresh.items()}


def _kept(row: sa.Row[Any]) -> tuple[str, _Kept]:
    return row.tree.hex(), ((row.kind, row.blob.hex()), row.named)
