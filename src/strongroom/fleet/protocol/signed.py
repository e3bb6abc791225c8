"""Signed messages: Ed25519 (RFC 8032) over the exact bytes that were sent, with who signed what kind of message.

    strongroom-fleet-1 KIND SIGNER SIGNATURE\\n
    body

``SIGNER`` is the signer's ID, 32 hexadecimal digits: the first half of the SHA-256 of its public key. The signature,
in base64url without padding, is over ``strongroom-fleet-1 KIND SIGNER\\n`` and the body, so that none counts as a
message of another kind or of another signer. A message is kept, hashed and passed on as these bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.record import record
from strongroom.fleet.protocol.strict_json import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable

MEDIA_TYPE = "application/vnd.strongroom.signed"
MOST_BODY = 512 * 1024
_HEAD = re.compile(rb"strongroom-fleet-1 ([a-z-]{1,32}) ([0-9a-f]{32}) ([A-Za-z0-9_-]{86})\n")
_LONGEST_HEAD = 200


class Forged(Damaged):
    """A signature or a proof that does not verify: whoever sent this does not have the key."""


def signer_id(public: bytes) -> str:
    """The ID of whoever has the key: of a host, its name for the machine; of a custodian, what a host pins."""
    return hashlib.sha256(public).hexdigest()[:32]


@record
class SignedMessage:
    """A message as it was sent. Nothing is verified until ``verify`` has returned."""

    kind: str
    signer: str
    signature: bytes
    body: bytes

    def to_bytes(self) -> bytes:
        """What is sent and kept."""
        text = base64.urlsafe_b64encode(self.signature).rstrip(b"=")
        return _subject(self.kind, self.signer)[:-1] + b" " + text + b"\n" + self.body

    @property
    def sha256(self) -> str:
        """The hash of the body, which the next report of a chain names."""
        return hashlib.sha256(self.body).hexdigest()

    def document(self, what: str) -> dict[str, Any]:
        """The body as a document. Raises ``Damaged`` or ``LimitExceeded``."""
        return decode(self.body, MOST_BODY, what)

    def verify(self, kind: str, public: bytes) -> None:
        """Raise ``Forged`` unless whoever has this key (32 bytes) signed this as a message of this kind."""
        if self.kind != kind:
            raise Forged(f"a message of the kind {self.kind}, where {kind} was expected")
        if signer_id(public) != self.signer:
            raise Forged("signed by another key than the one that was expected", subject=self.signer)
        try:
            key = Ed25519PublicKey.from_public_bytes(public)
            key.verify(self.signature, _subject(self.kind, self.signer) + self.body)
        except (InvalidSignature, ValueError):
            raise Forged("the signature does not verify", subject=self.signer) from None


def _subject(kind: str, signer: str) -> bytes:
    return f"strongroom-fleet-1 {kind} {signer}\n".encode()


def parse_signed(data: bytes, most: int = MOST_BODY) -> SignedMessage:
    """A message from its bytes; nothing is verified. Raises ``Damaged`` or ``LimitExceeded``."""
    if len(data) > most + _LONGEST_HEAD:
        raise LimitExceeded(f"a message of {len(data)} bytes; at most {most} are read")
    head = _HEAD.match(data)
    if head is None:
        raise Damaged("not a signed message of the fleet")
    try:
        signature = base64.b64decode(head[3] + b"==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Damaged("a signature that is not base64url") from None
    found = SignedMessage(head[1].decode(), head[2].decode(), signature, data[head.end() :])
    if found.to_bytes() != data:
        raise Damaged("a signature in another spelling than the one that is written")  # one message, one hash
    return found


class KeyPair:
    """An Ed25519 key of a host. Its 32 secret bytes are kept by whoever made it, in a file of mode 0600."""

    def __init__(self, secret: bytes) -> None:
        """Raises ``Damaged`` unless these are 32 bytes."""
        if len(secret) != 32:
            raise Damaged(f"a key of {len(secret)} bytes, where 32 are due")
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._private.public_key().public_bytes_raw()
        self.id = signer_id(self.public)

    def sign(self, kind: str, document: dict[str, Any]) -> SignedMessage:
        """The document as a signed message."""
        return sign_with(self._private.sign, self.public, kind, encode(document))

    def sign_text(self, text: str) -> bytes:
        """The 64 bytes of a signature over a text that begins with what it is for, as no signed message does."""
        return self._private.sign(text.encode())


def sign_with(sign: Callable[[bytes], bytes], public: bytes, kind: str, body: bytes) -> SignedMessage:
    """A signed message by whoever has ``sign``, such as the custodian with its ``Signer.sign_bytes``.

    Raises ``LimitExceeded`` for a body that no reader would take.
    """
    if len(body) > MOST_BODY:
        raise LimitExceeded(f"a message of {len(body)} bytes; at most {MOST_BODY} are sent")
    signer = signer_id(public)
    return SignedMessage(kind, signer, sign(_subject(kind, signer) + body), body)
