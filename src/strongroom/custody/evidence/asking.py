"""Asking the gateway's log: receipts with proofs, under a head that continues the pinned one (threats X-3, M-2, W-1).

What an honest log cannot do is a doubt that stays until an operator has looked. That nobody answers is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Damaged, LimitExceeded, Missing, StrongroomError
from strongroom.base.record import field, mutable
from strongroom.receipts.client.promise_check import continues
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log import tiles
from strongroom.receipts.log.leaf import Receipt, hash_of, parse
from strongroom.receipts.log.merkle import consistency_proof, leaf_hash, verify_inclusion
from strongroom.receipts.log.note import Verifier
from strongroom.receipts.witness.client import Contradiction

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.receipts.client.gateway_log import GatewayLog, Page
    from strongroom.receipts.log.checkpoint import Checkpoint
    from strongroom.receipts.witness.client import WitnessClient

_ROTATED = re.compile(r".*/log[0-9]+\Z")
"""The name of a log that was begun where another ended: a repository's chain of receipts goes on in it."""
PAGE = 2000
"""So many receipts are asked for at once."""


class LogDoubt(Exception):
    """The log did what an honest one does not. ``str`` says what, in words."""


@mutable
class Proven:
    """What a log proved since it was asked last."""

    served: str
    sequence: int
    previous: str
    head: Checkpoint | None = None
    note: bytes | None = None
    """The head as it was signed."""
    rotated: bool = False
    """Whether it goes on where another log ended, so that the first receipt in it may be any of the chain."""
    rows: list[tuple[int, Receipt]] = field(default_factory=list)
    """Receipts with their indexes in the log, in the order of the repository's chain."""
    witnessed: list[tuple[int, int]] = field(default_factory=list)
    """Sizes of the log with the times at which a witness countersigned them, in nanoseconds."""


def ask(source: GatewayLog, row: Any) -> Proven:
    """What came since the last look; ``row`` is the pin. Raises ``LogDoubt``, and what ``GatewayLog`` raises."""
    verifier = Verifier.parse(row.key)
    old = checkpoints.parse(bytes(row.head)) if row.head is not None else None
    found = Proven(row.served, row.sequence, row.previous, rotated=_ROTATED.match(verifier.name) is not None)
    while True:
        page = source.receipts(found.sequence, PAGE)
        if page.head is None:
            if old is not None:
                raise LogDoubt(f"it is empty, and had {old.size} entries")
            return found
        found.head = _head(source, page.head, verifier, found.head or old)
        found.note = page.head
        _take(page, found.head, found)
        if len(page.rows) < PAGE:
            return found


def _head(source: GatewayLog, data: bytes, verifier: Verifier, old: Checkpoint | None) -> Checkpoint:
    try:
        head = checkpoints.open_checkpoint(data, verifier)
    except Damaged:
        origin = checkpoints.parse(data).origin  # what is no head at all proves nothing
        raise LogDoubt(f"the log {origin} is not signed by the pinned key of {verifier.name}") from None
    if old is None or continues(source, old, head):
        return head
    if head.size < old.size:
        raise LogDoubt(f"it was shortened: it has {head.size} entries, and {old.size} were signed")
    raise LogDoubt(f"it was forked: its {head.size} entries do not continue the {old.size} that were signed before")


def _take(page: Page, head: Checkpoint, found: Proven) -> None:
    """Hold each receipt against its proof and against the chain of the repository's receipts."""
    for listed in page.rows:
        try:
            verify_inclusion(listed.index, head.size, leaf_hash(listed.leaf), listed.proof, head.root)
            receipt = parse(listed.leaf)
        except (Damaged, LimitExceeded) as problem:
            raise LogDoubt(f"the proof for receipt {found.sequence + 1} leads nowhere: {problem.what}") from None
        if found.served not in ("", receipt.repository):
            raise LogDoubt("it shows receipts of another repository in place of this one's")
        begins = found.rotated and found.sequence < 0
        if not begins and (receipt.sequence != found.sequence + 1 or receipt.previous != found.previous):
            raise LogDoubt(f"receipt {receipt.sequence} does not follow receipt {found.sequence}: some are left out")
        found.served = receipt.repository
        found.sequence, found.previous = receipt.sequence, hash_of(listed.leaf)
        found.rows.append((listed.index, receipt))


def ask_witness(source: GatewayLog, witness: WitnessClient, verifier: Verifier, found: Proven) -> None:
    """Have the witness countersign the head now, and note when it says that is.

    Raises ``LogDoubt`` where the log's own key signed another past for the witness than for us, ``StrongroomError``
    where the witness says nothing that can be believed.
    """
    head = found.head
    if head is None:
        return
    remembered = witness.latest(head.origin)
    if remembered is not None and remembered.size > 0:
        _compare(source, verifier, remembered, head)
    if remembered is not None and remembered.size > head.size:
        return  # the log grew meanwhile; the next round asks again
    try:
        signed = witness.submit(head, 0 if remembered is None else remembered.size, _prover(source, head))
    except Contradiction as problem:
        raise Damaged(f"the witness does not countersign what it countersigned before: {problem.what}") from None
    assert signed.note is not None
    seconds = witness.verifier.verify(signed.note)
    assert seconds is not None
    found.witnessed.append((head.size, seconds * 10**9))


def _compare(source: GatewayLog, verifier: Verifier, remembered: Checkpoint, head: Checkpoint) -> None:
    """Hold what the witness remembers against our head: a contradiction under the log's own key is the log's."""
    try:
        theirs = checkpoints.open_checkpoint(remembered.encode(), verifier)
    except (Damaged, ValueError):
        raise Damaged("the witness shows a head that the log never signed") from None
    if theirs.size > head.size:
        newest = source.receipts(-1, 0).head
        if newest is None or checkpoints.open_checkpoint(newest, verifier).size < theirs.size:
            raise LogDoubt(f"a witness saw {theirs.size} entries, and we are shown {head.size}: an old state")
        if not continues(source, head, theirs):
            raise LogDoubt("a witness saw another past than we are shown")
    elif not continues(source, theirs, head):
        raise LogDoubt("a witness saw another past than we are shown")


def _prover(source: GatewayLog, head: Checkpoint) -> Callable[[int], list[bytes]]:
    node = tiles.node_of(lambda level, number, width: source.file(tiles.path(level, number, width)), head.size)
    return lambda old: consistency_proof(node, old, head.size)


def countersigned(source: GatewayLog, witness: Verifier, verifier: Verifier) -> tuple[int, int] | None:
    """Size and time (nanoseconds) of the newest head that the gateway had countersigned; None where it has none."""
    try:
        data = source.file("checkpoint.cosigned")
        found = checkpoints.open_checkpoint(data, verifier)
        assert found.note is not None
        seconds = witness.verify(found.note)
    except (Missing, StrongroomError):
        return None
    return None if seconds is None else (found.size, seconds * 10**9)
