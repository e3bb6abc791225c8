"""``forget``: remove snapshots by a policy, or by their IDs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Refused, UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter, typed
from strongroom.cli.arguments.policy_options import add_policy_options, given_policy
from strongroom.cli.output.snapshot_table import group_heading, snapshot_json, snapshot_table
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.cli.shared.selecting import filter_of, grouping
from strongroom.maintenance.forget import arrivals_of, decide, decide_guarded, group_text, guarded_policy
from strongroom.maintenance.removing import Remover, refuse_where_append_only
from strongroom.repository.selection import EVERYTHING, select_snapshots
from strongroom.retention.calendar import Span
from strongroom.retention.faithful import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.maintenance.forget import Decided
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Remove snapshots by a policy, or those whose IDs are given. What they alone needed stays until `prune`. Snapshots are
put into groups, and the policy decides on each group by itself. Works on every repository given.

  strongroom forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run
  strongroom forget --keep-within 1y
  strongroom forget 4bba301e
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``forget``, and ``--guarded``."""
    parser.description = _DESCRIPTION
    parser.add_argument(
        "names", nargs="*", metavar="SNAPSHOT", help="remove these, by ID or `latest`, whatever a policy says"
    )
    add_policy_options(parser)
    parser.add_argument(
        "--unsafe-allow-remove-all",
        action="store_true",
        help="without a policy: remove all snapshots that the filter options select",
    )
    parser.add_argument(
        "--guarded",
        action="store_true",
        help="count by the time when the store got a snapshot, which no host sets: forged times push nothing out",
    )
    parser.add_argument(
        "--detection-window",
        metavar="SPAN",
        type=typed(Span.parse),
        default=Span(days=14),
        help="with --guarded: remove nothing that is younger than this, and count only what is older (default: 14d)",
    )
    add_snapshot_filter(parser, latest_only=False, shorthand=False)
    parser.add_argument("--hostname", dest="hosts", action="append", help=argparse.SUPPRESS)  # restic's old name
    parser.add_argument("-c", "--compact", action="store_true", help="leave out the paths and the reasons")
    parser.add_argument(
        "-g",
        "--group-by",
        metavar="GROUP",
        default="host,paths",
        help="what the snapshots of a group have in common: host, paths or tags, several with commas, '' for one "
        "group (default: host,paths)",
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="remove nothing, show what would be removed")


def run(context: Context) -> int:
    """Decide and remove in each repository; 3 when some could not be removed."""
    arguments = context.arguments
    if context.settings.get("no_lock") and not arguments.dry_run:
        raise UsageError("--no-lock is only applicable in combination with --dry-run for forget command")
    policy = _policy(context)
    reporter = context.reporter()
    repositories = _Work(context, policy, reporter)
    try:
        return each_repository(context, repositories.forget)
    finally:
        reporter.close()


def _policy(context: Context) -> Policy:
    """The policy in force. Raises ``UsageError`` where nothing says what to remove."""
    arguments = context.arguments
    policy = given_policy(arguments) or Policy()
    if policy.is_empty and not arguments.names:
        if not arguments.unsafe_allow_remove_all:
            raise UsageError(
                "no policy was specified, no snapshots will be removed",
                hint="Say what to keep, such as --keep-daily 7 --keep-weekly 5 --keep-monthly 12, or give IDs.",
            )
        if filter_of(context) == EVERYTHING:
            raise UsageError("--unsafe-allow-remove-all is not allowed unless a snapshot filter option is specified")
    by = grouping(arguments.group_by)
    if arguments.guarded and by != ("host", "paths"):
        raise UsageError("the guarded rule groups by host and paths", subject="--group-by", hint="Leave it out.")
    return policy


class _Work:
    """``forget`` in one repository after the other."""

    def __init__(self, context: Context, policy: Policy, reporter: CommandReporter) -> None:
        self._context = context
        self._arguments = context.arguments
        self._policy = policy
        self._reporter = reporter

    def forget(self, repository: Repository, label: str) -> int:
        """Decide on all, show it, then remove; the exit code."""
        context, arguments = self._context, self._arguments
        self._refuse_where_append_only(repository)
        unknown: list[str] = []
        if label and not context.json:
            self._reporter.message(f"repository {label}:")
        writing = not arguments.dry_run
        with locked(context, repository, exclusive=True, writing=writing, settle=False) as lock:
            snapshots = select_snapshots(repository, arguments.names, filter_of(context), unknown)
            groups = [] if arguments.names else self._decide(repository, snapshots)
            gone = [name for name, _ in snapshots] if arguments.names else _removed(groups)
            self._show(groups, label)
            if arguments.dry_run:
                self._say_dry_run(gone)
                failed = 0
            else:
                context.out.write("", flush=True)  # nothing goes before all decisions are where the user sees them
                if lock is not None:
                    lock.check()
                failed = self._remove(repository, gone)
        if failed:
            return exit_codes.INCOMPLETE
        return exit_codes.FAILED if unknown or repository.unreadable else exit_codes.OK

    def _refuse_where_append_only(self, repository: Repository) -> None:
        try:
            refuse_where_append_only(repository)
        except Refused as refused:
            if not self._arguments.dry_run:
                raise
            self._context.warn(str(refused))

    def _decide(self, repository: Repository, snapshots: Sequence[Any]) -> list[Decided]:
        arguments, now_ns = self._arguments, repository.surroundings.clock.now_ns()
        arrivals = arrivals_of(repository)
        how = f" (guarded, nothing younger than {arguments.detection_window})" if arguments.guarded else ""
        self._reporter.message(f"Applying Policy: {self._policy.describe()}{how}")
        if arguments.guarded:
            policy = guarded_policy(self._policy, arguments.detection_window, now_ns)
            groups = decide_guarded(snapshots, policy, arrivals, now_ns)
        else:
            groups = decide(snapshots, self._policy, grouping(arguments.group_by), arrivals, now_ns)
        for group in groups:
            if group.doubts:
                where = group_text(group.key)
                self._context.warn(f"{where + ': ' if where else ''}{group.doubts.describe()}")
        if not arguments.guarded and any(group.doubts for group in groups):
            self._context.warn(
                "Dates may be forged to push good snapshots out; --guarded counts by the time of arrival instead"
            )
        return groups

    def _show(self, groups: Sequence[Decided], label: str) -> None:
        out = self._context.out
        if self._context.json:
            if groups:
                listed = [_as_json(group) for group in groups]
                out.json({"repository": label, "groups": listed} if label else listed)
            return
        if self._context.verbosity == 0:
            return
        compact = self._arguments.compact
        for group in groups:
            if self._context.verbosity > 1 and group_text(group.key):
                out.line(group_heading(group.key))
            for words, snapshots, reasons in (
                ("keep", group.keep, group.reasons),
                ("remove", group.remove, None),
            ):
                if snapshots:
                    out.line(f"{words} {len(snapshots)} snapshots:")
                    shown = sorted(snapshots, key=lambda listed: listed[1].time_ns)
                    for line in snapshot_table(shown, compact=compact, reasons=reasons):
                        out.line(line)
                    out.line()

    def _say_dry_run(self, gone: Sequence[str]) -> None:
        if gone and not self._context.json:
            names = " ".join(sorted(name[:8] for name in gone))
            self._reporter.message(f"Would have removed the following snapshots:\n{{{names}}}\n")

    def _remove(self, repository: Repository, gone: Sequence[str]) -> int:
        """Remove snapshots and return how many stay nevertheless."""
        if not gone:
            return 0
        names = [ObjectName(Kind.SNAPSHOT, name) for name in gone]

        def progress(done: int, total: int) -> None:
            self._reporter.count("files deleted", done, total)

        failed = dict(Remover(repository).remove_all(names, progress))
        for name in names:
            if name in failed:
                self._context.warn(f"unable to remove snapshot/{name.name} from the repository: {failed[name]}")
            else:
                self._reporter.message(f"removed snapshot/{name.name}", 3)
        return len(failed)


def _removed(groups: Sequence[Decided]) -> list[str]:
    return [name for group in groups for name, _ in group.remove]


def _as_json(group: Decided) -> dict[str, Any]:
    """restic's object of a group."""
    listed = {name: snapshot_json(name, snapshot) for name, snapshot in (*group.keep, *group.remove)}
    key = group.key
    return {
        "tags": list(key.tags) if key.tags else None,
        "host": key.hostname or "",
        "paths": list(key.paths) if key.paths else None,
        "keep": [listed[name] for name, _ in group.keep] or None,
        "remove": [listed[name] for name, _ in group.remove] or None,
        "reasons": [{"snapshot": listed[name], "matches": list(group.reasons[name])} for name, _ in group.keep] or None,
    }
