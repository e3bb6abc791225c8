"""One pass over the source for several repositories: the kernel reads and packs, threads here store."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.archive.sender import PATIENCE, Sender
from strongroom.base.errors import Interrupted, StrongroomError
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.progress import Change, Status
from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.archive.backup_options import BackupOptions, BackupTarget
    from strongroom.base.progress import Reporter
    from strongroom.repository.locks import Lock

ACTIONS = {"new": "new", "changed": "modified", "unchanged": "unchanged"}


@record
class PassTarget:
    """A repository of this pass, locked and with its index loaded; ``parent`` is a root tree's ID."""

    target: BackupTarget
    lock: Lock | None
    parent: str | None


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

    return options.spool_folder or tempfile.gettempdir(), options.spool_bytes


class Pass:
    """A pass under way."""

    def __init__(
        self,
        targets: Sequence[PassTarget],
        options: BackupOptions,
        reporter: Reporter,
        reread: Reread | None,
        now_ns: int,
    ) -> None:
        self._reporter = reporter
        self._targets = targets
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
                    parent=target.parent,
                )
                for target in targets
            ],
            list(options.paths),
            os.getcwdb(),
            threads=options.read_concurrency or max(2, os.cpu_count() or 1),
            extra_verify=options.extra_verify,
            dry_run=options.dry_run,
            with_atime=options.with_atime,
            ignore_inode=options.ignore_inode,
            ignore_ctime=options.ignore_ctime,
            one_file_system=options.one_file_system,
            excludes=list(options.excludes),
            iexcludes=list(options.iexcludes),
            exclude_if_present=list(options.exclude_if_present),
            exclude_larger_than=options.exclude_larger_than,
            own_folders=list(options.own_folders),
            parent_is_own=reread is not None,
            reread=(reread.salt, reread.since, reread.now) if reread else None,
            spool=_spool(options) if len(targets) > 1 else None,
            scan=reporter.wants_status and not options.no_scan,
            verbose=reporter.wants_changes,
            stream=(stream.descriptor, stream.name, now_ns) if stream else None,
        )
        self._senders = [
            Sender(self._run, number, target.target.repository, target.lock) for number, target in enumerate(targets)
        ]

    def go(self) -> list[PassOutcome]:
        """Run to the end. Raises ``Interrupted`` when the reporter says stop, once what is under way is stored."""
        started = time.monotonic()
        reader = threading.Thread(target=self._read_parents, name="parents", daemon=True)
        reader.start()
        for sender in self._senders:
            sender.start()
        scanned = False
        while not self._run.wait(PATIENCE):
            if self._reporter.stop.is_set():
                self._run.cancel()
                break
            scanned = self._report(started, scanned)
        for sender in self._senders:
            self._finish(sender)
        reader.join()
        self._report(started, scanned)
        if self._reporter.stop.is_set():
            raise Interrupted("interrupted; what was stored so far is kept and used by the next run")
        try:
            self._run.join()
        except Interrupted:
            if not any(sender.error for sender in self._senders):
                raise
        return [self._outcome(number) for number in range(len(self._targets))]

    @property
    def summary(self) -> _kernel.BackupSummary:
        """What the pass has seen of the source."""
        return self._run.summary()

    def _finish(self, sender: Sender) -> None:
        # Waiting here must not keep the user's wish to stop from being heard.
        waiter = threading.Thread(target=sender.finish, name="finish", daemon=True)
        waiter.start()
        while waiter.is_alive():
            waiter.join(PATIENCE)
            if self._reporter.stop.is_set():
                self._run.cancel()

    def _outcome(self, number: int) -> PassOutcome:
        outcome = self._run.outcome(number)
        error = self._senders[number].error
        return PassOutcome(None if error else outcome.root, outcome.dropped, error, outcome.summary)

    def _read_parents(self) -> None:
        """Hand the packs of the parent snapshot's trees to the kernel, which decrypts and checks them."""
        while True:
            try:
                request = self._run.next_request(PATIENCE)
            except Interrupted:
                return
            if request is None:
                continue
            number, target, pack = request
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

    def _report(self, started: float, scanned: bool) -> bool:
        reporter = self._reporter
        for event in self._run.events():
            self._report_event(event)
        now = self._run.progress()
        if now.scanned and not scanned:
            scanned = True
            reporter.scan_finished(now.files_total, now.bytes_total, time.monotonic() - started)
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
        return scanned

    def _report_event(self, event: _kernel.BackupEvent) -> None:
        reporter = self._reporter
        path = os.fsdecode(event.path)
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
            item = event.path + b"/" if event.directory else event.path
            reporter.changed(Change(ACTIONS[event.kind], item, data_size=event.size))
