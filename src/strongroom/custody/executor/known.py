"""What the executor has pinned of a repository."""

from __future__ import annotations

from strongroom.base.errors import Refused
from strongroom.base.record import record, replace
from strongroom.base.redact import without_login

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


def known_at(known: Known | None, repository: str, store_url: str, judge: str) -> Known:
    """What is pinned, or what is to be pinned now, without the login that a URL may have: each machine has its own.

    Raises ``Refused`` where another judge or another place is pinned.
    """
    place = without_login(store_url)
    if known is None:
        return Known(repository, place, judge, 0, 0, 0, None)
    if known.judge != judge:
        raise Refused(
            "the executor knows another judge for this repository",
            subject=repository[:10],
            hint="If you made the judge's key anew: take the repository out of the executor's record.",
        )
    if without_login(known.store) != place:
        raise Refused("the executor knows this repository at another place", subject=without_login(known.store))
    return replace(known, store=place)  # earlier releases wrote a token down with it
