"""``custody repositories``: what is in care, where it is, and what is kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.redact import redact
from strongroom.cli.custody.shared import add_state, open_state
from strongroom.cli.output.table import table
from strongroom.format import rfc3339

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_repositories(parser: argparse.ArgumentParser) -> None:
    """With those that were released, or without."""
    parser.description = "The repositories in care: where each is, since when, and what is kept of it."
    parser.add_argument("--released", action="store_true", help="those that were released, too")
    add_state(parser)


def run_repositories(context: Context) -> int:
    """List them by name."""
    from strongroom.custody.policy import NAMES

    with open_state(context) as state:
        found = state.repositories(released=context.arguments.released)
    if context.json:
        context.out.json(
            [
                {
                    "name": one.name,
                    "id": one.id,
                    "store": redact(one.store),
                    "adopted": rfc3339.format_utc(one.adopted_ns),
                    "released": one.retired,
                    "key": one.key_name,
                    "policy": {name: getattr(one.policy, name) for name in NAMES},
                }
                for one in found
            ]
        )
        return 0
    if not found:
        context.out.line("No repository is in care yet: `strongroom custody adopt NAME --store REPOSITORY`.")
        return 0
    rows = [
        [
            one.name,
            one.id,
            rfc3339.format_utc(one.adopted_ns)[:10],
            "released" if one.retired else "in care",
            redact(one.store),
            " ".join(f"{name}={getattr(one.policy, name)}" for name in NAMES if getattr(one.policy, name)),
        ]
        for one in found
    ]
    for line in table(("Repository", "ID", "Since", "State", "Place", "Policy"), rows):
        context.out.line(line)
    return 0
