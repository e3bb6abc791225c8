"""Reading S3's XML answers, which are untrusted: no document type, a bounded length."""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    Row = TypeVar("Row")

LONGEST = 16 << 20
"""Bytes; a page of 1000 keys has less than 2 MiB."""
_PIECE = 16 << 10
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY")


class Element:
    """An element without its namespace, which differs between providers."""

    def __init__(self, element: ET.Element) -> None:
        self._element = element

    @property
    def name(self) -> str:
        """The tag."""
        return self._element.tag.rpartition("}")[2]

    def children(self, *names: str) -> Iterator[Element]:
        """The children of these names, in order; all when none is given."""
        for child in self._element:
            found = Element(child)
            if not names or found.name in names:
                yield found

    def child(self, name: str) -> Element | None:
        """The first child of this name."""
        return next(self.children(name), None)

    def leaves(self) -> list[str]:
        """Each element below that has none itself, as ``path=text``, sorted: all that is said here."""
        if not len(self._element):
            return [f"={self.text()}"]
        found = (
            f"{child.name}{'' if leaf[0] == '=' else '/'}{leaf}" for child in self.children() for leaf in child.leaves()
        )
        return sorted(found)

    def text(self, *path: str) -> str:
        """The text at a path below; empty where there is none."""
        element: Element | None = self
        for name in path:
            element = element.child(name) if element is not None else None
        return (element._element.text or "").strip() if element is not None else ""


def parse(text: bytes, subject: str) -> Element:
    """A document. Raises ``Damaged``."""
    _check(text, subject)
    try:
        return Element(ET.fromstring(text))
    except ET.ParseError as error:
        raise Damaged(f"the store's answer is no XML: {error}", subject=subject) from error


def parse_rows(
    read: Callable[[int], bytes], name: str, row: Callable[[Element], Row], subject: str
) -> tuple[list[Row], Element]:
    """A document that is read piece by piece: what ``row`` makes of each element of this name, and what else it holds.

    As a tree, a page of 1000 keys takes 3 MB, in so many small blocks that the memory hardly ever comes back. Raises
    ``Damaged``, ``LimitExceeded`` beyond ``LONGEST``, and what ``read`` and ``row`` raise.
    """
    parser: Any = ET.XMLPullParser(("end",))
    rows: list[Row] = []
    root: ET.Element | None = None
    length, before = 0, b""
    try:
        while piece := read(_PIECE):
            length += len(piece)
            if length > LONGEST:
                raise LimitExceeded("the store's answer is too long", subject=subject)
            before = before[-8:] + piece  # no word that is looked for is longer than nine bytes
            _check(before, subject)
            parser.feed(piece)
            for _, element in parser.read_events():
                root = element
                found = Element(element)
                if found.name == name:
                    rows.append(row(found))
                    element.clear()
        parser.close()
    except ET.ParseError as error:
        raise Damaged(f"the store's answer is no XML: {error}", subject=subject) from error
    assert root is not None  # a document without an element is no XML, and the last to end is the first
    return rows, Element(root)


def _check(text: bytes, subject: str) -> None:
    """Raise ``Damaged`` for what has no place in an answer and could blow it up."""
    if any(one in text for one in _FORBIDDEN):
        raise Damaged("the store's answer holds a document type", subject=subject)


def stamp_ns(text: str) -> int | None:
    """An ISO 8601 time in nanoseconds since 1970, cut to whole seconds as a HEAD tells them; None for nonsense."""
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        return None
    return int(when.timestamp()) * 1_000_000_000
