"""POST of an object: what may come in, when, and how much of it."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from strongroom.base.errors import Full, Refused, Unavailable
from strongroom.base.objects import Kind
from strongroom.gateway.http.answer import Answer
from strongroom.gateway.repository import Arrival
from strongroom.gateway.roles import Role
from strongroom.receipts.leaf import LeafType
from strongroom.receipts.promise import HEADER

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.objects import ObjectName
    from strongroom.gateway.access import Identity
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.paths import Target
    from strongroom.gateway.repository import Repository
    from strongroom.gateway.worker import Services
    from strongroom.receipts.commit import Committed


class Busy(Unavailable):
    """Too much at once for one principal."""


class Uploads:
    """The uploads of one worker."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: Counter[str] = Counter()
        self._guard = threading.Lock()

    def create(self, request: Request, body: Body, target: Target, identity: Identity, role: Role) -> Answer:
        """Take an object in. Raises what ``Repository.take`` raises; before that ``Refused``, ``Full`` or ``Busy``."""
        name = target.name
        assert name is not None
        settings = self._services.settings
        if name.kind is not Kind.LOCK and not role.creates:
            raise Refused("this role adds nothing but locks")
        limit = settings.limits[name.kind]
        if request.length is not None and request.length > limit:
            raise Full(f"larger than {limit} bytes, the most for this kind")
        access = self._services.access
        changes = access.changes
        repository = self._services.repositories.find(target.repository)

        def check() -> None:
            """What was so at the beginning must be so to the end: a slow body would outlast a right otherwise."""
            nonlocal changes
            if name.kind is not Kind.LOCK:
                repository.check_panic()
            if changes != access.changes:
                changes = access.changes
                now = access.role(access.authenticate(request), target.repository)
                if now is None or (name.kind is not Kind.LOCK and not now.creates):
                    raise Refused("this repository is not yours any more")
            if name.kind is Kind.KEY and role is not Role.FULL:
                self._check_key(repository, name)

        if name.kind is not Kind.LOCK:
            repository.check_panic()
        repository.check_room()
        self._begin(identity)
        try:
            if role is not Role.FULL and name.kind is Kind.LOCK:
                self._claim_lock(repository, name, identity)
            elif role is not Role.FULL and name.kind is Kind.KEY:
                with repository.exclusive("keys"):
                    self._check_key(repository, name)
                    return self._take(request, body, repository, name, identity, check)
            return self._take(request, body, repository, name, identity, check)
        finally:
            self._end(identity)

    def _take(
        self,
        request: Request,
        body: Body,
        repository: Repository,
        name: ObjectName,
        identity: Identity,
        check: Callable[[], None],
    ) -> Answer:
        services = self._services
        reservation = services.quotas.begin(identity, name.kind, request.length)
        committed: list[Committed] = []

        def reserve(count: int) -> None:
            check()
            reservation.take(count)

        def receipt(sha256: str, size: int) -> None:
            if name.kind is Kind.LOCK:
                return  # locks come and go, and are not logged
            made = services.ledger.record(
                LeafType.CREATE,
                repository.id,
                name,
                sha256=sha256,
                size=size,
                principal=identity.id,
                unless_present=True,
            )
            committed.append(made)

        settled = False
        try:
            limit = services.settings.limits[name.kind]
            taken = repository.take(Arrival(name, body, limit, identity.id, reserve, receipt))
            if taken.new:
                reservation.settle(taken.size)
                settled = True
                services.metrics.blob("write", identity.name, repository.label, name.kind, taken.size)
                if name.kind is Kind.SNAPSHOT:
                    services.metrics.snapshot(repository.label, services.clock.now_ns() / 1e9)
        finally:
            if not settled:
                reservation.release()
        promised = services.ledger.promise(committed[0]) if committed else None
        return Answer(200, headers={HEADER: promised} if promised else {})

    def _begin(self, identity: Identity) -> None:
        with self._guard:
            if self._running[identity.id] >= self._services.settings.uploads_per_principal:
                raise Busy("too many uploads at once")
            self._running[identity.id] += 1

    def _end(self, identity: Identity) -> None:
        with self._guard:
            self._running[identity.id] -= 1

    def _claim_lock(self, repository: Repository, name: ObjectName, identity: Identity) -> None:
        services = self._services
        most = services.settings.locks_per_principal
        # Who sends a lock that is there already has not made it (G-5).
        if not repository.has(name) and not services.ledger.claim_lock(repository, name.name, identity.id, most):
            raise Full("too many live locks; `restic unlock` removes stale ones")

    def _check_key(self, repository: Repository, name: ObjectName) -> None:
        services = self._services
        if repository.has(name):
            return  # the same key again is compared, and never another
        if services.ledger.is_frozen(repository) and not services.ledger.key_admitted(repository, name.name):
            raise Refused(
                "keys are frozen since the first snapshot; an operator opens a window for one key with"
                " `strongroom gateway keys open`"
            )
        count = sum(1 for _ in repository.store.list(Kind.KEY))
        if count >= services.settings.keys_per_repository:
            raise Refused(f"a repository has at most {services.settings.keys_per_repository} keys")
