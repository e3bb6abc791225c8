"""The custodian's identity: an age key pair (X25519). What is sealed to its recipient, it alone opens."""

from __future__ import annotations

import os
import stat

import pyrage
from pyrage import x25519

from strongroom.base.durable import write_new
from strongroom.base.errors import ConfigurationError, Damaged, Exists

_MAX_FILE = 64 << 10
_NOT_OURS = "No matching keys found"
"""What age says of a file that was sealed to others."""


class WrongIdentity(ConfigurationError):
    """Sealed to another identity: nothing is wrong with the repository, and no round can be made with this one."""


class Identity:
    """An age identity in memory. It never shows itself."""

    def __init__(self, secret: x25519.Identity) -> None:
        self._secret = secret
        self.recipient = str(secret.to_public())
        """What others seal to: ``age1…``."""

    def __repr__(self) -> str:
        return f"Identity({self.recipient})"

    def unseal(self, sealed: bytes, what: str) -> bytes:
        """What was sealed to our recipient. Raises ``WrongIdentity``, or ``Damaged``, naming ``what``."""
        try:
            return bytes(pyrage.decrypt(sealed, [self._secret]))
        except pyrage.DecryptError as error:
            if _NOT_OURS in str(error):
                raise WrongIdentity(
                    "is sealed to another identity",
                    subject=what,
                    hint=f"The recipient of this one is {self.recipient}; --identity names the right file.",
                ) from None
            raise Damaged(
                "is damaged: no identity opens it", subject=what, hint="Bring back a copy of the custodian's state."
            ) from None

    def unseal_file(self, sealed: str, plain: str) -> None:
        """``unseal`` from file to file, however large. Raises ``Damaged``, and OSError for the files."""
        os.close(os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        os.close(os.open(sealed, os.O_RDONLY))
        try:
            pyrage.decrypt_file(sealed, plain, [self._secret])
        except pyrage.DecryptError:
            raise Damaged(
                "is not sealed to this identity, or is damaged",
                subject=sealed,
                hint=f"This identity's recipient is {self.recipient}.",
            ) from None


def seal(data: bytes, recipients: tuple[str, ...]) -> bytes:
    """The age file that each of these recipients opens. Raises ``ConfigurationError`` for what is no recipient."""
    try:
        keys = [x25519.Recipient.from_str(recipient) for recipient in recipients]
    except pyrage.RecipientError:
        raise ConfigurationError(
            "not an age recipient", subject=", ".join(recipients), hint="It looks like age1…, in 62 letters."
        ) from None
    return bytes(pyrage.encrypt(data, keys))


def generate() -> tuple[Identity, str]:
    """A new identity, and the line that is the secret itself."""
    secret = x25519.Identity.generate()
    return Identity(secret), str(secret)


def create_file(path: str) -> Identity:
    """Make an identity in a new file of mode 0600. Raises ``Exists`` when there is one, ``ConfigurationError``."""
    identity, secret = generate()
    text = f"# recipient: {identity.recipient}\n{secret}\n".encode()
    try:
        made = write_new(path, text, f"{path}.{os.getpid()}.new")
    except OSError as error:
        raise ConfigurationError(f"cannot be written: {error.strerror}", subject=path) from None
    if not made:
        raise Exists("there is an identity already", subject=path)
    return identity


def load_file(path: str) -> Identity:
    """The identity in a file that only its owner reads. Raises ``ConfigurationError``."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_FILE)
    except OSError as error:
        raise ConfigurationError(
            f"the identity cannot be read: {error.strerror}",
            subject=path,
            hint="`strongroom custody init` makes one; --identity names another file.",
        ) from None
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigurationError("others can read the identity", subject=path, hint=f"chmod 600 {path}")
    return parse(data, path)


def parse(data: bytes, origin: str) -> Identity:
    """The identity in the lines of an age identity file. Raises ``ConfigurationError`` naming ``origin``."""
    for line in data.decode("utf-8", "replace").splitlines():
        if line.strip() and not line.startswith("#"):
            try:
                return Identity(x25519.Identity.from_str(line.strip()))
            except pyrage.IdentityError:
                break
    raise ConfigurationError("holds no age identity", subject=origin, hint="A line of it begins AGE-SECRET-KEY-1.")
