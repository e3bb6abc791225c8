"""What would go of a repository, and why: the guarded rule over verdicts, and what forbids it for now.

Plans are made and held; nothing here removes anything.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.record import record
from strongroom.custody.arrival import CLAIMED
from strongroom.custody.changes.waiting import settle_change
from strongroom.custody.judging.cold.bounds import COLD_FILES_TURNED
from strongroom.custody.judging.settings import parse_settings
from strongroom.custody.judging.verdicts import BAD, CONDEMNED, SUSPICIOUS
from strongroom.custody.ledger import is_frozen
from strongroom.custody.planned.orders import SNAPSHOTS
from strongroom.custody.planned.plans import CANCELLED, FROZEN, HELD, insert_plan, plan_body, set_plan
from strongroom.custody.schemas.main import plan, snapshot, source, stored
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import DAY, GOOD, Arrived, Verdict, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.custody.state import Adopted, Lease, State

MOST_SNAPSHOTS = 0.25
"""The share of a repository's snapshots that one plan may take; the executor bounds them all together."""
MOST_BYTES = 0.10
"""The share of its bytes."""

_ENCRYPTED = "files of its source seem to be encrypted slowly, so nothing of it goes until an operator has looked"


@record
class SnapshotDecision:
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


def decisions(state: State, adopted: Adopted, now_ns: int) -> list[SnapshotDecision]:
    """What the rule says of every snapshot that is there, source by source."""
    with state.database.read() as connection:
        return _decisions(connection, adopted, now_ns)


def _decisions(connection: sa.Connection, adopted: Adopted, now_ns: int) -> list[SnapshotDecision]:
    by_source: defaultdict[str, list[Arrived]] = defaultdict(list)
    adopted_ones: dict[str, bool] = {}
    encrypted: set[str] = set()
    for row in _present(connection, adopted.id):
        by_source[row.source].append(
            Arrived(
                row.id,
                row.arrival_ns,
                BAD if row.fault is not None else row.verdict,
                row.judged_ns,
                condemned=row.operator == CONDEMNED,
                pinned=bool(row.pinned),
                claimed=row.evidence == CLAIMED,
                dated_ns=row.claimed_ns if row.dated else None,
            )
        )
        adopted_ones[row.id] = row.evidence == CLAIMED
        if row.verdict == SUSPICIOUS and row.operator != CONDEMNED and f'"{COLD_FILES_TURNED}"' in row.reasons:
            encrypted.add(row.source)
    found: list[SnapshotDecision] = []
    until_ns = adopted.adopted_ns + adopted.policy.expiry * DAY
    retired = retired_sources(connection, adopted.id)
    for name, ones in sorted(by_source.items()):
        stays = "" if name not in encrypted else _ENCRYPTED
        if _is_stale(ones, adopted, retired.get(name), now_ns):
            hours = adopted.policy.rpo_hours
            stays = f"its source has had no good snapshot for more than {hours} hours, so nothing of it goes"
        condemned = {one.id for one in ones if one.condemned}
        for verdict in decide(ones, adopted.policy.guarded(), now_ns):
            decision = _with_adoption(name, verdict, claimed=adopted_ones[verdict.id] and now_ns < until_ns)
            if stays and not decision.keep and verdict.id not in condemned:
                decision = SnapshotDecision(verdict.id, name, True, (stays,))
            found.append(decision)
    return found


def retired_sources(connection: sa.Connection, repository: str) -> dict[str, int]:
    """The sources of which an operator said that nothing more comes, and since when."""
    rows = connection.execute(*_settings_query(repository))
    found = {row.name: retired_since(row.settings) for row in rows}
    return {name: since for name, since in found.items() if since is not None}


def retired_since(settings: str) -> int | None:
    """Since when a source with these settings is retired; None where it is not."""
    return parse_settings(settings).retired_ns


@prepared
def _settings_query(repository: str) -> sa.Select[tuple[str, str]]:
    return sa.select(source.c.name, source.c.settings).where(source.c.repository == repository)


def _is_stale(ones: list[Arrived], adopted: Adopted, retired_ns: int | None, now_ns: int) -> bool:
    """Whether the newest good snapshot of a source is older than may be: then that source alone is left as it is.

    Not one that an operator retired, as long as nothing has come of it since.
    """
    if retired_ns is not None and all(one.arrival_ns <= retired_ns for one in ones):
        return False
    newest = max((one.arrival_ns for one in ones if one.verdict == GOOD and not one.condemned), default=0)
    return now_ns - newest > adopted.policy.rpo_ns


def _with_adoption(name: str, verdict: Verdict, *, claimed: bool) -> SnapshotDecision:
    """What was there at adoption has dates that nobody witnessed: it stays until E is over."""
    if claimed and not verdict.keep:
        return SnapshotDecision(
            verdict.id, name, True, ("its date is only claimed: it was there when this was adopted",)
        )
    return SnapshotDecision(verdict.id, name, verdict.keep, verdict.reasons)


def _present(connection: sa.Connection, repository: str) -> list[sa.Row[Any]]:
    return list(connection.execute(*_present_query(repository)).all())


@prepared
def _present_query(repository: str) -> sa.Select[Any]:
    joined = snapshot.join(
        stored,
        sa.and_(
            stored.c.repository == snapshot.c.repository,
            stored.c.name == snapshot.c.id,
            stored.c.kind == "snapshots",
        ),
    )
    return (
        sa.select(snapshot, stored.c.evidence, stored.c.fault)
        .select_from(joined)
        .where(snapshot.c.repository == repository, stored.c.gone_ns.is_(None))
        .order_by(snapshot.c.arrival_ns, snapshot.c.id)
    )


def make_plans(
    state: State,
    lease: Lease,
    adopted: Adopted,
    now_ns: int,
    weigh: Callable[[frozenset[str], frozenset[str]], float] | None = None,
) -> list[Plan]:
    """Bring the open plans of snapshots level with the rule; all that are open, the oldest first.

    A plan keeps the time at which it was made, and what the rule does not let go any more leaves it. What no plan names
    yet gets a plan of today's, one a day at most. ``weigh(before, now)`` says which share of the repository's bytes
    more would be free without the snapshots ``now`` than without those ``before``; it is asked for a new plan alone.
    """
    adopted = settle_change(state, lease, adopted, now_ns)
    with state.database.read() as connection:
        made = _decisions(connection, adopted, now_ns)
        going = frozenset(one.id for one in made if not one.keep)
        rows = _open_rows(connection, adopted.id)
        known = {name for row in rows for name in json.loads(row.body)["remove"]}
        fresh = going - known
    if not rows and not fresh:
        return []
    share = weigh(going & known, going) if fresh and weigh is not None else None
    with state.writing(lease) as connection:
        made = _decisions(connection, adopted, now_ns)
        going = frozenset(one.id for one in made if not one.keep)
        others = _breakers(connection, adopted, made)
        today = False
        for row in _open_rows(connection, adopted.id):
            body = json.loads(row.body)
            today |= row.made_ns // DAY == now_ns // DAY
            fresh -= set(body["remove"])
            remove = tuple(name for name in body["remove"] if name in going)
            if not remove:
                set_plan(connection, adopted.id, row.number, state=CANCELLED)
                continue
            breakers = _all_breakers(len(remove), len(made), body["share"], others, approved=row.approved)
            text = plan_body(remove, breakers, body["share"])
            set_plan(connection, adopted.id, row.number, state=FROZEN if breakers else HELD, body=text)
        fresh &= going
        if fresh and not today:
            breakers = _all_breakers(len(fresh), len(made), share, others, approved="")
            due_ns = now_ns + adopted.policy.hold * DAY
            insert_plan(
                connection,
                adopted.id,
                SNAPSHOTS,
                now_ns,
                due_ns,
                FROZEN if breakers else HELD,
                plan_body(tuple(sorted(fresh)), breakers, share),
            )
    return open_plans(state, adopted)


def open_plans(state: State, adopted: Adopted) -> list[Plan]:
    """The plans of snapshots that stand, the oldest first."""
    with state.database.read() as connection:
        return [_plan(row) for row in _open_rows(connection, adopted.id)]


def _plan(row: sa.Row[Any]) -> Plan:
    body = json.loads(row.body)
    return Plan(row.number, row.made_ns, row.due_ns, row.state, tuple(body["remove"]), tuple(body["breakers"]))


def _open_rows(connection: sa.Connection, repository: str) -> list[sa.Row[Any]]:
    return list(connection.execute(*_open_query(repository)).all())


@prepared
def _open_query(repository: str) -> sa.Select[Any]:
    return open_rows().where(plan.c.repository == repository)


def open_rows() -> sa.Select[Any]:
    """The plans of snapshots that stand, of all repositories, the oldest first."""
    return sa.select(plan).where(plan.c.kind == SNAPSHOTS, plan.c.state.in_((HELD, FROZEN))).order_by(plan.c.number)


def _all_breakers(
    going: int, there: int, share: float | None, others: tuple[str, ...], *, approved: str
) -> tuple[str, ...]:
    """What stands against a plan; an operator's word counts against its size alone."""
    if approved:
        return others
    size: tuple[str, ...] = ()
    if going > there * MOST_SNAPSHOTS:
        size = (f"it would take {going} of {there} snapshots, more than {MOST_SNAPSHOTS:.0%}",)
    if share is not None and share > MOST_BYTES:
        size = (*size, f"it would free {share:.0%} of all bytes, more than {MOST_BYTES:.0%}")
    return (*size, *others)


def _breakers(connection: sa.Connection, adopted: Adopted, made: list[SnapshotDecision]) -> tuple[str, ...]:
    """What forbids that snapshots go whatever their number, in words."""
    found = []
    going = [one for one in made if not one.keep]
    if is_frozen(connection, adopted.id):
        found.append("an incident is open that freezes all deleting; `custody incidents` shows it")
    last_good = {
        row.source: row.id
        for row in _present(connection, adopted.id)
        if row.verdict == GOOD and row.operator != CONDEMNED and row.fault is None
    }
    lost = [one.source for one in going if last_good.get(one.source) == one.id]
    return (*found, *(f"it would take the last good snapshot of {name}" for name in lost))
