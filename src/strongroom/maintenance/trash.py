"""What ``forget`` and ``prune`` removed from a folder is kept for a while, and can be brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.retention.calendar import before
from strongroom.storage.local.store import LocalStore
from strongroom.storage.removal.run_trash import KeepingRemoval, KeptRun, bring_back, kept_runs, purge_run, run_name
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.repository.opened import Repository
    from strongroom.retention.calendar import Span

__all__ = ["KeepingRemoval", "KeptRun", "Trash"]


class Trash:
    """The trash of one repository that lies in a folder."""

    def __init__(self, repository: Repository) -> None:
        """Raises ``Unsupported`` for other places: nothing could be moved there without copying it."""
        store = innermost(repository.store)
        if not isinstance(store, LocalStore):
            raise Unsupported(
                "what is removed can be kept in folders alone",
                subject=repository.location,
                hint="There is no --keep-removed, no keep_removed in the configuration file, and no `undo` here.",
            )
        self._store = store
        self._clock = repository.surroundings.clock

    def keeping(self, verb: str) -> KeepingRemoval:
        """What moves objects there, as one run."""
        return KeepingRemoval(self._store, run_name(self._clock.now_ns(), verb))

    def runs(self) -> list[KeptRun]:
        """What is there, the oldest first."""
        return kept_runs(self._store)

    def bring_back(self, run: KeptRun, progress: Callable[[int], None] = lambda _done: None) -> None:
        """Put all that a run removed back to its place; finishes one that broke off. Raises what the store says."""
        bring_back(self._store, run.name, progress)

    def purge(self, run: KeptRun) -> None:
        """Remove for good what a run has left there."""
        purge_run(self._store, run.name)

    def purge_older(self, span: Span) -> list[KeptRun]:
        """Remove for good what has been there for longer than a span; returns those runs."""
        limit = before(self._clock.now_ns(), 0, span)
        old = [run for run in self.runs() if run.time_ns < limit]
        for run in old:
            self.purge(run)
        return old
