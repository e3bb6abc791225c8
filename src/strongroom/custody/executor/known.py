"""What the executor has pinned of a repository."""

from __future__ import annotations

from strongroom.base.record import record, replace

DAY = 24 * 3600 * 10**9


@record
class Known:
    """A repository as it was pinned."""

    id: str
    store: str
    judge: str
    epoch: int
    hold_ns: int
    expiry_ns: int
    looked_ns: int | None
    """When it looked for the first time; None before that."""
    operators: int = 0
    detection_ns: int = 0
    changes: int = 0

    def told(self, hold_days: int, expiry_days: int, detection_days: int, operators: int) -> Known:
        """With what it is told now: the most that it ever was counts."""
        return replace(
            self,
            hold_ns=max(self.hold_ns, hold_days * DAY),
            expiry_ns=max(self.expiry_ns, expiry_days * DAY),
            detection_ns=max(self.detection_ns, detection_days * DAY),
            operators=max(self.operators, operators),
        )
