"""Sizes and durations as users write them, on the command line and in the file.

Each raises ``ValueError`` with a sentence that says how. The patterns are for the schema of the file.
"""

from __future__ import annotations

import re

COMPRESSION_MODES = ("auto", "off", "fastest", "better", "max")
PACK_MEBIBYTES = range(4, 129)
"""Sizes for packs, within restic's bounds, since a pack is in memory as a whole."""
MOST_AT_ONCE = 256
"""Files read, or connections used, at once: each has a thread, and a slip of the finger must not start a million."""
LARGEST = (1 << 63) - 1
"""The largest size in bytes and the longest duration in nanoseconds, as in restic."""

_SIZE_TEXT = r"(\d+)\s*([bBkKmMgGtTpP]?)([iI]?[bB])?"
_PART_TEXT = r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)"
_SIZE = re.compile(_SIZE_TEXT + r"\Z", re.ASCII)
_FACTOR = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_DURATION_PART = re.compile(_PART_TEXT, re.ASCII)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

_SPAN_PART = re.compile(r"(-?\d+)(.?)", re.DOTALL | re.ASCII)
_MOST_OF_SPAN = (1 << 31) - 1

SPAN_PATTERN = r"^\s*([0-9]+[ymdh])+\s*$"
SHARE_PATTERN = r"^\s*[0-9]{1,2}(\.[0-9]*)?%\s*$"
SIZE_PATTERN = rf"^\s*{_SIZE_TEXT}\s*$"
DURATION_PATTERN = rf"^\s*(0|({_PART_TEXT})+)\s*$"


def whole_number(text: str) -> int:
    """A number of zero or more, and no larger than ``LARGEST``."""
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text!r} is not a whole number")
    if len(text) > 1000 or int(text) > LARGEST:  # Python itself converts no more than 4300 digits
        raise ValueError(f"a number of {len(text)} digits is too large")
    return int(text)


def size(text: str) -> int:
    """Bytes, from a number with an optional suffix k, m, g, t or p (powers of 1024), as restic takes the first four."""
    match = _SIZE.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size: write a number of bytes, or one with k, M, G or T, such as 500M")
    count = whole_number(match[1]) * _FACTOR[match[2].lower()]
    if count > LARGEST:
        raise ValueError(f"{text!r} is too large")
    return count


def share(text: str) -> float:
    """Percent, from such as ``5%``: at least 0 and below 100."""
    try:
        percent = float(text.removesuffix("%")) if text.endswith("%") else -1.0
    except ValueError:
        percent = -1.0
    if not 0 <= percent < 100:
        raise ValueError(f"{text!r} is not a share: write one from 0% to below 100%, for example 5%")
    return percent


def format_bytes(count: float) -> str:
    """``1.500 MiB``, with three digits behind the point, as restic writes it; below 1024 ``17 B``."""
    for factor, unit in _UNITS:
        if count >= factor:
            return f"{count / factor:.3f} {unit}"
    return f"{int(count)} B"


def duration(text: str) -> float:
    """Seconds, from Go's notation: ``90s``, ``5m``, ``1h30m``; a plain 0 is allowed."""
    text = text.strip()
    if text == "0":
        return 0.0
    parts = list(_DURATION_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise ValueError(f"{text!r} is not a duration: write for example 90s, 5m or 1h30m")
    seconds = sum(float(part[1]) * _SECONDS[part[2]] for part in parts)
    if seconds * 1e9 > LARGEST:
        raise ValueError("a duration is 292 years at most")
    return seconds


def span(text: str) -> tuple[int, int, int, int]:
    """Years, months, days and hours of a span of calendar time, as restic takes it: ``1y5m7d2h``, where m is months.

    The units stand in any order; the last of two counts.
    """
    found = dict.fromkeys("ymdh", 0)
    rest = text.strip()
    while rest:
        match = _SPAN_PART.match(rest)
        if match is None:
            raise ValueError(f"{text!r} is not a span of time: write for example 1y5m7d2h, where m is months")
        number, unit = int(match[1]), match[2]
        if unit not in found or not unit:
            raise ValueError(f"{text!r} has no unit that is known after {number}: y, m (months), d and h are")
        if not 0 <= number <= _MOST_OF_SPAN:
            raise ValueError(f"{text!r}: a number of 0 to {_MOST_OF_SPAN} is wanted before {unit}")
        found[unit] = number
        rest = rest[match.end() :]
    return found["y"], found["m"], found["d"], found["h"]


def duration_text(nanoseconds: int) -> str:
    """A duration in Go's notation, as restic writes it: ``1h2m3.5s``, ``204.5ms``, ``0s``."""
    sign, left = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    if left == 0:
        return "0s"
    for unit, factor in (("ns", 1), ("µs", 1000), ("ms", 1_000_000)):
        if left < 1000 * factor:
            return f"{sign}{_fraction(left, factor)}{unit}"
    minutes, left = divmod(left, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    before = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{before}{_fraction(left, 1_000_000_000)}s"


def _fraction(number: int, factor: int) -> str:
    whole, rest = divmod(number, factor)
    digits = f"{rest:0{len(str(factor)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
