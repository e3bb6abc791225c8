"""From a request to an answer: who asks, for what, whether they may, and which status says so.

The statuses are those of restic's protocol as its clients read them: 403 only where asking again can never help, 503
to slow down (429 ends a rustic backup), 507 for quotas and full disks also in mid-stream, 404 for what is not a name.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from strongroom.base.errors import (
    Damaged,
    Exists,
    Full,
    Missing,
    Refused,
    StoreError,
    StrongroomError,
    Unavailable,
)
from strongroom.base.objects import CONFIG, Kind
from strongroom.base.server_log import LOG
from strongroom.gateway import listing
from strongroom.gateway.access.caller import Caller, Denied
from strongroom.gateway.access.roles import Role
from strongroom.gateway.access.turns import NoTurn
from strongroom.gateway.allocator import trim
from strongroom.gateway.creation import make
from strongroom.gateway.deletion import delete
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.http.conditions import ASKED, heeds_range, unmet
from strongroom.gateway.http.ranges import Unsatisfiable, parse_range
from strongroom.gateway.http.request import BadRequest
from strongroom.gateway.http.wire import Disconnected
from strongroom.gateway.paths import ObjectPath, parse_path
from strongroom.gateway.places.arrival import WrongBytes
from strongroom.gateway.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.objects import ObjectName
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.pages.router import PageRouter
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.services import Services
    from strongroom.storage.contract import Store

CHALLENGE = {"WWW-Authenticate": 'Basic realm="strongroom"'}
OCTETS = "application/octet-stream"
_OPEN = frozenset({"/health", "/metrics"})
"""Pages that may need no authentication."""


class _Crowded(NoTurn):
    """A principal has too many connections: this one's place is for others."""


class Gateway:
    """Answers requests for one worker, from many threads."""

    def __init__(self, services: Services, own: PageRouter) -> None:
        self._services = services
        self._own = own
        self._uploads = Uploads(services)
        self._logs = services.access_log.is_kept

    def handle(self, request: Request, body: Body) -> Answer:
        """The answer to a request."""
        services = self._services
        identity: Caller | None = None
        try:
            if request.path in _OPEN and (page := self._own.open_page(request)) is not None:
                return page
            identity = services.access.authenticate(request)
            request.user = identity.name
            if request.admit is not None and not request.admit(services.access.payer(request, identity)):
                raise _Crowded("too many connections at once")
            target = parse_path(request.path)
            if target is not None:  # no page of ours is where a repository may be
                return self._object(request, body, identity, target)
            page = self._own.page(request, body, identity)
            return text(404, "not found") if page is None else page
        except Denied as denied:
            request.user = denied.user
            self._refuse("", "credentials" if denied.status == 401 else "guessing")
            return text(denied.status, "wrong credentials", CHALLENGE if denied.status == 401 else None)
        except (Disconnected, BadRequest):
            raise
        except Exception as error:
            answer, reason = _answer_of(error)
            self._refuse(identity.id if identity else "", reason)
            answer.close = isinstance(error, _Crowded)
            if answer.status == 500:
                self._incident(request, error)
            return answer

    def done(self, request: Request | None, answer: Answer, seconds: float, peer: str) -> None:
        """Write the access log, count."""
        services = self._services
        if self._logs:
            if request is not None:
                peer = services.access.peer(request)
            services.access_log.write(request, answer, seconds, peer, request.user if request else "")
        services.metrics.answered(answer.status)

    def _refuse(self, principal: str, reason: str) -> None:
        if reason:
            self._services.refusals.note(principal, reason)
            self._services.metrics.refused(reason)

    def _incident(self, request: Request, error: Exception) -> None:
        where = request.target.encode("unicode_escape").decode()
        words = str(error) if isinstance(error, (StrongroomError, OSError)) else repr(error)
        said = words.splitlines()[: 2 if _is_refused_here(error) else 1]  # the second says whose it is, and what to do
        LOG.error(f"{request.method} {where}: {'. '.join(said)}")

    def _object(self, request: Request, body: Body, identity: Caller, target: ObjectPath) -> Answer:
        role = self._services.access.role(identity, target.repository)
        if role is None:
            self._refuse(identity.id, "repository")
            return text(403, "this repository is not yours")
        if target.name is not None:
            return self._named(request, body, target, identity, role)
        return self._repository(request, target, identity, role) if target.kind is None else self._list(request, target)

    def _named(self, request: Request, body: Body, target: ObjectPath, identity: Caller, role: Role) -> Answer:
        if request.method in ("GET", "HEAD"):
            return self._read(request, target, identity)
        if request.method == "POST":
            return self._uploads.create(request, body, target, identity, role)
        if request.method == "DELETE":
            return self._delete(target, identity, role)
        return text(405, "method not allowed", {"Allow": "GET, HEAD, POST, DELETE"})

    def _repository(self, request: Request, target: ObjectPath, identity: Caller, role: Role) -> Answer:
        if request.method != "POST":
            return text(405, "method not allowed", {"Allow": "POST"})
        if request.query != "create=true":
            return text(400, "only ?create=true is known here")
        if not role.creates:
            raise Refused("this role creates no repositories")
        make(self._services, identity, target.repository)
        return Answer(200)

    def _list(self, request: Request, target: ObjectPath) -> Answer:
        if request.method != "GET":
            return text(405, "method not allowed", {"Allow": "GET"})
        assert target.kind is not None
        store: Store | None = None
        with contextlib.suppress(Missing):  # rustic takes 404 for a failure: what is not there is an empty list
            store = self._services.repositories.find_to_read(target.repository).store
        return listing.answer(store, target.kind, request.headers.get("accept", ""), request.query)

    def _read(self, request: Request, target: ObjectPath, identity: Caller) -> Answer:
        name = target.name
        assert name is not None
        places = self._services.repositories
        try:
            return self._open(request, places.find_to_read(target.repository), name, identity)
        except Missing:
            places.find(target.repository).check_loss(name)  # of the repository that is there now
            raise

    def _open(self, request: Request, repository: ServedRepository, name: ObjectName, identity: Caller) -> Answer:
        store = repository.store
        headers = {"Content-Type": OCTETS, "Accept-Ranges": "bytes"}
        wanted = None
        if name is not CONFIG:
            tag = headers["ETag"] = f'"{name.name}"'
            if not ASKED.isdisjoint(request.headers):  # most ask for all of it, whatever it is
                if (status := unmet(request.headers, tag)) is not None:
                    store.stat(name)  # it is there
                    return Answer(status, headers={"ETag": tag})
                wanted = request.headers.get("range") if heeds_range(request.headers, tag) else None
        if request.method == "HEAD":
            return Answer(200, headers=headers, size=store.stat(name).size)
        size = store.stat(name).size if wanted else 0  # without a range one request to the store is enough
        try:
            asked = parse_range(wanted, size) if wanted else None
        except Unsatisfiable:
            return text(416, "no such range", {"Content-Range": f"bytes */{size}"})
        offset, length = asked or (0, None)
        reader = store.read(name, offset, length)
        self._services.reading.note(identity, reader.size)
        self._services.metrics.blob("read", identity.name, repository.label, name.kind, reader.size)
        if asked is None:
            return Answer(200, headers=headers, reader=reader)
        length = reader.size
        headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{size}"
        return Answer(206, headers=headers, reader=reader)

    def _delete(self, target: ObjectPath, identity: Caller, role: Role) -> Answer:
        name = target.name
        assert name is not None
        try:
            repository = self._services.repositories.find(target.repository)
        except Missing:
            if role in (Role.FULL, Role.CUSTODIAN) or name.kind is Kind.LOCK:
                return Answer(200)
            raise Refused("this repository is append-only", subject=str(name)) from None
        delete(repository, name, identity, role, self._services.ledger)
        self._services.metrics.blob("delete", identity.name, repository.label, name.kind, 0)
        return Answer(200)


_STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (NoTurn, 503, "busy"),
    (Missing, 404, ""),
    (Exists, 403, "exists"),
    (Refused, 403, "policy"),
    (Full, 507, "quota"),
    (Unavailable, 503, "unavailable"),
    (WrongBytes, 400, "bytes"),
    (Damaged, 500, "damaged"),
)


def _is_refused_here(error: Exception) -> bool:
    """Whether the gateway's own disk refuses, and not the gateway."""
    return isinstance(error, Refused) and isinstance(error.__cause__, OSError)


def _answer_of(error: Exception) -> tuple[Answer, str]:
    if type(error) is StoreError:  # none of its kinds: a bucket refuses the gateway itself
        return text(500, "the gateway's own store refuses this; its standard error says why"), "storage"
    for kind, status, reason in _STATUS:
        if isinstance(error, kind):
            if _is_refused_here(error):
                words = f"the gateway's own storage does not permit this: {error.what}"  # type: ignore[attr-defined]
                return text(500, words), "storage"  # never 403 or 404 for a read error
            what = error.what if isinstance(error, StrongroomError) else str(error)
            return text(status, what), reason
    return text(500, "internal error"), "internal"


TRIM_SECONDS = 10.0


def tick(services: Services, stopping: Callable[[], bool]) -> None:
    """What a worker does beside requests, about once a second: files that changed, counts to write. What goes wrong is
    told once, until it goes well or wrong otherwise."""
    trimmed = services.clock.monotonic()
    told = ""
    while not stopping():
        time.sleep(1.0)
        if services.clock.monotonic() > trimmed + TRIM_SECONDS:
            trim()
            trimmed = services.clock.monotonic()
        try:
            services.access_log.reopen_if_moved()  # this and the next need no database, which may be away
            if services.certificates is not None:
                services.certificates.reload_if_changed()
            services.metrics.clock(suspect=bool(services.watch.look()))
            services.access.reload_if_changed()
            services.refusals.flush()
            services.reading.flush()
            services.repositories.reload()
            services.quotas.catch_up()
            told = ""
        except Exception as error:  # whatever it is, the next second is another try
            words = str(error).splitlines()[0] if isinstance(error, StrongroomError) else repr(error)
            if words != told:
                LOG.error(words)
                told = words
        if services.parent not in (None, os.getppid()):
            os._exit(1)
