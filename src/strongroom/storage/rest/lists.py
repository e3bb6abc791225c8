"""Reading the lists of a REST server: in any order, v1 or v2, possibly of millions of names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.objects import is_object_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

V2 = "application/vnd.x.restic.rest.v2"
_BLOCK = 1 << 20
_BUDGET = 2 << 30
_SPACE = b" \t\r\n"


def sorted_entries(read: Callable[[int], bytes], after: str | None, subject: str) -> Iterator[tuple[str, int]]:
    """Names and sizes of a v2 list, ascending, above ``after``.

    A server may list in any order, so the list is held: 73 bytes an object, the text never as a whole. Raises
    ``Damaged`` for what is no list, ``LimitExceeded`` beyond 2 GiB of it.
    """
    rows = [row for item in _items(read, subject) if (row := _row(item, after, subject)) is not None]
    rows.sort()
    return _unpacked(rows)


def _unpacked(rows: list[bytes]) -> Iterator[tuple[str, int]]:
    previous = b""
    for row in rows:
        if row[:32] != previous:
            previous = row[:32]
            yield previous.hex(), int.from_bytes(row[32:], "big")


def names(read: Callable[[int], bytes], after: str | None, subject: str) -> list[str]:
    """The object names of a v1 list, ascending, above ``after``."""
    text = b""
    while block := read(_BLOCK):
        text += block
        if len(text) > _BUDGET:
            raise LimitExceeded("the list is longer than 2 GiB", subject=subject)
    found = _load(text, subject)
    if not all(isinstance(name, str) for name in found):
        raise _no_list(subject)
    return sorted({name for name in found if is_object_name(name) and (after is None or name > after)})


def _row(item: Any, after: str | None, subject: str) -> bytes | None:
    if not isinstance(item, dict):
        raise _no_list(subject)
    name, size = item.get("name"), item.get("size")
    if not isinstance(name, str) or not is_object_name(name) or (after is not None and name <= after):
        return None
    if type(size) is not int or not 0 <= size < 1 << 63:
        raise Damaged(f"the server lists {name} with a size that makes no sense", subject=subject)
    return bytes.fromhex(name) + size.to_bytes(8, "big")


def _items(read: Callable[[int], bytes], subject: str) -> Iterator[Any]:
    """The items of a JSON list of flat objects, parsed in pieces that end with a brace."""
    held = b""
    begun = False
    total = 0
    while block := read(_BLOCK):
        total += len(block)
        if total > _BUDGET:
            raise LimitExceeded("the list is longer than 2 GiB", subject=subject)
        held += block
        if not begun:
            held = held.lstrip(_SPACE)
            begun = held.startswith(b"[")
            held = held[1:] if begun else held
        cut = held.rfind(b"}") + 1
        if begun and cut:
            try:
                piece = json.loads(b"[" + held[:cut].lstrip(b"," + _SPACE) + b"]")
            except ValueError:
                continue  # a brace within a name: decided when all is there
            held = held[cut:]
            yield from piece
    if begun:
        held = b"[" + held.lstrip(b"," + _SPACE)
    yield from _load(held, subject)


def _load(text: bytes, subject: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_list(subject) from error
    if found is None:
        return []  # what an empty folder is to some servers
    if not isinstance(found, list):
        raise _no_list(subject)
    return found


def _no_list(subject: str) -> Damaged:
    return Damaged("the server's answer is no list of objects", subject=subject, hint="Is this a restic REST server?")
