"""``gateway trash``: what a custodian deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.gateway.settings import path_of, place_arguments, settings_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_trash(parser: argparse.ArgumentParser) -> None:
    """What to do with what."""
    parser.description = "List, restore or purge what a custodian deleted. Only what was held long enough is purged."
    place_arguments(parser)
    parser.add_argument("action", choices=("list", "restore", "purge"), help="what to do")
    parser.add_argument("repository", help="the repository's path")
    parser.add_argument("name", nargs="?", help="the object's name, for restore")
    parser.add_argument("--trash-days", type=int, metavar="N", help="so long it was to be held (default: 90)")
    parser.add_argument("--clock-kept-outside", action="store_true", help="purge though the kernel keeps no clock")


def run_trash(context: Context) -> int:
    """Do it."""
    from strongroom.gateway.operator import Operator

    arguments = context.arguments
    operator = Operator(settings_of(arguments))
    repository = path_of(arguments.repository)
    if arguments.action == "list":
        for one in operator.trash(repository):
            row = {"date": one.date, "kind": one.name.kind.value, "name": one.name.name, "size": one.size}
            if context.json:
                context.out.json(row)
            else:
                context.out.line(f"{one.date}  {one.name.kind.value:9}  {one.name.name}  {one.size}")
    elif arguments.action == "restore":
        if not arguments.name:
            raise UsageError("which object?", hint="`strongroom gateway trash list` names them")
        operator.restore(repository, arguments.name)
    else:
        context.out.line(f"{operator.purge(repository)} objects were removed for good")
    operator.close()
    return 0
