"""The index held against the packs: what an index file says of a pack that the pack itself does not prove is void.

Whoever may add files to a repository can add index files: that name packs which are not there, or honest packs with
blobs that are not in them. The size that a pack must have by all that is said of it gives the lie away; then the pack's
own header counts, which nobody can change behind its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.objects import Kind
from strongroom.base.record import field, mutable
from strongroom.repository.packs.crowds import disperse
from strongroom.repository.packs.headers import read_headers

if TYPE_CHECKING:
    from collections.abc import Collection

    from strongroom._kernel import BlobEntry
    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository


@mutable
class Survey:
    """The packs of a store and of its index. Sizes in bytes, stamps in nanoseconds since 1970 UTC."""

    present: dict[str, int] = field(default_factory=dict)
    """In both, by size."""
    unindexed: dict[str, int] = field(default_factory=dict)
    """In the store alone, by size."""
    stamps: dict[str, int | None] = field(default_factory=dict)
    """Of those, when the store got them, where it says so."""
    missing: list[str] = field(default_factory=list)
    """In the index alone."""
    wrong: list[str] = field(default_factory=list)
    """Those that the index says more or less of than they hold: their headers count."""
    broken: dict[str, list[BlobEntry]] = field(default_factory=dict)
    """Those of them that have no header, with what the index says of them."""
    sizes_of_broken: dict[str, int] = field(default_factory=dict)
    stripped: dict[str, list[BlobEntry]] = field(default_factory=dict)
    """Those of which the index has less than they hold, since too many claim the same, with all that they hold."""


def survey(repository: Repository, reporter: Reporter, *, trust_index: bool = False) -> Survey:
    """List the packs and correct ``repository.index``, which must be loaded, by their headers where it cannot be true.

    With ``trust_index`` nothing is corrected but what claims blobs that too many claim. Raises ``Interrupted`` and
    errors of the store.
    """
    index = repository.index
    expected = dict(_kernel.pack_sizes(index))
    untidy = set(index.untidy())
    found = Survey()
    for info in repository.store.list(Kind.DATA):
        name = info.name.name
        size = expected.pop(name, None)
        if size is None:
            found.unindexed[name] = info.size
            found.stamps[name] = info.modified_ns
            continue
        found.present[name] = info.size
        if size != info.size or name in untidy:
            found.wrong.append(name)
    found.missing = list(expected)
    if not trust_index and (found.wrong or found.missing):
        _correct(repository, found, reporter)
    found.stripped = disperse(repository, found.present, reporter)
    return found


def _correct(repository: Repository, found: Survey, reporter: Reporter) -> None:
    index = repository.index
    corrected = index.without([*found.wrong, *found.missing])
    if found.wrong:
        reporter.message(f"{len(found.wrong)} packs are not what the index says; reading what they say themselves")
    sized = [(pack, found.present[pack]) for pack in found.wrong]
    for done, (pack, entries, reason) in enumerate(read_headers(repository, sized), 1):
        if entries is not None:
            corrected.insert_pack(pack, entries)
        else:
            reporter.warning(f"pack {pack}: {reason}; what the index says of it does not count")
            found.broken[pack] = index.pack_entries(pack)
            found.sizes_of_broken[pack] = found.present.pop(pack)
        reporter.count("headers", done, len(sized))
    repository.index = corrected


def old_enough(repository: Repository, found: Survey, packs: Collection[str], seconds: int) -> set[str]:
    """Those of some packs that were in no index which the store has had for so long, by its own stamp.

    Where it has none, those that a run on this host has seen so long ago, counted in whole days; the others are
    remembered as seen today.
    """
    limit = repository.surroundings.clock.now_ns() - seconds * 1_000_000_000
    old: set[str] = set()
    unknown: list[str] = []
    for pack in packs:
        stamp = found.stamps.get(pack)
        if stamp is None:
            unknown.append(pack)
        elif stamp < limit:
            old.add(pack)
    if repository.state is None:
        return old
    record = repository.state.unindexed
    if unknown:
        seen = record.days_of(unknown)
        old.update(pack for pack, day in seen.items() if record.today - day > seconds // 86_400)
        record.add(pack for pack in unknown if pack not in seen)
    record.keep(unknown)
    return old
