"""``fleet init`` and ``fleet serve``: begin a server, and run it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from strongroom.base.errors import ConfigurationError, UsageError
from strongroom.cli.fleet.shared import (
    FILE,
    add_state,
    card_of,
    certificate_of,
    configuration,
    ending_files,
    folder_of,
    followed_of,
    gateways_of,
    listening_of,
)

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_INIT = """\
Begin a fleet server on this machine: a folder with its database, its certificate and fleet.toml.

Hosts report to it, and it says which backup did not happen. It holds no password and no key of a repository or a store:
whoever takes it over reads no backup and deletes none.
"""
_URL = re.compile(r"https?://[^\s/@?#\"'<>]+\Z")


def arguments_init(parser: argparse.ArgumentParser) -> None:
    """Where hosts will reach it, and another database."""
    parser.description = _INIT
    add_state(parser)
    parser.add_argument(
        "--url",
        metavar="URL",
        help="where hosts will reach it, such as https://fleet.example.org:8040 (default: this host's name)",
    )
    parser.add_argument("--database", metavar="URL", help="postgresql://… in place of a file in the folder")


def run_init(context: Context) -> int:
    """Make folder, database, certificate and file; what is there already stays."""
    from strongroom.base.clock import SYSTEM
    from strongroom.base.durable import write_new
    from strongroom.fleet.server.certificates import CERTIFICATE, make_certificate, pin_of
    from strongroom.fleet.server.state import FleetState

    arguments = context.arguments
    url = (arguments.url or f"https://{os.uname().nodename}:8040").rstrip("/")
    if not _URL.match(url):
        raise UsageError("not a URL", subject=url, hint="such as https://fleet.example.org:8040")
    listening_of({"url": url})
    folder = folder_of(context)
    path = os.path.join(folder, FILE)
    if os.path.exists(path):
        raise ConfigurationError(
            "there is a fleet server already", subject=path, hint="`strongroom fleet serve` runs it."
        )
    FleetState(folder, arguments.database or "", create=True).close()
    if url.startswith("https:") and not os.path.exists(os.path.join(folder, CERTIFICATE)):
        make_certificate(folder, urlsplit(url).hostname or "localhost", SYSTEM)
    lines = ["version = 1", "", "[server]", f'url = "{url}"']
    if arguments.database:
        lines.append(f'database = "{arguments.database}"')
    write_new(path, ("\n".join(lines) + "\n").encode(), f"{path}.{os.getpid()}.new")
    pin = pin_of(os.path.join(folder, CERTIFICATE)) if url.startswith("https:") else ""
    if context.json:
        context.out.json({"message_type": "fleet_init", "state": folder, "url": url, "pin": pin or None})
        return 0
    context.out.line(f"state:  {folder}")
    context.out.line(f"file:   {path}")
    context.out.line(f"url:    {url}")
    if pin:
        context.out.line(f"pin:    {pin}")
    context.out.line()
    context.out.line("Next: strongroom fleet serve, and strongroom fleet invite NAME for the first host")
    context.out.line(f"At a custodian: strongroom custody follow --server {url}{f' --pin {pin}' if pin else ''}")
    return 0


def arguments_serve(parser: argparse.ArgumentParser) -> None:
    """The state's place; the rest is in fleet.toml."""
    parser.description = "Take in reports of hosts, judge them every ten seconds, and tell who is to be told."
    add_state(parser)
    parser.add_argument("--message-format", choices=("text", "json"), default="text", help="how its messages look")
    parser.add_argument(
        "--message-level", choices=("info", "warning", "error"), default="info", help="the least level of them"
    )


def run_serve(context: Context) -> int:
    """Serve until told to stop."""
    from strongroom.base import server_log
    from strongroom.fleet.protocol.token import parse_card
    from strongroom.fleet.server.evaluating import Evaluator
    from strongroom.fleet.server.following.statements import trust_custodian
    from strongroom.fleet.server.serving import Listening, serve
    from strongroom.fleet.server.state import FleetState

    arguments = context.arguments
    server_log.configure(arguments.message_format, arguments.message_level)
    folder = folder_of(context)
    found = configuration(folder)
    server = found["server"]
    host, port = listening_of(server)
    certificate, key = certificate_of(folder, server)
    with FleetState(folder, server.get("database", "")) as state:
        # one that has ended lets nobody in, which is an alarm: a server that does not start alarms nobody
        if (card := card_of(server, None)) is not None:
            trust_custodian(state, parse_card(card).key, "card")
        listening = Listening(host or "0.0.0.0", port, certificate, key)
        evaluator = Evaluator(state, ending_files(folder, server))
        return serve(state, listening, gateways_of(found), evaluator, followed_of(found), context.signals.heed)
