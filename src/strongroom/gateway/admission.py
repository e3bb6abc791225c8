"""Whether an upload may be published: the one place that says so, for every kind and every store.

What lets an upload in may end while its body is on its way, and a sender may hold back the last byte for as long as he
likes within the pace. So whatever was looked at before counts for nothing when the body has ended: who asks, his role,
the panic, the keys' freeze and windows, the quota, the room on the disk are all looked at again, afresh, and then
the object gets its name.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Full, Refused
from strongroom.base.objects import Kind, ObjectName
from strongroom.gateway import registry
from strongroom.gateway.access.own_names import CUSTODY, OwnName
from strongroom.gateway.access.roles import Role
from strongroom.gateway.key_freeze import is_frozen, key_admitted
from strongroom.gateway.lock_owners import claim_lock, forget_lock
from strongroom.gateway.paths import folders_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.access.quotas import Reservation
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.services import Services

ROOM_STEP = 4 << 20
"""After so many bytes of a body the room on the disk is looked at again."""
FULL_SHARE = 16
"""Without ``--append-only`` a repository has this many times the locks of one principal: many hosts share it, and locks
count in no quota and are taken in below the floor of free space."""


class Admission:
    """One upload's right to be published. Use as a context manager: what it has reserved ends with it."""

    def __init__(
        self,
        services: Services,
        request: Request,
        identity: Caller,
        repository: ServedRepository,
        name: ObjectName | OwnName,
    ) -> None:
        self._services = services
        self._request = request
        self._identity = identity
        self._repository = repository
        self._name = name
        self._kind = name.kind
        self._in_panic = name.kind in (Kind.LOCK, CUSTODY)  # what a custodian has to say counts most then
        self._folders = folders_of(repository.label)
        kind = name.kind.value if isinstance(name, ObjectName) else name.kind
        self._what = (repository.id, kind, name.name)
        self._looked = 0
        self._claimed = False
        self._reservation: Reservation | None = None

    def __enter__(self) -> Admission:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reservation is not None:
            self._reservation.release()

    def begin(self, declared: int | None) -> None:
        """What would be refused at the end is refused at once; reserve. Raises ``Refused``, ``Full``, ``Unavailable``.

        ``declared`` is the body's length, where it is known.
        """
        if not self._in_panic:
            self._repository.check_panic()
        if self._kind is not Kind.LOCK:
            self._repository.check_room()
        if self._kind is Kind.KEY:
            self._check_key()
        quotas = self._services.quotas
        try:
            self._reservation = quotas.begin(self._identity, self._what, declared)
        except Full:
            if not self._is_there():
                raise
            # The same bytes again are a success for who has used up his quota with them: nothing is added.
            self._reservation = quotas.begin(self._identity, self._what, declared, lazy=True)

    def piece(self, count: int) -> None:
        """So many bytes are about to be written. Raises as ``begin``, and ``Denied``."""
        assert self._reservation is not None
        self._look(fresh=False)
        self._looked += count
        if self._looked >= ROOM_STEP and self._kind is not Kind.LOCK:
            self._looked = 0
            self._repository.check_room()
        self._reservation.take(count)

    def again(self) -> None:
        """All but quota and claims, afresh: what a wait has to be followed by. Raises as ``piece``."""
        self._look(fresh=True)
        if self._kind is not Kind.LOCK:
            self._repository.check_room()
        if self._kind is Kind.KEY:
            self._check_key()

    @contextlib.contextmanager
    def publishing(self, size: int | None) -> Iterator[None]:
        """Within this the object gets its name and its receipt. Raises as ``piece``.

        ``size`` is what it adds, None where it is there already. What can only be counted by one at a time is counted
        by one at a time, over all workers.
        """
        assert self._reservation is not None
        with self._alone():
            self.again()
            if size is not None:
                try:
                    self._reservation.confirm(self._identity, size)
                except Full:
                    if not self._is_there():
                        raise
            if self._kind is Kind.LOCK:
                self._claim_lock()
            try:
                yield
            except BaseException:
                self.withdraw()
                raise

    def settle(self) -> None:
        """The object is stored, and new."""
        assert self._reservation is not None
        self._reservation.settle()

    def withdraw(self) -> None:
        """Nothing of this upload became a lock: nobody owns it for having sent it. Idempotent."""
        if self._claimed:
            self._claimed = False
            assert isinstance(self._name, ObjectName)
            forget_lock(self._services.ledger.database, self._repository.id, self._name.name)

    @property
    def _role(self) -> Role | None:
        return self._services.access.role(self._identity, self._folders)

    def _look(self, *, fresh: bool) -> None:
        services, access = self._services, self._services.access
        if fresh:
            generation, state = registry.look(services.database, self._repository.id)
            self._repository.known_state(state)
            access.reload_if_changed(generation)
        if self._identity.looked != access.changes or access.has_ended(self._identity):
            self._identity = access.authenticate(self._request)
        role = self._role
        if role is None or not role.may_add(self._kind):
            raise Refused("this repository is not yours any more")
        if not self._in_panic:
            self._repository.check_panic()

    def _alone(self) -> AbstractContextManager[object]:
        """Whatever this upload's check must not be raced by, held off."""
        if isinstance(self._kind, str):
            return self._repository.exclusive(self._kind)
        if self._kind is Kind.LOCK:
            return self._repository.exclusive("locks")
        if self._role is Role.FULL:
            return contextlib.nullcontext()
        if self._kind is Kind.KEY or (
            self._kind is Kind.SNAPSHOT and not is_frozen(self._services.ledger.database, self._repository)
        ):
            return self._repository.exclusive("keys")  # the first snapshot freezes them
        return contextlib.nullcontext()

    def _is_there(self) -> bool:
        return isinstance(self._name, ObjectName) and self._repository.has(self._name)

    def _claim_lock(self) -> None:
        assert isinstance(self._name, ObjectName)
        # Who sends a lock that is there already has not made it (G-5).
        if self._repository.has(self._name):
            return
        most = self._services.settings.locks_per_principal
        if self._role is Role.FULL:  # nobody owns a lock where everybody may remove it
            most *= FULL_SHARE
            if sum(1 for _ in self._repository.store.list(Kind.LOCK)) >= most:
                raise Refused(f"a repository has at most {most} locks; `unlock --remove-all` removes stale ones")
            return
        claim_lock(self._services.ledger.database, self._repository, self._name.name, self._identity.id, most)
        self._claimed = True

    def _check_key(self) -> None:
        assert isinstance(self._name, ObjectName)
        repository, database = self._repository, self._services.ledger.database
        if self._role is Role.FULL or repository.has(self._name):
            return  # the same key again is compared, and never another
        closed = (self._role is not None and self._role.cares) or is_frozen(database, repository)
        if closed and not key_admitted(database, repository.id, self._name.name):
            raise Refused(
                "keys are frozen since the first snapshot; an operator opens a window for one key with"
                " `strongroom gateway keys open`"
            )
        most = self._services.settings.keys_per_repository
        if sum(1 for _ in repository.store.list(Kind.KEY)) >= most:
            raise Refused(f"a repository has at most {most} keys")
