"""``custody wanted``: the blobs that a host should give back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.custody.shared import add_repository, add_state, chosen, open_state

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context


def arguments_wanted(parser: argparse.ArgumentParser) -> None:
    """Which repository."""
    parser.description = (
        "List the blobs that packs which are gone or damaged held, and no sound one holds, a line each. On the host: "
        "`strongroom heal --repo OFFSITE --from LOCAL --wanted FILE`."
    )
    add_repository(parser)
    add_state(parser)


def run_wanted(context: Context) -> int:
    """Print them."""
    from strongroom.custody.healing.wanted import wanted_blobs

    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        found = wanted_blobs(state, adopted)
    if context.json:
        context.out.json([{"type": kind, "id": blob} for kind, blob in found])
    else:
        for kind, blob in found:
            context.out.line(f"{kind} {blob}")
    return 0
