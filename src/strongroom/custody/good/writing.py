"""Writing the list, with the record of the round: prepared in the state in one step with it, then written before it.

So a round that fails or is killed leaves none, or one that is whole and that the next round writes again as it is.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.record import record
from strongroom.custody.good.choosing import chosen, in_seconds
from strongroom.custody.good.text import FOLDER, GoodList, body, file_name
from strongroom.custody.schemas.good import good_list
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.custody.state import Adopted, State
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.own.contract import OwnFiles

KEPT = 30
"""So many lists stay, where somebody may remove the others."""
_REMEMBERED = 100
"""Of lists that nobody could remove so many are known."""


@record
class WrittenList:
    """The newest list that this state made: its file's name, when, and the key that signed it."""

    name: str
    made_ns: int
    judge: str

    @property
    def number(self) -> int:
        """Its number, which is that of a round."""
        return int(self.name.partition("-")[0])


def written_list(state: State, repository: str) -> WrittenList | None:
    """The newest list that stands beside the repository; None where no round wrote one."""
    with state.database.read() as connection:
        row = connection.execute(*_row_query(repository)).one_or_none()
    if row is None:
        return None
    names = json.loads(row.kept)[: -1 if row.waiting is not None else None]
    return WrittenList(names[-1], row.made_ns, row.judge) if names else None


def prepare_list(state: State, connection: sa.Connection, adopted: Adopted, number: int, signer: Signer) -> str:
    """The name of the list that the record of this number names: the one that stands there, or one that is kept here to
    be written, where something changed. Empty where nothing was ever good."""
    repository = adopted.id
    before = connection.execute(*_row_query(repository)).one_or_none()
    sources = chosen(connection, repository, hidden=not adopted.policy.show_names)
    said = "\n".join([str(signer.verifier), *body(sources)])
    digest = hashlib.sha256(said.encode()).hexdigest()
    if before is None and not sources:
        return ""
    if before is not None and before.digest == digest:
        return str(before.name)
    now_ns = state.clock.now_ns()
    made = GoodList(repository, number, in_seconds(now_ns), "" if before is None else before.name, sources)
    data = made.sign(signer)
    name = file_name(number, data)
    kept = [*([] if before is None else json.loads(before.kept)), name][-_REMEMBERED:]
    table = good_list.name
    state.database.change(connection, f"DELETE FROM {table} WHERE repository = ?", repository)
    insert = (
        f"INSERT INTO {table} (repository, name, made_ns, digest, judge, kept, waiting) VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    values = (name, now_ns, digest, str(signer.verifier), json.dumps(kept), data)
    state.database.change(connection, insert, repository, *values)
    return name


def write_list(state: State, files: OwnFiles, repository: str) -> bool:
    """Write the list that is kept for it; whether there was one. Raises the store's errors."""
    with state.database.read() as connection:
        row = connection.execute(*_row_query(repository)).one_or_none()
    if row is None or row.waiting is None:
        return False
    files.write_once(f"{FOLDER}/{row.name}", bytes(row.waiting))
    return True


def note_list_written(state: State, connection: sa.Connection, repository: str) -> None:
    """It is there, and so is the record that names it."""
    state.database.change(connection, f"UPDATE {good_list.name} SET waiting = NULL WHERE repository = ?", repository)


def tidy_lists(state: State, repository: str, remove: Callable[[str], None]) -> None:
    """Remove all lists of ours but the newest. ``remove`` takes a path below ``.strongroom/``; what it raises is
    raised, and those that it removed until then are forgotten."""
    with state.database.read() as connection:
        row = connection.execute(*_row_query(repository)).one_or_none()
    kept = [] if row is None else json.loads(row.kept)
    if row is None or len(kept) <= KEPT:
        return
    left = list(kept)
    try:
        for name in kept[:-KEPT]:
            remove(f"{FOLDER}/{name}")
            left.remove(name)
    finally:
        if left != kept:
            with state.database.write() as connection:
                change = f"UPDATE {good_list.name} SET kept = ? WHERE repository = ? AND kept = ?"
                state.database.change(connection, change, json.dumps(left), repository, row.kept)


@prepared
def _row_query(repository: str) -> sa.Select[Any]:
    return sa.select(good_list).where(good_list.c.repository == repository)
