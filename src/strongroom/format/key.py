"""Key files: the master key, wrapped with a key derived from a password (format page 1.3).

A key file is in the clear and anybody who can write to the repository can make one, so its parameters are checked
against a budget before a byte of memory is spent on them (threats K-1 to K-3).
"""

from __future__ import annotations

import binascii
from typing import Any

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.record import record
from strongroom.format.json_object import encode_object, integer_member, parse_object, text_member

MAX_FILE = 64 * 1024
"""Budget for a key file in bytes."""
MAX_MEMORY = 256 << 20
"""Budget for scrypt's memory, 128·N·r bytes."""
MAX_WORK = 1 << 23
"""Budget for scrypt's work, N·r·p."""
SALT_BYTES = 64

Material = tuple[bytes, bytes, bytes]
"""A master key: 32 bytes to encrypt, 16 bytes k and 16 bytes r to authenticate."""


@record
class KeyFile:
    """What a key file says. ``data`` is the envelope around the master key. Absent texts are empty (rustic)."""

    n: int
    r: int
    p: int
    salt: bytes
    data: bytes
    created: str = ""
    username: str = ""
    hostname: str = ""

    @property
    def work(self) -> int:
        """What trying this key costs, as N·r·p."""
        return self.n * self.r * self.p

    def encode(self) -> bytes:
        """The bytes to store, under the name of their SHA-256; fields as restic has them, empty ones left out.

        restic stops at a creation time that is there and empty.
        """
        texts = {"created": self.created, "username": self.username, "hostname": self.hostname}
        members: dict[str, Any] = {
            "kdf": "scrypt",
            "N": self.n,
            "r": self.r,
            "p": self.p,
            "salt": _base64_text(self.salt),
            "data": _base64_text(self.data),
        }
        return encode_object({name: text for name, text in texts.items() if text} | members)

    @classmethod
    def parse(cls, stored: bytes, what: str = "key") -> KeyFile:
        """Raises ``Damaged``, or ``LimitExceeded`` for parameters beyond the budget."""
        if len(stored) > MAX_FILE:
            raise LimitExceeded("is longer than any key file", subject=what)
        members = parse_object(stored, what)
        if members.get("kdf") != "scrypt":
            raise Damaged("does not use scrypt", subject=what)
        n, r, p = (integer_member(members, name, what) for name in ("N", "r", "p"))
        if n < 2 or n & (n - 1) or r < 1 or p < 1:
            raise Damaged("has parameters that scrypt does not know", subject=what)
        if 128 * n * r > MAX_MEMORY or n * r * p > MAX_WORK:
            raise LimitExceeded("asks for more work than any honest key", subject=what)
        salt = _base64(members, "salt", what)
        if len(salt) != SALT_BYTES:
            raise Damaged("has a salt that is not 64 bytes long", subject=what)
        texts = [text_member(members, name, what, "") for name in ("created", "username", "hostname")]
        return cls(n, r, p, salt, _base64(members, "data", what), *texts)


def encode_material(material: Material) -> bytes:
    """The plaintext inside a key file's envelope."""
    encrypt, k, r = (_base64_text(part) for part in material)
    return encode_object({"mac": {"k": k, "r": r}, "encrypt": encrypt})


def parse_material(plaintext: bytes, what: str = "key") -> Material:
    """The master key out of a key file. Raises ``Damaged``, also for keys of zeros, which restic never makes."""
    members = parse_object(plaintext, what)
    mac = members.get("mac")
    if not isinstance(mac, dict):
        raise Damaged("wraps no master key", subject=what)
    material = (_base64(members, "encrypt", what), _base64(mac, "k", what), _base64(mac, "r", what))
    if tuple(map(len, material)) != (32, 16, 16) or not all(map(any, material)):
        raise Damaged("wraps a master key that cannot be one", subject=what)
    return material


def _base64_text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _base64(members: dict[str, Any], name: str, what: str) -> bytes:
    try:
        return binascii.a2b_base64(text_member(members, name, what), strict_mode=True)
    except (binascii.Error, ValueError):
        raise Damaged(f"has no base64 in its field {name}", subject=what) from None
