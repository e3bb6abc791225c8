"""What the custodian says of repositories in its care, signed, so that nobody need believe the host or the server."""

from __future__ import annotations

from typing import Any

from strongroom.base.record import record
from strongroom.fleet.protocol.fields import Fields, visible
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.protocol.strict_json import decode, encode

STATEMENT = "statement"
RELEASED = "released"
"""The standing of a repository that is in care no more: whoever listens forgets what was said of it."""
BREAKER = "breaker"
"""The code of what is no incident: a plan to delete that is held back by its size, until a person decides."""
STANDINGS = ("well", "late", "operator awaited", "frozen", "broken", RELEASED)
VERDICTS = ("good", "suspicious", "bad", "pending")
MOST_REPOSITORIES = 200
MOST_SNAPSHOTS = 500
MOST_INCIDENTS = 200
MOST_ANSWER = 64 * 1024


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
    check_by: int | None = None
    """By when all of it must have been read once more, in seconds since 1970."""

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
            "check_by": self.check_by,
            "snapshots": [one.to_document() for one in self.snapshots],
            "incidents": [one.to_document() for one in self.incidents],
        }


@record
class Statement:
    """A statement: its number, which grows, when it was made, and what it is about."""

    number: int
    at: int
    repositories: tuple[StatedRepository, ...]
    next_by: int = 0
    """By when the next one comes, in seconds since 1970; that it stays away is an alarm. 0 where nothing is said."""

    def to_document(self) -> dict[str, Any]:
        """The body that the custodian signs as a message of the kind ``STATEMENT``."""
        repositories = [one.to_document() for one in self.repositories]
        when = {"at": self.at, "next_by": self.next_by}
        return {"version": 1, "number": self.number, "repositories": repositories} | when


def parse_statement(message: SignedMessage) -> Statement:
    """From a message whose signature was verified. Raises ``Damaged`` or ``LimitExceeded``."""
    fields = Fields(message.document("the statement"), "the statement")
    fields.number("version", 1)
    repositories = tuple(_parse_repository(one) for one in fields.each("repositories", MOST_REPOSITORIES))
    next_by = fields.number_or_none("next_by") or 0
    return Statement(fields.number("number", 1), fields.number("at"), repositories, next_by)


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
        fields.number_or_none("check_by"),
    )


@record
class StatementAnswer:
    """What the server answers: the number that it knew before and the one that it knows now, and its clock."""

    before: int
    number: int
    now: int

    def to_bytes(self) -> bytes:
        """The answer's body. It is not signed: nothing in it makes a custodian do more than say all again."""
        return encode({"before": self.before, "number": self.number, "now": self.now})


def parse_statement_answer(data: bytes) -> StatementAnswer:
    """Raises ``Damaged`` or ``LimitExceeded``."""
    fields = Fields(decode(data, MOST_ANSWER, "the server's answer"), "the server's answer")
    return StatementAnswer(fields.number("before"), fields.number("number"), fields.number("now"))
