"""REPOSITORY/.strongroom/…: what a custodian keeps beside a repository, written once, in the log like everything.

Its mark (``custodian``, ``custodian.N``) and what is below ``custody/``: the records of its rounds, and the messages
that pass between its machines. A path that ends with a slash lists a folder.

A folder's name begins with a letter and a file's with a digit, so no file can stand where a folder comes later.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from strongroom.base.errors import Exists, Missing, Refused
from strongroom.gateway.access.own_names import CUSTODY, OwnName
from strongroom.gateway.access.roles import Role
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.pages.kept_once import keep_once
from strongroom.gateway.paths import MAX_DEPTH, segment
from strongroom.storage.names import OWN_LARGEST, OWN_LISTED

if TYPE_CHECKING:
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.services import Services

_FOLDER = r"custody/(?:[a-z][a-z-]{0,62}/)?"
_FILE = r"custodian(?:\.[0-9]{1,4})?|custody/[a-z][a-z-]{0,62}/[0-9][a-z0-9-]{0,127}"
_PATH = re.compile(rf"((?:/[^/]+){{0,{MAX_DEPTH}}})/\.strongroom/({_FILE}|{_FOLDER})\Z")
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
    name = OwnName(CUSTODY, hashlib.sha256(path.encode()).hexdigest())
    try:
        keep_once(services, request, body, identity, repository, name, path, OWN_LARGEST, detail=path)
    except Exists:
        return text(409, "another file stands here, and is never replaced")
    return Answer(200)


def _list(repository: ServedRepository, path: str) -> Answer:
    folder = path.rstrip("/")
    found = {"names": sorted(repository.own.names(folder)), "folders": sorted(repository.own.folders(folder))}
    return Answer(200, json.dumps(found).encode(), {"Content-Type": OWN_LISTED})


def _read(services: Services, repository: ServedRepository, identity: Caller, path: str) -> Answer:
    try:
        data = repository.own.read(path)
    except Missing:
        raise Missing("there is no such file here") from None
    services.reading.note(identity, len(data))
    return Answer(200, data, {"Content-Type": "application/octet-stream"})
