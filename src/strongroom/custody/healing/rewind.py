"""A repository as it was at a moment: what was there then is made to be there again. Nothing is deleted.

What was there is known by the state, which dates arrivals, and by the versions of a bucket that keeps some. Only bytes
that are what their name promises come back.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Missing, StoreError, Unsupported
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.base.record import field, mutable
from strongroom.custody.deletion.bringing_back import bring_back, is_kept
from strongroom.custody.healing.replica import heal_from_replica
from strongroom.custody.healing.versions import is_right
from strongroom.custody.planned.intents import set_aside_names, taken_back
from strongroom.custody.replica.rereading import hash_of
from strongroom.custody.schemas.main import stored
from strongroom.storage.kinds import versions_of
from strongroom.storage.versions.right_bytes import good_version

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Info, Store
    from strongroom.storage.versions.contract import Version, Versions

KINDS = (Kind.CONFIG, Kind.KEY, Kind.DATA, Kind.INDEX, Kind.SNAPSHOT)
"""What is named by others comes back first."""


@mutable
class Rewound:
    """``there``: how many objects of then are there and right; ``back``: what came back, or would; ``lost``: what
    nothing has any more; ``later``: what is there now and came after that moment; ``unsure``: where nothing was to be
    changed, what only a gateway could say of."""

    there: int = 0
    back: list[ObjectName] = field(default_factory=list)
    lost: list[ObjectName] = field(default_factory=list)
    later: list[ObjectName] = field(default_factory=list)
    unsure: list[ObjectName] = field(default_factory=list)


class Rewinding:
    """One repository, to one moment in nanoseconds since 1970 UTC. ``only_look`` changes nothing."""

    def __init__(
        self,
        state: State,
        lease: Lease,
        adopted: Adopted,
        store: Store,
        replica: Store | None,
        to_ns: int,
        *,
        only_look: bool = False,
    ) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._store = store
        self._replica = replica
        self._to_ns = to_ns
        self._only_look = only_look
        try:
            self._versions: Versions | None = versions_of(store)
        except Unsupported:
            self._versions = None

    def run(self, who: str) -> Rewound:
        """Bring back what was there. Killed anywhere, it is run again. Raises errors of the store."""
        done = Rewound()
        for kind in KINDS:
            self._rewind(kind, done)
        if not self._only_look:
            with self._state.writing(self._lease) as connection:
                what = f"rewound to {self._to_ns}: {len(done.back)} objects came back, {len(done.lost)} are lost"
                self._state.record(connection, who, self._adopted.id, what)
        return done

    def _rewind(self, kind: Kind, done: Rewound) -> None:
        there = {info.name: info for info in self._store.list(kind)}
        known = self._known(kind)
        then = {name for name, row in known.items() if self._was_there(row)}
        for version in self._of_then(kind):
            if version.name not in known:  # gone before this custodian looked, or never listed
                then.add(version.name)
        then -= self._planted()
        if kind is Kind.CONFIG:
            then = {CONFIG}
        for name in sorted(then, key=str):
            if name in there and self._is_sound(name, there[name], known.get(name)):
                done.there += 1
            elif self._only_look:
                could = self._could_bring_back(name, there=name in there)
                (done.unsure if could is None else done.back if could else done.lost).append(name)
            else:
                (done.back if self._bring_back(name, there=name in there) else done.lost).append(name)
        done.later += [name for name in sorted(there, key=str) if name not in then and kind is not Kind.CONFIG]

    def _known(self, kind: Kind) -> dict[ObjectName, sa.Row[tuple[object, ...]]]:
        with self._state.database.read() as connection:
            rows = connection.execute(
                sa.select(stored).where(stored.c.repository == self._adopted.id, stored.c.kind == kind.value)
            ).all()
        return {ObjectName(kind, row.name): row for row in rows}

    def _planted(self) -> set[ObjectName]:
        """What was set aside since: it would stop restic again, and no round sets aside what was brought back."""
        with self._state.database.read() as connection:
            names = set_aside_names(connection, self._adopted.id)
        return {ObjectName(Kind(kind), rest) for kind, _, rest in (name.partition("/") for name in names)}

    def _was_there(self, row: sa.Row[tuple[object, ...]]) -> bool:
        values = row._mapping
        arrived = values["arrival_ns"] <= self._to_ns
        return arrived and (values["gone_ns"] is None or values["gone_ns"] > self._to_ns)

    def _of_then(self, kind: Kind) -> list[Version]:
        """By the store's versions: those that were the current ones then."""
        found: dict[ObjectName, Version] = {}
        for version in self._versions.list(kind) if self._versions is not None else ():
            if version.modified_ns is not None and version.modified_ns <= self._to_ns:
                found.setdefault(version.name, version)  # the newest of each name comes first
        return [version for version in found.values() if not version.marker]

    def _is_sound(self, name: ObjectName, info: Info, row: sa.Row[tuple[object, ...]] | None) -> bool:
        """What a round found sound, and has not changed since, is believed; all else is read."""
        found_sound = row is not None and row.fault is None and row.sound_ns is not None and row.verified_ns is not None
        if found_sound and row is not None and (row.size, row.stamp_ns) == (info.size, info.modified_ns):
            return True
        try:
            return is_right(self._adopted, name)(hash_of(self._store, name))
        except (Damaged, Missing):
            return False

    def _could_bring_back(self, name: ObjectName, *, there: bool) -> bool | None:
        """What ``_bring_back`` would do, by the same bytes, changing nothing; None where a gateway alone knows."""
        right = is_right(self._adopted, name)
        if self._versions is not None and good_version(self._versions, name, right) is not None:
            return True
        kept = None if there or name.kind is Kind.CONFIG else is_kept(self._store, name)
        if kept:
            return True
        if self._replica is not None and not there:
            if name.kind is Kind.CONFIG:
                return True
            with contextlib.suppress(Damaged, StoreError):
                if right(hash_of(self._replica, name)):
                    return True
        return False if there or name.kind is Kind.CONFIG else kept

    def _bring_back(self, name: ObjectName, *, there: bool) -> bool:
        if self._versions is not None:
            good = good_version(self._versions, name, is_right(self._adopted, name))
            if good is not None:
                if not good.latest:
                    self._versions.promote(good)
                return self._note(name)
        if not there and name.kind is not Kind.CONFIG:
            try:
                bring_back(self._store, name)
            except (Missing, Unsupported):
                pass
            else:
                return self._note(name)
        if self._replica is None:
            return False
        healed = heal_from_replica(self._state, self._lease, self._adopted, self._store, self._replica, [name]).healed
        return bool(healed) and self._note(name)

    def _note(self, name: ObjectName) -> bool:
        """It is there: whatever was meant to go is taken back, and the next round reads it."""
        if name.kind is Kind.CONFIG:
            return True
        try:
            info = self._store.stat(name)
        except StoreError:
            return False
        with self._state.writing(self._lease) as connection:
            taken_back(connection, self._adopted.id, info, self._state.clock.now_ns())
        return True
