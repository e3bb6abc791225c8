"""What the custodian says of repositories in its care, signed, so that nobody need believe the host or the server."""

from __future__ import annotations

from typing import Any

from strongroom.base.record import record
from strongroom.fleet.protocol.fields import Fields, visible
from strongroom.fleet.protocol.signed import SignedMessage

STATEMENT = "statement"
STANDINGS = ("well", "operator awaited", "frozen", "broken")
VERDICTS = ("good", "suspicious", "bad", "pending")
MOST_REPOSITORIES = 200
MOST_SNAPSHOTS = 500
MOST_INCIDENTS = 200


@record
class StatedSnapshot:
    """A snapshot that the custodian has seen. Times are seconds since 1970; ``arrival`` is no word of the host's."""

    id: str
    source: str
    arrival: int
    claimed: int
    verdict: str

    def to_document(self) -> dict[str, Any]:
        """The object in a statement."""
        named = {"id": self.id, "source": visible(self.source)[:200], "verdict": self.verdict}
        return named | {"arrival": self.arrival, "claimed": self.claimed}


@record
class StatedIncident:
    """Something that was found wrong and is open."""

    number: int
    code: str
    opened: int
    words: str

    def to_document(self) -> dict[str, Any]:
        """The object in a statement."""
        return {"number": self.number, "code": self.code, "opened": self.opened, "words": visible(self.words)[:500]}


@record
class StatedRepository:
    """One repository. A time is None where it never happened."""

    id: str
    name: str
    standing: str
    round_ended: int | None
    drilled: int | None
    drill_sound: bool
    plans_waiting: int
    snapshots: tuple[StatedSnapshot, ...]
    """Those that came, or whose verdict changed, since the last statement that the server took."""
    incidents: tuple[StatedIncident, ...]
    """All that are open."""

    def to_document(self) -> dict[str, Any]:
        """The object in a statement."""
        return {
            "id": self.id,
            "name": self.name,
            "standing": self.standing,
            "round_ended": self.round_ended,
            "drilled": self.drilled,
            "drill_sound": self.drill_sound,
            "plans_waiting": self.plans_waiting,
            "snapshots": [one.to_document() for one in self.snapshots],
            "incidents": [one.to_document() for one in self.incidents],
        }


@record
class Statement:
    """A statement: its number, which grows, when it was made, and what it is about."""

    number: int
    at: int
    repositories: tuple[StatedRepository, ...]

    def to_document(self) -> dict[str, Any]:
        """The body that the custodian signs as a message of the kind ``STATEMENT``."""
        repositories = [one.to_document() for one in self.repositories]
        return {"version": 1, "number": self.number, "at": self.at, "repositories": repositories}


def parse_statement(message: SignedMessage) -> Statement:
    """From a message whose signature was verified. Raises ``Damaged`` or ``LimitExceeded``."""
    fields = Fields(message.document("the statement"), "the statement")
    fields.number("version", 1)
    repositories = tuple(_parse_repository(one) for one in fields.each("repositories", MOST_REPOSITORIES))
    return Statement(fields.number("number", 1), fields.number("at"), repositories)


def _parse_repository(fields: Fields) -> StatedRepository:
    snapshots = tuple(
        StatedSnapshot(
            one.hexadecimal("id", 32),
            one.text("source"),
            one.number("arrival"),
            one.number("claimed"),
            one.one_of("verdict", VERDICTS),
        )
        for one in fields.each("snapshots", MOST_SNAPSHOTS)
    )
    incidents = tuple(
        StatedIncident(one.number("number"), one.text("code", 64), one.number("opened"), one.text("words", 500))
        for one in fields.each("incidents", MOST_INCIDENTS)
    )
    return StatedRepository(
        fields.hexadecimal("id", 32),
        fields.text("name"),
        fields.one_of("standing", STANDINGS),
        fields.number_or_none("round_ended"),
        fields.number_or_none("drilled"),
        fields.flag("drill_sound"),
        fields.number("plans_waiting"),
        snapshots,
        incidents,
    )
