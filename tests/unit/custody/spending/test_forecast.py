"""What is said of a round beforehand is what it then does."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.foreseen.ahead import look_ahead
from strongroom.custody.foreseen.forecast import Forecast, forecast
from strongroom.custody.foreseen.prices import Prices, prices_of
from strongroom.custody.planned.plans import plan_rows
from strongroom.custody.spending.budget import Limits, Spending
from strongroom.custody.spending.counted import Requests, pages
from strongroom.storage.contract import StoreKind
from strongroom.storage.local.store import LocalStore
from tests.support.custody.fixtures import clock, custody, days, host
from tests.support.custody.in_process import DAY, Custody, Host
from tests.support.custody.watched import Watched

__all__ = ["clock", "custody", "host"]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A month after the first round: all is to be read again, a pack is gone, an index was written anew, and there are
    forty new packs."""
    made = Watched(tmp_path)
    for number in range(6):
        made.backup({"a": f"honest {number}".encode() * 100})
    made.adopt()
    made.round()
    made.later(days=29)
    made.pack(0).unlink()
    changed = next(path for path in (made.forge.place / "index").iterdir())
    changed.write_bytes(changed.read_bytes())
    for number in range(40):
        made.forge.pack(("data", f"more {number}".encode() * 200))
    made._stamp_all()
    made.stamp(changed, made.machine.clock.seconds)
    return made


def _forecast(watched: Watched, limits: Limits) -> Forecast:
    spending = Spending(limits, watched.machine.clock)
    return forecast(watched.state, watched.adopted, LocalStore(str(watched.forge.place)), spending, looks=1)


@pytest.mark.parametrize("limits", [Limits(), Limits(requests=40), Limits(bytes=6000)])
def test_a_round_reads_and_asks_for_what_was_said(watched: Watched, limits: Limits) -> None:
    """Objects, bytes, requests by class and what a budget leaves, each as foreseen."""
    found = _forecast(watched, limits)
    assert (len(found.new), len(found.changed), len(found.unlisted)) == (40, 1, 1)
    again = _forecast(watched, limits)
    assert again == found  # nothing was written down
    spending = Spending(limits, watched.machine.clock)
    outcome = watched.round(spending=spending)
    assert outcome.seen.new == list(found.new)
    assert outcome.seen.altered == list(found.changed)
    assert outcome.seen.missing == list(found.unlisted)
    assert (outcome.read.objects, outcome.read.bytes) == (found.read.objects, found.read.bytes)
    assert (outcome.read_again.objects, outcome.read_again.bytes) == (found.read_again.objects, found.read_again.bytes)
    assert (outcome.left.unread, outcome.left.unread_again) == (found.left.unread, found.left.unread_again)
    assert bool(found.left.words()) == (limits != Limits())
    asked = spending.requests
    assert (asked.lists, asked.heads) == (found.requests.lists - 1, found.requests.heads)  # it prepares nothing
    assert asked.reads >= found.requests.reads


def test_a_quiet_round_asks_for_just_what_was_said(custody: Custody, host: Host) -> None:
    """With a judge's key: four lists and the locks, the config and the key; nothing is read."""
    host.backup()
    for _ in range(2):
        custody.round()
        custody.hand_over()
    custody.clock.advance(3600)
    spending = Spending(Limits(), custody.clock)
    found = forecast(custody.state, custody.adopted, custody.store(), Spending(Limits(), custody.clock), looks=1)
    custody.round(spending=spending)
    assert found.requests == spending.requests == Requests(5, 1, 1, 0)
    assert found.judges == found.read.objects == 0


def test_what_is_due_and_would_be_planned_is_what_then_goes(custody: Custody, host: Host) -> None:
    """Day by day: a plan that is said to wait lets nothing go, and what is said to go and to be planned does and is."""
    seen = set()
    for _ in range(9):
        days(custody, host, 1, look=False)
        custody.clock.advance(DAY / 2)
        ahead = look_ahead(custody.state, custody.adopted, custody.clock.now_ns())
        before = {row.number for row in plan_rows(custody.state, custody.adopted.id)}
        custody.round()
        fresh = {
            f"snapshots/{name}" for plan in custody.round().plans if plan.number not in before for name in plan.remove
        }
        assert {name for name, _ in ahead.planned} >= fresh
        assert all(why for _, why in ahead.planned)
        went = {one.number: set(one.removed) for one in custody.hand_over().plans}
        for plan in ahead.plans:
            goes = {name for name, why in plan.goes if why}
            assert went.get(plan.number, set()) <= (set() if plan.waits else goes)
            seen |= {(plan.kind, bool(plan.waits), bool(went.get(plan.number)))}
            assert plan.kind != "snapshots" or plan.waits or went[plan.number] == goes
    assert ("snapshots", True, False) in seen and ("snapshots", False, True) in seen


def test_prices() -> None:
    """By the thousand requests and the GiB; what a table leaves out costs nothing, and no table is no price."""
    prices = prices_of({"b2": {"lists": 4, "reads": 0.4, "gib": 0.01, "currency": "EUR"}}, "b2")
    assert prices == Prices("EUR", 4.0, 0.0, 0.4, 0.0, 0.01)
    assert prices.of(Requests(500, 9, 5000, 9), 3 << 30) == pytest.approx(2 + 2 + 0.03)
    assert prices_of({"b2": {}}, None) is None
    assert prices_of({"default": {}}, None) is not None


def test_a_bucket_is_listed_by_the_thousand() -> None:
    """An empty one is one request."""
    assert [pages(StoreKind.S3, count) for count in (0, 1, 1000, 1001)] == [1, 1, 1, 2]
    assert pages(StoreKind.REST, 10**6) == pages(StoreKind.LOCAL, 10**6) == 1


def test_what_we_removed_and_a_bucket_still_lists_is_no_news(custody: Custody, host: Host) -> None:
    """A tagged object stays in the lists until the store's rule ends it; nobody reads it again."""
    went = days(custody, host, 9, look=False)
    name = next(name for _, kind, names in went if kind == "snapshots" for name in names)
    kind, _, rest = name.partition("/")
    kept = next(path for path in (custody.place / ".strongroom" / "trash").rglob(f"{rest}.*"))
    target = custody.place / kind / rest
    target.write_bytes(kept.read_bytes())
    found = forecast(custody.state, custody.adopted, custody.store(), Spending(Limits(), custody.clock))
    assert ObjectName(Kind(kind), rest) not in found.new
