"""What ``rewrite`` and ``repair snapshots`` share: snapshots one after the other, each shown, replaced and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from strongroom.base.errors import Damaged, Interrupted, LimitExceeded
from strongroom.base.record import mutable
from strongroom.cli import exit_codes
from strongroom.cli.shared.opening import locked
from strongroom.cli.shared.selecting import chosen, of_snapshot
from strongroom.maintenance.removing import Remover
from strongroom.maintenance.replacing import remove_snapshot, replace_snapshot
from strongroom.maintenance.tree_writer import TreeWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.opened import Repository


_MOST_WAITING = 500
"""Snapshots that wait for one index file at most: what a run that is killed has to do again."""


_MOST_LINES = 10_000
"""Lines that wait at most."""


class Say(Protocol):
    """Says a line about the snapshot at hand."""

    def __call__(self, text: str, level: int = 1) -> None: ...


class Emptied(Exception):
    """Nothing is left of a snapshot."""


def replace_snapshots(
    context: Context,
    repository: Repository,
    reporter: CommandReporter,
    rewriting: Callable[[TreeWriter, Say], Callable[[str, Snapshot], Snapshot | None]],
    *,
    label: str,
    exclusive: bool,
    notes: Sequence[str] = (),
) -> int:
    """Replace the snapshots that the command line means, in restic's words; the exit code.

    ``rewriting(writer, say)`` returns what makes a new snapshot of an old one (None: it stays; ``Emptied``: nothing is
    left), with its trees given to the writer and its words to ``say``. ``notes`` are said with each that is replaced.
    The old ones go with ``--forget`` alone; ``--dry-run`` stores nothing. Programs get the events of ``tag``.
    """
    arguments = context.arguments
    dry_run, forget = arguments.dry_run, arguments.forget
    with locked(context, repository, exclusive=exclusive, writing=not dry_run, settle=False) as lock:
        check = (lambda: None) if lock is None else lock.check
        snapshots, unknown = chosen(context, repository)
        repository.load_index()
        remover = Remover(repository) if forget and not dry_run else None
        writer = TreeWriter(
            repository, pack_size=context.settings.get("pack_size").value << 20, check=check, dry_run=dry_run
        )
        batch = _Batch(context, reporter, repository, writer, remover, check, notes, label)
        make = rewriting(writer, batch.say)
        with context.signals.cooperative(reporter):
            for name, snapshot in snapshots:
                try:
                    if reporter.stop.is_set():
                        raise Interrupted("stopped")
                    batch.add(name, snapshot, make)
                except (Damaged, LimitExceeded, Interrupted):
                    batch.flush()  # those before it are done, as if each had been stored at once
                    raise
            batch.flush()
        changed = batch.changed
    _say_event(context, {"message_type": "summary", "changed_snapshots": changed}, label)
    reporter.message("")
    would = "would be" if dry_run else "were"
    said = f"{'would modify' if dry_run else 'modified'} {changed} snapshots"
    reporter.message(said if changed else f"no snapshots {would} modified")
    return exit_codes.FAILED if unknown or repository.unreadable else exit_codes.OK


@mutable
class _Waiting:
    """A snapshot that was looked at, what is said of it (with its level), and what takes its place, if anything."""

    name: str
    lines: list[tuple[str, int]]
    new: Snapshot | None = None
    emptied: bool = False


class _Batch:
    """Snapshots whose trees share packs and an index file: none is stored before all trees of the batch are.

    What is said of one is said when it is stored, so that the words come in restic's order.
    """

    def __init__(
        self,
        context: Context,
        reporter: CommandReporter,
        repository: Repository,
        writer: TreeWriter,
        remover: Remover | None,
        check: Callable[[], None],
        notes: Sequence[str],
        label: str,
    ) -> None:
        self._context = context
        self._reporter = reporter
        self._repository = repository
        self._writer = writer
        self._remover = remover
        self._check = check
        self._notes = notes
        self._label = label
        self._waiting: list[_Waiting] = []
        self._lines = 0
        self.changed = 0

    def say(self, text: str, level: int = 1) -> None:
        """A line about the snapshot that is being made."""
        self._waiting[-1].lines.append((text, level))
        self._lines += 1

    def add(self, name: str, old: Snapshot, make: Callable[[str, Snapshot], Snapshot | None]) -> None:
        """Make a snapshot's successor, and store all that wait when they are enough. Raises what ``make`` raises."""
        one = _Waiting(name, [(f"\n{of_snapshot(name, old)}", 1)])
        self._waiting.append(one)
        try:
            one.new = make(name, old)
        except Emptied:
            one.emptied = True
        except (Damaged, LimitExceeded) as error:
            error.what = f'unable to rewrite snapshot ID "{name[:8]}": {error.subject}: {error.what}'
            error.subject = ""
            raise
        many = len(self._waiting) >= _MOST_WAITING or self._lines >= _MOST_LINES
        if many or self._writer.stored or self._context.arguments.dry_run:
            self.flush()

    def flush(self) -> None:
        """Store the trees, then the snapshots one after the other. Raises what the store says."""
        self._writer.finish()
        waiting, self._waiting, self._lines = self._waiting, [], 0
        for one in waiting:
            for text, level in one.lines:
                self._reporter.message(text, level)
            if one.emptied:
                self._remove_empty(one.name)
            elif one.new is not None:
                self._replace(one.name, one.new)

    def _replace(self, name: str, new: Snapshot) -> None:
        arguments, message = self._context.arguments, self._reporter.message
        self.changed += 1
        if arguments.dry_run:
            for line in ("would save new snapshot", *(["would remove old snapshot"] if arguments.forget else [])):
                message(line)
        for line in self._notes:
            message(line)
        if arguments.dry_run:
            return
        stored = replace_snapshot(self._repository, name, new, None, self._check)
        message(f"saved new snapshot {stored[:8]}")
        if self._remover is not None:
            remove_snapshot(name, self._remover, self._check)
            message(f"removed old snapshot {name[:8]}")
        event = {"message_type": "changed", "old_snapshot_id": name, "new_snapshot_id": stored}
        _say_event(self._context, event, self._label)

    def _remove_empty(self, name: str) -> None:
        arguments = self._context.arguments
        if self._remover is not None:
            self.changed += 1
            remove_snapshot(name, self._remover, self._check)
            self._reporter.message(f"removed empty snapshot {name[:8]}")
        elif arguments.dry_run and arguments.forget:
            self.changed += 1
            self._reporter.message("would delete empty snapshot")
        else:
            self._reporter.message("nothing of it can be read; --forget removes it")


def _say_event(context: Context, event: dict[str, Any], label: str) -> None:
    """restic has no JSON here; that of its ``tag`` serves."""
    if context.json:
        context.out.json(event | ({"repository": label} if label else {}))
