"""A host's claim to its place at gateways: hashes of tokens that it made, signed by its key, which a server hands on.

The server learns no token by it, and cannot claim in the host's place later. A gateway reads it by rules of its own
(``gateway/access/host_claim.py``): the two share these bytes and no code.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from strongroom.base.record import record
from strongroom.fleet.protocol.token import MOST_GATEWAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.fleet.protocol.fields import Fields
    from strongroom.fleet.protocol.signed import KeyPair

_LONGEST = 16 + 1 + 64


@record
class GatewayClaim:
    """``tokens``: ID and SHA-256 of one for each gateway; ``keep``: whether the repository that is there goes on."""

    key: bytes
    keep: bool
    tokens: tuple[str, ...]
    signature: str

    def to_document(self) -> dict[str, Any]:
        """The object in ``enrol-begin``, and in the server's request to a gateway."""
        named = {"key": self.key.hex(), "keep": self.keep, "tokens": list(self.tokens)}
        return named | {"signature": self.signature}


def new_tokens() -> list[str]:
    """A token for each gateway that there may be, as gateways have them."""
    made = []
    for _ in range(MOST_GATEWAYS):
        secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        made.append(f"srg1_{secrets.token_hex(8)}_{secret}")
    return made


def make_claim(pair: KeyPair, name: str, tokens: Sequence[str], *, keep: bool) -> GatewayClaim:
    """The claim of the host with this key to be called ``name`` where it is let in by these tokens."""
    hashed = tuple(f"{one.split('_')[1]}:{hashlib.sha256(one.encode()).hexdigest()}" for one in tokens)
    text = f"strongroom-gateway-claim-1 {name} {'keep' if keep else 'new'} {','.join(hashed)}"
    return GatewayClaim(pair.public, keep, hashed, pair.sign_text(text).hex())


def parse_claim(fields: Fields, key: bytes) -> GatewayClaim:
    """From an ``enrol-begin`` of the host with this key. The gateway verifies it. Raises ``Damaged``, …"""
    tokens = fields.texts("tokens", MOST_GATEWAYS, _LONGEST)
    return GatewayClaim(key, fields.flag("keep"), tokens, fields.hexadecimal("signature", 64))
