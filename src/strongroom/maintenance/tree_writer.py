"""New trees into a repository: packs and index files over them, all stored before anything names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged
from strongroom.base.objects import Kind, ObjectName
from strongroom.repository.packs.remembered import remember

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom._kernel import BlobEntry
    from strongroom.repository.opened import Repository

_INDEX_BLOBS = 50_000


class TreeWriter:
    """Stores the trees that the repository does not have. ``repository.index`` must be loaded, and learns them.

    ``check`` raises when nothing may be written any more (the lock's ``check``). With ``dry_run`` nothing is stored.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        pack_size: int = 16 << 20,
        check: Callable[[], None] = lambda: None,
        dry_run: bool = False,
    ) -> None:
        """``pack_size`` is in bytes."""
        self._repository = repository
        self._pack_size = pack_size
        self._check = check
        self._dry_run = dry_run
        self._pack = _kernel.PackBuilder(repository.key)
        self._open: set[str] = set()
        self._unindexed: list[tuple[str, list[BlobEntry]]] = []
        self._failed = False

    @property
    def stored(self) -> bool:
        """Whether a pack was full and is stored, but in no index file yet."""
        return bool(self._unindexed)

    def save(self, plaintext: bytes) -> str:
        """Take in a tree, and return its ID. It is in the store after ``finish``."""
        tree = _kernel.sha256_hex(plaintext)
        if self._dry_run or tree in self._open or self._repository.index.contains("tree", tree):
            return tree
        if self._repository.version == 1:
            self._pack.add("tree", tree, plaintext)
        else:
            self._pack.add("tree", tree, _kernel.compress(plaintext), len(plaintext))
        self._open.add(tree)
        if len(self._pack) >= self._pack_size:
            self._store()
        return tree

    def finish(self) -> None:
        """Store what is open, and an index file over all that is new. Raises what the store says.

        After a failure it raises ``Damaged``: a pack's trees are lost, and nothing may name them.
        """
        if self._failed:
            raise Damaged("were not all stored", subject="the new trees")
        self._store()
        self._save_index()

    def _store(self) -> None:
        if not self._pack.count():
            return
        name, data, entries = self._pack.finish()
        self._pack = _kernel.PackBuilder(self._repository.key)
        self._failed = True
        report = _kernel.verify_pack(self._repository.key, name, data, entries)
        if not report.sound:
            raise Damaged("came out changed of its own encryption; is this machine's memory sound?", subject="a pack")
        self._check()
        self._repository.store.create(ObjectName(Kind.DATA, name), data)
        remember(self._repository, [name])
        self._repository.remember_tree_pack(name, data)
        self._repository.index.insert_pack(name, entries)
        self._open.clear()
        self._unindexed.append((name, entries))
        self._failed = False
        if sum(len(entries) for _, entries in self._unindexed) >= _INDEX_BLOBS:
            self._save_index()

    def _save_index(self) -> None:
        if self._unindexed:
            self._check()
            self._repository.save_index(self._unindexed)
            self._unindexed = []
