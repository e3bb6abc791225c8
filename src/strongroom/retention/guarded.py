"""The guarded rule: retention that forged snapshots cannot steer (R-1 to R-9).

Time is arrival, which no host sets. Only good snapshots take a slot, and only once they are as old as the detection
window D, by when a person or the judge would have noticed an intruder. In each window the earliest stays, so that what
comes later pushes nothing out.

Why this holds, in five lines. Let H be honest snapshots, and A whatever an intruder adds after time T. Until T + D
nothing of A has age D, since its arrival is after T; so nothing of A is counted in any window or in the last K. What is
counted at t in [T, T + D] is therefore counted among H alone, and what H alone would keep stays with A as well. Being
good, pinned or condemned is decided by no host. So no snapshot of H from before T goes with A that would stay without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.retention.calendar import NS, date_of, iso_week

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

GOOD = "good"
HOUR = 3600 * NS
DAY = 24 * HOUR


@record
class Arrived:
    """What the rule sees of a snapshot of one source; times in nanoseconds since 1970 UTC.

    ``verdict`` is good, suspicious, bad or pending, and ``judged_ns`` when that was last decided. ``condemned`` and
    ``pinned`` are an operator's words. ``claimed``: it was there when the repository was adopted, and its arrival is no
    more than a claim. ``dated_ns``: an operator believes that it is of then, whenever it was copied in.
    """

    id: str
    arrival_ns: int
    verdict: str
    judged_ns: int
    condemned: bool = False
    pinned: bool = False
    claimed: bool = False
    dated_ns: int | None = None

    @property
    def slot_ns(self) -> int:
        """By which moment it takes a slot."""
        return self.arrival_ns if self.dated_ns is None else self.dated_ns


@record
class GuardedPolicy:
    """How many windows of each sort keep their earliest snapshot; spans in nanoseconds.

    ``detection_ns`` is D, ``floor`` is K: the last so many good snapshots of age D that stay whatever else is said.
    """

    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within_ns: int = 0
    detection_ns: int = 14 * DAY
    floor: int = 3

    def __post_init__(self) -> None:
        counts = (self.hourly, self.daily, self.weekly, self.monthly, self.yearly, self.within_ns, self.detection_ns)
        if min(counts) < 0 or self.floor < 1:
            raise ValueError("a policy counts from zero, and keeps at least one snapshot of each source")


@record
class Verdict:
    """Whether a snapshot may go, and each reason to keep it, in words."""

    id: str
    keep: bool
    reasons: tuple[str, ...]


def decide(snapshots: Iterable[Arrived], policy: GuardedPolicy, now_ns: int) -> list[Verdict]:
    """Decide on the snapshots of one source, in the order of their arrival; of two that came at once, by their ID.

    Those that an operator dated have slots and a floor of their own, so that no claim takes a slot from an arrival.
    """
    ordered = sorted(snapshots, key=lambda one: (one.arrival_ns, one.id))
    reasons: dict[str, list[str]] = {one.id: _own_reasons(one, policy, now_ns) for one in ordered}
    counted = [one for one in ordered if _counts(one, policy, now_ns)]
    _give_slots([one for one in counted if one.dated_ns is None], policy, reasons)
    dated = sorted((one for one in counted if one.dated_ns is not None), key=lambda one: (one.slot_ns, one.id))
    _give_slots(dated, policy, reasons)
    return [Verdict(one.id, bool(reasons[one.id]), tuple(reasons[one.id]) or _why_not(one)) for one in ordered]


def _give_slots(counted: Sequence[Arrived], policy: GuardedPolicy, reasons: dict[str, list[str]]) -> None:
    for word, count, window in (
        ("hour", policy.hourly, _hour),
        ("day", policy.daily, _day),
        ("week", policy.weekly, _week),
        ("month", policy.monthly, _month),
        ("year", policy.yearly, _year),
    ):
        for one in _earliest(counted, count, window):
            reasons[one.id].append(f"the first good one of its {word}")
        for one in _latest_claimed(counted, count, window):
            reasons[one.id].append(f"the last one of its {word}, whose order is only claimed")
    for one in counted[-policy.floor :]:
        reasons[one.id].append(f"one of the last {policy.floor} good ones")


def age_ns(one: Arrived, now_ns: int) -> int:
    """How long a snapshot has been there and what it is: since its arrival, or its present verdict if that is later."""
    return now_ns - max(one.arrival_ns, one.judged_ns)


def _own_reasons(one: Arrived, policy: GuardedPolicy, now_ns: int) -> list[str]:
    if one.pinned:
        return ["pinned by an operator"]
    if one.condemned:
        return []
    if one.verdict != GOOD:
        return [f"{one.verdict}: an operator must look"]
    age = age_ns(one, now_ns)
    if age < policy.detection_ns:
        return ["younger than the detection window"]
    return ["within the span that keeps all"] if age < policy.within_ns else []


def _counts(one: Arrived, policy: GuardedPolicy, now_ns: int) -> bool:
    return one.verdict == GOOD and not one.condemned and age_ns(one, now_ns) >= policy.detection_ns


def _earliest(counted: Sequence[Arrived], count: int, window: Callable[[int], tuple[int, ...]]) -> list[Arrived]:
    first: dict[tuple[int, ...], Arrived] = {}
    for one in counted:
        first.setdefault(window(one.slot_ns // NS), one)
    return list(first.values())[-count:] if count else []


def _latest_claimed(counted: Sequence[Arrived], count: int, window: Callable[[int], tuple[int, ...]]) -> list[Arrived]:
    """Who adopts a repository knows no order of what was there: one that claims to be first must push out no other, so
    the last of a window stays as well."""
    kept = {window(one.slot_ns // NS) for one in _earliest(counted, count, window)}
    last = {window(one.slot_ns // NS): one for one in counted if one.claimed or one.dated_ns is not None}
    return [one for key, one in last.items() if key in kept]


def _why_not(one: Arrived) -> tuple[str, ...]:
    return ("condemned by an operator",) if one.condemned else ("no window of the policy needs it",)


def _hour(seconds: int) -> tuple[int, ...]:
    return (seconds // 3600,)


def _day(seconds: int) -> tuple[int, ...]:
    return (seconds // 86400,)


def _week(seconds: int) -> tuple[int, ...]:
    return iso_week(seconds // 86400)


def _month(seconds: int) -> tuple[int, ...]:
    return date_of(seconds // 86400)[:2]


def _year(seconds: int) -> tuple[int, ...]:
    return date_of(seconds // 86400)[:1]
