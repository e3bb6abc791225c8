"""Quotas: bytes, objects and snapshots a day for each principal, ``--max-size`` for all, and a floor of free space.

What is about to be written is reserved before, and grows with the body where its length is not known (rustic's); a
reservation whose worker died ends by itself. Every refusal is 507, also in mid-stream. What is stored is counted from
the log (``usage``), in the transaction that ends the reservation.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.clock import monotonic
from strongroom.base.errors import ConfigurationError, Full
from strongroom.base.objects import CONFIG_NAME, Kind
from strongroom.base.own_files import check_own_files
from strongroom.base.server_log import LOG
from strongroom.gateway import schema
from strongroom.gateway.access import usage
from strongroom.gateway.access.policy import Quota
from strongroom.gateway.access.usage import ALL, DAY_NS

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.settings import GatewaySettings

STEP = 16 << 20
"""The most bytes that are reserved ahead of a body of unknown length; never more than have come."""
RESERVATION_SECONDS = 600
TEND_SECONDS = 0.5
"""So long others may be counted at a time: a long log is counted behind."""
PLACE = "place"
"""The kind of a reservation for a repository that is about to be made."""
PLACE_BYTES = 4096
"""A repository without a config counts as one object of so many bytes for who made it."""

What = tuple[str, str, str]
"""What is reserved for: a repository's ID, a kind, a name."""


def check_free(path: str) -> None:
    """Raise ``Full`` below a floor of free space: receipts and locks must still find room."""
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize
    floor = max(status.f_blocks * status.f_frsize // 20, 1 << 30)
    if free < min(floor, status.f_blocks * status.f_frsize // 2):
        raise Full("the disk is nearly full; the rest is kept for receipts and locks")
    if status.f_files and status.f_favail < status.f_files // 20:
        raise Full("the disk has nearly no inodes left; the rest is kept for receipts and locks")


def room_problems(folders: dict[str, str]) -> list[str]:
    """Why nothing, or nothing but locks, can be stored in these folders, by their names, in words for /health."""
    found = []
    for name, path in folders.items():
        if (error := _unfit(path)) is not None:
            words = error.strerror if isinstance(error, OSError) else error.what
            full = isinstance(error, Full)
            found.append(f"nothing but locks is taken in: {words}" if full else f"{name} cannot be used: {words}")
    return sorted(set(found))


def tell_of_room(folders: dict[str, str]) -> None:
    """Say at the start what ``room_problems`` will say to whoever asks; here with paths, owners and what to do."""
    for name, path in folders.items():
        error = _unfit(path)
        if isinstance(error, Full):
            LOG.warning(f"{path}: nothing but locks is taken in: {error.what}")
        elif isinstance(error, OSError):
            LOG.error(f"{path}: {name} cannot be used: {error.strerror}")
        elif error is not None:
            LOG.error(f"{name} cannot be used: {error}")


def _unfit(path: str) -> Full | ConfigurationError | OSError | None:
    """Why a folder cannot be stored in. That it is not ours, or not writable, comes before that it is full."""
    try:
        check_own_files(path)
        check_free(path)
    except (Full, ConfigurationError, OSError) as error:
        return error
    return None


class Reservation:
    """What one upload has reserved. Without limits it costs nothing."""

    def __init__(self, quotas: Quotas, limits: dict[str, Quota], what: What, *, lazy: bool) -> None:
        self.id = secrets.token_hex(8)
        self.limits = limits
        self.what = what
        self._quotas = quotas
        self._lazy = lazy
        self._reserved = 0
        self._taken = 0
        self._open = False
        self._renewed = 0.0

    def take(self, count: int) -> None:
        """Tell of bytes that are about to be written. Raises ``Full``."""
        self._taken += count
        if not self.limits or self._lazy:
            return
        if self._taken <= self._reserved:
            # A slow upload's would end before it.
            if monotonic() > self._renewed + RESERVATION_SECONDS / 3:
                self.hold(self._reserved)
            return
        try:
            self.hold(self._taken + min(STEP, self._taken))
        except Full:
            self.hold(self._taken)

    def confirm(self, identity: Caller, size: int) -> None:
        """Reserve exactly this, by the quotas of now. Raises ``Full``."""
        self.limits = self._quotas.limits(identity, self.what[1])
        if self.limits:
            self.hold(size)

    def hold(self, size: int) -> None:
        """Reserve so many bytes in all. Raises ``Full``; what was reserved before stays so."""
        self._quotas.reserve(self, size)
        self._open, self._reserved, self._renewed = True, size, monotonic()

    def settle(self) -> None:
        """The object is stored, and the log says so: it counts from now on, and is reserved no more."""
        if self._open:
            self._quotas.settle(self)
            self._open = False

    def release(self) -> None:
        """Nothing was stored. Idempotent, and without effect after ``settle``."""
        if self._open:
            self._quotas.release(self)
            self._open = False


class Quotas:
    """The quotas of one database."""

    def __init__(self, settings: GatewaySettings, database: Database) -> None:
        self._max_size = settings.max_size
        self._database = database
        self._asked = bool(settings.max_size)

    def limits(self, identity: Caller, kind: str) -> dict[str, Quota]:
        """Whose quotas hold for what an identity stores.

        Locks are outside of them: restoring must work on a full disk.
        """
        found: dict[str, Quota] = {}
        if kind != Kind.LOCK.value:
            if identity.quota.limited:
                found[identity.id] = identity.quota
            if self._max_size and kind != PLACE:
                found[ALL] = Quota(bytes=self._max_size)
        self._asked = self._asked or bool(found)
        return found

    def begin(self, identity: Caller, what: What, declared: int | None, *, lazy: bool = False) -> Reservation:
        """Reserve for an upload of this length, if that is known. Raises ``Full``.

        With ``lazy`` nothing is reserved before ``confirm``.
        """
        made = Reservation(self, self.limits(identity, what[1]), what, lazy=lazy)
        if made.limits and not lazy:
            made.hold(declared or 0)
        return made

    def used(self, principal: str) -> tuple[int, int]:
        """Bytes and objects of a principal; from now on they are counted, also where nobody has a quota."""
        self._asked = True
        self.catch_up()
        table = schema.usage
        with self._database.read() as connection:
            row = connection.execute(sa.select(table).where(table.c.principal == principal)).first()
        return (0, 0) if row is None else (row.bytes, row.objects)

    def all_used(self) -> dict[str, tuple[int, int]]:
        """Bytes and objects of everybody who has stored something, and of all together."""
        self._asked = True
        self.catch_up()
        table = schema.usage
        with self._database.read() as connection:
            return {row.principal: (row.bytes, row.objects) for row in connection.execute(sa.select(table))}

    def catch_up(self) -> bool:
        """Count what others have changed, where anybody has a quota; whether there was something.

        Called about once a second.
        """
        if not self._asked or not usage.is_behind(self._database):
            return False
        until = monotonic() + TEND_SECONDS
        usage.catch_up(self._database, lambda: monotonic() > until)
        return True

    def reserve(self, one: Reservation, size: int) -> None:
        """Have a reservation be of so many bytes. Raises ``Full``."""
        try:
            self._reserve(one, size)
        except Full:
            if not self.catch_up():
                raise
            self._reserve(one, size)  # there may be room since

    def _reserve(self, one: Reservation, size: int) -> None:
        table = schema.reservation
        repository, kind, name = one.what
        with self._database.write() as connection:
            now = self._database.now_ns(connection)
            until = now + int(RESERVATION_SECONDS * 10**9)
            # One that ends long after ours could was made while the clock was ahead; who is alive makes it again.
            ahead = table.c.until_ns > until + _STEP_NS
            connection.execute(table.delete().where(sa.or_(table.c.until_ns < now, ahead)))
            for principal, quota in sorted(one.limits.items()):
                row = self._row(connection, principal)
                sums = (sa.func.coalesce(sa.func.sum(column), 0) for column in (table.c.bytes, table.c.snapshots))
                others = connection.execute(
                    sa.select(*sums, sa.func.count()).where(
                        table.c.principal == principal, table.c.id != f"{one.id}-{principal}"
                    )
                ).one()
                open_bytes, open_snapshots, open_objects = map(int, others)
                but = repository if kind == Kind.CONFIG.value else ""
                places = 0 if principal == ALL else _empty_places(connection, principal, but)
                who = "the server" if principal == ALL else "this principal"
                if quota.bytes is not None and row.bytes + open_bytes + places * PLACE_BYTES + size > quota.bytes:
                    raise Full(f"the quota of {who} is used up: {quota.bytes} bytes")
                if quota.objects is not None and row.objects + open_objects + places >= quota.objects:
                    raise Full(f"the quota of {who} is used up: {quota.objects} objects")
                today = open_snapshots + (row.snapshots if row.day == now // DAY_NS else 0)
                if kind == Kind.SNAPSHOT.value and quota.snapshots is not None and today >= quota.snapshots:
                    raise Full(f"the quota of {who} is used up: {quota.snapshots} snapshots a day")
            for principal in sorted(one.limits):
                row_now = {"id": f"{one.id}-{principal}", "principal": principal, "bytes": size, "until_ns": until}
                row_now |= {"snapshots": int(kind == Kind.SNAPSHOT.value)}
                row_now |= {"repository": repository, "kind": kind, "name": name}
                connection.execute(_HOLD, row_now)

    def settle(self, one: Reservation) -> None:
        """Count what was stored, and end its reservation."""
        with self._database.statements() as sql:
            if usage.count(self._database, sql):  # else it is dropped when its leaf is counted
                sql.many(_DROP, [(f"{one.id}-%",)])

    def release(self, one: Reservation) -> None:
        """Give back what was reserved."""
        table = schema.reservation
        with self._database.write() as connection:
            connection.execute(table.delete().where(table.c.id.startswith(f"{one.id}-", autoescape=True)))

    def made_place(self, one: Reservation, repository: str, principal: str) -> None:
        """A repository was made: it counts for who made it until its config has come. Ends the reservation."""
        table = schema.repository
        with self._database.write() as connection:
            new = sa.and_(table.c.id == repository, table.c.creator == "")
            connection.execute(table.update().where(new).values(creator=principal))
        one.release()

    def _row(self, connection: sa.Connection, principal: str) -> sa.Row[tuple[object, ...]]:
        table = schema.usage
        query = sa.select(table).where(table.c.principal == principal)
        if not self._database.is_sqlite:
            query = query.with_for_update()
        row = connection.execute(query).first()
        if row is None:
            text = "INSERT INTO usage VALUES (:principal, 0, 0, 0, 0) ON CONFLICT DO NOTHING"
            connection.execute(sa.text(text), {"principal": principal})
            row = connection.execute(query).one()
        return row


_STEP_NS = 60 * 10**9
"""A clock that is set back by less than this is no reason to doubt what was written before."""
_DROP = "DELETE FROM reservation WHERE id LIKE ?"
_HOLD = sa.text(
    "INSERT INTO reservation (id, principal, bytes, until_ns, snapshots, repository, kind, name)"
    " VALUES (:id, :principal, :bytes, :until_ns, :snapshots, :repository, :kind, :name)"
    " ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes, until_ns = excluded.until_ns"
)
_EMPTY = sa.text(
    "SELECT count(*) FROM repository WHERE creator = :principal AND id <> :but AND NOT EXISTS"
    " (SELECT 1 FROM leaf WHERE leaf.repository = repository.id AND leaf.name = :name AND leaf.kind = 'config')"
)


def _empty_places(connection: sa.Connection, principal: str, but: str) -> int:
    """Repositories that a principal made and that have never had a config; without the one that is being filled."""
    values = {"principal": principal, "but": but, "name": CONFIG_NAME}
    return int(connection.execute(_EMPTY, values).scalar_one())
