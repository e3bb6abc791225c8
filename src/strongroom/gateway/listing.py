"""Lists: version 1, 2 and the paginated draft 3, as they are read from the store, in constant memory."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from strongroom.base.objects import is_object_name
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.http.request import BadRequest

if TYPE_CHECKING:
    from strongroom.base.objects import Kind
    from strongroom.storage.contract import Info, Store

V1 = "application/vnd.x.restic.rest.v1"
V2 = "application/vnd.x.restic.rest.v2"
V3 = "application/vnd.x.restic.rest.v3"
MAX_PAGE = 10_000
_GROUP = 512
_FAMILY = "application/vnd.x.restic.rest."


def version_of(accept: str) -> int | None:
    """The newest version that an Accept header admits; 1 for anything else; None when it names only unknown ones."""
    known, unknown, other = 0, False, False
    for item in accept.split(","):
        media = item.split(";", 1)[0].strip().lower()
        if media == V3:
            known = max(known, 3)
        elif media == V2:
            known = max(known, 2)
        elif media == V1:
            known = max(known, 1)
        elif media.startswith(_FAMILY):
            unknown = True
        elif media:
            other = True
    if known:
        return known
    return None if unknown and not other else 1


def answer(store: Store | None, kind: Kind, accept: str, query: str) -> Answer:
    """The list of a kind. Raises what the store raises for its first entries, and ``BadRequest`` for a bad page."""
    version = version_of(accept)
    if version is None:
        return text(406, "versions 1 to 3 of the list are spoken here")
    if version == 3:
        return _page(store, kind, query)
    infos = iter(()) if store is None else store.list(kind)
    first = list(itertools.islice(infos, _GROUP))  # a folder that cannot be read fails before the answer begins
    make = _v2 if version == 2 else _v1
    # The type has to be exactly this, without a charset: restic compares it as it is.
    headers = {"Content-Type": V2 if version == 2 else V1}
    if len(first) < _GROUP:
        return Answer(200, b"[" + make(first) + b"]", headers)
    return Answer(200, headers=headers, pieces=_stream(first, infos, version))


def _stream(first: list[Info], infos: Iterator[Info], version: int) -> Iterator[bytes]:
    make = _v2 if version == 2 else _v1
    yield b"[" + make(first)
    while group := list(itertools.islice(infos, _GROUP)):
        yield b"," + make(group)
    yield b"]"


def _v1(infos: list[Info]) -> bytes:
    return b",".join([b'"%b"' % info.name.name.encode() for info in infos])


def _v2(infos: list[Info]) -> bytes:
    return b",".join([b'{"name":"%b","size":%d}' % (info.name.name.encode(), info.size) for info in infos])


def _page(store: Store | None, kind: Kind, query: str) -> Answer:
    """A page of the draft: what is above the token, in order; what is present throughout comes exactly once."""
    values = parse_qs(query, keep_blank_values=True)
    token = values.get("continue", [""])[-1]
    count = values.get("count", [str(MAX_PAGE)])[-1]
    if token and not is_object_name(token):
        raise BadRequest(400, "not a token to continue from")
    if not count.isdecimal() or not 1 <= int(count[:9]) <= MAX_PAGE:
        raise BadRequest(400, f"count is a number from 1 to {MAX_PAGE}")
    infos = iter(()) if store is None else store.list(kind, token or None)
    found = list(itertools.islice(infos, int(count) + 1))
    items = found[: int(count)]
    more = items[-1].name.name if len(found) > len(items) else ""
    body = b'{"continue":%b,"items":[%b]}' % (json.dumps(more).encode(), _v2(items))
    return Answer(200, body, {"Content-Type": V3})
