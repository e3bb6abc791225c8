"""One repository's way through a run, in a thread of its own, so that it waits for no other's faults.

For each job: locked, the index loaded, the pass joined, packs and index stored, the snapshot written, the lock removed.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.archive.backup.meeting import failure
from strongroom.archive.backup.new_snapshot import make_snapshot, must_hold_the_stream, summary_of
from strongroom.archive.backup.one_pass import PassTarget
from strongroom.archive.backup.options import BackupResult
from strongroom.archive.backup.parents import find_parent
from strongroom.archive.backup.sender import PATIENCE
from strongroom.archive.backup.stall_watch import StallWatch
from strongroom.base.errors import Interrupted, StrongroomError, UsageError
from strongroom.repository.state import LastRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.archive.backup.meeting import Meeting
    from strongroom.archive.backup.one_pass import Pass, PassOutcome
    from strongroom.archive.backup.options import BackupMember, BackupOptions, BackupTarget
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository


class Lane:
    """A repository and the jobs that it takes part in, one after the other."""

    def __init__(self, member: BackupMember, on_news: Callable[[], None]) -> None:
        """``on_news`` is called when there is a result, and at the end."""
        self.label = member.label
        self.standing = StallWatch()
        self.meetings: list[Meeting] = []
        self.fault: BaseException | None = None
        """What is no error of a repository, but of the program or the machine."""
        self.ends_at_failure = False
        self._open = member.open
        self._opened: BackupTarget | StrongroomError | None = None
        self._on_news = on_news
        self._thread = threading.Thread(target=self._run, name=f"lane-{self.label}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for meeting in self.meetings:
                if not self._attend(meeting):
                    break
        except BaseException as error:
            self.fault = error
        finally:
            for meeting in self.meetings:
                meeting.leave(self.standing)
            self._on_news()

    def _attend(self, meeting: Meeting) -> bool:
        """Take part in a job. Whether to go on with the next one."""
        try:
            result = self._save(meeting)
        except StrongroomError as error:
            if isinstance(error, Interrupted) and not self.standing.given_up:
                return False
            result = failure(self.label, meeting.options, error)
        finally:
            meeting.leave(self.standing)
        meeting.results[self.standing] = result
        self._on_news()
        return result.error is None or meeting.options.others_go_on or not self.ends_at_failure

    def _target(self) -> BackupTarget:
        """The opened repository; opened once, and what went wrong then counts for each job."""
        if self._opened is None:
            try:
                self._opened = self._open(self.standing)
            except Interrupted:
                raise
            except StrongroomError as error:
                self._opened = error
        if isinstance(self._opened, StrongroomError):
            raise self._opened
        return self._opened

    def _save(self, meeting: Meeting) -> BackupResult:
        self.standing.moved()
        target, options = self._target(), meeting.options
        repository = target.repository
        self.standing.moved()
        repository.refuse_unless_writable_by_backup()
        lock = None
        try:
            # The lock settles while the index is loaded and the source is walked; the sender waits before it stores.
            if not options.dry_run:
                lock = repository.lock(retry_seconds=options.retry_lock_seconds, settle=False)
            self._refuse_twice(repository)
            self.standing.moved()
            parent = find_parent(repository, options, self._host(repository, options), meeting.paths, meeting.reporter)
            self._load_index(repository)
            seat = PassTarget(target, lock, parent, self.standing)
            run, number = meeting.join(seat)
            outcome = run.send(number)
            if outcome.dropped:
                run = self._again(meeting, run, seat)
                outcome = run.send(0)
            return self._conclude(meeting, seat, run, outcome)
        finally:
            if lock is not None:
                with contextlib.suppress(Interrupted):  # then it is given back with all that are left at the end
                    lock.release()

    def _refuse_twice(self, repository: Repository) -> None:
        """Raise ``UsageError`` where another of this run has written a snapshot: one place under two names.

        While both are at work our own lock shows it; here one has come to its end before the other was open. A copy
        of a repository has its ID as well, and none of this run's snapshots.
        """
        others = {
            snapshot
            for meeting in self.meetings
            for standing, repository_id, snapshot in list(meeting.written)
            if standing is not self.standing and repository_id == repository.id
        }
        if others and not others.isdisjoint(repository.snapshot_names()):
            raise UsageError(
                "the same repository is given twice: it has this run's snapshot already",
                subject=self.label,
                hint="Name each one once.",
            )

    def _host(self, repository: Repository, options: BackupOptions) -> str:
        return options.host or repository.surroundings.hostname

    def _load_index(self, repository: Repository) -> None:
        repository.load_index(lambda _done, _total: self.standing.moved())

    def _again(self, meeting: Meeting, first: Pass, seat: PassTarget) -> Pass:
        """A pass of its own for a repository that was too slow for the others, once these have read the source."""
        meeting.reporter.warning(
            f"{self.label}: too slow for the others, and the spool has no more room; now in a pass of its own"
        )
        while not first.is_over(PATIENCE):
            if meeting.reporter.stop.is_set():
                raise Interrupted("interrupted")
        self._load_index(seat.target.repository)  # with the packs that it has taken
        return meeting.pass_alone(seat)

    def _conclude(self, meeting: Meeting, seat: PassTarget, run: Pass, outcome: PassOutcome) -> BackupResult:
        """Write the snapshot, when all that it names is stored and indexed."""
        if outcome.error is not None:
            raise outcome.error
        if outcome.tree is None:
            if meeting.reporter.stop.is_set():
                raise Interrupted("interrupted")
            raise StrongroomError("no snapshot was made", subject=self.label)
        options, tree, parent = meeting.options, outcome.tree, seat.parent
        repository = seat.target.repository
        summary = summary_of(self.label, options, parent, run, outcome)
        if options.stream is not None:
            meeting.must_have_ended_well()
            must_hold_the_stream(self.label, run.summary, outcome.summary)
        if options.skip_if_unchanged and parent is not None and parent.tree == tree:
            summary.skipped_unchanged = True
            self._remember(meeting, repository, parent.snapshot, tree, run)
        elif options.dry_run:  # restic names the one that it would have made
            snapshot = make_snapshot(repository, options, meeting.paths, tree, parent, summary, run.started_ns)
            summary.snapshot_id = _kernel.sha256_hex(snapshot.encode())
        else:
            self._check(seat.lock)
            snapshot = make_snapshot(repository, options, meeting.paths, tree, parent, summary, run.started_ns)
            summary.snapshot_id = repository.save_snapshot(snapshot)
            meeting.written.append((self.standing, repository.id, summary.snapshot_id))
            self._remember(meeting, repository, summary.snapshot_id, tree, run)
        return BackupResult(self.label, summary)

    def _check(self, lock: Lock | None) -> None:
        if lock is not None:
            lock.check()

    def _remember(self, meeting: Meeting, repository: Repository, snapshot: str | None, tree: str, run: Pass) -> None:
        if repository.state is not None and snapshot and not meeting.options.dry_run:
            last = LastRun(snapshot, tree, run.started_ns)
            repository.state.record_run(self._host(repository, meeting.options), meeting.paths, last)
