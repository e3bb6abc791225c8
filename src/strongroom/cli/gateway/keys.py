"""``gateway keys``: a window in which a repository admits one key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.quantities import duration
from strongroom.cli.gateway.settings import path_of, place_arguments, settings_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_keys(parser: argparse.ArgumentParser) -> None:
    """Which key, for how long."""
    parser.description = "Open a window in which a repository admits exactly one key: keys open REPOSITORY --key ID."
    place_arguments(parser)
    parser.add_argument("action", choices=("open",), help="what to do")
    parser.add_argument("repository", help="the repository's path")
    parser.add_argument("--key", required=True, metavar="ID", help="the key file's name, 64 hexadecimal digits")
    parser.add_argument("--for", dest="minutes", default="10m", metavar="TIME", help="how long, such as 10m or 2h")


def run_keys(context: Context) -> int:
    """Open the window."""
    from strongroom.gateway.operator import Operator

    arguments = context.arguments
    operator = Operator(settings_of(arguments))
    until = operator.open_keys(path_of(arguments.repository), arguments.key, _seconds(arguments.minutes))
    context.out.line(f"the key is admitted until {until}")
    operator.close()
    return 0


def _seconds(text: str) -> int:
    try:
        seconds = duration(text)
    except ValueError as error:
        raise UsageError(str(error), subject="--for") from None
    if not 1 <= seconds <= 86400:
        raise UsageError(f"too short or too long: {text}", subject="--for", hint="such as 10m; at most 24h")
    return int(seconds)
