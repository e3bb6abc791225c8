"""``rewrite``: snapshots without some of their files, or with another host or time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.arguments import values
from strongroom.cli.arguments.options import add_snapshot_filter
from strongroom.cli.arguments.pattern_options import add_pattern_options, patterns_of
from strongroom.cli.arguments.times import go_text
from strongroom.cli.maintenance.replacing import replace_snapshots
from strongroom.cli.output.text import quoted
from strongroom.cli.shared.opening import each_repository
from strongroom.format.timestamp import Timestamp
from strongroom.maintenance.removing import refuse_where_append_only
from strongroom.maintenance.rewrite import CountRule, FilterRule, NewMetadata, rewritten_snapshot
from strongroom.maintenance.tree_rewriter import TreeRewriter

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from strongroom.cli.maintenance.replacing import Say
    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.format.snapshot import Snapshot
    from strongroom.maintenance.rewrite import Patterns
    from strongroom.maintenance.tree_writer import TreeWriter
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Make new snapshots of existing ones: without what patterns exclude, with only what they include, with another host or
time. Without IDs and filters all snapshots are rewritten. The new ones have the tag `rewrite`; with --forget the old
ones go, and there is no tag. What they alone needed stays until `prune`. Works on every repository given.

  strongroom rewrite --exclude '*.key' --forget
  strongroom rewrite --new-host web01 --forget 4bba301e
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``rewrite``."""
    parser.description = _DESCRIPTION
    parser.add_argument("names", nargs="*", metavar="SNAPSHOT", help="rewrite these alone: IDs or `latest`")
    add_pattern_options(parser, "what the new snapshots hold")
    parser.add_argument("--new-host", metavar="HOST", default="", help="replace the host name")
    parser.add_argument(
        "--new-time", metavar="TIME", default="", help="replace the time, such as '2012-11-01 22:08:41'"
    )
    parser.add_argument(
        "-s", "--snapshot-summary", action="store_true", help="count files and bytes where a snapshot has no summary"
    )
    parser.add_argument("--forget", action="store_true", help="remove the old snapshots once the new ones are stored")
    parser.add_argument("-n", "--dry-run", action="store_true", help="store and remove nothing, show what would be")
    add_snapshot_filter(parser, latest_only=False)


def run(context: Context) -> int:
    """Rewrite the snapshots of each repository."""
    arguments = context.arguments
    patterns, metadata = patterns_of(arguments), _metadata(arguments)
    if not (arguments.snapshot_summary or patterns.excluding or patterns.including or metadata):
        raise UsageError("Nothing to do: no excludes/includes provided and no new metadata provided")
    if patterns.excluding and patterns.including:
        raise UsageError("exclude and include patterns are mutually exclusive")
    patterns.compiled()
    reporter = context.reporter()

    def work(repository: Repository, label: str) -> int:
        if arguments.forget and not arguments.dry_run:
            refuse_where_append_only(repository)
        if label:
            reporter.message(f"repository {label}:")
        if arguments.forget:
            reporter.message("create exclusive lock for repository")
        return replace_snapshots(
            context,
            repository,
            reporter,
            lambda writer, say: _rewriting(context, repository, reporter, patterns, metadata, writer, say),
            label=label,
            exclusive=arguments.forget,
            notes=_notes(metadata, dry_run=arguments.dry_run),
        )

    try:
        return each_repository(context, work)
    finally:
        reporter.close()


def _metadata(arguments: argparse.Namespace) -> NewMetadata:
    time = None
    if arguments.new_time:
        try:
            time = Timestamp.local(values.nanoseconds(values.local_time(arguments.new_time)))
        except ValueError as error:
            raise UsageError(f"error in time option: {error}", subject="--new-time") from None
    return NewMetadata(arguments.new_host or None, time)


def _notes(metadata: NewMetadata, *, dry_run: bool) -> list[str]:
    notes = []
    if metadata.time is not None:
        notes.append(f"{'would set' if dry_run else 'setting'} time to {go_text(metadata.time)}")
    if metadata.hostname is not None:
        notes.append(f"{'would set hostname' if dry_run else 'setting host'} to {metadata.hostname}")
    return notes


def _rewriting(
    context: Context,
    repository: Repository,
    reporter: CommandReporter,
    patterns: Patterns,
    metadata: NewMetadata,
    writer: TreeWriter,
    say: Say,
) -> Callable[[str, Snapshot], Snapshot | None]:
    arguments = context.arguments
    rewriter: TreeRewriter | None = None

    def told(what: str, path: bytes) -> None:
        if context.verbosity > 2:
            say(f"{what} {quoted(path)}", 3)

    if patterns.excluding or patterns.including:
        rule = FilterRule(patterns.compiled(), including=patterns.including, told=told)
        rewriter = TreeRewriter(repository, writer, rule, reporter)
    elif arguments.snapshot_summary:
        rewriter = TreeRewriter(repository, writer, CountRule(), reporter)

    def make(name: str, snapshot: Snapshot) -> Snapshot | None:
        tree = None if rewriter is None else rewriter.rewrite(snapshot.tree)
        if tree is not None and tree.tree is None:  # nothing of it is included
            return None
        return rewritten_snapshot(name, snapshot, tree, metadata, "" if arguments.forget else "rewrite")

    return make
