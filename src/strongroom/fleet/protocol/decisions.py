"""What waits for the custodian at the fleet's server: keys that hosts have sealed to it, and that it is to open.

It asks with a signed message, of which the server believes the time, so that nobody asks in its place later. What it
hears is signed by hosts and believed by nobody else: a host's ID is the hash of its key.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import Any

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.record import record
from strongroom.fleet.protocol.fields import Fields, visible
from strongroom.fleet.protocol.signed import MOST_BODY, SignedMessage, parse_signed
from strongroom.fleet.protocol.strict_json import decode, encode

DECISIONS = "decisions"
MOST_OPENINGS = 20
MOST_DECISIONS = 60 * 1024
"""Bytes of the answer, at most: what waits beyond them comes next time."""


def question(at: int) -> bytes:
    """The body that the custodian signs as a message of the kind ``DECISIONS``; ``at`` in seconds since 1970."""
    return encode({"at": at})


def parse_question(message: SignedMessage) -> int:
    """When it was asked, from a message whose signature was verified. Raises ``Damaged`` or ``LimitExceeded``."""
    return Fields(message.document("the question"), "the question").number("at")


@record
class AwaitedOpening:
    """A host that has joined: what the server calls it, its public key, and its ``enrol-done`` as it was sent."""

    name: str
    public: bytes
    done: SignedMessage

    def to_document(self) -> dict[str, Any]:
        """The object in the answer."""
        done = base64.b64encode(self.done.to_bytes()).decode()
        return {"name": self.name, "public": self.public.hex(), "done": done}


def decisions_answer(now: int, openings: list[AwaitedOpening]) -> bytes:
    """The answer, with as many as fit."""
    found: list[dict[str, Any]] = []
    size = 200
    for one in openings[:MOST_OPENINGS]:
        document = one.to_document()
        size += len(encode(document)) + 1
        if size > MOST_DECISIONS:
            break
        found.append(document)
    return encode({"now": now, "openings": found})


def parse_decisions(data: bytes) -> tuple[AwaitedOpening, ...]:
    """What can be read of it: one that makes no sense hides no other. Raises ``Damaged`` or ``LimitExceeded`` for an
    answer that is none; no signature is verified yet."""
    fields = Fields(decode(data, 2 * MOST_DECISIONS, "the server's answer"), "the server's answer")
    found = []
    for one in fields.each("openings", MOST_OPENINGS):
        with contextlib.suppress(Damaged, LimitExceeded):
            public = bytes.fromhex(one.hexadecimal("public", 32))
            found.append(AwaitedOpening(visible(one.text("name")), public, _message(one.text("done", MOST_BODY))))
    return tuple(found)


def _message(text: str) -> SignedMessage:
    try:
        return parse_signed(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise Damaged("a message that is not base64") from None
