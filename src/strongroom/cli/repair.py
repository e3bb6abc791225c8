"""``repair index``, ``repair packs``: make the index anew from the packs; save what is left of damaged packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.maintenance.exclusive import exclusively, name_repository
from strongroom.cli.shared.opening import each_repository, one_repository
from strongroom.maintenance.repair.packs import repair_packs
from strongroom.maintenance.repair_index import repair_index

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository

_INDEX = """\
Make the index anew where it is wrong: packs that it does not name are added, those that are not there are forgotten,
and what packs say of themselves counts where it says something else. Works on every repository given.

  strongroom repair index
  strongroom repair index --read-all-packs        believe nothing that stands in the index
"""

_PACKS = """\
Save what can be read of damaged packs (`check --read-data` names them) in new ones, and remove them. A copy of each is
kept in the current folder, as `pack-ID`. What is lost is named with the files that needed it.

  strongroom repair packs 9c5aa1f2e14a65dbb2c5b0f5cea5a3e7f4d6bd9c7cf3b4fc2b8ff7b86efac2a1
  strongroom repair snapshots --forget            makes whole snapshots of those that lost something
"""


def arguments_index(parser: argparse.ArgumentParser) -> None:
    """restic's option of ``repair index``."""
    parser.description = _INDEX
    parser.add_argument(
        "--read-all-packs", action="store_true", help="read the headers of all packs, and make the index of them alone"
    )


def run_index(context: Context) -> int:
    """Repair the index of each repository."""
    reporter = context.reporter()

    def work(repository: Repository, label: str) -> int:
        name_repository(context, reporter, label)
        with exclusively(context, repository, reporter) as lock:
            repair_index(repository, reporter, lock=lock, read_all_packs=context.arguments.read_all_packs)
        reporter.message("done")
        return exit_codes.OK

    try:
        return each_repository(context, work)
    finally:
        reporter.close()


def arguments_packs(parser: argparse.ArgumentParser) -> None:
    """restic's arguments of ``repair packs``."""
    parser.description = _PACKS
    parser.add_argument("packs", nargs="*", metavar="ID", help="the packs, by their IDs")


def run_packs(context: Context) -> int:
    """Repair packs of the one repository that is given."""
    if not context.arguments.packs:
        raise UsageError("no ids specified", hint="`strongroom check --read-data` names the damaged packs.")
    reporter = context.reporter()
    try:
        with one_repository(context) as repository, exclusively(context, repository, reporter) as lock:
            repaired = repair_packs(repository, context.arguments.packs, reporter, lock=lock)
    finally:
        reporter.close()
    if context.json:
        lost = [{"type": kind, "id": blob} for kind, blob in repaired.lost]
        event = {"message_type": "summary", "packs": repaired.packs, "blobs_saved": repaired.saved, "blobs_lost": lost}
        context.out.json(event | {"kept_aside": repaired.kept_aside})
    elif repaired.lost:
        context.out.warn(
            "\nUse `strongroom repair snapshots --forget` to remove the corrupted data blobs from all snapshots"
        )
    return exit_codes.OK
