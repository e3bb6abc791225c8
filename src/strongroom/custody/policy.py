"""What is kept of a repository and how long decisions wait: the settings of one adopted repository."""

from __future__ import annotations

import json

from strongroom.base.errors import ConfigurationError
from strongroom.base.record import record, replace
from strongroom.retention.guarded import DAY, HOUR, GuardedPolicy


@record
class CustodyPolicy:
    """Days throughout, but for ``rpo_hours``, ``operators``, which is how many sign what a person decides, and
    ``show_names``: 1 where the list of good snapshots names hosts and paths.

    ``expiry`` is E, ``verify`` is W, ``hold`` is H, ``detection`` is D.
    """

    hourly: int = 0
    daily: int = 14
    weekly: int = 8
    monthly: int = 12
    yearly: int = 5
    within: int = 0
    detection: int = 14
    floor: int = 3
    hold: int = 7
    verify: int = 30
    expiry: int = 90
    rpo_hours: int = 48
    operators: int = 0
    show_names: int = 0

    def guarded(self) -> GuardedPolicy:
        """As the rule takes it."""
        return GuardedPolicy(
            hourly=self.hourly,
            daily=self.daily,
            weekly=self.weekly,
            monthly=self.monthly,
            yearly=self.yearly,
            within_ns=self.within * DAY,
            detection_ns=self.detection * DAY,
            floor=self.floor,
        )

    @property
    def rpo_ns(self) -> int:
        """How old the newest good snapshot of a source may be before nothing of it goes, in nanoseconds."""
        return self.rpo_hours * HOUR

    def encode(self) -> str:
        """As the state keeps it."""
        return json.dumps({name: getattr(self, name) for name in NAMES})


NAMES = tuple(CustodyPolicy.__annotations__)


def parse_policy(text: str) -> CustodyPolicy:
    """Read what ``encode`` wrote. Raises ``ConfigurationError``."""
    return adjusted(CustodyPolicy(), json.loads(text))


def adjusted(policy: CustodyPolicy, changes: dict[str, int]) -> CustodyPolicy:
    """The policy with other values. Raises ``ConfigurationError`` where they do not fit together."""
    for name, value in changes.items():
        if name not in NAMES:
            raise ConfigurationError("there is no such setting", subject=name, hint=f"There are {', '.join(NAMES)}.")
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100_000:
            raise ConfigurationError("must be a whole number from 0 to 100000", subject=name)
    found = replace(policy, **changes)
    for wrong, what in (
        (found.floor < 1, "floor: at least one good snapshot of each source stays"),
        (found.hold < 1, "hold: a plan waits for a day at least"),
        (found.detection < 1, "detection: at least a day passes before a snapshot counts"),
        (found.verify < 1, "verify: at least a day"),
        (found.expiry < found.verify + 14, "expiry: must be at least verify and 14 days"),
        (found.operators > 2, "operators: none, one or two sign what a person decides"),
        (found.show_names > 1, "show_names: 1 or 0"),
        (found.rpo_ns >= found.detection * DAY, "rpo_hours: must be shorter than the detection window"),
    ):
        if wrong:
            raise ConfigurationError(what, subject="policy")
    return found
