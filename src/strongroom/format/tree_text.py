"""A tree's text taken apart into its nodes as they are written, so that nodes that stay keep every byte.

Whoever decodes nodes and encodes them again loses what another writer spelt in another way, and with it the tree's ID.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged
from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Sequence

_DECODER = json.JSONDecoder(strict=False)
_SPACE = " \t\r\n"


@record
class TreeText:
    """The nodes in their order as they are written, and what stands before the first and behind the last."""

    before: bytes
    nodes: tuple[bytes, ...]
    behind: bytes

    def with_nodes(self, nodes: Sequence[bytes]) -> bytes:
        """The text of a tree with these nodes in their place."""
        return self.before + b",".join(nodes) + self.behind


def take_apart(plaintext: bytes) -> TreeText:
    """Find the nodes of a tree that the kernel has read already. Raises ``Damaged`` for what it would not have read."""
    text = plaintext.decode("latin-1")  # a letter a byte: places stay what they are
    try:
        place = _behind(text, 0, "{")
        while True:
            key, place = _DECODER.raw_decode(text, place)
            place = _behind(text, place, ":")
            if isinstance(key, str) and key.lower() == "nodes":
                return _list(plaintext, text, place)
            _, place = _DECODER.raw_decode(text, place)
            place = _behind(text, place, ",")
    except (ValueError, IndexError, RecursionError):
        raise Damaged("is not the JSON that it should be", subject="a tree") from None


def _list(plaintext: bytes, text: str, place: int) -> TreeText:
    first = place = _behind(text, place, "[")
    nodes: list[bytes] = []
    end = first
    while text[place] != "]":
        _, end = _DECODER.raw_decode(text, place)
        nodes.append(plaintext[place:end])
        place = _space(text, end)
        if text[place] == ",":
            place = _behind(text, place, ",")
    return TreeText(plaintext[:first], tuple(nodes), plaintext[end:])


def _behind(text: str, place: int, sign: str) -> int:
    """The place of what follows a sign, which must be next."""
    place = _space(text, place)
    if text[place] != sign:
        raise ValueError(sign)
    return _space(text, place + 1)


def _space(text: str, place: int) -> int:
    while text[place] in _SPACE:
        place += 1
    return place
