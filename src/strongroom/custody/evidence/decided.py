"""The time that is decided by: within one boot it runs no faster than the time since boot (threat T-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.record import record
from strongroom.custody.schemas.evidence import decided

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.custody.state import State

SLACK_NS = 5 * 60 * 10**9
"""A clock that is slewed, or a leap second, is no jump."""


@record
class DecidedTime:
    """A moment by the wall clock, and by the time since the start of a boot; both in nanoseconds."""

    time_ns: int
    boot: str
    boot_ns: int


class LimitedClock:
    """A clock that, within the boot of a moment, is never more than the slack ahead of what passed since."""

    def __init__(self, clock: Clock, last: DecidedTime | None, boot: Callable[[], tuple[str, int]]) -> None:
        self._clock = clock
        self._last = last
        self._boot = boot

    def now_ns(self) -> int:
        """Wall-clock time, or the most that can have become of the last moment."""
        own_ns = self._clock.now_ns()
        return own_ns if (most_ns := self._most_ns()) is None else min(own_ns, most_ns)

    def release(self) -> None:
        """Other clocks agree with the wall clock, so it counts as it is; the next moment that is kept begins anew."""
        self._last = None

    def jumped_ns(self) -> int:
        """How far the wall clock is ahead of that."""
        most_ns = self._most_ns()
        return 0 if most_ns is None else max(0, self._clock.now_ns() - most_ns)

    def _most_ns(self) -> int | None:
        boot, boot_ns = self._boot()
        if self._last is None or not boot or boot != self._last.boot or boot_ns < self._last.boot_ns:
            return None
        return self._last.time_ns + boot_ns - self._last.boot_ns + SLACK_NS

    def holds(self) -> bool:
        """Whether the last moment still limits this clock, and the wall clock is not behind what passed since."""
        most_ns = self._most_ns()
        return most_ns is not None and self._clock.now_ns() >= most_ns - 2 * SLACK_NS

    def monotonic(self) -> float:
        """As the clock has it."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """As the clock does."""
        self._clock.sleep(seconds)


def last_decided(state: State, machine: str) -> DecidedTime | None:
    """The moment that a machine of ours decided by last."""
    with state.database.read() as connection:
        row = connection.execute(sa.select(decided).where(decided.c.machine == machine)).one_or_none()
    return None if row is None else DecidedTime(row.time_ns, row.boot, row.boot_ns)


def limited_clock(state: State, machine: str, boot: Callable[[], tuple[str, int]]) -> LimitedClock:
    """The state's clock, within what the last moment of this machine allows."""
    if isinstance(state.clock, LimitedClock):
        return state.clock
    return LimitedClock(state.clock, last_decided(state, machine), boot)


def keep_decided(state: State, machine: str, clock: LimitedClock, boot: Callable[[], tuple[str, int]]) -> None:
    """Write down the moment that is decided by now.

    Within a boot the first one stays, so that slack adds up to nothing, until the clock is set back or others agree.
    """
    name, boot_ns = boot()
    if clock.holds():
        return
    with state.database.write() as connection:
        connection.execute(decided.delete().where(decided.c.machine == machine))
        connection.execute(decided.insert().values(machine=machine, time_ns=clock.now_ns(), boot=name, boot_ns=boot_ns))
