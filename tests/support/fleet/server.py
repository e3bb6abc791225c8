"""A fleet's server in this process, with a clock that a test moves."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from strongroom.fleet.protocol.token import InvitationToken
from strongroom.fleet.server.admitting.tickets import invite
from strongroom.fleet.server.alerting.machine import Notice
from strongroom.fleet.server.evaluating import Evaluator
from strongroom.fleet.server.intake import take_report
from strongroom.fleet.server.joining import begin, done
from strongroom.fleet.server.standing import FleetStanding, StandingWatch, standing
from strongroom.fleet.server.state import FleetState
from tests.support.clock import ManualClock
from tests.support.fleet.hosts import FleetHost

BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str) -> int:
    """Seconds since 1970 of a local time in Berlin."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp())


class ServerInProcess:
    """The state of a server and what it does with messages, without its sockets."""

    def __init__(self, folder: Path, begins: str = "2027-02-01T12:00", database: str = "") -> None:
        self.clock = ManualClock(moment(begins) * 10**9)
        self.state = FleetState(str(folder / "fleet"), database, self.clock, create=True)
        self.evaluator = Evaluator(self.state)

    @property
    def now(self) -> int:
        """Seconds since 1970."""
        return self.state.now()

    def until(self, text: str) -> None:
        """Move on to a local time in Berlin."""
        self.clock.advance(moment(text) - self.now)

    def invite(
        self, name: str, profile: str = "server", uses: int = 1, minutes: int = 15, *, replace: bool = False
    ) -> InvitationToken:
        """A token."""
        url = "https://fleet:8040"
        return invite(self.state, name, profile, url, "", minutes=minutes, uses=uses, card=None, replace=replace)

    def join(self, host: FleetHost, profile: str = "server") -> FleetHost:
        """Let a host join, all of it."""
        begin(self.state, host.begin(self.invite(host.name, profile)))
        done(self.state, host.done())
        return host

    def take(self, host: FleetHost, code: int = 0, retry_at: int | None = None, snapshot: str = "") -> str:
        """The report of a run that ended just now; the ID of the snapshot that it claims."""
        run = host.run(self.now, code, retry_at, snapshot)
        message = host.report(self.now, run)
        with self.state.database.write() as connection:
            take_report(connection, message, self.now)
        return run.outcomes[0].snapshot

    def standing(self) -> FleetStanding:
        """How everything stands now."""
        return standing(self.state, self.now)

    def watch(self, host: str) -> StandingWatch:
        """The one watch of a host."""
        (found,) = [one for one in self.standing().watches if one.host == host]
        return found

    def turn(self) -> list[Notice]:
        """One turn of the evaluator."""
        return self.evaluator.turn() or []

    def close(self) -> None:
        """End it."""
        self.state.close()
