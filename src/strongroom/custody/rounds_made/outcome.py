"""What a round did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import field, mutable
from strongroom.custody.deletion.preparing import Prepared
from strongroom.custody.evidence.log import LogFindings
from strongroom.custody.healing.versions import Promoted
from strongroom.custody.syncing import Seen
from strongroom.custody.verifying import Verified

if TYPE_CHECKING:
    from strongroom.custody.judging.judge import Judged
    from strongroom.custody.ledger import Incident
    from strongroom.custody.planning import Plan
    from strongroom.custody.spending.budget import Budget


@mutable
class LeftOver:
    """How many objects wait for the next round, to be read, read again and judged; ``spent``: for want of what."""

    unread: int = 0
    unread_again: int = 0
    unjudged: int = 0
    spent: set[str] = field(default_factory=set)

    def note(self, budget: Budget, *, unread: int = 0, unread_again: int = 0, unjudged: int = 0) -> None:
        """What the budget of one step left."""
        self.unread += unread
        self.unread_again += unread_again
        self.unjudged += unjudged
        self.spent |= budget.spent

    def words(self) -> str:
        """In a line; empty where nothing is left."""
        counts = ((self.unread, "read"), (self.unread_again, "read again"), (self.unjudged, "judge"))
        found = ", ".join(f"{count} to {what}" for count, what in counts if count)
        return f"left for want of budget ({', '.join(sorted(self.spent))}): {found}" if self.spent else ""


@mutable
class Outcome:
    """What a round did. ``failure``: why it ended early, in words; empty where it went through."""

    repository: str
    name: str
    number: int = 0
    began_ns: int = 0
    log: LogFindings = field(default_factory=LogFindings)
    seen: Seen = field(default_factory=Seen)
    read: Verified = field(default_factory=Verified)
    read_again: Verified = field(default_factory=Verified)
    left: LeftOver = field(default_factory=LeftOver)
    made_good: list[str] = field(default_factory=list)
    """Packs that are gone or damaged and whose blobs all lie in others now."""
    promoted: Promoted = field(default_factory=Promoted)
    liars: list[tuple[str, str]] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)
    """Records of earlier rounds that were hidden, and are the current ones again."""
    obstacle: str = ""
    """Why an index that lies cannot be set aside, or one that lacks be written, or nothing go, in words."""
    indexed: list[str] = field(default_factory=list)
    """Index files written since no other named packs that snapshots need."""
    judged: list[Judged] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    prepared: Prepared = field(default_factory=Prepared)
    open_ones: list[Incident] = field(default_factory=list)
    """The incidents that are open at its end."""
    failure: str = ""
