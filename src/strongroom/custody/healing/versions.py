"""Promote the version whose bytes are what the name promises (threats S-1, S-2). Nothing is ever deleted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.base.record import field, mutable
from strongroom.custody.healing.encryption import foreign_key
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import open_incident
from strongroom.custody.schemas.main import incident, stored
from strongroom.database.prepared import prepared
from strongroom.storage.versions.right_bytes import HashBudget, good_version

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.versions.contract import Versions

MOST_HASHED_A_ROUND = 64 << 30
"""Bytes of versions of all objects: an intruder may have stored as many wrong ones as he liked."""


@mutable
class Promoted:
    """Objects whose good version is the current one again, and those that have no good version."""

    healed: list[ObjectName] = field(default_factory=list)
    without: list[ObjectName] = field(default_factory=list)
    from_replica: list[ObjectName] = field(default_factory=list)


def promote_good(
    state: State, lease: Lease, adopted: Adopted, versions: Versions, among: Collection[ObjectName] | None = None
) -> Promoted:
    """Heal every object that an open incident calls missing, altered or damaged, from its versions; of those ``among``
    these, where they are given.

    An object whose current version is good is left alone. What was promoted is read again by the steps that follow,
    and only then does its incident close. Raises errors of the store.
    """
    result = Promoted()
    budget = HashBudget(MOST_HASHED_A_ROUND)
    hurt = [one for one in _sound_ones_first(state, adopted) if among is None or one[0] in among]
    default = versions.protection().encryption if hurt else None
    for name, has_fault in hurt:
        good = good_version(versions, name, is_right(adopted, name), budget, latest_has_fault=has_fault)
        if good is None or (has_fault and good.latest):  # what has its name's bytes and lies has no better ones
            result.without.append(name)
            continue
        foreign = foreign_key(versions, good, default) if good.latest else ""
        if foreign:  # its bytes are right, and who has that key can take it away
            words = f"its bytes are right and are under {foreign}, so they were copied under the bucket's own"
            with state.writing(lease) as connection:
                open_incident(connection, adopted.id, Code.ALTERED, str(name), words, state.clock.now_ns())
                state.record(connection, "custodian", adopted.id, f"copied {name} from under {foreign}", "")
        if foreign or not good.latest:
            versions.promote(good)
        result.healed.append(name)
        if name.kind is not Kind.CONFIG:
            with state.writing(lease) as connection:
                connection.execute(
                    stored.update()
                    .where(
                        stored.c.repository == adopted.id,
                        stored.c.kind == name.kind.value,
                        stored.c.name == name.name,
                    )
                    .values(verified_ns=None, size=good.size)
                )
    return result


def hurt_objects(state: State, adopted: Adopted) -> list[ObjectName]:
    """What an open incident calls missing, altered or damaged."""
    with state.database.read() as connection:
        rows = connection.execute(*_hurt_query(adopted.id)).all()
    return sorted({_named(row.object) for row in rows}, key=str)


@prepared
def _hurt_query(repository: str) -> sa.Select[tuple[str]]:
    codes = [Code.MISSING.value, Code.ALTERED.value, Code.DAMAGED.value, Code.CONFIG.value]
    return sa.select(incident.c.object).where(
        incident.c.repository == repository, incident.c.closed_ns.is_(None), incident.c.code.in_(codes)
    )


def _sound_ones_first(state: State, adopted: Adopted) -> list[tuple[ObjectName, bool]]:
    """What is hurt, with whether its current bytes were read and have a fault; first what was sound once, so that no
    crowd of junk keeps the budget from it."""
    names = hurt_objects(state, adopted)
    with state.database.read() as connection:
        rows = {
            f"{row.kind}/{row.name}": row
            for row in connection.execute(sa.select(stored).where(stored.c.repository == adopted.id, _HURT))
        }
    known = [(name, rows.get(str(name))) for name in names]
    known.sort(key=lambda one: one[1] is not None and one[1].sound_ns is None)
    return [
        (name, row is not None and row.fault is not None and row.verified_ns is not None and row.gone_ns is None)
        for name, row in known
    ]


_HURT = sa.or_(stored.c.gone_ns.is_not(None), stored.c.fault.is_not(None), stored.c.verified_ns.is_(None))


def _named(text: str) -> ObjectName:
    kind, _, name = text.partition("/")
    return ObjectName(Kind(kind), name) if name else CONFIG


def is_right(adopted: Adopted, name: ObjectName) -> Callable[[str], bool]:
    wanted = adopted.config_sha256 if name.kind is Kind.CONFIG else name.name
    return lambda digest: digest == wanted
