"""``custody reseal``: seal what the state keeps to another identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.cli.custody.shared import (
    add_repository,
    add_state,
    chosen,
    identity_of,
    open_state,
    operator,
    seal_state_to,
)

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Seal the keys of repositories to another age identity, when the custodian's is rotated. The old one must still be there;
the recovery kit's stays as it is. Without names all repositories are sealed to it. Make the new identity with
`age-keygen`, and put its file in the old one's place after this; print the kits again, since they hold the sealed
passwords.

  age-keygen -o identity.new
  strongroom custody reseal --to age1…
"""


def arguments_reseal(parser: argparse.ArgumentParser) -> None:
    """To whom, of which repositories."""
    parser.description = _DESCRIPTION
    add_repository(parser, several=True)
    parser.add_argument("--to", required=True, metavar="RECIPIENT", help="the new identity's recipient, age1…")
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, for the audit trail")
    add_state(parser, identity=True)


def run_reseal(context: Context) -> int:
    """Seal all of them or none, and say what comes next."""
    from strongroom.custody.care.resealing import reseal

    arguments = context.arguments
    with open_state(context) as state:
        those = chosen(context, state)
        seal_state_to(context, arguments.to)
        names = reseal(state, those, identity_of(context), arguments.to, operator(), arguments.why)
    if context.json:
        context.out.json({"message_type": "custody_reseal", "recipient": arguments.to, "repositories": names})
        return 0
    context.out.line(f"sealed the keys of {len(names)} repositories to {arguments.to}")
    context.out.line("Next: put the new identity's file in the old one's place, then for each repository")
    for name in names:
        context.out.line(f"  strongroom custody kit {name} --html {name}.html")
    context.out.line("Where the old identity has leaked, this is not enough: who had it may know the master keys, so")
    context.out.line("`strongroom custody reissue` each of them.")
    return 0
