"""Copy snapshots from one repository to any number of others, in one pass over the source.

Every blob is read, proven by its hash and decompressed once, however many repositories lack it; what is not what its
name promises goes nowhere. A snapshot is saved in a repository only when all that it names is stored and indexed there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.archive.copy.missing import lacking
from strongroom.archive.copy.similar import Copies, copy_of
from strongroom.base.errors import Damaged, StrongroomError
from strongroom.base.progress import Reporter
from strongroom.base.record import field, mutable, record, replace
from strongroom.repository.destination import Destination, PackOptions
from strongroom.repository.reachable import read_trees
from strongroom.repository.transfer import transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import Listed
    from strongroom.repository.transfer import Lost

BATCH_PACKS = 100
"""Snapshots are saved once so many packs of their data are on their way, as in restic."""


@record
class CopyTarget:
    """A repository to copy to: opened, locked, its index loaded. ``check`` raises when the lock is lost."""

    repository: Repository
    label: str
    packs: PackOptions = PackOptions()
    check: Callable[[], None] = lambda: None


@mutable
class CopyResult:
    """How it came out for one repository."""

    label: str
    copied: list[tuple[str, str]] = field(default_factory=list)
    """The IDs in the source and here of the snapshots that were saved."""
    skipped: int = 0
    """Snapshots that were there already."""
    failed: int = 0
    """Snapshots that were not saved, since something that they need could not be had."""
    blobs: int = 0
    bytes: int = 0
    """Of the packs that were stored."""
    failure: StrongroomError | None = None
    """Why this repository left before the end."""


class CopyEvents:
    """Hears how it goes, in the caller's thread; this one keeps silent. ``label``: the repository that it is about."""

    def begun(self, snapshot_id: str, snapshot: Snapshot) -> None:
        """A snapshot's trees are looked at: at least one repository does not have it."""

    def skipped(self, snapshot_id: str, snapshot: Snapshot, label: str, copy: str) -> None:
        """A repository has a snapshot already, as ``copy``."""

    def planned(self, packs: int, blobs: int, size: int) -> None:
        """So much waits to be copied: ``blobs`` of ``size`` bytes in ``packs`` packs of the source."""

    def saved(self, snapshot_id: str, label: str, copy: str) -> None:
        """A snapshot was saved in a repository as ``copy``."""

    def failed(self, snapshot_id: str, label: str, reasons: Sequence[str]) -> None:
        """A snapshot cannot be saved: what it needs could not be had. ``label`` is empty where nobody gets it."""


def copy(
    source: Repository,
    targets: Sequence[CopyTarget],
    snapshots: Sequence[Listed],
    reporter: Reporter | None = None,
    events: CopyEvents | None = None,
) -> list[CopyResult]:
    """Copy snapshots of ``source``, whose index is loaded, to each of ``targets`` that does not have them.

    In the order given; give the oldest first, as parents come first then. One repository that fails leaves
    (``CopyResult.failure``), the others go on. A snapshot that needs what is damaged or missing in the source is not
    saved, all others are. Raises ``Interrupted``, and errors of the source's store; what is stored by then is indexed.
    """
    run = _Copy(source, targets, reporter or Reporter(), events or CopyEvents())
    try:
        run.copy(snapshots)
    except BaseException:
        run.abandon()
        raise
    return run.finish()


class _Target:
    """One repository of the run."""

    def __init__(self, target: CopyTarget, *, alone: bool) -> None:
        """Of several on this machine each has fewer packs in memory: there is work enough while one waits."""
        self.repository = target.repository
        self.label = target.label
        self.check = target.check
        self.batch_size = BATCH_PACKS * target.packs.pack_size
        packs, at_once = target.packs, 0
        if not alone and target.repository.near:
            packs, at_once = replace(packs, open_packs=1), 1
        self.destination = Destination(target.repository, packs, check=target.check, at_once=at_once)
        self.copies = Copies(target.repository.snapshots())
        self.made = Copies(())
        """Those of this run."""
        self.result = CopyResult(target.label)

    def has(self, snapshot_id: str, snapshot: Snapshot) -> str | None:
        """The ID of its copy of a snapshot. A copy whose root tree is not there is none: somebody only says so."""
        copy_id = self.copies.find(snapshot_id, snapshot)
        return copy_id if copy_id is not None and self.repository.index.contains("tree", snapshot.tree) else None


class _Copy:
    def __init__(
        self, source: Repository, targets: Sequence[CopyTarget], reporter: Reporter, events: CopyEvents
    ) -> None:
        self._source = source
        self._reporter = reporter
        self._events = events
        self._targets = [_Target(target, alone=len(targets) == 1) for target in targets]
        self._plan = _kernel.TransferPlan(
            source.index, [(target.destination.writer, target.repository.index) for target in self._targets]
        )
        self._batch: list[tuple[str, Snapshot, list[int]]] = []
        self._sizes: dict[str, int] = {}
        """Bytes of the packs that are on their way."""
        self._brought = 0
        """Bytes of those that were brought."""
        self._is_damaged = False
        """Whether anything could not be had: then each snapshot is looked through before it is saved."""

    def copy(self, snapshots: Sequence[Listed]) -> None:
        """All of them, batch by batch."""
        batch_size = min((target.batch_size for target in self._targets), default=0)
        for snapshot_id, snapshot in snapshots:
            wanting = self._wanting(snapshot_id, snapshot)
            if not wanting:
                continue
            self._events.begun(snapshot_id, snapshot)
            faults = self._look_through(snapshot.tree, wanting)
            if faults:
                self._is_damaged = True
                self._events.failed(snapshot_id, "", faults)
                for number in wanting:
                    self._targets[number].result.failed += 1
                continue
            self._batch.append((snapshot_id, snapshot, wanting))
            if self._plan.waiting()[2] >= batch_size:
                self._bring_batch()
        self._bring_batch()

    def finish(self) -> list[CopyResult]:
        """Let all threads go; what came of it."""
        for target in self._targets:
            target.destination.finish()
            target.result.failure = target.destination.failure
            target.result.blobs, target.result.bytes = target.destination.blobs, target.destination.bytes
        return [target.result for target in self._targets]

    def abandon(self) -> None:
        """Keep what is stored, and let all threads go."""
        for target in self._targets:
            target.destination.abandon()

    def _wanting(self, snapshot_id: str, snapshot: Snapshot) -> list[int]:
        wanting = []
        for number, target in enumerate(self._targets):
            if not target.destination.is_active:
                continue
            copy_id = target.has(snapshot_id, snapshot)
            if copy_id is None:
                wanting.append(number)
            else:
                target.result.skipped += 1
                self._events.skipped(snapshot_id, snapshot, target.label, copy_id)
        return wanting

    def _look_through(self, tree: str, wanting: list[int]) -> list[str]:
        """Plan all blobs below a tree that one of the repositories lacks; what is wrong with the trees."""
        faults: list[str] = []
        try:
            if self._plan.root(tree, wanting):
                read_trees(
                    self._source,
                    [tree],
                    lambda plaintext: self._plan.read(plaintext, wanting),
                    self._reporter,
                    lambda item, message: faults.append(f"{item}: {message}"),
                    bad_copy=lambda _tree, _place: None,
                    cached=True,
                )
        except Damaged as problem:  # the root itself is nowhere
            faults.append(problem.what)
        return faults

    def _bring_batch(self) -> None:
        if not self._batch:
            return
        packs, blobs, size = self._plan.waiting()
        self._events.planned(packs, blobs, size)
        self._source.still_locked(wait=True)
        done, end = 0, self._brought + size

        def progress(pack: str, lost: list[Lost]) -> None:
            nonlocal done
            done += 1
            self._is_damaged = self._is_damaged or bool(lost)
            self._brought += self._sizes.pop(pack)
            self._reporter.count("packs copied", done, packs, (self._brought, end))

        destinations = [target.destination for target in self._targets]
        transfer(self._source, self._packs(), destinations, progress=progress, stop=self._reporter.stop)
        for target in self._targets:
            target.destination.flush()
        for snapshot_id, snapshot, wanting in self._batch:
            for number in wanting:
                self._save(self._targets[number], snapshot_id, snapshot)
        self._batch = []

    def _packs(self) -> Iterator[tuple[str, Sequence[_kernel.BlobEntry]]]:
        while (pack := self._plan.next_pack()) is not None:
            self._sizes[pack[0]] = sum(entry.length for entry in pack[1])
            yield pack

    def _save(self, target: _Target, snapshot_id: str, snapshot: Snapshot) -> None:
        destination = target.destination
        if not destination.is_active or target.made.find(snapshot_id, snapshot) is not None:
            return
        if self._is_damaged or destination.writer.wanted():
            self._is_damaged = True
            reasons = lacking(self._source, snapshot.tree, target.repository.index)
            if reasons:
                target.result.failed += 1
                self._events.failed(snapshot_id, target.label, reasons)
                return
        try:
            target.check()
            copied = copy_of(snapshot_id, snapshot)
            copy_id = target.repository.save_snapshot(copied)
        except StrongroomError as error:
            destination.fail(error)
            return
        target.copies.add(copy_id, copied)
        target.made.add(copy_id, copied)
        target.result.copied.append((snapshot_id, copy_id))
        self._events.saved(snapshot_id, target.label, copy_id)
