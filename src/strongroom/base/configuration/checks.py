"""What values in a file of configuration may be.

Each takes a value as TOML has it, and raises ``ValueError`` with what it must be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.quantities import (
    COMPRESSION_MODES,
    LARGEST,
    MOST_AT_ONCE,
    PACK_MEBIBYTES,
    duration,
    share,
    size,
    span,
)
from strongroom.base.record import field, record

if TYPE_CHECKING:
    from collections.abc import Mapping


_DEAREST = 1e9
"""More is no price."""


@record
class PasswordSource:
    """Where a password comes from: ``kind`` is file, command, env, value or none; ``value`` the path, command, name.

    ``command`` is the words to run. ``value`` stays out of ``repr``, since for the kind ``value`` it is the secret.
    """

    kind: str
    value: str = field(default="", repr=False)
    command: tuple[str, ...] = ()
    origin: str = ""

    def describe(self) -> str:
        """For people and ``config show``: never the secret itself."""
        if self.kind == "command":
            return f"command: {self.command[0] if self.command else self.value.split(' ', 1)[0]} (arguments not shown)"
        return {
            "file": f"file: {self.value}",
            "env": f"environment variable {self.value}",
            "none": "no password",
        }.get(self.kind, "(hidden)")


def text(value: object) -> str:
    """Text that is not empty. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    if not value:
        raise ValueError("must not be empty")
    if "\0" in value:
        raise ValueError("must hold no NUL character")
    return value


def texts(value: object) -> tuple[str, ...]:
    """One text or several. Raises ``ValueError`` with what it must be."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError('must be a list of texts, such as ["one", "two"]')
    return tuple(map(text, value))


def truth(value: object) -> bool:
    """True or false. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def number(value: object) -> int:
    """A whole number of zero or more. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("must be a whole number of zero or more")
    if value > LARGEST:
        raise ValueError("is too large")
    return value


def price(value: object) -> float:
    """An amount of money, zero or more. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= _DEAREST:
        raise ValueError("must be a number of zero or more")
    return float(value)


def at_once(value: object) -> int:
    """How many at once; 0 means the usual number. Raises ``ValueError`` with what it must be."""
    if number(value) > MOST_AT_ONCE:
        raise ValueError(f"must be a whole number from 0 to {MOST_AT_ONCE}")
    return number(value)


def size_text(value: object) -> str:
    """A size such as "500M". Raises ``ValueError`` with what it must be."""
    size(text(value))
    return text(value)


def unused_text(value: object) -> str:
    """A share such as "5%", a size, or "unlimited". Raises ``ValueError`` with what it must be."""
    found = text(value).strip()
    if found.endswith("%"):
        share(found)
    elif found != "unlimited":
        size(found)
    return found


def duration_text(value: object) -> str:
    """A duration such as "5m". Raises ``ValueError`` with what it must be."""
    duration(text(value))
    return text(value)


def pack_size(value: object) -> int:
    """MiB for each pack. Raises ``ValueError`` with what it must be."""
    if number(value) not in PACK_MEBIBYTES:
        raise ValueError(f"must be a whole number from {PACK_MEBIBYTES[0]} to {PACK_MEBIBYTES[-1]}")
    return number(value)


def options(value: object) -> Mapping[str, str]:
    """Texts by name, for the kind of store in use. Raises ``ValueError`` with what it must be."""
    if not isinstance(value, dict) or not all(isinstance(item, str | int | bool) for item in value.values()):
        raise ValueError('must be a table of texts, such as { "rest.connections" = "10" }')
    return {key.lower(): str(item).lower() if isinstance(item, bool) else str(item) for key, item in value.items()}


def password(value: object) -> PasswordSource:
    """Where a password comes from. Raises ``ValueError`` with what it must be."""
    how = 'write { command = ["pass", "show", "backup"] }, { file = "/path" } or { env = "NAME" }'
    if isinstance(value, str):
        raise ValueError("a password does not stand in this file: " + how)
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in {"command", "file", "env"}:
        raise ValueError(how)
    ((kind, given),) = value.items()
    if kind == "command":
        words = (
            PasswordSource("command", command=texts(given)) if isinstance(given, list) else _shell_words(text(given))
        )
        if not words.command:
            raise ValueError("the command is empty: " + how)
        return words
    return PasswordSource(kind, text(given))


def _shell_words(text: str) -> PasswordSource:
    import shlex

    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"is not a command line: {error}") from None
    return PasswordSource("command", text, words)


def compression(value: object) -> str:
    """A mode of compression. Raises ``ValueError`` with what it must be."""
    if value not in COMPRESSION_MODES:
        raise ValueError("must be one of " + ", ".join(f'"{mode}"' for mode in COMPRESSION_MODES))
    return str(value)


def size_value(value: object) -> int:
    """Bytes, as a number or a size such as "500M". Raises ``ValueError`` with what it must be."""
    return number(value) if isinstance(value, int) else size(text(value))


def seconds(value: object) -> float:
    """Seconds, as a number or a duration such as "5m". Raises ``ValueError`` with what it must be."""
    if isinstance(value, str):
        return duration(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise ValueError('must be a number of seconds, or a duration such as "5m"')
    return value


def span_text(value: object) -> str:
    """A span such as "1y6m" or "7d". Raises ``ValueError`` with what it must be."""
    span(text(value))
    return text(value)


def keep_count(value: object) -> int:
    """How many to keep, -1 for all. Raises ``ValueError`` with what it must be."""
    if value == "unlimited":
        return -1
    try:
        return number(value)
    except ValueError:
        raise ValueError('must be a whole number of zero or more, or "unlimited"') from None
