"""What the judge knows of an executor: six methods, and what came of them. One elsewhere would get the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from strongroom.base.record import field, mutable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.base.objects import ObjectName
    from strongroom.custody.planned.orders import SignedBytes


class Removals(Protocol):
    """What an executor did."""

    removed: list[str]
    failed: list[tuple[str, str]]
    left: int


class Executing(Protocol):
    """``custody.executor.execute.Executor``, or whatever speaks to one."""

    @property
    def newest(self) -> tuple[int, int]:
        """The highest epoch and number of a plan that it saw."""

    def look(self, orders: Iterable[SignedBytes]) -> list[str]:
        """See the store and the plans; what is wrong with plans."""

    def waits(self, number: int) -> str:
        """Why a plan may not go yet; empty when it may."""

    def forbid(self, number: int, why: str) -> None:
        """Never execute a plan."""

    def approve(self, number: int, who: str) -> None:
        """Let a plan go by a person's word."""

    def set_aside(self, name: ObjectName) -> None:
        """Put away what is not what its name promises."""

    def execute(self, signed: SignedBytes, confirmed: SignedBytes) -> Removals:
        """Remove what is confirmed."""


@mutable
class Went:
    """What became of one plan: how many objects went, what stays and why."""

    number: int
    kind: str
    removed: list[str] = field(default_factory=list)
    waits: tuple[str, ...] = ()
    done: bool = False


@mutable
class Handed:
    """What the executor made of the plans; ``wrong`` are those that it takes for no plans at all."""

    plans: list[Went] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
