"""Why a snapshot is suspected: pure rules over its measures and those of the good ones before it.

Each reason has a code, the value, the threshold, and words. None hides another. No clock, no I/O. Numbers are those of
``docs/concepts/custodian.md``.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.retention.guarded import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LATEST_AHEAD_NS = 5 * 60 * 10**9
LONGEST_BACKUP_NS = 2 * DAY
MOST_A_DAY = 48
ENOUGH_HISTORY = 20
"""Good snapshots of a source from which on statistics say something."""
Z = 3.5
SIZE_WINDOW_NS = 90 * DAY
DELETED_AT_LEAST, DELETED_SHARE = 100, 0.5
NEW_EXTENSIONS = 20
FLOORS = {"files_new": 200, "files_changed": 200, "files_removed": 200, "bytes_new": 64 << 20, "old_mtime_changed": 50}
"""Under these no change is remarkable, however still a source is otherwise."""


@record
class Reason:
    """``value`` went beyond ``threshold``; ``words`` say it to a person."""

    code: str
    value: float
    threshold: float
    words: str


@record
class Subject:
    """A snapshot to be judged. Times in nanoseconds since 1970 UTC; ``measures`` by the names of ``FLOORS`` and files,
    bytes; extensions as counts. ``dated`` is false where the arrival is a claim itself."""

    claimed_ns: int
    arrival_ns: int
    dated: bool
    parent: str
    program: str
    measures: Mapping[str, float]
    removed_by_extension: Mapping[str, int]
    new_by_extension: Mapping[str, int]
    complete: bool
    source_accepted: bool


@record
class Before:
    """A good snapshot of the same source that came earlier; ``accepted`` by an operator."""

    arrival_ns: int
    program: str
    measures: Mapping[str, float]
    accepted: bool = False


@record
class History:
    """What is known of a source: its good snapshots, oldest first; those of them that came before the detection window,
    so that whoever is new here has taught them nothing; how many came in the last 24 hours; which names of snapshots
    were ever seen; files by extension in the last good one, 0 for what was there once."""

    good: Sequence[Before]
    settled: Sequence[Before]
    lately: int
    seen: Callable[[str], bool]
    extensions: Mapping[str, int]


def suspicions(subject: Subject, history: History) -> list[Reason]:
    """Every reason not to call it good, hard ones first. Empty: it is good."""
    return [*_hard(subject, history), *_statistical(subject, history)]


def _hard(subject: Subject, history: History) -> list[Reason]:
    found: list[Reason] = []

    def say(code: str, value: float, threshold: float, words: str) -> None:
        found.append(Reason(code, value, threshold, words))

    if not subject.complete:
        say("incomplete", 0, 0, "trees or data that it names are in no pack that was read")
    if not subject.source_accepted:
        say("new-source", 0, 0, "its host and paths came after the repository was adopted; nobody accepted them")
    ahead = subject.claimed_ns - subject.arrival_ns
    if subject.dated and ahead > LATEST_AHEAD_NS:
        say("claims-future", ahead / HOUR, LATEST_AHEAD_NS / HOUR, f"it claims to be {_hours(ahead)} newer than it is")
    if subject.dated and -ahead > LONGEST_BACKUP_NS:
        say(
            "claims-past", -ahead / HOUR, LONGEST_BACKUP_NS / HOUR, f"it claims to be {_hours(-ahead)} older than it is"
        )
    if history.lately > MOST_A_DAY:
        say("too-many", history.lately, MOST_A_DAY, f"{history.lately} snapshots of this source came within a day")
    files, size = subject.measures.get("files", 0), subject.measures.get("bytes", 0)
    if not files:
        say("empty", 0, 1, "it holds no files")
    if subject.parent and not history.seen(subject.parent):
        say("unknown-parent", 0, 0, "the snapshot that it names as its parent was never here")
    if history.good:
        last = history.good[-1]
        for name, value in (("files", files), ("bytes", size)):
            before = _largest(history.good, name, subject.arrival_ns)
            if files and value < before / 2:
                words = f"it holds {value / before:.0%} of the {name} of good snapshots before it"
                say(f"shrunk-{name}", value, before / 2, words)
        if _is_older(subject.program, last.program):
            say("older-program", 0, 0, f"it was made by {subject.program}, after {last.program}")
    return found


def _largest(good: Sequence[Before], name: str, now_ns: int) -> float:
    """The most that good ones of 90 days held, from the last on that an operator accepted, and of the last one."""
    largest = good[-1].measures.get(name, 0)
    for one in reversed(good):
        if now_ns - one.arrival_ns > SIZE_WINDOW_NS:
            break
        largest = max(largest, one.measures.get(name, 0))
        if one.accepted:
            break
    return largest


def _statistical(subject: Subject, history: History) -> list[Reason]:
    if len(history.settled) < ENOUGH_HISTORY:
        return []
    found = []
    for name, floor in FLOORS.items():
        value = subject.measures.get(name, 0)
        past = [one.measures.get(name, 0) for one in history.settled[-200:]]
        threshold = max(floor, _threshold(past))
        if value > threshold:
            found.append(Reason(f"many-{name.replace('_', '-')}", value, threshold, _words(name, value, median(past))))
    for extension, count in subject.removed_by_extension.items():
        had = history.extensions.get(extension, 0)
        if count >= DELETED_AT_LEAST and count > had * DELETED_SHARE:
            words = f"{count} of {had} files ending in .{extension} are gone"
            found.append(Reason("deleted-extension", count, max(DELETED_AT_LEAST, had * DELETED_SHARE), words))
    unseen = {
        word: count for word, count in subject.new_by_extension.items() if word and word not in history.extensions
    }
    if sum(unseen.values()) > NEW_EXTENSIONS:
        most = max(unseen, key=lambda word: unseen[word])
        words = f"{sum(unseen.values())} new files end in what was never seen here, most in .{most}"
        found.append(Reason("new-extensions", sum(unseen.values()), NEW_EXTENSIONS, words))
    return found


def _threshold(past: Sequence[float]) -> float:
    """Where the robust z of a value would be ``Z``: the median and 1.4826 MAD in place of mean and deviation."""
    middle = median(past)
    spread = 1.4826 * median([abs(value - middle) for value in past])
    return middle + Z * max(spread, middle / 4)


def _words(name: str, value: float, usual: float) -> str:
    what = {
        "files_new": "new files",
        "files_changed": "changed files",
        "files_removed": "removed files",
        "bytes_new": "bytes in new and changed files",
        "old_mtime_changed": "files with other content under an old time of modification",
    }[name]
    return f"{value:.0f} {what}, where {usual:.0f} are usual"


def _hours(span_ns: int) -> str:
    hours = span_ns / HOUR
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.1f} hours"


def _is_older(program: str, before: str) -> bool:
    """Whether the same program was used in an earlier version: ``restic 0.16.4`` after ``restic 0.17.0``."""
    name, _, version = program.partition(" ")
    last_name, _, last_version = before.partition(" ")
    return bool(name) and name == last_name and _numbers(version) < _numbers(last_version)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.partition("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal() and len(part) < 8)
