"""The place for a custodian's sealed key beside the repository: written once, logged, read by its custodian."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Exists, Missing, Refused
from strongroom.gateway.access.own_names import SEALED, OwnName
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.pages.kept_once import keep_once
from strongroom.gateway.paths import folders_of

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
            return Answer(200, repository.own.read(f"{SEALED}/{name}"), {"Content-Type": "application/octet-stream"})
        except Missing:
            raise Missing("nothing is sealed for this key") from None
    if request.method != "PUT":
        return text(405, "method not allowed", {"Allow": "GET, PUT"})
    role = services.access.role(identity, folders_of(repository.label))
    if role is None or not role.creates:
        raise Refused("this role seals no keys")

    def check() -> None:
        names = repository.sealed()
        if name not in names and len(names) >= MAX_COUNT:
            raise Refused(f"at most {MAX_COUNT} keys are sealed for a repository")

    path = f"{SEALED}/{name}"
    try:
        keep_once(services, request, body, identity, repository, OwnName(SEALED, name), path, MAX_SEALED, check=check)
    except Exists:
        raise Exists("something else is sealed for this key already") from None
    return Answer(200)


def _find(services: Services, identity: Caller, repository_id: str) -> ServedRepository:
    with contextlib.suppress(Missing):
        repository = services.repositories.by_id(repository_id)
        if services.access.role(identity, folders_of(repository.label)) is not None:
            return repository
    raise Missing("there is no such repository for you")
