"""A repository at a prefix of a bucket, in restic's layout; its ID lies there in ``.strongroom/id``."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Exists, Full, Missing, Refused, StoreError
from strongroom.base.objects import Kind
from strongroom.gateway.access.own_names import SEALED
from strongroom.gateway.access.quotas import check_free
from strongroom.gateway.http.buffers import buffer
from strongroom.gateway.places.arrival import IncomingObject, Taken, WrongBytes
from strongroom.gateway.places.bucket import intake
from strongroom.gateway.places.bucket.locks import Locks, ServedStore
from strongroom.gateway.places.bucket.works import Prefix
from strongroom.gateway.places.repository import ServedRepository
from strongroom.storage.kinds import keyed_of
from strongroom.storage.own.bucket import BucketFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from strongroom.base.objects import ObjectName
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.bucket.works import Works
    from strongroom.storage.contract import Store

OWN = ".strongroom"
_ID = re.compile(r"[0-9a-f]{32}\Z")


class BucketRepository(ServedRepository):
    """One prefix."""

    own: BucketFiles

    def __init__(self, label: str, objects: Store, works: Works) -> None:
        """``objects`` is the prefix's store."""
        super().__init__(label, works.database)
        self.objects = objects
        self.works = works
        self.keyed = keyed_of(objects)
        self._prefix = Prefix(objects, self.keyed, works)
        self.place = objects.location
        self.own = BucketFiles(self.keyed, OWN, guarded=lambda: works.guarded)
        self._locks = Locks(works.database, lambda: self.id)
        self.store = ServedStore(objects, self._locks)

    def _receive(self, arrival: IncomingObject) -> Taken:
        if arrival.name.kind is Kind.LOCK:
            return self._take_lock(arrival)
        return intake.receive(self, self._prefix, arrival)

    def _take_lock(self, arrival: IncomingObject) -> Taken:
        name = arrival.name
        view, data = buffer(), bytearray()
        while count := arrival.body.readinto(view):
            data += view[:count]
            if len(data) > arrival.limit:
                raise Full(f"larger than {arrival.limit} bytes, the most for this kind")
            arrival.piece(count)
        digest = hashlib.sha256(data).hexdigest()
        if digest != name.name:
            if self.has(name):
                raise Exists("other bytes stand under this name", subject=str(name))
            raise WrongBytes("these bytes have another SHA-256 than the name says")
        with self.publishing(arrival, len(data)):
            return Taken(digest, len(data), self._locks.add(name.name, bytes(data)))

    def has(self, name: ObjectName) -> bool:
        """As the base says."""
        try:
            if name.kind is Kind.LOCK:
                self.store.stat(name)
            else:
                self.keyed.head(name.path)
        except Missing:
            return False
        except Refused as error:
            raise StoreError(f"the store refuses: {error.what}", subject=error.subject) from None
        return True

    def keeps(self, name: ObjectName) -> bool:
        """As the base says: with --append-only nothing is deleted through a gateway."""
        return not self.works.deletes or self.has(name)

    def sealed(self) -> list[str]:
        """As the base says: other workers seal, too, so a list that was kept would not do."""
        return self.keyed.list(f"{OWN}/{SEALED}/")[0]

    def check_room(self) -> None:
        """As the base says, of the disk with the spool and the database."""
        check_free(self.works.folder)

    def exclusive(self, what: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """As the base says, over all gateways that share the database."""
        return self._database.exclusive(f"{what} {self.id}", wait=wait)

    @contextlib.contextmanager
    def change(self, name: ObjectName, principal: str) -> Iterator[None]:
        """As the base says, by an intent without a hash."""
        intents = self.works.intents
        intent = intents.begin(self, name, "", 0, principal)
        try:
            yield
        except BaseException:
            intents.give_up(intent)
            raise
        intents.done(intent)

    def put_away(self, name: ObjectName, principal: str, ledger: Ledger) -> None:
        """Refused: the gateway's key for the bucket should not be able to delete, and there is no trash."""
        del name, principal, ledger
        raise Refused("nothing is deleted through a gateway before object storage; use the custodian's credentials")

    def find_id(self) -> str | None:
        """As the base says."""
        try:
            found = self.own.read("id").decode("ascii", "replace").strip()
        except Missing:
            return None
        if _ID.match(found) is None:
            raise Damaged("the file with the repository's ID is damaged", subject=self.place)
        return found

    def believe_id(self, found: str) -> None:
        """The database knows the repository, whatever became of its prefix."""
        self._id = found

    def _identify(self) -> str:
        found = self.find_id()
        if found is None:
            with contextlib.suppress(Exists):  # another worker's ID is as good
                self.own.write_once("id", f"{secrets.token_hex(16)}\n".encode())
            found = self.find_id()
        assert found is not None
        return found
