"""A schedule as systemd's units: a timer for each source, and one service for all."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim

from strongroom.base.clock import SYSTEM
from strongroom.base.errors import UsageError
from strongroom.fleet.protocol.calendars import Calendar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom.fleet.host.schedule.terms import SourceSchedule

HEAD = "# Written by `strongroom schedule install`, which replaces it. Changes: `systemctl edit`.\n"
SERVICE = "strongroom-run@.service"
REPORT_TIMER, REPORT_SERVICE = "strongroom_report.timer", "strongroom_report.service"
"""The timer of no source begins so."""
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ALL_DAYS, _ALL_MONTHS = set(range(1, 32)), set(range(1, 13))
_ALL_HOURS, _ALL_MINUTES = set(range(24)), set(range(60))
_LOOKED_AHEAD = 730 * 86_400
LOOK_EVERY = 900
"""Seconds between two looks at the age of the last backup, for `every …`."""


def timer_name(source: str) -> str:
    """The timer of a source."""
    return f"strongroom-{source}.timer"


def timer(schedule: SourceSchedule) -> str:
    """The timer's text. Raises ``UsageError`` for what no timer can say exactly."""
    if schedule.grammar == "every":  # by the age of the last good backup, which no timer knows: the service looks
        when = ["OnBootSec=5min", f"OnUnitInactiveSec={min(LOOK_EVERY, _every(schedule) // 4)}s"]
    else:
        zone = f" {schedule.zone}" if schedule.zone_is_own else ""
        lines = [schedule.calendar]
        if schedule.grammar == "cron":
            lines = from_cron(schedule.calendar)
            must_mean_the_same(schedule, lines)
        when = [f"OnCalendar={line}{zone}" for line in lines]
        when.append(f"Persistent={'true' if schedule.catch_up else 'false'}")
    if schedule.jitter:
        when += [f"RandomizedDelaySec={schedule.jitter}s", "FixedRandomDelay=true"]
    return (
        f"{HEAD}[Unit]\nDescription=Strongroom: when {schedule.source} is backed up ({schedule.words()})\n\n"
        "[Timer]\n" + "".join(f"{line}\n" for line in [*when, "AccuracySec=1s"])
        + f"Unit=strongroom-run@{schedule.source}.service\n\n[Install]\nWantedBy=timers.target\n"
    )  # fmt: skip


def _every(schedule: SourceSchedule) -> int:
    found = schedule.dates().every
    assert found is not None
    return found


def from_cron(words: str) -> list[str]:
    """The OnCalendar lines that mean the same as cron's five fields.

    Two where cron's rule of "this day of the month or that day of the week" applies. Raises ``UsageError`` for days
    that systemd cannot count, such as the third Friday.
    """
    cron = CronSim(words, datetime(2026, 1, 1))  # noqa: DTZ001 - its fields alone are looked at
    if any(isinstance(day, tuple) for day in cron.weekdays):
        raise UsageError(
            f"no systemd timer says `{words}` exactly",
            hint="Write it as OnCalendar: `Fri *-*-15..21 02:00` is the third Friday, `Fri *-*~07/1 02:00` the last.",
        )
    months = _numbers(cron.months, _ALL_MONTHS)
    clock = f"{_numbers(cron.hours, _ALL_HOURS)}:{_numbers(cron.minutes, _ALL_MINUTES)}:00"
    last = {day for day in cron.days if day < 0}
    days = [f"*-{months}-{_numbers(cron.days - last, _ALL_DAYS)}"] if cron.days - last else []
    days += [f"*-{months}~01"] if last else []
    names = [_DAYS[day] for day in sorted(day for day in cron.weekdays if isinstance(day, int))]
    week = "" if len(set(names)) == 7 else ",".join(dict.fromkeys(names)) + " "
    if cron.day_and:
        return [f"{week}{day} {clock}" for day in days]
    return [*(f"{day} {clock}" for day in days), f"{week}*-{months}-* {clock}"]


def must_mean_the_same(schedule: SourceSchedule, lines: Sequence[str]) -> None:
    """Raise ``UsageError`` where a change of the clock in the next two years makes a difference.

    A time that the clocks skip is made up for by cron, and left out by systemd.
    """
    zone, now = ZoneInfo(schedule.zone), SYSTEM.now_ns() // 1_000_000_000
    days = range(now, now + _LOOKED_AHEAD, 86_400)
    offsets = [datetime.fromtimestamp(day, zone).utcoffset() for day in days]
    for day, before, after in zip(days, offsets, offsets[1:], strict=False):
        if before == after:
            continue
        begin, end = day - 86_400, day + 3 * 86_400
        cron = set(_until(schedule.dates(), begin, end))
        timers = [Calendar("oncalendar", line, schedule.zone) for line in lines]
        systemd = {date for one in timers for date in _until(one, begin, end)}
        if cron != systemd:
            date = datetime.fromtimestamp(min(cron ^ systemd), zone)
            raise UsageError(
                f"no systemd timer says `{schedule.calendar}` exactly: on {date:%Y-%m-%d} the clocks of "
                f"{schedule.zone} change at that time, and cron makes up for it",
                subject=f"source.{schedule.source}.schedule",
                hint="Choose a time at which no clock changes, such as 4 o'clock, or write it as OnCalendar, "
                'which leaves that day out, or set zone = "UTC".',
            )


def _until(dates: Calendar, begin: int, end: int) -> Iterator[int]:
    moment = dates.next_after(begin)
    while moment is not None and moment <= end:
        yield moment
        moment = dates.next_after(moment)


def _numbers(found: set[int], everything: set[int]) -> str:
    return "*" if found >= everything else ",".join(f"{number:02d}" for number in sorted(found))


def service(program: Sequence[str], writable: Sequence[str]) -> str:
    """The service's text: ``program`` is followed by a source's name; it may write ``writable`` and its own state.

    It may read all files, become other users for dumps and hooks, and reach the network; nothing else.
    """
    command = " ".join(_quoted(word) for word in program)
    rooms = "".join(f"ReadWritePaths=-{_quoted(path)}\n" for path in writable)
    return f"{HEAD}{_SERVICE.format(command=command, rooms=rooms)}"


def report_units(program: Sequence[str], writable: Sequence[str] = ()) -> dict[str, str]:
    """The units that report hourly to the fleet's server: ``program`` does it once, and a run that the server asks for.

    It may write what a run may.
    """
    command = " ".join(_quoted(word) for word in program)
    head, _, rest = _SERVICE.partition("Description=")
    _, _, rest = rest.partition("\n")
    made = f"{head}Description=Strongroom: a report to the fleet\n{rest}".replace(" %i\n", "\n")
    made = made.replace("SuccessExitStatus=78 79\n", "SuccessExitStatus=80\n")  # a server that is away is no fault here
    timer_text = (
        f"{HEAD}[Unit]\nDescription=Strongroom: when this host reports\n\n[Timer]\nOnCalendar=hourly\n"
        "RandomizedDelaySec=300s\nFixedRandomDelay=true\n\n[Install]\nWantedBy=timers.target\n"
    )
    rooms = "".join(f"ReadWritePaths=-{_quoted(path)}\n" for path in writable)
    return {REPORT_TIMER: timer_text, REPORT_SERVICE: f"{HEAD}{made.format(command=command, rooms=rooms)}"}


def _quoted(word: str) -> str:
    """A word for ExecStart= and the like: percent signs and dollars mean something there."""
    return shlex.quote(word).replace("%", "%%").replace("$", "$$")


_SERVICE = """\
[Unit]
Description=Strongroom: a backup of %i
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={command} %i
TimeoutStartSec=infinity
TimeoutStopSec=30s
KillMode=mixed
SuccessExitStatus=78 79
Nice=10
IOSchedulingClass=idle
UMask=0077
StateDirectory=strongroom
StateDirectoryMode=0700
CacheDirectory=strongroom
CacheDirectoryMode=0700
Environment=STRONGROOM_STATE_DIR=/var/lib/strongroom STRONGROOM_CACHE_DIR=/var/cache/strongroom
Environment=TMPDIR=/var/cache/strongroom

CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_SETUID CAP_SETGID
NoNewPrivileges=true
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths=/tmp /var/tmp
{rooms}PrivateDevices=true
PrivateMounts=true
ProtectProc=invisible
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
LockPersonality=true
MemoryDenyWriteExecute=true
RemoveIPC=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@resources @clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
"""
