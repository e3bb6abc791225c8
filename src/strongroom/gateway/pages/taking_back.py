"""POST /.strongroom/v1/restore: a custodian brings back from the trash what it has put there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from strongroom.base.errors import Missing, Refused
from strongroom.base.objects import Kind, ObjectName, is_object_name
from strongroom.gateway.access.roles import Role
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.http.request import BadRequest
from strongroom.gateway.paths import folders_of, segment

if TYPE_CHECKING:
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.services import Services

PATH = "/.strongroom/v1/restore"
_KINDS = {one.value: one for one in (Kind.SNAPSHOT, Kind.INDEX, Kind.DATA)}


def take_back(services: Services, request: Request, identity: Caller) -> Answer:
    """Bring back the object that ``kind`` and ``name`` say of ``repository``; one that is there is back already.

    Raises ``Missing``, ``Refused``, ``BadRequest``.
    """
    if request.method != "POST":
        return text(405, "method not allowed", {"Allow": "POST"})
    values = {key: found[-1] for key, found in parse_qs(request.query).items()}
    kind, name = _KINDS.get(values.get("kind", "")), values.get("name", "")
    if kind is None or not is_object_name(name):
        raise BadRequest(400, "kind and name are those of a snapshot, an index or a pack")
    folders = folders_of(values.get("repository", ""))
    if len(folders) > 2 or any(segment(one) is None for one in folders):
        raise Missing("there is no repository at this path")
    if services.access.role(identity, folders) not in (Role.CUSTODIAN, Role.JUDGE, Role.FULL):
        raise Refused("this role takes nothing out of the trash")
    services.repositories.find(folders).take_back(ObjectName(kind, name), identity.id, services.ledger)
    return Answer(200)
