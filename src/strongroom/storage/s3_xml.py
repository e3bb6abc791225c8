"""Reading S3's XML answers, which are untrusted: no document type, a bounded length."""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 16 << 20
"""Bytes; a page of 1000 keys has less than 2 MiB."""


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

    def text(self, *path: str) -> str:
        """The text at a path below; empty where there is none."""
        element: Element | None = self
        for name in path:
            element = element.child(name) if element is not None else None
        return (element._element.text or "").strip() if element is not None else ""


def parse(text: bytes, subject: str) -> Element:
    """A document. Raises ``Damaged``."""
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise Damaged("the store's answer holds a document type", subject=subject)
    try:
        return Element(ET.fromstring(text))
    except ET.ParseError as error:
        raise Damaged(f"the store's answer is no XML: {error}", subject=subject) from error


def stamp_ns(text: str) -> int | None:
    """An ISO 8601 time in nanoseconds since 1970, cut to whole seconds as a HEAD tells them; None for nonsense."""
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        return None
    return int(when.timestamp()) * 1_000_000_000
