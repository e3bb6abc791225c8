"""A file of ours beside a repository, as a PUT brings it: admitted as an upload is, written once, and logged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Full, Missing
from strongroom.gateway.admission import Admission
from strongroom.gateway.http.buffers import buffer
from strongroom.gateway.places.arrival import WrongBytes
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.access.own_names import OwnName
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.services import Services


def keep_once(
    services: Services,
    request: Request,
    body: Body,
    identity: Caller,
    repository: ServedRepository,
    name: OwnName,
    path: str,
    limit: int,
    *,
    detail: str = "",
    check: Callable[[], None] = lambda: None,
) -> None:
    """Keep the body, of ``limit`` bytes at most, at ``path``. ``check`` raises what stands against it, and is asked
    while nobody else writes one of this kind.

    The same bytes again are success. Raises ``Exists`` for others, ``WrongBytes`` for none, and as uploads do.
    """
    admission = Admission(services, request, identity, repository, name)
    with services.turns.one(services.access.payer(request, identity)), admission:
        admission.begin(request.length)
        data = _read(body, admission, limit)
        if not data:
            raise WrongBytes("nothing to keep: the body is empty")
        new = not _is_there(repository, path)
        with admission.publishing(len(data) if new else None):
            check()
            repository.own.write_once(path, data)
            services.ledger.record(
                LeafType.CREATE,
                repository.id,
                (name.kind, name.name),
                sha256=hashlib.sha256(data).hexdigest(),
                size=len(data),
                principal=identity.id,
                detail=detail,
                unless_present=True,
            )
        if new:
            admission.settle()


def _read(body: Body, admission: Admission, limit: int) -> bytes:
    view = buffer()
    found = bytearray()
    while count := body.readinto(view):
        found += view[:count]
        if len(found) > limit:
            raise Full(f"larger than {limit} bytes")
        admission.piece(count)
    return bytes(found)


def _is_there(repository: ServedRepository, path: str) -> bool:
    try:
        repository.own.read(path)
    except Missing:
        return False
    return True
