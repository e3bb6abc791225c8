"""Our own pages: /health, /metrics, the log under /.strongroom/log/, receipts, status, sealed custody keys."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import sqlalchemy as sa

from strongroom.base.errors import Missing, Refused, Unavailable
from strongroom.gateway.access.roles import Role
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.http.request import BadRequest, number
from strongroom.gateway.pages import custody_files, names, principals, room, sealed, taking_back
from strongroom.gateway.pages.shared_look import SharedLook
from strongroom.gateway.pages.timed_look import TimedLook, look_at_all
from strongroom.gateway.paths import folders_of, segment
from strongroom.receipts.commit import schema as log_schema
from strongroom.receipts.commit.log_state import entries, node_of, read_state, read_tile
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log import tiles
from strongroom.receipts.log.merkle import inclusion_proof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.services import Services

_TILE = re.compile(
    r"/\.strongroom/log/tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?\Z"
)
_SEALED = re.compile(r"/\.strongroom/v1/repositories/([0-9a-f]{32})/sealed/([0-9a-f]{64})\Z")
MAX_RECEIPTS = 10_000
MAX_ORIGIN = 1000
AT_ONCE = 256
"""So many receipts are read from the database before they are sent."""
_SEE_ALL = (Role.AUDITOR, Role.CUSTODIAN, Role.JUDGE)
SCRAPER = "metrics"
"""rest-server's name for the user who may see everybody's numbers."""
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_FOREVER = {"Content-Type": "application/octet-stream", "Cache-Control": "private, max-age=31536000, immutable"}


class PageRouter:
    """Answers what restic's protocol does not know."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._health = SharedLook(self._look_at_health)
        self._looks = [TimedLook(name, look) for name, look in services.looks().items()]
        self._records = TimedLook("the database", services.warnings)

    def open_page(self, request: Request) -> Answer | None:
        """What needs no authentication: /health, and /metrics where that was asked for."""
        if request.path == "/health":
            return self.health(request)
        settings = self._services.settings
        if request.path == "/metrics" and settings.prometheus and settings.prometheus_no_auth:
            return self.metrics(request)
        return None

    def page(self, request: Request, body: Body, identity: Caller) -> Answer | None:
        """A page of ours for somebody whose name is known; None when the path is a repository's."""
        if (found := custody_files.find(request.path)) is not None:
            return custody_files.handle(self._services, request, body, identity, *found)
        if request.path.startswith("/.strongroom/"):
            return self.handle(request, body, identity)
        if request.path == "/metrics" and self._services.settings.prometheus:
            if not self._sees_all(identity):
                raise Refused("numbers of everybody are for the user `metrics` and for auditors of the gateway")
            return self.metrics(request)
        return None

    def _sees_all(self, identity: Caller) -> bool:
        """Whether names, sizes and times of every tenant may be shown: as rest-server does it, and to auditors."""
        settings = self._services.settings
        if settings.no_auth or identity.name == SCRAPER:
            return True
        if not identity.managed and not settings.private_repos:
            return True  # who may read everything
        return self._services.access.role(identity, ("*",)) in _SEE_ALL

    def health(self, request: Request) -> Answer:
        """200 while objects can be taken in, else 503; without authentication, so it says little."""
        if request.method not in ("GET", "HEAD"):
            return text(405, "method not allowed", {"Allow": "GET, HEAD"})
        status, body = self._health.get()
        return Answer(status, body, {"Content-Type": "application/json"})

    def _look_at_health(self) -> tuple[int, bytes]:
        *found, warnings = look_at_all([*self._looks, self._records])
        problems = [words for one in found for words in one]
        place = self._services.repositories
        body = {
            "ok": not problems,
            "problems": problems,
            "warnings": warnings,
            "store": place.kind,
            "promises": place.promises(),
            "append_only": self._services.settings.append_only,
            "trash_days": self._services.settings.trash_days if place.has_trash else None,
        }
        return 503 if problems else 200, json.dumps(body).encode() + b"\n"

    def metrics(self, request: Request) -> Answer:
        """Prometheus's text."""
        if request.method != "GET":
            return text(405, "method not allowed", {"Allow": "GET"})
        return Answer(200, self._services.metrics.text(), {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    def handle(self, request: Request, body: Body, identity: Caller) -> Answer:
        """A page under /.strongroom/, for somebody whose name is known."""
        path = request.path
        if match := _SEALED.match(path):
            return sealed.handle(self._services, request, body, identity, match[1], match[2])
        if path == principals.PATH:
            return principals.handle(self._services, request, body, identity)
        if path == taking_back.PATH:
            return taking_back.take_back(self._services, request, identity)
        if request.method not in ("GET", "HEAD"):
            return text(405, "method not allowed", {"Allow": "GET, HEAD"})
        if match := _TILE.match(path):
            return self._tile(match[1], match[2], match[3], _origin(request), identity)
        pages: dict[str, Callable[[], Answer]] = {
            "/.strongroom/log/checkpoint": lambda: self._checkpoint("checkpoint", _origin(request)),
            "/.strongroom/log/checkpoint.cosigned": lambda: self._checkpoint("cosigned", _origin(request)),
            "/.strongroom/log/verifier-key": self._verifier_key,
            "/.strongroom/v1/receipts": lambda: self._receipts(request, identity),
            "/.strongroom/v1/status": lambda: self._status(identity),
            names.PATH: lambda: self._names(identity),
            room.PATH: lambda: self._room(identity),
        }
        page = pages.get(path)
        return text(404, "not found") if page is None else page()

    def _verifier_key(self) -> Answer:
        return Answer(200, f"{self._services.ledger.signer.verifier}\n".encode(), dict(_TEXT))

    def _checkpoint(self, which: str, origin: str | None) -> Answer:
        own = self._services.ledger.signer.name
        signed = self._services.repositories.tail(own).size()
        with self._services.database.read() as connection:
            now = read_state(connection, origin)
        if now is not None and now.origin == own and now.assigned < signed:
            raise Unavailable("the database is older than the log: what was signed is being taken back")
        data = getattr(now, which) if now is not None else None
        if data is None:
            raise Missing("there is no such checkpoint yet")
        return Answer(200, bytes(data), {**_TEXT, "Cache-Control": "no-cache"})

    def _tile(
        self, level: str, number_text: str, width_text: str | None, origin: str | None, identity: Caller
    ) -> Answer:
        number = int(number_text.replace("x", "").replace("/", ""))
        width = int(width_text) if width_text else tiles.WIDTH
        if not 1 <= width <= tiles.WIDTH or tiles.path(level, number, width) != _normal(level, number_text, width_text):
            raise Missing("not a tile")
        with self._services.database.read() as connection:
            now = read_state(connection, origin)
            if now is None:
                raise Missing("there is no such log")
            tile_level = 0 if level == tiles.ENTRIES else int(level)
            if number * tiles.WIDTH + width > now.published >> (8 * tile_level):
                raise Missing("the log has no such tile yet")
            if level == tiles.ENTRIES:
                self._check_reads_all(identity)
                start = number * tiles.WIDTH
                data = tiles.bundle(entries(connection, now.id, start, start + width))
            else:
                data = read_tile(connection, now.id, tile_level, number, width)
        return Answer(200, data, dict(_FOREVER))

    def _check_reads_all(self, identity: Caller) -> None:
        """Bundles tell of every tenant: they are for auditors of the gateway, whose pattern is ``*``."""
        settings = self._services.settings
        if settings.public_log or settings.no_auth:
            return
        if self._services.access.role(identity, ("*",)) not in _SEE_ALL:
            raise Refused("names, sizes and times of others are for auditors of the gateway")

    def _names(self, identity: Caller) -> Answer:
        """For whom may read all entries anyway, also where a log is public: names are not in it."""
        if not self._sees_all(identity):
            raise Refused("names of everybody are for auditors of the gateway")
        return names.names(self._services)

    def _room(self, identity: Caller) -> Answer:
        if not self._sees_all(identity):
            raise Refused("quotas of everybody are for auditors of the gateway")
        return room.room(self._services)

    def _receipts(self, request: Request, identity: Caller) -> Answer:
        """A repository's receipts after a sequence number, each with its index and a proof to one checkpoint.

        ``origin`` asks for those in an earlier log; there are none in one that is not known.
        """
        values = {key: found[-1] for key, found in parse_qs(request.query).items()}
        label, after, limit = values.get("repository", ""), values.get("after", "-1"), values.get("limit", "1000")
        first = -1 if after == "-1" else number(after, 10**18)
        most = number(limit, 10**18)
        if first is None or most is None:
            raise BadRequest(400, "after and limit are numbers")
        folders = folders_of(label)
        if len(folders) > 2 or any(segment(one) is None for one in folders):
            raise Missing("there is no repository at this path")
        role = self._services.access.role(identity, folders)
        if role is None:
            raise Refused("this repository is not yours")
        repository = self._services.repositories.find(folders)
        origin = _origin(request)
        if origin is not None:
            with self._services.database.read() as connection:
                if read_state(connection, origin) is None:
                    raise Missing("there is no such log")
        rows = self._read_receipts(repository.id, origin, first, min(most, MAX_RECEIPTS))
        return Answer(200, headers={"Content-Type": "application/x-ndjson"}, pieces=rows)

    def _read_receipts(self, repository: str, origin: str | None, after: int, limit: int) -> Iterator[bytes]:
        """The page's lines. No connection to the database is held while what was read is sent to somebody slow."""
        with self._services.database.read() as connection:
            now = read_state(connection, origin)
        if now is None or now.checkpoint is None:
            return
        yield json.dumps({"checkpoint": bytes(now.checkpoint).decode()}).encode() + b"\n"
        while limit > 0:
            after, lines = self._some_receipts(repository, now.id, now.published, after, min(limit, AT_ONCE))
            yield b"".join(lines)
            limit -= len(lines)
            if len(lines) < AT_ONCE:
                return

    def _some_receipts(self, repository: str, log: int, size: int, after: int, limit: int) -> tuple[int, list[bytes]]:
        """The next lines with proofs to the tree of ``size`` leaves, and the sequence number of the last."""
        table = log_schema.leaf
        query = (
            sa.select(table.c.data, table.c.position, table.c.sequence)
            .where(
                table.c.repository == repository,
                table.c.sequence > after,
                table.c.log == log,
                table.c.position < size,
            )
            .order_by(table.c.sequence)
            .limit(limit)
        )
        lines = []
        with self._services.database.read() as connection:
            node = node_of(connection, log, size)
            for row in connection.execute(query).all():
                proof = [base64.b64encode(one).decode() for one in inclusion_proof(node, row.position, size)]
                leaf = base64.b64encode(bytes(row.data)).decode()
                lines.append(json.dumps({"index": row.position, "leaf": leaf, "proof": proof}).encode() + b"\n")
                after = row.sequence
        return after, lines

    def _status(self, identity: Caller) -> Answer:
        services = self._services
        used = services.quotas.used(identity.id)
        everybody = self._sees_all(identity)
        refused = [one for one in services.refusals.all() if everybody or one["principal"] == identity.id]
        alarms = [one for one in services.reading.alarms() if everybody or one["principal"] == identity.id]
        role = services.access.role
        compared = [one for one in services.losses.found() if everybody or role(identity, folders_of(one.path))]
        with services.database.read() as connection:
            now = read_state(connection)
        head = checkpoints.parse(now.checkpoint) if now and now.checkpoint else None
        body = {
            "principal": identity.id,
            "clock_ns": services.clock.now_ns(),
            "clock_suspect": services.watch.suspect(services.clock.now_ns()) or None,
            "quota": {"bytes": identity.quota.bytes, "objects": identity.quota.objects},
            "used": {"bytes": used[0], "objects": used[1]},
            "refusals": refused,
            "reads": {"today": services.reading.today(identity.id), "alarms": alarms},
            "log": {"origin": now.origin if now else None, "size": head.size if head else 0},
            "compared": [dataclasses.asdict(one) for one in compared],
            "problems": [words for one in look_at_all(self._looks) for words in one],
            "pid": os.getpid(),
        }
        return Answer(200, json.dumps(body).encode() + b"\n", {"Content-Type": "application/json"})


def _origin(request: Request) -> str | None:
    """The log that is asked for: one that was rotated away, by its origin; None for the present one."""
    found = parse_qs(request.query).get("origin", [None])[-1]
    if found is not None and not (found.isprintable() and len(found) <= MAX_ORIGIN):
        raise Missing("there is no such log")
    return found


def _normal(level: str, number_text: str, width_text: str | None) -> str:
    return f"tile/{level}/{number_text}" + (f".p/{width_text}" if width_text else "")
