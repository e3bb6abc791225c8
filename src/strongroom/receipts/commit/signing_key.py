"""The log's signing key: made at the first start, kept in one file that only its owner reads."""

from __future__ import annotations

import os
import stat

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.base.durable import write_new
from strongroom.base.errors import ConfigurationError
from strongroom.receipts.log.note import ED25519, Signer


def load_or_create(path: str, name: str, algorithm: int = ED25519) -> Signer:
    """The signer of this name with the key in the file, which is made (mode 0600) when it is not there.

    Raises ``ConfigurationError`` when others can read the file or it holds no Ed25519 key.
    """
    private = Ed25519PrivateKey.generate()
    data = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    if not os.path.exists(path):
        write_new(path, data, f"{path}.{os.getpid()}.{os.urandom(4).hex()}")  # of several that start at once, one wins
    return load(path, name, algorithm)


def load(path: str, name: str, algorithm: int = ED25519) -> Signer:
    """The signer of this name with the key in the file. Raises ``ConfigurationError``."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(4096)
    except OSError as error:
        raise ConfigurationError(f"the signing key cannot be read: {error.strerror}", subject=path) from None
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError("others can read the signing key", subject=path, hint=f"chmod 600 {path}")
    try:
        private = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError("not an Ed25519 key", subject=path)
    return Signer(name, private, algorithm)
