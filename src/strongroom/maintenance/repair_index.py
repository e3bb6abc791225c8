"""``repair index``: an index that says what the packs say, made of their headers where it said something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Interrupted
from strongroom.base.objects import Kind
from strongroom.base.record import mutable
from strongroom.maintenance.index_files import load_index_files, rewrite_index
from strongroom.maintenance.removing import Remover
from strongroom.maintenance.survey import survey
from strongroom.repository.packs.crowds import entries_of_crowded
from strongroom.repository.packs.headers import read_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.base.progress import Reporter
    from strongroom.maintenance.survey import Survey
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository


@mutable
class RepairedIndex:
    """What was done: index files that could not be read, packs by what became of them."""

    invalid: int = 0
    added: int = 0
    corrected: int = 0
    forgotten: int = 0
    unreadable: int = 0


def repair_index(
    repository: Repository, reporter: Reporter, *, lock: Lock | None = None, read_all_packs: bool = False
) -> RepairedIndex:
    """Make the index anew where it is wrong, or wholly with ``read_all_packs``.

    The caller holds the exclusive lock, and has asked ``refuse_where_append_only`` before.

    Packs that are in no index, or are not what it says, are read by their headers; those that are not there are
    forgotten, and those without a header, too. Raises ``Interrupted`` and errors of the store.
    """
    return _Repair(repository, reporter, lock).run(read_all_packs=read_all_packs)


class _Repair:
    def __init__(self, repository: Repository, reporter: Reporter, lock: Lock | None) -> None:
        self._repository = repository
        self._reporter = reporter
        self._lock = lock
        self._result = RepairedIndex()

    def run(self, *, read_all_packs: bool) -> RepairedIndex:
        repository, reporter = self._repository, self._reporter
        files: dict[str, list[str]] = {}
        invalid: list[str] = []
        if read_all_packs:
            invalid = [info.name.name for info in repository.store.list(Kind.INDEX)]
            repository.index = _kernel.Index()
        else:
            reporter.message("loading indexes...")

            def unusable(name: str, error: Exception) -> None:
                reporter.warning(f"removing invalid index {name}: {getattr(error, 'what', error)}")
                invalid.append(name)
                self._result.invalid += 1

            files = load_index_files(repository, reporter, unusable)
        reporter.message("getting pack files to read...")
        found = survey(repository, reporter)
        self._say(found, everything=read_all_packs)
        added = self._read(found.unindexed)
        whole = found.stripped | entries_of_crowded(repository, found.present | found.unindexed)
        rewrite_index(
            repository,
            files,
            Remover(repository),
            reporter,
            gone={*found.missing, *found.broken},
            changed=found.wrong,
            extra=added,
            obsolete=invalid,
            whole=whole,
            check=self._check,
        )
        return self._result

    def _say(self, found: Survey, *, everything: bool) -> None:
        """restic's lines."""
        reporter, result = self._reporter, self._result
        if not everything:
            for pack in found.unindexed:
                reporter.message(f"adding pack file to index {pack}")
        for pack in found.wrong:
            if pack in found.broken:
                result.unreadable += 1
            else:
                result.corrected += 1
                reporter.message(f"reindexing pack file {pack}")
        for pack in found.missing:
            result.forgotten += 1
            reporter.message(f"removing not found pack file {pack}")

    def _read(self, sizes: Mapping[str, int]) -> list[str]:
        """Take packs into the index; those that have a header."""
        repository, reporter = self._repository, self._reporter
        if sizes:
            reporter.message("reading pack files")
        added = []
        for done, (pack, entries, reason) in enumerate(read_headers(repository, sizes.items()), 1):
            if reporter.stop.is_set():
                raise Interrupted("stopped")
            if entries is None:
                self._result.unreadable += 1
                reporter.warning(f"skipped incomplete pack file {pack}: {reason}")
            else:
                repository.index.insert_pack(pack, entries)
                self._result.added += 1
                added.append(pack)
            reporter.count("packs", done, len(sizes))
        return added

    def _check(self) -> None:
        if self._lock is not None:
            self._lock.check()
