"""Pruning one repository, by ``prune`` or at the end of ``forget``, with restic's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Full
from strongroom.cli.output.prune_stats import prune_json, prune_lines
from strongroom.maintenance.prune_run import prune

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.maintenance.prune_plan import PruneOptions
    from strongroom.maintenance.prune_stats import PruneStats
    from strongroom.maintenance.removing import Remover
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository

_NO_ROOM = "`strongroom prune --max-repack-size 0` removes what it can without storing packs, which may make the room."


def prune_repository(
    context: Context,
    reporter: CommandReporter,
    repository: Repository,
    options: PruneOptions,
    lock: Lock | None,
    label: str,
    without: Iterable[str] = (),
    *,
    remover: Remover | None = None,
    events: bool = True,
) -> None:
    """Prune one repository under its lock, and show what restic shows. ``without``: snapshots that count as removed.

    ``events``: a program that reads along gets the figures, too.
    """

    def show(stats: PruneStats) -> None:
        if context.json:
            return
        if options.dry_run:
            reporter.message("\nWould have made the following changes:")
        for level, line in prune_lines(stats):
            reporter.message(line, level)

    with context.signals.cooperative(reporter):
        try:
            stats = prune(repository, options, reporter, lock=lock, without=without, on_plan=show, remover=remover)
        except Full as full:  # `forget --prune` would not prune again: what it removes is gone already
            raise Full(full.what, subject=full.subject, hint=_NO_ROOM) from None
    if context.json and events:
        event = prune_json(stats, dry_run=options.dry_run)
        context.out.json(event | ({"repository": label} if label else {}))
