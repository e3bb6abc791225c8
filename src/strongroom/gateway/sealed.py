"""The place for a custodian's sealed key beside the repository: written once, logged, read by its custodian."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from strongroom.base.errors import Exists, Full, Missing, Refused
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.intake import WrongBytes, buffer
from strongroom.receipts.leaf import LeafType
from strongroom.storage.durable import make_folder, rename_new, sync_file, sync_folder

if TYPE_CHECKING:
    from strongroom.gateway.access import Identity
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.repositories import Repository
    from strongroom.gateway.worker import Services

MAX_SEALED = 64 * 1024
MAX_COUNT = 16


def handle(
    services: Services, request: Request, body: Body, identity: Identity, repository_id: str, name: str
) -> Answer:
    """PUT or GET of the sealed key for the custody key file ``name``. Raises as uploads do."""
    repository = _find(services, identity, repository_id)
    folder = os.path.join(repository.own, "sealed")
    path = os.path.join(folder, name)
    if request.method == "GET":
        try:
            with open(path, "rb") as file:
                return Answer(200, file.read(), {"Content-Type": "application/octet-stream"})
        except FileNotFoundError:
            raise Missing("nothing is sealed for this key") from None
    if request.method != "PUT":
        return text(405, "method not allowed", {"Allow": "GET, PUT"})
    role = services.access.role(identity, tuple(repository.label.split("/")) if repository.label else ())
    if role is None or not role.creates:
        raise Refused("this role seals no keys")
    data = _read(body)
    if not data:
        raise WrongBytes("nothing to seal")
    _keep(repository, folder, path, data)
    services.ledger.record(
        LeafType.CREATE,
        repository.id,
        ("sealed", name),
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        principal=identity.id,
        unless_present=True,
    )
    return Answer(200)


def _find(services: Services, identity: Identity, repository_id: str) -> Repository:
    for repository in services.repositories.all():
        if repository.id == repository_id:
            folders = tuple(repository.label.split("/")) if repository.label else ()
            if services.access.role(identity, folders) is not None:
                return repository
    raise Missing("there is no such repository for you")


def _read(body: Body) -> bytes:
    view = buffer()
    found = bytearray()
    while count := body.readinto(view):
        found += view[:count]
        if len(found) > MAX_SEALED:
            raise Full(f"larger than {MAX_SEALED} bytes")
    return bytes(found)


def _keep(repository: Repository, folder: str, path: str, data: bytes) -> None:
    make_folder(repository.own, repository.modes.folder)
    make_folder(folder, repository.modes.folder)
    if not os.path.exists(path) and len(os.listdir(folder)) >= MAX_COUNT:
        raise Refused(f"at most {MAX_COUNT} keys are sealed for a repository")
    temporary = f"{path}.{os.urandom(8).hex()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, repository.modes.file)
    try:
        os.write(descriptor, data)
        sync_file(descriptor)
        rename_new(temporary, path)
    except FileExistsError:
        os.unlink(temporary)
        with open(path, "rb") as file:
            if file.read() != data:
                raise Exists("something else is sealed for this key already") from None
    finally:
        os.close(descriptor)
    sync_folder(folder)
