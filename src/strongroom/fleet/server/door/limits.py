"""How much one host may send: whoever has a valid key must neither slow the server down nor fill it.

An honest host sends what its outbox held while the server was away, a thousand reports and 8 MiB, and then some reports
an hour; that is within these bounds. What is beyond them is refused with 429, and the host's outbox sends it later.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from strongroom.base.errors import Refused

HOUR = 3600
REPORTS, REPORTS_HOURLY = 1500, 600
BYTES, BYTES_HOURLY = 32 << 20, 16 << 20
CALENDARS, CALENDARS_HOURLY = 256, 64
"""Schedules that this server has not reckoned with yet: each costs up to a tenth of a second."""
BLOCKED_SECONDS = 30
_REMEMBERED = 20_000


class TooMuch(Refused):
    """Somebody has sent more than is taken for now. ``retry_after``: seconds until it is worth another try."""

    retry_after = BLOCKED_SECONDS


@dataclass(slots=True)
class Allowance:
    """A budget that fills again with time: ``most`` at once, ``hourly`` an hour. ``at``: seconds since 1970."""

    most: int
    hourly: int
    left: float
    at: int

    def take(self, amount: int, now: int) -> bool:
        """Whether there was so much; then it is less."""
        passed = max(0, now - self.at)  # a clock that was set back gives nothing, and takes nothing
        self.left, self.at = min(self.most, self.left + passed * self.hourly / HOUR), now
        if self.left < amount:
            return False
        self.left -= amount
        return True


def _full(most: int, hourly: int) -> Allowance:
    return Allowance(most, hourly, most, 0)


@dataclass(slots=True)
class _HostAllowances:
    reports: Allowance = field(default_factory=lambda: _full(REPORTS, REPORTS_HOURLY))
    bytes: Allowance = field(default_factory=lambda: _full(BYTES, BYTES_HOURLY))
    calendars: Allowance = field(default_factory=lambda: _full(CALENDARS, CALENDARS_HOURLY))
    blocked_until: int = 0


class HostLimits:
    """The allowances of each host. Used from one thread; those that were quiet longest are forgotten."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, _HostAllowances] = OrderedDict()

    def _of(self, host: str) -> _HostAllowances:
        found = self._hosts.get(host)
        if found is None:
            if len(self._hosts) >= _REMEMBERED:
                self._hosts.popitem(last=False)
            found = self._hosts[host] = _HostAllowances()
        self._hosts.move_to_end(host)
        return found

    def check(self, host: str, now: int) -> None:
        """Raise ``TooMuch`` for a host that was refused a moment ago: that spares reading what it sends."""
        found = self._hosts.get(host)
        if found is not None and now < found.blocked_until <= now + BLOCKED_SECONDS:
            raise TooMuch("this host sends more than is taken for now", subject=host)

    def block(self, host: str, now: int) -> None:
        """Read nothing of a host for a moment."""
        self._of(host).blocked_until = now + BLOCKED_SECONDS

    def take_report(self, host: str, size: int, now: int) -> None:
        """Count a report of so many bytes whose signature was verified. Raises ``TooMuch``."""
        found = self._of(host)
        if not found.reports.take(1, now) or not found.bytes.take(size, now):
            self._refuse(host, now)

    def take_calendars(self, host: str, count: int, now: int) -> None:
        """Count schedules that are new to this server. Raises ``TooMuch``."""
        if count and not self._of(host).calendars.take(count, now):
            self._refuse(host, now)

    def _refuse(self, host: str, now: int) -> None:
        self.block(host, now)
        raise TooMuch("this host sends more than is taken for now", subject=host)
