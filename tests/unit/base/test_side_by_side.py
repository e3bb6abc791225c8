"""Long work on several things: in order, and none behind one that never ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from strongroom.base import side_by_side as module
from strongroom.base.side_by_side import side_by_side
from tests.support.waiting import PATIENCE


def test_one_after_the_other() -> None:
    """Where each ends soon, the next one begins when it is over."""
    heard: list[str] = []

    def work(name: str) -> None:
        heard.append(f"{name} begins")
        heard.append(f"{name} ends")

    side_by_side(["a", "b", "c"], work)
    assert heard == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


def test_nobody_waits_for_one_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ends only when the last was done; at most so many are under way at once."""
    monkeypatch.setattr(module, "HEAD_START", 0.05)
    last, under_way, most = threading.Event(), set[int](), list[int]()

    def work(number: int) -> None:
        under_way.add(number)
        most.append(len(under_way))
        if number == 8:
            last.set()
        if number % 2 == 0:
            assert last.wait(PATIENCE)
        under_way.discard(number)

    side_by_side([0, 1, 2, 3, 4, 5, 8], work)
    assert not under_way
    assert max(most) <= module.MOST


def test_those_that_take_very_long_keep_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """More of them than may run at once, and the one behind them begins all the same."""
    monkeypatch.setattr(module, "HEAD_START", 0.01)
    monkeypatch.setattr(module, "LONG", 0.05)
    last = threading.Event()

    def work(number: int) -> None:
        if number == module.MOST + 2:
            last.set()
        assert last.wait(PATIENCE)

    side_by_side(range(module.MOST + 3), work)


def test_what_they_cost_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that cost too much beside each other wait, whoever is under way for however long; one that costs more than
    all may has its turn alone."""
    monkeypatch.setattr(module, "HEAD_START", 0.02)
    costs, under_way, together = [3, 3, 20, 4, 5, 1], list[int](), list[list[int]]()
    free, both, guard = threading.Event(), threading.Barrier(2), threading.Lock()

    def work(cost: int) -> None:
        with guard:
            under_way.append(cost)
            together.append(list(under_way))
        if cost == 3:
            both.wait(PATIENCE)  # there is room for the other one
        free.wait(0.2)
        under_way.remove(cost)

    side_by_side(costs, work, lambda cost: cost, most=10)
    assert sorted(one[-1] for one in together) == sorted(costs)
    assert all(sum(one) <= 10 or one == [20] for one in together), together
    assert [3, 3] in together


def test_an_error_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised once those under way have ended, and no other begins."""
    monkeypatch.setattr(module, "HEAD_START", 0.01)
    failed, ended, begun = threading.Event(), threading.Event(), list[int]()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            assert failed.wait(PATIENCE)
            ended.set()
        if number == 1:
            failed.set()
            raise ValueError("of the second")

    def items() -> Iterator[int]:
        yield from (0, 1)
        monkeypatch.setattr(module, "HEAD_START", PATIENCE)  # the third waits for what becomes of the second
        yield 2

    with pytest.raises(ValueError, match="of the second"):
        side_by_side(items(), work)
    assert ended.is_set()
    assert begun == [0, 1]
