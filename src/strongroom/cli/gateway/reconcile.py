"""``gateway reconcile``: what went or came behind the gateway's back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.gateway.settings import path_of, place_arguments, settings_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_reconcile(parser: argparse.ArgumentParser) -> None:
    """Where and why."""
    parser.description = "Say in the log which objects went or came behind the gateway's back, and why."
    place_arguments(parser)
    parser.add_argument("repository", help="the repository's path")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for the log")


def run_reconcile(context: Context) -> int:
    """Do it."""
    from strongroom.gateway.operator import Operator

    arguments = context.arguments
    operator = Operator(settings_of(arguments))
    gone, come = operator.reconcile(path_of(arguments.repository), arguments.reason)
    context.out.line(f"{gone} objects have gone, {come} were there without a receipt")
    operator.close()
    return 0
