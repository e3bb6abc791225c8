"""Reading what arrived, whole and once, and what is there again in its turn. Nothing else makes it believed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Interrupted, LimitExceeded, Missing, StrongroomError, Unavailable
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import field, mutable, record
from strongroom.custody.catalogue import note_gain, note_loss
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident, open_things, printable
from strongroom.custody.reading.examining import InThisProcess
from strongroom.custody.schemas.main import pack, pinned_key, stored
from strongroom.custody.spending.budget import Budget
from strongroom.custody.spending.waiting import due_objects, requests_for, waiting_objects
from strongroom.database.prepared import prepared
from strongroom.repository.keyring import stored_key_file
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from strongroom.custody.reading.examining import Examining
    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository

LARGEST = {Kind.DATA: 512 << 20, Kind.INDEX: 256 << 20, Kind.SNAPSHOT: 16 << 20, Kind.KEY: 1 << 20}
"""Larger objects are not read: restic's own packs have 128 MiB at most. In bytes (threats B-1, B-3)."""
MOST_REFUSED = 10
"""So many objects one after the other that cannot be read, and it is the store that is away."""
_AT_ONCE = 200
_SECONDS = 10.0
"""What was read is written down at the latest after so many objects or seconds."""


@record
class _Outcome:
    """What reading an object showed: ``fault`` is empty when all is well; ``rows`` of a pack that is sound.

    ``unreadable``: why the store did not give it; then nothing is known.
    """

    fault: str = ""
    rows: bytes = b""
    unreadable: str = ""


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
    """Read every object that was never read, or changed since, each kind in turn."""
    return _verify(state, lease, repository, waiting_objects(state, repository.id), budget, progress)


def verify_again(
    state: State,
    lease: Lease,
    repository: Repository,
    older_than_ns: int,
    budget: Budget,
    progress: Callable[[int, int], None],
) -> Verified:
    """Read objects again whose turn has come: those last read before ``older_than_ns``, the oldest first."""
    return _verify(state, lease, repository, due_objects(state, repository.id, older_than_ns), budget, progress)


def verify_these(state: State, lease: Lease, repository: Repository, names: Sequence[ObjectName]) -> Verified:
    """Read some objects again now, whatever their turn is."""
    due = [(name, 0) for name in names]
    return _verify(state, lease, repository, due, Budget(1), lambda _done, _total: None)


@mutable
class _Batch:
    """What was read and is not written down yet."""

    since: float
    outcomes: list[tuple[ObjectName, _Outcome]] = field(default_factory=list)


def _verify(
    state: State,
    lease: Lease,
    repository: Repository,
    due: Sequence[tuple[ObjectName, int]],
    budget: Budget,
    progress: Callable[[int, int], None],
) -> Verified:
    sizes = dict(due)
    result = Verified(left=len(due))

    def begun() -> Iterator[ObjectName]:
        for name, size in due:
            if not budget.begin(size, requests_for(name)):
                return
            result.left -= 1
            yield name

    pinned = _pinned(state, repository.id)
    workers = min(repository.store.connections, max(2, min(4, os.cpu_count() or 1)))
    batch = _Batch(state.clock.monotonic())
    refused = 0
    examining = state.examining or InThisProcess()
    for done, (name, outcome) in enumerate(_read_all(examining, repository, begun(), sizes, pinned, workers), 1):
        if outcome is None:  # gone since it was listed: the next look says so
            continue
        refused = refused + 1 if outcome.unreadable else 0
        if refused >= MOST_REFUSED:
            break
        batch.outcomes.append((name, outcome))
        if not outcome.unreadable:
            result.objects += 1
            result.bytes += sizes[name]
            if outcome.fault:
                result.faults.append((name, printable(outcome.fault)))
        if len(batch.outcomes) >= _AT_ONCE or state.clock.monotonic() - batch.since > _SECONDS:
            _write(state, lease, repository.id, batch)
        progress(done, len(due))
    _write(state, lease, repository.id, batch)
    if refused >= MOST_REFUSED:
        raise Unavailable(f"{refused} objects one after the other could not be read", subject=repository.location)
    return result


def _write(state: State, lease: Lease, repository: str, batch: _Batch) -> None:
    """One transaction for many objects: each costs the disk a wait."""
    if batch.outcomes:
        with state.writing(lease) as connection:
            opened = open_things(connection, repository)
            for name, outcome in batch.outcomes:
                over = _keep(connection, repository, name, outcome, state.clock.now_ns())
                for code in over:
                    if (code.value, str(name)) in opened:
                        close_incident(connection, repository, code, str(name), state.clock.now_ns())
    batch.outcomes.clear()
    batch.since = state.clock.monotonic()


def _pinned(state: State, repository: str) -> frozenset[str]:
    with state.database.read() as connection:
        return frozenset(connection.execute(*_pinned_query(repository)).scalars())


@prepared
def _pinned_query(repository: str) -> sa.Select[tuple[str]]:
    return sa.select(pinned_key.c.name).where(pinned_key.c.repository == repository)


def _read_all(
    examining: Examining,
    repository: Repository,
    names: Iterable[ObjectName],
    sizes: Mapping[ObjectName, int],
    pinned: frozenset[str],
    workers: int,
) -> Iterator[tuple[ObjectName, _Outcome | None]]:
    def read(name: ObjectName) -> _Outcome | None:
        return _read(examining, repository, name, sizes[name], pinned)

    for name, outcome in outcomes(read, names, workers):
        yield name, outcome()


def _read(
    examining: Examining, repository: Repository, name: ObjectName, size: int, pinned: frozenset[str]
) -> _Outcome | None:
    """What an object holds, read a second time where the first reading found a fault: the line may have been it.

    One that the store does not give is no reason to leave the others: whoever can make one object unreadable must not
    stop all judging.
    """
    if size > LARGEST[name.kind]:
        return _Outcome(f"has {size} bytes, more than any of its kind")
    try:
        if name.kind is Kind.KEY:
            return _read_key(examining, repository, name, pinned)
        reader = _read_pack if name.kind is Kind.DATA else _read_file
        outcome = reader(examining, repository, name)
        return outcome if not outcome.fault else reader(examining, repository, name)
    except Missing:
        return None
    except Interrupted:
        raise
    except StrongroomError as problem:
        return _Outcome(unreadable=problem.what)


def _read_pack(examining: Examining, repository: Repository, name: ObjectName) -> _Outcome:
    with repository.store.read(name) as reader:
        if reader.size > LARGEST[Kind.DATA]:
            return _Outcome(f"has {reader.size} bytes, more than any of its kind")
        descriptor = reader.fileno()
        source = reader.read() if descriptor is None else descriptor
        found = examining.examine(repository.key, name, source, reader.size)
    return _Outcome(found.fault, found.rows)


def _read_file(examining: Examining, repository: Repository, name: ObjectName) -> _Outcome:
    """A snapshot or an index."""
    try:
        stored = repository.files.stored(name)
    except (Damaged, LimitExceeded) as problem:
        return _Outcome(problem.what)
    return _Outcome(examining.examine(repository.key, name, stored, len(stored)).fault)


def _read_key(examining: Examining, repository: Repository, name: ObjectName, pinned: frozenset[str]) -> _Outcome:
    """A key file's form and bounds; one that nobody announced is a fault whatever it holds (threats K-1 to K-4)."""
    try:
        stored = stored_key_file(repository.store, name.name)
    except (Damaged, LimitExceeded) as problem:
        return _Outcome(problem.what)
    found = examining.examine(repository.key, name, stored, len(stored))
    if found.fault or name.name in pinned:
        return _Outcome(found.fault)
    return _Outcome(f"nobody announced this key; {found.words}")


def _keep(
    connection: sa.Connection, repository: str, name: ObjectName, outcome: _Outcome, now_ns: int
) -> tuple[Code, ...]:
    """Write down what an object was read to be; which incidents of it are over."""
    here = sa.and_(stored.c.repository == repository, stored.c.kind == name.kind.value, stored.c.name == name.name)
    if outcome.unreadable:
        open_incident(connection, repository, Code.UNREADABLE, str(name), outcome.unreadable, now_ns)
        return ()
    before = connection.execute(sa.select(stored.c.fault, stored.c.sound_ns, stored.c.verified_ns).where(here)).one()
    values: dict[str, object] = {"verified_ns": now_ns, "fault": printable(outcome.fault) or None, "proven": 0}
    if not outcome.fault:
        values["sound_ns"] = now_ns
    connection.execute(stored.update().where(here).values(values))
    if name.kind is Kind.DATA and not outcome.fault:
        known = connection.execute(
            sa.select(pack.c.name).where(pack.c.repository == repository, pack.c.name == name.name)
        ).one_or_none()
        if known is None:  # the name is the hash of the bytes, so what was read once stays true
            connection.execute(pack.insert().values(repository=repository, name=name.name, blobs=outcome.rows))
        if before.verified_ns is None or before.fault is not None:
            note_gain(connection, repository, again=before.sound_ns is not None)
    if name.kind in (Kind.DATA, Kind.INDEX) and outcome.fault and before.fault is None and before.sound_ns is not None:
        note_loss(connection, repository)
    planted = name.kind is Kind.KEY and before.sound_ns is None
    code = Code.PLANTED_KEY if planted else Code.DAMAGED  # a key that was sound is one that hosts open by
    if outcome.fault:
        open_incident(connection, repository, code, str(name), outcome.fault, now_ns)
        return (Code.UNREADABLE,)
    return Code.UNREADABLE, Code.DAMAGED, Code.PLANTED_KEY, Code.ALTERED
