"""Alerts in the database: what was open is read, the machine says what follows, and both are written at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Missing
from strongroom.fleet.server.alerting.machine import Alert, Alerts, Notice, step
from strongroom.fleet.server.schemas import alerting as schema

if TYPE_CHECKING:
    from strongroom.fleet.server.alerting.machine import Wrong


def load(connection: sa.Connection) -> Alerts:
    """What is remembered."""
    # Whoever acknowledges one meanwhile waits until the turn is written: PostgreSQL locks rows alone.
    rows = [row for row in connection.execute(sa.select(schema.alert).with_for_update()).all() if _is_sound(row)]
    openings: dict[tuple[str, str], tuple[int, ...]] = {}
    for row in connection.execute(sa.select(schema.opening).order_by(schema.opening.c.at)):
        if not isinstance(row.at, int):
            continue
        openings[row.subject, row.kind] = (*openings.get((row.subject, row.kind), ()), row.at)
    return Alerts({(row.subject, row.kind): _alert(row) for row in rows}, openings)


def _is_sound(row: Any) -> bool:
    """Whether it is an alert at all; what is not is opened anew where its reason holds."""
    numbers = (row.opened, row.said, 0 if row.absent_since is None else row.absent_since)
    return all(isinstance(one, int) for one in numbers) and all(isinstance(one, str) for one in row[:3])


def _alert(row: Any) -> Alert:
    return Alert(
        row.subject,
        row.kind,
        row.host,
        bool(row.critical),
        row.words,
        row.opened,
        row.said,
        bool(row.acknowledged),
        bool(row.grouped),
        row.absent_since,
        bool(row.flapping),
        bool(row.escalated),
    )


def advance(connection: sa.Connection, wrong: list[Wrong], hosts: int, now: int, *, ends: bool = True) -> list[Notice]:
    """Go on to ``now``, in the transaction of the caller; what is said is in the list of notices, too.

    Without ``ends`` no alert ends, since nobody knows what time it is.
    """
    before = load(connection)
    after, notices = step(before, wrong, hosts, now, ends=ends)
    table = schema.alert
    gone = [{"of_subject": subject, "of_kind": kind} for subject, kind in before.open.keys() - after.open.keys()]
    which = table.c.subject == sa.bindparam("of_subject"), table.c.kind == sa.bindparam("of_kind")
    if gone:
        connection.execute(table.delete().where(*which), gone)
    if new := [_row(alert) for key, alert in after.open.items() if key not in before.open]:
        unsound = [{"of_subject": one["subject"], "of_kind": one["kind"]} for one in new]
        connection.execute(table.delete().where(*which), unsound)
        connection.execute(table.insert(), new)
    if changed := [_row(one) for key, one in after.open.items() if before.open.get(key, one) != one]:
        values: dict[str, Any] = {
            name: sa.bindparam(f"new_{name}") for name in changed[0] if name not in ("subject", "kind")
        }
        rows = [
            {f"of_{name}" if name in ("subject", "kind") else f"new_{name}": value for name, value in one.items()}
            for one in changed
        ]
        connection.execute(table.update().where(*which).values(values), rows)
    opening = schema.opening
    if after.openings != before.openings:
        connection.execute(opening.delete())
        rows = [
            {"subject": subject, "kind": kind, "at": at}
            for (subject, kind), times in after.openings.items()
            for at in sorted(set(times))
        ]
        if rows:
            connection.execute(opening.insert(), rows)
    number = newest_notice(connection)
    rows = [_notice_row(number + count, now, one) for count, one in enumerate(notices, 1)]
    if rows:
        connection.execute(schema.notice.insert(), rows)
    return notices


def newest_notice(connection: sa.Connection) -> int:
    """The number of the newest notice; what is no number, or none that a server comes to, counts for nothing."""
    number = schema.notice.c.number
    return int(connection.execute(sa.select(sa.func.max(number)).where(number < schema.MOST_NOTICES)).scalar() or 0)


def _notice_row(number: int, now: int, notice: Notice) -> dict[str, Any]:
    alert = notice.alert
    row = {"number": number, "at": now, "said": notice.said.value, "subject": alert.subject, "kind": alert.kind}
    row |= {"host": alert.host, "critical": int(alert.critical), "words": alert.words}
    return row | {"escalated": int(alert.escalated)}


def _row(alert: Alert) -> dict[str, Any]:
    return {
        "subject": alert.subject,
        "kind": alert.kind,
        "host": alert.host,
        "critical": int(alert.critical),
        "words": alert.words,
        "opened": alert.opened,
        "said": alert.said,
        "acknowledged": int(alert.acknowledged),
        "grouped": int(alert.grouped),
        "absent_since": alert.absent_since,
        "flapping": int(alert.flapping),
        "escalated": int(alert.escalated),
    }


def acknowledge(connection: sa.Connection, subject: str, kind: str = "") -> int:
    """Somebody has seen it: no more reminders; how many alerts that were. Raises ``Missing``."""
    table = schema.alert
    where = [table.c.subject == subject] + ([table.c.kind == kind] if kind else [])
    count = connection.execute(table.update().where(*where).values(acknowledged=1)).rowcount
    if not count:
        raise Missing(
            "there is no open alert of this subject", subject=subject, hint="`strongroom fleet alerts` lists."
        )
    return count
