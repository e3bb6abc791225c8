"""How many operators sign what a person decides of a repository, changed after it was adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.custody.policy import adjusted
from strongroom.custody.schema import repository

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State


def set_operators(state: State, adopted: Adopted, count: int, who: str) -> None:
    """Write it into the policy, and the audit trail. Raises ``ConfigurationError``.

    That enough of them said so is for who keeps the roster to see (``executor/operators.py``): it counts the most that
    it was ever told, or what so many signed, so that this line alone lowers nothing.
    """
    policy = adjusted(adopted.policy, {"operators": count})
    with state.database.write() as connection:
        connection.execute(repository.update().where(repository.c.id == adopted.id).values(policy=policy.encode()))
        state.record(connection, who, adopted.id, f"{count} operators sign", f"{adopted.policy.operators} did")
