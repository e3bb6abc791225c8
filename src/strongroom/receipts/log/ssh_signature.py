"""Signatures that stock OpenSSH verifies (PROTOCOL.sshsig): ``ssh-keygen -Y verify``, with the same Ed25519 keys.

For what a person has to check without any program of ours.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged

if TYPE_CHECKING:
    from strongroom.receipts.log.note import Signer, Verifier

BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_KIND = b"ssh-ed25519"
_HASH = b"sha512"
_WIDTH = 70
_SIGNATURE = 64


def ssh_line(verifier: Verifier) -> str:
    """The public key as a line of ``authorized_keys`` has it, without a comment."""
    return f"{_KIND.decode()} {base64.b64encode(_key(verifier)).decode()}"


def sign_ssh(signer: Signer, namespace: str, message: bytes) -> str:
    """The armoured signature, each line with its end."""
    return _armoured(signer.verifier, namespace, signer.sign_bytes(_signed(namespace, message)))


def verify_ssh(verifier: Verifier, namespace: str, message: bytes, armoured: str) -> None:
    """Raise ``Damaged`` unless this key made exactly this signature over the message, for this namespace."""
    lines = armoured.splitlines()
    try:
        signature = base64.b64decode("".join(lines[1:-1]), validate=True)[-_SIGNATURE:]
    except (ValueError, binascii.Error):
        raise Damaged("a signature that is not base64") from None
    if len(signature) != _SIGNATURE or armoured != _armoured(verifier, namespace, signature):
        raise Damaged("not signed by the key that was expected", subject=verifier.name)
    verifier.verify_bytes(signature, _signed(namespace, message))


def _signed(namespace: str, message: bytes) -> bytes:
    digest = hashlib.sha512(message).digest()
    return _MAGIC + _strings(namespace.encode(), b"", _HASH, digest)


def _armoured(verifier: Verifier, namespace: str, signature: bytes) -> str:
    made = _strings(_key(verifier), namespace.encode(), b"", _HASH, _strings(_KIND, signature))
    text = base64.b64encode(_MAGIC + struct.pack(">I", 1) + made).decode()
    lines = [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
    return "".join(f"{line}\n" for line in (BEGIN, *lines, END))


def _key(verifier: Verifier) -> bytes:
    return _strings(_KIND, verifier.public)


def _strings(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)
