"""What may be set aside without a hold, and by whose word."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, Unsupported, UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.claims import PATIENCE_NS
from strongroom.custody.incidents import Code
from strongroom.custody.planned.orders import ASIDE
from strongroom.custody.reading.as_restic import check_key
from strongroom.custody.schemas import deletion
from strongroom.custody.schemas.main import incident, pack, pinned_key, plan, stored
from strongroom.database.prepared import prepared
from strongroom.format.key import KeyFile
from strongroom.repository.keyring import stored_key_file
from strongroom.repository.selection import complete_prefix
from strongroom.retention.guarded import HOUR

if TYPE_CHECKING:
    from strongroom.custody.state import State
    from strongroom.repository.opened import Repository

UNHEALED_NS = 20 * HOUR
"""So long a damaged index waits for a version of its own, or the replica: a daily round has tried twice."""
_UNREADABLE = (Damaged, LimitExceeded, Missing, Unsupported)


def unfit_now(state: State, repository: Repository, most: int) -> list[ObjectName]:
    """What a round sets aside by itself: indexes that lie or are none, and malformed keys (threats A-1 to A-3, K-1).
    ``most``: no more of them are looked at, however many there are.

    Not an index of which a pack was not read yet, since its true entries are still to be found; nothing that was sound
    once, which is to be healed, but an index whose bytes nothing has healed for a day: what it said is in another, and
    stock restic opens nothing while it is there; and nothing that an operator brought back.
    """
    back = _brought_back(state, repository.id)
    found: list[ObjectName] = []
    packs = _Packs(state, repository.id)
    for name, row in _candidates(state, repository.id):
        if len(found) >= most:
            break
        if str(name) in back:
            continue
        if name.kind is Kind.INDEX:
            if row.fault is not None or not _waits(state, repository, packs, name, row.arrival_ns):
                found.append(name)
        elif name.kind is Kind.KEY and is_malformed(repository, name):
            found.append(name)
    return found


def unfit_by_word(state: State, repository_id: str) -> list[ObjectName]:
    """What an operator may have set aside: all of that, keys that nobody announced, and whatever was never sound."""
    return [name for name, _ in _candidates(state, repository_id)]


def known_unfit(state: State, repository_id: str) -> list[tuple[ObjectName, str]]:
    """Indexes and keys that a round sets aside, or looks at for that, by what is known before it reads anything, with
    what is wrong with them; nothing that an operator brought back."""
    back = _brought_back(state, repository_id)
    return [
        (name, row.fault or "does not say what its packs hold")
        for name, row in _candidates(state, repository_id)
        if name.kind in (Kind.INDEX, Kind.KEY) and str(name) not in back
    ]


def named_by_operator(state: State, repository_id: str, text: str) -> ObjectName:
    """The object that an operator means, ``KIND/NAME`` or the beginning of the name. Raises ``UsageError``."""
    kind, slash, prefix = text.rpartition("/")
    names = {name.name: name for name in unfit_by_word(state, repository_id) if not slash or name.kind.value == kind}
    hint = "Only what was planted is set aside: `custody incidents` names it. Of snapshots, `custody condemn` decides."
    try:
        return names[complete_prefix(prefix, list(names), "object that may be set aside")]
    except UsageError as error:
        raise UsageError(error.what, subject=error.subject, hint=error.hint or hint) from None


def is_malformed(repository: Repository, name: ObjectName) -> bool:
    """Whether a key file is none, beyond bounds, or stops stock restic. Pays no scrypt."""
    try:
        stored_bytes = stored_key_file(repository.store, name.name)
        check_key(stored_bytes, KeyFile.parse(stored_bytes, str(name)), str(name))
    except Missing:
        return False
    except (Damaged, LimitExceeded):
        return True
    return False


def _candidates(state: State, repository_id: str) -> list[tuple[ObjectName, Any]]:
    """Objects that are there, are no pinned key, and either were read and never sound, or are an index that lies or has
    been damaged for a day."""
    with state.database.read() as connection:
        rows = connection.execute(*_candidates_query(repository_id, state.clock.now_ns() - UNHEALED_NS)).all()
    return [(ObjectName(Kind(row.kind), row.name), row) for row in rows]


@prepared
def _candidates_query(repository_id: str, unhealed_ns: int) -> sa.Select[Any]:
    pinned = sa.select(pinned_key.c.name).where(pinned_key.c.repository == repository_id)
    lying = _lying(repository_id)
    never_sound = sa.and_(stored.c.fault.is_not(None), stored.c.sound_ns.is_(None))
    lies = sa.and_(
        stored.c.kind == Kind.INDEX.value, sa.literal(f"{Kind.INDEX.value}/").concat(stored.c.name).in_(lying)
    )
    rotten = sa.and_(
        stored.c.kind == Kind.INDEX.value,
        stored.c.fault.is_not(None),
        stored.c.verified_ns.is_not(None),
        sa.literal(f"{Kind.INDEX.value}/")
        .concat(stored.c.name)
        .in_(_open(repository_id, Code.DAMAGED).where(incident.c.opened_ns <= unhealed_ns)),
    )
    return (
        sa.select(stored.c.kind, stored.c.name, stored.c.fault, stored.c.arrival_ns)
        .where(
            stored.c.repository == repository_id,
            stored.c.gone_ns.is_(None),
            sa.or_(never_sound, lies, rotten),
            sa.or_(stored.c.kind != Kind.KEY.value, stored.c.name.not_in(pinned)),
        )
        .order_by(stored.c.arrival_ns, stored.c.kind, stored.c.name)
    )


def _lying(repository_id: str) -> sa.Select[Any]:
    return _open(repository_id, Code.LYING_INDEX)


def _open(repository_id: str, code: Code) -> sa.Select[Any]:
    return sa.select(incident.c.object).where(
        incident.c.repository == repository_id,
        incident.c.closed_ns.is_(None),
        incident.c.code == code.value,
    )


def _brought_back(state: State, repository_id: str) -> frozenset[str]:
    """Names that an operator took back after they were set aside: a round does not set them aside again."""
    with state.database.read() as connection:
        return frozenset(connection.execute(*_brought_back_query(repository_id)).scalars())


@prepared
def _brought_back_query(repository_id: str) -> sa.Select[tuple[str]]:
    table = deletion.intent
    return (
        sa.select(table.c.name)
        .join(plan, sa.and_(plan.c.repository == table.c.repository, plan.c.number == table.c.plan))
        .where(table.c.repository == repository_id, table.c.undone_ns.is_not(None), plan.c.kind == ASIDE)
    )


class _Packs:
    """Which packs were ever read, and which are there and when they were read; asked for once."""

    def __init__(self, state: State, repository_id: str) -> None:
        self._state = state
        self._repository = repository_id

    @functools.cached_property
    def read(self) -> frozenset[str]:
        """Those that were ever read to be sound."""
        query = sa.select(pack.c.name).where(pack.c.repository == self._repository)
        with self._state.database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    @functools.cached_property
    def there(self) -> dict[str, int | None]:
        """Those that are there, with the time of their last reading."""
        query = sa.select(stored.c.name, stored.c.verified_ns).where(
            stored.c.repository == self._repository, stored.c.kind == Kind.DATA.value, stored.c.gone_ns.is_(None)
        )
        with self._state.database.read() as connection:
            return {row.name: row.verified_ns for row in connection.execute(query)}


def _waits(state: State, repository: Repository, packs: _Packs, name: ObjectName, arrival_ns: int) -> bool:
    """Whether a pack that an index names is still to be read, or may still come."""
    try:
        claims = _kernel.index_packs(repository.files.load(Kind.INDEX, name.name))
    except _UNREADABLE:
        return False
    patient = state.clock.now_ns() - arrival_ns < PATIENCE_NS
    for named, _ in claims:
        if named in packs.read:
            continue
        if packs.there.get(named, 0) is None or (named not in packs.there and patient):
            return True
    return False
