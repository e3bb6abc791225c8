"""Sizes and durations as users write them, on the command line and in the file.

Each raises ``ValueError`` with a sentence that says how. The patterns are for the schema of the file.
"""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d+)\s*([bBkKmMgGtT]?)([iI]?[bB])?\Z")
_FACTOR = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

SIZE_PATTERN = r"^\s*\d+\s*[bBkKmMgGtT]?([iI]?[bB])?\s*$"
DURATION_PATTERN = r"^\s*(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+)\s*$"


def size(text: str) -> int:
    """Bytes, from a number with an optional suffix k, m, g or t (powers of 1024), as restic takes them."""
    match = _SIZE.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size: write a number of bytes, or one with k, M, G or T, such as 500M")
    return int(match[1]) * _FACTOR[match[2].lower()]


def duration(text: str) -> float:
    """Seconds, from Go's notation: ``90s``, ``5m``, ``1h30m``; a plain 0 is allowed."""
    text = text.strip()
    if text == "0":
        return 0.0
    parts = list(_DURATION_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise ValueError(f"{text!r} is not a duration: write for example 90s, 5m or 1h30m")
    return sum(float(part[1]) * _SECONDS[part[2]] for part in parts)
