"""One pass over the source for several repositories: the kernel reads and packs, threads here store."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.archive.backup.sender import PATIENCE, Sender
from strongroom.base.clock import monotonic
from strongroom.base.errors import Interrupted, StrongroomError
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.progress import Change, Status
from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.archive.backup.options import BackupOptions, BackupTarget
    from strongroom.archive.backup.parents import Parent
    from strongroom.archive.backup.stall_watch import StallWatch
    from strongroom.base.progress import Reporter
    from strongroom.repository.locks.lock import Lock

ACTIONS = {"new": "new", "changed": "modified", "unchanged": "unchanged"}


@record
class PassTarget:
    """A repository of this pass, locked and with its index loaded; ``parent`` is what it compares with."""

    target: BackupTarget
    lock: Lock | None
    parent: Parent | None
    standing: StallWatch


@record
class PassOutcome:
    """How a pass came out for one repository: its root tree, or why there is none."""

    tree: str | None
    dropped: bool
    error: StrongroomError | None
    summary: _kernel.BackupTargetSummary


@record
class Reread:
    """This run's share of the files to be read again: the salt, and the seconds since 1970 of the last run and now."""

    salt: bytes
    since: int
    now: int


def _spool(options: BackupOptions) -> tuple[str, int] | None:
    """Folder and size in bytes of the room for packs that wait for the slower of several repositories."""
    if not options.spool_bytes:
        return None
    import tempfile  # here, since most runs have one repository, and it costs more than the rest of this module

    try:
        return options.spool_folder or tempfile.gettempdir(), options.spool_bytes
    except OSError:  # no folder for temporary files can be written to: the repositories go at one pace
        return None


def _change(event: _kernel.BackupEvent) -> Change:
    """As restic tells it: a directory's tree is metadata, and what is as it was has taken no time."""
    action = ACTIONS[event.kind]
    duration = 0.0 if action == "unchanged" else event.duration
    if event.directory:
        sizes = {"metadata_size": event.added, "metadata_size_in_repo": event.stored}
        return Change(action, event.path + b"/", duration=duration, **sizes)
    return Change(action, event.path, duration=duration, data_size=event.added, data_size_in_repo=event.stored)


def _working_folder() -> bytes:
    """What relative paths are relative to; when that was removed only absolute ones have got here."""
    try:
        return os.getcwdb()
    except FileNotFoundError:
        return b"/"


class Pass:
    """A pass under way. Each repository has a thread that calls ``send``; one other calls ``report``, now and then."""

    def __init__(
        self,
        targets: Sequence[PassTarget],
        trees: Sequence[str | None],
        options: BackupOptions,
        reporter: Reporter,
        reread: Reread | None,
        started_ns: int,
    ) -> None:
        """Begin to read. ``trees``: the root tree that each repository compares with."""
        self.started_ns = started_ns
        self._started = monotonic()
        self._reporter = reporter
        self._targets = targets
        self._scanned = False
        self._scans = reporter.wants_status and not options.no_scan and options.stream is None
        self._joining = threading.Lock()
        self._error: StrongroomError | None = None
        stream = options.stream
        self._run = _kernel.Backup(
            [
                _kernel.BackupTarget(
                    target.target.repository.key,
                    target.target.repository.index,
                    version=target.target.repository.version,
                    compression=target.target.compression,
                    pack_size=target.target.pack_size,
                    polynomial=target.target.repository.polynomial,
                    near=target.target.repository.near,
                    parent=tree,
                )
                for target, tree in zip(targets, trees, strict=True)
            ],
            options,
            _working_folder(),
            threads=options.read_concurrency or max(2, os.cpu_count() or 1),
            parent_is_own=reread is not None,
            reread=(reread.salt, reread.since, reread.now) if reread else None,
            spool=_spool(options) if len(targets) > 1 else None,
            scan=reporter.wants_status and not options.no_scan,
            verbose=reporter.wants_changes,
            stream=(stream.descriptor(), stream.name, started_ns) if stream else None,
        )
        self._senders = [
            Sender(self._run, number, target.target.repository, target.lock, target.standing)
            for number, target in enumerate(targets)
        ]
        for number in range(len(targets)):
            threading.Thread(target=self._read_parents, args=(number,), name=f"parents-{number}", daemon=True).start()

    def send(self, number: int) -> PassOutcome:
        """Store what the pass makes for one repository, and say how that came out; waits for no other repository.

        Raises ``StrongroomError`` for what concerns the source as a whole.
        """
        sender = self._senders[number]
        sender.start()
        sender.finish()
        outcome = self._run.outcome(number)
        if outcome.root is None and not outcome.dropped and sender.error is None:
            self._raise_what_ended_it()
        return PassOutcome(None if sender.error else outcome.root, outcome.dropped, sender.error, outcome.summary)

    def is_over(self, patience: float = 0.0) -> bool:
        """Whether the source is read, after waiting for that, a tenth of a second at most."""
        return self._run.wait(patience)

    def cancel(self) -> None:
        """Read no more; what is under way is stored and indexed."""
        self._run.cancel()

    def holding_up(self) -> list[int]:
        """The repositories that the source waits for, while another one has nothing to store."""
        return [number for number in range(len(self._targets)) if self._run.holds_up(number)]

    def fail(self, number: int, error: StrongroomError) -> None:
        """Go on without a repository."""
        self._senders[number].fail(error)

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return monotonic() - self._started

    @property
    def summary(self) -> _kernel.BackupSummary:
        """What the pass has seen of the source."""
        return self._run.summary()

    def _raise_what_ended_it(self) -> None:
        while not self._run.wait(PATIENCE):
            pass
        with self._joining:
            if self._error is None:
                try:
                    self._run.join()
                except StrongroomError as error:
                    self._error = error
            if self._error is not None:
                raise self._error

    def _read_parents(self, target: int) -> None:
        """Hand the packs of the parent snapshot's trees to the kernel, which decrypts and checks them."""
        while True:
            try:
                request = self._run.next_request(target, PATIENCE)
            except Interrupted:
                return
            if request is None:
                continue
            number, pack = request
            try:
                self._supply(number, self._targets[target], pack)
            except Exception as error:
                self._run.deny(number, str(error))

    def _supply(self, number: int, target: PassTarget, pack: str) -> None:
        repository = target.target.repository
        if repository.near:
            with repository.store.read(ObjectName(Kind.DATA, pack)) as reader:
                descriptor = reader.fileno()
                if descriptor is not None:
                    self._run.supply_file(number, descriptor)
                    return
        self._run.supply_bytes(number, repository.read_tree_pack(pack))

    def report(self, *, status: bool = True) -> None:
        """Tell the reporter what happened since the last call and, where it is wanted, how far the pass is."""
        reporter = self._reporter
        for event in self._run.events():
            self._report_event(event)
        over = self.is_over()
        now = self._run.progress()
        if now.scanned and not self._scanned:
            self._scanned = True
            reporter.scan_finished(now.files_total, now.bytes_total, self.seconds)
        elif over and self._scans and not self._scanned and not reporter.stop.is_set():
            self._scanned = True  # the reading came to its end first, and has counted the same
            reporter.scan_finished(now.files_done, now.bytes_done, self.seconds)
        if status:
            reporter.status(
                Status(
                    files_done=now.files_done,
                    bytes_done=now.bytes_done,
                    files_total=now.files_total,
                    bytes_total=now.bytes_total,
                    errors=now.failures,
                    current_files=tuple(now.current),
                    total_known=now.scanned,
                )
            )

    def _report_event(self, event: _kernel.BackupEvent) -> None:
        reporter = self._reporter
        path = os.fsdecode(event.path) or "/"
        if event.kind == "failed":
            reporter.error(event.path, event.message, "archival")
        elif event.kind == "warning":
            reporter.warning(f"{path}: {event.message}")
        elif event.kind == "content-differs":
            reporter.warning(
                f"{path}: other content than at the last backup, though size, times and inode are the same; saved anew"
            )
        elif event.kind == "left-out":
            reporter.message(f"left out {path}: a folder of Strongroom itself")
        else:
            reporter.changed(_change(event))
