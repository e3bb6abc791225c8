"""What a probe found: a table of questions, answers, and what the answers are worth."""

from __future__ import annotations

import enum

from strongroom.base.errors import Interrupted
from strongroom.base.record import field, mutable, record


class Worth(enum.Enum):
    """How good an answer is for backups that must survive."""

    GOOD = "good"
    NOTE = "note"
    WEAK = "weak"
    BAD = "bad"
    UNKNOWN = "unknown"


@record
class ReportRow:
    """One question. ``key`` is its fixed name for programs."""

    key: str
    question: str
    answer: str
    worth: Worth
    meaning: str = ""


@mutable
class Report:
    """All that a probe found at a place."""

    location: str
    rows: list[ReportRow] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    """Probe objects that could not be removed."""

    def add(self, key: str, question: str, answer: str, worth: Worth, meaning: str = "") -> None:
        """Append a row."""
        self.rows.append(ReportRow(key, question, answer, worth, meaning))

    def row(self, key: str) -> ReportRow:
        """The row of this key. Raises KeyError."""
        for row in self.rows:
            if row.key == key:
                return row
        raise KeyError(key)

    @property
    def bad(self) -> bool:
        """Whether something is found that makes the place unfit for append-only repositories."""
        return any(row.worth is Worth.BAD for row in self.rows)


def left_at(place: str) -> Interrupted:
    """For a probe that is stopped before it has removed what it wrote."""
    hint = "What lies there is the probe's own, and can be removed."
    return Interrupted("stopped before the probe's objects were removed", subject=place, hint=hint)
