"""Values as users write them: sizes, durations, key=value. Each raises ``ValueError`` with a sentence that says how."""

from __future__ import annotations

from datetime import datetime

from strongroom.base.clock import SYSTEM
from strongroom.base.quantities import (
    COMPRESSION_MODES,
    MOST_AT_ONCE,
    PACK_MEBIBYTES,
    duration,
    size,
    whole_number,
)
from strongroom.base.quantities import span as _span

__all__ = [
    "any_number",
    "at_once",
    "compression",
    "duration",
    "key_value",
    "key_values",
    "listed",
    "local_time",
    "nanoseconds",
    "pack_size",
    "rate",
    "size",
    "span",
    "tag_list",
    "whole_number",
]


def any_number(text: str) -> int:
    """A whole number, negative ones among them, which restic takes for none."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def span(text: str) -> str:
    """A span of calendar time such as ``1y6m7d``; empty where it is nothing."""
    return text.strip() if any(_span(text)) else ""


def rate(text: str) -> int:
    """KiB a second; nothing above 0 means no limit."""
    return max(0, any_number(text))


def at_once(text: str) -> int:
    """How many at once; 0 means the usual number."""
    number = whole_number(text)
    if number > MOST_AT_ONCE:
        raise ValueError(f"{number} at once are too many: {MOST_AT_ONCE} at most")
    return number


def pack_size(text: str) -> int:
    """MiB for each pack; 0 means the usual size."""
    number = whole_number(text)
    if number == 0:
        return 16
    if number not in PACK_MEBIBYTES:
        raise ValueError(f"{number} MiB is no size for packs: they have {PACK_MEBIBYTES[0]} to {PACK_MEBIBYTES[-1]}")
    return number


def compression(text: str) -> str:
    """One of restic's compression modes."""
    if text not in COMPRESSION_MODES:
        raise ValueError(f"{text!r} is not a compression mode: use one of {', '.join(COMPRESSION_MODES)}")
    return text


def listed(text: str) -> list[str]:
    """Words separated by commas, as restic's flag library has them: one with a comma stands in double quotes."""
    import csv

    try:
        return [word for line in csv.reader([text]) for word in line]
    except csv.Error:
        raise ValueError(f"{text!r} has a line break outside double quotes") from None


def key_values(text: str) -> list[tuple[str, str]]:
    """Extended options, ``key=value,key=value``."""
    return [key_value(pair) for pair in listed(text)]


def key_value(text: str) -> tuple[str, str]:
    """An extended option, ``key=value``."""
    key, _, value = text.partition("=")
    if not key.strip():
        raise ValueError(f"{text!r} is not of the form key=value")
    return key.strip().lower(), value.strip()


def tag_list(text: str) -> tuple[str, ...]:
    """Tags separated by commas; empty text is the empty list, which stands for untagged in a filter."""
    return tuple(tag.strip() for tag in text.split(",") if tag.strip())


def local_time(text: str) -> datetime:
    """A moment such as ``2012-11-01 22:08:41``, in local time, or ``now``; RFC 3339 with an offset is taken, too."""
    if text == "now":
        return datetime.fromtimestamp(SYSTEM.now_ns() / 10**9).astimezone()
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
