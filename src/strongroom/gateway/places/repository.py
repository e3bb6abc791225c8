"""A repository as the protocol's code sees it, whatever it lies on: its objects, its immutable ID, its state.

What differs between a folder and a prefix in a bucket is in the classes below this one, and nowhere else.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Refused
from strongroom.base.objects import CONFIG
from strongroom.gateway import registry, schema
from strongroom.gateway.access.own_names import SEALED
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from strongroom.base.objects import ObjectName
    from strongroom.database.engine import Database
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.arrival import IncomingObject, Taken
    from strongroom.gateway.registry import RegisteredState
    from strongroom.storage.contract import Store
    from strongroom.storage.own.contract import OwnFiles

STATE_SECONDS = 1.0
"""A panic or a thaw is seen by every worker after so long at most."""


class ServedRepository(ABC):
    """One repository."""

    store: Store
    """Its objects, locks included, for lists and reads."""
    own: OwnFiles
    """Small files of ours beside the objects, written once."""
    place: str
    """Where it is, for an operator's eyes."""

    def __init__(self, label: str, database: Database) -> None:
        self.label = label
        self._database = database
        self._id: str | None = None
        self._state: tuple[float, RegisteredState] | None = None

    def receive(self, arrival: IncomingObject) -> Taken:
        """Take an object in. A config that was taken away is not written anew: nobody begins where others were (S-1).

        Raises ``WrongBytes``, ``Exists``, ``Full``, ``Damaged`` (the stored copy), ``Refused`` or ``Unavailable``, and
        what the body raises. Nothing of ours is left behind but after success.
        """
        self._check_config(arrival.name)
        return self._receive(arrival)

    @contextlib.contextmanager
    def publishing(self, arrival: IncomingObject, size: int | None) -> Iterator[None]:
        """``arrival.publishing``, and what else may have changed while the body was on its way."""
        with arrival.publishing(size):
            self._check_config(arrival.name)
            yield

    def _check_config(self, name: ObjectName) -> None:
        if name is CONFIG and self._lost_config() and not self.has(CONFIG):
            raise Refused("this repository's config was here before and was taken away; an operator must look")

    @abstractmethod
    def _receive(self, arrival: IncomingObject) -> Taken:
        """As ``take``."""

    def check_loss(self, name: ObjectName) -> None:
        """Of an object that is not there: raise ``Damaged`` for a config that the log knows, an incident (S-1)."""
        if name is CONFIG and self._lost_config():
            raise Damaged("the log knows a config here, and the store has none: it was taken away", subject=str(name))

    def _lost_config(self) -> bool:
        known = self._id or self.find_id()  # a place without an ID gets none by being asked for
        return known is not None and registry.is_logged(self._database, known, CONFIG)

    def is_made(self) -> bool:
        """Whether a repository begins here: an ID or a config. Raises ``Damaged``."""
        return self.find_id() is not None or self.has(CONFIG)

    @abstractmethod
    def has(self, name: ObjectName) -> bool:
        """Whether anything stands under this name."""

    def came_ns(self, name: ObjectName) -> int | None:  # noqa: ARG002
        """When an object that is there came to stand there, by the machine's clock and by no stamp that its maker could
        set; None where the store does not say."""
        return None

    def is_arriving(self, name: ObjectName) -> bool:  # noqa: ARG002
        """Whether an upload of it is under way, as far as can be seen here: published, perhaps, and not logged yet."""
        return False

    def keeps(self, name: ObjectName) -> bool:
        """Whether what was just stored is still there; asked only where somebody may delete, since it may cost."""
        return self.has(name)

    def sealed(self) -> list[str]:
        """The names of the sealed keys, as they are now."""
        return self.own.names(SEALED)

    @abstractmethod
    def check_room(self) -> None:
        """Raise ``Full`` where so little space is left that receipts and locks would soon find none."""

    @abstractmethod
    def exclusive(self, what: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """One at a time over all workers, for a purpose that ``what`` names; yields whether it is ours."""

    @abstractmethod
    def change(self, name: ObjectName, principal: str) -> AbstractContextManager[None]:
        """Within this an object leaves its place or comes back to it, and the log is told; a crash between is settled.

        Raises ``Unavailable``.
        """

    def where_gone(self, name: ObjectName) -> tuple[LeafType, int, str]:  # noqa: ARG002
        """Of an object that is not in its place: what became of it as a leaf says it, its size, the leaf's detail."""
        return LeafType.PURGE, 0, ""

    @abstractmethod
    def put_away(self, name: ObjectName, principal: str, ledger: Ledger) -> None:
        """A custodian's delete. Raises ``Refused`` where there is no trash."""

    def take_back(self, name: ObjectName, principal: str, ledger: Ledger) -> None:
        """Bring an object back from the trash. Raises ``Missing`` where none has these bytes, ``Refused`` in a panic
        and where there is no trash."""
        del name, principal, ledger
        raise Refused("there is no trash over object storage; use the custodian's credentials")

    @abstractmethod
    def find_id(self) -> str | None:
        """The ID beside the objects, if there is one. Raises ``Damaged`` when it is no ID."""

    @abstractmethod
    def _identify(self) -> str:
        """The ID beside the objects, which is given when there is none. Raises ``Damaged``."""

    @property
    def id(self) -> str:
        """The immutable ID, given at first use. Raises ``Damaged`` when the file with it is no ID."""
        if self._id is None:
            found = self._identify()
            self._register(found)
            self._id = found
        return self._id

    def state(self, *, fresh: bool = False) -> RegisteredState:
        """What the database says, at most ``STATE_SECONDS`` old unless ``fresh``."""
        known = self._state
        if fresh or known is None or known[0] < self._database.clock.monotonic():
            return self.known_state(registry.look(self._database, self.id)[1])
        return known[1]

    def known_state(self, found: RegisteredState) -> RegisteredState:
        """Take over what the database has just said."""
        self._state = (self._database.clock.monotonic() + STATE_SECONDS, found)
        return found

    def check_panic(self, *, fresh: bool = False) -> None:
        """Raise ``Refused`` while a panic makes the repository read-only, but for locks."""
        if self.state(fresh=fresh).panic:
            raise Refused("the repository is read-only: panic was declared")

    def mark(self, **values: int) -> None:
        """Set fields of the database's row."""
        table = schema.repository
        with self._database.write() as connection:
            connection.execute(table.update().where(table.c.id == self.id).values(**values))
        self._state = None

    def _register(self, repository: str) -> None:
        """Make the database's row. A repository that has a config already was not made through us: it is adopted."""
        table = schema.repository
        with self._database.read() as connection:
            if connection.execute(sa.select(table.c.id).where(table.c.id == repository)).first() is not None:
                return
        adopted, panic = int(self.has(CONFIG)), int(registry.panicked(self._database, repository))
        text = (
            "INSERT INTO repository (id, path, created_ns, frozen, adopting, panic)"
            " VALUES (:id, :path, :now, :adopted, :adopted, :panic) ON CONFLICT DO NOTHING"
        )
        with self._database.write() as connection:
            row = {"id": repository, "path": self.label, "adopted": adopted, "panic": panic}
            connection.execute(sa.text(text), {**row, "now": self._database.now_ns(connection)})
