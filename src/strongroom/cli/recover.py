"""``recover``: a snapshot of what no snapshot names any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli import exit_codes
from strongroom.cli.maintenance.exclusive import exclusively, name_repository
from strongroom.cli.shared.opening import each_repository
from strongroom.maintenance.repair.recover import recover

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Look for folders that belong to no snapshot, such as those of one that was forgotten by mistake, and make a snapshot of
them, with the tag `recovered`. The index is made complete before. What `prune` removed does not come back. Works on
every repository given.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's ``recover`` has no options."""
    parser.description = _DESCRIPTION


def run(context: Context) -> int:
    """Recover in each repository."""
    reporter = context.reporter()

    def work(repository: Repository, label: str) -> int:
        name_repository(context, reporter, label)
        with exclusively(context, repository, reporter) as lock:
            found = recover(repository, reporter, lock=lock)
        if context.json:
            event = {"message_type": "summary", "roots": found.roots, "snapshot_id": found.snapshot}
            context.out.json(event | ({"repository": label} if label else {}))
        return exit_codes.OK

    try:
        return each_repository(context, work)
    finally:
        reporter.close()
