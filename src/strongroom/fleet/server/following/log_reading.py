"""Reading on in a gateway's log: what came since the last head, proven to continue it (threats X-3, M-2).

The right edge of the tree that was read grows by the hash of each entry; it must lead to the head that the log's key
signed. So what was read before is still there, and all that came since was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from strongroom.base.errors import Damaged, LimitExceeded, Missing, Unavailable
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.leaf import NO_HASH, LeafType, Receipt, parse
from strongroom.receipts.log.merkle import Edge, leaf_hash
from strongroom.receipts.log.tiles import HASH, WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.receipts.log.checkpoint import Checkpoint
    from strongroom.receipts.log.note import Verifier


class LogDoubtful(Damaged):
    """The log did what an honest one does not: its word counts no more until an operator has looked."""


class GatewaySource(Protocol):
    """A gateway whose log can be read."""

    def head(self) -> bytes | None:
        """The newest checkpoint; None while the log is empty. Raises ``Refused``, ``Unavailable``."""
        ...

    def entries(self, number: int, width: int) -> list[bytes]:
        """The first ``width`` entries of a bundle. Raises ``Missing``, ``Damaged``, ``Refused``, ``Unavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class ReadLog:
    """How far a log was read: its size, and the hashes of its right edge."""

    size: int = 0
    edge: bytes = b""

    def grown(self) -> Edge:
        """The edge to go on from."""
        return Edge(self.size, [self.edge[at : at + HASH] for at in range(0, len(self.edge), HASH)])


def read_on(
    source: GatewaySource, verifier: Verifier, before: ReadLog, take: Callable[[Receipt, str], None]
) -> tuple[ReadLog, Checkpoint | None]:
    """Read all that came since; ``take`` hears each receipt with its hash, and nothing counts until this returns.

    Raises ``LogDoubtful``; what ``GatewaySource`` raises for a gateway that does not answer.
    """
    data = source.head()
    if data is None:
        if before.size:
            raise LogDoubtful(f"it is empty, and had {before.size} entries")
        return before, None
    head = _opened(data, verifier)
    if head.size < before.size:
        raise LogDoubtful(f"it was shortened: it has {head.size} entries, and {before.size} were signed")
    edge = before.grown()
    odd: LogDoubtful | None = None
    for one in _entries(source, before.size, head.size):
        hashed = leaf_hash(one)
        edge.append(hashed)
        odd = odd or _taken(one, hashed.hex(), edge.size - 1, take)
    if edge.root() != head.root:
        words = f"it was forked: its {head.size} entries do not continue the {before.size} that were signed before"
        raise LogDoubtful(words if before.size else "its entries are not those that its head was signed over")
    if odd is not None:  # said after a fork, which explains it
        raise odd
    return ReadLog(head.size, b"".join(edge.hashes)), head


def _taken(data: bytes, hashed: str, index: int, take: Callable[[Receipt, str], None]) -> LogDoubtful | None:
    """Hand a receipt on; what is wrong with it, if anything."""
    try:
        take(parse(data), hashed)
    except LogDoubtful as doubt:
        return doubt
    except (Damaged, LimitExceeded) as error:
        return LogDoubtful(f"entry {index} is no receipt: {error.what}")
    return None


def _opened(data: bytes, verifier: Verifier) -> Checkpoint:
    try:
        origin = checkpoints.parse(data).origin
    except (Damaged, LimitExceeded) as error:
        raise Unavailable(f"something in the gateway's place answers: {error.what}") from None
    try:
        return checkpoints.open_checkpoint(data, verifier)
    except Damaged:
        raise LogDoubtful(f"the log {origin} is not signed by the pinned key of {verifier.name}") from None


def _entries(source: GatewaySource, begin: int, size: int) -> Iterator[bytes]:
    for number in range(begin // WIDTH, -(-size // WIDTH)):
        first = number * WIDTH
        try:
            found = source.entries(number, min(WIDTH, size - first))
        except Missing:
            raise Unavailable(f"the log does not show entries {first} and after, which its head covers") from None
        yield from found[max(0, begin - first) :]


class ReceiptChains:
    """Each repository's receipts count without a gap: who leaves some out is seen (M-2)."""

    def __init__(self, known: dict[str, tuple[int, str]], *, whole: bool) -> None:
        """``known``: by repository, the number of its last receipt and its hash; ``whole``: the log from its first."""
        self.ends = dict(known)
        self.changed: set[str] = set()
        self._whole = whole

    def add(self, receipt: Receipt, hashed: str) -> None:
        """Take the next one. Raises ``LogDoubtful``."""
        if self._whole and receipt.type is LeafType.ORIGIN:
            self._whole = False  # the chains go on from the log before this one
        end = self.ends.get(receipt.repository)
        wanted = (0, NO_HASH) if end is None and self._whole else None if end is None else (end[0] + 1, end[1])
        if wanted is not None and (receipt.sequence, receipt.previous) != wanted:
            raise LogDoubtful(f"receipt {receipt.sequence} of a repository does not follow the one before it")
        self.ends[receipt.repository] = (receipt.sequence, hashed)
        self.changed.add(receipt.repository)
