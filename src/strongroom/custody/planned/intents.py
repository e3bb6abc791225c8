"""The judge's intents: what was meant to go, whether it went, and what was brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.catalogue import note_loss
from strongroom.custody.planned.orders import ASIDE, FOLDERS, PACKS, PURGE
from strongroom.custody.planned.plans import OPEN
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.schemas.main import pack, plan, stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from strongroom.custody.planned.orders import Item
    from strongroom.custody.state import State
    from strongroom.storage.contract import Info


def intend(connection: sa.Connection, repository: str, number: int, items: Sequence[Item], now_ns: int) -> None:
    """Write down what is meant to go, before it goes."""
    table = schema.intent
    for item in items:
        here = sa.and_(table.c.repository == repository, table.c.name == item.name, table.c.plan == number)
        connection.execute(table.delete().where(here))
        connection.execute(
            table.insert().values(repository=repository, name=item.name, plan=number, size=item.size, at_ns=now_ns)
        )


def intended(connection: sa.Connection, repository: str) -> frozenset[str]:
    """Names with their folders of what went by us, or may have just now, and what nobody took back.

    What was meant to go, and stayed when its plan ended, is no more ours to miss in silence than anything else.
    """
    table = schema.intent
    of_plan = sa.and_(plan.c.repository == table.c.repository, plan.c.number == table.c.plan)
    rows = connection.execute(
        sa.select(table.c.name)
        .select_from(table.outerjoin(plan, of_plan))
        .where(
            table.c.repository == repository,
            table.c.undone_ns.is_(None),
            sa.or_(table.c.done_ns.is_not(None), plan.c.state.is_(None), plan.c.state.in_(OPEN)),
        )
    )
    return frozenset(row.name for row in rows)


def stayed(connection: sa.Connection, repository: str, number: int, names: Iterable[str]) -> None:
    """What was confirmed, and did not go: it is not meant to go before it is confirmed again."""
    table = schema.intent
    for name in names:
        connection.execute(
            table.delete().where(
                table.c.repository == repository,
                table.c.plan == number,
                table.c.name == name,
                table.c.done_ns.is_(None),
            )
        )


def brought_back_since(connection: sa.Connection, repository: str, since_ns: int) -> list[ObjectName]:
    """Objects that went and that we brought back at this time, in nanoseconds since 1970 UTC, or later."""
    table = schema.intent
    rows = connection.execute(
        sa.select(table.c.name).where(table.c.repository == repository, table.c.undone_ns >= since_ns)
    )
    parts = [row.name.split("/") for row in rows]
    return [ObjectName(Kind(kind), name) for kind, name in (one for one in parts if len(one) == 2)]


def set_aside_names(connection: sa.Connection, repository: str) -> frozenset[str]:
    """Names with their folders of what was set aside since a host planted it, and nobody took back."""
    table = schema.intent
    rows = connection.execute(
        sa.select(table.c.name)
        .join(plan, sa.and_(plan.c.repository == table.c.repository, plan.c.number == table.c.plan))
        .where(table.c.repository == repository, table.c.undone_ns.is_(None), plan.c.kind == ASIDE)
    )
    return frozenset(row.name for row in rows)


def removed_by(state: State, repository: str, number: int, *, surely: bool = False) -> list[str]:
    """Names with their folders of what a plan removed, or unless ``surely`` was about to, and nobody brought back."""
    table = schema.intent
    here = sa.and_(table.c.repository == repository, table.c.plan == number, table.c.undone_ns.is_(None))
    if surely:
        here = sa.and_(here, table.c.done_ns.is_not(None))
    with state.database.read() as connection:
        return [row.name for row in connection.execute(sa.select(table.c.name).where(here))]


def gone(connection: sa.Connection, repository: str, number: int, names: Iterable[str], now_ns: int) -> None:
    """What was meant to go is gone."""
    table = schema.intent
    for name in names:
        connection.execute(
            table.update()
            .where(table.c.repository == repository, table.c.name == name, table.c.plan == number)
            .values(done_ns=now_ns)
        )
        if name.startswith(FOLDERS[PURGE]):
            inside = name.removeprefix(FOLDERS[PURGE])
            connection.execute(
                table.update().where(table.c.repository == repository, table.c.name == inside).values(purged_ns=now_ns)
            )
            if inside.startswith(FOLDERS[PACKS]):
                rest = inside.removeprefix(FOLDERS[PACKS])
                connection.execute(pack.delete().where(pack.c.repository == repository, pack.c.name == rest))
            continue
        _set_stored(connection, repository, name, gone_ns=now_ns)


def note_gone(connection: sa.Connection, repository: str, name: str, now_ns: int) -> None:
    """A round finds that what was meant to go is gone."""
    _set_stored(connection, repository, name, gone_ns=now_ns)
    table = schema.intent
    connection.execute(
        table.update()
        .where(
            table.c.repository == repository,
            table.c.name == name,
            table.c.undone_ns.is_(None),
            table.c.done_ns.is_(None),
        )
        .values(done_ns=now_ns)
    )


def _set_stored(connection: sa.Connection, repository: str, name: str, **values: object) -> None:
    """Change what is known of an object; with a pack or an index that goes whatever counted as whole is to be looked at
    again."""
    kind, _, rest = name.partition("/")
    connection.execute(
        stored.update()
        .where(stored.c.repository == repository, stored.c.kind == kind, stored.c.name == rest)
        .values(**values)
    )
    if kind in (Kind.DATA.value, Kind.INDEX.value) and values.get("gone_ns") is not None:
        note_loss(connection, repository)


def taken_back(connection: sa.Connection, repository: str, info: Info, now_ns: int) -> None:
    """An object was brought back: it is there, and to be read again."""
    name = str(info.name)
    table = schema.intent
    connection.execute(
        table.update()
        .where(table.c.repository == repository, table.c.name == name, table.c.undone_ns.is_(None))
        .values(undone_ns=now_ns)
    )
    _set_stored(connection, repository, name, gone_ns=None, verified_ns=None, size=info.size, stamp_ns=info.modified_ns)
