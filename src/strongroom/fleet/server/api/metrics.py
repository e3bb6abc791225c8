"""Metrics for Prometheus: deadlines and no ages, so that one rule, ``time() >``, fits all schedules.

What is paused has its deadline at the end of the pause, what is retired has none, and no value is 0 after a start. No
label is a snapshot or a version: a watch has as many series in a year as today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.fleet.server.following.custodians import DRILL_GAP, ROUND_GAP, current_care
from strongroom.fleet.server.judging.states import WatchState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.fleet.server.api.documents import AlertDocument
    from strongroom.fleet.server.api.tokens import ApiToken
    from strongroom.fleet.server.standing import StandingWatch
    from strongroom.fleet.server.state import FleetState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
EVALUATION_SECONDS = 120
"""So long after its last turn an evaluator counts as stuck."""


def metrics(
    state: FleetState,
    watches: Iterable[StandingWatch],
    alerts: Iterable[AlertDocument],
    turned: int | None,
    token: ApiToken,
) -> str:
    """What a token may see, in Prometheus' text format. Raises ``Unavailable``."""
    text = _Text()
    shown = [one for one in watches if one.judgement.state is not WatchState.RETIRED]
    name = "strongroom_watch"
    text.family(f"{name}_deadline_timestamp_seconds", "From when on the next backup is late; a pause moves it.")
    for one in shown:
        text.sample(one.deadline if one.deadline is not None else one.began, **_labels(one))
    text.family(f"{name}_last_good_timestamp_seconds", "When the last good backup arrived.")
    for one in shown:
        text.sample(one.last_good, **_labels(one))
    text.family(f"{name}_state", "1 for the state in which a watch is.")
    for one in shown:
        text.sample(1, **_labels(one), state=one.judgement.state.value)
    text.family(f"{name}_bytes_added", "Bytes that the last backup added.")
    for one in shown:
        text.sample(one.bytes_added, **_labels(one))
    text.family(f"{name}_duration_seconds", "How long the last backup took.")
    for one in shown:
        text.sample(one.duration, **_labels(one))
    text.family("strongroom_alerts_open", "Open alerts by severity.")
    severities = [one.critical for one in alerts]
    text.sample(severities.count(True), severity="critical")
    text.sample(severities.count(False), severity="warning")
    if token.sees_all:
        _custody(text, state)
        text.family("strongroom_evaluation_deadline_timestamp_seconds", "By when the next turn of judging has ended.")
        text.sample(None if turned is None else turned + EVALUATION_SECONDS)
    return text.whole()


def _custody(text: _Text, state: FleetState) -> None:
    with state.database.read() as connection:
        care = current_care().order_by(sa.text("fleet_stated.name"))
        rows = [(row, {"repository": row.name, "id": row.repository[:8]}) for row in connection.execute(care)]
    text.family("strongroom_round_deadline_timestamp_seconds", "By when the custodian's next round has ended.")
    for row, labels in rows:
        text.sample(_after(row.round_ended, row.in_care_since, ROUND_GAP), **labels)
    text.family("strongroom_check_deadline_timestamp_seconds", "By when all of it has been read and verified again.")
    for row, labels in rows:
        text.sample(row.check_by, **labels)
    text.family("strongroom_drill_deadline_timestamp_seconds", "By when the next drill has ended.")
    for row, labels in rows:
        text.sample(_after(row.drilled, row.in_care_since, DRILL_GAP), **labels)
    text.family("strongroom_plans_waiting", "Plans to delete that wait for their time or for an operator.")
    for row, labels in rows:
        text.sample(row.plans_waiting, **labels)


def _after(last: int | None, since: int | None, seconds: int) -> int | None:
    """The deadline after what was done last, or since when it is to be done."""
    begins = since if last is None else last
    return None if begins is None else begins + seconds


def _labels(one: StandingWatch) -> dict[str, str]:
    return {"host": one.host, "source": one.source, "repository": one.repository}


class _Text:
    """Prometheus' text format: families of gauges with their samples."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._name = ""

    def family(self, name: str, help_text: str) -> None:
        self._name = name
        self._lines += [f"# HELP {name} {help_text}", f"# TYPE {name} gauge"]

    def sample(self, value: int | None, **labels: str) -> None:
        """One value; none is written for what never happened."""
        if value is not None:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            self._lines.append(f"{self._name}{{{inside}}} {value}" if inside else f"{self._name} {value}")

    def whole(self) -> str:
        return "\n".join(self._lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
