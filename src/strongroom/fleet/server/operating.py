"""What an operator decides: pause, retire, revoke, believe again, and how late is late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Missing, Refused
from strongroom.fleet.protocol.calendars import SHORTEST
from strongroom.fleet.protocol.fields import visible
from strongroom.fleet.protocol.report import parse_report
from strongroom.fleet.protocol.signed import parse_signed
from strongroom.fleet.server.admitting.taking_over import REPLACED
from strongroom.fleet.server.following.evidence import expect_every
from strongroom.fleet.server.following.places import BY_RECEIPTS
from strongroom.fleet.server.joining import ACTIVE, CLONED, RETIRED, REVOKED, suspect
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.watch_rows import load_watches, write_watches
from strongroom.fleet.server.watches import LAPTOP_LATE, LONGER, deadline_values, keep_schedules

if TYPE_CHECKING:
    from strongroom.fleet.server.state import FleetState

DAY = 86400
LONGEST_PAUSE = 30 * DAY


def _named(connection: sa.Connection, name: str) -> Any:
    """Raises ``Missing`` naming those that there are."""
    row = connection.execute(sa.select(schema.host).where(schema.host.c.name == name)).one_or_none()
    if row is None:
        names = ", ".join(
            connection.execute(sa.select(schema.host.c.name).order_by(schema.host.c.name).limit(20)).scalars()
        )
        raise Missing("there is no host of this name", subject=name, hint=f"There are: {visible(names) or 'none yet'}.")
    return row


def _watches(host: str, source: str, repository: str) -> list[sa.ColumnElement[bool]]:
    table = schema.watch
    where = [table.c.host == host]
    where += [table.c.source == source] if source else []
    return where + ([table.c.repository == repository] if repository else [])


def _change(state: FleetState, name: str, source: str, repository: str, values: dict[str, Any]) -> int:
    with state.database.write() as connection:
        host = _named(connection, name)
        where = _watches(str(host.id), source, repository)
        count = connection.execute(schema.watch.update().where(*where).values(**values)).rowcount
        if not count:
            raise Missing("this host has no such watch", subject="/".join((name, source, repository)).rstrip("/"))
        return int(count)


def pause(state: FleetState, name: str, source: str, repository: str, seconds: int, reason: str) -> int:
    """Alarm about nothing but suspicion for so long; how many watches that are. 0 seconds end a pause.

    Raises ``Missing``, or ``ConfigurationError`` for more than 30 days or no reason.
    """
    if not 0 <= seconds <= LONGEST_PAUSE:
        raise ConfigurationError("a pause lasts 30 days at most", subject=name)
    if seconds and not reason.strip():
        raise ConfigurationError("a pause has a reason", subject=name, hint="Give it with --reason.")
    until = state.now() + seconds if seconds else 0
    return _change(state, name, source, repository, {"paused_until": until, "pause_reason": reason[:200]})


def expect(state: FleetState, name: str, repository: str, every: int | None, late: int | None, source: str = "") -> int:
    """How often a host that no agent speaks for backs up, or how late one that reports may be; how many watches that
    are. Both in seconds.

    Raises ``Missing``, or ``ConfigurationError`` for a host that says so itself, or a time that makes no sense.
    """
    least = SHORTEST if every is None else every
    if not SHORTEST <= least <= 400 * DAY or (late is not None and not least <= late <= 800 * DAY):
        raise ConfigurationError("between 5 minutes and 400 days, and late not before it is due", subject="--every")
    with state.database.write() as connection:
        host = _named(connection, name)
        if host.profile != BY_RECEIPTS:
            if every is not None or late is None:
                hint = "Change its schedule there; a rarer one counts after `fleet alerts --believe`. Or give --late."
                raise ConfigurationError("this host says itself how often it backs up", subject=name, hint=hint)
            return _allow(connection, str(host.id), name, source, repository, late)
        if every is None or source:
            raise ConfigurationError(
                "of this host nothing is known but its receipts", subject=name, hint="Give --every."
            )
        count = expect_every(connection, str(host.id), repository, f"{every // 60}m", late)
        if not count:
            raise Missing("this host has no such repository", subject=f"{name}/{repository}")
        return count


def _allow(connection: sa.Connection, host: str, name: str, source: str, repository: str, late: int) -> int:
    """Let a host be so late, where it says so itself: nobody else knows when it means to."""
    watches = load_watches(connection, [host])[host]
    found = [
        row for row in watches.rows.values() if source in ("", row["source"]) and repository in ("", row["repository"])
    ]
    if not found:
        raise Missing("this host has no such watch", subject="/".join((name, source, repository)).rstrip("/"))
    for row in found:
        watches.change(row, {"operators_late": late} | deadline_values(row | {"operators_late": late}))
    write_watches(connection, [watches])
    return len(found)


def retire(state: FleetState, name: str, source: str, repository: str, *, back: bool = False) -> int:
    """Watch no longer; how many watches that are. A whole host keeps its place and may come ``back``."""
    count = _change(state, name, source, repository, {"retired": 0 if back else 1})
    if not source and not repository:
        with state.database.write() as connection:
            host = _named(connection, name)
            new = ACTIVE if back else RETIRED
            if host.state in (ACTIVE, RETIRED):
                connection.execute(schema.host.update().where(schema.host.c.id == host.id).values(state=new))
    return count


def revoke(state: FleetState, name: str) -> None:
    """Take nothing from this key any more; its data and reports stay. Raises ``Missing`` or ``Refused``."""
    with state.database.write() as connection:
        host = _named(connection, name)
        if host.state == REPLACED:
            raise Refused("another machine has this host's place already, and its key counts for nothing", subject=name)
        connection.execute(schema.host.update().where(schema.host.c.id == host.id).values(state=REVOKED))
        connection.execute(schema.watch.update().where(schema.watch.c.host == host.id).values(retired=1))


def believe(state: FleetState, name: str) -> int:
    """An operator has looked at what was suspicious of a host; how many things that were. Raises ``Missing``.

    With it the schedules of the host's newest report count, also where they let more time pass than those before; but
    only those that the suspicion tells of, since a host may name another while somebody looks: that raises ``Refused``.
    """
    changed = ""
    with state.database.write() as connection:
        row = _named(connection, name)
        host = str(row.id)
        table = schema.report
        forked = sa.select(schema.suspicion.c.code).where(
            schema.suspicion.c.host == host, schema.suspicion.c.code == CLONED
        )
        if connection.execute(forked).first() is not None:  # the chain goes on from the machine that spoke last
            last = table.c.arrived.desc(), table.c.sequence.desc()
            spoke = sa.select(table.c.sequence, table.c.sha256).where(table.c.host == host).order_by(*last).limit(1)
            if (found := connection.execute(spoke).one_or_none()) is not None:
                values = {"sequence": found.sequence, "head": found.sha256}
                connection.execute(schema.host.update().where(schema.host.c.id == host).values(**values))
                row = _named(connection, name)
        newest = sa.select(table.c.message).where(table.c.host == host, table.c.sha256 == row.head)
        if (message := connection.execute(newest).scalar()) is not None:
            schedules = parse_report(parse_signed(bytes(message))).schedules
            operators = LAPTOP_LATE if row.profile == "laptop" else None
            now = state.now()
            watches = load_watches(connection, [host])[host]
            words = keep_schedules(watches, schedules, now, operators, {}).get(LONGER)
            if words is None or words == _told(connection, host):
                keep_schedules(watches, schedules, now, operators, {}, longer=True)
            else:
                changed = words
                table = schema.suspicion
                connection.execute(table.delete().where(table.c.host == host, table.c.code == LONGER))
                suspect(connection, host, LONGER, now, words)
            write_watches(connection, [watches])
        if not changed:
            return _settle(connection, host)
    raise Refused(f"it has named another schedule since: it {changed}", subject=name, hint="Look, and do it again.")


def _settle(connection: sa.Connection, host: str) -> int:
    return sum(
        connection.execute(table.delete().where(table.c.host == host)).rowcount
        for table in (schema.suspicion, schema.gap, schema.claim)
    )


def _told(connection: sa.Connection, host: str) -> str | None:
    """What an operator was told of a host's rarer schedule."""
    table = schema.suspicion
    found: str | None = connection.execute(
        sa.select(table.c.words).where(table.c.host == host, table.c.code == LONGER)
    ).scalar()
    return found
