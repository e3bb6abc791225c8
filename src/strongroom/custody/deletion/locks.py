"""Whose locks were seen since when: a client that began before an index was rewritten may still believe the old one.

restic refreshes a lock every five minutes under a new name, so a lock is dated by its host, user and process; one whose
name is an hour old is not refreshed any more, and its client is dead.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Damaged, LimitExceeded, Locked, Missing
from strongroom.base.objects import Kind
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident, open_things
from strongroom.custody.schemas.deletion import lock_seen
from strongroom.database.prepared import prepared
from strongroom.format.lock import LockFile
from strongroom.repository.locks.foreign import MAX_LOCKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository

DEAD_NS = 3600 * 10**9
FORGET_NS = 90 * 24 * DEAD_NS
NOBODY = ""
"""Who holds a lock that cannot be read."""


def see_locks(state: State, lease: Lease, repository: Repository) -> dict[str, str]:
    """Look at the locks that are there; name and holder of each that is not ours and may live."""
    here = repository.surroundings
    ours = f"{here.hostname}\n{here.username}\n{here.pid}"
    now_ns = state.clock.now_ns()
    with state.database.read() as connection:
        known = {row.name: row for row in connection.execute(*_seen_query(repository.id))}
    living: dict[str, str] = {}
    junk: set[str] = set()
    gone = set(known)
    for count, info in enumerate(repository.store.list(Kind.LOCK)):
        if count >= MAX_LOCKS:
            break
        name = info.name.name
        if name in known:
            gone.discard(name)
            who = str(known[name].who)
            if now_ns - known[name].first_ns < DEAD_NS and who not in (ours, NOBODY):
                living[name] = who
            continue
        try:
            file = _lock(repository, name)
        except Missing:
            continue
        who = NOBODY if file is None else f"{file.hostname}\n{file.username}\n{file.pid}"
        if who == NOBODY:
            junk.add(name)
        elif who != ours:
            living[name] = who
    old_ns = now_ns - FORGET_NS
    forgotten = [name for name in sorted(gone) if known[name].last_ns < old_ns]  # one that stays would be new again
    if not living and not junk and not forgotten:
        return living
    with state.writing(lease) as connection:
        for name, who in (*living.items(), *((name, NOBODY) for name in junk)):
            if name in known:
                here_it_is = sa.and_(lock_seen.c.repository == repository.id, lock_seen.c.name == name)
                connection.execute(lock_seen.update().where(here_it_is).values(last_ns=now_ns))
            else:
                connection.execute(
                    lock_seen.insert().values(
                        repository=repository.id, name=name, who=who, first_ns=now_ns, last_ns=now_ns
                    )
                )
        for name in forgotten:
            connection.execute(
                lock_seen.delete().where(lock_seen.c.repository == repository.id, lock_seen.c.name == name)
            )
    return living


def _lock(repository: Repository, name: str) -> LockFile | None:
    """What a lock says; None where it cannot be read as one. Raises ``Missing``, and errors of the store."""
    try:
        return LockFile.parse(repository.files.load(Kind.LOCK, name), f"locks/{name}")
    except (Damaged, LimitExceeded):
        return None


@prepared
def _seen_query(repository: str) -> sa.Select[Any]:
    return sa.select(lock_seen).where(lock_seen.c.repository == repository)


def listed_locks(repository: Repository) -> tuple[str, ...]:
    """The names of all locks that are there, ours and dead ones too."""
    return tuple(sorted(info.name.name for info in itertools.islice(repository.store.list(Kind.LOCK), MAX_LOCKS)))


def older_than(state: State, repository: str, living: dict[str, str], moment_ns: int) -> list[str]:
    """Holders of living locks that were seen before a moment, in words."""
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(lock_seen.c.who, sa.func.min(lock_seen.c.first_ns).label("first"))
            .where(lock_seen.c.repository == repository)
            .group_by(lock_seen.c.who)
        ).all()
    first = {row.who: row.first for row in rows}
    holders = {who for who in living.values() if first.get(who, moment_ns) < moment_ns}
    return sorted(" ".join(who.split("\n")) for who in holders)


def look_for_standing(state: State, lease: Lease, repository: Repository) -> None:
    """An exclusive lock that nobody has refreshed for an hour holds up every host, and stock restic takes it for fresh
    for as long as it claims to be (threat G-4); one that cannot be read ends stock restic. It is an incident until it
    is gone; an operator takes it away."""
    now_ns = state.clock.now_ns()
    with state.database.read() as connection:
        known = connection.execute(*_seen_query(repository.id)).all()
        told = {thing for code, thing in open_things(connection, repository.id) if code == Code.LOCK.value}
    old = {row.name: row.first_ns for row in known if now_ns - row.first_ns >= DEAD_NS}
    found: dict[str, str] = {}
    for name in old.keys() & set(listed_locks(repository)) if old else ():
        try:
            file = _lock(repository, name)
        except Missing:
            continue
        hours = (now_ns - old[name]) // DEAD_NS
        if file is None:
            found[f"locks/{name}"] = f"a lock that nobody can read is {hours} hours old, so stock restic cannot back up"
        elif file.exclusive:
            whose = f"process {file.pid} of {file.username} on {file.hostname}"
            found[f"locks/{name}"] = f"an exclusive lock by {whose} is {hours} hours old, so no host can back up"
    over = {thing for thing in told if thing.startswith("locks/")} - found.keys()
    if not found and not over:
        return
    with state.writing(lease) as connection:
        for thing, words in found.items():
            open_incident(connection, repository.id, Code.LOCK, thing, words, now_ns)
        for thing in over:
            close_incident(connection, repository.id, Code.LOCK, thing, now_ns)


@contextlib.contextmanager
def quiet(
    state: State, repository: Repository, since_ns: int, patience_ns: int
) -> Iterator[Callable[[], tuple[str, ...]]]:
    """restic's exclusive lock, under which old index files go: a client that has listed an index must find it. What is
    given says the lock's names, none where it was not to be had.

    One that is refreshed for ever delays that for ``patience_ns``; then it is an incident, and delays nothing (threat
    G-4). Raises ``Locked`` until then.
    """
    try:
        lock = repository.lock(exclusive=True)
    except Locked as problem:
        now_ns = state.clock.now_ns()
        if now_ns - since_ns < patience_ns:
            raise
        with state.database.write() as connection:
            open_incident(connection, repository.id, Code.LOCK, "locks", problem.what, now_ns)
        yield tuple
        return
    with lock:
        yield lambda: tuple(lock.names)
