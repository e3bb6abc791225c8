"""``--keep-*``: what a policy keeps, as restic's ``forget`` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.arguments import values
from strongroom.cli.arguments.options import typed
from strongroom.retention.calendar import Span
from strongroom.retention.faithful import UNLIMITED, Policy

if TYPE_CHECKING:
    import argparse

COUNTS = (("l", "last"), ("H", "hourly"), ("d", "daily"), ("w", "weekly"), ("m", "monthly"), ("y", "yearly"))
SPANS = ("", "hourly", "daily", "weekly", "monthly", "yearly")


def count(text: str) -> int:
    """A number of zero or more, or ``unlimited``."""
    if text == "unlimited":
        return UNLIMITED
    number = values.any_number(text)
    if number < 0:
        raise ValueError("negative values not allowed, use 'unlimited' instead")
    return number


def add_policy_options(parser: argparse.ArgumentParser) -> None:
    """restic's options; all default to None, so that a policy of the configuration file can stand in."""
    group = parser.add_argument_group("what is kept")
    for letter, name in COUNTS:
        kind = "" if name == "last" else f"{name} "
        group.add_argument(
            f"-{letter}", f"--keep-{name}", metavar="N", type=typed(count),
            help=f"keep the last N {kind}snapshots (`unlimited` for all)",
        )  # fmt: skip
    for name in SPANS:
        group.add_argument(
            f"--keep-within-{name}".rstrip("-"), metavar="SPAN", type=typed(Span.parse),
            help=f"keep {name + ' ' if name else ''}snapshots within this span before the latest, such as 1y5m7d2h",
        )  # fmt: skip
    group.add_argument(
        "--keep-tag", dest="keep_tags", action="append", metavar="TAG[,TAG…]", type=typed(values.tag_list),
        help="keep snapshots that have all these tags ('' for those without any)",
    )  # fmt: skip


def given_policy(arguments: argparse.Namespace) -> Policy | None:
    """The policy that the options say; None when there is none of them."""
    found = {name: getattr(arguments, f"keep_{name}") for _, name in COUNTS}
    found |= {name: getattr(arguments, f"keep_{name}") for name in map(_field, SPANS)}
    found["tags"] = None if arguments.keep_tags is None else tuple(arguments.keep_tags)
    said = {name: value for name, value in found.items() if value is not None}
    return Policy(**said) if said else None


def _field(span: str) -> str:
    return f"within_{span}".rstrip("_")
