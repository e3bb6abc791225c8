"""``prune``: remove what no snapshot needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Refused, UsageError
from strongroom.base.record import replace
from strongroom.cli import exit_codes
from strongroom.cli.maintenance.exclusive import exclusive_to_make_room, name_repository
from strongroom.cli.maintenance.keep_removed import Keeper, add_keep_removed, naming_what_is_kept
from strongroom.cli.maintenance.prune_options import add_prune_options, prune_options
from strongroom.cli.maintenance.pruning import prune_repository
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.maintenance.removing import refuse_where_append_only

if TYPE_CHECKING:
    import argparse
    from contextlib import AbstractContextManager

    from strongroom.cli.shared.context import Context
    from strongroom.cli.shared.targets import Target
    from strongroom.maintenance.prune_plan import PruneOptions
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
Remove what no snapshot needs. Packs of which much is unused are packed anew. A pack goes only when all that is needed
of it was read in what stays, in this run or before by this host. Works on every repository given.

  strongroom prune --dry-run -v
  strongroom prune --max-unused 10%
  strongroom prune --max-repack-size 50G       at most so much now, the rest another time
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``prune``, and ``--trust-index``."""
    parser.description = _DESCRIPTION
    parser.add_argument("-n", "--dry-run", action="store_true", help="remove nothing, show what would be removed")
    add_prune_options(parser)
    add_keep_removed(parser)
    parser.add_argument(
        "--unsafe-allow-remove-all",
        action="store_true",
        help="unsafe: remove everything where no snapshot is listed, though no `forget` here removed the last",
    )
    parser.add_argument(
        "--unsafe-recover-no-free-space",
        metavar="ID",
        default="",
        help="unsafe: where not a byte is free, remove the index first; wants the repository's ID. Try "
        "--max-repack-size 0 before",
    )


def run(context: Context) -> int:
    """Prune each repository."""
    arguments = context.arguments
    if context.settings.get("no_lock") and not arguments.dry_run:
        raise UsageError("--no-lock is only applicable in combination with --dry-run for prune command")
    options = prune_options(context, dry_run=arguments.dry_run)
    reporter = context.reporter()
    targets: list[Target] = []

    def work(repository: Repository, label: str) -> int:
        name_repository(context, reporter, label)
        if not options.dry_run:
            refuse_where_append_only(repository)
        else:
            try:
                refuse_where_append_only(repository)
            except Refused as refused:
                context.warn(str(refused))
        chosen = replace(
            options,
            unsafe_recovery=_recovers(repository, arguments.unsafe_recover_no_free_space),
            remove_all=arguments.unsafe_allow_remove_all,
        )
        keeper = None
        if not options.dry_run and not chosen.unsafe_recovery:  # what is kept frees no space
            keeper = Keeper(context, repository, targets[-1].name, "prune")
        with naming_what_is_kept(repository), _locked(context, repository, chosen) as lock:
            if keeper is None or lock is None:
                prune_repository(context, reporter, repository, chosen, lock, label)
            else:
                lock.check()
                keeper.purge_old(reporter)
                prune_repository(context, reporter, repository, chosen, lock, label, remover=keeper.remover)
                keeper.say(reporter)
        return exit_codes.OK

    try:
        return each_repository(context, work, beside=lambda _context, target: targets.append(target))
    finally:
        reporter.close()


def _locked(context: Context, repository: Repository, options: PruneOptions) -> AbstractContextManager[Lock | None]:
    """The exclusive lock. Who asked to go on without room does so where there is none for a lock, if nobody has one."""
    if options.unsafe_recovery and not options.dry_run:
        return exclusive_to_make_room(context, repository, settle=False)
    return locked(context, repository, exclusive=True, writing=not options.dry_run, settle=False)


def _recovers(repository: Repository, given: str) -> bool:
    if not given:
        return False
    if given != repository.id:
        raise UsageError(f"must pass id '{repository.id}' to --unsafe-recover-no-free-space")
    return True
