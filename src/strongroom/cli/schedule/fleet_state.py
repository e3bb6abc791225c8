"""What the verbs of a host in a fleet share: its membership, and the reports of its runs."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from typing import TYPE_CHECKING

from strongroom.base.clock import SYSTEM
from strongroom.base.configuration import client
from strongroom.base.errors import StrongroomError, UsageError
from strongroom.cli import exit_codes
from strongroom.cli.schedule.heeding import Heeding
from strongroom.cli.schedule.shared import CODES, machine_schedules
from strongroom.cli.shared.targets import find_targets, store_options
from strongroom.cli.version import strongroom_version
from strongroom.fleet.host.reporting.member import FleetMember, membership_path, read_membership
from strongroom.fleet.host.reporting.sending import REPLACING
from strongroom.fleet.protocol.report import RunOutcome, RunReport
from strongroom.repository.state import StateDirectory, default_state_folder, pin_url
from strongroom.storage.locate import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strongroom.base.configuration.client import Configuration
    from strongroom.cli.schedule.attempt import AttemptRecord
    from strongroom.cli.shared.context import Context
    from strongroom.fleet.host.schedule.terms import SourceSchedule

_NANO = 1_000_000_000


def default_configuration() -> str:
    """Where a configuration file goes that nobody named."""
    if os.geteuid() == 0:
        return "/etc/strongroom/config.toml"
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(home, "strongroom", "config.toml")


def configuration_path(context: Context) -> str:
    """The configuration file that counts, or where it would be."""
    return client.find_file(context.arguments.config) or default_configuration()


def versions() -> dict[str, str]:
    """What a report says of programs."""
    return {"strongroom": strongroom_version(), "python": platform.python_version(), "kernel": os.uname().release}


def member_of(context: Context) -> FleetMember | None:
    """This host as a member of its fleet; None where it is in none. Raises ``ConfigurationError``, ``Damaged``."""
    file = read_membership(membership_path(configuration_path(context)))
    return None if file is None else FleetMember(file, default_state_folder(), versions(), SYSTEM)


def must_be_member(context: Context) -> FleetMember:
    """The same. Raises ``UsageError`` where this host is in no fleet."""
    member = member_of(context)
    if member is None:
        hint = "`strongroom fleet invite` prints a token at the server; here: strongroom host enrol --token-file -"
        raise UsageError("this host is in no fleet", hint=hint)
    return member


class RunReports:
    """Makes a report of each attempt, and sends it; what goes wrong with that stops no backup."""

    def __init__(self, context: Context, file: Configuration, say: Callable[[str], None]) -> None:
        self._say = say
        self._context = context
        self._file = file
        self._member: FleetMember | None = None
        self._heeding: Heeding | None = None
        try:
            self._member = member_of(context)
        except StrongroomError as error:
            say(f"no reports: {error}")

    @property
    def names(self) -> bool:
        """Whether a report may have names of files."""
        return self._member is None or self._member.file.paths

    def begin(self, schedule: SourceSchedule, due: int | None, record: AttemptRecord) -> None:
        """An attempt begins: should nothing be heard of its end, somebody has to look. No backup waits for a server."""
        member = self._member
        if member is None:
            return
        run = RunReport(os.urandom(16).hex(), schedule.source, due, record.started, None, 0, (), None, (), "")
        try:
            member.report("start", [one.terms() for one in machine_schedules(self._file)], run, good=True)
        except (StrongroomError, OSError) as error:
            self._say(f"the report could not be made: {error}")
            return
        threading.Thread(target=_send_quietly, args=(member,), name="reports", daemon=True).start()

    def tell(self, schedule: SourceSchedule, due: int | None, record: AttemptRecord) -> None:
        """An attempt has ended."""
        if self._member is None:
            return
        try:
            ids = repository_ids(self._context)
            run = run_report(schedule, due, record, ids, paths=self._member.file.paths)
            terms = [one.terms() for one in machine_schedules(self._file)]
            self._member.report("run", terms, run, good=record.code in CODES.good)
            sent = self._member.send()
            if sent.trouble:
                self._say(f"{sent.waiting} reports wait for the server: {sent.trouble}")
            if self._member.outbox.state().replacing:
                self._say(REPLACING)
        except (StrongroomError, OSError) as error:
            self._say(f"the report could not be made: {error}")

    def hourly(self) -> None:
        """An hour has gone by."""
        if self._member is None:
            return
        try:
            if self._heeding is None:
                self._heeding = Heeding(self._member, self._file, self._say)
            self._heeding.ended()
            self._member.report("hourly", [one.terms() for one in machine_schedules(self._file)], None, good=True)
            self._heeding.heed(self._member.send())
        except (StrongroomError, OSError) as error:
            self._say(f"the report could not be made: {error}")


def _send_quietly(member: FleetMember) -> None:
    """Send what waits; what is in the way is said when the run has ended."""
    with contextlib.suppress(StrongroomError, OSError):
        member.send()


def repository_ids(context: Context) -> dict[str, str]:
    """The ID of each repository that this host has opened before, by name; nothing is contacted."""
    state, found = StateDirectory(default_state_folder()), {}
    for target in find_targets(context.settings):
        with contextlib.closing(open_store(target.url, store_options(context, target))) as store:
            pins = state.pins_at(pin_url(store.location))
        if pins:
            found[target.label] = pins[-1].repository_id
    return found


def run_report(
    schedule: SourceSchedule, due: int | None, record: AttemptRecord, ids: Mapping[str, str], *, paths: bool
) -> RunReport:
    """An attempt as a report has it."""
    outcomes = tuple(_outcomes(schedule, record, ids))
    return RunReport(
        id=os.urandom(16).hex(),
        source=schedule.source,
        due=due,
        started=record.started,
        ended=record.ended,
        code=record.code,
        outcomes=outcomes,
        retry_at=record.retry_at,
        paths=tuple(record.paths) if paths else (),
        log="\n".join(record.lines),
    )


def _outcomes(schedule: SourceSchedule, record: AttemptRecord, ids: Mapping[str, str]) -> list[RunOutcome]:
    """The last summary of each repository's files; without one its run came to nothing."""
    found: dict[str, RunOutcome] = {}
    for name in schedule.repositories:
        found[name] = RunOutcome(name.lower(), ids.get(name, ""), "", record.code or 1, (0, 0, 0, 0, 0))
    for event in record.summaries:
        name = str(event.get("repository") or (schedule.repositories[0] if len(schedule.repositories) == 1 else ""))
        if name not in found:
            continue
        keys = ("total_files_processed", "files_new", "files_changed", "total_bytes_processed", "data_added")
        counts = tuple(max(0, int(event.get(key, 0))) for key in keys)
        snapshot = str(event.get("snapshot_id", ""))
        code = record.code or 1
        if snapshot and not event.get("failure"):
            code = exit_codes.INCOMPLETE if record.unread and record.code else exit_codes.OK
        found[name] = RunOutcome(name.lower(), ids.get(name, ""), snapshot, code, counts)
    return list(found.values())
