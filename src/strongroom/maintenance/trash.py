"""What ``forget`` and ``prune`` removed from a folder is kept for a while, and can be brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, Unsupported
from strongroom.base.objects import Kind
from strongroom.repository.reachable import read_trees
from strongroom.retention.calendar import before
from strongroom.storage.local.store import LocalStore
from strongroom.storage.removal.run_trash import KeepingRemoval, KeptRun, bring_back, kept_runs, purge_run, run_name
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.base.objects import ObjectName
    from strongroom.base.progress import Reporter
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
        self._repository = repository
        self._store = store
        self._clock = repository.surroundings.clock

    def keeping(self, verb: str) -> KeepingRemoval:
        """What moves objects there, as one run."""
        return KeepingRemoval(self._store, run_name(self._clock.now_ns(), verb))

    def runs(self) -> list[KeptRun]:
        """What is there, the oldest first."""
        return kept_runs(self._store)

    def bring_back(self, run: KeptRun) -> None:
        """Put all that a run removed back to its place; finishes one that broke off. Raises what the store says.

        An index file that names packs which are not there any more comes back without them: the next backup would
        believe it, and not store what was in them.
        """
        bring_back(self._store, run.name, _IndexFiles(self._repository).admits)

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


class _IndexFiles:
    """Those that were kept, held against the packs that are there: others may have pruned meanwhile."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._packs: set[str] | None = None

    def admits(self, name: ObjectName, stored: bytes) -> bool:
        """Whether all that a file names is there. Else what is there of it is named by a new file."""
        repository = self._repository
        if self._packs is None:
            self._packs = {info.name.name for info in repository.store.list(Kind.DATA)}
        try:
            plaintext = repository.files.open_stored(stored, name)
            if self._packs.issuperset(pack for pack, _ in _kernel.index_packs(plaintext)):
                return True
            said = _kernel.parse_index(plaintext)
        except (Damaged, LimitExceeded, Unsupported):
            return True  # nobody believes it, and `check` names it
        left = [(pack, blobs) for pack, blobs in said if pack in self._packs]
        if left:
            repository.save_index(left)
        return False


def incomplete(repository: Repository, snapshots: Iterable[str], reporter: Reporter) -> list[str]:
    """Those of some snapshots that cannot be read, or need what no index names. The index is loaded."""
    names = list(snapshots)
    if _are_whole(repository, names, reporter):
        return []
    return [name for name in names if not _are_whole(repository, [name], reporter)]


def _are_whole(repository: Repository, snapshots: Iterable[str], reporter: Reporter) -> bool:
    reach = _kernel.Reach()
    faults: list[str] = []
    try:
        roots = [tree for tree in (repository.load_snapshot(name).tree for name in snapshots) if reach.root(tree)]
    except (Damaged, LimitExceeded, Missing):
        return False
    read_trees(
        repository,
        roots,
        lambda plaintext: reach.read(repository.index, plaintext),
        reporter,
        lambda item, _message: faults.append(item),
        bad_copy=lambda _tree, _place: None,
        cached=True,
    )
    return not faults
