"""``gateway panic``: a repository is read-only at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.gateway.settings import path_of, place_arguments, settings_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_panic(parser: argparse.ArgumentParser) -> None:
    """Which repository."""
    parser.description = "Make a repository read-only at once; locks stay allowed, so that restoring works."
    place_arguments(parser)
    parser.add_argument("repository", help="the repository's path")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the log")
    parser.add_argument("--off", action="store_true", help="end the panic")


def run_panic(context: Context) -> int:
    """Declare or end it."""
    from strongroom.gateway.operator import Operator

    arguments = context.arguments
    operator = Operator(settings_of(arguments))
    operator.panic(path_of(arguments.repository), on=not arguments.off, reason=arguments.reason)
    operator.close()
    return 0
