"""How many operators sign what a person decides of a repository, changed after it was adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.custody.care.changing import write_policy
from strongroom.custody.policy import adjusted

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State


def set_operators(state: State, adopted: Adopted, count: int, who: str) -> None:
    """Write it into the policy, and the audit trail. Raises ``ConfigurationError``.

    That enough of them said so is for who keeps the roster to see (``executor/operators.py``): it counts the most that
    it was ever told, or what so many signed, so that this line alone lowers nothing.
    """
    policy = adjusted(adopted.policy, {"operators": count})
    was = f"{adopted.policy.operators} did"
    write_policy(state, adopted, policy, who, f"{count} operators sign", was)
