"""What would go of a repository, and why: the guarded rule over verdicts, and what forbids it for now.

A plan is made and held; nothing here removes anything.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.record import record
from strongroom.custody.arrival import CLAIMED
from strongroom.custody.judging.judge import CONDEMNED
from strongroom.custody.ledger import is_frozen
from strongroom.custody.schema import plan, snapshot, stored
from strongroom.retention.guarded import DAY, GOOD, Arrived, Verdict, decide

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State

MOST_SNAPSHOTS = 0.25
"""The share of a repository's snapshots that one plan may take."""
HELD, FROZEN, CANCELLED = "held", "frozen", "cancelled"


@record
class Decision:
    """What becomes of a snapshot, and why."""

    id: str
    source: str
    keep: bool
    reasons: tuple[str, ...]


@record
class Plan:
    """The snapshots that would go once the hold is over, and what forbids it. Times in nanoseconds since 1970 UTC."""

    number: int
    made_ns: int
    due_ns: int
    state: str
    remove: tuple[str, ...]
    breakers: tuple[str, ...]


def decisions(state: State, adopted: Adopted, now_ns: int) -> list[Decision]:
    """What the rule says of every snapshot that is there, source by source."""
    with state.database.read() as connection:
        return _decisions(connection, adopted, now_ns)


def _decisions(connection: sa.Connection, adopted: Adopted, now_ns: int) -> list[Decision]:
    by_source: defaultdict[str, list[Arrived]] = defaultdict(list)
    adopted_ones: dict[str, bool] = {}
    for row in _present(connection, adopted.id):
        by_source[row.source].append(
            Arrived(
                row.id,
                row.arrival_ns,
                row.verdict,
                row.judged_ns,
                condemned=row.operator == CONDEMNED,
                pinned=bool(row.pinned),
            )
        )
        adopted_ones[row.id] = row.evidence == CLAIMED
    found: list[Decision] = []
    until_ns = adopted.adopted_ns + adopted.policy.expiry * DAY
    for name, ones in sorted(by_source.items()):
        found += [
            _with_adoption(name, verdict, claimed=adopted_ones[verdict.id] and now_ns < until_ns)
            for verdict in decide(ones, adopted.policy.guarded(), now_ns)
        ]
    return found


def _with_adoption(name: str, verdict: Verdict, *, claimed: bool) -> Decision:
    """What was there at adoption has dates that nobody witnessed: it stays until E is over."""
    if claimed and not verdict.keep:
        return Decision(verdict.id, name, True, ("its date is only claimed: it was there when this was adopted",))
    return Decision(verdict.id, name, verdict.keep, verdict.reasons)


def _present(connection: sa.Connection, repository: str) -> list[sa.Row[Any]]:
    joined = snapshot.join(
        stored,
        sa.and_(
            stored.c.repository == snapshot.c.repository,
            stored.c.name == snapshot.c.id,
            stored.c.kind == "snapshots",
        ),
    )
    return list(
        connection.execute(
            sa.select(snapshot, stored.c.evidence)
            .select_from(joined)
            .where(snapshot.c.repository == repository, stored.c.gone_ns.is_(None))
            .order_by(snapshot.c.arrival_ns, snapshot.c.id)
        ).all()
    )


def make_plan(state: State, lease: Lease, adopted: Adopted, now_ns: int) -> Plan | None:
    """The plan of this round: the open one as long as it says the same, else a new one; None where nothing would go.

    An open plan keeps the time at which it was made for as long as it names no snapshot that it did not name before:
    the hold is waited for once. One that names others begins its hold anew.
    """
    with state.writing(lease) as connection:
        made = _decisions(connection, adopted, now_ns)
        remove = tuple(sorted(one.id for one in made if not one.keep))
        breakers = _breakers(connection, adopted, made, now_ns)
        row = connection.execute(
            sa.select(plan)
            .where(plan.c.repository == adopted.id, plan.c.state.in_((HELD, FROZEN)))
            .order_by(plan.c.number.desc())
            .limit(1)
        ).one_or_none()
        if not remove:
            if row is not None:
                _end(connection, adopted.id, row.number)
            return None
        open_state = FROZEN if breakers else HELD
        if row is not None and set(remove) <= set(json.loads(row.body)["remove"]):
            number, made_ns, due_ns = row.number, row.made_ns, row.due_ns
            connection.execute(
                plan.update()
                .where(plan.c.repository == adopted.id, plan.c.number == number)
                .values(state=open_state, body=_body(remove, breakers))
            )
        else:
            if row is not None:
                _end(connection, adopted.id, row.number)
            last = connection.execute(
                sa.select(sa.func.coalesce(sa.func.max(plan.c.number), 0)).where(plan.c.repository == adopted.id)
            ).scalar_one()
            number, made_ns, due_ns = last + 1, now_ns, now_ns + adopted.policy.hold * DAY
            connection.execute(
                plan.insert().values(
                    repository=adopted.id,
                    number=number,
                    made_ns=made_ns,
                    due_ns=due_ns,
                    state=open_state,
                    body=_body(remove, breakers),
                )
            )
    return Plan(number, made_ns, due_ns, open_state, remove, breakers)


def open_plan(state: State, adopted: Adopted) -> Plan | None:
    """The plan that stands, if any."""
    with state.database.read() as connection:
        row = connection.execute(
            sa.select(plan)
            .where(plan.c.repository == adopted.id, plan.c.state.in_((HELD, FROZEN)))
            .order_by(plan.c.number.desc())
            .limit(1)
        ).one_or_none()
    if row is None:
        return None
    body = json.loads(row.body)
    return Plan(row.number, row.made_ns, row.due_ns, row.state, tuple(body["remove"]), tuple(body["breakers"]))


def _body(remove: tuple[str, ...], breakers: tuple[str, ...]) -> str:
    return json.dumps({"remove": remove, "breakers": breakers})


def _end(connection: sa.Connection, repository: str, number: int) -> None:
    connection.execute(
        plan.update().where(plan.c.repository == repository, plan.c.number == number).values(state=CANCELLED)
    )


def _breakers(connection: sa.Connection, adopted: Adopted, made: list[Decision], now_ns: int) -> tuple[str, ...]:
    """What forbids the plan as a whole, in words."""
    found = []
    going = [one for one in made if not one.keep]
    if made and len(going) > len(made) * MOST_SNAPSHOTS:
        found.append(f"it would take {len(going)} of {len(made)} snapshots, more than {MOST_SNAPSHOTS:.0%}")
    if is_frozen(connection, adopted.id):
        found.append("an incident is open that freezes all deleting; `custody incidents` shows it")
    newest: dict[str, int] = {}
    last_good: dict[str, str] = {}
    for row in _present(connection, adopted.id):
        newest.setdefault(row.source, 0)
        if row.verdict == GOOD and row.operator != CONDEMNED:
            newest[row.source] = max(newest[row.source], row.arrival_ns)
            last_good[row.source] = row.id
    for name, arrival_ns in sorted(newest.items()):
        if any(one.source == name for one in going) and now_ns - arrival_ns > adopted.policy.rpo_ns:
            hours = adopted.policy.rpo_hours
            found.append(f"{name} has had no good snapshot for more than {hours} hours, so nothing of it goes")
    lost = [one.source for one in going if last_good.get(one.source) == one.id]
    return (*found, *(f"it would take the last good snapshot of {name}" for name in lost))
