"""What the listed snapshots need, walked anew: no memo is believed where something is to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.objects import Kind
from strongroom.base.record import field, record
from strongroom.custody.catalogue import index_of
from strongroom.custody.judging.giving import NOT_GIVEN, giving
from strongroom.custody.judging.reading import readable_snapshot
from strongroom.custody.judging.verdicts import BAD
from strongroom.custody.planned.packs import packs_there, stored_objects
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.schemas.main import snapshot
from strongroom.database.prepared import prepared
from strongroom.repository.reachable import read_trees

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Sequence

    from typing_extensions import Buffer

    from strongroom.base.progress import Reporter
    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository

TWO_DAYS_NS = 2 * 24 * 3600 * 10**9


@record
class ListedSnapshots:
    """The snapshots that are listed. ``unparsed``: those that were not read, or are not what they should be.

    ``whole`` and ``partial`` are the roots of those that were complete once and never; ``spans`` the times, in
    nanoseconds since 1970 UTC, from which packs stay for the latter's sake.
    """

    unparsed: tuple[str, ...]
    whole: tuple[str, ...]
    partial: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


@record
class NeedSurvey:
    """``index``: of the packs that count; ``faults``: why a snapshot that was whole once cannot be walked."""

    index: _kernel.Index
    usage: _kernel.Usage
    listed: ListedSnapshots
    faults: tuple[str, ...]

    counted: list[_kernel.PackShare] = field(default_factory=list)
    """What ``shares`` gave since the last walk."""

    @property
    def used_bytes(self) -> int:
        """Of all copies that count."""
        return sum(share.used_size for share in self.shares())

    def shares(self) -> list[_kernel.PackShare]:
        """Of each pack how much is needed, counted once after each walk: several ask, and there may be many packs."""
        if not self.counted:
            self.counted.extend(self.usage.shares())
        return self.counted

    def needs(self, entry: _kernel.BlobEntry) -> bool:
        """Whether a listed snapshot needs this blob, wherever it lies."""
        return self.usage.needs(entry.kind, entry.id)

    def uses(self, pack: str, entry: _kernel.BlobEntry) -> bool:
        """Whether it is needed and this is the copy that counts."""
        return self.needs(entry) and self.index.lookup(entry.kind, entry.id)[0].pack == pack


def listed_snapshots(state: State, repository: Repository, *, without: Collection[str] = ()) -> ListedSnapshots:
    """The snapshots that are there, each read anew."""
    objects = stored_objects(state, repository.id, Kind.SNAPSHOT)
    with state.database.read() as connection:
        judged = {
            row.id: row for row in connection.execute(sa.select(snapshot).where(snapshot.c.repository == repository.id))
        }
        once = {
            row.snapshot
            for row in connection.execute(
                sa.select(schema.walked.c.snapshot).where(schema.walked.c.repository == repository.id)
            )
        }
    unparsed, whole, partial, spans = [], [], [], []
    for name, row in objects.items():
        if name in without:
            continue
        verdict = judged.get(name)
        known = row.verified_ns is not None and row.fault is None and verdict is not None
        found = readable_snapshot(repository, name) if known else None
        if found is None or verdict is None:
            unparsed.append(name)
            continue
        tree = found.tree
        if name in once or verdict.whole >= 0 or verdict.verdict == BAD:
            whole.append(tree)
        else:
            partial.append(tree)
            spans.append((row.arrival_ns - TWO_DAYS_NS, row.arrival_ns))
    return ListedSnapshots(tuple(unparsed), tuple(whole), tuple(partial), tuple(spans))


def survey(
    state: State,
    repository: Repository,
    reporter: Reporter,
    *,
    going: Iterable[str] = (),
    without: Collection[str] = (),
) -> NeedSurvey:
    """Walk all listed snapshots over the packs that are there, but those ``going``; ``without`` some snapshots.

    ``repository.index`` is that of these packs afterwards.
    """
    listed = listed_snapshots(state, repository, without=without)
    index, usage = usage_over(repository, packs_there(state, repository.id, without=going))
    faults = walk(repository, usage, listed.whole, reporter)
    # what a snapshot that never was whole needs is not known either where a tree is not given
    faults += [one for one in walk(repository, usage, listed.partial, reporter) if one[1] == NOT_GIVEN]
    return NeedSurvey(index, usage, listed, tuple(f"{item} {what}" for item, what in faults))


def walk_more(
    state: State, repository: Repository, reporter: Reporter, found: NeedSurvey, without: Collection[str]
) -> None:
    """Walk what is listed but ``without``, over and above what ``found`` was walked for."""
    listed = listed_snapshots(state, repository, without=without)
    walk(repository, found.usage, (*listed.whole, *listed.partial), reporter)
    found.counted.clear()


def usage_over(repository: Repository, packs: Iterable[tuple[str, bytes]]) -> tuple[_kernel.Index, _kernel.Usage]:
    """An index of packs with their rows, which is the repository's from now on, and a count of what is used in it."""
    repository.index = index = index_of(packs)
    return index, _kernel.Usage(index)


def walk(
    repository: Repository,
    usage: _kernel.Usage,
    roots: Iterable[str],
    reporter: Reporter,
    passes: Callable[[Sequence[str]], Container[str]] = lambda _trees: (),
) -> list[tuple[str, str]]:
    """Walk the trees that ``usage`` has not seen yet; what is wrong, as item and words. ``passes``: those of some trees
    that are needed themselves, and are not read; it is asked from any thread."""
    faults: list[tuple[str, str]] = []
    fresh = [tree for tree in roots if usage.root(tree)]
    passed = passes(fresh)
    given, _ = giving(repository)

    def read(plaintext: Buffer) -> tuple[list[str], list[tuple[bytes, str]]]:
        below, wrong = usage.read(plaintext)
        passed = passes(below)
        return [tree for tree in below if tree not in passed], wrong

    read_trees(given, [one for one in fresh if one not in passed], read, reporter, lambda *fault: faults.append(fault))
    return faults


def remember_walked(state: State, lease: Lease, repository: str) -> None:
    """Write down which snapshots were whole, so that a loss does not turn them into some that never were."""
    with state.database.read() as connection:
        fresh = connection.execute(*_unwalked_query(repository)).scalars().all()
    if fresh:
        with state.writing(lease) as connection:
            insert = f"INSERT INTO {schema.walked.name} (repository, snapshot) VALUES (?, ?)"
            state.database.many(connection, insert, [(repository, name) for name in fresh])


@prepared
def _unwalked_query(repository: str) -> sa.Select[tuple[str]]:
    walked = sa.select(schema.walked.c.snapshot).where(schema.walked.c.repository == repository)
    return sa.select(snapshot.c.id).where(
        snapshot.c.repository == repository, snapshot.c.whole >= 0, snapshot.c.id.not_in(walked)
    )


def remember_use(state: State, lease: Lease, repository: str, found: NeedSurvey) -> None:
    """Write down which packs a snapshot reaches, the first time that one does: those that none ever reached wait."""
    table = schema.use
    now_ns = state.clock.now_ns()
    reached = [share.id for share in found.shares() if share.needed_blobs]
    with state.writing(lease) as connection:
        query = sa.select(table.c.pack, table.c.reached_ns).where(table.c.repository == repository)
        known = {row.pack: row.reached_ns for row in connection.execute(query)}
        old = [(now_ns, repository, pack) for pack in reached if pack in known and known[pack] is None]
        new = [(repository, pack, now_ns, 0) for pack in reached if pack not in known]
        if old:
            update = f"UPDATE {table.name} SET reached_ns = ? WHERE repository = ? AND pack = ?"
            state.database.many(connection, update, old)
        if new:
            insert = f"INSERT INTO {table.name} (repository, pack, reached_ns, leaving) VALUES (?, ?, ?, ?)"
            state.database.many(connection, insert, new)
