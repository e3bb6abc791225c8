"""``repair index``: make the index anew from the packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli import exit_codes
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.maintenance.removing import refuse_where_append_only
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
        reporter.repository = label
        if label and not context.json:
            reporter.message(f"repository {label}:")
        refuse_where_append_only(repository)
        with (
            locked(context, repository, exclusive=True, writing=True, settle=False) as lock,
            context.signals.cooperative(reporter),
        ):
            repair_index(repository, reporter, lock=lock, read_all_packs=context.arguments.read_all_packs)
        reporter.message("done")
        return exit_codes.OK

    try:
        return each_repository(context, work)
    finally:
        reporter.close()
