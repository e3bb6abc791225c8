"""``cache``: what the local cache holds, and the removal of what is old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.quantities import format_bytes
from strongroom.cli.arguments.options import typed
from strongroom.cli.arguments.values import whole_number
from strongroom.cli.output.table import table
from strongroom.cli.shared.opening import surroundings
from strongroom.repository.cache import Cache, default_cache_folder

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``cache``."""
    parser.description = "List the local caches, or remove old ones. A cache can always be removed; it is filled again."
    parser.add_argument("--cleanup", action="store_true", help="remove the old ones")
    parser.add_argument(
        "--max-age", type=typed(whole_number), default=30, metavar="DAYS", help="what counts as old (default: 30)"
    )
    parser.add_argument("--no-size", action="store_true", help="do not add up sizes")


def run(context: Context) -> int:
    """List or clean."""
    if context.settings.get("no_cache"):
        raise UsageError("--no-cache leaves nothing to look at", hint="Leave it out.")
    cache = Cache(context.settings.get("cache_dir").value or default_cache_folder(), surroundings(context))
    days = context.arguments.max_age
    if context.arguments.cleanup or context.settings.get("cleanup_cache"):
        removed = cache.remove_old(days)
        if context.verbosity > 0:
            many = f"remove {len(removed)} old cache directories" if removed else "no old cache dirs found"
            context.out.line(many)
        return 0
    rows = []
    now_ns = surroundings(context).clock.now_ns()
    summaries = cache.summaries(days)
    for summary in summaries:
        age = max(0, int((now_ns - summary.last_used_ns) // 86_400_000_000_000))
        size = [] if context.arguments.no_size else [format_bytes(summary.size)]
        rows.append([summary.repository_id[:10], f"{age} days ago", "yes" if summary.old else "", *size])
    if not rows:
        context.out.line(f"no cache dirs found, basedir is {cache.folder}")
        return 0
    headings = ["Repo ID", "Last Used", "Old", *([] if context.arguments.no_size else ["Size"])]
    for line in table(headings, rows, f"{len(rows)} cache dirs in {cache.folder}"):
        context.out.line(line)
    return 0
