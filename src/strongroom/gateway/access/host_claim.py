"""A host's claim to its place at a gateway: signed by its own key, with hashes of tokens that it made itself.

    strongroom-gateway-claim-1 NAME keep|new ID:SHA256,ID:SHA256,…

is what the host signs (Ed25519, RFC 8032). A fleet's server hands it on and learns no token by it. Each gateway takes
one of the tokens, so that none of them has what another one believes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from strongroom.base.errors import Refused

MOST_TOKENS = 8
_TOKEN = re.compile(r"([0-9a-f]{16}):([0-9a-f]{64})\Z")
_KEY = re.compile(r"[0-9a-f]{64}\Z")
_SIGNATURE = re.compile(r"[0-9a-f]{128}\Z")


@dataclass(frozen=True, slots=True)
class HostClaim:
    """A claim whose signature verified, as far as it concerns one gateway."""

    key: str
    """The ID of the host's key: the first 32 hexadecimal digits of its SHA-256."""
    keeps: bool
    """Whether the host goes on with the repository that is there, and does not begin another one."""
    token: str
    """The token's ID."""
    sha256: bytes


def read_claim(document: object, name: str, number: object) -> HostClaim:
    """The claim in a request about the host of this name; ``number`` is which of its tokens is for this gateway.

    Raises ``Refused`` for what is no claim, or is not signed by the key that it names.
    """
    fields: dict[str, Any] = document if isinstance(document, dict) else {}
    key, signature, keeps = fields.get("key"), fields.get("signature"), fields.get("keep")
    tokens = fields.get("tokens")
    if not isinstance(tokens, list) or not 1 <= len(tokens) <= MOST_TOKENS or not isinstance(keeps, bool):
        raise Refused("a host is let in by a claim that its own key signed")
    if type(number) is not int or not 0 <= number < len(tokens):
        raise Refused("the host has made no token for this gateway")
    found = [_TOKEN.match(one) if isinstance(one, str) else None for one in tokens]
    chosen = found[number]
    if not all(found) or chosen is None or not isinstance(key, str) or not isinstance(signature, str):
        raise Refused("the host's claim is not well formed")
    if not _KEY.match(key) or not _SIGNATURE.match(signature):
        raise Refused("the host's claim is not well formed")
    public = bytes.fromhex(key)
    text = f"strongroom-gateway-claim-1 {name} {'keep' if keeps else 'new'} {','.join(tokens)}"
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        raise Refused("the host's claim was not signed by the key that it names") from None
    return HostClaim(hashlib.sha256(public).hexdigest()[:32], keeps, chosen[1], bytes.fromhex(chosen[2]))
