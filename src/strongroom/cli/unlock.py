"""``unlock``: remove locks that nobody holds any more."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from strongroom.cli.shared.opening import each_repository
from strongroom.maintenance.unlock import unlock

if TYPE_CHECKING:
    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's ``--remove-all``."""
    parser.description = (
        "Remove the locks of processes that are gone: those of this machine that no longer run, and those that nobody\n"
        "refreshed for 30 minutes. Works on every repository given."
    )
    parser.add_argument("ignored", nargs="*", help=argparse.SUPPRESS)  # restic overlooks words here
    parser.add_argument("--remove-all", action="store_true", help="remove all locks, also of processes that still work")


def run(context: Context) -> int:
    """Remove the locks and say how many."""

    def work(repository: Repository, label: str) -> int:
        count = unlock(repository, remove_all=context.arguments.remove_all)
        if context.verbosity > 0 and count:
            context.out.line(f"{label + ': ' if label else ''}successfully removed {count} locks")
        return 0

    return each_repository(context, work)
