"""``POST /.strongroom/v1/principals``: an enroller lets a host in, or no more.

The body is a JSON object. ``{"name", "claim", "number"}``, the host's own claim and which of its tokens is for this
gateway, is answered by ``{"user", "path"}``. With ``{"name", "settled"}``, the ID of the host's key, all that its name
could do before that claim ends; with ``{"name", "disabled": true}`` the host's tokens end within two seconds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from strongroom.base.server_log import LOG
from strongroom.gateway.access.enrolling import Enrolling
from strongroom.gateway.access.host_claim import read_claim
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.http.buffers import buffer
from strongroom.gateway.http.request import BadRequest

if TYPE_CHECKING:
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.services import Services

PATH = "/.strongroom/v1/principals"
MOST = 4096


def handle(services: Services, request: Request, body: Body, identity: Caller) -> Answer:
    """Do what is asked. Raises as ``Enrolling`` does."""
    if request.method != "POST":
        return text(405, "method not allowed", {"Allow": "POST"})
    enrolling = Enrolling(services.database, services.access.is_named_elsewhere)
    enrolling.prefix(identity)  # who may not ask is not read
    name, document = _read(body)
    if document.get("disabled") is True:
        enrolling.disable(identity, name)
        LOG.info(f"{identity.name} has let the host {name} go")
        return _json({"name": name, "disabled": True})
    if isinstance(key := document.get("settled"), str):
        enrolling.settle(identity, name, key)
        LOG.info(f"{identity.name} has ended what the host {name} had before")
        return _json({"name": name, "settled": key})
    path = enrolling.admit(identity, name, read_claim(document.get("claim"), name, document.get("number")))
    LOG.info(f"{identity.name} has let the host {name} in")
    return _json({"user": name, "path": path})


def _read(body: Body) -> tuple[str, dict[str, object]]:
    view = buffer()
    found = bytearray()
    while count := body.readinto(view):
        found += view[:count]
        if len(found) > MOST:
            raise BadRequest(413, "too large")
    try:
        document = json.loads(found)
    except (ValueError, RecursionError):
        raise BadRequest(400, "not a JSON object") from None
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, str):
        raise BadRequest(400, 'a JSON object with the host\'s name is wanted, such as {"name": "web01"}')
    return name, document


def _json(document: dict[str, object]) -> Answer:
    return Answer(200, json.dumps(document).encode() + b"\n", {"Content-Type": "application/json"})
