"""``GET /.strongroom/v1/quotas``: who may store how much, and how much that is already, for auditors of the gateway."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.gateway import schema
from strongroom.gateway.access.policy import Quota
from strongroom.gateway.access.usage import ALL
from strongroom.gateway.http.answer import Answer

if TYPE_CHECKING:
    from strongroom.gateway.services import Services

PATH = "/.strongroom/v1/quotas"


def room(services: Services) -> Answer:
    """A JSON object: ``quotas``, each with ``principal``, ``name``, and pairs of what is used and the limit, ``bytes``
    and ``objects``, where there is one. The whole server's has the name ``*``. Who is disabled is left out.
    """
    table, fixed = schema.principal, services.access.fixed_quotas()
    with services.database.read() as connection:
        rows = connection.execute(sa.select(table).where(table.c.disabled == 0).order_by(table.c.name)).all()
    limits = {row.id: (row.name, fixed.get(row.name, Quota(row.quota_bytes, row.quota_objects))) for row in rows}
    if services.settings.max_size:
        limits[ALL] = ALL, Quota(services.settings.max_size)
    limited = {one: found for one, found in limits.items() if (found[1].bytes, found[1].objects) != (None, None)}
    used = services.quotas.all_used() if limited else {}
    found = []
    for principal, (name, quota) in limited.items():
        bytes_used, objects_used = used.get(principal, (0, 0))
        pairs = {"bytes": (bytes_used, quota.bytes), "objects": (objects_used, quota.objects)}
        shown = {unit: pair for unit, pair in pairs.items() if pair[1] is not None}
        found.append({"principal": principal, "name": name, **shown})
    return Answer(200, json.dumps({"quotas": found}).encode() + b"\n", {"Content-Type": "application/json"})
