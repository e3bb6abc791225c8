"""Values as users write them: sizes, durations, key=value. Each raises ``ValueError`` with a sentence that says how."""

from __future__ import annotations

import re
from datetime import datetime

_SIZE = re.compile(r"(\d+)\s*([bBkKmMgGtT]?)([iI]?[bB])?\Z")
_FACTOR = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

COMPRESSION_MODES = ("auto", "off", "max", "fastest", "better")


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


def whole_number(text: str) -> int:
    """A number of zero or more."""
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def compression(text: str) -> str:
    """One of restic's compression modes."""
    if text not in COMPRESSION_MODES:
        raise ValueError(f"{text!r} is not a compression mode: use one of {', '.join(COMPRESSION_MODES)}")
    return text


def key_value(text: str) -> tuple[str, str]:
    """An extended option, ``key=value``."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ValueError(f"{text!r} is not of the form key=value")
    return key.strip().lower(), value.strip()


def tag_list(text: str) -> tuple[str, ...]:
    """Tags separated by commas; empty text is the empty list, which stands for untagged in a filter."""
    return tuple(tag.strip() for tag in text.split(",") if tag.strip())


def local_time(text: str) -> datetime:
    """A moment such as ``2012-11-01 22:08:41``, in local time, or ``now``; RFC 3339 with an offset is taken, too."""
    if text == "now":
        return datetime.now().astimezone()
    for layout in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, layout).astimezone()
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time: write it like 2012-11-01 22:08:41") from None
    return moment.astimezone()


def nanoseconds(moment: datetime) -> int:
    """Since 1970-01-01 UTC, exactly: a float would lose the last digits."""
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000_000 + moment.microsecond * 1000
