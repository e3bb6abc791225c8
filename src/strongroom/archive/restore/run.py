"""Restore: a directory of a snapshot onto this machine's file system.

The kernel walks, plans and writes (``crates/kernel/src/restore``); here it is fed with ranges of packs, and what it
reports reaches the user. Nothing in this module can remove anything from a repository.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from strongroom import _kernel
from strongroom.archive.restore.feed import Feed
from strongroom.archive.restore.folder import folder_tree
from strongroom.archive.restore.way import on_the_way
from strongroom.base.clock import monotonic
from strongroom.base.errors import Damaged, Full, LimitExceeded, Refused, StrongroomError, UsageError
from strongroom.base.progress import Change, Reporter, RestoreSummary, Status
from strongroom.base.record import field, mutable, record

if TYPE_CHECKING:
    from strongroom.repository.opened import Repository

_UNINDEXED, _WAY_OUT = "is not in the index", "try `strongroom repair index`"
"""The kernel's word of a blob that no index names, and what to do about it."""

Overwrite = Literal["always", "if-changed", "if-newer", "never"]

NAMED = 20
"""How many items are named for each thing that was left out; the others are counted."""


@record
class RestoreOptions:
    """What ``restore`` was asked to do. Patterns are restic's, of the command line and of files alike.

    ``overwrite``: ``always`` compares files that are there and replaces those that differ; ``if-changed`` takes equal
    size and modification time for equal content; ``if-newer`` writes only over older files; ``never``
    leaves every file alone. ``delete`` removes what the snapshot does not have, within the directories that were saved
    and the patterns; never beside a source, in a directory that is only on the way to it.
    ``safe`` leaves out set-user-ID and set-group-ID bits, devices, and attributes of the namespaces
    ``security`` and ``trusted``. ``ownership_by_name`` gives entries to users and groups of the same names, where this
    machine has such, else by number. Of extended attributes only those come back whose names match ``include_xattrs``,
    if there are any, or do not match ``exclude_xattrs``; others are left as they are.
    """

    target: str | bytes
    includes: tuple[str, ...] = ()
    iincludes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    iexcludes: tuple[str, ...] = ()
    overwrite: Overwrite = "always"
    delete: bool = False
    dry_run: bool = False
    verify: bool = False
    sparse: bool = False
    safe: bool = False
    ownership_by_name: bool = False
    include_xattrs: tuple[str, ...] = ()
    exclude_xattrs: tuple[str, ...] = ()
    workers: int = 0
    """Threads that write; 0 for one each processor, two at least."""

    def check(self) -> None:
        """Raise ``UsageError`` for options that restic refuses to combine."""
        if (self.includes or self.iincludes) and (self.excludes or self.iexcludes):
            raise UsageError("exclude and include patterns are mutually exclusive")
        if self.include_xattrs and self.exclude_xattrs:
            raise UsageError("exclude and include xattr patterns are mutually exclusive")
        everything = os.path.realpath(os.fsencode(self.target)) == b"/"
        if self.delete and everything and not (self.includes or self.iincludes):
            raise UsageError("'--target / --delete' must be combined with an include filter")
        if self.dry_run and self.verify:
            raise UsageError("--dry-run and --verify are mutually exclusive")


def restore(
    repository: Repository,
    tree: str,
    options: RestoreOptions,
    reporter: Reporter | None = None,
    *,
    subfolder: str = "",
    sources: Sequence[str] = (),
) -> RestoreSummary:
    """Restore what is below a tree (a snapshot's root) into ``options.target``, which is made if it is missing.

    The index must be loaded. ``subfolder`` is what stood behind the colon of ``snapshot:subfolder``; ``sources`` are
    the snapshot's paths. Items that fail are reported and counted in the summary's ``errors`` (exit code 1), the rest
    is restored.

    Raises ``UsageError`` for options or a subfolder that make no sense, ``Refused`` when the target cannot be used,
    ``Full``, ``Damaged`` when the root cannot be read, ``LimitExceeded``, ``Unavailable``, ``Interrupted``.
    """
    options.check()
    reporter = reporter or Reporter()
    tree = folder_tree(repository, tree, subfolder)
    way = on_the_way(repository, tree, sources, subfolder) if options.delete else frozenset()
    return _Run(repository, tree, options, reporter, way).run()


@mutable
class _Run:
    repository: Repository
    tree: str
    options: RestoreOptions
    reporter: Reporter
    on_the_way: frozenset[bytes] = frozenset()
    left_out: dict[str, list[bytes]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def run(self) -> RestoreSummary:
        begun = monotonic()
        try:
            kernel = self._start()
            with Feed(self.repository, kernel) as feed:
                self._watch(kernel, feed)
                feed.end()
        except OSError as problem:
            raise _refused(problem, self.options) from None
        except LimitExceeded as problem:
            problem.subject = problem.subject or f"tree {self.tree}"
            raise
        except Damaged as problem:
            if not self.repository.locations("tree", self.tree):
                problem.hint = problem.hint or f"{_WAY_OUT[0].upper()}{_WAY_OUT[1:]}."
            raise
        return self._summary(kernel.progress(), monotonic() - begun)

    def _start(self) -> _kernel.Restore:
        return _kernel.Restore(
            self.repository.key,
            self.repository.index,
            self.tree,
            self.options,
            on_the_way=self.on_the_way,
            report_items=self.reporter.wants_changes,
        )

    def _watch(self, kernel: _kernel.Restore, feed: Feed) -> None:
        """Report until the end. Looks at the reporter's wish to stop ten times a second."""
        while not feed.wait(0.1):
            if self.reporter.stop.is_set():
                kernel.stop()
            self.repository.still_locked()
            self._report(kernel)
        self._report(kernel)

    def _report(self, kernel: _kernel.Restore) -> None:
        for event in kernel.events():
            if event.kind == "failed":
                more = f"; {_WAY_OUT}" if _UNINDEXED in event.text else ""
                self.reporter.error(event.path, event.text + more, "restore")
            elif event.kind == "left out":
                self._note(event)
            else:
                self.reporter.changed(Change(event.kind, event.path, size=event.size))
        if self.reporter.wants_status:
            self.reporter.status(_status(kernel.progress()))

    def _note(self, event: _kernel.RestoreEvent) -> None:
        self.counts[event.text] = self.counts.get(event.text, 0) + 1
        named = self.left_out.setdefault(event.text, [])
        if len(named) < NAMED:
            named.append(event.path)

    def _summary(self, done: _kernel.RestoreProgress, seconds: float) -> RestoreSummary:
        summary = RestoreSummary(
            total_files=done.files_total,
            files_restored=done.files_done,
            files_skipped=done.files_skipped,
            files_deleted=done.files_deleted,
            total_bytes=done.bytes_total,
            bytes_restored=done.bytes_done,
            bytes_skipped=done.bytes_skipped,
            seconds_elapsed=seconds,
            errors=done.errors,
        )
        for what, paths in sorted(self.left_out.items()):
            names = ", ".join(os.fsdecode(path) for path in paths)
            more = self.counts[what] - len(paths)
            summary.left_out.append(f"{what}: {names}" + (f" and {more} more" if more else ""))
        if self.options.verify:
            self.reporter.message(f"verified {done.files_verified} files", 1)
        self.reporter.restore_summary(summary)
        return summary


def _refused(problem: OSError, options: RestoreOptions) -> StrongroomError:
    """The kernel's word on a target that takes nothing: what it tried, and the system's answer."""
    full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
    hint = "What was restored so far is there; the same command goes on from it." if full else ""
    if problem.errno == errno.ENOTDIR:
        hint = "A file stands where a folder is needed."
    return (Full if full else Refused)(problem.strerror or str(problem), subject=os.fsdecode(options.target), hint=hint)


def _status(now: _kernel.RestoreProgress) -> Status:
    return Status(
        files_done=now.files_done,
        bytes_done=now.bytes_done,
        files_total=now.files_total,
        bytes_total=now.bytes_total,
        errors=now.errors,
        current_files=(now.current,) if now.current else (),
        files_skipped=now.files_skipped,
        bytes_skipped=now.bytes_skipped,
        files_deleted=now.files_deleted,
        total_known=now.walked,
    )
