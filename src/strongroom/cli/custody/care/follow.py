"""``custody follow``: tell the fleet's server what the custodian verified, judged and drilled."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from strongroom.base.errors import Interrupted, StrongroomError, UsageError
from strongroom.cli import exit_codes
from strongroom.cli.custody.shared import add_state, file_of, identity_of, in_bucket, open_state, operator, signer_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.custody.state import State
    from strongroom.fleet.custodian.telling import ToldCount
    from strongroom.fleet.custodian.watching import OwnWatch, OwnWays

_DESCRIPTION = """\
Tell a fleet's server every five minutes what was verified, judged and drilled, and what is wrong, in signed statements:
so nobody has to believe hosts, and that they stop is an alarm there. Nothing dials this machine. Rounds tell it as
well, when they end. The server is named once, with the pin that `fleet init` printed, and remembered.

  strongroom custody follow --server https://fleet.example.org:8040 --pin PIN

With --ping and --alarm it speaks by ways of its own as well, which whoever takes that server over cannot silence: a
sign each hour that all is well, and words at once when something is wrong, or when the server takes nothing for 2 h.

With --gateway it opens, too, what hosts have sealed to this custodian when they joined, says so, and with --adopt takes
their repositories into care.
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
    parser.add_argument(
        "--gateway",
        metavar="URL",
        help="open keys that hosts sealed when they joined, at rest:https://NAME:TOKEN@HOST/, from now on",
    )
    parser.add_argument("--log-key", metavar="KEY", help="the verifier key of that gateway's log")
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="take repositories of hosts that join into care, with --gateway from now on",
    )
    parser.add_argument(
        "--ping",
        metavar="URL",
        help="ask for this URL each hour while all repositories are well and the server takes statements",
    )
    parser.add_argument(
        "--alarm",
        metavar="URL",
        help="post to this URL, such as a topic of ntfy, what is wrong, and when it no more is",
    )
    parser.add_argument("--once", action="store_true", help="tell it now, and end")
    add_state(parser, identity=True)


def run_follow(context: Context) -> int:
    """Until told to end; with --once 0 when the server took all."""
    from strongroom.cli.shared.interruptible_clock import InterruptibleClock
    from strongroom.fleet.custodian.telling import EVERY, told_server
    from strongroom.fleet.custodian.watching import OwnWatch

    arguments = context.arguments
    if arguments.once and (arguments.ping or arguments.alarm):
        hint = "Leave --once out; rounds have --ping of their own."
        raise UsageError("a sign each hour comes from one that stays", subject="--once", hint=hint)
    ways = _ways(context)
    _name_server(context)
    _name_gateway(context)
    with open_state(context) as state:
        if told_server(state) is None:
            raise UsageError("which server?", hint="Name it once: --server URL --pin PIN; `fleet init` printed both.")
        if arguments.once:
            _say(context, _tell(context, state, following=False))
            troubles = _open_keys(context, state, {})
            return exit_codes.FAILED if troubles else exit_codes.OK
    if in_bucket(context):
        raise UsageError("a state in a bucket is of a machine that comes and goes", hint="Say --once.")
    clock = InterruptibleClock(context.signals)
    trouble, silent = "", ""
    said: dict[str, str] = {}
    watch = OwnWatch(ways, clock.now_ns() // 10**9)
    while True:
        try:
            with open_state(context) as state:
                told = _tell(context, state, following=True)
                said = _open_keys(context, state, said)
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
            found = "\n".join(_watched(context, watch))
            if found and found != silent:
                context.warn(found)
            silent = found
            clock.sleep(EVERY)
        except Interrupted:
            return exit_codes.OK


def _ways(context: Context) -> OwnWays:
    """The ways of its own that options or custody.toml name. Raises ``UsageError`` for what is no URL."""
    from strongroom.custody.telling.all_is_well import say_all_is_well, say_what_is_wrong
    from strongroom.fleet.custodian.watching import OwnWays

    settings = file_of(context).get("follow", {})
    ping, alarm = (getattr(context.arguments, name) or settings.get(name) for name in ("ping", "alarm"))
    for option, url in (("--ping", ping), ("--alarm", alarm)):
        if url and not url.startswith(("http://", "https://")):
            raise UsageError("is no URL of a web server", subject=option, hint="It begins with https://.")
    return OwnWays(
        partial(say_all_is_well, ping) if ping else None, partial(say_what_is_wrong, alarm) if alarm else None
    )


def _watched(context: Context, watch: OwnWatch) -> list[str]:
    """Say what is news; what could not be said. A state that cannot be read is said by the next turn."""
    from strongroom.custody.standing import standings
    from strongroom.fleet.custodian.telling import told_server

    try:
        with open_state(context) as state:
            now_ns = state.clock.now_ns()
            server = told_server(state)
            return [] if server is None else watch.turn(standings(state, now_ns), server, now_ns // 10**9)
    except StrongroomError as error:
        if isinstance(error, Interrupted):
            raise
        return [str(error)]


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


def _name_gateway(context: Context) -> None:
    from strongroom.fleet.custodian.telling import open_keys_at
    from strongroom.receipts.log.note import Verifier

    arguments = context.arguments
    if arguments.gateway is None:
        if arguments.log_key is not None:
            raise UsageError("the log of which gateway?", hint="Give --gateway as well.")
        return
    url = arguments.gateway if arguments.gateway.startswith("rest:") else f"rest:{arguments.gateway}"
    if not url.startswith(("rest:http://", "rest:https://")):
        raise UsageError("not a gateway's URL", subject="--gateway", hint="rest:https://NAME:TOKEN@HOST/")
    key = str(Verifier.parse(arguments.log_key)) if arguments.log_key else ""
    with open_state(context) as state:
        open_keys_at(state, url, key, operator(), adopts=arguments.adopt)


def _open_keys(context: Context, state: State, said: dict[str, str]) -> dict[str, str]:
    """Open what waits; what did not open, by host, is said once. ``said``: what was said before."""
    from strongroom.cli.shared.opening import store_of, surroundings
    from strongroom.cli.shared.targets import Target, store_options
    from strongroom.fleet.custodian.opening import KeyOpener, OpeningPlace
    from strongroom.fleet.custodian.telling import told_server
    from strongroom.fleet.host.reporting.server import FleetServer
    from strongroom.receipts.client.gateway_log import GatewayLog
    from strongroom.storage.rest.url import parse

    server = told_server(state)
    if server is None or not server.gateway:
        return {}

    def target(url: str) -> Target:
        return Target("a host that joined", url, "--gateway", None, None, None)

    def sealed(url: str, name: str) -> bytes:
        options = store_options(context, target(url))
        log = GatewayLog(parse(url.removeprefix("rest:"), options), options)
        try:
            return log.sealed(name)
        finally:
            log.close()

    opener = KeyOpener(
        state, identity_of(context), signer_of(context), OpeningPlace(server.gateway, server.log_key),
        surroundings(context), FleetServer(server.url, server.pin).post,
        lambda url: store_of(context, target(url)), sealed,
    )  # fmt: skip
    troubles = {}
    adopts = context.arguments.adopt or server.adopts
    for one in opener.open_all(adopting=operator() if adopts else ""):
        if one.trouble:
            troubles[one.host] = one.trouble
            if said.get(one.host) != one.trouble:
                context.warn(f"{one.host}: the key that it sealed was not opened: {one.trouble}")
        elif context.json:
            found = {"host": one.host, "repository": one.repository, "adopted": one.adopted}
            context.out.json({"message_type": "custody_opened"} | found)
        else:
            care = ", and it is in care now" if one.adopted else ""
            context.out.line_now(f"{one.host}: the key that it sealed opens repository {one.repository[:8]}{care}")
    return troubles


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
