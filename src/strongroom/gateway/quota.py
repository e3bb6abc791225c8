"""Quotas: bytes, objects and snapshots a day for each principal, ``--max-size`` for all, and a floor of free space.

Bytes are reserved before they are written, in steps of 16 MiB where a body's length is not known (rustic's); a
reservation whose worker died ends by itself. Every refusal is 507, also in mid-stream.
"""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Full
from strongroom.base.objects import Kind
from strongroom.gateway import schema
from strongroom.gateway.policy import Quota

if TYPE_CHECKING:
    from strongroom.gateway.access import Identity
    from strongroom.gateway.settings import Settings
    from strongroom.receipts.database import Database

STEP = 16 << 20
RESERVATION_SECONDS = 600
ALL = "*"
_DAY_NS = 86_400 * 10**9


def check_free(path: str) -> None:
    """Raise ``Full`` below a floor of free space: receipts and locks must still find room."""
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize
    floor = max(status.f_blocks * status.f_frsize // 20, 1 << 30)
    if free < min(floor, status.f_blocks * status.f_frsize // 2):
        raise Full("the disk is nearly full; the rest is kept for receipts and locks")
    if status.f_files and status.f_favail < status.f_files // 20:
        raise Full("the disk has nearly no inodes left; the rest is kept for receipts and locks")


class Reservation:
    """What one upload has reserved. Without limits it costs nothing."""

    def __init__(self, quotas: Quotas, limits: dict[str, Quota], kind: Kind, declared: int | None) -> None:
        self._quotas = quotas
        self._limits = limits
        self._kind = kind
        self._id = secrets.token_hex(8) if limits else ""
        self._reserved = 0
        self._taken = 0
        self._renewed = time.monotonic()
        if limits:
            self._grow(declared if declared is not None else STEP, first=True)

    def take(self, count: int) -> None:
        """Tell of bytes that are about to be written. Raises ``Full``."""
        self._taken += count
        if not self._limits:
            return
        if self._taken > self._reserved:
            self._grow(max(STEP, self._taken - self._reserved), first=False)
        elif time.monotonic() > self._renewed + RESERVATION_SECONDS / 3:  # else a slow upload's would end before it
            self._quotas.reserve(self._id, self._limits, 0, None)
        else:
            return
        self._renewed = time.monotonic()

    def _grow(self, count: int, *, first: bool) -> None:
        try:
            self._quotas.reserve(self._id, self._limits, count, self._kind if first else None)
        except Full:
            exact = self._taken - self._reserved
            if first or exact >= count or exact <= 0:
                raise
            self._quotas.reserve(self._id, self._limits, exact, None)
            count = exact
        self._reserved += count

    def settle(self, size: int) -> None:
        """The object is stored: its size counts from now on."""
        if self._limits:
            self._quotas.settle(self._id, self._limits, size, self._kind)

    def release(self) -> None:
        """Nothing was stored. Idempotent, and without effect after ``settle``."""
        if self._limits:
            self._quotas.release(self._id)


class Quotas:
    """The quotas of one database."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._max_size = settings.max_size
        self._database = database

    def begin(self, identity: Identity, kind: Kind, declared: int | None) -> Reservation:
        """Reserve for an upload. Raises ``Full``. Locks are outside the quotas: restoring must work on a full disk."""
        limits: dict[str, Quota] = {}
        if kind is not Kind.LOCK:
            if identity.quota.limited:
                limits[identity.id] = identity.quota
            if self._max_size:
                limits[ALL] = Quota(bytes=self._max_size)
        return Reservation(self, limits, kind, declared)

    def used(self, principal: str) -> tuple[int, int]:
        """Bytes and objects of a principal."""
        table = schema.usage
        with self._database.read() as connection:
            row = connection.execute(sa.select(table).where(table.c.principal == principal)).first()
        return (0, 0) if row is None else (row.bytes, row.objects)

    def set_used(self, principal: str, size: int, objects: int) -> None:
        """What was counted at start."""
        with self._database.write() as connection:
            self._row(connection, principal)
            table = schema.usage
            connection.execute(table.update().where(table.c.principal == principal).values(bytes=size, objects=objects))

    def reserve(self, reservation: str, limits: dict[str, Quota], count: int, kind: Kind | None) -> None:
        """Reserve bytes; ``kind`` is None but for an upload's first step. Raises ``Full``."""
        table = schema.reservation
        with self._database.write() as connection:
            now = self._database.now_ns(connection)
            connection.execute(table.delete().where(table.c.until_ns < now))
            for principal, quota in limits.items():
                row = self._row(connection, principal)
                sums = (sa.func.coalesce(sa.func.sum(column), 0) for column in (table.c.bytes, table.c.snapshots))
                under_way = connection.execute(
                    sa.select(*sums, sa.func.count()).where(table.c.principal == principal)
                ).one()
                open_bytes, open_snapshots, open_objects = map(int, under_way)
                who = "the server" if principal == ALL else "this principal"
                if quota.bytes is not None and row.bytes + open_bytes + count > quota.bytes:
                    raise Full(f"the quota of {who} is used up: {quota.bytes} bytes")
                if kind is not None and quota.objects is not None and row.objects + open_objects >= quota.objects:
                    raise Full(f"the quota of {who} is used up: {quota.objects} objects")
                today = open_snapshots + (row.snapshots if row.day == now // _DAY_NS else 0)
                if kind is Kind.SNAPSHOT and quota.snapshots is not None and today >= quota.snapshots:
                    raise Full(f"the quota of {who} is used up: {quota.snapshots} snapshots a day")
            until = now + int(RESERVATION_SECONDS * 10**9)
            for principal in limits:
                key = f"{reservation}-{principal}"
                done = connection.execute(
                    table.update().where(table.c.id == key).values(bytes=table.c.bytes + count, until_ns=until)
                )
                if done.rowcount == 0:
                    entry = {"id": key, "principal": principal, "bytes": count, "until_ns": until}
                    entry["snapshots"] = int(kind is Kind.SNAPSHOT)
                    connection.execute(table.insert(), entry)

    def settle(self, reservation: str, limits: dict[str, Quota], size: int, kind: Kind) -> None:
        """Turn a reservation into usage."""
        table = schema.usage
        with self._database.write() as connection:
            day = self._database.now_ns(connection) // _DAY_NS
            for principal in limits:
                row = self._row(connection, principal)
                today = row.snapshots if row.day == day else 0
                connection.execute(
                    table.update()
                    .where(table.c.principal == principal)
                    .values(
                        bytes=table.c.bytes + size,
                        objects=table.c.objects + 1,
                        day=day,
                        snapshots=today + int(kind is Kind.SNAPSHOT),
                    )
                )
            self._drop(connection, reservation)

    def release(self, reservation: str) -> None:
        """Give back what was reserved."""
        with self._database.write() as connection:
            self._drop(connection, reservation)

    def _drop(self, connection: sa.Connection, reservation: str) -> None:
        table = schema.reservation
        connection.execute(table.delete().where(table.c.id.startswith(f"{reservation}-", autoescape=True)))

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
