"""What may be set aside without a hold, and by whose word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, Unsupported, UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.claims import PATIENCE_NS
from strongroom.custody.deletion import schema as deletion
from strongroom.custody.deletion.orders import ASIDE
from strongroom.custody.incidents import Code
from strongroom.custody.schema import incident, pack, pinned_key, plan, stored
from strongroom.repository.keyring import read_key_file
from strongroom.repository.selection import complete_prefix

if TYPE_CHECKING:
    from strongroom.custody.state import State
    from strongroom.repository.opened import Repository

_UNREADABLE = (Damaged, LimitExceeded, Missing, Unsupported)


def unfit_now(state: State, repository: Repository) -> list[ObjectName]:
    """What a round sets aside by itself: indexes that lie or are none, and malformed keys (threats A-1 to A-3, K-1).

    Not an index of which a pack was not read yet, since its true entries are still to be found; nothing that was sound
    once, which is to be healed; and nothing that an operator brought back.
    """
    back = _brought_back(state, repository.id)
    found = []
    for name, row in _candidates(state, repository.id):
        if str(name) in back:
            continue
        if name.kind is Kind.INDEX:
            if row.fault is not None or not _waits(state, repository, name, row.arrival_ns):
                found.append(name)
        elif name.kind is Kind.KEY and is_malformed(repository, name):
            found.append(name)
    return found


def unfit_by_word(state: State, repository_id: str) -> list[ObjectName]:
    """What an operator may have set aside: all of that, keys that nobody announced, and whatever was never sound."""
    return [name for name, _ in _candidates(state, repository_id)]


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
    """Whether a key file is none, or beyond bounds. Pays no scrypt."""
    try:
        read_key_file(repository.store, name.name)
    except Missing:
        return False
    except (Damaged, LimitExceeded):
        return True
    return False


def _candidates(state: State, repository_id: str) -> list[tuple[ObjectName, Any]]:
    """Objects that are there, are no pinned key, and either were read and never sound, or are an index that lies."""
    pinned = sa.select(pinned_key.c.name).where(pinned_key.c.repository == repository_id)
    lying = _lying(repository_id)
    never_sound = sa.and_(stored.c.fault.is_not(None), stored.c.sound_ns.is_(None))
    lies = sa.and_(
        stored.c.kind == Kind.INDEX.value, sa.literal(f"{Kind.INDEX.value}/").concat(stored.c.name).in_(lying)
    )
    query = (
        sa.select(stored.c.kind, stored.c.name, stored.c.fault, stored.c.arrival_ns)
        .where(
            stored.c.repository == repository_id,
            stored.c.gone_ns.is_(None),
            sa.or_(never_sound, lies),
            sa.or_(stored.c.kind != Kind.KEY.value, stored.c.name.not_in(pinned)),
        )
        .order_by(stored.c.arrival_ns, stored.c.kind, stored.c.name)
    )
    with state.database.read() as connection:
        return [(ObjectName(Kind(row.kind), row.name), row) for row in connection.execute(query)]


def lying_indexes(state: State, repository_id: str) -> frozenset[str]:
    """The names of the indexes of which it is known that they claim what no pack proves."""
    with state.database.read() as connection:
        objects = connection.execute(_lying(repository_id)).scalars()
        return frozenset(one.removeprefix(f"{Kind.INDEX.value}/") for one in objects)


def _lying(repository_id: str) -> sa.Select[Any]:
    return sa.select(incident.c.object).where(
        incident.c.repository == repository_id,
        incident.c.closed_ns.is_(None),
        incident.c.code == Code.LYING_INDEX.value,
    )


def _brought_back(state: State, repository_id: str) -> frozenset[str]:
    """Names that an operator took back after they were set aside: a round does not set them aside again."""
    table = deletion.intent
    query = (
        sa.select(table.c.name)
        .join(plan, sa.and_(plan.c.repository == table.c.repository, plan.c.number == table.c.plan))
        .where(table.c.repository == repository_id, table.c.undone_ns.is_not(None), plan.c.kind == ASIDE)
    )
    with state.database.read() as connection:
        return frozenset(row.name for row in connection.execute(query))


def _waits(state: State, repository: Repository, name: ObjectName, arrival_ns: int) -> bool:
    """Whether a pack that an index names is still to be read, or may still come."""
    try:
        claims = _kernel.parse_index(repository.files.load(Kind.INDEX, name.name))
    except _UNREADABLE:
        return False
    patient = state.clock.now_ns() - arrival_ns < PATIENCE_NS
    with state.database.read() as connection:
        read = set(connection.execute(sa.select(pack.c.name).where(pack.c.repository == repository.id)).scalars())
        there = {
            row.name: row.verified_ns
            for row in connection.execute(
                sa.select(stored.c.name, stored.c.verified_ns).where(
                    stored.c.repository == repository.id,
                    stored.c.kind == Kind.DATA.value,
                    stored.c.gone_ns.is_(None),
                )
            )
        }
    for named, _ in claims:
        if named in read:
            continue
        if (named in there and there[named] is None) or (named not in there and patient):
            return True
    return False
