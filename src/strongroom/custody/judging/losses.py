"""After a loss: which snapshots that were whole are so no longer, and which of their paths are hurt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.custody.catalogue import anything_lost
from strongroom.custody.incidents import Code
from strongroom.custody.judging.terms import Reason
from strongroom.custody.judging.verdicts import BAD, CONDEMNED, INCOMPLETE, encode_reasons, keep_trees
from strongroom.custody.judging.walking import Walker, counted
from strongroom.custody.ledger import open_incident
from strongroom.custody.schemas.main import snapshot, stored, tree_total

if TYPE_CHECKING:
    from strongroom.base.progress import Reporter
    from strongroom.custody.catalogue import Age
    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository


@record
class Hurt:
    """A snapshot that was whole and is not."""

    id: str
    source: str
    reason: Reason


def look_for_losses(
    state: State, lease: Lease, repository_id: str, repository: Repository, reporter: Reporter, age: Age
) -> list[Hurt]:
    """Walk all that was whole anew, and return what is not, which is bad from now on. ``repository.index`` is the
    catalogue as it is now.

    What was remembered of trees is void: only what this walk finds whole is remembered. Where every blob of what was
    lost has another copy, nothing is walked. Of those that need a tree which the store does not give nobody can say:
    they stay what they are, and are looked at again.
    """
    hurt: list[Hurt] = []
    unsure: set[str] = set()
    rows = _whole_ones(state, repository_id)
    if anything_lost(state, repository_id, repository.index):
        walker = Walker(repository, None, reporter)
        trees = {row.id: str(json.loads(row.document)["tree"]) for row in rows}
        walker.walk(list(trees.values()))
        with state.writing(lease) as connection:
            connection.execute(tree_total.delete().where(tree_total.c.repository == repository_id))
        keep_trees(state, lease, repository_id, walker.fresh)
        for row in rows:
            if walker.is_unsure(trees[row.id]):
                unsure.add(row.id)
            elif walker.totals(trees[row.id]) is None:
                faults = walker.faults(trees[row.id])
                words = f"it was whole and is not, {counted(faults)}"
                hurt.append(Hurt(row.id, row.source, Reason(INCOMPLETE, len(faults), 0, words)))
    now_ns = state.clock.now_ns()
    bad = {one.id for one in hurt}
    with state.writing(lease) as connection:
        mine = snapshot.c.repository == repository_id
        for one in hurt:
            connection.execute(
                snapshot.update()
                .where(mine, snapshot.c.id == one.id)
                .values(
                    verdict=BAD,
                    judged_ns=now_ns,
                    reasons=encode_reasons([one.reason]),
                    whole=-1,
                    generation=age.generation,
                )
            )
            open_incident(connection, repository_id, Code.LOST, f"snapshots/{one.id}", one.reason.words, now_ns)
        for row in rows:
            if row.id not in bad | unsure:
                connection.execute(snapshot.update().where(mine, snapshot.c.id == row.id).values(whole=age.losses))
        # Of the others nothing is known until they are there again, or judged again.
        others = sa.and_(
            mine, snapshot.c.whole >= 0, snapshot.c.whole < age.losses, snapshot.c.id.not_in(sorted(unsure))
        )
        connection.execute(snapshot.update().where(others).values(whole=-1, generation=-1))
    return hurt


def _whole_ones(state: State, repository_id: str) -> list[sa.Row[Any]]:
    """Snapshots that are there and were whole; what an operator condemned needs nothing any more."""
    joined = snapshot.join(
        stored,
        sa.and_(
            stored.c.repository == snapshot.c.repository,
            stored.c.kind == Kind.SNAPSHOT.value,
            stored.c.name == snapshot.c.id,
        ),
    )
    query = (
        sa.select(snapshot.c.id, snapshot.c.source, snapshot.c.document)
        .select_from(joined)
        .where(
            snapshot.c.repository == repository_id,
            snapshot.c.whole >= 0,
            snapshot.c.operator != CONDEMNED,
            stored.c.gone_ns.is_(None),
        )
        .order_by(snapshot.c.arrival_ns, snapshot.c.id)
    )
    with state.database.read() as connection:
        found: list[sa.Row[Any]] = [*connection.execute(query)]
        return found
