"""Finding out what a prune may remove: what snapshots need, what packs hold, and whether that is true."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, Missing, NotOurs, RepositoryError
from strongroom.base.objects import Kind
from strongroom.base.record import field, mutable
from strongroom.maintenance.index_files import load_index_files
from strongroom.maintenance.missing_data import Missed, where_missing
from strongroom.maintenance.prune_plan import PrunePlan, plan_prune
from strongroom.maintenance.prune_proof import Proof
from strongroom.maintenance.survey import Survey, old_enough, survey
from strongroom.repository.emptied import is_known_to_be_empty
from strongroom.repository.packs.headers import read_headers
from strongroom.repository.packs.remembered import remembered
from strongroom.repository.reachable import read_trees

if TYPE_CHECKING:
    from strongroom._kernel import BlobEntry, Location, Usage
    from strongroom.base.progress import Reporter
    from strongroom.maintenance.prune_plan import PruneOptions
    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import Listed

GRACE_SECONDS = 24 * 3600
"""A pack in no index may belong to a backup that goes on although its lock is gone; so long it stays."""
MOST_FAULTS = 200
"""So many faults are remembered; one is enough to stop."""


@mutable
class PruneChoice:
    """What goes, and what was found out on the way."""

    plan: PrunePlan = field(default_factory=PrunePlan)
    survey: Survey = field(default_factory=Survey)
    files: dict[str, list[str]] = field(default_factory=dict)
    """The packs of each index file."""
    adopted: dict[str, int] = field(default_factory=dict)
    """Packs of this host that were in no index and are now, by size in bytes."""
    wanted: dict[str, list[BlobEntry]] = field(default_factory=dict)
    """Of unindexed packs that go, the blobs that are needed."""


def decide(
    repository: Repository, options: PruneOptions, reporter: Reporter, without: frozenset[str], *, emptied: bool = False
) -> tuple[PruneChoice, Usage]:
    """What goes by these options, and the use of the index. Nothing is changed but ``repository.index`` in memory.

    ``without`` are snapshots that count as removed; ``emptied``: this run removed the last ones. Raises as ``prune``.
    """
    search = _Search(repository, options, reporter, without)
    usage = search.decide()
    if not search.listed and not emptied and not options.remove_all:
        _refuse_without_snapshots(repository, search.decision)
    return search.decision, usage


def _refuse_without_snapshots(repository: Repository, decision: PruneChoice) -> None:
    """A list without snapshots is no proof that there are none: everything would go on a server's word.

    A host that neither wrote nor read any of what would go knows no better than the list, as restic does not: such as
    one that prunes where another one forgets. A folder that is not there is a fault to it, too.
    """
    packs = {*decision.plan.going, *decision.plan.unreferenced}
    if not packs or is_known_to_be_empty(repository, decision.files):
        return
    going = len(packs)
    allow = "`strongroom prune --unsafe-allow-remove-all` removes everything."
    if repository.store.has_folder(Kind.SNAPSHOT) is False:
        raise Missing(
            f"the folder `snapshots` is not there (to a server: 404), so that all {going} packs would go; nothing was "
            "removed",
            subject=repository.location,
            hint="Bring it back: a disk that is not mounted, a copy that leaves folders out, a rule of a proxy. Where "
            f"the repository is known to have no snapshots: {allow}",
        )
    if not remembered(repository, packs):
        return
    raise RepositoryError(
        f"no snapshot is listed, so that all {going} packs would go; nothing was removed",
        subject=repository.location,
        hint="Somebody else removed the last ones, or they are not shown. `strongroom recover` makes a snapshot of "
        f"what is left. Where the repository is known to have none: {allow}",
    )


class _Search:
    def __init__(
        self, repository: Repository, options: PruneOptions, reporter: Reporter, without: frozenset[str]
    ) -> None:
        self._repository = repository
        self._options = options
        self._reporter = reporter
        self._without = without
        self._spared: set[str] = set()
        self._unreferenced: dict[str, int] = {}
        self.decision = PruneChoice()
        self.listed = 0
        """How many snapshots of this repository were read, those that count as removed included."""

    def decide(self) -> Usage:
        repository, reporter, decision = self._repository, self._reporter, self.decision
        reporter.message("loading all snapshots...")
        snapshots = self._snapshots()
        decision.files = load_index_files(repository, reporter)
        decision.survey = survey(repository, reporter, trust_index=self._options.trust_index)
        self._adopt()
        reporter.message(f"finding data that is still in use for {len(snapshots)} snapshots")
        usage = self._walk(snapshots)
        reporter.message("searching used packs...")
        self._sort_unindexed(usage)
        while True:
            reporter.message("collecting packs for deletion and repacking")
            decision.plan = self._plan(usage)
            if self._options.trust_index or self._is_proven(usage):
                return usage
            self._refuse_lost(snapshots, usage)

    def _snapshots(self) -> list[Listed]:
        """All of them: one that cannot be read may need anything."""
        broken: list[tuple[str, Exception]] = []
        found = list(self._repository.snapshots(lambda name, error: broken.append((name, error))))
        for name, error in broken:
            if name in self._without:  # named in a dry run of ``forget``
                continue
            if not isinstance(error, NotOurs):
                raise Damaged(
                    f"cannot be read, so nobody knows what it needs: {getattr(error, 'what', error)}",
                    subject=f"snapshots/{name}",
                    hint=f"If it is beyond help, remove it: `strongroom forget {name[:8]}`.",
                )
            self._reporter.warning(f"ignoring snapshots/{name}: it was not written with this repository's key")
        self.listed = len(found)
        return [(name, snapshot) for name, snapshot in found if name not in self._without]

    def _adopt(self) -> None:
        """Take packs into the index that this host wrote and nobody indexed: what a killed run moved stays moved."""
        if self._options.trust_index:
            return
        survey, unindexed = self.decision.survey, self.decision.survey.unindexed
        own = remembered(self._repository, unindexed)
        for pack, entries, _ in read_headers(self._repository, [(pack, unindexed[pack]) for pack in sorted(own)]):
            if entries is not None:
                self._repository.index.insert_pack(pack, entries)
                survey.present[pack] = self.decision.adopted[pack] = unindexed.pop(pack)

    def _walk(self, snapshots: list[Listed]) -> Usage:
        usage = _kernel.Usage(self._repository.index)
        faults: list[tuple[str, str]] = []
        roots = [snapshot.tree for _, snapshot in snapshots if usage.root(snapshot.tree)]

        def bad_copy(tree: str, place: Location) -> None:
            entry = _kernel.BlobEntry("tree", tree, place.offset, place.length, place.uncompressed_length)
            usage.settle(place.pack, [entry], False)
            self._reporter.warning(f"tree {tree} is damaged in pack {place.pack}; another copy is good")

        def fault(item: str, message: str) -> None:
            if len(faults) < MOST_FAULTS:
                faults.append((item, message))

        read_trees(
            self._repository,
            roots,
            usage.read,
            self._reporter,
            fault,
            read_run=partial(usage.read_run, self._repository.key),
            bad_copy=bad_copy,
            cached=True,
        )
        if faults:
            self._refuse(snapshots, Missed(faults=faults))
        return usage

    def _refuse_lost(self, snapshots: list[Listed], usage: Usage) -> None:
        lost = usage.lost()
        if lost:
            self._refuse(snapshots, Missed(blobs=set(lost)))

    def _refuse(self, snapshots: list[Listed], missed: Missed) -> None:
        for item, message in where_missing(self._repository, snapshots, missed, self._reporter):
            self._reporter.error(item, message, "prune")
        for pack in self.decision.survey.missing[:MOST_FAULTS]:
            self._reporter.error(f"pack {pack}", "is in the index, but not in the store", "prune")
        packs = (
            f", and {len(self.decision.survey.missing)} packs of the index are missing"
            if self.decision.survey.missing
            else ""
        )
        unindexed = " Packs that are in no index may have it: run `strongroom repair index` first."
        raise Missing(
            f"data that snapshots need is missing or damaged{packs}; nothing was removed",
            subject=self._repository.location,
            hint="`strongroom repair index` finds what is only missing in the index, `strongroom repair packs` saves "
            "what is left of damaged packs, and `strongroom repair snapshots` takes out of the snapshots what is lost."
            + (unindexed if self.decision.survey.unindexed else ""),
        )

    def _sort_unindexed(self, usage: Usage) -> None:
        """Which of the packs in no index go: all with ``--trust-index``, else those that are older than a day."""
        repository, decision = self._repository, self.decision
        unindexed = decision.survey.unindexed
        if self._options.trust_index:
            self._unreferenced = dict(unindexed)
            return
        old = old_enough(repository, decision.survey, [*unindexed, *decision.adopted], GRACE_SECONDS)
        self._spared = decision.adopted.keys() - old
        self._unreferenced = {pack: size for pack, size in unindexed.items() if pack in old}
        if young := len(unindexed) - len(self._unreferenced):
            self._reporter.message(
                f"{young} packs are in no index and stay for now: they may belong to a backup that goes on "
                "(--trust-index removes them)"
            )
        for pack, entries, _ in read_headers(repository, self._unreferenced.items()):
            wanted = [entry for entry in entries or () if usage.needs(entry.kind, entry.id)]
            if wanted:
                decision.wanted[pack] = wanted

    def _plan(self, usage: Usage) -> PrunePlan:
        packs, totals = usage.packs()
        found = self.decision.survey
        plan = plan_prune(
            packs,
            totals,
            found.present,
            self._unreferenced,
            self._options,
            version=self._repository.version,
            spared=self._spared,
            stripped=found.stripped.keys(),
        )
        if not self._options.trust_index:
            plan.forget += found.missing
            plan.remove += found.broken
            plan.stats.packs.remove += len(found.broken)
        return plan

    def _is_proven(self, usage: Usage) -> bool:
        found = self.decision.survey
        sizes = found.present | found.unindexed | found.sizes_of_broken
        others = found.broken | self.decision.wanted
        return Proof(self._repository, usage, sizes, self._reporter).holds(self.decision.plan.going, others)
