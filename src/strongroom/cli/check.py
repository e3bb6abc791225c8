"""``check``: look for damage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.archive.check.data import parse_subset
from strongroom.archive.check.run import CheckOptions, CheckResult, check
from strongroom.base.errors import StrongroomError
from strongroom.cli import exit_codes
from strongroom.cli.arguments.options import add_snapshot_filter
from strongroom.cli.shared.opening import check_promises, each_repository, locked
from strongroom.cli.shared.promise_alarms import say_broken
from strongroom.cli.shared.selecting import filter_of
from strongroom.repository.selection import EVERYTHING, select_snapshots

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.output.command_reporter import CommandReporter
    from strongroom.cli.shared.context import Context
    from strongroom.repository.opened import Repository

NAMED = 100
"""How many damaged packs stand in the last words."""
_DESCRIPTION = """\
Look for damage: in the index, in the packs that it names, and in the trees of all snapshots, or of those given.
With --read-data every byte is read and compared with its hash. Works on every repository given.

  strongroom check
  strongroom check --read-data
  strongroom check --read-data-subset 1/30       a different thirtieth each day covers all in a month
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """restic's options of ``check``."""
    parser.description = _DESCRIPTION
    parser.add_argument("names", nargs="*", metavar="SNAPSHOT", help="check the trees of these alone: IDs or `latest`")
    data = parser.add_mutually_exclusive_group()
    data.add_argument("--read-data", action="store_true", help="read all packs")
    data.add_argument(
        "--read-data-subset",
        metavar="SUBSET",
        help="read some packs: n/t (the n-th of t parts), a share such as 2.5%%, or a size such as 5G",
    )
    parser.add_argument("--check-unused", action="store_true", help="blobs that no snapshot needs are errors")
    parser.add_argument(
        "--with-cache", action="store_true", help="take from the cache what it has, and ask the store for the rest"
    )
    add_snapshot_filter(parser, latest_only=False)


def run(context: Context) -> int:
    """Check each repository; 1 when anything is wrong, 72 when a gateway's promise alone is."""
    arguments = context.arguments
    subset = parse_subset(arguments.read_data_subset) if arguments.read_data_subset else None
    some = bool(arguments.names) or filter_of(context) != EVERYTHING
    reporter = context.reporter()
    wrong = False

    def work(repository: Repository, label: str) -> int:
        nonlocal wrong
        reporter.repository = label
        if label:
            reporter.message(f"repository {label}:")
        with locked(context, repository, exclusive=True), context.signals.cooperative(reporter):
            unknown: list[str] = []
            names = arguments.names
            snapshots = select_snapshots(repository, names, filter_of(context), unknown, lenient=True) if some else None
            options = CheckOptions(
                read_data=arguments.read_data or subset is not None,
                subset=subset,
                check_unused=arguments.check_unused,
                with_cache=arguments.with_cache,
                snapshots=snapshots,
            )
            result = check(repository, options, reporter)
            result.num_errors += len(unknown)  # as restic has it: what was to be checked was not
        _conclude(context, reporter, result, label)
        wrong = wrong or bool(result.num_errors)
        return exit_codes.FAILED if result.num_errors else exit_codes.OK

    alarm = False
    try:
        code = each_repository(context, work, check_promises, failed=lambda label: _fail(context, label))
    except StrongroomError:
        _fail(context, "")
        raise
    finally:
        reporter.close()
        alarm = say_broken(context)
    if wrong and context.json:
        message = "Fatal: repository contains errors"
        context.out.warn_json({"message_type": "exit_error", "code": code, "message": message})
    return exit_codes.with_alarm(code, alarm=alarm)


def _fail(context: Context, label: str) -> None:
    """restic's summary of a check that could not begin."""
    if context.json:
        _summary(context, CheckResult(num_errors=1), label)


def _summary(context: Context, result: CheckResult, label: str) -> None:
    event: dict[str, Any] = {
        "message_type": "summary",
        "num_errors": result.num_errors,
        "broken_packs": result.broken_packs or None,
        "suggest_repair_index": result.suggest_repair_index,
        "suggest_prune": result.suggest_prune,
    }
    context.out.json(event | ({"repository": label} if label else {}))


def _conclude(context: Context, reporter: CommandReporter, result: CheckResult, label: str) -> None:
    """restic's summary event, or its last words."""
    if context.json:
        _summary(context, result, label)
        return
    reporter.message("")
    if not result.num_errors:
        reporter.message("no errors were found")
        return
    if result.broken_snapshots:
        snapshots = " ".join(name[:8] for name in result.broken_snapshots)
        context.out.warn(
            f"These snapshots cannot be read; `strongroom forget` with their IDs removes them:\n  {snapshots}"
        )
    if result.broken_packs:
        packs = " ".join(result.broken_packs[:NAMED])
        if len(result.broken_packs) > NAMED:
            packs += f"\n  and {len(result.broken_packs) - NAMED} more; --json lists them all"
        context.out.warn(
            f"These packs are damaged or missing; `strongroom repair packs` saves what is left:\n  {packs}"
        )
    if result.suggest_repair_index:
        context.out.warn("The index is wrong in places; `strongroom repair index` makes it anew from the packs.")
    context.out.warn(f"Fatal: repository contains errors ({result.num_errors} were found)")
