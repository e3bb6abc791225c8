"""The executor's own record: what it saw when, which confirmations are used, what it removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.record import record
from strongroom.custody.executor.known import DAY, Known
from strongroom.custody.planned.orders import ASIDE
from strongroom.custody.schemas import executor as schema
from strongroom.database.engine import Database
from strongroom.database.migrations import migrate
from strongroom.database.prepared import plain, prepared

if TYPE_CHECKING:
    from strongroom.base.clock import Clock

WINDOW_NS = 30 * DAY
"""Over so long all removals together are bounded."""


_KEYS = "keys/"


@record
class Sighting:
    """A plan as it was seen: when first, on which days, by whom it was approved; ``forbidden`` says why never."""

    number: int
    digest: str
    kind: str
    first_ns: int
    days: tuple[str, ...]
    forbidden: str
    approved: str


class Records:
    """The record's database. Close it."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Raises ``ConfigurationError``, ``Unsupported``."""
        self.clock = clock
        self.database = Database(url, clock=clock)
        migrate(self.database, "executor", schema.METADATA, schema.STEPS)

    def close(self) -> None:
        """Close it. Idempotent."""
        self.database.close()

    def known(self, repository: str) -> Known | None:
        """What is pinned of a repository."""
        with self.database.read() as connection:
            row = connection.execute(*_known_query(repository)).one_or_none()
        return None if row is None else Known(*row)

    def pin(self, known: Known) -> None:
        """Pin a repository, or what became of it."""
        table = schema.repository
        with self.database.write() as connection:
            connection.execute(table.delete().where(table.c.id == known.id))
            connection.execute(
                table.insert().values(
                    id=known.id,
                    store=known.store,
                    judge=known.judge,
                    epoch=known.epoch,
                    hold_ns=known.hold_ns,
                    expiry_ns=known.expiry_ns,
                    looked_ns=known.looked_ns,
                    operators=known.operators,
                    detection_ns=known.detection_ns,
                    changes=known.changes,
                )
            )

    def remember_objects(self, repository: str, found: dict[str, int], *, first: bool, now_ns: int) -> None:
        """Objects that are listed now, by name with their sizes; those that are gone are forgotten in time.

        ``first``: those that are new were there from the beginning. So were keys at the first look that sees any: those
        of an older release did not list them.
        """
        table = schema.stored
        with self.database.read() as connection:
            listed = {row[0] for row in plain(connection, *_there_query(repository))}
            if listed == found.keys() and not plain(connection, *_away_query(repository)):
                return
        with self.database.write() as connection:
            here = table.c.repository == repository
            there = {row[0] for row in plain(connection, *_there_query(repository))}
            away = {row[0] for row in plain(connection, *_away_query(repository))}
            fresh = sorted(found.keys() - there - away)
            first_keys = bool(fresh) and not any(name.startswith(_KEYS) for name in there | away)
            always = {name for name in fresh if first or (first_keys and name.startswith(_KEYS))}
            rows = [(repository, name, found[name], 0 if name in always else now_ns) for name in fresh]
            if rows:
                text = f"INSERT INTO {table.name} (repository, name, size, first_ns) VALUES (?, ?, ?, ?)"
                self.database.many(connection, text, rows)
            one = sa.and_(here, table.c.name == sa.bindparam("which"))
            gone = [{"which": name} for name in sorted(there - found.keys())]
            back = [{"which": name} for name in sorted(away & found.keys())]
            if gone:
                connection.execute(table.update().where(one).values(gone_ns=now_ns), gone)
            if back:
                connection.execute(table.update().where(one).values(gone_ns=None), back)
            if away:
                old_ns = now_ns - WINDOW_NS
                connection.execute(table.delete().where(here, table.c.gone_ns < old_ns, table.c.first_ns < old_ns))

    def sight(self, repository: str, number: int, digest: str, kind: str, now_ns: int, day: str) -> Sighting:
        """See a plan, and return what is known of it. One of the same number and other bytes is forbidden for good."""
        table = schema.plan
        here = sa.and_(table.c.repository == repository, table.c.number == number)
        with self.database.write() as connection:
            row = connection.execute(sa.select(table).where(here)).one_or_none()
            if row is None:
                connection.execute(
                    table.insert().values(
                        repository=repository,
                        number=number,
                        digest=digest,
                        kind=kind,
                        first_ns=now_ns,
                        days=day,
                        forbidden="",
                        approved="",
                    )
                )
            elif row.digest != digest:
                words = "two plans have this number: the judge's state was brought back, or somebody else signs"
                connection.execute(table.update().where(here).values(forbidden=words))
            elif day not in row.days.split():
                connection.execute(table.update().where(here).values(days=f"{row.days} {day}"))
        found = self.sighting(repository, number)
        assert found is not None
        return found

    def sighting(self, repository: str, number: int) -> Sighting | None:
        """What is known of a plan."""
        table = schema.plan
        with self.database.read() as connection:
            row = connection.execute(
                sa.select(table).where(table.c.repository == repository, table.c.number == number)
            ).one_or_none()
        if row is None:
            return None
        days = tuple(row.days.split())
        return Sighting(row.number, row.digest, row.kind, row.first_ns, days, row.forbidden, row.approved)

    def newest(self, repository: str) -> int:
        """The highest number of a plan that was seen; 0 before the first."""
        with self.database.read() as connection:
            return int(connection.execute(*_newest_query(repository)).scalar_one())

    def set_plan(self, repository: str, number: int, **values: str) -> None:
        """Forbid a plan, or write down by whom it was approved. A plan that was never seen is forbidden beforehand."""
        table = schema.plan
        with self.database.write() as connection:
            changed = connection.execute(
                table.update().where(table.c.repository == repository, table.c.number == number).values(**values)
            )
            if changed.rowcount == 0:
                unseen = {"digest": "", "kind": "", "first_ns": 0, "days": "", "forbidden": "", "approved": ""}
                connection.execute(table.insert().values(repository=repository, number=number, **(unseen | values)))

    def use(self, repository: str, number: int, digest: str, now_ns: int) -> bool:
        """Use a confirmation; false where it was used up. One that a killed run had begun goes on."""
        table = schema.confirmation
        with self.database.write() as connection:
            row = connection.execute(sa.select(table).where(table.c.digest == digest)).one_or_none()
            if row is not None:
                return row.ended_ns is None
            connection.execute(
                table.insert().values(digest=digest, repository=repository, number=number, begun_ns=now_ns)
            )
        return True

    def use_up(self, repository: str, number: int, now_ns: int) -> None:
        """All confirmations of a plan that were begun are used up."""
        table = schema.confirmation
        with self.database.write() as connection:
            connection.execute(
                table.update()
                .where(table.c.repository == repository, table.c.number == number, table.c.ended_ns.is_(None))
                .values(ended_ns=now_ns)
            )

    def intend(self, repository: str, number: int, items: dict[str, int], now_ns: int) -> None:
        """Write removals down before they are made."""
        table = schema.removal
        with self.database.write() as connection:
            for name, size in items.items():
                connection.execute(
                    table.delete().where(
                        table.c.repository == repository, table.c.name == name, table.c.number == number
                    )
                )
                connection.execute(
                    table.insert().values(repository=repository, name=name, number=number, size=size, at_ns=now_ns)
                )

    def done(self, repository: str, number: int, name: str, now_ns: int) -> None:
        """One of them was made."""
        table = schema.removal
        with self.database.write() as connection:
            connection.execute(
                table.update()
                .where(table.c.repository == repository, table.c.name == name, table.c.number == number)
                .values(done_ns=now_ns)
            )

    def removed_ns(self, repository: str, name: str) -> int | None:
        """When an object was last removed by us."""
        table = schema.removal
        with self.database.read() as connection:
            found: int | None = connection.execute(
                sa.select(sa.func.max(table.c.done_ns)).where(table.c.repository == repository, table.c.name == name)
            ).scalar_one()
        return found

    def set_aside(self, repository: str, since_ns: int) -> int:
        """How many indexes and keys were set aside since a moment."""
        plan, removal = schema.plan, schema.removal
        with self.database.read() as connection:
            found: int = connection.execute(
                sa.select(sa.func.count())
                .select_from(
                    removal.join(
                        plan, sa.and_(plan.c.repository == removal.c.repository, plan.c.number == removal.c.number)
                    )
                )
                .where(
                    removal.c.repository == repository,
                    removal.c.at_ns >= since_ns,
                    plan.c.kind == ASIDE,
                    sa.or_(removal.c.name.startswith("index/"), removal.c.name.startswith("keys/")),
                )
            ).scalar_one()
        return found

    def first_seen(self, repository: str, name: str) -> tuple[int, int] | None:
        """When an object was first seen, and its size then."""
        table = schema.stored
        with self.database.read() as connection:
            row = connection.execute(
                sa.select(table).where(table.c.repository == repository, table.c.name == name)
            ).one_or_none()
        return None if row is None else (row.first_ns, row.size)

    def totals(self, repository: str, folder: str, now_ns: int) -> tuple[int, int, int, int, int, int]:
        """Of the objects of a folder: how many are there and their bytes, arrived in 30 days, removed in 30 days."""
        since = now_ns - WINDOW_NS
        stored, removal = schema.stored, schema.removal
        with self.database.read() as connection:
            count, size = connection.execute(_sum(stored, repository, folder).where(stored.c.gone_ns.is_(None))).one()
            new, new_size = connection.execute(
                _sum(stored, repository, folder).where(stored.c.first_ns >= since, stored.c.first_ns > 0)
            ).one()
            gone, gone_size = connection.execute(
                _sum(removal, repository, folder).where(removal.c.at_ns >= since)
            ).one()
        return count, int(size), new, int(new_size), gone, int(gone_size)


def _sum(table: sa.Table, repository: str, folder: str) -> sa.Select[Any]:
    return sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(table.c.size), 0)).where(
        table.c.repository == repository, table.c.name.startswith(folder, autoescape=True)
    )


@prepared
def _known_query(repository: str) -> sa.Select[Any]:
    return sa.select(schema.repository).where(schema.repository.c.id == repository)


@prepared
def _there_query(repository: str) -> sa.Select[Any]:
    return sa.select(schema.stored.c.name).where(
        schema.stored.c.repository == repository, schema.stored.c.gone_ns.is_(None)
    )


@prepared
def _away_query(repository: str) -> sa.Select[Any]:
    return sa.select(schema.stored.c.name).where(
        schema.stored.c.repository == repository, schema.stored.c.gone_ns.is_not(None)
    )


@prepared
def _newest_query(repository: str) -> sa.Select[Any]:
    return sa.select(sa.func.coalesce(sa.func.max(schema.plan.c.number), 0)).where(
        schema.plan.c.repository == repository
    )
