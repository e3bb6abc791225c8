"""The numbers of a week: a message each Monday, whose absence is an alarm as well."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.fleet.server.channels.kinds import ChannelMessage
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.schemas import alerting
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.standing import standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.fleet.server.state import FleetState

WEEK = 7 * 86400
_MOST_LINES = 20
_UNWATCHED = (WatchState.RETIRED, WatchState.PAUSED)


def carries_weeks(kind: str, settings: Mapping[str, str]) -> bool:
    """Whether a channel carries the numbers of each week: mail does unless told otherwise, others when told to."""
    return settings.get("weekly", "yes" if kind == "mail" else "no") == "yes"


def week_message(state: FleetState, channel: str, now: int) -> ChannelMessage:
    """How the week was until now. Raises ``Unavailable``."""
    found = standing(state, now)
    since = now - WEEK
    report, notice, delivery = schema.report, alerting.notice, alerting.delivery
    with state.database.read() as connection:

        def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
            return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one())

        reports = count(report, report.c.arrived > since)
        said = {
            one: count(notice, notice.c.at > since, notice.c.said == one) for one in ("opened", "worse", "resolved")
        }
        carried = count(delivery, delivery.c.channel == channel, delivery.c.done > since, delivery.c.attempts >= 0)
    watched = [one for one in found.watches if one.judgement.state not in _UNWATCHED]
    good = sum(one.judgement.state is WatchState.OK for one in watched)
    fresh = sum(one.last_good is not None and one.last_good > since for one in watched)
    states = Counter(one.judgement.state.value for one in found.watches)
    numbers = {
        "hosts": str(found.hosts),
        "watches": ", ".join(f"{states[one.value]} {one.value}" for one in WatchState if states[one.value]) or "none",
        "backed up this week": f"{fresh} of {len(watched)}",
        "reports this week": str(reports),
        "alerts this week": ", ".join(f"{number} {words}" for words, number in said.items()),
        "messages by this channel": str(carried),
        "wrong now": str(len(found.wrong)),
    }
    lines = [f"{words + ':':<26}{number}" for words, number in numbers.items()]
    worst = sorted(found.wrong, key=lambda one: not one.critical)
    if worst:
        lines += ["", "Wrong now, worst first:", ""]
        lines += [f"{_severity(one.critical)}: {one.subject}: {one.words}" for one in worst[:_MOST_LINES]]
    lines += ["…"] if len(worst) > _MOST_LINES else []
    lines += [
        "",
        "This comes each Monday. When it does not, the server is silent, or its messages do not reach you: look.",
    ]
    day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    subject = f"Strongroom: the week until {day}: {good} of {len(watched)} backups are good"
    body = "\n".join(lines) + "\n"
    facts = {"week": True, "hosts": found.hosts, "watches": dict(states), "wrong": len(found.wrong), "body": body}
    return ChannelMessage(subject, body, False, facts)


def _severity(critical: bool) -> str:
    return "critical" if critical else "warning"
