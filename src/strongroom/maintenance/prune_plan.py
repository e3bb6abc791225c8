"""Which packs a prune removes, moves or keeps: restic's rule (0.19.1), as a function of what the packs hold.

Sizes are in bytes throughout. ``used`` sizes of a pack contain its header, the totals contain none, as in restic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Missing
from strongroom.base.record import field, mutable, record
from strongroom.maintenance.prune_stats import PruneStats
from strongroom.repository.destination import PackOptions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from strongroom.maintenance.prune_stats import PackUse, Totals

SMALLEST_PACK = 4 << 20
"""Packs are not smaller than this by choice."""
FEWEST_SMALL = 10
"""Fewer small packs than this are not worth the trouble; it also ends the repacking of a last small one."""


@record
class MaxUnused:
    """``--max-unused``: a share of the repository in percent, or so many bytes; without limit where both are None."""

    percent: float | None = None
    size: int | None = None

    def limit(self, used: int) -> float:
        """How many bytes may stay unused beside so many that are used."""
        if self.percent is not None:
            return int(self.percent / (100 - self.percent) * used)
        return float("inf") if self.size is None else self.size


@record
class PruneOptions:
    """restic's options of ``prune``, and two of ours. ``max_repack_size`` None is without limit.

    ``remove_all``: everything may go where no snapshot is listed.
    """

    max_unused: MaxUnused = MaxUnused(percent=5.0)
    max_repack_size: int | None = None
    repack_smaller_than: int = 0
    repack_cacheable_only: bool = False
    repack_uncompressed: bool = False
    unsafe_recovery: bool = False
    trust_index: bool = False
    remove_all: bool = False
    dry_run: bool = False
    packs: PackOptions = PackOptions()


@mutable
class PrunePlan:
    """What becomes of the packs; those that are named nowhere stay as they are."""

    unreferenced: list[str] = field(default_factory=list)
    """In the store and in no index: they go."""
    remove: list[str] = field(default_factory=list)
    repack: list[str] = field(default_factory=list)
    """What they hold of use moves, then they go."""
    forget: list[str] = field(default_factory=list)
    """In the index and not in the store, and not needed: the index forgets them."""
    stats: PruneStats = field(default_factory=PruneStats)

    @property
    def going(self) -> list[str]:
        """The packs of the index that go."""
        return [*self.remove, *self.repack]


def plan_prune(
    packs: Sequence[PackUse],
    totals: Totals,
    present: Mapping[str, int],
    unreferenced: Mapping[str, int],
    options: PruneOptions,
    *,
    version: int = 2,
    spared: Collection[str] = (),
    stripped: Collection[str] = (),
) -> PrunePlan:
    """Decide about every pack of an index.

    ``present`` has the sizes of the packs in the store that are in the index; ``unreferenced`` those that go since they
    are in no index. ``spared`` are kept whatever they hold. ``stripped`` hold more than counts; they go where they may.
    Raises ``Damaged`` for a needed pack whose size is not what
    the index says, ``Missing`` for needed packs that are not there.
    """
    planner = _Planner(options, version, stripped)
    planner.count(totals, unreferenced)
    target = _small_below(packs, options)
    _refuse_absent(packs, present)
    candidates: list[PackUse] = []
    small: list[PackUse] = []
    for pack in packs:
        size = present.get(pack.id)
        if size is None:
            planner.forget(pack)
        elif pack.id in spared:
            planner.stats.packs.keep += 1
        else:
            planner.sort(pack, size, target, candidates, small)
    if len(small) < FEWEST_SMALL:
        planner.stats.packs.keep += len(small)
    else:
        candidates += small
    planner.choose(candidates, target)
    return planner.plan


def _size(pack: PackUse) -> int:
    return pack.used_size + pack.unused_size


def _small_below(packs: Sequence[PackUse], options: PruneOptions) -> int:
    """Packs below this many bytes are small: four fifths of the third percentile of all, or of 4 MiB."""
    if options.repack_smaller_than:
        return options.repack_smaller_than
    if not packs:
        return 0
    sizes = sorted(map(_size, packs))
    return max(SMALLEST_PACK, sizes[len(sizes) * 3 // 100]) * 4 // 5


def _refuse_absent(packs: Sequence[PackUse], present: Mapping[str, int]) -> None:
    missing = [pack.id for pack in packs if pack.used_blobs and pack.id not in present]
    if missing:
        raise Missing(
            f"{len(missing)} packs that are needed are in the index and not in the store: {' '.join(missing[:20])}",
            hint="Bring them back if you can. `strongroom repair index` forgets them, then `strongroom repair "
            "snapshots` takes out of the snapshots what was in them.",
        )


class _Planner:
    def __init__(self, options: PruneOptions, version: int, stripped: Collection[str]) -> None:
        self._options = options
        self._version = version
        self._stripped = stripped
        self.plan = PrunePlan()
        self.stats = self.plan.stats

    def count(self, totals: Totals, unreferenced: Mapping[str, int]) -> None:
        blobs, size = self.stats.blobs, self.stats.size
        blobs.used, blobs.duplicate, blobs.unused = totals.used_blobs, totals.duplicate_blobs, totals.unused_blobs
        size.used, size.duplicate, size.unused = totals.used_size, totals.duplicate_size, totals.unused_size
        self.plan.unreferenced = list(unreferenced)
        size.unref = sum(unreferenced.values())
        self.stats.packs.unref = len(unreferenced)

    def forget(self, pack: PackUse) -> None:
        self.plan.forget.append(pack.id)
        self._removed(pack)

    def _removed(self, pack: PackUse) -> None:
        self.stats.blobs.remove += pack.unused_blobs
        self.stats.size.remove += pack.unused_size

    def sort(self, pack: PackUse, size: int, target: int, candidates: list[PackUse], small: list[PackUse]) -> None:
        """Remove it, keep it, or let it be a candidate."""
        packs = self.stats.packs
        must = pack.lies or pack.id in self._stripped
        if _size(pack) != size and pack.used_blobs and pack.id not in self._stripped:
            raise Damaged(
                f"is {size} bytes long, and {_size(pack)} by the index",
                subject=f"pack {pack.id}",
                hint="`strongroom repair index` makes the index anew from the packs.",
            )
        if not pack.used_blobs:
            packs.unused += 1
        elif not pack.unused_blobs:
            packs.used += 1
        else:
            packs.partly_used += 1
        if pack.uncompressed and self._version >= 2:
            self.stats.size.uncompressed += _size(pack)
        if not pack.used_blobs:
            self.plan.remove.append(pack.id)
            packs.remove += 1
            self._removed(pack)
        elif self._options.repack_cacheable_only and pack.kind == "data" and not must:
            packs.keep += 1
        elif pack.id in self._stripped:
            candidates.append(pack)
        elif not pack.unused_blobs and pack.kind != "mixed" and not self._must_compress(pack):
            if size >= target:
                packs.keep += 1
            else:
                small.append(pack)
        else:
            candidates.append(pack)

    def _must_compress(self, pack: PackUse) -> bool:
        wanted = pack.kind == "tree" or self._options.repack_uncompressed
        return self._version >= 2 and wanted and pack.uncompressed

    def choose(self, candidates: list[PackUse], target: int) -> None:
        """Repack candidates while that is worth it: trees first, then small packs, then those with most unused."""
        candidates.sort(
            key=lambda pack: (pack.kind == "data", _size(pack) >= target, -pack.unused_size / pack.used_size)
        )
        size, packs = self.stats.size, self.stats.packs
        tolerated = self._options.max_unused.limit(size.used)
        most = 0 if self._options.unsafe_recovery else self._options.max_repack_size
        for pack in candidates:
            unused = size.duplicate + size.unused - size.remove - size.repackrm
            if most is not None and size.repack + _size(pack) >= most:
                packs.keep += 1
            elif pack.kind != "data" or pack.lies or pack.id in self._stripped or self._must_compress(pack):
                self._repack(pack)
            elif unused < tolerated and _size(pack) >= target:
                packs.keep += 1
            else:
                self._repack(pack)

    def _repack(self, pack: PackUse) -> None:
        blobs, size = self.stats.blobs, self.stats.size
        self.plan.repack.append(pack.id)
        self.stats.packs.repack += 1
        blobs.repack += pack.unused_blobs + pack.used_blobs
        size.repack += _size(pack)
        blobs.repackrm += pack.unused_blobs
        size.repackrm += pack.unused_size
        if pack.uncompressed and self._version >= 2:
            size.uncompressed -= _size(pack)
