"""``prune``: remove what no snapshot needs. Nothing goes on somebody's word (threats A-1, A-2, A-7, A-8, A-9).

The order: packs that were in no index; new packs; their index; a new index without the old packs; the old index; the
old packs. Killed anywhere, the repository is whole, and what was moved stays moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, StrongroomError, UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.maintenance.index_files import rewrite_index
from strongroom.maintenance.prune_search import MOST_FAULTS, PruneChoice, decide
from strongroom.maintenance.removing import Remover
from strongroom.repository.destination import Destination
from strongroom.repository.transfer import raise_failure, transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from strongroom._kernel import Usage
    from strongroom.base.progress import Reporter
    from strongroom.maintenance.prune_plan import PruneOptions, PrunePlan
    from strongroom.maintenance.prune_stats import PruneStats
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository


def prune(
    repository: Repository,
    options: PruneOptions,
    reporter: Reporter,
    *,
    lock: Lock | None = None,
    without: Iterable[str] = (),
    on_plan: Callable[[PruneStats], None] = lambda _stats: None,
    remover: Remover | None = None,
) -> PruneStats:
    """Prune a repository whose exclusive ``lock`` the caller holds (None only with ``dry_run``).

    The caller has asked ``refuse_where_append_only`` before.

    ``without`` are snapshots that count as removed already (``forget --dry-run --prune``). ``on_plan`` hears what will
    be done before anything is. ``remover`` removes in a way of its own. Raises ``Damaged`` or ``Missing`` where
    something is missing that a snapshot needs, before anything is removed, also all snapshots; ``Interrupted``, and
    errors of the store.
    """
    refuse_what_it_cannot(repository, options)
    emptied = remover is not None and remover.emptied
    decision, usage = decide(repository, options, reporter, frozenset(without), emptied=emptied)
    on_plan(decision.plan.stats)
    if options.dry_run:
        _say_what_would_go(decision.plan, reporter)
    else:
        _Prune(repository, options, reporter, lock, remover or Remover(repository)).execute(decision, usage)
        reporter.message("done")
    return decision.plan.stats


def refuse_what_it_cannot(repository: Repository, options: PruneOptions) -> None:
    """Raise ``UsageError`` for options that make no sense for this repository; ``forget`` asks before it begins."""
    if options.repack_uncompressed and repository.version < 2:
        raise UsageError(
            "compression requires at least repository format version 2",
            subject=repository.location,
            hint="`strongroom migrate upgrade_repo_v2` makes it one.",
        )


def _say_what_would_go(plan: PrunePlan, reporter: Reporter) -> None:
    """restic's words of a dry run."""
    for words, packs in (
        ("removed the following unreferenced packs", plan.unreferenced),
        ("repacked and removed the following packs", plan.repack),
        ("removed the following no longer used packs", plan.remove),
    ):
        if packs or "unreferenced" not in words:
            reporter.message(f"Would have {words}:\n{{{' '.join(pack[:8] for pack in packs)}}}\n", 2)


class _Prune:
    def __init__(
        self, repository: Repository, options: PruneOptions, reporter: Reporter, lock: Lock | None, remover: Remover
    ) -> None:
        self._repository = repository
        self._options = options
        self._reporter = reporter
        self._lock = lock
        self._remover = remover

    def execute(self, decision: PruneChoice, usage: Usage) -> None:
        """Do it, in the order that keeps the repository whole at every moment."""
        repository, reporter, plan = self._repository, self._reporter, decision.plan
        remover = self._remover
        last = [pack for pack in plan.unreferenced if pack in decision.wanted]  # others may need them for a moment
        first = [pack for pack in plan.unreferenced if pack not in decision.wanted]
        if first:
            reporter.message("deleting unreferenced packs")
            self._remove(remover, Kind.DATA, first)
        if decision.adopted and not self._options.unsafe_recovery:  # else the new index has them, once there is room
            self._check()
            repository.save_index([(pack, repository.index.pack_entries(pack)) for pack in decision.adopted])
        if plan.repack:
            self._repack(plan, usage)
        gone = [*plan.going, *plan.forget]
        if self._options.unsafe_recovery:
            self._recover_space(remover, decision, [*plan.going, *last])
        else:
            if gone or decision.survey.wrong:
                rewrite_index(
                    repository,
                    decision.files,
                    remover,
                    reporter,
                    gone=set(gone),
                    changed=decision.survey.wrong,
                    whole=decision.survey.stripped,
                    check=self._check,
                )
            if plan.going or last:
                reporter.message(f"removing {len(plan.going) + len(last)} old packs")
                self._remove(remover, Kind.DATA, [*plan.going, *last])
        if repository.state is not None:
            repository.state.proven.keep(info.name.name for info in repository.store.list(Kind.DATA))

    def _repack(self, plan: PrunePlan, usage: Usage) -> None:
        repository, reporter = self._repository, self._reporter
        reporter.message("repacking packs")
        going = plan.going
        blobs, _ = usage.suppose(going)
        destination = Destination(repository, self._options.packs, check=self._check)
        pieces = []
        for pack in (*plan.repack, *plan.remove):
            entries = usage.moving(pack)
            if sum(destination.writer.want(entry.kind, entry.id) for entry in entries):
                pieces.append(pack)
        done = 0

        def progress(_pack: str, _lost: object) -> None:
            nonlocal done
            done += 1
            reporter.count("packs repacked", done, len(pieces))

        try:
            transfer(
                repository,
                ((pack, usage.moving(pack)) for pack in pieces),
                [destination],
                progress=progress,
                stop=reporter.stop,
            )
        except BaseException:
            destination.abandon()
            raise
        destination.finish()
        raise_failure(destination)
        left = destination.writer.wanted()
        if left:
            for kind, blob in left[:MOST_FAULTS]:
                reporter.error(f"{kind} blob {blob}", "is damaged in every copy", "prune")
            raise Damaged(
                f"{len(left)} of {blobs} blobs that are needed could not be moved; no pack that was in use was removed",
                subject=repository.location,
                hint="`strongroom check --read-data` names the damaged packs, `strongroom repair packs` saves what is "
                "left of them.",
            )

    def _recover_space(self, remover: Remover, decision: PruneChoice, packs: list[str]) -> None:
        """restic's --unsafe-recover-no-free-space: the index goes first, since there is no room for a new one."""
        repository, reporter = self._repository, self._reporter
        if not (packs or decision.plan.forget or decision.adopted or decision.survey.wrong):
            return  # the index would go for nothing
        reporter.message("deleting index files")
        self._remove(remover, Kind.INDEX, list(decision.files), must=True)
        if packs:
            reporter.message(f"removing {len(packs)} old packs")
            self._remove(remover, Kind.DATA, packs)
        gone = {*decision.plan.going, *decision.plan.forget}
        left = [pack for pack in repository.index.packs() if pack not in gone]
        whole = decision.survey.stripped
        rewrite_index(repository, {}, remover, reporter, gone=gone, extra=left, whole=whole)

    def _check(self) -> None:
        if self._lock is not None:
            self._lock.check()

    def _remove(self, remover: Remover, kind: Kind, names: list[str], *, must: bool = False) -> None:
        self._check()

        def progress(done: int, total: int) -> None:
            self._reporter.count("files deleted", done, total)

        objects = [ObjectName(kind, name) for name in names]
        stop = None if self._options.unsafe_recovery else self._reporter.stop  # there it is over soon, or all is lost
        failed: list[tuple[ObjectName, StrongroomError]] = [*remover.remove_all(objects, progress, stop=stop)]
        for name, error in failed:
            self._reporter.warning(f"unable to remove {name} from the repository: {error.what}")
        if failed and must:
            raise failed[0][1]
