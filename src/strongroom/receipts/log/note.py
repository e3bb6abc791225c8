"""Signed notes (https://c2sp.org/signed-note): a text, an empty line, and signature lines, with Ed25519.

Also the timestamped cosignature of a witness (cosignature/v1 of https://c2sp.org/tlog-cosignature). A verifier key
is ``<name>+<key ID as 8 hexadecimal digits>+<base64 of the algorithm's byte and the public key>``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from strongroom.base.errors import ConfigurationError, Damaged, LimitExceeded

ED25519 = 1
COSIGNATURE = 4
MAX_NOTE = 64 * 1024
MAX_SIGNATURES = 64
_DASH = "— "


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line: who, the key's ID (4 bytes) and what the key made."""

    name: str
    key_id: bytes
    data: bytes

    def line(self) -> str:
        """The line, with its end."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text (which ends with a line feed) and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The note's bytes."""
        return (self.text + "\n" + "".join(signature.line() for signature in self.signatures)).encode()


def _key_id(name: str, algorithm: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([algorithm]) + public).digest()[:4]


def check_name(name: str) -> str:
    """The name, when it can be a key's: not empty, no white space, no plus sign. Raises ``ConfigurationError``."""
    if not name or len(name) > 255 or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise ConfigurationError("a key's name has no space and no plus sign", subject=name)
    return name


class Verifier:
    """A public key with its name; ``algorithm`` is ``ED25519`` for logs and ``COSIGNATURE`` for witnesses."""

    def __init__(self, name: str, algorithm: int, public: bytes) -> None:
        self.name = check_name(name)
        self.algorithm = algorithm
        self.public = public
        self.key_id = _key_id(name, algorithm, public)
        self._key = Ed25519PublicKey.from_public_bytes(public)

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """From the key's one line. Raises ``ConfigurationError``."""
        hint = "it looks like name+0123abcd+base64"
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raise ConfigurationError("not a verifier key", subject=text[:80], hint=hint) from None
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise ConfigurationError("a verifier key of an unknown algorithm", subject=name)
        verifier = cls(name, raw[0], raw[1:])
        if verifier.key_id.hex() != key_id:
            raise ConfigurationError("the verifier key does not match its ID", subject=name)
        return verifier

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def verify(self, note: Note) -> int | None:
        """Raise ``Damaged`` unless this key signed the note. The cosignature's time in seconds, else None."""
        for signature in note.signatures:
            if signature.name == self.name and signature.key_id == self.key_id:
                return self._verify_one(note.text, signature.data)
        raise Damaged("not signed by the key that was expected", subject=self.name)

    def _verify_one(self, text: str, data: bytes) -> int | None:
        time: int | None = None
        message = text.encode()
        if self.algorithm == COSIGNATURE:
            if len(data) != 72:
                raise Damaged("a cosignature of another length", subject=self.name)
            (time,) = struct.unpack(">Q", data[:8])
            message, data = cosigned_message(text, time), data[8:]
        self.verify_bytes(data, message)
        return time

    def verify_bytes(self, signature: bytes, message: bytes) -> None:
        """Raise ``Damaged`` unless this key made the raw signature over the message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise Damaged("the signature does not verify", subject=self.name) from None


class Signer:
    """A private key with its name."""

    def __init__(self, name: str, private: Ed25519PrivateKey, algorithm: int = ED25519) -> None:
        self._private = private
        self.verifier = Verifier(name, algorithm, private.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        """The key's name; for a log, its origin."""
        return self.verifier.name

    def sign(self, text: str, time: int | None = None) -> Signature:
        """A signature over the text. ``time`` in seconds is due for cosignatures, and for these alone."""
        if self.verifier.algorithm == COSIGNATURE:
            if not time or time < 0:
                raise ValueError("a cosignature says when")
            data = struct.pack(">Q", time) + self._private.sign(cosigned_message(text, time))
        else:
            data = self._private.sign(text.encode())
        return Signature(self.name, self.verifier.key_id, data)

    def sign_bytes(self, message: bytes) -> bytes:
        """The raw signature over a message that can be no note: no line feed ends it, or it has a zero byte."""
        if message.endswith(b"\n") and b"\0" not in message:
            raise ValueError("this could be a note")
        return self._private.sign(message)


def cosigned_message(text: str, time: int) -> bytes:
    """What a cosignature is made over."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def parse_signatures(text: str) -> tuple[Signature, ...]:
    """The signature lines of a note or of a witness's answer. Raises ``Damaged`` or ``LimitExceeded``."""
    lines = text.split("\n")
    if lines.pop() != "" or not lines:
        raise Damaged("signature lines end with a line feed")
    if len(lines) > MAX_SIGNATURES:
        raise LimitExceeded(f"{len(lines)} signatures; at most {MAX_SIGNATURES} are read")
    return tuple(_parse_signature(line) for line in lines)


def parse_note(data: bytes) -> Note:
    """The note that these bytes spell; nothing is verified. Raises ``Damaged`` or ``LimitExceeded``."""
    if len(data) > MAX_NOTE:
        raise LimitExceeded(f"a note of {len(data)} bytes; at most {MAX_NOTE} are read")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise Damaged("a note that is not UTF-8") from None
    if any(ord(c) < 0x20 and c != "\n" for c in whole):
        raise Damaged("a note with control characters")
    text, found, lines = whole.rpartition("\n\n")
    if not found:
        raise Damaged("a note without signatures")
    return Note(text + "\n", parse_signatures(lines))


def _parse_signature(line: str) -> Signature:
    if not line.startswith(_DASH):
        raise Damaged("not a signature line")
    name, _, encoded = line[len(_DASH) :].partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Damaged("a signature that is not base64") from None
    if not name or len(raw) < 5:
        raise Damaged("a signature line that is too short")
    return Signature(name, raw[:4], raw[4:])
