"""What the fleet's verbs share: where the state is, what fleet.toml says, how times are written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from strongroom.base.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from strongroom.base.configuration.checks import PasswordSource
    from strongroom.cli.shared.context import Context
    from strongroom.fleet.protocol.signed import SignedMessage
    from strongroom.fleet.server.following.ending import EndingFiles
    from strongroom.fleet.server.following.follower import FollowedGateway
    from strongroom.fleet.server.gateways import EnrollingGateway
    from strongroom.fleet.server.state import FleetState

FILE = "fleet.toml"
PORT = 8040


def add_state(parser: argparse.ArgumentParser) -> None:
    """``--state``."""
    parser.add_argument_group("the fleet's server").add_argument(
        "--state",
        metavar="FOLDER",
        help="the server's folder (default: $STRONGROOM_FLEET_STATE, then /var/lib/strongroom-fleet)",
    )


def folder_of(context: Context) -> str:
    """Where the state is."""
    from strongroom.fleet.server.state import default_place

    place: str = context.arguments.state or default_place()
    return place


def configuration(folder: str) -> Mapping[str, Any]:
    """What fleet.toml says. Raises ``ConfigurationError``, also where there is none."""
    from strongroom.base.configuration.document import parse, read_text
    from strongroom.base.configuration.fleet import FORM
    from strongroom.base.own_files import check_own_files

    path = os.path.join(folder, FILE)
    if not os.access(path, os.R_OK):
        check_own_files(folder)
    hint = "`strongroom fleet init --url URL` begins a server; --state names another place."
    return parse(FORM, read_text(path, hint=hint, runs_commands=True), path)


def open_state(context: Context) -> FleetState:
    """The server's state. Raises ``ConfigurationError`` where there is none."""
    from strongroom.fleet.server.state import FleetState

    folder = folder_of(context)
    return FleetState(folder, configuration(folder)["server"].get("database", ""))


def gateways_of(found: Mapping[str, Any]) -> list[EnrollingGateway]:
    """The gateways that let hosts in when we ask; their tokens are fetched now. Raises ``UsageError``."""
    from strongroom.fleet.server.gateways import EnrollingGateway

    for name, one in found["gateway"].items():
        if ("user" in one) != ("token" in one):
            raise ConfigurationError("an enroller has both `user` and `token`", subject=f"gateway.{name}")
        if "user" not in one and "log_key" not in one:
            hint = "`user` and `token` of an enroller, or `log_key` to follow its receipts; or both."
            raise ConfigurationError("is of no use", subject=f"gateway.{name}", hint=hint)
    return [
        EnrollingGateway(one["url"], one["user"], _token(name, one["token"]), one.get("cacert", ""))
        for name, one in found["gateway"].items()
        if "user" in one
    ]


def _token(name: str, source: PasswordSource, key: str = "token") -> str:
    from strongroom.base.configuration.checks import PasswordSource
    from strongroom.cli.shared.passwords import fetch

    value = os.path.expanduser(source.value) if source.kind == "file" else source.value
    named = PasswordSource(source.kind, value, source.command, f"{FILE}: gateway.{name}.{key}")
    return fetch(named, label=f"gateway {name}").decode()


def followed_of(found: Mapping[str, Any]) -> list[FollowedGateway]:
    """The gateways whose logs are followed; their auditors' tokens are fetched now. Raises ``ConfigurationError``."""
    from strongroom.fleet.server.following.follower import FollowedGateway
    from strongroom.receipts.log.note import Verifier

    gateways = []
    for name, one in found["gateway"].items():
        if ("auditor" in one) != ("auditor_token" in one):
            raise ConfigurationError("an auditor has both `auditor` and `auditor_token`", subject=f"gateway.{name}")
        if "log_key" not in one:
            if "auditor" in one or "witness_key" in one:
                raise ConfigurationError("a log is believed by its `log_key` alone", subject=f"gateway.{name}")
            continue
        token = _token(name, one["auditor_token"], "auditor_token") if "auditor" in one else ""
        key = Verifier.parse(one["log_key"])
        witness = Verifier.parse(one["witness_key"]) if "witness_key" in one else None
        ca, auditor = one.get("cacert", ""), one.get("auditor", "")
        gateways.append(FollowedGateway(name, one["url"], key, auditor, token, ca, witness))
    return gateways


def certificate_of(folder: str, server: Mapping[str, Any]) -> tuple[str, str]:
    """The files of certificate and key; two empty texts where the URL is one of plain HTTP."""
    from strongroom.fleet.server.certificates import CERTIFICATE, KEY

    if urlsplit(server["url"]).scheme != "https":
        return "", ""
    own = os.path.join(folder, CERTIFICATE), os.path.join(folder, KEY)
    return server.get("tls_cert", own[0]), server.get("tls_key", own[1])


def pin_for(folder: str, server: Mapping[str, Any]) -> str:
    """What a token says of the server's certificate: its hash, or nothing where authorities vouch for it."""
    from strongroom.fleet.server.certificates import pin_of

    certificate, _ = certificate_of(folder, server)
    return pin_of(certificate) if certificate and server.get("pin", True) else ""


def ending_files(folder: str, server: Mapping[str, Any]) -> EndingFiles:
    """What of the server's ends by itself."""
    from strongroom.fleet.server.following.ending import EndingFiles

    certificate, _ = certificate_of(folder, server)
    return EndingFiles(server.get("card", ""), "" if server.get("pin", True) else certificate)


def listening_of(server: Mapping[str, Any]) -> tuple[str, int]:
    """Host and port to listen on: those of ``listen``, else every address and the URL's port.

    Raises ``ConfigurationError``.
    """
    text = server.get("listen")
    if text is None:
        try:
            return "", urlsplit(server["url"]).port or PORT
        except ValueError as error:  # a port that is none, or half an IPv6 address
            raise ConfigurationError(f"not a URL: {error}", subject=f"url = {server['url']!r}") from None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ConfigurationError("not an address", subject=f"listen = {text!r}", hint="such as 127.0.0.1:8040")
    return host.strip("[]"), int(port)


def card_of(server: Mapping[str, Any], now: int | None) -> SignedMessage | None:
    """The custodian's card, verified, and not ended at ``now`` where that is given; None where none is configured.

    Raises ``ConfigurationError``.
    """
    from strongroom.base.errors import Damaged
    from strongroom.fleet.protocol.signed import parse_signed
    from strongroom.fleet.protocol.token import parse_card

    path = server.get("card")
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            message = parse_signed(file.read(1 << 20))
        parse_card(message, now)
    except OSError as error:
        raise ConfigurationError(f"the card cannot be read: {error.strerror}", subject=path) from None
    except Damaged as error:
        hint = "The custodian makes a new one: `strongroom custody card`."
        raise ConfigurationError(error.what, subject=path, hint=hint) from None
    return message


def ago(moment: int | None, now: int) -> str:
    """How long ago, in a few letters."""
    if moment is None:
        return "never"
    minutes = max(0, now - moment) // 60
    if minutes < 120:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 2880 else f"{minutes // 1440} days ago"


def safe_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table of what the database says, which steers no terminal (threat E-5), whoever wrote it there."""
    from strongroom.cli.output.table import table
    from strongroom.fleet.protocol.fields import visible

    return table(headings, [[visible(str(cell)) for cell in row] for row in rows])
