"""Which plans are due, which would be made and what would be set aside, by what is known before anything is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from strongroom.base.record import record
from strongroom.custody.aside.unfit import known_unfit
from strongroom.custody.ledger import is_frozen
from strongroom.custody.planned.orders import ASIDE, FOLDERS, INDEXES, SNAPSHOTS
from strongroom.custody.planned.plans import plan_rows
from strongroom.custody.planning import decisions

if TYPE_CHECKING:
    import sqlalchemy as sa

    from strongroom.custody.state import Adopted, State

Named = tuple[str, str]
"""An object's name with its folder, and why."""


@record
class PlanAhead:
    """An open plan. ``waits``: why nothing of it would go now, in words; empty where ``goes`` would."""

    number: int
    kind: str
    due_ns: int
    waits: str
    goes: tuple[Named, ...]


@record
class Ahead:
    """Open plans, snapshots that a new one would name, and what is known to be unfit."""

    plans: tuple[PlanAhead, ...]
    planned: tuple[Named, ...]
    aside: tuple[Named, ...]


def look_ahead(state: State, adopted: Adopted, now_ns: int) -> Ahead:
    """What a round would do, as far as it can be known. Reads the state alone, and changes nothing."""
    made = decisions(state, adopted, now_ns)
    going = {f"{FOLDERS[SNAPSHOTS]}{one.id}": "; ".join(one.reasons) for one in made if not one.keep}
    with state.database.read() as connection:
        frozen = is_frozen(connection, adopted.id)
    rows = plan_rows(state, adopted.id)
    plans = tuple(_plan(row, going, now_ns, frozen=frozen) for row in rows)
    known = {name for row in rows if row.kind == SNAPSHOTS for name in json.loads(row.body)["remove"]}
    planned = tuple(sorted((name, why) for name, why in going.items() if name.partition("/")[2] not in known))
    aside = tuple((str(name), words) for name, words in known_unfit(state, adopted.id))
    return Ahead(plans, planned, aside)


def _plan(row: sa.Row[Any], going: dict[str, str], now_ns: int, *, frozen: bool) -> PlanAhead:
    body = json.loads(row.body)
    if row.kind == SNAPSHOTS:
        goes = [(f"{FOLDERS[SNAPSHOTS]}{one}", going.get(f"{FOLDERS[SNAPSHOTS]}{one}")) for one in body["remove"]]
    else:
        signed = [] if row.document is None else json.loads(bytes(row.document))["items"]
        goes = [(name, why) for name, _, why in signed]
    waits = ""
    if frozen and row.kind != ASIDE:
        waits = "an incident is open that freezes all deleting"
    elif body["breakers"] and not row.approved:
        waits = "; ".join(body["breakers"])
    elif row.document is None:
        waits = "it is signed by the next round"
    elif row.due_ns > now_ns and row.kind != INDEXES:  # for these the executor alone counts
        waits = "its time has not come"
    named = tuple((name, why) for name, why in goes if why is not None)
    return PlanAhead(row.number, row.kind, row.due_ns, waits, named)
