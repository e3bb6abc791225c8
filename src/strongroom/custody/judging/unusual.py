"""What is unusual for a source, by statistics over its own past. Pure rules, none gating another.

Compared with good snapshots from before the detection window alone, so that whoever is new here has taught them
nothing. Nothing is said before there are enough of them.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from strongroom.custody.judging.terms import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom.custody.judging.terms import History, Subject

ENOUGH_HISTORY = 20
"""Good snapshots of a source from which on statistics say something."""
LOOKED_AT = 200
"""So many of them count, the newest."""
Z = 3.5
SEEN_BEFORE = 1.5
"""The most that a good snapshot did, and half as much again, happens at this source: a weekly dump, an upgrade."""
DELETED_AT_LEAST, DELETED_SHARE = 100, 0.5
FLOORS = {
    "files_new": 200,
    "files_changed": 200,
    "files_removed": 200,
    "bytes_new": 64 << 20,
    "old_mtime_changed": 50,
    "renamed": 200,
    "new_extensions": 20,
}
"""Up to these no change is remarkable, however still a source is otherwise."""
STIFF_AT_LEAST = 16 << 20
"""Bytes of new content of an extension from which on its compression says something."""
STIFFER, STIFF_PAST = 0.25, 5
"""How much more than usual must be left after compression, as a share; in how many snapshots it was seen before."""

_WORDS = {
    "files_new": "new files",
    "files_changed": "changed files",
    "files_removed": "removed files",
    "bytes_new": "new bytes",
    "old_mtime_changed": "files with other content under an old time of modification",
    "renamed": "files of one folder with another name or a suffix more",
    "new_extensions": "new files whose ending was never seen here",
}


def unusual(subject: Subject, history: History) -> list[Reason]:
    """Every measure that is beyond what this source does."""
    settled = history.settled[-LOOKED_AT:]
    if len(settled) < ENOUGH_HISTORY:
        return []
    found = []
    for name, floor in FLOORS.items():
        value = subject.measures.get(name, 0)
        past = [one.measures.get(name, 0) for one in settled]
        limit = max(floor, threshold(past))
        if value > limit:
            words = f"{value:.0f} {_WORDS[name]}, where {median(past):.0f} are usual"
            found.append(Reason(f"many-{name.replace('_', '-')}", value, limit, words))
    return [*found, *_deleted(subject, history), *_stiff(subject, [one.measures for one in settled])]


def threshold(past: Sequence[float]) -> float:
    """Where the robust z of a value would be ``Z`` (median, and 1.4826 MAD for a deviation), or what happens here."""
    middle = median(past)
    spread = 1.4826 * median([abs(value - middle) for value in past])
    return max(middle + Z * max(spread, middle / 4), max(past) * SEEN_BEFORE)


def _deleted(subject: Subject, history: History) -> list[Reason]:
    found = []
    for extension, count in subject.removed_by_extension.items():
        had = history.extensions.get(extension, 0)
        if count >= DELETED_AT_LEAST and count > had * DELETED_SHARE:
            words = f"{count} of {had} files ending in .{extension} are gone"
            limit = max(DELETED_AT_LEAST, had * DELETED_SHARE)
            found.append(Reason("deleted-extension", count, limit, words))
    return found


def _stiff(subject: Subject, past: Sequence[Mapping[str, float]]) -> list[Reason]:
    """Extensions whose new bytes do not compress as they used to: what is encrypted does not."""
    found = []
    for name, value in subject.measures.items():
        kind, _, extension = name.partition(":")
        if kind != "compress" or subject.measures.get(f"fresh:{extension}", 0) < STIFF_AT_LEAST:
            continue
        usual = [one[name] for one in past if name in one]
        if len(usual) < STIFF_PAST:
            continue
        middle = median(usual)
        spread = 1.4826 * median([abs(one - middle) for one in usual])
        limit = middle + max(Z * spread, STIFFER)
        if value > limit:
            words = f"of new content in .{extension} {value:.0%} is left when compressed, where {middle:.0%} is usual"
            found.append(Reason("incompressible", value, limit, words))
    return found
