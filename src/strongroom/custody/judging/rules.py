"""Why a snapshot is suspected: pure rules over its measures and those of the good ones before it.

Each reason has a code, the value, the threshold, and words. None hides another. No clock, no I/O. Numbers are those of
``docs/concepts/custodian.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.custody.judging.cold.bounds import cold_reasons
from strongroom.custody.judging.terms import Before, History, Reason, Subject
from strongroom.custody.judging.unusual import unusual
from strongroom.custody.judging.verdicts import NEW_SOURCE
from strongroom.retention.guarded import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

LATEST_AHEAD_NS = 5 * 60 * 10**9
SIZE_WINDOW_NS = 90 * DAY
PROGRAMS = 5
"""Older than each of so many: else one forged snapshot of version 999 would make every honest one suspicious."""
MOST_FILES = 1_000_000_000
"""No honest source has more; a few trees that share each other spell any number (threat B-2)."""


def suspicions(subject: Subject, history: History) -> list[Reason]:
    """Every reason not to call it good, hard ones first. Empty: it is good."""
    softer = [*cold_reasons(subject.measures), *unusual(subject, history)] if subject.complete else []
    return [*_hard(subject, history), *softer]


def _hard(subject: Subject, history: History) -> list[Reason]:
    found: list[Reason] = []

    def say(code: str, value: float, threshold: float, words: str) -> None:
        found.append(Reason(code, value, threshold, words))

    if not subject.complete:
        say("incomplete", 0, 0, "trees or data that it names are in no pack that was read")
    if not subject.source_accepted:
        say(NEW_SOURCE, 0, 0, "its host and paths came after the repository was adopted; nobody accepted them")
    found += _times(subject, history)
    for path in subject.canaries:
        say("canary", 1, 0, f"{path} must not change, and did")
    if subject.left_out or subject.measures.get("files", 0) > MOST_FILES:
        say("too-large", 0, 0, "it has more entries than any source, or than are compared: what changed is not known")
    files, size = subject.measures.get("files", 0), subject.measures.get("bytes", 0)
    if not files and subject.complete:
        say("empty", 0, 1, "it holds no files")
    # Of what was there at adoption, parents may have been removed before anybody looked.
    if subject.dated and subject.parent and not history.seen(subject.parent):
        say("unknown-parent", 0, 0, "the snapshot that it names as its parent was never here")
    if history.good:
        last = history.good[-1]
        for name, value in (("files", files), ("bytes", size)):
            before = _largest(history.good, name, subject.arrival_ns)
            if files and subject.complete and value < before / 2:
                words = f"it holds {value / before:.0%} of the {name} of good snapshots before it"
                say(f"shrunk-{name}", value, before / 2, words)
        if all(_is_older(subject.program, one.program) for one in history.good[-PROGRAMS:]):
            say("older-program", 0, 0, f"it was made by {subject.program}, after {last.program}")
    return found


def _times(subject: Subject, history: History) -> list[Reason]:
    """What is claimed of time against when it came, and how many came; nothing where that is a claim itself."""
    if not subject.dated:
        return []
    found = []
    ahead, behind = subject.claimed_ns - subject.arrival_ns, subject.earliest_ns - subject.claimed_ns
    if ahead > LATEST_AHEAD_NS:
        words = f"it claims to be {_hours(ahead)} newer than it is"
        found.append(Reason("claims-future", ahead / HOUR, LATEST_AHEAD_NS / HOUR, words))
    if behind > history.settings.longest_backup * HOUR:
        words = f"it claims to be {_hours(behind)} older than it is"
        found.append(Reason("claims-past", behind / HOUR, history.settings.longest_backup, words))
    days = 1 + (subject.arrival_ns - subject.earliest_ns) // DAY  # without stamps, what came since the last round
    if history.lately > history.settings.most_a_day * days:
        words = f"{history.lately} snapshots of this source came within {'a day' if days == 1 else f'{days} days'}"
        found.append(Reason("too-many", history.lately, history.settings.most_a_day * days, words))
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
