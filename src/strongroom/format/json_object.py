"""Read one JSON object from bytes that somebody else wrote, and say `Damaged` for everything else."""

from __future__ import annotations

import json
from typing import Any

from strongroom.base.errors import Damaged


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
"""Made once: ``json.loads`` makes one for each call that wants anything of its own."""


def parse_object(data: bytes, what: str) -> dict[str, Any]:
    """The members of the one JSON object in ``data``; the caller has bounded its size.

    Raises ``Damaged`` for bad UTF-8, bad JSON, JSON that nests too deeply, and for anything that is not an object.
    """
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Damaged("is not the JSON that it should be", subject=what) from None
    if not isinstance(value, dict):
        raise Damaged("is JSON, but not an object", subject=what)
    return value


def text_member(members: dict[str, Any], name: str, what: str, default: str | None = None) -> str:
    """A string member; ``default`` (if not None) where it is missing or null. Raises ``Damaged``."""
    value = members.get(name, default)
    if value is None:
        value = default
    if not isinstance(value, str):
        raise Damaged(f"has no text in its field {name}", subject=what)
    return value


def integer_member(members: dict[str, Any], name: str, what: str, default: int | None = None) -> int:
    """A whole-number member, from 0 to 2^63-1; ``default`` (if not None) where it is missing. Raises ``Damaged``."""
    value = members.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise Damaged(f"has no number in its field {name}", subject=what)
    return value


def encode_object(members: dict[str, Any]) -> bytes:
    """Compact JSON in the members' order, as restic writes what is not hashed for its meaning."""
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
