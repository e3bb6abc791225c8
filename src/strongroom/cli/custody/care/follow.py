"""``custody follow``: tell the fleet's server what the custodian verified, judged and drilled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strongroom.base.errors import Interrupted, StrongroomError, UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import add_state, in_bucket, open_state, operator, signer_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.state import State
    from strongroom.fleet.custodian.telling import ToldCount

_DESCRIPTION = """\
Tell a fleet's server every five minutes what was verified, judged and drilled, and what is wrong, in signed statements:
so nobody has to believe hosts, and that they stop is an alarm there. Nothing dials this machine. Rounds tell it as
well, when they end. The server is named once, with the pin that `fleet init` printed, and remembered.

  strongroom custody follow --server https://fleet.example.org:8040 --pin PIN
"""
_URL = re.compile(r"https?://[^\s/@?#\"'<>]+\Z")
_PIN = re.compile(r"[0-9a-f]{64}\Z")


def arguments_follow(parser: argparse.ArgumentParser) -> None:
    """Which server, and whether once."""
    parser.description = _DESCRIPTION
    parser.add_argument("--server", metavar="URL", help="the fleet's server, from now on")
    parser.add_argument(
        "--pin", metavar="SHA256", help="of its certificate; without it the system's authorities decide"
    )
    parser.add_argument("--once", action="store_true", help="tell it now, and end")
    add_state(parser, identity=True)


def run_follow(context: Context) -> int:
    """Until told to end; with --once 0 when the server took all."""
    from strongroom.cli.shared.interruptible_clock import InterruptibleClock
    from strongroom.fleet.custodian.telling import EVERY, told_server

    arguments = context.arguments
    _name_server(context)
    with open_state(context) as state:
        if told_server(state) is None:
            raise UsageError("which server?", hint="Name it once: --server URL --pin PIN; `fleet init` printed both.")
        if arguments.once:
            _say(context, _tell(context, state, following=False))
            return exit_codes.OK
    if in_bucket(context):
        raise UsageError("a state in a bucket is of a machine that comes and goes", hint="Say --once.")
    clock = InterruptibleClock(context.signals)
    trouble = ""
    while True:
        try:
            with open_state(context) as state:
                told = _tell(context, state, following=True)
            if trouble:
                context.out.line_now("the server answers again")
            trouble = ""
            if told.snapshots:
                _say(context, told)
        except Interrupted:
            raise
        except StrongroomError as error:
            if trouble != str(error):
                context.warn(str(error))
            trouble = str(error)
        try:
            clock.sleep(EVERY)
        except Interrupted:
            return exit_codes.OK


def _name_server(context: Context) -> None:
    from strongroom.fleet.custodian.telling import tell_server

    arguments = context.arguments
    if arguments.server is None:
        if arguments.pin is not None:
            raise UsageError("the pin of which server?", hint="Give --server as well.")
        return
    url = arguments.server.rstrip("/")
    if not _URL.match(url):
        raise UsageError("not a URL", subject=f"--server {url}", hint="such as https://fleet.example.org:8040")
    pin = (arguments.pin or "").replace(":", "").lower()
    if pin and not _PIN.match(pin):
        raise UsageError("not the SHA-256 of a certificate", subject="--pin", hint="64 hexadecimal digits.")
    with open_state(context) as state:
        tell_server(state, url, pin, operator())


def _tell(context: Context, state: State, *, following: bool) -> ToldCount:
    from strongroom.fleet.custodian.telling import CustodianLink, told_server
    from strongroom.fleet.host.reporting.server import FleetServer

    server = told_server(state)
    assert server is not None
    return CustodianLink(state, signer_of(context), FleetServer(server.url, server.pin).post).tell(following=following)


def _say(context: Context, told: ToldCount) -> None:
    if context.json:
        found = {"repositories": told.repositories, "snapshots": told.snapshots}
        context.out.json({"message_type": "custody_follow"} | found)
    else:
        context.out.line_now(f"told the server of {told.repositories} repositories, {told.snapshots} snapshots anew")


def tell_after_round(context: Context, state: State) -> None:
    """A round has ended: the fleet's server hears of it, where there is one. That it does not answer is a warning."""
    from strongroom.fleet.custodian.telling import told_server

    if told_server(state) is None:
        return
    try:
        _tell(context, state, following=False)
    except StrongroomError as error:
        context.warn(f"the fleet's server was not told: {error}")
