"""restic's rule for `forget`, to the letter (``docs/reference/format.md`` 3.1).

It believes what snapshots say of themselves. For a host's own repository that is right; behind an append-only gateway
forged snapshots push good ones out, and the guarded rule (``guarded.py``) is for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.retention.calendar import NS, Span, Zone, before, date_of, days_of, iso_week

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

UNLIMITED = -1
_BEGINNING = days_of(1, 1, 1) * 86400 * NS
"""Go's zero time, which counts as the newest where all snapshots lie in the future."""


@record
class Candidate:
    """What the rule sees of a snapshot: nanoseconds since 1970, seconds east of UTC as written, tags."""

    id: str
    ns: int
    offset: int = 0
    tags: tuple[str, ...] = ()


@record
class Policy:
    """How many to keep of each sort (``UNLIMITED``: all), for how long, and with which tags.

    ``tags``: lists of which each keeps what has all of its tags; an empty one keeps what has none.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: Span = Span()
    within_hourly: Span = Span()
    within_daily: Span = Span()
    within_weekly: Span = Span()
    within_monthly: Span = Span()
    within_yearly: Span = Span()
    tags: tuple[tuple[str, ...], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing, and so keeps everything."""
        return self == Policy()

    def describe(self) -> str:
        """The policy in restic's words: ``keep 1 latest, 2 daily snapshots and all snapshots within 1m …``."""
        counts = (
            (self.last, "latest"),
            (self.hourly, "hourly"),
            (self.daily, "daily"),
            (self.weekly, "weekly"),
            (self.monthly, "monthly"),
            (self.yearly, "yearly"),
        )
        keeps = [f"{'all' if count == UNLIMITED else count} {word}" for count, word in counts if count]
        spans = [f"{word} snapshots within {span}" for word, span in self._spans() if span]
        words = f"{', '.join(keeps)} snapshots" if keeps else ""
        words = ", ".join(([words] if words else []) + spans)
        if self.tags:
            lists = " ".join(f"[{', '.join(tags)}]" for tags in self.tags)
            words += f"{' and ' if words else ''}all snapshots with tags [{lists}]"
        if self.within:
            words += f"{' and ' if words else ''}all snapshots within {self.within} of the newest"
        return f"keep {words}" if words else "remove"

    def _spans(self) -> tuple[tuple[str, Span], ...]:
        return (
            ("hourly", self.within_hourly),
            ("daily", self.within_daily),
            ("weekly", self.within_weekly),
            ("monthly", self.within_monthly),
            ("yearly", self.within_yearly),
        )


@record
class Decision:
    """What becomes of a snapshot, and restic's words for why it is kept."""

    id: str
    keep: bool
    reasons: tuple[str, ...] = ()


def decide(candidates: Iterable[Candidate], policy: Policy, now_ns: int, zone: Zone | None = None) -> list[Decision]:
    """Decide on the snapshots of one group, newest first; of two at one instant the first given comes first.

    ``zone`` is the time zone that restic would run in; without it every snapshot's own offset counts.
    """
    newest = sorted(candidates, key=lambda one: -one.ns)
    if policy.is_empty:
        return [Decision(one.id, True, ("policy is empty",)) for one in newest]
    latest = _latest(newest, now_ns)
    rules = _rules(policy, latest, zone)
    decisions = []
    for number, one in enumerate(newest):
        oldest = number == len(newest) - 1
        reasons = [f"has tags [{', '.join(tags)}]" for tags in policy.tags if _has(one, tags)]
        if policy.within and one.ns > before(*latest, policy.within, zone):
            reasons.append(f"within {policy.within}")
        reasons += [reason for rule in rules if (reason := rule.take(one, number, oldest)) is not None]
        decisions.append(Decision(one.id, bool(reasons), tuple(reasons)))
    return decisions


def _has(one: Candidate, tags: Sequence[str]) -> bool:
    return set(tags) <= set(one.tags) if tags else not one.tags


def _latest(newest: Sequence[Candidate], now_ns: int) -> tuple[int, int]:
    for one in newest:
        if one.ns < now_ns:
            return one.ns, one.offset
    return _BEGINNING, 0


class _Rule:
    """A counted or bounded rule on its way through a group: the last bucket that it kept one of, what is left."""

    def __init__(self, bucket: Callable[[Candidate, int], object], name: str, end: str) -> None:
        self._bucket = bucket
        self._name = name
        self._end = end
        self._last: object = None
        self.left = UNLIMITED
        self.after: int | None = None
        """The instant after which a snapshot must lie, in nanoseconds since 1970."""

    def take(self, one: Candidate, number: int, oldest: bool) -> str | None:
        """The reason to keep a snapshot by this rule, or None. Uses up what is left."""
        if self.left == 0 or (self.after is not None and one.ns <= self.after):
            return None
        bucket = self._bucket(one, number)
        again = bucket == self._last
        if again and not oldest:
            return None
        self._last = bucket
        if self.left > 0:
            self.left -= 1
        return f"{'oldest ' if again else ''}{self._name} {self._end}"


def _civil(one: Candidate) -> tuple[int, int, int, int]:
    days, of_day = divmod(one.ns // NS + one.offset, 86400)
    return (*date_of(days), of_day // 3600)


def _week(one: Candidate, _number: int) -> object:
    return iso_week((one.ns // NS + one.offset) // 86400)


def _rules(policy: Policy, latest: tuple[int, int], zone: Zone | None) -> list[_Rule]:
    buckets: list[tuple[str, Callable[[Candidate, int], object], int, Span]] = [
        ("last", lambda _one, number: number, policy.last, Span()),
        ("hourly", lambda one, _: _civil(one), policy.hourly, policy.within_hourly),
        ("daily", lambda one, _: _civil(one)[:3], policy.daily, policy.within_daily),
        ("weekly", _week, policy.weekly, policy.within_weekly),
        ("monthly", lambda one, _: _civil(one)[:2], policy.monthly, policy.within_monthly),
        ("yearly", lambda one, _: _civil(one)[:1], policy.yearly, policy.within_yearly),
    ]
    rules = []
    for name, bucket, count, _ in buckets:
        if count:
            rule = _Rule(bucket, name, "snapshot")
            rule.left = count
            rules.append(rule)
    for name, bucket, _, span in buckets:
        if span:
            rule = _Rule(bucket, name, f"within {span}")
            rule.after = before(*latest, span, zone)
            rules.append(rule)
    return rules
