"""What the verbs of schedules share: the schedules of the file, and where the repositories answer."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from strongroom.base.errors import UsageError
from strongroom.cli import exit_codes
from strongroom.fleet.host.schedule.memory import ScheduleMemory
from strongroom.fleet.host.schedule.runs import RunCodes
from strongroom.fleet.host.schedule.terms import machine_zone, schedule_of
from strongroom.repository.state import default_state_folder
from strongroom.storage.locate import split_scheme

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from strongroom.base.configuration.client import Configuration
    from strongroom.cli.shared.context import Context
    from strongroom.fleet.host.schedule.terms import SourceSchedule

CODES = RunCodes(
    good=frozenset({exit_codes.OK, exit_codes.INCOMPLETE, exit_codes.PROMISE_BROKEN}),
    final=frozenset({exit_codes.SKIPPED, exit_codes.INTERRUPTED}),
    overlap=exit_codes.OVERLAP,
)
_PORTS = {"http": 80, "https": 443}


def add_sources(parser: argparse.ArgumentParser) -> None:
    """The sources, as operands."""
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="sources of the configuration file (default: all)")


def file_of(context: Context) -> Configuration:
    """The configuration file. Raises ``UsageError`` without one."""
    file = context.settings.file
    if file is None:
        hint = "`strongroom config generate` prints one to begin with."
        raise UsageError("schedules stand in the configuration file, and there is none", hint=hint)
    return file


def schedules_of(context: Context) -> list[SourceSchedule]:
    """The schedules that are asked for. Raises ``UsageError`` when there are none, ``ConfigurationError``."""
    file, chosen = file_of(context), context.arguments.sources
    for name in chosen:
        if name not in file.sources:
            raise UsageError("no such source", subject=name, hint=f"{file.path} has: {', '.join(file.sources)}.")
    zone = machine_zone()
    found = []
    for name, table in file.sources.items():
        if chosen and name not in chosen:
            continue
        schedule = schedule_of(file.path, name, table, tuple(table.get("repositories", file.repositories)), zone)
        if schedule is not None:
            found.append(schedule)
        elif chosen:
            hint = f'Add to [source.{name}], for example: schedule = "*-*-* 02:00:00"'
            raise UsageError("this source has no schedule", subject=name, hint=hint)
    if not found:
        hint = 'Add to a source, for example: schedule = "*-*-* 02:00:00"'
        raise UsageError("no source has a schedule", subject=file.path, hint=hint)
    return found


def machine_schedules(file: Configuration) -> list[SourceSchedule]:
    """All schedules of the file. Raises ``ConfigurationError``."""
    zone = machine_zone()
    found = (
        schedule_of(file.path, name, table, tuple(table.get("repositories", file.repositories)), zone)
        for name, table in file.sources.items()
    )
    return [schedule for schedule in found if schedule is not None]


def memory() -> ScheduleMemory:
    """What this host remembers of its runs."""
    return ScheduleMemory(default_state_folder())


def machine() -> str:
    """What tells this machine from others, for its share of the jitter."""
    for path in ("/etc/machine-id", "/etc/hostname"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                if text := file.read(100).strip():
                    return text
        except OSError:
            continue
    return os.uname().nodename


def places_of(file: Configuration, schedule: SourceSchedule) -> list[tuple[str, int]]:
    """Host and port of each repository of a schedule that is reached by HTTP."""
    found = []
    for name in schedule.repositories:
        scheme, place = split_scheme(str(file.repositories[name]["url"]))
        parts = urlsplit(place.removeprefix("//") if scheme == "rest" else f"{scheme}:{place}")
        if parts.scheme in _PORTS and parts.hostname:
            found.append((parts.hostname, parts.port or _PORTS[parts.scheme]))
    return list(dict.fromkeys(found))


def local_folders(file: Configuration, schedules: Sequence[SourceSchedule]) -> list[str]:
    """The repositories on this machine, which a service must be able to write."""
    names = dict.fromkeys(name for schedule in schedules for name in schedule.repositories)
    split = [split_scheme(str(file.repositories[name]["url"])) for name in names]
    return [os.path.abspath(os.path.expanduser(place)) for scheme, place in split if scheme == "local"]


def own_program() -> list[str]:
    """The words that start this program again, with absolute paths, for a unit."""
    named = shutil.which(sys.argv[0]) if sys.argv and sys.argv[0] else None
    if named and os.path.basename(named) == "strongroom":
        return [os.path.abspath(named)]
    return child_words()


def child_words() -> list[str]:
    """The words that start this very program as a child."""
    return [sys.executable, "-m", "strongroom.cli.main"]
