"""``GET /.strongroom/v1/names``: what the IDs in receipts are called, for auditors of the gateway."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.gateway import schema
from strongroom.gateway.http.answer import Answer

if TYPE_CHECKING:
    from strongroom.gateway.services import Services

PATH = "/.strongroom/v1/names"


def names(services: Services) -> Answer:
    """A JSON object: ``repositories`` with the path of each ID, ``principals`` with the name of each."""
    place, person = schema.repository, schema.principal
    with services.database.read() as connection:
        paths = {row.id: row.path for row in connection.execute(sa.select(place.c.id, place.c.path))}
        called = {row.id: row.name for row in connection.execute(sa.select(person.c.id, person.c.name))}
    body = json.dumps({"repositories": paths, "principals": called}).encode()
    return Answer(200, body + b"\n", {"Content-Type": "application/json"})
