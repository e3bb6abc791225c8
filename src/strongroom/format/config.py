"""The config: which repository this is, which version of the format, how files are cut (format page 1.4)."""

from __future__ import annotations

import re
from typing import Any

from strongroom import _kernel
from strongroom.base.errors import Damaged, Unsupported
from strongroom.base.objects import is_object_name
from strongroom.base.record import field, record
from strongroom.format.json_object import encode_object, integer_member, parse_object, text_member

VERSIONS = (1, 2)
MAX_PLAINTEXT = 64 * 1024
"""Budget for the decrypted config in bytes (threat B-3)."""

_HEX = re.compile(r"[0-9a-fA-F]{1,16}\Z")
_KNOWN = ("version", "id", "chunker_polynomial")
_RESTIC_CHUNKS = {"chunk_size": 1 << 20, "chunk_min_size": 512 << 10, "chunk_max_size": 8 << 20}


@record
class RepositoryConfig:
    """``id`` is 64 hexadecimal digits; ``polynomial`` irreducible of degree 53; ``extra`` what other programs added."""

    version: int
    id: str
    polynomial: int
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def backup_obstacle(self) -> str | None:
        """Why backup must not write here, or None: rustic's kinds of repository that restic has no notion of."""
        if self.extra.get("is_hot") is True:
            return "is the hot part of a hot/cold repository of rustic, which lacks the data packs"
        if self.extra.get("chunker") not in (None, "Rabin"):
            return "is cut into chunks of fixed size by rustic; our chunks would share nothing with what is there"
        return None

    @property
    def foreign_chunk_sizes(self) -> bool:
        """Whether rustic cuts other sizes here: backup works, but finds little in common with what is there."""
        return any(self.extra.get(name) not in (None, size) for name, size in _RESTIC_CHUNKS.items())

    def encode(self) -> bytes:
        """The plaintext to encrypt: never compressed, fields in restic's order, foreign ones kept behind them."""
        known = {"version": self.version, "id": self.id, "chunker_polynomial": f"{self.polynomial:x}"}
        return encode_object(known | self.extra)

    @classmethod
    def parse(cls, plaintext: bytes) -> RepositoryConfig:
        """Raises ``Damaged``; ``Unsupported`` for a version that is neither 1 nor 2."""
        if len(plaintext) > MAX_PLAINTEXT:
            raise Damaged("is longer than any config", subject="config")
        members = parse_object(plaintext, "config")
        version = integer_member(members, "version", "config")
        if version not in VERSIONS:
            raise Unsupported(
                f"has version {version} of the format",
                subject="config",
                hint="Only versions 1 and 2 exist as we know it.",
            )
        identity = text_member(members, "id", "config")
        if not is_object_name(identity):
            raise Damaged("has an ID that is not 64 hexadecimal digits", subject="config")
        digits = text_member(members, "chunker_polynomial", "config")
        polynomial = int(digits, 16) if _HEX.match(digits) else 0
        extra = {name: value for name, value in members.items() if name not in _KNOWN}
        if extra.get("chunker") in (None, "Rabin"):
            check_polynomial(polynomial)
        return cls(version, identity, polynomial, extra)


def check_polynomial(polynomial: int) -> None:
    """Raise ``Damaged`` unless it is irreducible and of degree 53: restic opens no other."""
    if polynomial.bit_length() != 54 or not _kernel.is_irreducible(polynomial):
        raise Damaged("has a chunker polynomial that is not irreducible of degree 53", subject="config")
