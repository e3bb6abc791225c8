"""``--keep-removed``: what ``forget`` and ``prune`` remove from a folder stays in a trash for a while."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from strongroom.base.errors import Full, Unsupported
from strongroom.base.quantities import format_bytes
from strongroom.cli.arguments import values
from strongroom.cli.arguments.options import typed
from strongroom.maintenance.removing import Remover
from strongroom.maintenance.trash import Trash
from strongroom.retention.calendar import Span

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.maintenance.trash import KeepingRemoval
    from strongroom.repository.opened import Repository


def add_keep_removed(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--keep-removed",
        metavar="SPAN",
        type=typed(values.span),
        help="folders: keep what is removed for so long, such as 7d, so that `undo` can bring it back; its space is "
        "free after that ('0d' for none; default: the configuration file, then none)",
    )


@contextmanager
def naming_what_is_kept(repository: Repository) -> Iterator[None]:
    """Where there is no room, say how much of it earlier runs have kept."""
    try:
        yield
    except Full as full:
        try:
            size = sum(run.bytes for run in Trash(repository).runs())
        except Unsupported:
            size = 0
        if not size:
            raise
        hint = f"{full.hint} `strongroom undo --empty` frees {format_bytes(size)} that earlier runs have kept."
        raise Full(full.what, subject=full.subject, hint=hint.strip()) from None


class Keeper:
    """One run's removals in one repository, kept or not."""

    def __init__(self, context: Context, repository: Repository, name: str | None, verb: str) -> None:
        """``name``: the repository's in the file. Raises ``Unsupported`` where what should be kept cannot."""
        self._span = Span.parse(context.settings.get("keep_removed", name).value)
        self._trash = Trash(repository) if self._span else None
        self._removal: KeepingRemoval | None = self._trash.keeping(verb) if self._trash is not None else None
        self.remover = Remover(repository, self._removal)

    def purge_old(self, reporter: CommandReporter) -> None:
        """Free the space of what earlier runs removed long enough ago. The caller holds the exclusive lock."""
        for run in [] if self._trash is None else self._trash.purge_older(self._span):
            count = sum(run.objects.values())
            reporter.message(
                f"freed {format_bytes(run.bytes)}: {count} objects of an earlier {run.verb} were kept before"
            )

    def say(self, reporter: CommandReporter) -> None:
        """Say what was kept, and that its space is not free yet."""
        kept = self._removal
        if kept is not None and kept.objects:
            reporter.message(
                f"kept {kept.objects} removed objects, {format_bytes(kept.bytes)}, which are free after {self._span}: "
                "`strongroom undo` brings them back, `strongroom undo --empty` frees them now"
            )
