"""Lists: version 1, 2 and the paginated draft 3, as they are read from the store, in constant memory."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from strongroom.base.objects import is_object_name
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.http.request import BadRequest, number
from strongroom.storage.contract import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.base.objects import Kind
    from strongroom.storage.contract import Rows, Store

V1 = "application/vnd.x.restic.rest.v1"
V2 = "application/vnd.x.restic.rest.v2"
V3 = "application/vnd.x.restic.rest.v3"
MAX_PAGE = 10_000
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
    groups = iter(()) if store is None else store.list_groups(kind)
    first = _first(groups)  # a folder that cannot be read fails before the answer begins
    make = _v2 if version == 2 else _v1
    # The type has to be exactly this, without a charset: restic compares it as it is.
    headers = {"Content-Type": V2 if version == 2 else V1}
    if len(first) < GROUP:
        return Answer(200, b"[" + make(first) + b"]", headers)
    return Answer(200, headers=headers, pieces=_stream(first, groups, make))


def _first(groups: Iterator[Rows]) -> Rows:
    """The rows up to and with the group that makes them ``GROUP`` or more; fewer when these are all."""
    found: Rows = []
    for group in groups:
        found += group
        if len(found) >= GROUP:
            break
    return found


def _stream(first: Rows, groups: Iterator[Rows], make: Callable[[Rows], bytes]) -> Iterator[bytes]:
    yield b"[" + make(first)
    for group in groups:
        yield b"," + make(group)
    yield b"]"


def _v1(rows: Rows) -> bytes:
    return ",".join([f'"{name}"' for name, _, _ in rows]).encode("ascii")


def _v2(rows: Rows) -> bytes:
    return ",".join([f'{{"name":"{name}","size":{size}}}' for name, size, _ in rows]).encode("ascii")


def _page(store: Store | None, kind: Kind, query: str) -> Answer:
    """A page of the draft: what is above the token, in order; what is present throughout comes exactly once."""
    values = parse_qs(query, keep_blank_values=True)
    token = values.get("continue", [""])[-1]
    count = number(values.get("count", [str(MAX_PAGE)])[-1], MAX_PAGE)
    if token and not is_object_name(token):
        raise BadRequest(400, "not a token to continue from")
    if not count:
        raise BadRequest(400, f"count is a number from 1 to {MAX_PAGE}")
    groups = iter(()) if store is None else store.list_groups(kind, token or None)
    found: Rows = list(itertools.islice(itertools.chain.from_iterable(groups), count + 1))
    items = found[:count]
    more = items[-1][0] if len(found) > len(items) else ""
    body = b'{"continue":%b,"items":[%b]}' % (json.dumps(more).encode(), _v2(items))
    return Answer(200, body, {"Content-Type": V3})
