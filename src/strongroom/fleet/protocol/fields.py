"""Reading the fields of a document that somebody else wrote, each with its type and bounds."""

from __future__ import annotations

import re
from typing import Any

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.fleet.protocol.strict_json import MOST

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?\Z")
"""Names of hosts, sources, repositories and jobs on the wire: what is safe in a path, a unit and a label."""
_HEX = re.compile(r"[0-9a-f]*\Z")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and the marks that turn the direction of writing (threat E-5)."""
_UNSAFE_IN_LOG = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """A text for people, with control and bidirectional characters as ``\\x1b`` and ``\\u202e`` (threat E-5)."""
    return _CONTROL.sub(_escape, text)


def visible_lines(text: str) -> str:
    """``visible`` for several lines: line feeds and tabs stay."""
    return _UNSAFE_IN_LOG.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


class Fields:
    """The fields of one object. Each method raises ``Damaged``, or ``LimitExceeded`` for what is too long."""

    def __init__(self, document: dict[str, Any], what: str) -> None:
        self._document = document
        self._what = what

    def _value(self, name: str, kind: type | tuple[type, ...], words: str) -> Any:
        value = self._document.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise Damaged(f"{self._what}: `{name}` must be {words}")
        return value

    def absent(self, name: str) -> bool:
        """Whether the field is missing, or null."""
        return self._document.get(name) is None

    def text(self, name: str, most: int = 200) -> str:
        """A text of at most ``most`` characters."""
        value: str = self._value(name, str, "a text")
        if len(value) > most:
            raise LimitExceeded(f"{self._what}: `{name}` has {len(value)} characters; at most {most} are read")
        if "\0" in value:  # which PostgreSQL keeps in no text, and nobody writes
            raise Damaged(f"{self._what}: `{name}` has a character of code 0")
        return value

    def name(self, name: str) -> str:
        """A name by ``NAME``."""
        value = self.text(name)
        if not NAME.match(value):
            raise Damaged(f"{self._what}: `{name}` must be a name of a-z, 0-9, dot, dash and underscore")
        return value

    def hexadecimal(self, name: str, size: int, *, empty: bool = False) -> str:
        """``size`` bytes as lower-case hexadecimal digits; or nothing, where that is allowed."""
        value = self.text(name, 2 * size)
        if not _HEX.match(value) or (len(value) != 2 * size and not (empty and not value)):
            raise Damaged(f"{self._what}: `{name}` must be {2 * size} hexadecimal digits")
        return value

    def number(self, name: str, least: int = 0, most: int = MOST) -> int:
        """An integer within bounds."""
        value: int = self._value(name, int, "an integer")
        if not least <= value <= most:
            raise Damaged(f"{self._what}: `{name}` must be between {least} and {most}")
        return value

    def number_or_none(self, name: str, least: int = 0, most: int = MOST) -> int | None:
        """The same, or None where it is missing or null."""
        return None if self.absent(name) else self.number(name, least, most)

    def flag(self, name: str) -> bool:
        """True or false."""
        value: bool = self._value(name, bool, "true or false")
        return value

    def one_of(self, name: str, words: tuple[str, ...]) -> str:
        """One of the words."""
        value = self.text(name)
        if value not in words:
            raise Damaged(f"{self._what}: `{name}` must be one of {', '.join(words)}")
        return value

    def _items(self, name: str, most: int) -> list[Any]:
        value: list[Any] = self._value(name, list, "a list")
        if len(value) > most:
            raise LimitExceeded(f"{self._what}: `{name}` has {len(value)} entries; at most {most} are read")
        return value

    def texts(self, name: str, most: int, each: int = 200) -> tuple[str, ...]:
        """At most ``most`` texts of at most ``each`` characters."""
        values = self._items(name, most)
        return tuple(Fields({name: one}, self._what).text(name, each) for one in values)

    def ranges(self, name: str, most: int) -> tuple[tuple[int, int], ...]:
        """Pairs of a first and a last number, the first not beyond the last."""
        found = []
        for one in self._items(name, most):
            right = isinstance(one, list) and len(one) == 2 and all(type(number) is int for number in one)
            if not right or not 0 <= one[0] <= one[1]:
                raise Damaged(f"{self._what}: `{name}` must hold pairs of a first and a last number")
            found.append((one[0], one[1]))
        return tuple(found)

    def inner(self, name: str) -> Fields:
        """The fields of an object inside."""
        return Fields(self._value(name, dict, "an object"), f"{self._what}, {name}")

    def each(self, name: str, most: int) -> list[Fields]:
        """The fields of each object of a list of at most ``most``."""
        items = self._items(name, most)
        if not all(isinstance(one, dict) for one in items):
            raise Damaged(f"{self._what}: `{name}` must be a list of objects")
        return [Fields(one, f"{self._what}, {name}") for one in items]

    def words(self, name: str, most: int) -> dict[str, str]:
        """An object of at most ``most`` short texts."""
        value: dict[str, Any] = self._value(name, dict, "an object")
        if len(value) > most:
            raise LimitExceeded(f"{self._what}: `{name}` has {len(value)} entries; at most {most} are read")
        inside = Fields(value, f"{self._what}, {name}")
        return {key: inside.text(key) for key in value}
