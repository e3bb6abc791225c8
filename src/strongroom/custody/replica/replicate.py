"""Copying to the replica: packs, then indexes, then the snapshots whose every blob is there; and reading it again.

Only what was read and is sound is copied, hashed on its way, and nothing is ever replaced or deleted. Indexes are
written for the replica from what packs were read to hold, so no claim of a host's travels.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged, Exists, Missing, Refused
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.custody.catalogue import rows_of
from strongroom.custody.deletion.survey import usage_over, walk
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.mark import is_in_care
from strongroom.custody.planned.intents import intended
from strongroom.custody.planned.packs import condemned_packs, stored_objects
from strongroom.custody.replica.index_files import PACKS_AN_INDEX, replica_of, write_index
from strongroom.custody.replica.notes import (
    SUPERSEDED,
    copied,
    forget_copy,
    note_copied,
    note_indexed,
    note_read,
    note_unindexed,
    say_of_replica,
)
from strongroom.custody.replica.outcome import AGAIN, NOT_YET, Replicated
from strongroom.custody.replica.rereading import KINDS, reread
from strongroom.custody.schemas.main import pinned_key, snapshot
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from strongroom.base.progress import Reporter
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store

_PIECE = 1 << 20
_OTHER_SIZE = "has another size"
_GONE = "is gone, and the repository has it no more either"


class Replication:
    """One run for one repository. ``repository`` is opened over its store; ``target`` takes the copies."""

    def __init__(
        self,
        state: State,
        lease: Lease,
        adopted: Adopted,
        repository: Repository,
        target: Store,
        reporter: Reporter,
        *,
        budget_bytes: int | None = None,
    ) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._repository = repository
        self._target = target
        self._reporter = reporter
        self._left = 1 << 62 if budget_bytes is None else budget_bytes
        self._done = Replicated()
        self._kinds: dict[Kind, set[str]] = {}
        with state.database.read() as connection:
            self._ours = intended(connection, adopted.id)

    def run(self) -> Replicated:
        """Copy, and read again, after ``begin``. Killed anywhere, it is run again. Raises errors of the stores."""
        self._look()
        self._packs()
        self._indexes()
        self._snapshots()
        turn = reread(self._state, self._lease, self._adopted, self._target, self._left)
        self._done.read, self._done.faults = turn.read, [*self._done.faults, *turn.faults]
        self._done.left += turn.left
        self._say()
        return self._done

    def _say(self) -> None:
        done = self._done
        numbers = len(done.gone), len(done.again()), done.left
        say_of_replica(self._state, self._lease, self._adopted, done.faults, *numbers)

    def begin(self) -> None:
        """The config and the pinned keys: with them the place is a repository.

        Raises ``Refused`` where another is there, or the repository itself, and errors of the stores.
        """
        adopted = self._adopted
        if self._target.location == adopted.store or is_in_care(self._target, adopted.id):
            raise Refused(
                "the repository itself is there, which is no second copy",
                subject=self._target.location,
                hint="Name an empty place, in another account.",
            )
        self._target.prepare()
        try:
            self._target.create(CONFIG, adopted.config)
        except Exists:
            raise Refused(
                "another repository is there", subject=self._target.location, hint="Name an empty place."
            ) from None
        self._target.create(ObjectName(Kind.KEY, adopted.key_name), adopted.key_file)
        with self._state.database.read() as connection:
            pinned = connection.execute(
                sa.select(pinned_key.c.name).where(pinned_key.c.repository == adopted.id)
            ).scalars()
            names = [ObjectName(Kind.KEY, name) for name in pinned if name != adopted.key_name]
        there = {info.name for info in self._target.list(Kind.KEY)}
        for name in names:
            if name not in there:
                self._copy_small(name)

    def _copy_small(self, name: ObjectName) -> None:
        try:
            data = self._repository.store.read_bytes(name)
        except (Missing, Damaged):
            return
        if hashlib.sha256(data).hexdigest() == name.name:
            self._target.create(name, data)

    def _look(self) -> None:
        """What was copied and is not there any more is copied again; what nobody can copy is missed until it is there.
        An index is written again for all that it may have named."""
        for kind in KINDS:
            there = {info.name.name: info.size for info in self._target.list(kind)}
            rows = copied(self._state, self._adopted, kind)
            lost = self._lost(kind, [name for name in rows if name not in there])
            for name, row in rows.items():
                if name not in there and self._may_go(kind, name, row):
                    forget_copy(self._state, self._lease, self._adopted, ObjectName(kind, name))
                elif name not in there and name not in lost:
                    self._done.gone[f"{kind.value}/{name}"] = NOT_YET
                    forget_copy(self._state, self._lease, self._adopted, ObjectName(kind, name))
                elif name in lost or there[name] != row.size:
                    what = _GONE if name in lost else _OTHER_SIZE
                    self._done.faults.append((f"{kind.value}/{name}", what))
                    # Noted, so that no snapshot counts as whole there by what it once held.
                    note_read(self._state, self._lease, self._adopted, ObjectName(kind, name), what)
            if kind is Kind.INDEX and not there.keys() >= {name for name in rows if rows[name].indexed != SUPERSEDED}:
                note_unindexed(self._state, self._lease, self._adopted)
        if self._done.gone:
            self._say()  # at once: a run that fails later is not asked again what was gone

    def _may_go(self, kind: Kind, name: str, row: sa.Row[Any]) -> bool:
        """Whether the keeper of the replica may let it go: the repository did, or a newer index took over."""
        if kind is Kind.INDEX:
            return bool(row.indexed == SUPERSEDED)
        return f"{kind.value}/{name}" in self._ours and name not in self._present(kind)

    def _present(self, kind: Kind) -> set[str]:
        if kind not in self._kinds:
            self._kinds[kind] = set(stored_objects(self._state, self._adopted.id, kind))
        return self._kinds[kind]

    def _lost(self, kind: Kind, names: list[str]) -> set[str]:
        """Those that the repository cannot give either, though they were to stay. Indexes are made here."""
        if not names or kind is Kind.INDEX:
            return set()
        wanted, going = self._wanted(kind), condemned_packs(self._state, self._adopted.id)
        return {one for one in names if one not in wanted | going and f"{kind.value}/{one}" not in self._ours}

    # copying

    def _wanted(self, kind: Kind) -> dict[str, int]:
        """Objects of a kind that were read, are sound and are to stay, by name with their size, the oldest first."""
        going = condemned_packs(self._state, self._adopted.id) if kind is Kind.DATA else {}
        rows = sorted(stored_objects(self._state, self._adopted.id, kind).items(), key=lambda one: one[1].arrival_ns)
        return {
            name: row.size
            for name, row in rows
            if row.verified_ns is not None
            and row.fault is None
            and name not in going
            and f"{kind.value}/{name}" not in self._ours
        }

    def _packs(self) -> None:
        there = copied(self._state, self._adopted, Kind.DATA)
        wanted = {name: size for name, size in self._wanted(Kind.DATA).items() if name not in there}
        self._copy_all(Kind.DATA, wanted)

    def _copy_all(self, kind: Kind, wanted: dict[str, int]) -> None:
        names = []
        for name, size in wanted.items():
            if size > self._left:
                self._done.left += 1
                self._done.say_of_gone(ObjectName(kind, name), "and is not copied again, for want of --budget-bytes")
                continue
            self._left -= size
            names.append(ObjectName(kind, name))
        self._reporter.message(f"{self._adopted.name}: copy {len(names)} {kind.value} objects to the replica")
        for number, (one, answer) in enumerate(outcomes(self._copy, names, self._target.connections), 1):
            try:
                size = answer()
            except (Damaged, Missing, Exists) as problem:  # what the next round finds at the source, or stands there
                self._done.faults.append((str(one), problem.what))
                self._done.say_of_gone(one, f"and cannot be copied again: {problem.what}")
                continue
            note_copied(self._state, self._lease, self._adopted, one, size)
            self._done.copied[kind.value] = self._done.copied.get(kind.value, 0) + 1
            self._done.bytes += size
            self._done.say_of_gone(one, AGAIN)
            self._reporter.count("objects", number, len(names))

    def _copy(self, name: ObjectName) -> int:
        """Copy one object, hashed on its way; its size. Raises ``Damaged`` before anything exists there."""
        digest = hashlib.sha256()
        with self._repository.store.read(name) as reader, self._target.stage(name, reader.size) as upload:
            while piece := reader.read(_PIECE):
                digest.update(piece)
                upload.write(piece)
            if digest.hexdigest() != name.name:
                raise Damaged("is not what its name promises", subject=str(name))
            upload.commit()
            return reader.size

    def _indexes(self) -> None:
        """Index files for packs that are there and in none yet, from the catalogue; each is read back."""
        wanted = self._wanted(Kind.DATA)
        fresh = sorted(
            name
            for name, row in copied(self._state, self._adopted, Kind.DATA).items()
            if not row.indexed or (row.indexed < 0 and name in wanted)  # left out once, and needed again
        )
        replica = replica_of(self._repository, self._target, self._adopted)
        for start in range(0, len(fresh), PACKS_AN_INDEX):
            found = write_index(self._state, self._adopted, replica, fresh[start : start + PACKS_AN_INDEX])
            if found is None:
                continue
            made, size, packs = found
            note_copied(self._state, self._lease, self._adopted, made, size)
            note_indexed(self._state, self._lease, self._adopted, packs)
            self._done.copied["index"] = self._done.copied.get("index", 0) + 1
        self._done.indexes_are_written()

    def _snapshots(self) -> None:
        """Those whose every blob lies in packs of the replica, the oldest first. One that lacks something holds up none
        of the others."""
        there = copied(self._state, self._adopted, Kind.SNAPSHOT)
        wanted = {name: size for name, size in self._wanted(Kind.SNAPSHOT).items() if name not in there}
        judged = self._whole()
        wanted = {name: size for name, size in wanted.items() if name in judged}
        if not wanted:
            return
        index = self._index()
        usage = _kernel.Usage(index)
        whole: dict[str, int] = {}
        for name, size in wanted.items():
            if walk(self._repository, usage, [self._repository.load_snapshot(name).tree], self._reporter):
                self._done.say_of_gone(ObjectName(Kind.SNAPSHOT, name), "and waits for blobs that are not there")
                usage = _kernel.Usage(index)  # what was seen to be missing is not told twice: the next begins anew
                continue
            whole[name] = size
        self._done.waiting = len(wanted) - len(whole)
        self._copy_all(Kind.SNAPSHOT, whole)

    def _index(self) -> _kernel.Index:
        rows = copied(self._state, self._adopted, Kind.DATA)
        packs = sorted(name for name, row in rows.items() if not row.fault and row.indexed >= 0)

        def all_rows() -> list[tuple[str, bytes]]:
            with self._state.database.read() as connection:
                return [
                    row
                    for start in range(0, len(packs), PACKS_AN_INDEX)
                    for row in rows_of(connection, self._adopted.id, packs[start : start + PACKS_AN_INDEX])
                ]

        return usage_over(self._repository, all_rows())[0]

    def _whole(self) -> set[str]:
        with self._state.database.read() as connection:
            return {
                row.id
                for row in connection.execute(
                    sa.select(snapshot.c.id).where(
                        snapshot.c.repository == self._adopted.id,
                        snapshot.c.whole >= 0,
                        snapshot.c.operator != CONDEMNED,
                    )
                )
            }
