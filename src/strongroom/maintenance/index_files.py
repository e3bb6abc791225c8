"""Index files and the packs that each names: which must be written anew when packs go, and writing them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Interrupted, LimitExceeded
from strongroom.base.objects import Kind, ObjectName
from strongroom.repository.destination import INDEX_BLOBS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from strongroom._kernel import BlobEntry, Index
    from strongroom.base.progress import Reporter
    from strongroom.maintenance.removing import Remover
    from strongroom.repository.opened import Repository

LARGEST = INDEX_BLOBS * 8
"""An index file with more blobs than this is split, in blobs."""


def load_index_files(
    repository: Repository, reporter: Reporter, on_error: Callable[[str, Exception], None] | None = None
) -> dict[str, list[str]]:
    """Load ``repository.index``; the packs of each index file by its name. ``on_error`` as for ``load_index``."""
    files: dict[str, list[str]] = {}
    repository.load_index(
        lambda done, total: reporter.count("index files", done, total),
        on_error=on_error,
        on_file=files.__setitem__,
    )
    return files


def rewrite_index(
    repository: Repository,
    files: Mapping[str, Collection[str]],
    remover: Remover,
    reporter: Reporter,
    *,
    gone: Collection[str],
    changed: Collection[str] = (),
    extra: Iterable[str] = (),
    obsolete: Collection[str] = (),
    whole: Mapping[str, Sequence[BlobEntry]] = MappingProxyType({}),
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write index files without the packs that are ``gone``, then remove the old ones; durable step by step.

    ``repository.index`` has what is true of every pack. Files that name a pack which is ``changed`` in it go, too,
    those that are not full, and second ones of a pack; the others stay. ``extra`` packs are in no file yet.
    ``obsolete`` files are removed in any case. ``whole`` has what some packs hold of which the index has less.
    ``check`` raises when nothing may be written any more. Raises ``Interrupted`` before
    anything is removed, the store's error for a file that cannot be removed, and ``LimitExceeded`` for an index of
    which not all is remembered, where ``whole`` does not have it either.
    """
    index = repository.index
    crowded = set(index.crowded()) - whole.keys() - set(gone)
    if crowded:
        raise LimitExceeded(
            f"{len(crowded)} packs claim blobs that 64 others claim, too",
            subject=repository.location,
            hint="Nobody writes such packs by accident: `strongroom check --read-data` finds those that lie.",
        )
    old, kept = _sort(index, files, set(gone) | set(changed))
    extra = list(extra)
    if len(old) < 2 and not (gone or changed or extra or obsolete):
        return
    packs: dict[str, None] = dict.fromkeys(
        pack for name in old for pack in files[name] if pack not in kept and pack not in gone
    )
    packs |= dict.fromkeys(pack for pack in extra if pack not in kept and pack not in gone)
    reporter.message("rebuilding index")
    written = []
    for done, chunk in enumerate(_chunks(index, packs), 1):
        if reporter.stop.is_set():
            raise Interrupted("stopped")
        check()
        written.append(repository.save_unpacked(Kind.INDEX, _encoded(index, chunk, whole)))
        reporter.count("index files", done)
    check()
    names = [ObjectName(Kind.INDEX, name) for name in (*old, *obsolete) if name not in written]
    failed = remover.remove_all(
        names, lambda done, total: reporter.count("old index files", done, total), stop=reporter.stop
    )
    if failed:
        raise failed[0][1]


def _encoded(index: Index, packs: list[str], whole: Mapping[str, Sequence[BlobEntry]]) -> bytes:
    if whole.keys().isdisjoint(packs):
        return index.encode(packs)
    return _kernel.encode_index([(pack, whole.get(pack) or index.pack_entries(pack)) for pack in packs])


def _sort(index: Index, files: Mapping[str, Collection[str]], touched: Collection[str]) -> tuple[list[str], set[str]]:
    """The files that are written anew, and the packs of those that stay."""
    old: list[str] = []
    kept: set[str] = set()
    for name, packs in files.items():
        stays = kept.isdisjoint(packs) and not any(pack in touched for pack in packs)
        if stays and INDEX_BLOBS <= sum(map(index.count, packs)) < LARGEST:
            kept.update(packs)
        else:
            old.append(name)
    return old, kept


def _chunks(index: Index, packs: Iterable[str]) -> Iterator[list[str]]:
    """Packs for one index file each."""
    chunk: list[str] = []
    blobs = 0
    for pack in packs:
        chunk.append(pack)
        blobs += index.count(pack)
        if blobs >= INDEX_BLOBS:
            yield chunk
            chunk, blobs = [], 0
    if chunk:
        yield chunk
