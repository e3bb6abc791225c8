"""What rounds and ``custody status`` tell other programs: ``--metrics`` and ``--ping``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.errors import StrongroomError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from strongroom.cli.shared.context import Context
    from strongroom.custody.standing import Standing
    from strongroom.custody.state import State


def add_telling(parser: argparse.ArgumentParser) -> None:
    """``--metrics`` and ``--ping``."""
    group = parser.add_argument_group("telling")
    group.add_argument(
        "--metrics",
        metavar="FILE",
        help="write metrics of all repositories there, for node_exporter's textfile collector",
    )
    group.add_argument(
        "--ping", metavar="URL", help="ask for this URL when all repositories are well; that it stays away is the alarm"
    )


def tell(context: Context, state: State, standings: Sequence[Standing], *, failed: bool) -> None:
    """Write the metrics, and give the sign when all is well. What cannot be told is a warning.

    Raises ``UsageError`` where the file cannot be written.
    """
    from strongroom.custody.standing import WELL
    from strongroom.custody.telling.all_is_well import say_all_is_well
    from strongroom.custody.telling.metrics import metrics

    file, ping = context.arguments.metrics, context.arguments.ping
    if file:
        by_id = {adopted.id: adopted for adopted in state.repositories()}
        text = metrics(state, [(by_id[one.id], one) for one in standings])
        try:
            replace_file(file, text.encode(), mode=0o644)
        except OSError as error:
            raise UsageError(f"cannot be written: {error.strerror}", subject=file) from None
    if ping and standings and not failed and all(one.state == WELL for one in standings):
        try:
            say_all_is_well(ping)
        except StrongroomError as error:
            context.warn(f"the sign that all is well was not given: {error}")
