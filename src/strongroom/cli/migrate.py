"""``migrate``: bring a repository to a newer form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.archive.check.run import CheckOptions, check
from strongroom.base.errors import Damaged
from strongroom.cli import exit_codes
from strongroom.cli.maintenance.exclusive import name_repository
from strongroom.cli.shared.opening import each_repository, locked
from strongroom.maintenance.migrate import MIGRATIONS, available

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.maintenance.migrate import Migration
    from strongroom.repository.opened import Repository

_DESCRIPTION = """\
List the changes that can be made to a repository as a whole, or make those that are named, after a check. The file that
one replaces is kept in the repository's folder. Works on every repository given, each in a folder of this machine.

  strongroom migrate
  strongroom migrate upgrade_repo_v2              version 2 compresses; restic 0.14 and later read it
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``migrate``."""
    parser.description = _DESCRIPTION
    parser.add_argument("migrations", nargs="*", metavar="NAME", help="make these changes (default: list all)")
    parser.add_argument("-f", "--force", action="store_true", help="try a change that is not needed")


def run(context: Context) -> int:
    """List, or make, in each repository."""
    reporter = context.reporter()
    names = context.arguments.migrations

    def work(repository: Repository, label: str) -> int:
        name_repository(context, reporter, label)
        with (
            locked(context, repository, exclusive=True, writing=bool(names), settle=bool(names)),
            context.signals.cooperative(reporter),
        ):
            if names:
                return _make(context, repository, reporter)
        _list(context, repository, reporter)
        return exit_codes.OK

    try:
        return each_repository(context, work)
    finally:
        reporter.close()


def _list(context: Context, repository: Repository, reporter: CommandReporter) -> None:
    found = available(repository)
    if context.json:
        members = [{"name": migration.name, "description": migration.description} for migration in found]
        context.out.json({"message_type": "migrations", "repository": repository.location, "available": members})
        return
    reporter.message("available migrations:")
    for migration in found if context.verbosity > 0 else ():
        context.out.line(f"  {migration.name}\t{migration.description}")
    if not found:
        reporter.message("no migrations found")


def _make(context: Context, repository: Repository, reporter: CommandReporter) -> int:
    by_name = {migration.name: migration for migration in MIGRATIONS}
    code = exit_codes.OK
    for name in context.arguments.migrations:
        migration = by_name.get(name)
        if migration is None:
            context.warn(f"unknown migration {name}; there are {', '.join(by_name)}")
            code = exit_codes.FAILED
        elif (obstacle := migration.obstacle(repository)) and not context.arguments.force:
            context.warn(f"migration {name} cannot be applied: {obstacle}")
            context.out.warn("If you want to apply this migration anyway, re-run with option --force")
        else:
            if obstacle:
                context.warn(f"check for migration {name} failed, continuing anyway")
            _apply(repository, migration, reporter)
    return code


def _apply(repository: Repository, migration: Migration, reporter: CommandReporter) -> None:
    reporter.message("checking repository integrity...")
    errors = check(repository, CheckOptions(), reporter).num_errors
    if errors:
        raise Damaged(
            f"{errors} errors were found, so nothing was changed",
            subject=repository.location,
            hint="Repair the repository first; `strongroom check` says what is wrong.",
        )
    reporter.message(f"applying migration {migration.name}...")
    copy = migration.apply(repository)
    reporter.message(f"migration {migration.name}: success")
    reporter.message(f"what the config was is kept as {copy}", 2)
