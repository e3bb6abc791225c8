"""The signed promise that comes with an answer: this receipt will be in the log (header ``Strongroom-Receipt``).

``v1 <base64 of the leaf> <base64 of the signature>``. The signature is the log key's over
``strongroom-receipt/v1\\n<origin>\\n<leaf hash>`` without a final line feed, so it can never pass for a checkpoint. A
client keeps the promise and asks on its next run for the leaf with its proof: a gateway that answered and did not log
is caught with a signature of its own.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged
from strongroom.receipts.log.leaf import MAX_LEAF, Receipt, hash_of, parse

if TYPE_CHECKING:
    from strongroom.receipts.log.note import Signer, Verifier

HEADER = "Strongroom-Receipt"


def make(signer: Signer, data: bytes) -> str:
    """The header's value for an encoded leaf."""
    signature = signer.sign_bytes(_message(signer.name, data))
    return f"v1 {base64.b64encode(data).decode()} {base64.b64encode(signature).decode()}"


def check(verifier: Verifier, value: str) -> Receipt:
    """The receipt that was promised. Raises ``Damaged`` unless the log's key signed it."""
    data, signature = _split(value)
    verifier.verify_bytes(signature, _message(verifier.name, data))
    return parse(data)


def contents(value: str) -> tuple[Receipt, bytes]:
    """The receipt that a promise is about, and its leaf's bytes; the signature is not verified. Raises ``Damaged``."""
    data, _ = _split(value)
    return parse(data), data


def _split(value: str) -> tuple[bytes, bytes]:
    parts = value.split(" ")
    if len(parts) != 3 or parts[0] != "v1" or len(value) > 2 * MAX_LEAF:
        raise Damaged("not a promise of a receipt", subject=HEADER)
    try:
        data, signature = (base64.b64decode(part, validate=True) for part in parts[1:])
    except (binascii.Error, ValueError):
        raise Damaged("a promise that is not base64", subject=HEADER) from None
    return data, signature


def _message(origin: str, data: bytes) -> bytes:
    return f"strongroom-receipt/v1\n{origin}\n{hash_of(data)}".encode()
