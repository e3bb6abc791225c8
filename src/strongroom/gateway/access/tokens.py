"""Tokens: ``srg1_<id>_<43 base64url characters>``, 256 random bits, kept as a hash and found by their ID."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_FORM = re.compile(r"srg1_([0-9a-f]{16})_([A-Za-z0-9_-]{43})\Z")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token at the only moment at which it is known."""

    id: str
    text: str
    sha256: bytes


def new_token() -> NewToken:
    """A fresh token."""
    token_id = secrets.token_hex(8)
    secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    text = f"srg1_{token_id}_{secret}"
    return NewToken(token_id, text, _hash(text))


def token_id(text: str) -> str | None:
    """The ID of what looks like a token; None when it does not."""
    match = _FORM.match(text)
    return match[1] if match else None


def matches(text: str, sha256: bytes) -> bool:
    """Whether this token has that hash, in constant time."""
    return hmac.compare_digest(_hash(text), sha256)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
