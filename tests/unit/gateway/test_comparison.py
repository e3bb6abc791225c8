"""The log against the store: what the comparison says is what differs, whatever the order of events and pages."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.clock import SystemClock
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.database.engine import Database
from strongroom.gateway import comparison, registry
from strongroom.gateway.comparison import LogDifference, differences
from strongroom.receipts.commit.committer import Draft, commit_group
from strongroom.receipts.commit.log_state import migrate
from strongroom.receipts.log.leaf import LeafType
from strongroom.storage.contract import Info
from strongroom.storage.local.store import LocalStore

NAMES = [
    CONFIG,
    *(
        ObjectName(kind, hashlib.sha256(bytes([number])).hexdigest())
        for kind in (Kind.DATA, Kind.INDEX, Kind.KEY, Kind.SNAPSHOT)
        for number in range(4)  # the same names in each kind
    ),
]
MINE, OTHER = "1" * 32, "2" * 32
WENT = (LeafType.TRASH, LeafType.PURGE, LeafType.RECONCILED)
CAME = (LeafType.CREATE, LeafType.ADOPTED, LeafType.RECOVERED, LeafType.RESTORE)


class Shelf(LocalStore):
    """A store that has what it is given, and a lock."""

    def __init__(self, names: frozenset[ObjectName]) -> None:
        super().__init__("/nowhere")
        self._names = names | {ObjectName(Kind.LOCK, "a" * 64)}

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        assert after is None
        for name in sorted((one for one in self._names if one.kind is kind), key=lambda one: one.name):
            yield Info(name, 1, 7)


@pytest.mark.parametrize("page", [1, 3, 1000])
@settings(max_examples=25, deadline=None)
@given(
    events=st.lists(st.tuples(st.sampled_from([MINE, OTHER]), st.sampled_from(NAMES), st.sampled_from(CAME + WENT))),
    stored=st.frozensets(st.sampled_from(NAMES)),
)
def test_the_comparison_finds_exactly_what_differs(
    page: int, events: list[tuple[str, ObjectName, LeafType]], stored: frozenset[ObjectName]
) -> None:
    """What the log says is there and the store lacks is lost; what the store has beyond it has no receipt."""
    comparison_page, comparison.PAGE = comparison.PAGE, page
    try:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(f"sqlite:///{Path(folder)}/gateway.db")
            migrate(database)
            drafts = [Draft(kind, who, kind=name.kind.value, name=name.name) for who, name, kind in events]
            alarm = Draft(LeafType.ALARM, MINE, detail="no object of its own")
            commit_group(database, [*drafts, alarm], SystemClock(), "")
            last = {name: kind for who, name, kind in events if who == MINE}
            logged = {name for name, kind in last.items() if kind in CAME}
            found = list(differences(database, MINE, Shelf(stored)))
            assert {one.name for one in found if one.lost} == logged - stored
            assert {one.name for one in found if not one.lost} == stored - logged
            places = [(one.name.name, one.name.kind.value) for one in found]
            assert places == sorted(set(places))
            assert {one.name for one in differences(database, MINE, None)} == logged
            assert {name for name in NAMES if registry.is_logged(database, MINE, name)} == logged
            database.close()
    finally:
        comparison.PAGE = comparison_page


def test_what_has_no_receipt_carries_the_stores_stamp() -> None:
    """The stamp of a stray object is the store's, since young ones may belong to an upload that is going on."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder)}/gateway.db")
        migrate(database)
        assert list(differences(database, MINE, Shelf(frozenset(NAMES[1:2])))) == [LogDifference(NAMES[1], False, 7)]
        database.close()
