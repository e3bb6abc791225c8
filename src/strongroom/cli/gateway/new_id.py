"""``gateway new-id``: an ID of its own for the copy of a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.gateway.settings import path_of, place_arguments, settings_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_new_id(parser: argparse.ArgumentParser) -> None:
    """Which folder."""
    parser.description = (
        "Give a folder that was copied from a repository's, with its ID, an ID of its own, and its objects receipts of"
        " their own. Until then both share receipts and panic. It is refused for a folder that is no copy."
    )
    place_arguments(parser)
    parser.add_argument("repository", help="the copy's path")


def run_new_id(context: Context) -> int:
    """Do it."""
    from strongroom.gateway.operator import Operator

    operator = Operator(settings_of(context.arguments))
    context.out.line(operator.new_id(path_of(context.arguments.repository)))
    operator.close()
    return 0
