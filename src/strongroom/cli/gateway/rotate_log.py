"""``gateway rotate-log``: a new log with a new key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.gateway.settings import place_arguments, settings_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_rotate_log(parser: argparse.ArgumentParser) -> None:
    """Where."""
    parser.description = (
        "Begin a new log, with a new key, whose first entry is the last checkpoint of the old one: when the key is lost"
        " or to be changed, or the old log cannot go on. Start the gateway again. Every client alarms until its"
        " administrator, who got the key that this prints by another way, pins it: `strongroom log trust`."
    )
    place_arguments(parser)


def run_rotate_log(context: Context) -> int:
    """Do it."""
    from strongroom.gateway.operator import Operator

    operator = Operator(settings_of(context.arguments))
    context.out.line(operator.rotate_log())
    operator.close()
    return 0
