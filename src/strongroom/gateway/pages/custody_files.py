"""REPOSITORY/.strongroom/…: what a custodian keeps beside a repository, written once, in the log like everything.

Its mark (``custodian``, ``custodian.N``) and what is below ``custody/``: the records of its rounds, and the messages
that pass between its machines. A path that ends with a slash lists a folder.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from strongroom.base.errors import Exists, Missing, Refused
from strongroom.gateway.access.own_names import CUSTODY, OwnName
from strongroom.gateway.access.roles import Role
from strongroom.gateway.admission import Admission
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.pages.sealed import read_whole
from strongroom.gateway.paths import MAX_DEPTH, segment
from strongroom.gateway.places.arrival import WrongBytes
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.services import Services

LARGEST = 32 << 20
"""Bytes: a message between a judge and an executor may name all that a repository has."""
LISTED = "application/vnd.strongroom.files+json"
"""By this a client knows that it speaks to a gateway which keeps such files."""
_FOLDER = r"custody(?:/(?!\S*\.\.)[a-z0-9][a-z0-9._-]{0,127}){0,3}"
_PATH = re.compile(rf"((?:/[^/]+){{0,{MAX_DEPTH}}})/\.strongroom/(custodian(?:\.[0-9]{{1,4}})?|{_FOLDER}/?)\Z")
_READERS = (Role.CUSTODIAN, Role.JUDGE, Role.AUDITOR, Role.FULL)


def find(path: str) -> tuple[tuple[str, ...], str] | None:
    """The folders of the repository and the path within ``.strongroom/`` that a raw path names; else None."""
    match = _PATH.match(path) if "/.strongroom/" in path else None
    if match is None:
        return None
    folders = [segment(one) for one in match[1].split("/")[1:]]
    named = tuple(one for one in folders if one is not None)
    return (named, match[2]) if len(named) == len(folders) else None


def handle(
    services: Services, request: Request, body: Body, identity: Caller, folders: tuple[str, ...], path: str
) -> Answer:
    """GET of a file or a folder, PUT of a file. Raises as uploads do."""
    role = services.access.role(identity, folders)
    if role not in _READERS:
        raise Refused("what a custodian keeps here is for custodians and auditors")
    repository = services.repositories.find(folders)
    if request.method == "GET":
        return _list(repository, path) if path.endswith("/") else _read(services, repository, identity, path)
    if request.method != "PUT" or path.endswith("/"):
        return text(405, "method not allowed", {"Allow": "GET" if path.endswith("/") else "GET, PUT"})
    if not role.may_add(CUSTODY):
        raise Refused("this role keeps nothing here")
    return _write(services, request, body, identity, repository, path)


def _list(repository: ServedRepository, path: str) -> Answer:
    folder = path.rstrip("/")
    found = {"names": sorted(repository.own.names(folder)), "folders": sorted(repository.own.folders(folder))}
    return Answer(200, json.dumps(found).encode(), {"Content-Type": LISTED})


def _read(services: Services, repository: ServedRepository, identity: Caller, path: str) -> Answer:
    try:
        data = repository.own.read(path)
    except Missing:
        raise Missing("there is no such file here") from None
    services.reading.note(identity, len(data))
    return Answer(200, data, {"Content-Type": "application/octet-stream"})


def _write(
    services: Services, request: Request, body: Body, identity: Caller, repository: ServedRepository, path: str
) -> Answer:
    name = OwnName(CUSTODY, hashlib.sha256(path.encode()).hexdigest())
    admission = Admission(services, request, identity, repository, name)
    with services.turns.one(services.access.payer(request, identity)), admission:
        admission.begin(request.length)
        data = read_whole(body, admission, LARGEST)
        if not data:
            raise WrongBytes("nothing to keep")
        new = not _is_there(repository, path)
        with admission.publishing(len(data) if new else None):
            try:
                repository.own.write_once(path, data)
            except Exists:
                return text(409, "another file stands here, and is never replaced")
            services.ledger.record(
                LeafType.CREATE,
                repository.id,
                (name.kind, name.name),
                sha256=hashlib.sha256(data).hexdigest(),
                size=len(data),
                principal=identity.id,
                detail=path,
                unless_present=True,
            )
        if new:
            admission.settle()
    return Answer(200)


def _is_there(repository: ServedRepository, path: str) -> bool:
    try:
        repository.own.read(path)
    except Missing:
        return False
    return True
