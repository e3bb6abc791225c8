"""What a host says of the schedule of one of its sources: enough for the server to know the due dates by itself."""

from __future__ import annotations

from typing import Any

from strongroom.base.record import record
from strongroom.fleet.protocol.fields import Fields

GRAMMARS = ("oncalendar", "cron", "every")
MOST_REPOSITORIES = 16
MOST_SECONDS = 400 * 86400


@record
class ScheduleTerms:
    """One source's schedule. Durations are seconds."""

    source: str
    repositories: tuple[str, ...]
    """Names of the repositories that each run goes to; with the host and the source each is a watch."""
    grammar: str
    calendar: str
    """As the user wrote it: ``*-*-* 02:00:00``, ``0 2 * * *``, ``24h``."""
    zone: str
    """The time zone by its IANA name, such as ``Europe/Berlin``, in which the calendar is read."""
    jitter: int
    """Up to so much later than the calendar says a run begins, each day alike."""
    late_after: int
    """So long after its due date a run that did not come is late. The server keeps its own; this may shorten it."""
    catch_up: bool
    """Whether a run that was missed while the host was off is made afterwards."""

    def to_document(self) -> dict[str, Any]:
        """The object in a report."""
        return {
            "source": self.source,
            "repositories": list(self.repositories),
            "grammar": self.grammar,
            "calendar": self.calendar,
            "zone": self.zone,
            "jitter": self.jitter,
            "late_after": self.late_after,
            "catch_up": self.catch_up,
        }


def parse_schedule(fields: Fields) -> ScheduleTerms:
    """Raises ``Damaged`` or ``LimitExceeded``. Whether the calendar makes sense is for the reader of calendars."""
    names = tuple(
        Fields({"repositories": one}, "the schedule").name("repositories")
        for one in fields.texts("repositories", MOST_REPOSITORIES)
    )
    return ScheduleTerms(
        fields.name("source"),
        names,
        fields.one_of("grammar", GRAMMARS),
        fields.text("calendar"),
        fields.text("zone", 64),
        fields.number("jitter", 0, MOST_SECONDS),
        fields.number("late_after", 60, MOST_SECONDS),
        fields.flag("catch_up"),
    )
