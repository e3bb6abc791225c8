"""Promote the version whose bytes are what the name promises (threats S-1, S-2). Nothing is ever deleted for it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Missing, StoreError
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.base.record import field, mutable
from strongroom.custody.incidents import Code
from strongroom.custody.schema import incident, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.versions.contract import Version, Versions

MOST_VERSIONS = 20_000
"""How many versions of one object are looked at; an intruder may have made as many as he liked."""
MOST_HASHED = 4 << 30
"""Bytes of versions of one object that are read at most."""
_PIECE = 1 << 20


@mutable
class Promoted:
    """Objects whose good version is the current one again, and those that have no good version."""

    healed: list[ObjectName] = field(default_factory=list)
    without: list[ObjectName] = field(default_factory=list)
    from_replica: list[ObjectName] = field(default_factory=list)


def promote_good(state: State, lease: Lease, adopted: Adopted, versions: Versions) -> Promoted:
    """Heal every object that an open incident calls missing, altered or damaged, from its versions.

    An object whose current version is good is left alone. What was promoted is read again by the steps that follow,
    and only then does its incident close. Raises errors of the store.
    """
    result = Promoted()
    for name in hurt_objects(state, adopted):
        good = good_version(versions, name, is_right(adopted, name))
        if good is None:
            result.without.append(name)
            continue
        if not good.latest:
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
    codes = [Code.MISSING.value, Code.ALTERED.value, Code.DAMAGED.value, Code.CONFIG.value]
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(incident.c.object).where(
                incident.c.repository == adopted.id, incident.c.closed_ns.is_(None), incident.c.code.in_(codes)
            )
        ).all()
    return sorted({_named(row.object) for row in rows}, key=str)


def _named(text: str) -> ObjectName:
    kind, _, name = text.partition("/")
    return ObjectName(Kind(kind), name) if name else CONFIG


def is_right(adopted: Adopted, name: ObjectName) -> Callable[[str], bool]:
    wanted = adopted.config_sha256 if name.kind is Kind.CONFIG else name.name
    return lambda digest: digest == wanted


def good_version(versions: Versions, name: ObjectName, is_right: Callable[[str], bool]) -> Version | None:
    """The newest version whose SHA-256 is right; one that cannot be read is passed over."""
    budget = MOST_HASHED
    for number, version in enumerate(versions_of_object(versions, name)):
        if number >= MOST_VERSIONS or budget < 0:
            break
        if version.marker:
            continue
        budget -= version.size
        try:
            if is_right(_hash(versions, version)):
                return version
        except (Damaged, Missing, StoreError):
            continue
    return None


def versions_of_object(versions: Versions, name: ObjectName) -> Iterator[Version]:
    """All versions of one object, the newest first: a list from just before its name on."""
    before = None
    if name.kind is not Kind.CONFIG and int(name.name, 16):
        before = f"{int(name.name, 16) - 1:064x}"
    for version in versions.list(name.kind, before):
        if version.name == name:
            yield version
        elif version.name.name > name.name:
            return


def _hash(versions: Versions, version: Version) -> str:
    digest = hashlib.sha256()
    with versions.read(version) as reader:
        while piece := reader.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
