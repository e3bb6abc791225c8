"""Whether this server's clock is to be believed: what gateways and their witnesses say beside it (threats T-1, T-2).

A gateway says its time with each answer. A witness countersigns the log's head with the time at which it did: nobody
else makes such a time up, and it is never later than now. While any of them is five minutes off, what is late by either
clock is late, no alert ends, and nobody hears that all is well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.fleet.server.schemas import following as schema
from strongroom.receipts.log.checkpoint import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.fleet.server.state import FleetState
    from strongroom.receipts.log.note import Verifier

APART = 300
"""So many seconds apart two clocks are not both right."""
FRESH = 900
"""A look at another clock counts for so long, in seconds."""
CLOCK = "clock"
_MOST = 10**12


class TimedSource(Protocol):
    """A gateway that says what time it is."""

    def time(self) -> int | None:
        """Its clock now, in seconds since 1970; None where it does not say. Raises ``Refused``, ``Unavailable``."""
        ...

    def cosigned(self) -> bytes | None:
        """The newest countersigned head; None where there is none. Raises ``Refused``, ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class ClockDoubt:
    """This server's clock and another one differ. ``latest``: now by the one that is ahead, in seconds since 1970."""

    words: str
    latest: int


def look_at_clock(state: FleetState, gateway: str, source: TimedSource, witness: Verifier | None) -> None:
    """Ask a gateway for the time, and write down how far ours is ahead. Raises ``Refused``, ``Unavailable``."""
    before = state.now()
    said = source.time()
    after = state.now()
    ahead = 0 if said is None else _nearest(before - said - 1, after - said)
    if witness is not None and (data := source.cosigned()) is not None:
        least = _countersigned(data, witness)
        if least is not None and least > state.now():  # an old one says nothing of a clock that is ahead
            ahead = max(min(ahead, state.now() - least), -_MOST)
    table = schema.clock
    with state.database.write() as connection:
        connection.execute(table.delete().where(table.c.gateway == gateway))
        connection.execute(table.insert(), {"gateway": gateway, "ahead": ahead, "at": state.now()})


def _nearest(least: int, most: int) -> int:
    """The value closest to none of what a difference may be, between these two."""
    return 0 if least <= 0 <= most else least if least > 0 else most


def _countersigned(data: bytes, witness: Verifier) -> int | None:
    try:
        note = parse(data).note
        return None if note is None else witness.verify(note)
    except (Damaged, LimitExceeded):
        return None


def clock_doubt(connection: sa.Connection, now: int) -> ClockDoubt | None:
    """How this server's clock differs from those that were looked at lately; None where all agree."""
    table = schema.clock
    rows = connection.execute(sa.select(table).order_by(table.c.gateway)).all()
    odd = [row for row in rows if abs(now - row.at) < FRESH and abs(row.ahead) > APART]
    if not odd:
        return None
    worst = max(odd, key=lambda row: abs(row.ahead))
    minutes = abs(worst.ahead) // 60
    words = f"is {minutes} minutes {'ahead of' if worst.ahead > 0 else 'behind'} that of the gateway {worst.gateway}"
    latest = max([now, *(now - row.ahead for row in odd)])
    return ClockDoubt(f"{words}: until they agree no alert ends, and nobody hears that all is well", latest)


def forget_clocks(connection: sa.Connection, names: Iterable[str]) -> None:
    """Of gateways that fleet.toml names no more."""
    table = schema.clock
    connection.execute(table.delete().where(table.c.gateway.not_in(list(names))))
