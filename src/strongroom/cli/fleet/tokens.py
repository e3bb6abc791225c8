"""``fleet tokens``: which programs may read the API and the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.cli.fleet.shared import add_state, open_state, safe_table

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.fleet.server.state import FleetState

_DESCRIPTION = """\
Let a program read /api/v1 and /metrics of the fleet's server. `add NAME` prints a token, once; `remove NAME` ends it
within two seconds. A token only reads; with --hosts or --tags it sees these hosts alone, and nothing of channels and
custodian.
"""


def arguments_tokens(parser: argparse.ArgumentParser) -> None:
    """What to do with which token."""
    parser.description = _DESCRIPTION
    add_state(parser)
    parser.add_argument("action", choices=("add", "remove", "list"), help="what to do")
    parser.add_argument("name", nargs="?", help="what the token is called")
    parser.add_argument("--hosts", metavar="PATTERN", default="*", help="the hosts that it sees, such as `web*`")
    parser.add_argument("--tags", metavar="TAG,…", help="only hosts that have one of these tags")
    parser.add_argument("--days", type=int, default=365, help="how long it counts (default: %(default)s)")


def run_tokens(context: Context) -> int:
    """Do it."""
    from strongroom.fleet.protocol.fields import NAME
    from strongroom.fleet.server.api.tokens import make_token, remove_token

    arguments = context.arguments
    if arguments.action != "list" and not arguments.name:
        raise UsageError(f"{arguments.action} what?", hint=f"strongroom fleet tokens {arguments.action} NAME")
    with open_state(context) as state:
        if arguments.action == "list":
            return _list(context, state)
        if arguments.action == "remove":
            remove_token(state, arguments.name)
            return exit_codes.OK
        if not NAME.match(arguments.name):
            raise UsageError("cannot be a token's name", subject=arguments.name, hint="Letters a-z, digits, dashes.")
        tags = () if arguments.tags is None else arguments.tags.split(",")
        text = make_token(state, arguments.name, arguments.hosts, arguments.days, tags)
    if context.json:
        context.out.json({"message_type": "fleet_token", "name": arguments.name, "token": text})
    else:
        context.out.line(text)
    return exit_codes.OK


def _list(context: Context, state: FleetState) -> int:
    from strongroom.fleet.server.api.tokens import list_tokens

    found, now = list_tokens(state), state.now()
    if context.json:
        context.out.json(
            [
                {"name": one.name, "hosts": one.hosts, "tags": one.tags, "made": one.made, "until": one.until}
                for one in found
            ]
        )
        return exit_codes.OK
    if not found:
        context.out.line("No program may read: `strongroom fleet tokens add NAME` makes a token.")
        return exit_codes.OK
    rows = [
        [one.name, one.hosts, ",".join(one.tags) or "-", f"in {max(0, one.until - now) // 86400} days"] for one in found
    ]
    for line in safe_table(("Name", "Hosts", "Tags", "Ends"), rows):
        context.out.line(line)
    return exit_codes.OK
