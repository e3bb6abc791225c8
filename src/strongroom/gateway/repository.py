"""A repository as the protocol's code sees it, whatever it lies on: its objects, its immutable ID, its state.

What differs between a folder and a prefix in a bucket is in the classes below this one, and nowhere else.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Refused
from strongroom.base.objects import CONFIG
from strongroom.gateway import registry, schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from strongroom.base.objects import ObjectName
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.ledger import Ledger
    from strongroom.receipts.database import Database
    from strongroom.receipts.tile_store import TileStore
    from strongroom.storage.contract import Store

STATE_SECONDS = 1.0
"""A panic or a thaw is seen by every worker after so long at most."""


class WrongBytes(Exception):
    """The bytes are not those that the name promises, or fewer than announced: 400."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object on its way in."""

    name: ObjectName
    body: Body
    limit: int
    """The most bytes that it may have."""
    principal: str
    """The ID of who sends it."""
    reserve: Callable[[int], None]
    """Is told each count of bytes before it is written, and may raise ``Full``."""
    receipt: Callable[[str, int], None]
    """Makes a receipt for the object's SHA-256 and size durable, unless there is one."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came in. ``new`` is false when these bytes were there already."""

    sha256: str
    size: int
    new: bool


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """What the database says of a repository."""

    frozen: bool
    adopting: bool
    panic: bool


class Repository(ABC):
    """One repository."""

    store: Store
    """Its objects, locks included, for lists and reads."""
    own: TileStore
    """Small files of ours beside the objects, written once."""
    place: str
    """Where it is, for an operator's eyes."""

    def __init__(self, label: str, database: Database) -> None:
        self.label = label
        self._database = database
        self._id: str | None = None
        self._state: tuple[float, RepositoryState] | None = None

    def take(self, arrival: Arrival) -> Taken:
        """Take an object in. A config that was taken away is not written anew: nobody begins where others were (S-1).

        Raises ``WrongBytes``, ``Exists``, ``Full``, ``Damaged`` (the stored copy), ``Refused`` or ``Unavailable``, and
        what the body raises. Nothing of ours is left behind but after success.
        """
        if arrival.name is CONFIG and self._lost_config() and not self.has(CONFIG):
            raise Refused("this repository's config was here before and was taken away; an operator must look")
        return self._take(arrival)

    @abstractmethod
    def _take(self, arrival: Arrival) -> Taken:
        """As ``take``."""

    def check_loss(self, name: ObjectName) -> None:
        """Of an object that is not there: raise ``Damaged`` for a config that the log knows, an incident (S-1)."""
        if name is CONFIG and self._lost_config():
            raise Damaged("the log knows a config here, and the store has none: it was taken away", subject=str(name))

    def _lost_config(self) -> bool:
        known = self._id or self.find_id()  # a place without an ID gets none by being asked for
        return known is not None and registry.is_logged(self._database, known, CONFIG)

    @abstractmethod
    def has(self, name: ObjectName) -> bool:
        """Whether anything stands under this name."""

    def came_ns(self, name: ObjectName) -> int | None:  # noqa: ARG002
        """When an object that is there came to stand there, by the machine's clock and by no stamp that its maker could
        set; None where the store does not say."""
        return None

    @abstractmethod
    def check_room(self) -> None:
        """Raise ``Full`` where so little space is left that receipts and locks would soon find none."""

    @abstractmethod
    def exclusive(self, what: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """One at a time over all workers, for a purpose that ``what`` names; yields whether it is ours."""

    @abstractmethod
    def put_away(self, name: ObjectName, principal: str, ledger: Ledger) -> None:
        """A custodian's delete. Raises ``Refused`` where there is no trash."""

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

    def state(self, *, fresh: bool = False) -> RepositoryState:
        """What the database says, at most ``STATE_SECONDS`` old unless ``fresh``."""
        now = time.monotonic()
        if fresh or self._state is None or self._state[0] < now:
            table = schema.repository
            with self._database.read() as connection:
                row = connection.execute(sa.select(table).where(table.c.id == self.id)).first()
            found = RepositoryState(bool(row and row.frozen), bool(row and row.adopting), bool(row and row.panic))
            self._state = (now + STATE_SECONDS, found)
        return self._state[1]

    def check_panic(self) -> None:
        """Raise ``Refused`` while a panic makes the repository read-only, but for locks."""
        if self.state().panic:
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
