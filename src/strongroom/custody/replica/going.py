"""Which objects of a replica nothing needs any more: what the repository let go, once the replica can do without.

Nothing is removed here, and the credentials that feed a replica need no right to: the judge writes what may go beside
the replica, and its keeper lets it go by a plan of its own (``custody/keeper/``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.objects import Kind
from strongroom.base.redact import without_login
from strongroom.custody.catalogue import rows_of
from strongroom.custody.deletion.survey import usage_over, walk
from strongroom.custody.planned.intents import intended
from strongroom.custody.planned.packs import stored_objects
from strongroom.custody.replica.index_files import replica_of, write_index
from strongroom.custody.replica.notes import LEFT_OUT, SUPERSEDED, UNKNOWN, UNNAMED, copied, note_copied, note_indexed
from strongroom.custody.replica.statement import GoingStatement, newest_statement, write_statement
from strongroom.storage.repository_files import files_beside

if TYPE_CHECKING:
    from collections.abc import Collection

    import sqlalchemy as sa

    from strongroom.base.progress import Reporter
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.log.note import Signer
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store

_SOME = 2000
"""So many packs are asked for, or written to an index, at once."""
AGAIN_NS = 20 * 3600 * 10**9
"""A statement that says the same is written again after so long, so that it is known to hold still."""


class GoingOfReplica:
    """One replica, after a run that left nothing over. ``repository`` is opened over its store."""

    def __init__(
        self, state: State, lease: Lease, adopted: Adopted, repository: Repository, target: Store, reporter: Reporter
    ) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._target = target
        self._reporter = reporter
        self._replica = replica_of(repository, target, adopted)
        self._there = {
            kind: {info.name.name for info in target.list(kind)} for kind in (Kind.DATA, Kind.INDEX, Kind.SNAPSHOT)
        }

    def say(self, url: str, signer: Signer) -> int:
        """Write what may go beside the replica, if that is news; how many objects it names.

        ``url``: the replica's place. Raises ``Unsupported`` where there is no place for files, the stores' errors.
        """
        files, url = files_beside(self._target), without_login(url)
        before = newest_statement(files, signer.verifier, self._adopted.id, url)
        names = tuple(sorted(self._names()))
        now_ns = self._state.clock.now_ns()
        same = before is not None and before.names == names and 0 <= now_ns - before.at_ns < AGAIN_NS
        if not same:  # that nothing may go is said as well: silence is told from it
            number = 1 if before is None else before.number + 1
            write_statement(files, GoingStatement(self._adopted.id, url, number, now_ns, names), signer)
        return len(names)

    def _names(self) -> list[str]:
        snapshots, packs = self._let_go(Kind.SNAPSHOT), self._rows(Kind.DATA)
        let_go = self._let_go(Kind.DATA)
        free = self._needed_by_none(let_go)
        again = [name for name in let_go if packs[name].indexed < 0 and name not in set(free)]
        self._note(again, UNKNOWN)  # the next run names them in an index once more
        superseded = [name for name, row in self._rows(Kind.INDEX).items() if row.indexed == SUPERSEDED]
        unnamed = [name for name in free if packs[name].indexed == UNNAMED]
        if not superseded:  # a pack goes when no index of the replica names it any more
            left_out = [name for name in free if packs[name].indexed == LEFT_OUT]
            self._note(left_out, UNNAMED)
            unnamed += left_out
            if set(free) - set(unnamed):
                superseded = self._index_anew(free)
        parts = ((Kind.SNAPSHOT, snapshots), (Kind.INDEX, superseded), (Kind.DATA, unnamed))
        return [f"{kind.value}/{name}" for kind, names in parts for name in names]

    def _note(self, packs: list[str], how: int) -> None:
        if packs:
            note_indexed(self._state, self._lease, self._adopted, packs, how)

    def _rows(self, kind: Kind) -> dict[str, sa.Row[Any]]:
        """What was copied of a kind and is there."""
        rows = copied(self._state, self._adopted, kind)
        return {name: row for name, row in rows.items() if name in self._there[kind]}

    def _let_go(self, kind: Kind) -> list[str]:
        """What is there of a kind that the repository let go, by a plan that went; never what it lost."""
        with self._state.database.read() as connection:
            ours = intended(connection, self._adopted.id)
        still = stored_objects(self._state, self._adopted.id, kind)
        return [name for name in self._rows(kind) if f"{kind.value}/{name}" in ours and name not in still]

    def _needed_by_none(self, packs: Collection[str]) -> list[str]:
        """Those of which no snapshot of the replica needs a blob that no other pack there has: all are walked there."""
        if not packs:
            return []
        kept = [name for name, row in self._rows(Kind.DATA).items() if name not in set(packs) and not row.fault]
        _, usage = usage_over(self._replica, [*self._contents(sorted(kept)), *self._contents(sorted(packs))])
        roots = [self._replica.load_snapshot(name).tree for name in sorted(self._there[Kind.SNAPSHOT])]
        if walk(self._replica, usage, roots, self._reporter):
            return []  # something is wrong there: that comes first
        needed = {share.id for share in usage.shares() if share.needed_blobs}
        return sorted(name for name in packs if name not in needed)

    def _contents(self, packs: list[str]) -> list[tuple[str, bytes]]:
        with self._state.database.read() as connection:
            return [
                row
                for start in range(0, len(packs), _SOME)
                for row in rows_of(connection, self._adopted.id, packs[start : start + _SOME])
            ]

    def _index_anew(self, free: list[str]) -> list[str]:
        """Write indexes of all packs but those, read back, and note that the old ones have had their day."""
        old = list(self._rows(Kind.INDEX))
        staying = sorted(name for name in self._rows(Kind.DATA) if name not in set(free))
        made = []
        if len(self._contents(staying)) != len(staying):
            return []  # what the catalogue does not know any more stands in the old ones alone
        for start in range(0, len(staying), _SOME):
            found = write_index(self._state, self._adopted, self._replica, staying[start : start + _SOME])
            if found is None:
                continue
            name, size, packs = found
            made.append(name.name)
            note_copied(self._state, self._lease, self._adopted, name, size)
            note_indexed(self._state, self._lease, self._adopted, packs)
        gone = [name for name in old if name not in made]
        self._note([name for name in free if self._rows(Kind.DATA)[name].indexed != UNNAMED], LEFT_OUT)
        note_indexed(self._state, self._lease, self._adopted, gone, SUPERSEDED, Kind.INDEX)
        return gone
