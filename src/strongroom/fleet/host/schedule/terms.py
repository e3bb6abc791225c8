"""The schedule of a source as its table says it: three grammars, jitter, and what a run waits for."""

from __future__ import annotations

import hashlib
import itertools
import os
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import ConfigurationError, Damaged
from strongroom.base.quantities import duration
from strongroom.base.record import record
from strongroom.fleet.protocol.calendars import HOUR, Calendar, usual_lateness
from strongroom.fleet.protocol.schedule_terms import MOST_SECONDS, ScheduleTerms

if TYPE_CHECKING:
    from collections.abc import Mapping

USUAL_JITTER, HOURLY_JITTER = 1800, 300
_CRON_FIELDS = 5
_ZONES = "zoneinfo/"


@record
class SourceSchedule:
    """One source's schedule. Durations are seconds; ``calendar`` is the words without ``every``."""

    source: str
    repositories: tuple[str, ...]
    grammar: str
    calendar: str
    zone: str
    zone_is_own: bool
    """Whether the file names the zone; else it is the machine's."""
    jitter: int
    late_after: int
    catch_up: bool
    waits_on_battery: bool
    waits_on_metered: bool

    def dates(self) -> Calendar:
        """Its due dates."""
        return Calendar(self.grammar, self.calendar, self.zone)

    def words(self) -> str:
        """As people say it."""
        return f"every {self.calendar}" if self.grammar == "every" else self.calendar

    def delay(self, machine: str) -> int:
        """This machine's share of the jitter: seconds after each due date, the same each day."""
        if not self.jitter:
            return 0
        digest = hashlib.sha256(f"{machine}\0{self.source}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.jitter

    def terms(self) -> ScheduleTerms:
        """What the server is told: no more than it reads, or a source of each leap year would silence the others."""
        return ScheduleTerms(
            self.source, self.repositories, self.grammar, self.calendar, self.zone, min(self.jitter, MOST_SECONDS),
            min(self.late_after, MOST_SECONDS), self.catch_up,
        )  # fmt: skip


def split_words(text: str) -> tuple[str, str]:
    """Grammar and calendar of the words: ``every …``, five fields of cron, else OnCalendar."""
    words = text.split()
    if words and words[0].lower() == "every":
        return "every", " ".join(words[1:])
    if len(words) == _CRON_FIELDS and not any(":" in word for word in words):
        return "cron", " ".join(words)
    return "oncalendar", " ".join(words)


def schedule_of(
    path: str, source: str, table: Mapping[str, Any], repositories: tuple[str, ...], zone: str
) -> SourceSchedule | None:
    """The schedule of a source's table; None where it has none. ``zone`` is the machine's.

    Raises ``ConfigurationError`` with the key for words that make no sense.
    """
    if "schedule" not in table:
        return None
    grammar, calendar = split_words(table["schedule"])
    own = table.get("zone")
    try:
        dates = Calendar(grammar, calendar, own or zone)
        interval = interval_of(dates)
    except Damaged as error:
        place = f"{path}: source.{source}.schedule"
        raise ConfigurationError(error.what, subject=place, hint=error.hint) from None
    usual = HOURLY_JITTER if interval <= HOUR else USUAL_JITTER
    jitter = int(duration(table["jitter"])) if "jitter" in table else 0 if grammar == "every" else usual
    if jitter >= interval:
        raise ConfigurationError(
            f"is as long as the time between two backups, {interval} s",
            subject=f"{path}: source.{source}.jitter",
            hint="Make it shorter; 0s is none.",
        )
    late = int(duration(table["late_after"])) if "late_after" in table else usual_lateness(interval, jitter)
    waits = [table.get(key, "wait") == "wait" for key in ("on_battery", "on_metered")]
    return SourceSchedule(
        source, repositories, grammar, calendar, own or zone, own is not None, jitter, late,
        table.get("catch_up", True), *waits,
    )  # fmt: skip


def interval_of(dates: Calendar) -> int:
    """The longest time between two of the next ten due dates, in seconds. Raises ``Damaged`` where there are none."""
    if dates.every is not None:
        return dates.every
    found: list[int] = []
    moment: int | None = _SOME_DAY
    while moment is not None and len(found) < _LOOKED_AT:
        moment = dates.next_after(moment)
        if moment is not None:
            found.append(moment)
    if len(found) <= 1:
        raise Damaged(f"`{dates.words}` comes once at most", hint="A schedule has dates again and again.")
    return max(second - first for first, second in itertools.pairwise(found))


_SOME_DAY = 1_767_225_600
"""2026-01-01 UTC: how far apart dates are must not hang on when one asks."""
_LOOKED_AT = 10


def machine_zone() -> str:
    """The machine's time zone by its IANA name: ``$TZ``, /etc/timezone, where /etc/localtime leads; else UTC."""
    if named := os.environ.get("TZ", "").lstrip(":"):
        return named
    try:
        with open("/etc/timezone", encoding="ascii") as file:
            if text := file.read(100).strip():
                return text
    except (OSError, UnicodeDecodeError):
        pass
    _, found, name = os.path.realpath("/etc/localtime").partition(_ZONES)
    return name if found else "UTC"
