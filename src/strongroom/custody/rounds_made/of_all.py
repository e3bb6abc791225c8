"""What is known of all repositories, asked once: asking each for itself takes a second for a hundred of them."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.record import field, mutable
from strongroom.custody.drills.opened_by import newest_signed
from strongroom.custody.ledger import Incident, incidents
from strongroom.custody.planning import open_rows, retired_since
from strongroom.custody.rounds_made.newest import RoundsMade, left_of
from strongroom.custody.rounds_made.silent import newest_rows
from strongroom.custody.schemas.changes import waiting_change
from strongroom.custody.schemas.evidence import pinned_log
from strongroom.custody.schemas.main import plan, round_, source, stored
from strongroom.custody.schemas.replica import place

if TYPE_CHECKING:
    from strongroom.custody.state import State


@mutable
class RepositoryFacts:
    """``sources``: by name, since when an operator said that nothing more comes. ``good``: a row for each source, see
    ``silent.newest_rows``. ``objects``: how many, unread, the oldest reading, the turn of the one that waits longest.

    ``has_plans``, ``has_log``, ``has_replica``, ``has_change``: whether it is worth asking. ``made``: how rounds went,
    None where the newest does not say it all. ``signed_ns``: when the newest drill was made that a person signed.
    """

    incidents: list[Incident] = field(default_factory=list)
    sources: dict[str, int | None] = field(default_factory=dict)
    good: list[Any] = field(default_factory=list)
    objects: tuple[int, int, int | None, int | None] = (0, 0, None, None)
    has_plans: bool = False
    has_log: bool = False
    has_replica: bool = False
    has_change: bool = False
    made: RoundsMade | None = None
    signed_ns: int | None = None


def facts_of_all(state: State) -> dict[str, RepositoryFacts]:
    """By ID; what nothing is known of is there when it is asked for."""
    found: dict[str, RepositoryFacts] = defaultdict(RepositoryFacts)
    for one in incidents(state):
        found[one.repository].incidents.append(one)
    with state.database.read() as connection:
        for row in connection.execute(sa.select(source.c.repository, source.c.name, source.c.settings)):
            found[row.repository].sources[row.name] = retired_since(row.settings)
        for row in connection.execute(newest_rows()):
            found[row.repository].good.append(row)
        for repository, *numbers in connection.execute(_objects()):
            count, unread, oldest, turn = numbers
            found[repository].objects = (count, unread, oldest, turn)
        for row in connection.execute(open_rows().with_only_columns(plan.c.repository).order_by(None).distinct()):
            found[row.repository].has_plans = True
        for row in connection.execute(sa.select(pinned_log.c.repository)):
            found[row.repository].has_log = True
        for row in connection.execute(sa.select(place.c.repository)):
            found[row.repository].has_replica = True
        for row in connection.execute(sa.select(waiting_change.c.repository)):
            found[row.repository].has_change = True
        for row in connection.execute(newest_signed()):
            found[row.repository].signed_ns = int(row.at_ns)
        for row in connection.execute(_newest_rounds()):
            outcome = json.loads(row.outcome)
            if row.ended_ns is not None and not outcome.get("failure"):
                found[row.repository].made = RoundsMade(int(row.ended_ns), "", None, left_of(outcome))
    return found


def _objects() -> Any:
    found: Any = sa.select(
        stored.c.repository,
        sa.func.count(),
        sa.func.count().filter(stored.c.verified_ns.is_(None)),
        sa.func.min(stored.c.verified_ns),
        sa.func.min(sa.func.coalesce(stored.c.verified_ns, stored.c.arrival_ns)),
    )
    return found.where(stored.c.gone_ns.is_(None)).group_by(stored.c.repository)


def _newest_rounds() -> Any:
    newest = sa.select(round_.c.repository, sa.func.max(round_.c.number).label("number"))
    last = newest.group_by(round_.c.repository).subquery()
    same = sa.and_(last.c.repository == round_.c.repository, last.c.number == round_.c.number)
    return sa.select(round_.c.repository, round_.c.ended_ns, round_.c.outcome).join(last, same)
