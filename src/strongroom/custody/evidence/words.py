"""Evidence in words, for those who decide: how an arrival is known, what log and clocks say of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.record import record
from strongroom.custody.arrival import CLAIMED, RECEIPT, STAMP
from strongroom.custody.evidence.clocks import kept_clocks
from strongroom.custody.evidence.comparing import evidence_of
from strongroom.custody.evidence.pinning import pinned
from strongroom.format import rfc3339
from strongroom.receipts.log import checkpoint as checkpoints

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State


@record
class ArrivalEvidence:
    """How an arrival is known: a code (receipt, stamp, round, claimed) and words; ``principal`` is who sent it by the
    gateway's word, empty without a receipt."""

    code: str
    words: str
    principal: str
    sequence: int | None


def arrival_evidence(state: State, adopted: Adopted, kind: str, name: str) -> ArrivalEvidence:
    """How the arrival of an object that was seen is known."""
    with state.database.read() as connection:
        row = evidence_of(connection, adopted.id, kind, name)
    if row is None:
        return ArrivalEvidence("", "", "", None)
    code = {RECEIPT: RECEIPT, STAMP: STAMP, CLAIMED: CLAIMED}.get(row.evidence, "round")
    words = {
        RECEIPT: _receipt(row),
        STAMP: "by the store's stamp, between two rounds",
        CLAIMED: "it was there at adoption, so its date is only claimed"
        + (f" ({_receipt(row)})" if row.time_ns else ""),
        "round": "between two rounds; nothing closer is known",
    }[code]
    return ArrivalEvidence(code, words, row.principal or "", row.sequence)


def _receipt(row: Any) -> str:
    if row.time_ns is None:
        return "by a receipt"
    bounds = [
        f"{word} {_when(ns)}" for word, ns in (("after", row.earliest_ns), ("before", row.latest_ns)) if ns is not None
    ]
    proven = f"; heads of the log prove: {' and '.join(bounds)}" if bounds else ""
    return f"by receipt {row.sequence} of the gateway, dated {_when(row.time_ns)}{proven}"


def _when(ns: int) -> str:
    return rfc3339.format_utc(ns)[:19] + "Z"


def log_words(state: State, adopted: Adopted) -> str:
    """How a repository's log stands; empty where none is pinned."""
    row = pinned(state, adopted.id)
    if row is None:
        return ""
    if row.doubted:
        return f"the gateway's log is not believed any more: {row.failure}"
    size = checkpoints.parse(bytes(row.head)).size if row.head is not None else 0
    said = f"{row.sequence + 1} receipts are proven, under a head of {size} entries"
    return f"{said}; it did not answer last time: {row.failure}" if row.failure else said


def clock_words(state: State, adopted: Adopted) -> str:
    """What clocks agree on, or what an operator has to do while they do not; empty before the first round."""
    found = kept_clocks(state, adopted.id)
    if found is None:
        return ""
    sources, doubt = found
    if not doubt:
        return f"{len({one.machine for one in sources})} machines agree on the time"
    return (
        f"{doubt}, so each plan that is due waits for your `custody plan approve {adopted.name} N`. Nothing is lost by "
        "that; with a gateway or witness on another machine, or `round --clock URL`, plans go by themselves"
    )
