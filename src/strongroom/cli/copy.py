"""``copy``: snapshots from one repository to others."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from strongroom.archive.copy.run import CopyEvents, CopyResult, CopyTarget, copy
from strongroom.base.errors import Interrupted, StrongroomError, UsageError
from strongroom.base.quantities import format_bytes
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_from_options, add_snapshot_filter
from strongroom.cli.shared.admitting import admit, refuse_twice
from strongroom.cli.shared.opening import check_promises, locked, open_target, open_targets, say_failure, targets_of
from strongroom.cli.shared.promise_alarms import say_broken
from strongroom.cli.shared.selecting import chosen, of_snapshot
from strongroom.cli.shared.targets import find_source_target
from strongroom.repository.destination import PackOptions
from strongroom.repository.packs.crowds import load_to_read

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target
    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Copy snapshots from one repository to another, or to several in one pass: all of them, or those given. What is there
already is left out, so that the command may run every night; a run that was ended goes on where it was. Every piece
is compared with its hash before it is stored.

  strongroom copy --from-repo /srv/backups --repo rest:https://host:8000/me/
  strongroom copy --from local --repo office --repo cloud latest     names of the configuration file
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``copy``."""
    parser.description = _DESCRIPTION
    parser.add_argument("names", nargs="*", metavar="SNAPSHOT", help="copy only these: IDs or `latest`")
    add_from_options(parser, "the repository to copy from")
    add_snapshot_filter(parser, latest_only=False)


def run(context: Context) -> int:
    """Copy to each repository; 71 when some failed and some did not."""
    targets, source_target = _places(context)
    reporter = context.reporter()
    alarm = False
    try:
        with ExitStack() as stack:
            source = open_target(context, source_target)
            stack.callback(source.close)
            code = _Copying(context, reporter, stack, source, source_target.label).to(targets)
    finally:
        reporter.close()
        alarm = say_broken(context)
    return exit_codes.with_alarm(code, alarm=alarm)


def _places(context: Context) -> tuple[list[Target], Target]:
    """The repositories to copy to, and the one to copy from, which of the file's is left out."""
    targets = targets_of(context)
    source = find_source_target(context.settings, targets)
    if source is None:
        raise UsageError("Please specify a source repository location (--from-repo or --from-repository-file)")
    file = context.settings.file
    if file is not None and all(target.origin == file.path for target in targets):
        targets = [target for target in targets if target.url != source.url]
        if not targets:
            raise UsageError("the file names no repository but the one to copy from", hint="Name one with --repo.")
    if any(target.url == source.url for target in targets):
        raise UsageError(
            "this is the repository to copy from",
            subject=source.label,
            hint="Name another one to copy to, with --repo.",
        )
    refuse_twice([source, *targets])
    return targets, source


class _Copying:
    """One run of the verb."""

    def __init__(
        self, context: Context, reporter: CommandReporter, stack: ExitStack, source: Repository, source_label: str
    ) -> None:
        self._context = context
        self._reporter = reporter
        self._stack = stack
        self._source = source
        self._source_label = source_label

    def to(self, targets: Sequence[Target]) -> int:
        """Open, lock and load everything, then copy; the exit code."""
        context = self._context
        self._stack.enter_context(locked(context, self._source))
        codes: dict[str, int] = {}
        opened: list[CopyTarget] = []
        for target, one in self._stack.enter_context(closing(open_targets(context, targets))):
            try:
                if isinstance(one, StrongroomError):
                    raise one
                self._stack.callback(one.close)
                opened.append(self._target(target, one))
                codes[target.label] = exit_codes.OK
            except Interrupted:
                raise
            except StrongroomError as error:
                if len(targets) == 1:
                    raise
                codes[target.label] = exit_codes.of_error(error)
                say_failure(context, target.label, error)
        order = [target.label for target in targets]
        opened.sort(key=lambda target: order.index(target.label))  # whichever opened first
        if not opened:
            return exit_codes.of_repositories(list(codes.values()))
        snapshots, unknown = chosen(context, self._source)
        load_to_read(self._source)
        events = _Shown(context, self._reporter, several=len(targets) > 1)
        with context.signals.cooperative(self._reporter):
            results = copy(self._source, opened, snapshots, self._reporter, events)
        for result in results:
            codes[result.label] = self._conclude(result, alone=len(targets) == 1)
        code = exit_codes.of_repositories(list(codes.values()))
        return exit_codes.FAILED if code == exit_codes.OK and (unknown or self._source.unreadable) else code

    def _target(self, target: Target, repository: Repository) -> CopyTarget:
        context, name = self._context, target.name
        check_promises(context, target)
        admit(context, repository)
        repository.refuse_unless_writable_by_backup()
        if repository.polynomial != self._source.polynomial:
            context.warn(
                f"{target.label} cuts files at other places than {self._source_label}: what is backed up there "
                "directly shares little with what is copied. `init --copy-chunker-params` makes one that shares"
            )
        lock = self._stack.enter_context(locked(context, repository, writing=True, settle=False))
        check = lock.check if lock is not None else lambda: None
        repository.load_index()
        setting = context.settings.get
        compression = setting("compression", name).value
        packs = PackOptions(
            compression=compression,
            pack_size=setting("pack_size", name).value << 20,
            recompress=compression not in ("auto", "off"),
            extra_verify=not setting("no_extra_verify", name),
        )
        return CopyTarget(repository, target.label, packs, check)

    def _conclude(self, result: CopyResult, *, alone: bool) -> int:
        if self._context.json:
            self._context.out.json(
                {
                    "message_type": "summary",
                    "repository": result.label,
                    "snapshots_copied": len(result.copied),
                    "snapshots_skipped": result.skipped,
                    "snapshots_failed": result.failed,
                    "blobs_added": result.blobs,
                    "data_added_packed": result.bytes,
                }
            )
        if result.failure is not None:
            if alone:
                raise result.failure
            say_failure(self._context, result.label, result.failure)
            return exit_codes.of_error(result.failure)
        return exit_codes.FAILED if result.failed else exit_codes.OK


class _Shown(CopyEvents):
    """What restic prints; as JSON, which restic's copy does not have, an event for each snapshot and repository."""

    def __init__(self, context: Context, reporter: CommandReporter, *, several: bool) -> None:
        self._context = context
        self._reporter = reporter
        self._several = several
        self._begun = 0
        self._headed, self._headed_level = "", 0

    def begun(self, snapshot_id: str, snapshot: Snapshot) -> None:
        self._begun += 1
        self._heading(snapshot_id, snapshot, 1)
        self._reporter.message("  copy started, this may take a while...")

    def skipped(self, snapshot_id: str, snapshot: Snapshot, label: str, copy: str) -> None:
        if self._context.json:
            self._event("skipped", snapshot_id, label, snapshot_id=copy)
            return
        where = f" in {label}" if self._several else ""
        self._heading(snapshot_id, snapshot, 2)
        self._reporter.message(
            f"skipping source snapshot {snapshot_id[:8]}, was already copied to snapshot {copy[:8]}{where}", 2
        )

    def _heading(self, snapshot_id: str, snapshot: Snapshot, level: int) -> None:
        if snapshot_id != self._headed or level < self._headed_level:
            self._reporter.message(f"\n{of_snapshot(snapshot_id, snapshot)}", level)
            self._headed, self._headed_level = snapshot_id, level

    def planned(self, packs: int, blobs: int, size: int) -> None:
        self._reporter.message(f"  copy {blobs} blobs with disk size {format_bytes(size)} in {packs} packfiles\n", 2)

    def saved(self, snapshot_id: str, label: str, copy: str) -> None:
        if self._context.json:
            self._event("copied", snapshot_id, label, snapshot_id=copy)
            return
        if self._begun:
            self._reporter.message("")
            self._begun = 0
        where = f" in {label}" if self._several else ""
        self._reporter.message(f"snapshot {copy[:8]} saved{where}, copied from source snapshot {snapshot_id[:8]}")

    def failed(self, snapshot_id: str, label: str, reasons: Sequence[str]) -> None:
        where = f" to {label}" if self._several and label else ""
        lines = (f"  {line}" for line in reasons)
        hint = "`strongroom check` of the source says what mends it."
        text = "\n".join([f"cannot be copied{where}, since the source is damaged:", *lines, hint])
        self._reporter.error(f"snapshot {snapshot_id[:8]}", text, "copy")

    def _event(self, action: str, source_id: str, label: str, **more: str) -> None:
        event = {"message_type": "snapshot", "action": action, "source_snapshot_id": source_id, **more}
        self._context.out.json(event | {"repository": label})
