"""Metrics as a textfile for Prometheus' node_exporter: deadlines, not ages.

One rule, ``time() >`` a deadline, fits every schedule, and nothing pages after a reboot, since no metric counts from
then. Names of repositories are the operator's; nothing is labelled by what a host wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.custody.incidents import Code
from strongroom.custody.schemas.main import drill
from strongroom.custody.standing import ROUND_GAP_NS, STATES
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.standing import Standing
    from strongroom.custody.state import Adopted, State

_PREFIX = "strongroom_custody_"
DRILL_NS = 8 * DAY
"""So long after the last drill one is due: weekly, with a day to spare."""
_HELP = {
    "round_deadline_timestamp_seconds": "When the next round must have gone through",
    "good_deadline_timestamp_seconds": "When the next good snapshot of some source must have come",
    "verify_deadline_timestamp_seconds": "When the object that has waited longest must have been read",
    "replica_deadline_timestamp_seconds": "When the next run that feeds the replica must have left nothing over",
    "drill_deadline_timestamp_seconds": "When the next drill must have been made",
    "state": "How a repository stands: 1 for its state, 0 for the others",
    "incidents_open": "Open incidents by code",
    "plans_waiting": "Plans of snapshots that are held, or held back",
    "objects": "Objects in the store",
    "objects_unread": "Objects that were not read yet",
}


def metrics(state: State, those: Sequence[tuple[Adopted, Standing]]) -> str:
    """The whole file, in the text format of Prometheus."""
    series: dict[str, list[str]] = {name: [] for name in _HELP}

    def add(name: str, value: float, **labels: str) -> None:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        series[name].append(f"{_PREFIX}{name}{{{inside}}} {value:.0f}")

    for adopted, one in those:
        drilled_ns = _last_drill(state, adopted.id) or adopted.adopted_ns
        deadlines = {
            "round": (one.last_round_ns or adopted.adopted_ns) + ROUND_GAP_NS,
            "good": one.good_due_ns,
            "verify": one.verify_by_ns,
            "drill": drilled_ns + DRILL_NS,
        }
        if one.replica_due_ns is not None:
            deadlines["replica"] = one.replica_due_ns
        for what, deadline_ns in deadlines.items():
            add(f"{what}_deadline_timestamp_seconds", deadline_ns / 1e9, repository=one.name)
        for name in STATES:
            add("state", float(one.state == name), repository=one.name, state=name)
        for code in Code:
            count = sum(thing.code is code for thing in one.incidents)
            add("incidents_open", count, repository=one.name, code=code.value)
        add("plans_waiting", len(one.plans), repository=one.name)
        add("objects", one.objects, repository=one.name)
        add("objects_unread", one.unread, repository=one.name)
    lines = []
    for name, rows in series.items():
        lines += [f"# HELP {_PREFIX}{name} {_HELP[name]}", f"# TYPE {_PREFIX}{name} gauge", *rows]
    return "\n".join(lines) + "\n"


def _last_drill(state: State, repository: str) -> int | None:
    with state.database.read() as connection:
        found: int | None = connection.execute(
            sa.select(sa.func.max(drill.c.at_ns)).where(drill.c.repository == repository)
        ).scalar_one()
    return found


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
