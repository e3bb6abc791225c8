"""``custody verify``: read stored objects again now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import add_repository, add_state, chosen, identity_of, open_state, store_for
from strongroom.cli.shared.opening import surroundings

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Read what is stored again, each object whole, in place of waiting until its turn comes within `verify` days: some
objects, or all, those first that were read longest ago. What is found wrong is an incident, as in a round.

  strongroom custody verify web01 --budget-bytes 100G
  strongroom custody verify web01 data/3f9a12bc
"""


def arguments_verify(parser: argparse.ArgumentParser) -> None:
    """Which repository, which objects, how much."""
    parser.description = _DESCRIPTION
    add_repository(parser)
    parser.add_argument("objects", nargs="*", metavar="KIND/ID", help="these alone (default: all)")
    parser.add_argument("--budget-bytes", metavar="SIZE", help="how much is read at most, such as 50G")
    add_state(parser, identity=True)


def run_verify(context: Context) -> int:
    """Read, and say what is wrong; 75 when something is."""
    from strongroom.base.quantities import size
    from strongroom.custody.adopting import open_adopted
    from strongroom.custody.care.rereading import reread

    arguments = context.arguments
    try:
        budget = size(arguments.budget_bytes) if arguments.budget_bytes else 1 << 62
    except ValueError as error:
        raise UsageError(str(error), subject=f"--budget-bytes {arguments.budget_bytes}") from None
    identity = identity_of(context)
    reporter = context.reporter()
    with open_state(context) as state:
        (adopted,) = chosen(context, state)
        with store_for(context, adopted) as store:
            repository = open_adopted(adopted, store, identity, surroundings(context))
            found = reread(
                state,
                adopted,
                repository,
                arguments.objects,
                budget,
                lambda done, total: reporter.count("objects", done, total),
                holder=f"{os.uname().nodename}:{os.getpid()}",
            )
    reporter.close()
    if context.json:
        context.out.json(
            {
                "message_type": "custody_verify",
                "repository": adopted.name,
                "read": found.objects,
                "read_bytes": found.bytes,
                "left": found.left,
                "faults": [[str(name), words] for name, words in found.faults],
            }
        )
    else:
        left = f", {found.left} left for want of budget" if found.left else ""
        context.out.line(f"{adopted.name}: read {found.objects} objects, {len(found.faults)} not right{left}")
        for name, words in found.faults:
            context.out.line(f"  {name}: {words}")
        if found.faults:
            context.out.line(f"`strongroom custody round {adopted.name}` heals what it can, and says what is lost")
    return exit_codes.PROMISE_OF_CUSTODY_BROKEN if found.faults else exit_codes.OK
