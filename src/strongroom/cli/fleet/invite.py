"""``fleet invite``: a token with which a host joins, and the command to type there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli.fleet.shared import add_state, card_of, configuration, folder_of, open_state, pin_for

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Print a token with which a host joins, once, and the command to type there. The token is a secret: whoever has it joins
in the host's place. It is good for 15 minutes and one host, unless --minutes and --uses say otherwise. Where it is for
several, each one more waits until `strongroom fleet approve` lets it in.
"""


def arguments_invite(parser: argparse.ArgumentParser) -> None:
    """Which host, and how long."""
    parser.description = _DESCRIPTION
    add_state(parser)
    parser.add_argument("name", metavar="NAME", help="what the host will be called, or a pattern such as `web*`")
    parser.add_argument(
        "--profile", choices=("server", "laptop"), default="server", help="a laptop may be away for a week"
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="for a machine that was reinstalled, or takes the place of the host of this name",
    )
    parser.add_argument("--minutes", type=int, default=15, metavar="N", help="how long it is good, 7 days at most")
    parser.add_argument("--uses", type=int, default=1, metavar="N", help="for how many hosts, 500 at most")


def run_invite(context: Context) -> int:
    """Make and print it."""
    from strongroom.fleet.protocol.fields import NAME
    from strongroom.fleet.protocol.fingerprint_words import words_of
    from strongroom.fleet.server.admitting.tickets import invite

    arguments = context.arguments
    if not NAME.match(arguments.name.replace("*", "x")):
        hint = "Lower-case letters, digits, dots, dashes and underscores, 63 at most; * stands for any."
        raise UsageError("cannot be a host's name", subject=arguments.name, hint=hint)
    folder = folder_of(context)
    server = configuration(folder)["server"]
    with open_state(context) as state:
        made = invite(
            state,
            arguments.name,
            arguments.profile,
            server["url"],
            pin_for(folder, server),
            minutes=arguments.minutes,
            uses=arguments.uses,
            card=card_of(server, state.now()),
            replace=arguments.replace,
        )
    words = words_of(made.card.signer) if made.card is not None else ""
    if context.json:
        token = {"token": made.to_text(), "until": made.ticket.until, "custodian": words or None}
        context.out.json({"message_type": "fleet_invite", "name": arguments.name} | token)
        return 0
    context.out.line(made.to_text())
    pinned = f" --custodian {words}" if words else ""
    context.out.warn(f"Good for {arguments.minutes} minutes. On the host, type this and paste the line above:")
    context.out.warn(f"  strongroom host enrol --token-file -{pinned}")
    if arguments.uses > 1:
        words = f"For {arguments.uses} hosts; each one more waits until `strongroom fleet approve` lets it in."
        context.out.warn(words)
    if arguments.replace:
        context.out.warn("With --keep FILE, its password, the repository goes on; without it a new one is made.")
    return 0
