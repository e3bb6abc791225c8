"""``forget``: which snapshots of a repository go by a policy, decided as a whole before anything is removed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from strongroom.base.errors import RepositoryError, Unsupported, UsageError
from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.format import rfc3339
from strongroom.format.timestamp import Timestamp
from strongroom.repository.selection import GroupKey, Listed, as_shown, group_snapshots
from strongroom.retention import faithful, guarded
from strongroom.retention.calendar import NS, Span, before
from strongroom.retention.claims import Claim, Doubts, doubts, is_forged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.opened import Repository

_GUARDED_FLOOR = 3


@record
class Decided:
    """What becomes of one group: both lists newest first, why each that is kept is kept, and what is odd about it."""

    key: GroupKey
    keep: tuple[Listed, ...]
    remove: tuple[Listed, ...]
    reasons: Mapping[str, tuple[str, ...]]
    doubts: Doubts


def decide(
    snapshots: Iterable[Listed],
    policy: faithful.Policy,
    by: Sequence[str],
    arrivals: Mapping[str, int | None],
    now_ns: int,
) -> list[Decided]:
    """restic's rule on each group. An empty policy removes everything: whoever calls has asked whether it may.

    Raises ``RepositoryError`` when a policy would remove all of a group.
    """
    groups = []
    for key, group in group_snapshots(as_shown(snapshots, by), by):
        candidates = [
            faithful.Candidate(name, snapshot.time.ns, snapshot.time.offset, snapshot.tags) for name, snapshot in group
        ]
        decisions = faithful.decide(candidates, policy, now_ns, local_zone)
        kept = {} if policy.is_empty else {one.id: one.reasons for one in decisions if one.keep}
        if not kept and not policy.is_empty:
            raise RepositoryError(
                f'refusing to delete last snapshot of snapshot group "{group_text(key)}"',
                hint="The policy keeps none of them. Remove them by their IDs if that is what you want.",
            )
        groups.append(_decided(key, group, [one.id for one in decisions], kept, arrivals, now_ns))
    return groups


def decide_guarded(
    snapshots: Iterable[Listed], policy: guarded.GuardedPolicy, arrivals: Mapping[str, int | None], now_ns: int
) -> list[Decided]:
    """The guarded rule on each host and set of paths; a snapshot's age begins when the store got it.

    Raises ``Unsupported`` where the store does not say when that was.
    """
    groups = []
    for key, group in group_snapshots(as_shown(snapshots, ()), ("host", "paths")):
        arrived = []
        for name, snapshot in group:
            arrival = arrivals.get(name)
            if arrival is None:
                raise Unsupported(
                    "this store does not say when it got a snapshot",
                    subject="--guarded",
                    hint="It can be used with a folder or a bucket.",
                )
            verdict = "forged time" if is_forged(_claim(name, snapshot, arrivals)) else guarded.GOOD
            arrived.append(guarded.Arrived(name, arrival, verdict, arrival))
        verdicts = guarded.decide(arrived, policy, now_ns)
        kept = {one.id: one.reasons for one in verdicts if one.keep}
        groups.append(_decided(key, group, [one.id for one in reversed(verdicts)], kept, arrivals, now_ns))
    return groups


def guarded_policy(policy: faithful.Policy, detection: Span, now_ns: int) -> guarded.GuardedPolicy:
    """The guarded rule with the counts of a policy; ``last`` is how many good ones stay in any case.

    Raises ``UsageError`` for what the guarded rule does not have.
    """
    spans = (policy.within_hourly, policy.within_daily, policy.within_weekly, policy.within_monthly)
    if policy.tags or any((*spans, policy.within_yearly)):
        raise UsageError(
            "the guarded rule knows counts and --keep-within alone",
            subject="--guarded",
            hint="Tags are what a snapshot says of itself, so they keep nothing; leave these options out.",
        )
    return guarded.GuardedPolicy(
        hourly=_count(policy.hourly),
        daily=_count(policy.daily),
        weekly=_count(policy.weekly),
        monthly=_count(policy.monthly),
        yearly=_count(policy.yearly),
        within_ns=now_ns - before(now_ns, 0, policy.within),
        detection_ns=now_ns - before(now_ns, 0, detection),
        floor=_count(policy.last) or _GUARDED_FLOOR,
    )


def _count(count: int) -> int:
    return sys.maxsize if count == faithful.UNLIMITED else count


def arrivals_of(repository: Repository) -> dict[str, int | None]:
    """When the store got each snapshot, by its own stamp, in nanoseconds since 1970."""
    return {info.name.name: info.modified_ns for info in repository.store.list(Kind.SNAPSHOT)}


def group_text(key: GroupKey) -> str:
    """A group in restic's words: ``host alpha, path [/src]``."""
    parts = [f"host {key.hostname}"] if key.hostname else []
    parts += [f"path [{' '.join(key.paths)}]"] if key.paths else []
    parts += [f"tags [{' '.join(key.tags)}]"] if key.tags else []
    return ", ".join(parts)


def local_zone(seconds: int) -> int:
    """Seconds east of UTC in this machine's time zone at an instant in seconds since 1970."""
    return Timestamp.local(seconds * NS).offset


def _decided(
    key: GroupKey,
    group: Sequence[Listed],
    order: Sequence[str],
    kept: Mapping[str, tuple[str, ...]],
    arrivals: Mapping[str, int | None],
    now_ns: int,
) -> Decided:
    found = dict(group)
    claims = [_claim(name, snapshot, arrivals) for name, snapshot in group]
    return Decided(
        key,
        tuple((name, found[name]) for name in order if name in kept),
        tuple((name, found[name]) for name in order if name not in kept),
        kept,
        doubts(claims, now_ns),
    )


def _claim(name: str, snapshot: Snapshot, arrivals: Mapping[str, int | None]) -> Claim:
    return Claim(snapshot.time.ns, arrivals.get(name), _took_ns(snapshot), bool(snapshot.original))


def _took_ns(snapshot: Snapshot) -> int:
    summary = snapshot.summary or {}
    try:
        return rfc3339.parse(summary["backup_end"]) - rfc3339.parse(summary["backup_start"])
    except (KeyError, TypeError, ValueError):
        return 0
