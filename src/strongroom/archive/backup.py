"""Back up: one pass over the source for any number of repositories, each with its own snapshot."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from strongroom.archive.backup_options import BackupOutcome, BackupResult
from strongroom.archive.new_snapshot import make_snapshot
from strongroom.archive.one_pass import Pass, PassTarget, Reread
from strongroom.archive.parents import Parent, find_parent, share_parents
from strongroom.base.errors import Interrupted, StrongroomError
from strongroom.base.progress import BackupSummary
from strongroom.base.record import mutable
from strongroom.repository.state import LastRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.archive.backup_options import BackupOptions, BackupTarget
    from strongroom.archive.one_pass import PassOutcome
    from strongroom.base.clock import Clock
    from strongroom.base.progress import Reporter
    from strongroom.repository.locks import Lock
    from strongroom.repository.opened import Repository


@mutable
class _Ready:
    """A repository that takes part: locked, its index loaded, its parent found."""

    target: BackupTarget
    lock: Lock | None
    parent: Parent | None


def backup(targets: Sequence[BackupTarget], options: BackupOptions, reporter: Reporter) -> BackupOutcome:
    """Save the source into every repository that can take it.

    A repository that fails is in the outcome with its error, and keeps no other from finishing; one that was too slow
    gets a pass of its own at the end. Raises ``Interrupted`` when the reporter says stop, ``StrongroomError`` for
    what concerns the source as a whole; what was stored until then is used by the next run.
    """
    if not targets:
        return BackupOutcome()
    work = _Backup(options, reporter, targets[0].repository.surroundings.clock)
    outcome = BackupOutcome()
    try:
        ready = [one for target in targets if (one := work.prepare(target, outcome)) is not None]
        slow = work.one_pass(ready, outcome) if ready else []
        for one in slow:
            reporter.warning(
                f"{one.target.label}: too slow for the others and the spool is full; now in a pass of its own"
            )
            work.one_pass([one], outcome)
    finally:
        work.release()
    order = {id(target): number for number, target in enumerate(targets)}
    outcome.results.sort(key=lambda result: order[id(result.target)])
    return outcome


class _Backup:
    """What the passes of a run have in common."""

    def __init__(self, options: BackupOptions, reporter: Reporter, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._reporter = reporter
        self._locks: list[Lock] = []
        self._started = time.monotonic()
        self._started_ns = clock.now_ns()
        if options.stream is not None:
            self._paths = ["/" + os.fsdecode(options.stream.name).lstrip("/")]
        else:
            self._paths = [os.fsdecode(os.path.abspath(path)) for path in options.paths]

    def prepare(self, target: BackupTarget, outcome: BackupOutcome) -> _Ready | None:
        """Lock a repository, load its index and find its parent; a failure goes into the outcome.

        The lock settles while the index is loaded and the source is walked; the sender waits before it stores.
        """
        options = self._options
        repository = target.repository
        try:
            repository.refuse_unless_writable_by_backup()
            lock = None
            if not options.dry_run:
                lock = repository.lock(retry_seconds=options.retry_lock_seconds, settle=False)
                self._locks.append(lock)
            parent = find_parent(repository, options, self._host(repository), self._paths, self._reporter)
            repository.load_index()
        except Interrupted:
            raise
        except StrongroomError as error:
            self._lost(target, error, outcome)
            return None
        return _Ready(target, lock, parent)

    def one_pass(self, ready: Sequence[_Ready], outcome: BackupOutcome) -> list[_Ready]:
        """Run a pass for these, write their snapshots, and return those that want a pass of their own."""
        if self._reporter.stop.is_set():
            raise Interrupted("interrupted before anything was stored")
        repositories = [one.target.repository for one in ready]
        shared = share_parents(repositories, [one.parent for one in ready])
        trees = [parent.tree if parent else None for parent in shared]
        targets = [PassTarget(one.target, one.lock, tree) for one, tree in zip(ready, trees, strict=True)]
        run = Pass(targets, self._options, self._reporter, self._share(repositories, shared), self._started_ns)
        results = run.go()
        if self._options.stream is not None and self._options.stream.ended is not None:
            self._options.stream.ended()
        outcome.incomplete = outcome.incomplete or run.summary.failures > 0
        again = []
        for one, result in zip(ready, results, strict=True):
            if result.dropped and len(ready) > 1:
                again.append(one)
            elif result.tree is None:
                error = result.error or StrongroomError("no snapshot was made", subject=one.target.label)
                self._lost(one.target, error, outcome)
            else:
                self._conclude(one, result, run, outcome)
        return again

    def release(self) -> None:
        """Give all locks back."""
        for lock in self._locks:
            lock.release()

    def _host(self, repository: Repository) -> str:
        return self._options.host or repository.surroundings.hostname

    def _share(self, repositories: Sequence[Repository], parents: Sequence[Parent | None]) -> Reread | None:
        """Which unchanged files are due: by the salt of the first repository that this host remembers."""
        recorded = max((parent.recorded_ns for parent in parents if parent), default=0)
        state = next((repository.state for repository in repositories if repository.state is not None), None)
        if not recorded or state is None:
            return None
        return Reread(state.salt, recorded // 1_000_000_000, self._started_ns // 1_000_000_000)

    def _lost(self, target: BackupTarget, error: StrongroomError, outcome: BackupOutcome) -> None:
        summary = BackupSummary(repository=target.label, source=self._options.source, failure=str(error))
        outcome.results.append(BackupResult(target, summary, error))

    def _conclude(self, one: _Ready, result: PassOutcome, run: Pass, outcome: BackupOutcome) -> None:
        summary = self._summary(one, result, run)
        repository = one.target.repository
        tree = result.tree or ""
        try:
            if self._options.skip_if_unchanged and one.parent is not None and one.parent.tree == tree:
                summary.skipped_unchanged = True
                self._remember(repository, one.parent.snapshot, tree)
            elif not self._options.dry_run:
                if one.lock is not None:
                    one.lock.check()
                snapshot = make_snapshot(
                    repository, self._options, self._paths, tree, one.parent, summary, self._started_ns
                )
                summary.snapshot_id = repository.save_snapshot(snapshot)
                self._remember(repository, summary.snapshot_id, tree)
        except StrongroomError as error:
            self._lost(one.target, error, outcome)
            return
        outcome.results.append(BackupResult(one.target, summary))

    def _remember(self, repository: Repository, snapshot: str | None, tree: str) -> None:
        if repository.state is not None and snapshot and not self._options.dry_run:
            last = LastRun(snapshot, tree, self._started_ns)
            repository.state.record_run(self._host(repository), self._paths, last)

    def _summary(self, one: _Ready, result: PassOutcome, run: Pass) -> BackupSummary:
        seen = run.summary
        added = result.summary
        return BackupSummary(
            repository=one.target.label,
            source=self._options.source,
            parent_id=(one.parent.snapshot or "") if one.parent else "",
            dry_run=self._options.dry_run,
            files_new=seen.files_new,
            files_changed=seen.files_changed,
            files_unmodified=seen.files_unmodified,
            dirs_new=seen.dirs_new,
            dirs_changed=seen.dirs_changed,
            dirs_unmodified=seen.dirs_unmodified,
            data_blobs=added.data_blobs,
            tree_blobs=added.tree_blobs,
            data_added=added.data_added,
            data_added_packed=added.data_added_packed,
            total_files_processed=seen.total_files_processed,
            total_bytes_processed=seen.total_bytes_processed,
            total_duration=time.monotonic() - self._started,
            files_reread=seen.files_reread,
            files_reread_different=seen.files_differing,
            files_changed_while_read=seen.files_changed_while_read,
            errors=seen.failures,
        )
