"""The chain of a host's reports: each has the next number and names the hash of the one before.

One key on two machines, or a host that was set back to an old copy of its disk, signs two reports of one number: the
chain forks, and no order of arrival hides it.
"""

from __future__ import annotations

import enum

from strongroom.base.record import record
from strongroom.fleet.protocol.report import HostReport

FIRST = "0" * 64
"""What the first report of a chain names as the one before."""


class Link(enum.Enum):
    """How a report stands to those that came before."""

    NEXT = "next"
    REPEATED = "repeated"
    """It came before, byte for byte: whoever sent it did not hear the answer."""
    GAP = "gap"
    """Reports before it are missing."""
    OLD = "old"
    """It is older than what is remembered; nothing says whether it came before."""
    FORK = "fork"
    """It contradicts another report that the same key signed."""


@record
class ChainHead:
    """The newest report of a host: its number (0 for none) and the SHA-256 of its body."""

    sequence: int
    sha256: str


EMPTY = ChainHead(0, FIRST)


def link_of(head: ChainHead, report: HostReport, sha256: str, known: str | None) -> Link:
    """How the report with this hash stands to the head.

    ``known``: the hash of the report of the same number that came before, where one did.
    """
    if known == sha256:
        return Link.REPEATED
    if report.sequence == head.sequence + 1 and report.previous == head.sha256:
        return Link.NEXT  # whatever another machine has signed with this number, which was said when that came
    if known is not None or report.sequence == head.sequence + 1:
        return Link.FORK
    return Link.GAP if report.sequence > head.sequence else Link.OLD


def missing_after(head: ChainHead, report: HostReport) -> tuple[int, int] | None:
    """The first and last numbers that are missing between the head and the report; None where none is."""
    if report.sequence <= head.sequence + 1:
        return None
    return head.sequence + 1, report.sequence - 1


def undeclared(gaps: list[tuple[int, int]], dropped: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """What is left of gaps once the host said that it dropped those reports: what somebody kept from us."""
    left = sorted(gaps)
    for first, last in dropped:
        pieces = [part for begin, end in left for part in ((begin, min(end, first - 1)), (max(begin, last + 1), end))]
        left = [(begin, end) for begin, end in pieces if begin <= end]
    return left
