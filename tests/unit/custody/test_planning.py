"""Plans: who waits in which, for how long, and what holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.custody.arrival import CLAIMED, STAMP
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.planning import Plan, decisions, make_plans
from strongroom.custody.policy import CustodyPolicy
from strongroom.custody.schemas import main as schema
from strongroom.custody.state import Adopted, State
from strongroom.retention.guarded import DAY
from tests.support.repositories import START_NS, ManualClock

POLICY = CustodyPolicy(daily=10, weekly=0, monthly=0, yearly=0, detection=3, floor=1)
ID = "ab" * 32


class Shelf:
    """A state with snapshots that need no store."""

    def __init__(self, place: Path) -> None:
        self.clock = ManualClock()
        self.state = State(str(place), self.clock, create=True)
        with self.state.database.write() as connection:
            connection.execute(
                schema.repository.insert().values(
                    id=ID,
                    name="web01",
                    store="nowhere",
                    adopted_ns=START_NS,
                    config_sha256="",
                    key_name="",
                    sealed_master=b"",
                    sealed_password=b"",
                    policy=POLICY.encode(),
                    generation=0,
                    losses=0,
                    returned=0,
                    config=b"",
                    key_file=b"",
                )
            )
        self.lease = self.state.claim(ID, "a test")
        self.count = 0

    @property
    def adopted(self) -> Adopted:
        return self.state.repository("web01")

    def arrive(self, source: str = "web:/", *, verdict: str = "good", evidence: str = STAMP, days: float = 0) -> str:
        """A snapshot that came now, or so many days ago."""
        self.count += 1
        name = f"{self.count:064x}"
        now_ns = self.clock.now_ns() - int(days * DAY)
        with self.state.writing(self.lease) as connection:
            connection.execute(
                schema.stored.insert().values(
                    repository=ID,
                    kind="snapshots",
                    name=name,
                    size=1,
                    arrival_ns=now_ns,
                    earliest_ns=now_ns,
                    evidence=evidence,
                    verified_ns=now_ns,
                    proven=0,
                )
            )
            connection.execute(
                schema.snapshot.insert().values(
                    repository=ID,
                    id=name,
                    source=source,
                    claimed_ns=now_ns,
                    arrival_ns=now_ns,
                    document="{}",
                    verdict=verdict,
                    judged_ns=now_ns,
                    reasons="[]",
                    measures="{}",
                    operator="",
                    pinned=0,
                    generation=0,
                    whole=0,
                )
            )
        return name

    def update(self, snapshot: str, **values: object) -> None:
        """Change what is written of one."""
        with self.state.writing(self.lease) as connection:
            connection.execute(schema.snapshot.update().where(schema.snapshot.c.id == snapshot).values(values))

    def plan(self) -> list[Plan]:
        """What a round plans."""
        return make_plans(self.state, self.lease, self.adopted, self.clock.now_ns())

    def days(self, count: int, source: str = "web:/") -> list[Plan]:
        """So many days with a good snapshot and a plan each; the plans of the last."""
        found: list[Plan] = []
        for _ in range(count):
            self.clock.seconds += 86400
            self.arrive(source)
            found = self.plan()
        return found


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty one."""
    made = Shelf(tmp_path / "state")
    yield made
    made.state.close()


def test_each_day_has_a_plan_of_its_own_and_no_hold_begins_anew(shelf: Shelf) -> None:
    """A snapshot a day leaves by the policy; each waits its seven days once, in one plan."""
    plans = shelf.days(40)
    assert len(plans) > 7
    assert all(len(one.remove) == 1 for one in plans)
    names = [name for one in plans for name in one.remove]
    assert len(names) == len(set(names))
    assert plans[0].due_ns < shelf.clock.now_ns()
    assert [one.due_ns - one.made_ns for one in plans] == [7 * DAY] * len(plans)


def test_what_the_rule_keeps_again_leaves_its_plan(shelf: Shelf) -> None:
    """A pinned snapshot leaves its plan, whose hold goes on; a plan of nothing is cancelled."""
    plans = shelf.days(20)
    first, second = plans[0], plans[1]
    shelf.update(first.remove[0], pinned=1)
    again = shelf.plan()
    assert first.number not in {one.number for one in again}
    assert second in again


def test_an_open_incident_freezes_every_plan_and_an_end_of_it_frees_them(shelf: Shelf) -> None:
    """Frozen and held are states of the same plans."""
    before = shelf.days(20)
    with shelf.state.writing(shelf.lease) as connection:
        open_incident(connection, ID, Code.MISSING, "data/x", "gone", shelf.clock.now_ns())
    frozen = shelf.plan()
    assert [one.number for one in frozen] == [one.number for one in before]
    assert {one.state for one in frozen} == {"frozen"}
    with shelf.state.writing(shelf.lease) as connection:
        close_incident(connection, ID, Code.MISSING, "data/x", shelf.clock.now_ns())
    assert {one.state for one in shelf.plan()} == {"held"}


def test_more_than_a_quarter_at_once_is_frozen(shelf: Shelf) -> None:
    """A policy that is made short all at once takes nothing before somebody looks."""
    shelf.days(20)
    shelf.clock.seconds += 86400 * 1.5
    short = json.dumps(json.loads(POLICY.encode()) | {"daily": 1})
    with shelf.state.database.write() as connection:
        connection.execute(schema.repository.update().values(policy=short))
    plans = shelf.plan()
    assert plans[-1].state == "frozen"
    assert "more than 25%" in plans[-1].breakers[0]


def test_a_source_that_went_quiet_holds_up_no_other(shelf: Shelf) -> None:
    """Of a source without a good snapshot within the RPO nothing goes; the other's plans go on."""
    for _ in range(20):
        shelf.clock.seconds += 43200
        shelf.arrive("quiet:/")
        shelf.clock.seconds += 43200
        shelf.arrive("web:/")
    shelf.days(8)
    gone = {name for one in shelf.plan() for name in one.remove}
    sources = {one.source for one in decisions(shelf.state, shelf.adopted, shelf.clock.now_ns()) if one.id in gone}
    assert sources == {"web:/"}


def test_what_was_adopted_stays_until_its_claims_are_old_enough(shelf: Shelf) -> None:
    """Of an adopted repository nothing goes before adoption and E; then each window keeps its first and its last."""
    names = [shelf.arrive(evidence=CLAIMED, days=5 + number / 100) for number in range(30)]
    shelf.days(20)
    kept = {one.id for one in decisions(shelf.state, shelf.adopted, shelf.clock.now_ns()) if one.keep}
    assert set(names) <= kept
    with shelf.state.database.write() as connection:
        wide = json.dumps(json.loads(POLICY.encode()) | {"daily": 1000})
        connection.execute(schema.repository.update().values(policy=wide))
    shelf.days(90)
    kept = {one.id for one in decisions(shelf.state, shelf.adopted, shelf.clock.now_ns()) if one.keep}
    assert len(kept & set(names)) in (2, 4)


def test_a_damaged_snapshot_takes_no_slot(shelf: Shelf) -> None:
    """One whose own file has a fault is bad, whatever was said of it before."""
    shelf.days(20)
    (newest,) = shelf.days(1)[-1].remove or [""]
    with shelf.state.writing(shelf.lease) as connection:
        connection.execute(schema.stored.update().where(schema.stored.c.name == newest).values(fault="rot"))
    (found,) = (one for one in decisions(shelf.state, shelf.adopted, shelf.clock.now_ns()) if one.id == newest)
    assert (found.keep, found.reasons) == (True, ("bad: an operator must look",))
