"""The signing key of the recovery identity: derived from the line that was printed, so the sheet needs no other."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.base.errors import ConfigurationError
from strongroom.custody.identity import load_file
from strongroom.receipts.log.note import ED25519, Signer

_NAME = "recovery"
_ABOUT = b"strongroom custody: the recovery identity names operators, 1"


def recovery_signer(line: str) -> Signer:
    """From the line itself, ``AGE-SECRET-KEY-1…``. What it signs says nothing of the identity."""
    seed = HKDF(hashes.SHA256(), 32, salt=None, info=_ABOUT).derive(line.strip().upper().encode())
    return Signer(_NAME, Ed25519PrivateKey.from_private_bytes(seed), ED25519)


def recovery_signer_of(path: str, recipients: tuple[str, ...] | None) -> Signer:
    """From a file with that line. ``recipients``: those that the state seals to, where there is one.

    Raises ``ConfigurationError`` where it cannot be read, is open to others or belongs to another state.
    """
    identity = load_file(path)
    if recipients is not None and identity.recipient not in recipients:
        raise ConfigurationError("is not the recovery identity that `custody init` printed here", subject=path)
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    return recovery_signer(lines[0])
