"""Whether indexes are true: each entry against what its pack was read to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, Unsupported
from strongroom.base.objects import Kind
from strongroom.custody.catalogue import note_loss, rows_of
from strongroom.custody.incidents import Code
from strongroom.custody.indexed.copies import most_copied
from strongroom.custody.indexed.names import forget_names, note_names
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.planned.intents import intended
from strongroom.custody.schemas.indexed import named
from strongroom.custody.schemas.main import stored
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom._kernel import BlobEntry
    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository

PATIENCE_NS = 10 * 60 * 10**9
"""For so long an index may name a pack that no list shows: a client stores packs before indexes, and lists lag."""

_AT_ONCE = 500
_ROW = 45
"""Bytes of a row of the catalogue, one for each blob."""


def compare_indexes(state: State, lease: Lease, repository: Repository) -> list[tuple[str, str]]:
    """Compare each index that is not proven yet with the catalogue; those that lie, with what is wrong.

    An index that names packs which were not read yet waits. One that lies is an incident, and is proven by nothing.
    What each names truly is written down, and also of those that an older release proved without doing so.
    """
    liars: list[tuple[str, str]] = []
    for name, arrival_ns, proven in _unproven(state, repository.id):
        try:
            claims = _kernel.parse_index(repository.files.load(Kind.INDEX, name))
        except (Damaged, LimitExceeded, Missing, Unsupported):
            continue  # that it cannot be read is an incident already
        now_ns = state.clock.now_ns()
        lie, waits, true = _judge(state, repository.id, claims, patient=now_ns - arrival_ns < PATIENCE_NS)
        with state.writing(lease) as connection:
            what = f"{Kind.INDEX.value}/{name}"
            if not lie:
                note_names(connection, repository.id, name, true)
            if proven:  # nobody asked yet whether an index leads to what was found whole
                note_loss(connection, repository.id)
            if lie:
                forget_names(connection, repository.id, name)
                open_incident(connection, repository.id, Code.LYING_INDEX, what, lie, now_ns)
                liars.append((name, lie))
            elif not waits:
                connection.execute(
                    stored.update()
                    .where(
                        stored.c.repository == repository.id,
                        stored.c.kind == Kind.INDEX.value,
                        stored.c.name == name,
                    )
                    .values(proven=1)
                )
                close_incident(connection, repository.id, Code.LYING_INDEX, what, now_ns)
    return liars


def _unproven(state: State, repository: str) -> list[tuple[str, int, bool]]:
    with state.database.read() as connection:
        rows = connection.execute(*_unproven_query(repository)).all()
    return [(row.name, row.arrival_ns, bool(row.proven)) for row in rows]


@prepared
def _unproven_query(repository: str) -> sa.Select[Any]:
    compared = sa.select(named.c.name).where(named.c.repository == repository)
    return sa.select(stored.c.name, stored.c.arrival_ns, stored.c.proven).where(
        stored.c.repository == repository,
        stored.c.kind == Kind.INDEX.value,
        stored.c.gone_ns.is_(None),
        stored.c.fault.is_(None),
        stored.c.verified_ns.is_not(None),
        sa.or_(stored.c.proven == 0, stored.c.name.not_in(compared)),
    )


def _judge(
    state: State, repository: str, claims: Sequence[tuple[str, Sequence[BlobEntry]]], *, patient: bool
) -> tuple[str, bool, list[str]]:
    """What is untrue, empty when nothing is; whether something cannot be said yet; the packs that are named truly."""
    waits = False
    true: list[str] = []
    with state.database.read() as connection:
        ours = intended(connection, repository)
        for name, blobs, there, rows in _with_what_is_known(connection, repository, claims):
            gone = there is None or there.gone_ns is not None
            if gone and (rows is None or f"{Kind.DATA.value}/{name}" in ours):
                if not patient:
                    return f"names the pack {name[:10]}, which is not there", False, true
                waits = True
                continue
            if rows is None and there is not None and there.verified_ns is None:
                waits = True
                continue
            if rows is None:
                return f"names the pack {name[:10]}, which is damaged", False, true
            # A pack that was sound and rots, or was taken away, makes no liar of whoever named it: that is a loss.
            untrue = _kernel.unproven(rows, blobs)
            if untrue:
                first = f"{untrue[0].kind} {untrue[0].id[:10]}"
                return (
                    f"claims {len(untrue)} blobs that pack {name[:10]} does not hold, {first} first",
                    False,
                    true,
                )
            if other := _other_than_whole(rows, blobs):
                return f"names {other} that pack {name[:10]} holds", False, true
            if copied := most_copied(blobs):
                blob, count = copied
                return f"names {blob.kind} {blob.id[:10]} {count} times in pack {name[:10]}", False, true
            true.append(name)
    return "", waits, true


def _with_what_is_known(
    connection: sa.Connection, repository: str, claims: Sequence[tuple[str, Sequence[BlobEntry]]]
) -> Iterator[tuple[str, list[BlobEntry], Any, bytes | None]]:
    """Each pack that an index names once, with all that it says of it, what the state has of the pack, and its rows.

    An index of a few bytes may name a pack a million times, or as many that are nowhere (threat B-4).
    """
    named_once: dict[str, list[BlobEntry]] = {}
    for name, blobs in claims:
        named_once.setdefault(name, []).extend(blobs)
    names = list(named_once)
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        query = sa.select(stored.c.name, stored.c.gone_ns, stored.c.verified_ns, stored.c.fault).where(
            stored.c.repository == repository, stored.c.kind == Kind.DATA.value, stored.c.name.in_(some)
        )
        there = {row.name: row for row in connection.execute(query)}
        rows = dict(rows_of(connection, repository, there))
        for name in some:
            yield name, named_once[name], there.get(name), rows.get(name)


def _other_than_whole(rows: bytes, blobs: Sequence[BlobEntry]) -> str:
    """Of how many blobs an index speaks where it names not each blob of a pack once; empty where it does.

    Every client names a pack whole. Where two indexes say different things of one, stock restic's check calls the pack
    damaged, and advises to remove it (threat A-2).
    """
    held, named = len(rows) // _ROW, {(blob.kind, blob.id) for blob in blobs}
    if len(blobs) > held:
        return f"{len(blobs)} blobs instead of the {held}"
    if len(named) < held and len(named) < len({(blob.kind, blob.id) for blob in _kernel.decode_rows(rows)}):
        return f"only {len(named)} of the {held} blobs"
    return ""
