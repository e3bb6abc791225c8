"""The incidents of what a store did not give while snapshots were judged: nothing goes until it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.custody.incidents import NOT_GIVEN_BEFORE, Code
from strongroom.custody.ledger import close_incident, open_incident, open_things

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.custody.state import Lease, State


def say_what_was_not_given(state: State, lease: Lease, repository: str, refused: Mapping[str, str]) -> None:
    """Open an incident for each object that was not given, and close those of objects that were, or nobody needs."""
    now_ns = state.clock.now_ns()
    with state.writing(lease) as connection:
        things = {thing for code, thing in open_things(connection, repository) if code == Code.UNREADABLE.value}
        for thing in things:
            if thing.startswith(NOT_GIVEN_BEFORE) and thing.removeprefix(NOT_GIVEN_BEFORE) not in refused:
                close_incident(connection, repository, Code.UNREADABLE, thing, now_ns)
        for name, what in refused.items():
            words = f"the store does not give it ({what}): snapshots that need it cannot be judged, and nothing goes"
            open_incident(connection, repository, Code.UNREADABLE, f"{NOT_GIVEN_BEFORE}{name}", words, now_ns)
