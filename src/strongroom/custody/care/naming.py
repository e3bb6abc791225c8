"""That the recovery identity names new operators is an incident of each repository, until it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.custody.executor.succession import Succession
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import open_things, set_incident
from strongroom.format import rfc3339

if TYPE_CHECKING:
    from strongroom.custody.executor.records import Records
    from strongroom.custody.executor.succession import Naming
    from strongroom.custody.state import Adopted, State

_ROSTER = "operators"


def naming_words(waits: Naming) -> str:
    """Who becomes an operator, when, and who asked."""
    names = ", ".join(one.name for one in waits.keys)
    due, asked = rfc3339.format_utc(waits.due_ns), rfc3339.format_utc(waits.asked_ns)
    who = "operator" if len(waits.keys) == 1 else "operators"
    return f"{names} will be the only {who} from {due} on: the recovery identity asked for it at {asked}"


def note_naming(state: State, adopted: Adopted, records: Records) -> None:
    """Say it in the state as the executor's record has it, which notes that it looked."""
    waits = Succession(records).look()
    words = "" if waits is None else naming_words(waits)
    if waits is None:
        with state.database.read() as connection:
            if (Code.OPERATORS.value, _ROSTER) not in open_things(connection, adopted.id):
                return
    with state.database.write() as connection:
        now_ns = state.clock.now_ns()
        set_incident(connection, adopted.id, Code.OPERATORS, _ROSTER, words, now_ns, wrong=waits is not None)
