"""What snapshots claim of their time, held against when the store got them: forged dates are said, never acted on.

Whoever has the repository's password can write any time into a snapshot. The store's own stamp is beyond a client's
reach where a server sets it, and in a folder for those who may not change files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.retention.calendar import NS

if TYPE_CHECKING:
    from collections.abc import Iterable

AHEAD_NS = 300 * NS
"""Clocks differ by so much."""
LONGEST_NS = 2 * 86400 * NS
"""The longest backup that is taken for one: a snapshot bears the time at which it began, and arrives when it ends."""
_APART_NS = 3600 * NS


@record
class Claim:
    """A snapshot's own time, when the store got it (None where the store does not say), in nanoseconds since 1970.

    ``took_ns``: how long its backup took, by its own word. ``rewritten``: it says that it stands for an earlier one.
    """

    claimed_ns: int
    arrival_ns: int | None
    took_ns: int = 0
    rewritten: bool = False


@record
class Doubts:
    """How many of ``total`` snapshots claim what cannot be, or need not be believed."""

    total: int = 0
    future: int = 0
    """Claim a time that has not come."""
    ahead: int = 0
    """Claim a time that had not come when they arrived."""
    disordered: int = 0
    """Arrived after others that claim to be newer."""
    late: int = 0
    """Arrived more than two days after the time that they claim."""
    rewritten: int = 0
    """Of those in ``disordered`` or ``late``, the ones that say that they were rewritten or copied."""

    def __bool__(self) -> bool:
        return bool(self.future or self.ahead or self.disordered)

    def describe(self) -> str:
        """In a sentence without its end: ``of 9 snapshots, 2 claim times in the future; …``."""
        parts = [
            (self.future, "claim times in the future"),
            (self.ahead, "claim times after the store got them"),
            (self.disordered, "reached the store after others that claim to be newer"),
            (self.late, "reached the store more than two days after the time that they claim"),
        ]
        said = "; ".join(f"{count} {words}" for count, words in parts if count)
        if self.rewritten:
            said += f" ({self.rewritten} of these say that they were tagged, rewritten or copied)"
        return f"of {self.total} snapshots, {said}"


def is_forged(claim: Claim) -> bool:
    """Whether a snapshot arrived before the time that it claims, or longer after it than any backup takes."""
    if claim.arrival_ns is None:
        return False
    return not -AHEAD_NS <= claim.arrival_ns - claim.claimed_ns <= LONGEST_NS


def doubts(claims: Iterable[Claim], now_ns: int) -> Doubts:
    """Count what is odd about the snapshots of one group."""
    total = future = ahead = disordered = late = rewritten = 0
    earliest: int | None = None  # arrival of what claims to be newer and was there in time
    for claim in sorted(claims, key=lambda one: -one.claimed_ns):
        total += 1
        arrival = claim.arrival_ns
        if claim.claimed_ns > now_ns + AHEAD_NS:
            future += 1
        elif arrival is not None and claim.claimed_ns > arrival + AHEAD_NS:
            ahead += 1
        elif arrival is not None:
            slack = _APART_NS + min(max(claim.took_ns, 0), LONGEST_NS)
            behind = earliest is not None and arrival > earliest + slack
            overdue = arrival - claim.claimed_ns > LONGEST_NS
            disordered += behind
            late += overdue
            rewritten += (behind or overdue) and claim.rewritten
            earliest = arrival if earliest is None else min(earliest, arrival)
    return Doubts(total, future, ahead, disordered, late, rewritten)
