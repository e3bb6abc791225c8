"""Reading what arrived, whole and once, and what is there again in its turn. Nothing else makes it believed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, NotOurs, StrongroomError, Unavailable, Unsupported
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import field, mutable, record
from strongroom.custody.catalogue import encode_rows
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.schema import pack, pinned_key, stored
from strongroom.format.key import KeyFile
from strongroom.format.snapshot import Snapshot
from strongroom.repository.keyring import read_key_file
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from strongroom._kernel import BlobEntry
    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository

LARGEST_PACK = 512 << 20
"""Packs above this are not read: restic's own have 128 MiB at most. In bytes."""
_ORDER = {Kind.KEY: 0, Kind.SNAPSHOT: 1, Kind.INDEX: 2, Kind.DATA: 3}


@record
class _Outcome:
    """What reading an object showed: ``fault`` is empty when all is well; ``blobs`` of a pack that is sound."""

    fault: str = ""
    blobs: tuple[BlobEntry, ...] = ()


@mutable
class Budget:
    """How much may be read yet, in bytes. What was begun is ended."""

    bytes: int

    def take(self, size: int) -> bool:
        """Whether there was anything left for an object of this size."""
        if self.bytes <= 0:
            return False
        self.bytes -= size
        return True


@mutable
class Verified:
    """What was read: objects and bytes, those with faults, and what was left for want of budget."""

    objects: int = 0
    bytes: int = 0
    faults: list[tuple[ObjectName, str]] = field(default_factory=list)
    left: int = 0


def verify_unread(
    state: State, lease: Lease, repository: Repository, budget: Budget, progress: Callable[[int, int], None]
) -> Verified:
    """Read every object that was never read, or changed since: keys, snapshots, indexes, then packs."""
    return _verify(state, lease, repository, _waiting(state, repository.id), budget, progress)


def verify_again(
    state: State,
    lease: Lease,
    repository: Repository,
    older_than_ns: int,
    budget: Budget,
    progress: Callable[[int, int], None],
) -> Verified:
    """Read objects again whose turn has come: those last read before ``older_than_ns``, the oldest first."""
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(stored.c.kind, stored.c.name, stored.c.size)
            .where(
                stored.c.repository == repository.id,
                stored.c.gone_ns.is_(None),
                stored.c.verified_ns < older_than_ns,
            )
            .order_by(stored.c.verified_ns)
        ).all()
    due = [(ObjectName(Kind(row.kind), row.name), row.size) for row in rows]
    return _verify(state, lease, repository, due, budget, progress)


def _waiting(state: State, repository: str) -> list[tuple[ObjectName, int]]:
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(stored.c.kind, stored.c.name, stored.c.size)
            .where(stored.c.repository == repository, stored.c.gone_ns.is_(None), stored.c.verified_ns.is_(None))
            .order_by(stored.c.arrival_ns)
        ).all()
    names = [(ObjectName(Kind(row.kind), row.name), row.size) for row in rows]
    return sorted(names, key=lambda item: _ORDER[item[0].kind])


def _verify(
    state: State,
    lease: Lease,
    repository: Repository,
    due: Sequence[tuple[ObjectName, int]],
    budget: Budget,
    progress: Callable[[int, int], None],
) -> Verified:
    sizes = dict(due)
    chosen = [name for name, size in due if budget.take(size)]
    result = Verified(left=len(due) - len(chosen))
    pinned = _pinned(state, repository.id)
    workers = min(repository.store.connections, max(2, min(4, os.cpu_count() or 1)))
    for done, (name, outcome) in enumerate(_read_all(repository, chosen, pinned, workers), 1):
        if outcome is None:  # gone since it was listed: the next look says so
            continue
        with state.writing(lease) as connection:
            _keep(connection, repository.id, name, outcome, state.clock.now_ns())
        result.objects += 1
        result.bytes += sizes[name]
        if outcome.fault:
            result.faults.append((name, outcome.fault))
        progress(done, len(chosen))
    return result


def _pinned(state: State, repository: str) -> frozenset[str]:
    with state.database.read() as connection:
        found = connection.execute(sa.select(pinned_key.c.name).where(pinned_key.c.repository == repository))
        return frozenset(row.name for row in found)


def _read_all(
    repository: Repository, names: Sequence[ObjectName], pinned: frozenset[str], workers: int
) -> Iterator[tuple[ObjectName, _Outcome | None]]:
    for name, outcome in outcomes(lambda name: _read(repository, name, pinned), names, workers):
        yield name, outcome()


def _read(repository: Repository, name: ObjectName, pinned: frozenset[str]) -> _Outcome | None:
    """What an object holds, read a second time where the first reading found a fault: the line may have been it."""
    readers = {Kind.DATA: _read_pack, Kind.SNAPSHOT: _read_snapshot, Kind.INDEX: _read_index}
    try:
        if name.kind is Kind.KEY:
            return _read_key(repository, name, pinned)
        outcome = readers[name.kind](repository, name)
        return outcome if not outcome.fault else readers[name.kind](repository, name)
    except Missing:
        return None


def _read_pack(repository: Repository, name: ObjectName) -> _Outcome:
    with repository.store.read(name) as reader:
        if reader.size > LARGEST_PACK:
            return _Outcome(f"has {reader.size} bytes, more than any pack")
        descriptor = reader.fileno()
        source = reader.read() if descriptor is None else descriptor
        try:
            report = _kernel.verify_pack(repository.key, name.name, source)
        except LimitExceeded as problem:
            return _Outcome(problem.what)
        except OSError as problem:
            raise Unavailable(f"cannot be read: {problem.strerror}", subject=str(name)) from None
    faults = report.errors + [f"{blob.kind} blob {blob.id[:10]} {reason}" for blob, reason in report.bad_blobs]
    return _Outcome("; ".join(faults[:5]), () if faults else tuple(report.verified))


def _read_snapshot(repository: Repository, name: ObjectName) -> _Outcome:
    try:
        Snapshot.parse(repository.files.load(Kind.SNAPSHOT, name.name), str(name))
    except (Damaged, LimitExceeded) as problem:
        return _Outcome(problem.what)
    return _Outcome()


def _read_index(repository: Repository, name: ObjectName) -> _Outcome:
    try:
        _kernel.parse_index(repository.files.load(Kind.INDEX, name.name))
    except (Damaged, LimitExceeded, Unsupported) as problem:
        return _Outcome(problem.what)
    return _Outcome()


def _read_key(repository: Repository, name: ObjectName, pinned: frozenset[str]) -> _Outcome:
    """A key file's form and bounds; one that nobody announced is a fault whatever it holds (threats K-1 to K-4)."""
    try:
        file: KeyFile = read_key_file(repository.store, name.name)
    except Missing:
        raise
    except (Damaged, LimitExceeded, NotOurs) as problem:
        return _Outcome(problem.what)
    except StrongroomError as problem:
        raise Unavailable(problem.what, subject=str(name)) from None
    if name.name in pinned:
        return _Outcome()
    return _Outcome(f"nobody announced this key; it says that {file.username} made it on {file.hostname}")


def _keep(connection: sa.Connection, repository: str, name: ObjectName, outcome: _Outcome, now_ns: int) -> None:
    connection.execute(
        stored.update()
        .where(stored.c.repository == repository, stored.c.kind == name.kind.value, stored.c.name == name.name)
        .values(verified_ns=now_ns, fault=outcome.fault or None, proven=0)
    )
    if name.kind is Kind.DATA:
        connection.execute(pack.delete().where(pack.c.repository == repository, pack.c.name == name.name))
        if not outcome.fault:
            connection.execute(
                pack.insert().values(repository=repository, name=name.name, blobs=encode_rows(outcome.blobs))
            )
    code = Code.PLANTED_KEY if name.kind is Kind.KEY else Code.DAMAGED
    if outcome.fault:
        open_incident(connection, repository, code, str(name), outcome.fault, now_ns)
        return
    for over in (code, Code.ALTERED):
        close_incident(connection, repository, over, str(name), now_ns)
