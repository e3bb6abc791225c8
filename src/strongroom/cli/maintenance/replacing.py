"""What ``rewrite`` and ``repair snapshots`` share: snapshots one after the other, each shown, replaced and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, Interrupted, LimitExceeded
from strongroom.cli import exit_codes
from strongroom.cli.shared.opening import locked
from strongroom.cli.shared.selecting import filter_of, of_snapshot
from strongroom.maintenance.removing import Remover
from strongroom.maintenance.replacing import remove_snapshot, replace_snapshot
from strongroom.maintenance.tree_writer import TreeWriter
from strongroom.repository.selection import select_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.opened import Repository


class Emptied(Exception):
    """Nothing is left of a snapshot."""


def replace_snapshots(
    context: Context,
    repository: Repository,
    reporter: CommandReporter,
    rewriting: Callable[[TreeWriter], Callable[[str, Snapshot], Snapshot | None]],
    *,
    label: str,
    exclusive: bool,
    notes: Sequence[str] = (),
) -> int:
    """Replace the snapshots that the command line means, in restic's words; the exit code.

    ``rewriting(writer)`` returns what makes a new snapshot of an old one (None: it stays; ``Emptied``: nothing is
    left), with its trees given to the writer. ``notes`` are said with each that is replaced. The old ones go with
    ``--forget`` alone; ``--dry-run`` stores nothing. Programs get the events of ``tag``.
    """
    arguments = context.arguments
    dry_run, forget = arguments.dry_run, arguments.forget
    unknown: list[str] = []
    changed = 0
    with locked(context, repository, exclusive=exclusive, writing=not dry_run, settle=False) as lock:
        check = (lambda: None) if lock is None else lock.check
        snapshots = select_snapshots(repository, arguments.names, filter_of(context), unknown)
        repository.load_index()
        remover = Remover(repository) if forget and not dry_run else None
        writer = TreeWriter(
            repository, pack_size=context.settings.get("pack_size").value << 20, check=check, dry_run=dry_run
        )
        make = rewriting(writer)
        with context.signals.cooperative(reporter):
            for name, snapshot in snapshots:
                if reporter.stop.is_set():
                    raise Interrupted("stopped")
                reporter.message(f"\n{of_snapshot(name, snapshot)}")
                changed += _replace(
                    context, reporter, repository, name, snapshot, make, writer, remover, check, notes, label
                )
    _say_event(context, {"message_type": "summary", "changed_snapshots": changed}, label)
    reporter.message("")
    would = "would be" if dry_run else "were"
    said = f"{'would modify' if dry_run else 'modified'} {changed} snapshots"
    reporter.message(said if changed else f"no snapshots {would} modified")
    return exit_codes.FAILED if unknown or repository.unreadable else exit_codes.OK


def _replace(
    context: Context,
    reporter: CommandReporter,
    repository: Repository,
    name: str,
    snapshot: Snapshot,
    make: Callable[[str, Snapshot], Snapshot | None],
    writer: TreeWriter,
    remover: Remover | None,
    check: Callable[[], None],
    notes: Sequence[str],
    label: str,
) -> bool:
    """Replace one; whether it changed."""
    dry_run, forget = context.arguments.dry_run, context.arguments.forget
    try:
        new = make(name, snapshot)
    except Emptied:
        return _remove_empty(reporter, name, remover, check, dry_run and forget)
    except (Damaged, LimitExceeded) as error:
        error.what = f'unable to rewrite snapshot ID "{name[:8]}": {error.subject}: {error.what}'
        error.subject = ""
        raise
    if new is None:
        return False
    if dry_run:
        for line in ("would save new snapshot", *(["would remove old snapshot"] if forget else []), *notes):
            reporter.message(line)
        return True
    for line in notes:
        reporter.message(line)
    writer.finish()
    stored = replace_snapshot(repository, name, new, None, check)
    reporter.message(f"saved new snapshot {stored[:8]}")
    if remover is not None:
        remove_snapshot(name, remover, check)
        reporter.message(f"removed old snapshot {name[:8]}")
    _say_event(context, {"message_type": "changed", "old_snapshot_id": name, "new_snapshot_id": stored}, label)
    return True


def _say_event(context: Context, event: dict[str, Any], label: str) -> None:
    """restic has no JSON here; that of its ``tag`` serves."""
    if context.json:
        context.out.json(event | ({"repository": label} if label else {}))


def _remove_empty(
    reporter: CommandReporter, name: str, remover: Remover | None, check: Callable[[], None], would: bool
) -> bool:
    if remover is not None:
        remove_snapshot(name, remover, check)
        reporter.message(f"removed empty snapshot {name[:8]}")
        return True
    reporter.message("would delete empty snapshot" if would else "nothing of it can be read; --forget removes it")
    return would
