"""Values as users write them: sizes, durations, key=value. Each raises ``ValueError`` with a sentence that says how."""

from __future__ import annotations

from datetime import datetime

from strongroom.base.quantities import duration, size

__all__ = [
    "compression",
    "duration",
    "key_value",
    "local_time",
    "nanoseconds",
    "pack_size",
    "size",
    "tag_list",
    "whole_number",
]

COMPRESSION_MODES = ("auto", "off", "max", "fastest", "better")


def whole_number(text: str) -> int:
    """A number of zero or more."""
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def pack_size(text: str) -> int:
    """MiB for each pack, within restic's bounds, since a pack is in memory as a whole; 0 means the usual size."""
    number = whole_number(text)
    if number == 0:
        return 16
    if not 4 <= number <= 128:
        raise ValueError(f"{number} MiB is no size for packs: they have 4 to 128")
    return number


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
