"""``custody card``: what the custodian vouches for to hosts that join a fleet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.errors import UsageError
from strongroom.cli.custody.shared import add_state, identity_of, open_state, signer_of

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context

_DESCRIPTION = """\
Write a card for a fleet's server: this custodian's key, the age recipients that custody keys are sealed to, and the
gateway that hosts back up to. Each invitation carries it, so that no server can put recipients of its own in their
place. It is signed, holds no secret, and is good for 90 days. The eight words are for `host enrol --custodian`.
"""


def arguments_card(parser: argparse.ArgumentParser) -> None:
    """Which gateway, and what each host may have there."""
    parser.description = _DESCRIPTION
    parser.add_argument("file", metavar="FILE", help="the card's file, which fleet.toml names")
    parser.add_argument("--gateway", required=True, metavar="URL", help="where hosts reach the gateway")
    parser.add_argument("--log-key", required=True, metavar="KEY", help="the verifier key of its log")
    parser.add_argument("--prefix", default="hosts", metavar="PATH", help="below which its hosts are (default: hosts)")
    add_state(parser, identity=True)


def run_card(context: Context) -> int:
    """Sign and write it; print the eight words."""
    from strongroom.custody.recovery.recipients import recipients
    from strongroom.fleet.protocol.fingerprint_words import words_of
    from strongroom.fleet.protocol.signed import sign_with
    from strongroom.fleet.protocol.strict_json import encode
    from strongroom.fleet.protocol.token import CARD, CARD_DAYS, Card, CardGateway, parse_card
    from strongroom.receipts.log.note import Verifier

    arguments = context.arguments
    log_key = str(Verifier.parse(arguments.log_key))
    with open_state(context) as state:
        sealed_to = (identity_of(context).recipient, *recipients(state))
        now = state.clock.now_ns() // 10**9
    signer = signer_of(context)
    public = signer.verifier.public
    gateway = CardGateway(arguments.gateway, log_key, arguments.prefix.strip("/"), 0)
    card = Card(public, sealed_to, (gateway,), now, now + CARD_DAYS * 86400)
    message = sign_with(signer.sign_bytes, public, CARD, encode(card.to_document()))
    try:
        parse_card(message, now)
        replace_file(os.path.abspath(arguments.file), message.to_bytes(), mode=0o644)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", subject=arguments.file) from None
    words = words_of(message.signer)
    if context.json:
        found = {"file": arguments.file, "custodian": words, "key": public.hex(), "until": card.until}
        context.out.json({"message_type": "custody_card"} | found)
    else:
        context.out.line(words)
    return 0
