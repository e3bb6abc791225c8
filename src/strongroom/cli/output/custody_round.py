"""What a round of the custodian found, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.custody.incidents import Code
from strongroom.format import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from strongroom.base.objects import ObjectName
    from strongroom.custody.ledger import Incident
    from strongroom.custody.rounds_made.outcome import Outcome


def _is_news(outcome: Outcome) -> bool:
    """Whether somebody who asked for silence would want to know: what is wrong, not what is new and well."""
    seen = outcome.seen
    log = bool(outcome.log.doubt or outcome.log.unlogged or outcome.log.only_in_log)
    wrong = log or seen.missing or seen.altered or outcome.read.faults or outcome.read_again.faults or outcome.liars
    told = outcome.failure or outcome.obstacle
    stands = outcome.uncovered or _told_by_themselves(outcome, quiet=True)
    return bool(
        wrong or told or stands or outcome.indexed or outcome.left.words() or any(one.reasons for one in outcome.judged)
    )


_BY_OTHER_LINES = frozenset(
    {
        Code.MISSING,
        Code.ALTERED,
        Code.DAMAGED,
        Code.LOST,
        Code.UNINDEXED,
        Code.LYING_INDEX,
        Code.PLANTED_KEY,
        Code.LOG,
        Code.UNLOGGED,
        Code.UNREADABLE,
        Code.SUSPICIOUS,
    }
)
"""What these say of a repository, the lines of the round that finds it say of each object."""
_MOST_LINES = 20


def _told_by_themselves(outcome: Outcome, *, quiet: bool) -> list[Incident]:
    """Of what is open at the round's end; who asked for silence hears of each once, and then what to do."""
    since_ns = outcome.began_ns if quiet else 0
    return [one for one in outcome.open_ones if one.code not in _BY_OTHER_LINES and one.opened_ns >= since_ns]


def _standing_lines(outcome: Outcome, *, quiet: bool) -> Iterator[str]:
    told = _told_by_themselves(outcome, quiet=quiet)
    for one in told[:_MOST_LINES]:
        yield f"{one.code.value}: {one.object}: {one.words}"
    if len(told) > _MOST_LINES:
        yield f"and {len(told) - _MOST_LINES} more: `custody incidents {outcome.name}`"


def round_object(outcome: Outcome) -> dict[str, Any]:
    """What programs read of a round."""
    judged = dict.fromkeys(("good", "suspicious", "pending", "bad"), 0)
    for one in outcome.judged:
        judged[one.verdict] += 1
    return {
        "message_type": "custody_round",
        "name": outcome.name,
        "id": outcome.repository,
        "number": outcome.number,
        "objects": outcome.seen.objects,
        "new": len(outcome.seen.new),
        "missing": list(map(str, outcome.seen.missing)),
        "altered": list(map(str, outcome.seen.altered)),
        "log": {
            "receipts": outcome.log.receipts,
            "failure": outcome.log.failure or None,
            "doubt": outcome.log.doubt or None,
            "unlogged": outcome.log.unlogged,
            "only_in_log": outcome.log.only_in_log,
        },
        "read": outcome.read.objects,
        "read_bytes": outcome.read.bytes,
        "read_again": outcome.read_again.objects,
        "unread": outcome.left.unread,
        "unread_again": outcome.left.unread_again,
        "unjudged": outcome.left.unjudged,
        "spent": sorted(outcome.left.spent),
        "healed": list(map(str, outcome.promoted.healed)),
        "from_replica": list(map(str, outcome.promoted.from_replica)),
        "uncovered": outcome.uncovered,
        "made_good": outcome.made_good,
        "faults": [[str(name), fault] for name, fault in outcome.read.faults + outcome.read_again.faults],
        "lying_indexes": [name for name, _ in outcome.liars],
        "judged": judged,
        "would_remove": sorted(name for plan in outcome.plans for name in plan.remove),
        "condemned_packs": outcome.prepared.condemned,
        "repacked": outcome.prepared.repacked,
        "indexed": outcome.indexed,
        "obstacle": outcome.obstacle or None,
        "incidents": [{"code": one.code.value, "object": one.object, "words": one.words} for one in outcome.open_ones],
        "failure": outcome.failure or None,
    }


def _log_lines(outcome: Outcome) -> Iterator[str]:
    log = outcome.log
    if log.failure:
        yield f"the gateway's log could not be asked: {log.failure}"
    if log.doubt:
        yield f"the gateway's log is not believed: {log.doubt}"
    for thing in log.unlogged:
        yield f"{thing}: the gateway's log has no receipt for it"
    for thing in log.only_in_log:
        yield f"{thing}: the gateway's log has it, the store has not"


def healed_lines(
    healed: Sequence[ObjectName], from_replica: Sequence[ObjectName], uncovered: Sequence[str], made_good: Sequence[str]
) -> Iterator[str]:
    """What came back from the store's older versions and from the replica, records that were hidden, and packs that
    others stand for."""
    for name in healed:
        yield f"{name}: its good version is the current one again"
    for name in from_replica:
        yield f"{name}: was given back from the replica"
    for path in uncovered:
        yield f"{path}: this record of ours was hidden, and is the current one again: who can delete there?"
    for pack in made_good:
        yield f"data/{pack}: what it held lies in other packs now"


def _found_lines(outcome: Outcome) -> Iterator[str]:
    back = outcome.promoted
    yield from healed_lines(back.healed, back.from_replica, outcome.uncovered, outcome.made_good)
    faults = [(str(name), fault) for name, fault in outcome.read.faults + outcome.read_again.faults]
    for thing, words in [*faults, *((f"index/{name}", lie) for name, lie in outcome.liars)]:
        yield f"{thing}: {words}"
    for name in outcome.indexed:
        yield f"index/{name}: was written, since no listed index named packs that snapshots need"
    if outcome.obstacle:
        yield outcome.obstacle


def round_lines(outcome: Outcome, *, quiet: bool) -> Iterator[str]:
    """What people read of a round; with ``quiet`` only what is wrong."""
    if quiet and not _is_news(outcome):
        return
    yield (
        f"{outcome.name}: round {outcome.number}: {outcome.seen.objects} objects, {len(outcome.seen.new)} new, "
        f"{len(outcome.seen.missing)} missing, {len(outcome.seen.altered)} changed"
    )
    if outcome.read.objects or outcome.read_again.objects:
        yield f"  read {outcome.read.objects} new and {outcome.read_again.objects} again"
    if outcome.left.words():
        yield f"  {outcome.left.words()}"
    for line in (*_log_lines(outcome), *_found_lines(outcome), *_standing_lines(outcome, quiet=quiet)):
        yield f"  {line}"
    for one in outcome.judged:
        if quiet and not one.reasons:
            continue
        words = "; ".join(reason.words for reason in one.reasons)
        yield f"  snapshot {one.id[:8]} is {one.verdict}{': ' + words if words else ''}"
    for plan in outcome.plans:
        held = "; ".join(plan.breakers) or f"held until {rfc3339.format_utc(plan.due_ns)[:10]}"
        yield f"  plan {plan.number}: {len(plan.remove)} snapshots would go ({held})"
    if outcome.prepared.condemned:
        yield f"  {len(outcome.prepared.condemned)} packs are needed by no snapshot and leave the index"
    if outcome.prepared.repacked:
        yield f"  wrote {len(outcome.prepared.repacked)} packs anew, since much of the old ones is waste"
