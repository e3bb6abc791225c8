"""Holding a gateway to its promises: does its log have what it said it would have?

Asked of the gateway that gave them, on a later run, with its own receipts and proofs: every promised leaf, byte for
byte, at its place in the repository's chain, under a head that the pinned key signed and that continues the newest
head seen before. What an honest gateway cannot do is a reproach, and stays one until a person has looked; whatever
else happens (nobody answers, a proxy, an older gateway) is no finding, and is tried again.

Trust on first use: the key is the one that the gateway shows, if it signed the promises; from then on it is pinned,
until a person pins another (``trusting``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.errors import ConfigurationError, Damaged, LimitExceeded, Missing, StrongroomError
from strongroom.base.record import field, mutable
from strongroom.receipts.client.promise_file import Promise
from strongroom.receipts.client.reproach import Fault, Reproach
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log import tiles
from strongroom.receipts.log.leaf import parse
from strongroom.receipts.log.merkle import consistency_proof, leaf_hash, verify_consistency, verify_inclusion
from strongroom.receipts.log.note import Verifier
from strongroom.receipts.log.promise import check as check_promise
from strongroom.receipts.log.tiles import KEY_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.receipts.client.gateway_log import GatewayLog, Listed
    from strongroom.receipts.client.promise_file import Kept
    from strongroom.receipts.log.checkpoint import Checkpoint

LATE_NS = 900 * 10**9
"""Five seconds may lie between an answer and the log. So long we wait for a gateway that is being repaired."""
PAGE = 500
GAP = 32
"""Promises whose numbers lie so near to each other are asked for in one request."""


@mutable
class CheckedPromises:
    """What a check found. ``left`` are promises that are neither kept nor broken yet."""

    checked: int = 0
    left: list[Promise] = field(default_factory=list)
    reproaches: list[Reproach] = field(default_factory=list)
    late: list[Reproach] = field(default_factory=list)
    """What should be kept by now and may still be, when a log is being repaired; it is ``left``, too."""
    unanswered: str = ""
    """Why the log could not be asked, or not to its end; empty when it was."""


class _Wrong(Exception):
    """The log is another one; no promise need be looked at."""

    def __init__(self, fault: Fault, origin: str = "", key: str = "") -> None:
        super().__init__(fault)
        self.fault, self.origin, self.key = fault, origin, key


def check(source: GatewayLog, kept: Kept, now_ns: int, seconds: float, *, head: bool = False) -> CheckedPromises:
    """Check what is kept, for so many seconds at most, and leave in ``kept`` what the next run needs.

    ``kept.promises`` are those that are left, ``kept.reproaches`` grow (not by what is late), key and head move on.
    ``head``: the log is held to the head seen before even when no promise is left. Raises nothing: a fault is
    ``unanswered``.
    """
    found = CheckedPromises()
    ordered = sorted(kept.promises, key=lambda one: one.receipt.sequence)
    end = monotonic() + seconds
    try:
        verifier = _verifier(source, kept)
        if head:
            _move_head(source, kept, verifier, source.receipts(-1, 0).head, found, now_ns)
        while ordered and monotonic() < end:
            group = _group(ordered)
            _check_group(source, kept, verifier, group, now_ns, found)
            del ordered[: len(group)]
    except _Wrong as wrong:
        found.reproaches.append(Reproach(wrong.fault, "", now_ns, origin=wrong.origin, key=wrong.key))
    except (StrongroomError, OSError, ValueError) as error:
        found.unanswered = error.what if isinstance(error, StrongroomError) else str(error)
    found.left += ordered
    kept.promises = found.left
    known = {one.identity for one in kept.reproaches}
    kept.reproaches += [one for one in found.reproaches if one.identity not in known]
    return found


def _verifier(source: GatewayLog, kept: Kept) -> Verifier:
    if kept.key is not None:
        return Verifier.parse(kept.key)
    try:
        source.receipts(-1, 0)  # finds the gateway's root, where a proxy has moved it
        shown = Verifier.parse(source.file(KEY_FILE).decode("utf-8", "replace"))
    except ConfigurationError:
        raise Missing("the gateway shows no key") from None
    if not any(is_signed(one, shown) for one in kept.promises):
        raise _Wrong(Fault.NO_SIGNER)
    kept.key = str(shown)
    return shown


def is_signed(promise: Promise, verifier: Verifier) -> bool:
    """Whether this key made the promise."""
    try:
        check_promise(verifier, promise.value)
    except (Damaged, LimitExceeded):
        return False
    return True


def _group(ordered: Sequence[Promise]) -> Sequence[Promise]:
    """The first promises, as many as one request covers."""
    first = last = ordered[0].receipt.sequence
    count = 0
    for one in ordered:
        number = one.receipt.sequence
        if number - last > GAP or number - first >= PAGE:
            break
        last = number
        count += 1
    return ordered[:count]


def _check_group(
    source: GatewayLog, kept: Kept, verifier: Verifier, group: Sequence[Promise], now_ns: int, found: CheckedPromises
) -> None:
    first, last = group[0].receipt.sequence, group[-1].receipt.sequence
    page = source.receipts(first - 1, last - first + 2)  # one more: whether the chain goes on without a leaf
    head = _move_head(source, kept, verifier, page.head, found, now_ns)
    if head is None and page.rows:
        raise Damaged("receipts without a head")
    rows: dict[int, Listed] = {}
    for row in page.rows:
        rows[_sequence(row)] = row
    for promise in group:
        number = promise.receipt.sequence
        row_there = rows.get(number)
        if row_there is not None and row_there.leaf == promise.leaf:
            assert head is not None
            try:
                verify_inclusion(row_there.index, head.size, leaf_hash(row_there.leaf), row_there.proof, head.root)
            except Damaged:
                found.reproaches.append(_reproach(Fault.NO_PROOF, promise, now_ns))
                continue
            found.checked += 1
        elif not any(is_signed(promise, one) for one in (verifier, *map(Verifier.parse, kept.earlier))):
            found.reproaches.append(_reproach(Fault.NOT_SIGNED, promise, now_ns))
        elif row_there is not None:
            found.reproaches.append(_reproach(Fault.REPLACED, promise, now_ns))
        elif any(other > number for other in rows):
            found.reproaches.append(_reproach(Fault.PASSED_OVER, promise, now_ns))
        elif not 0 <= now_ns - promise.kept_ns <= LATE_NS:  # also one that was kept while the clock was ahead
            found.late.append(_reproach(Fault.LACKING, promise, now_ns))
            found.left.append(promise)
        else:
            found.left.append(promise)


def _sequence(row: Listed) -> int:
    return parse(row.leaf).sequence


def _reproach(fault: Fault, promise: Promise, now_ns: int) -> Reproach:
    return Reproach(fault, promise.object, now_ns, promise.value)


def _move_head(
    source: GatewayLog, kept: Kept, verifier: Verifier, data: bytes | None, found: CheckedPromises, now_ns: int
) -> Checkpoint | None:
    """The page's head, signed by the pinned key; remembered when it continues the newest one seen before."""
    old = checkpoints.parse(kept.head.encode()) if kept.head is not None else None
    if data is None:
        if old is not None:
            found.reproaches.append(Reproach(Fault.EMPTIED, "", now_ns, signed=old.size))
        return None
    try:
        head = checkpoints.open_checkpoint(data, verifier)
    except Damaged:
        other = checkpoints.parse(data).origin  # what is no head at all proves nothing
        raise _Wrong(Fault.OTHER_KEY, other, str(verifier)) from None
    if old is None or continues(source, old, head):
        kept.head = data.decode()
    elif head.size < old.size:
        found.reproaches.append(Reproach(Fault.SHORTENED, "", now_ns, entries=head.size, signed=old.size))
    else:
        found.reproaches.append(Reproach(Fault.FORKED, "", now_ns, entries=head.size, signed=old.size))
    return head


def continues(source: GatewayLog, old: Checkpoint, new: Checkpoint) -> bool:
    """Whether the log proves that the newer head continues the older one. Raises as ``GatewayLog.file``."""
    if new.size < old.size:
        return False
    node = tiles.node_of(lambda level, number, width: source.file(tiles.path(level, number, width)), new.size)
    proof = consistency_proof(node, old.size, new.size)
    try:
        verify_consistency(old.size, new.size, old.root, new.root, proof)
    except Damaged:
        return False
    return True
