"""The custodian's state: SQLite in a folder, or PostgreSQL by URL; who works on what, and who decided what."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.clock import SYSTEM, Clock
from strongroom.base.errors import ConfigurationError, Locked, Missing
from strongroom.base.own_files import check_own_files, make_own_folder
from strongroom.base.record import record
from strongroom.base.redact import without_login
from strongroom.custody.policy import CustodyPolicy, parse_policy
from strongroom.custody.schemas import changes, continuity, deletion, drift, evidence, good, indexed, replica, telling
from strongroom.custody.schemas import main as schema
from strongroom.custody.unfinished import give_up_rounds
from strongroom.database.engine import Database
from strongroom.database.migrations import migrate
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.custody.reading.examining import Examining

LEASE_NS = HOUR
"""How long a round may hold its repository before another custodian takes over, if it does not say that it lives."""
_SCHEMES = ("sqlite:", "postgresql:")
MODULES = (
    ("custody", schema),
    ("custody-deletion", deletion),
    ("custody-evidence", evidence),
    ("custody-continuity", continuity),
    ("custody-replica", replica),
    ("custody-drift", drift),
    ("custody-telling", telling),
    ("custody-indexed", indexed),
    ("custody-changes", changes),
    ("custody-good", good),
)
"""All tables of the state, by the names that their steps are counted under."""


@record
class Adopted:
    """A repository in our care. ``sealed_master`` opens with the identity alone."""

    id: str
    name: str
    store: str
    adopted_ns: int
    config_sha256: str
    key_name: str
    sealed_master: bytes
    sealed_password: bytes
    policy: CustodyPolicy
    retired: bool
    config: bytes
    key_file: bytes

    @property
    def place(self) -> str:
        """The store's URL as it is signed and told to other machines: a token in it is nobody else's."""
        return without_login(self.store)


@record
class Lease:
    """The right to write of one repository; ``fence`` is larger than that of whoever had it before."""

    repository: str
    holder: str
    fence: int


def default_folder() -> str:
    """``$STRONGROOM_CUSTODY_STATE``, else ``/var/lib/strongroom/custody``."""
    return os.environ.get("STRONGROOM_CUSTODY_STATE") or "/var/lib/strongroom/custody"


class State:
    """The open state. Safe to use from many threads; close it."""

    def __init__(
        self,
        place: str,
        clock: Clock = SYSTEM,
        *,
        create: bool = False,
        is_gone: Callable[[str], bool] = lambda _holder: False,
    ) -> None:
        """``place``: a folder, or the URL of a database. ``is_gone``: whether who holds a lease is known to be no more,
        such as a process of this machine that was killed. Raises ``ConfigurationError`` when there is none yet.
        """
        self.is_gone = is_gone
        self.place = place
        self.clock = clock
        self.examining: Examining | None = None
        """Who parses what hosts stored, for whoever has a lease; None: this process does."""
        url = place
        if not place.startswith(_SCHEMES):
            file = os.path.join(os.path.abspath(place), "custody.db")
            if create:
                make_own_folder(place)
            check_own_files(place, [file])
            if not create and not os.path.exists(file):
                raise ConfigurationError(
                    "there is no custodian's state here",
                    subject=place,
                    hint="`strongroom custody init` begins one; --state names another place.",
                )
            url = f"sqlite:///{file}"
        self.database = Database(url, clock=clock)
        for module, tables in MODULES:
            migrate(self.database, module, tables.METADATA, tables.STEPS)

    def checkpoint(self) -> None:
        """Keep what is known now before something goes, where the state lives on a machine that may vanish."""

    def close(self) -> None:
        """Close the database. Idempotent."""
        self.database.close()

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # repositories

    def repositories(self, *, released: bool = False) -> list[Adopted]:
        """All in care by name; with those that were ``released`` as well."""
        table = schema.repository
        query = sa.select(table).order_by(table.c.name)
        if not released:
            query = query.where(table.c.retired_ns.is_(None))
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        return [_adopted(row) for row in rows]

    def repository(self, name: str) -> Adopted:
        """One by its name or the beginning of its ID. Raises ``Missing`` naming those that there are."""
        known = self.repositories()
        found = [one for one in known if one.name == name] or [
            one for one in known if len(name) >= 8 and one.id.startswith(name)
        ]
        if len(found) != 1:
            names = ", ".join(one.name for one in known) or "none yet; `strongroom custody adopt` begins with one"
            raise Missing("is not in this custodian's care", subject=name, hint=f"There are: {names}.")
        return found[0]

    # leases

    def claim(self, repository: str, holder: str) -> Lease:
        """The right to work on a repository for ``LEASE_NS``. Raises ``Locked`` while another has it."""
        table = schema.lease
        with self.database.write() as connection:
            now = self.database.now_ns(connection)
            row = connection.execute(*_lease_query(repository)).one_or_none()
            if row is not None and row.until_ns > now and row.holder != holder and not self.is_gone(row.holder):
                raise Locked(
                    f"another custodian works on it: {row.holder}",
                    subject=repository[:10],
                    hint=f"It is free again in {(row.until_ns - now) // (60 * 10**9) + 1} minutes at the latest.",
                )
            fence = (row.fence if row is not None else 0) + 1
            if row is not None:
                give_up_rounds(self.database, connection, repository)
                self.database.change(connection, f"DELETE FROM {table.name} WHERE repository = ?", repository)
            text = f"INSERT INTO {table.name} (repository, holder, fence, until_ns) VALUES (?, ?, ?, ?)"
            self.database.change(connection, text, repository, holder, fence, now + LEASE_NS)
        return Lease(repository, holder, fence)

    def release(self, lease: Lease) -> None:
        """Give the right back; the fence stays, so that it never falls."""
        if self.examining is not None:
            self.examining.end()
        table = schema.lease
        with self.database.write() as connection:
            text = f"UPDATE {table.name} SET until_ns = 0 WHERE repository = ? AND fence = ?"
            self.database.change(connection, text, lease.repository, lease.fence)

    @contextlib.contextmanager
    def writing(self, lease: Lease) -> Iterator[sa.Connection]:
        """A transaction of whoever holds the lease, which it renews. Raises ``Locked`` when another has taken over."""
        table = schema.lease
        with self.database.write() as connection:
            now = self.database.now_ns(connection)
            text = f"UPDATE {table.name} SET until_ns = ? WHERE repository = ? AND fence = ?"
            if self.database.change(connection, text, now + LEASE_NS, lease.repository, lease.fence) != 1:
                raise Locked("another custodian has taken over", subject=lease.repository[:10])
            yield connection

    # audit trail

    def record(self, connection: sa.Connection, who: str, repository: str, what: str, why: str = "") -> None:
        """Add an entry to the audit trail, in the transaction of what it is about."""
        table = schema.audit
        last = connection.execute(sa.select(table).order_by(table.c.number.desc()).limit(1)).one_or_none()
        number = 1 if last is None else last.number + 1
        at_ns = self.clock.now_ns()
        digest = _digest("" if last is None else last.hash, number, at_ns, who, repository, what, why)
        connection.execute(
            table.insert().values(
                number=number, at_ns=at_ns, who=who, repository=repository, what=what, why=why, hash=digest
            )
        )

    def audit_trail(self) -> list[sa.Row[tuple[object, ...]]]:
        """All entries, oldest first. Raises ``ConfigurationError`` where one was changed or taken out."""
        with self.database.read() as connection:
            rows = list(connection.execute(sa.select(schema.audit).order_by(schema.audit.c.number)).all())
        before = ""
        for position, row in enumerate(rows, 1):
            wanted = _digest(before, position, row.at_ns, row.who, row.repository, row.what, row.why)
            if row.number != position or row.hash != wanted:
                raise ConfigurationError(
                    f"entry {position} of the audit trail is not what was written",
                    subject=self.place,
                    hint="Somebody changed the state. Bring back a copy of it, and look at who can write there.",
                )
            before = wanted
        return rows


@prepared
def _lease_query(repository: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(schema.lease).where(schema.lease.c.repository == repository)


def _digest(before: str, *parts: object) -> str:
    text = "\0".join((before, *map(str, parts)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _adopted(row: sa.Row[tuple[object, ...]]) -> Adopted:
    values = row._mapping
    return Adopted(
        values["id"],
        values["name"],
        values["store"],
        values["adopted_ns"],
        values["config_sha256"],
        values["key_name"],
        bytes(values["sealed_master"]),
        bytes(values["sealed_password"]),
        parse_policy(values["policy"]),
        values["retired_ns"] is not None,
        bytes(values["config"]),
        bytes(values["key_file"]),
    )
