"""The place for a custodian's sealed key beside the repository: written once, logged, read by its custodian."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Exists, Full, Missing, Refused
from strongroom.gateway.access.own_names import SEALED, OwnName
from strongroom.gateway.admission import Admission
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.http.buffers import buffer
from strongroom.gateway.paths import folders_of
from strongroom.gateway.places.arrival import WrongBytes
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.services import Services

MAX_SEALED = 64 * 1024
MAX_COUNT = 16


def handle(services: Services, request: Request, body: Body, identity: Caller, repository_id: str, name: str) -> Answer:
    """PUT or GET of the sealed key for the custody key file ``name``. Raises as uploads do."""
    repository = _find(services, identity, repository_id)
    if request.method == "GET":
        try:
            return Answer(200, repository.own.read(f"sealed/{name}"), {"Content-Type": "application/octet-stream"})
        except Missing:
            raise Missing("nothing is sealed for this key") from None
    if request.method != "PUT":
        return text(405, "method not allowed", {"Allow": "GET, PUT"})
    role = services.access.role(identity, folders_of(repository.label))
    if role is None or not role.creates:
        raise Refused("this role seals no keys")
    admission = Admission(services, request, identity, repository, OwnName(SEALED, name))
    with services.turns.one(services.access.payer(request, identity)), admission:
        admission.begin(request.length)
        data = read_whole(body, admission, MAX_SEALED)
        if not data:
            raise WrongBytes("nothing to seal")
        new = name not in repository.sealed()
        with admission.publishing(len(data) if new else None):
            _keep(repository, name, data)
            services.ledger.record(
                LeafType.CREATE,
                repository.id,
                (SEALED, name),
                sha256=hashlib.sha256(data).hexdigest(),
                size=len(data),
                principal=identity.id,
                unless_present=True,
            )
        if new:
            admission.settle()
    return Answer(200)


def _find(services: Services, identity: Caller, repository_id: str) -> ServedRepository:
    with contextlib.suppress(Missing):
        repository = services.repositories.by_id(repository_id)
        if services.access.role(identity, folders_of(repository.label)) is not None:
            return repository
    raise Missing("there is no such repository for you")


def read_whole(body: Body, admission: Admission, limit: int) -> bytes:
    """A small body, counted as it comes. Raises ``Full`` beyond ``limit`` bytes, and as an upload does."""
    view = buffer()
    found = bytearray()
    while count := body.readinto(view):
        found += view[:count]
        if len(found) > limit:
            raise Full(f"larger than {limit} bytes")
        admission.piece(count)
    return bytes(found)


def _keep(repository: ServedRepository, name: str, data: bytes) -> None:
    names = repository.sealed()
    if name not in names and len(names) >= MAX_COUNT:
        raise Refused(f"at most {MAX_COUNT} keys are sealed for a repository")
    try:
        repository.own.write_once(f"{SEALED}/{name}", data)
    except Exists:
        raise Exists("something else is sealed for this key already") from None
