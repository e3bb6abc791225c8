"""``--budget-bytes``, ``--budget-requests`` and ``--budget-time`` of a round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from strongroom.base.errors import UsageError
from strongroom.base.quantities import duration, size, whole_number

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from strongroom.cli.shared.context import Context
    from strongroom.custody.spending.budget import Limits

Number = TypeVar("Number", int, float)


def add_budget(parser: argparse.ArgumentParser) -> None:
    """What a round over each repository may take at most."""
    group = parser.add_argument_group("what the round of each repository may take; the next one does the rest")
    group.add_argument("--budget-bytes", metavar="SIZE", help="how much is read at most, such as 50G")
    group.add_argument("--budget-requests", metavar="NUMBER", help="how many objects and lists are asked for at most")
    group.add_argument("--budget-time", metavar="DURATION", help="how long it takes at most, such as 90s, 5m or 1h30m")


def limits_of(context: Context, settings: Mapping[str, Any]) -> Limits:
    """What the command line says, else custody.toml's ``settings`` of rounds. Raises ``UsageError``."""
    from strongroom.custody.spending.budget import Limits

    arguments = context.arguments
    return Limits(
        _limit("--budget-bytes", size, arguments.budget_bytes, settings.get("budget_bytes")),
        _above_nothing("--budget-requests", whole_number, arguments.budget_requests, settings.get("budget_requests")),
        _above_nothing("--budget-time", duration, arguments.budget_time, settings.get("budget_time")),
    )


def _limit(option: str, parse: Callable[[str], Number], given: str | None, setting: object) -> Number | None:
    text = given if given is not None else setting
    try:
        return None if text is None else parse(str(text))
    except ValueError as error:
        raise UsageError(str(error), subject=f"{option} {text}") from None


def _above_nothing(option: str, parse: Callable[[str], Number], given: str | None, setting: object) -> Number | None:
    found = _limit(option, parse, given, setting)
    if found == 0:
        raise UsageError("a round that may take nothing does nothing", subject=f"{option} 0")
    return found
