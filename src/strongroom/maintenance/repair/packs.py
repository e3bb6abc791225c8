"""``repair packs``: save what can be read of damaged packs, and remove them; copies are kept aside first."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

from strongroom.base.durable import sync_file
from strongroom.base.errors import Damaged, Exists, Full, Interrupted, LimitExceeded, Missing, Unavailable
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import field, mutable
from strongroom.maintenance.index_files import load_index_files, rewrite_index
from strongroom.maintenance.missing_data import Missed, where_missing
from strongroom.maintenance.removing import Remover, refuse_where_append_only
from strongroom.repository.destination import Destination, PackOptions
from strongroom.repository.packs.crowds import entries_of_crowded
from strongroom.repository.packs.headers import read_header
from strongroom.repository.selection import complete_prefix
from strongroom.repository.transfer import raise_failure, transfer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from strongroom._kernel import BlobEntry
    from strongroom.base.progress import Reporter
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository
    from strongroom.repository.transfer import Lost

_PIECE = 1 << 20


@mutable
class RepairedPacks:
    """What came of it: packs that went, blobs that were saved of them, those that nobody has any more, and where."""

    packs: list[str] = field(default_factory=list)
    saved: int = 0
    lost: list[tuple[str, str]] = field(default_factory=list)
    """Type and ID of the blobs that no pack holds now."""
    kept_aside: list[str] = field(default_factory=list)
    """Paths of the copies."""


def repair_packs(
    repository: Repository,
    names: Sequence[str],
    reporter: Reporter,
    *,
    aside: str = ".",
    lock: Lock | None = None,
    options: PackOptions | None = None,
) -> RepairedPacks:
    """Move what is good in these packs (IDs, or the beginnings of some) into new ones, then remove them.

    Where a blob lies is taken from index and header, what each says; a blob that is bad here is taken from another pack
    that has it. Before anything is written a copy of each pack is made in the folder ``aside``, as ``pack-ID``. What
    is lost is reported with the files that needed it. The caller holds the exclusive lock. Raises ``UsageError`` for
    an ID that is none, ``Refused`` where nothing may be removed, ``Exists`` where another copy stands in the way,
    ``Interrupted``, and errors of the store; then no pack was removed.
    """
    refuse_where_append_only(repository)
    return _Repair(repository, reporter, lock, options or PackOptions()).run(names, aside)


class _Repair:
    def __init__(self, repository: Repository, reporter: Reporter, lock: Lock | None, options: PackOptions) -> None:
        self._repository = repository
        self._reporter = reporter
        self._lock = lock
        self._options = options
        self._result = RepairedPacks()

    def run(self, names: Sequence[str], aside: str) -> RepairedPacks:
        repository, reporter, result = self._repository, self._reporter, self._result
        files = load_index_files(repository, reporter)
        sizes = {info.name.name: info.size for info in repository.store.list(Kind.DATA)}
        known = {*sizes, *repository.index.packs()}
        result.packs = list(dict.fromkeys(complete_prefix(name, known, "pack") for name in names))
        reporter.message("saving backup copies of pack files to current folder")
        for pack in result.packs:
            if pack not in sizes:
                reporter.warning(f"pack {pack} is in the index, but not in the store")
                continue
            self._keep_aside(pack, os.path.join(aside, f"pack-{pack}"))
        reporter.message("salvaging intact data from specified pack files")
        self._salvage(sizes)
        remover = Remover(repository)
        whole = entries_of_crowded(repository, sizes)
        rewrite_index(repository, files, remover, reporter, gone=set(result.packs), whole=whole, check=self._check)
        reporter.message("removing salvaged pack files")
        self._remove(remover, [pack for pack in result.packs if pack in sizes])
        if result.lost:
            self._tell()
        return result

    def _keep_aside(self, pack: str, path: str) -> None:
        """A copy of a pack in a folder of this machine, of what can be read of it."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            if _digest(self._pieces(pack)) == _digest(_pieces_of(path)):  # by an earlier run that was ended
                return
            raise Exists(
                "a file of this name is in the way of the copy that is made before a pack goes",
                subject=path,
                hint="Move it away, or start the command in another folder.",
            ) from None
        except OSError as error:
            hint = "Copies of the packs are kept in the current folder: start the command where you may write."
            raise Full(f"cannot be written: {error.strerror}", subject=path, hint=hint) from error
        with open(descriptor, "wb") as file:
            try:
                for piece in self._pieces(pack):
                    file.write(piece)
                file.flush()
                sync_file(file.fileno())
            except OSError as error:
                raise Full(f"cannot be written: {error.strerror}", subject=path) from error
        self._result.kept_aside.append(path)

    def _pieces(self, pack: str) -> Iterable[bytes]:
        try:
            with self._repository.store.read(ObjectName(Kind.DATA, pack)) as reader:
                while piece := reader.read(_PIECE):
                    if self._reporter.stop.is_set():
                        raise Interrupted("stopped")
                    yield piece
        except Damaged as problem:
            self._reporter.warning(f"the copy of pack {pack} ends early: {problem.what}")
        except Unavailable as problem:
            if not self._repository.near:  # the line, not the pack
                raise
            self._reporter.warning(f"the copy of pack {pack} ends early: {problem.what}")

    def _salvage(self, sizes: Mapping[str, int]) -> None:
        repository, reporter, result = self._repository, self._reporter, self._result
        destination = Destination(repository, self._options, check=self._check)
        pieces = [(pack, self._entries(pack, sizes.get(pack))) for pack in result.packs]
        wanted = {(entry.kind, entry.id) for _, entries in pieces for entry in entries}
        for kind, blob in wanted:
            destination.writer.want(kind, blob)
        done = 0

        def progress(_pack: str, lost: list[Lost]) -> None:
            nonlocal done
            done += 1
            for one in lost:
                if destination.writer.lacks(one.entry.kind, one.entry.id):
                    reporter.message(f"failed to load blob {one.entry.id} from pack {one.pack}: {one.reason}", 2)
            reporter.count("pack files", done, len(pieces))

        try:
            transfer(repository, pieces, [destination], progress=progress, stop=reporter.stop)
            # Of a blob that only a header knows in a second pack nobody tries that place when the first one is bad.
            writer = destination.writer
            left = [
                (pack, [entry for entry in entries if writer.lacks(entry.kind, entry.id)]) for pack, entries in pieces
            ]
            transfer(repository, [piece for piece in left if piece[1]], [destination], stop=reporter.stop, workers=1)
        except BaseException:
            destination.abandon()
            raise
        destination.finish()
        raise_failure(destination)
        result.saved = destination.blobs
        result.lost = sorted(destination.writer.wanted())

    def _entries(self, pack: str, size: int | None) -> list[BlobEntry]:
        """Where blobs may lie in a pack: what the index says, and what its header says otherwise."""
        entries = self._repository.index.pack_entries(pack)
        if size is None:
            return entries
        try:
            header = read_header(self._repository, pack, size, len(entries))
        except (Damaged, LimitExceeded, Missing):
            header = []
        except Unavailable:
            if not self._repository.near:  # the line, not the pack
                raise
            header = []
        more = set(header) - set(entries)
        if more and entries:
            self._reporter.message(f"repairing incomplete index entry for pack {pack}")
        if not entries and not more:
            self._reporter.warning(f"no blobs found for pack {pack}")
        return [*entries, *more]

    def _remove(self, remover: Remover, packs: Sequence[str]) -> None:
        self._check()
        names = [ObjectName(Kind.DATA, pack) for pack in packs]
        failed = remover.remove_all(names, lambda done, total: self._reporter.count("files deleted", done, total))
        for name, error in failed:
            self._reporter.warning(f"unable to remove {name}: {error.what}; `strongroom prune` removes it later")

    def _tell(self) -> None:
        """Name what is lost, and the files that it costs."""
        repository, reporter, lost = self._repository, self._reporter, set(self._result.lost)
        snapshots = list(repository.snapshots())
        for item, message in where_missing(repository, snapshots, Missed(blobs=lost), reporter):
            reporter.error(item, message, "repair")
        reporter.message(f"{len(lost)} blobs could not be saved")

    def _check(self) -> None:
        if self._lock is not None:
            self._lock.check()


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _pieces_of(path: str) -> Iterable[bytes]:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        while piece := file.read(_PIECE):
            yield piece
