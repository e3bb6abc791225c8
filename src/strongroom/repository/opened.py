"""An opened repository: what every verb works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom._kernel import Index, Key, Location, Tree
    from strongroom.base.objects import Kind
    from strongroom.format.config import RepositoryConfig
    from strongroom.format.snapshot import Snapshot
    from strongroom.repository.cache import RepositoryCache
    from strongroom.repository.locks import Lock
    from strongroom.repository.state import RepositoryState
    from strongroom.repository.surroundings import Surroundings
    from strongroom.storage.contract import Reader, Store


class Repository:
    """A repository whose master key is known. Safe to use from many threads once the index is loaded.

    ``index`` is empty until ``load_index``. IDs are 64 hexadecimal digits throughout. The type of a blob is ``"data"``
    or ``"tree"``. Everything read is authenticated and hashed before it is handed out.
    """

    store: Store
    config: RepositoryConfig
    key: Key
    key_id: str
    """The name in ``keys/`` of the key that opened it."""
    index: Index
    cache: RepositoryCache | None
    state: RepositoryState | None
    surroundings: Surroundings

    @property
    def id(self) -> str:
        """The repository's ID, from its config."""
        raise NotImplementedError

    @property
    def version(self) -> int:
        """1 or 2."""
        raise NotImplementedError

    @property
    def polynomial(self) -> int:
        """The chunker's polynomial, irreducible and of degree 53."""
        raise NotImplementedError

    @property
    def location(self) -> str:
        """The place as a user would write it, without credentials."""
        raise NotImplementedError

    # index

    def load_index(self, progress: Callable[[int, int], None] | None = None) -> Index:
        """Read every index file into ``index``, from the cache where it has them, several at once, and return it.

        ``progress(done, total)`` counts files. List the snapshots first, then call this (format page 1.12). Raises
        ``Damaged`` naming the file when one cannot be read: a part of an index must never pass for the whole.
        """
        raise NotImplementedError

    def save_index(self, packs: Iterable[tuple[str, Iterable[tuple[str, str, int, int, int]]]]) -> str:
        """Store one index file for packs that are stored already, and return its name.

        ``packs``: ``(pack id, [(type, blob id, offset, length, uncompressed length or 0)])``, lengths in bytes, of
        the ciphertext. ``index`` itself is not changed.
        """
        raise NotImplementedError

    # blobs and packs

    def load_blob(self, kind: str, blob_id: str) -> bytes:
        """The plaintext of a blob, decrypted, decompressed and hashed; other copies are tried when one is bad.

        Raises ``Missing`` when no index names it, ``Damaged`` when every copy is bad, ``LimitExceeded``.
        """
        raise NotImplementedError

    def load_tree(self, tree_id: str, *, strict: bool = False) -> Tree:
        """A tree, decoded (leniently node by node unless ``strict``); errors as ``load_blob``. Recent ones are kept."""
        raise NotImplementedError

    def read_pack(self, pack: str, offset: int, length: int, *, tree: bool = False) -> bytes:
        """Raw bytes of a pack, unverified: for those who decrypt and verify themselves. ``tree`` goes by the cache."""
        raise NotImplementedError

    def open_pack(self, pack: str, offset: int, length: int) -> Reader:
        """A range of a pack as the store's reader (with a descriptor where there is one), past the cache."""
        raise NotImplementedError

    def locations(self, kind: str, blob_id: str) -> list[Location]:
        """Where the copies of a blob lie, by the index."""
        raise NotImplementedError

    # unpacked files

    def load_unpacked(self, kind: Kind, name: str, *, cached: bool = True) -> bytes:
        """The plaintext of a snapshot, index or lock file (or the config): hash and MAC checked, within its budget.

        Raises ``Missing``, ``Damaged``, ``LimitExceeded``.
        """
        raise NotImplementedError

    def save_unpacked(self, kind: Kind, plaintext: bytes) -> str:
        """Encrypt and store a snapshot, index or lock file (compressed in version 2); return its name."""
        raise NotImplementedError

    # snapshots

    def snapshot_names(self) -> list[str]:
        """The names of all snapshot files, in order."""
        raise NotImplementedError

    def snapshots(self, on_error: Callable[[str, Exception], None] | None = None) -> Iterator[tuple[str, Snapshot]]:
        """Every snapshot with its ID, loaded several at once, in the order of their IDs.

        One that cannot be read goes to ``on_error(id, error)`` (by default a warning) and the others go on.
        """
        raise NotImplementedError

    def load_snapshot(self, snapshot_id: str) -> Snapshot:
        """One snapshot by its full ID. Raises ``Missing`` or ``Damaged``."""
        raise NotImplementedError

    def save_snapshot(self, snapshot: Snapshot) -> str:
        """Store a snapshot and return its ID. Everything it names must be stored and indexed already."""
        raise NotImplementedError

    # locks

    def lock(self, *, exclusive: bool = False, retry_seconds: float = 0.0) -> Lock:
        """Take a lock as restic does; a context manager that refreshes itself and releases at the end.

        Tries again for ``retry_seconds`` (``--retry-lock``). Raises ``Locked``.
        """
        raise NotImplementedError

    def refuse_unless_writable_by_backup(self) -> None:
        """Raise ``Unsupported`` for what backup must not write: fixed-size chunks, or the hot half, of rustic."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop workers and close the store. Idempotent."""
        raise NotImplementedError
