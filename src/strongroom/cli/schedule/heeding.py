"""Heeding what the fleet's server asks, as far as this host's fleet.toml allows it: a report, or a run of a source."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from strongroom.cli.schedule.shared import machine_schedules, own_program
from strongroom.fleet.protocol.report import RUN

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.configuration.client import Configuration
    from strongroom.fleet.host.reporting.member import FleetMember
    from strongroom.fleet.host.reporting.sending import Sent


class Heeding:
    """What was asked, and the run that was begun for it."""

    def __init__(self, member: FleetMember, file: Configuration, say: Callable[[str], None]) -> None:
        self._member, self._file, self._say = member, file, say
        self._running: tuple[str, subprocess.Popen[bytes]] | None = None

    def heed(self, sent: Sent) -> None:
        """Do what the last answer asked, if it may be asked. A run goes on beside this. Raises OSError."""
        request = sent.request
        if request is None:
            return
        schedules = machine_schedules(self._file)
        refused = self._member.decide(request, {one.source for one in schedules})
        if refused is None:
            return
        what = f"{request.wish} {request.source}".strip()
        self._say(f"the server asks: {what}; {f'refused: {refused}' if refused else 'it is done'}")
        if refused:
            return
        if request.wish == RUN:
            words = [*own_program(), "--config", os.path.abspath(self._file.path), "schedule", "run", request.source]
            self._running = request.id, subprocess.Popen(words, stdin=subprocess.DEVNULL)
            return
        self._member.request_done(request.id, "")
        self._member.report("hourly", [one.terms() for one in schedules], None, good=True)
        self._member.send()

    def ended(self, *, wait: bool = False) -> None:
        """Note how the run ended that was begun; ``wait`` until it does. Raises OSError."""
        if self._running is None:
            return
        request, process = self._running
        if wait:
            process.wait()
        if (code := process.poll()) is not None:
            self._running = None
            self._member.request_done(request, f"exit code {code}")
