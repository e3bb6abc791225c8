"""``repair snapshots``: snapshots without what is gone for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.arguments.options import add_snapshot_filter
from strongroom.cli.maintenance.replacing import Emptied, replace_snapshots
from strongroom.cli.output.text import quoted
from strongroom.cli.shared.opening import each_repository
from strongroom.maintenance.removing import refuse_where_append_only
from strongroom.maintenance.repair_snapshots import RepairRule, repaired_snapshot
from strongroom.maintenance.tree_rewriter import TreeRewriter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from strongroom.cli.maintenance.replacing import Say
    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.format.snapshot import Snapshot
    from strongroom.maintenance.tree_writer import TreeWriter
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Make whole snapshots of damaged ones: files lose the parts that are in no index, folders that cannot be read become
empty ones, and each is named. What is cut is not in the new snapshots: where the source still has it, `backup` is the
better cure, and brings it back into the old snapshots, too. Repair the index first.

  strongroom repair snapshots --dry-run
  strongroom repair snapshots --forget

The new snapshots have the tag `repaired`; with --forget the damaged ones go, and there is no tag. Works on every
repository given.
"""


def arguments_snapshots(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``repair snapshots``."""
    parser.description = _DESCRIPTION
    parser.add_argument("names", nargs="*", metavar="SNAPSHOT", help="repair these alone: IDs or `latest`")
    parser.add_argument("--forget", action="store_true", help="remove the old snapshots once the new ones are stored")
    parser.add_argument("-n", "--dry-run", action="store_true", help="store and remove nothing, show what would be")
    add_snapshot_filter(parser, latest_only=False)


def run_snapshots(context: Context) -> int:
    """Repair the snapshots of each repository."""
    arguments = context.arguments
    reporter = context.reporter()

    def work(repository: Repository, label: str) -> int:
        if arguments.forget and not arguments.dry_run:
            refuse_where_append_only(repository)
        if label:
            reporter.message(f"repository {label}:")
        return replace_snapshots(
            context,
            repository,
            reporter,
            lambda writer, say: _repairing(repository, reporter, writer, say, "" if arguments.forget else "repaired"),
            label=label,
            exclusive=True,
        )

    try:
        return each_repository(context, work)
    finally:
        reporter.close()


def _repairing(
    repository: Repository, reporter: CommandReporter, writer: TreeWriter, say: Say, tag: str
) -> Callable[[str, Snapshot], Snapshot | None]:
    def told(path: bytes, is_dir: bool, what: str) -> None:
        say(f"  {'dir' if is_dir else 'file'} {quoted(path)}: {what}")

    rewriter = TreeRewriter(repository, writer, RepairRule(repository, told), reporter)

    def make(name: str, snapshot: Snapshot) -> Snapshot | None:
        tree = rewriter.rewrite(snapshot.tree)
        if tree.tree is None:
            raise Emptied
        return repaired_snapshot(name, snapshot, tree, tag)

    return make
