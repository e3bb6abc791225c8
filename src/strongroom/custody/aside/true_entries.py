"""What an index that goes said truthfully is written anew, before it goes: else honest packs would be in no index."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, Unsupported
from strongroom.base.objects import Kind
from strongroom.custody.catalogue import SOUND
from strongroom.custody.deletion.condemning import write_indexes
from strongroom.custody.incidents import Code
from strongroom.custody.indexed.copies import most_copied
from strongroom.custody.indexed.names import unnamed_packs
from strongroom.custody.planned.orders import ASIDE
from strongroom.custody.planned.packs import condemned_packs, packs_there
from strongroom.custody.planned.plans import DONE, plan_rows, set_plan
from strongroom.custody.schemas.main import incident, stored
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository

TO_COME = "to_come"
"""In the body of a plan that sets indexes aside: packs that they name, and that were not right then."""
MOST_TO_COME = 5000
"""So many of one index: a host may name as many as it likes."""
_AT_ONCE = 500


def packs_to_come(state: State, repository: Repository, going: Collection[str]) -> list[str]:
    """Packs that indexes which are ``going`` name, and that are not there or not sound: an honest host may have stored
    them, so what they hold is written to an index once they are right."""
    found: dict[str, None] = {}
    for name in going:
        try:
            named = [pack for pack, _ in _kernel.index_packs(repository.files.load(Kind.INDEX, name))]
        except (Damaged, LimitExceeded, Missing, Unsupported):
            continue
        right = _sound(state, repository.id, named)
        found |= dict.fromkeys([pack for pack in named if pack not in right][:MOST_TO_COME])
    return list(found)


def write_what_came(state: State, lease: Lease, repository: Repository) -> list[str]:
    """Write index files of packs that came, or were healed, after the index that named them was set aside.

    Without them a snapshot would be whole by the catalogue, and stock restic would not find its blobs. Returns the
    names of the new files. Raises ``Damaged``, ``Refused``.
    """
    rows = [
        (row.number, body)
        for row in plan_rows(state, repository.id, (DONE,))
        if row.kind == ASIDE and (body := json.loads(row.body)).get(TO_COME)
    ]
    waiting = {pack for _, body in rows for pack in body[TO_COME]}
    if not waiting:
        return []
    came = _sound(state, repository.id, waiting) - condemned_packs(state, repository.id).keys()
    if not came:
        return []
    written = write_true_entries(state, lease, repository, (), came)
    with state.writing(lease) as connection:
        for number, body in rows:
            left = body | {TO_COME: [pack for pack in body[TO_COME] if pack not in came]}
            set_plan(connection, repository.id, number, body=json.dumps(left))
    return written


def write_for_lost(state: State, lease: Lease, repository: Repository) -> list[str]:
    """While an index is missing or damaged, write index files of sound packs that no other one names in full.

    The index itself stays missed; what it said is in another, so that stock restic restores. As ``write_what_came``.
    """
    with state.database.read() as connection:
        if connection.execute(*_lost_query(repository.id)).one_or_none() is None:
            return []
    return write_true_entries(state, lease, repository, ())


@prepared
def _lost_query(repository: str) -> sa.Select[tuple[int]]:
    lost = incident.c.code.in_((Code.MISSING.value, Code.DAMAGED.value))
    index = incident.c.object.startswith(f"{Kind.INDEX.value}/")
    here = sa.and_(incident.c.repository == repository, incident.c.closed_ns.is_(None))
    return sa.select(incident.c.number).where(here, lost, index).limit(1)


def _sound(state: State, repository: str, names: Iterable[str]) -> set[str]:
    """Which of these packs are there and were read to be right."""
    found: set[str] = set()
    wanted = list(names)
    with state.database.read() as connection:
        for start in range(0, len(wanted), _AT_ONCE):
            query = sa.select(stored.c.name).where(
                stored.c.repository == repository,
                stored.c.kind == Kind.DATA.value,
                stored.c.name.in_(wanted[start : start + _AT_ONCE]),
                SOUND,
            )
            found |= set(connection.execute(query).scalars())
    return found


def write_true_entries(
    state: State,
    lease: Lease,
    repository: Repository,
    going: Collection[str],
    only: Collection[str] | None = None,
) -> list[str]:
    """Write and read back index files of each sound pack that no index names in full but those ``going``, or ones that
    lie: how many blobs a lie names for a pack says nothing of which, and the pack would be in no true index.

    ``only``: of these packs alone. What they hold is what the packs were read to hold, whatever an index said. Packs on
    their way out stay out, and one that holds a blob too often until a snapshot needs it: stock restic's check calls it
    damaged when it is named. Returns the names of the new files, if any. Raises ``Damaged``,
    ``Refused``.
    """
    unnamed = unnamed_packs(state, repository.id, without=going)
    if only is not None:
        unnamed &= set(only)
    if not unnamed:
        return []
    held = {pack: _kernel.decode_rows(rows) for pack, rows in packs_there(state, repository.id) if pack in unnamed}
    wanted = {pack: blobs for pack, blobs in held.items() if most_copied(blobs) is None}
    return write_indexes(state, lease, repository, wanted)
