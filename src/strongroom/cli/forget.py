"""``forget``: remove snapshots by a policy, or by their IDs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.arguments.options import add_snapshot_filter, typed
from strongroom.cli.arguments.policy_options import add_policy_options
from strongroom.cli.maintenance.forgetting import Forgetting
from strongroom.cli.maintenance.keep_removed import add_keep_removed
from strongroom.cli.maintenance.prune_options import add_prune_options
from strongroom.cli.shared.opening import each_repository
from strongroom.cli.shared.selecting import grouping
from strongroom.retention.calendar import Span

if TYPE_CHECKING:
    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Remove snapshots by a policy, or those whose IDs are given. What they alone needed stays until `prune`. Snapshots are
put into groups, and the policy decides on each group by itself. Without a policy those of the configuration file are
applied. Works on every repository given.

  strongroom forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run
  strongroom forget --keep-within 1y --prune
  strongroom forget 4bba301e
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``forget``, ``--guarded`` and ``--keep-removed``."""
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
        help="with --guarded: remove nothing that is younger than this, and count only what is older (default: 14d)",
    )
    add_snapshot_filter(parser, latest_only=False, shorthand=False)
    parser.add_argument("--hostname", dest="hosts", action="append", help=argparse.SUPPRESS)  # restic's old name
    parser.add_argument("-c", "--compact", action="store_true", help="leave out the paths and the reasons")
    parser.add_argument(
        "-g",
        "--group-by",
        metavar="GROUP",
        help="what the snapshots of a group have in common: host, paths or tags, several with commas, '' for one "
        "group (default: host,paths)",
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="remove nothing, show what would be removed")
    add_keep_removed(parser)
    parser.add_argument("--prune", action="store_true", help="prune when snapshots were removed")
    add_prune_options(parser)


def run(context: Context) -> int:
    """Decide and remove in each repository; 3 when some could not be removed."""
    arguments = context.arguments
    if context.settings.get("no_lock") and not arguments.dry_run:
        raise UsageError("--no-lock is only applicable in combination with --dry-run for forget command")
    grouping(arguments.group_by or "")
    reporter = context.reporter()
    work = Forgetting(context, reporter)
    try:
        return each_repository(context, work.forget, beside=work.begin)
    finally:
        reporter.close()
