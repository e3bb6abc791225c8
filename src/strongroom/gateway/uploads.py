"""POST of an object: taken in, given its receipt, and answered with the promise of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Full, Refused
from strongroom.base.objects import Kind
from strongroom.gateway.admission import Admission
from strongroom.gateway.http.answer import Answer
from strongroom.gateway.places.agreement import agree
from strongroom.gateway.places.arrival import IncomingObject
from strongroom.receipts.log.leaf import LeafType
from strongroom.receipts.log.promise import HEADER

if TYPE_CHECKING:
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.access.roles import Role
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.paths import ObjectPath
    from strongroom.gateway.services import Services
    from strongroom.receipts.commit.committer import Committed


class Uploads:
    """The uploads of one worker."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def create(self, request: Request, body: Body, target: ObjectPath, identity: Caller, role: Role) -> Answer:
        """Take an object in. Raises what ``Admission`` and ``ServedRepository.receive`` raise."""
        services, name = self._services, target.name
        assert name is not None
        if not role.may_add(name.kind):
            raise Refused(f"this role adds no objects in {name.kind.value}/")
        limit = services.settings.limits[name.kind]
        if request.length is not None and request.length > limit:
            raise Full(f"larger than {limit} bytes, the most for this kind")
        repository = services.repositories.find(target.repository)
        committed: list[Committed] = []

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

        admission = Admission(services, request, identity, repository, name)
        with services.turns.one(services.access.payer(request, identity)), admission:
            admission.begin(request.length)
            arrival = IncomingObject(
                name, body, limit, identity.id, admission.piece, admission.publishing, admission.again, receipt
            )
            taken = repository.receive(arrival)
            if taken.new:
                if name.kind is not Kind.LOCK and not repository.keeps(name):
                    agree(services.ledger, repository, name, "")  # a delete was faster than our receipt
                admission.settle()
                services.metrics.blob("write", identity.name, repository.label, name.kind, taken.size)
                if name.kind is Kind.SNAPSHOT:
                    services.metrics.snapshot(repository.label, services.database.clock_ns() / 1e9)
            else:
                admission.withdraw()
        promised = services.ledger.promise(committed[0]) if committed else None
        return Answer(200, headers={HEADER: promised} if promised else {})
