"""When an object arrived, by what no host can set (``docs/concepts/custodian.md``)."""

from __future__ import annotations

from strongroom.base.record import record

CLAIMED = "claimed"
STAMP = "stamp"
ROUND = "round"
RECEIPT = "receipt"
"""The gateway's receipt, within what rounds and heads prove."""


@record
class Arrival:
    """Nanoseconds since 1970 UTC, and the evidence: the store's stamp, a round's own clock, or a claim.

    ``earliest_ns``: it cannot have come before, by the same evidence. ``clamped``: the stamp lay outside what
    rounds prove, by more than ``SLACK_NS``; that is an incident.
    """

    ns: int
    earliest_ns: int
    evidence: str
    clamped: bool = False


SLACK_NS = 5 * 60 * 10**9
"""How far a store's clock may be from ours, in nanoseconds."""


def arrival(stamp_ns: int | None, not_before_ns: int | None, now_ns: int) -> Arrival:
    """The arrival of an object that a round sees for the first time.

    ``not_before_ns``: the last round that listed without it; None at adoption, when stamps are claims and no more.
    """
    if not_before_ns is None:
        claimed_ns = now_ns if stamp_ns is None else min(stamp_ns, now_ns)
        return Arrival(claimed_ns, claimed_ns, CLAIMED)
    latest_ns = max(now_ns, not_before_ns)  # our clock may have gone back; what is proven stays proven
    if stamp_ns is None:
        return Arrival(latest_ns, not_before_ns, ROUND)
    if not_before_ns <= stamp_ns <= latest_ns:
        return Arrival(stamp_ns, stamp_ns, STAMP)
    far = not_before_ns - stamp_ns if stamp_ns < not_before_ns else stamp_ns - latest_ns
    return Arrival(max(not_before_ns, min(stamp_ns, latest_ns)), not_before_ns, ROUND, clamped=far > SLACK_NS)
