"""Reports: what a host says after each run and hourly, each naming the one before, and what the server answers.

A report is a signed message of the kind ``REPORT``. Its fields are checked, unknown ones are kept with the bytes. What
it says is a claim: a backup is a snapshot that a receipt or the custodian has seen.
"""

from __future__ import annotations

from typing import Any

from strongroom.base.record import as_dict, record
from strongroom.fleet.protocol.fields import Fields, visible, visible_lines
from strongroom.fleet.protocol.schedule_terms import ScheduleTerms, parse_schedule
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.protocol.strict_json import decode, encode

REPORT = "report"
KINDS = ("run", "start", "hourly")
MOST_LOG = 64 * 1024
MOST_PATHS = 20
MOST_PATH = 1024
MOST_SOURCES = 64
MOST_OUTCOMES = 16
MOST_DROPPED = 200
MOST_ANSWER = 64 * 1024
SKIPPED = 78
"""The code of a run that a hook said shall not be now: no success and no failure, the deadline stays."""
OVERLAP = 79
"""The code of a run that found another one of its source under way."""
COUNTS = ("files", "files_new", "files_changed", "bytes", "bytes_added")


@record
class RunOutcome:
    """What became of one repository in a run. ``snapshot`` is empty where none was made."""

    repository: str
    repository_id: str
    snapshot: str
    code: int
    counts: tuple[int, ...]
    """In the order of ``COUNTS``."""

    def to_document(self) -> dict[str, Any]:
        """The object in a report."""
        named = {"repository": self.repository, "repository_id": self.repository_id, "snapshot": self.snapshot}
        return named | {"code": self.code} | dict(zip(COUNTS, self.counts, strict=True))


@record
class RunReport:
    """One run of one source. Times are seconds since 1970, by the host's clock."""

    id: str
    """16 random bytes as hexadecimal digits."""
    source: str
    due: int | None
    """The due date that it was made for; None for a run that a person started."""
    started: int
    ended: int | None
    """None in a report of the kind ``start``."""
    code: int
    outcomes: tuple[RunOutcome, ...]
    retry_at: int | None
    """When the host tries again by itself; None when it does not, as after success or the last retry."""
    paths: tuple[str, ...]
    """Paths that could not be read, at most ``MOST_PATHS``; none with ``paths = false``."""
    log: str

    def to_document(self) -> dict[str, Any]:
        """The object in a report; what is too long for it is cut."""
        return {
            "id": self.id,
            "source": self.source,
            "due": self.due,
            "started": self.started,
            "ended": self.ended,
            "code": self.code,
            "repositories": [one.to_document() for one in self.outcomes],
            "retry_at": self.retry_at,
            "paths": [visible(one)[:MOST_PATH] for one in self.paths[:MOST_PATHS]],
            "log": _cut(visible_lines(self.log)),
        }


OUTCOMES = ("taken", "done", "refused")


@record
class RequestOutcome:
    """What became of a request of the server's: one of ``OUTCOMES``, and why or how."""

    id: str
    outcome: str
    words: str


@record
class HostReport:
    """A report. ``at`` in seconds since 1970 by the host's clock; ``clock_offset`` in milliseconds, where known."""

    kind: str
    host: str
    boot: str
    sequence: int
    previous: str
    """SHA-256 of the body of the report before; 64 zeros in the first."""
    at: int
    clock_offset: int | None
    versions: dict[str, str]
    schedules: tuple[ScheduleTerms, ...]
    run: RunReport | None
    dropped: tuple[tuple[int, int], ...] = ()
    """First and last numbers of reports that the outbox had no room for and that will never come."""
    outcomes: tuple[RequestOutcome, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """The body that the host signs as a message of the kind ``REPORT``."""
        return {
            "version": 1,
            "kind": self.kind,
            "host": self.host,
            "boot": self.boot,
            "sequence": self.sequence,
            "previous": self.previous,
            "at": self.at,
            "clock_offset": self.clock_offset,
            "versions": self.versions,
            "schedules": [one.to_document() for one in self.schedules],
            "run": None if self.run is None else self.run.to_document(),
            "dropped": [list(one) for one in self.dropped],
        } | ({"outcomes": [as_dict(one) for one in self.outcomes]} if self.outcomes else {})


def parse_report(message: SignedMessage) -> HostReport:
    """The report in a message whose signature was verified. Raises ``Damaged`` or ``LimitExceeded``."""
    fields = Fields(message.document("the report"), "the report")
    fields.number("version", 1)
    return HostReport(
        fields.one_of("kind", KINDS),
        fields.hexadecimal("host", 16),
        fields.hexadecimal("boot", 16),
        fields.number("sequence", 1),
        fields.hexadecimal("previous", 32),
        fields.number("at"),
        fields.number_or_none("clock_offset", -(10**15), 10**15),
        fields.words("versions", 16),
        tuple(parse_schedule(one) for one in fields.each("schedules", MOST_SOURCES)),
        None if fields.absent("run") else _parse_run(fields.inner("run")),
        fields.ranges("dropped", MOST_DROPPED),
        () if fields.absent("outcomes") else tuple(map(_parse_outcome, fields.each("outcomes", 8))),
    )


def _parse_outcome(fields: Fields) -> RequestOutcome:
    return RequestOutcome(fields.hexadecimal("id", 8), fields.one_of("outcome", OUTCOMES), fields.text("words"))


def _parse_run(fields: Fields) -> RunReport:
    outcomes = tuple(
        RunOutcome(
            one.name("repository"),
            one.hexadecimal("repository_id", 32, empty=True),
            one.hexadecimal("snapshot", 32, empty=True),
            one.number("code", 0, 255),
            tuple(one.number(name) for name in COUNTS),
        )
        for one in fields.each("repositories", MOST_OUTCOMES)
    )
    return RunReport(
        fields.hexadecimal("id", 16),
        fields.name("source"),
        fields.number_or_none("due"),
        fields.number("started"),
        fields.number_or_none("ended"),
        fields.number("code", 0, 255),
        outcomes,
        fields.number_or_none("retry_at"),
        fields.texts("paths", MOST_PATHS, MOST_PATH),
        fields.text("log", MOST_LOG),
    )


def _cut(log: str) -> str:
    """The last ``MOST_LOG`` bytes of a log: its end says what went wrong."""
    data = log.encode("utf-8", "replace")
    return log if len(data) <= MOST_LOG else data[-MOST_LOG:].decode("utf-8", "ignore")


@record
class WatchTerms:
    """What the server wants of one source: the ``late_after`` that it keeps, in seconds, and until when it pauses."""

    source: str
    late_after: int
    paused_until: int


@record
class JobRequest:
    """A wish of an operator's, of a kind that the host's own file allows: it names a job of that file, no more."""

    id: str
    wish: str
    """One of ``WISHES``."""
    source: str
    """Empty for ``report``."""


RUN = "run"
WISHES = (RUN, "report")


@record
class ReportAnswer:
    """What the server answers: up to which number it has the reports, its terms, and at most one request."""

    accepted: int
    now: int
    """The server's clock, in seconds since 1970."""
    terms: tuple[WatchTerms, ...]
    requests: tuple[JobRequest, ...]
    replacing: bool = False
    """Whether another machine is about to take this host's place."""

    def to_bytes(self) -> bytes:
        """The answer's body. It is not signed: nothing in it makes a host do what its own file does not say."""
        return encode(
            {
                "accepted": self.accepted,
                "now": self.now,
                "terms": [
                    {"source": one.source, "late_after": one.late_after, "paused_until": one.paused_until}
                    for one in self.terms
                ],
                "requests": [{"id": one.id, "wish": one.wish, "source": one.source} for one in self.requests],
                "replacing": self.replacing,
            }
        )


def parse_answer(data: bytes) -> ReportAnswer:
    """Raises ``Damaged`` or ``LimitExceeded``."""
    fields = Fields(decode(data, MOST_ANSWER, "the server's answer"), "the server's answer")
    terms = tuple(
        WatchTerms(one.name("source"), one.number("late_after"), one.number("paused_until"))
        for one in fields.each("terms", MOST_SOURCES)
    )
    requests = tuple(
        JobRequest(one.hexadecimal("id", 8), one.one_of("wish", WISHES), one.text("source", 63))
        for one in fields.each("requests", 1)
    )
    replacing = not fields.absent("replacing") and fields.flag("replacing")
    return ReportAnswer(fields.number("accepted"), fields.number("now"), terms, requests, replacing)
