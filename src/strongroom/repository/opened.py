"""An opened repository: what every verb works on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, NotOurs, Unsupported
from strongroom.base.objects import CONFIG_NAME, Kind, ObjectName
from strongroom.format.snapshot import Snapshot
from strongroom.repository.blobs import PackReader, load_verified
from strongroom.repository.index_reading import read_indexes
from strongroom.repository.locks.lock import Lock
from strongroom.repository.parallel import outcomes
from strongroom.repository.recent_trees import RecentTrees
from strongroom.repository.state import Pin, pin_url
from strongroom.repository.unpacked import UnpackedFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from strongroom._kernel import BlobEntry
    from strongroom.base.errors import StrongroomError
    from strongroom.format.config import RepositoryConfig
    from strongroom.repository.cache import RepositoryCache
    from strongroom.repository.state import RepositoryState
    from strongroom.repository.surroundings import Surroundings
    from strongroom.storage.contract import Reader, Store


class Repository:
    """A repository whose master key is known. Safe to use from many threads once the index is loaded.

    ``index`` is empty until ``load_index``. IDs are 64 hexadecimal digits throughout. The type of a blob is ``"data"``
    or ``"tree"``. Everything read is authenticated and hashed before it is handed out.
    """

    def __init__(
        self,
        store: Store,
        config: RepositoryConfig,
        key: _kernel.Key,
        key_id: str,
        surroundings: Surroundings,
        *,
        cache: RepositoryCache | None = None,
        state: RepositoryState | None = None,
        near: bool = False,
    ) -> None:
        """``near``: the store lies on this machine, so that a cache would gain nothing and none is used."""
        self.store = store
        self.config = config
        self.key = key
        self.key_id = key_id
        """The name in ``keys/`` of the key that opened it."""
        self.password: bytes | None = None
        """What opened that key; None where the repository was opened without one."""
        self.surroundings = surroundings
        self.near = near
        self.cache = None if near else cache
        self.state = state
        self.index = _kernel.Index()
        self.files = UnpackedFiles(store, key, config.version, self.cache)
        self._packs = PackReader(store, self.cache, near, self._size_if_trees)
        self._trees = RecentTrees()
        self._held: Lock | None = None
        self.unreadable = 0
        """How many snapshots ``snapshots`` passed over since they are damaged: who lists them shows less."""
        self.stranger: StrongroomError | None = None
        """Why nothing is written here: this machine knows another repository at this place. None: it knows this one."""

    @property
    def id(self) -> str:
        """The repository's ID, from its config."""
        return self.config.id

    @property
    def version(self) -> int:
        """1 or 2."""
        return self.config.version

    @property
    def polynomial(self) -> int:
        """The chunker's polynomial, irreducible and of degree 53."""
        return self.config.polynomial

    @property
    def location(self) -> str:
        """The place as a user would write it, without credentials."""
        return self.store.location

    def without_cache(self) -> Repository:
        """The same repository, read from the store alone: for those who want to know what is there."""
        return Repository(
            self.store, self.config, self.key, self.key_id, self.surroundings, state=self.state, near=self.near
        )

    # index

    def load_index(
        self,
        progress: Callable[[int, int], None] | None = None,
        *,
        on_error: Callable[[str, StrongroomError], None] | None = None,
        on_file: Callable[[str, list[str]], None] | None = None,
    ) -> _kernel.Index:
        """Read every index file into ``index``, from the cache where it has them, several at once, and return it.

        ``progress(done, total)`` counts files; ``on_file(name, packs)`` hears which packs a file names. List the
        snapshots first, then call this (format page 1.12). Errors as ``read_indexes``.
        """
        self.index, names = read_indexes(
            self.store, self.files, self.surroundings, progress, near=self.near, on_error=on_error, on_file=on_file
        )
        if self.cache is not None:
            self.cache.prune(Kind.INDEX, names)
            if self.cache.has_any(Kind.DATA):
                self.cache.prune(Kind.DATA, self.index.packs())
        return self.index

    def save_index(self, packs: Sequence[tuple[str, Sequence[BlobEntry]]]) -> str:
        """Store one index file for packs that are stored already, and return its name. ``index`` is not changed."""
        return self.save_unpacked(Kind.INDEX, _kernel.encode_index(packs))

    # blobs and packs

    def load_blob(self, kind: str, blob_id: str) -> bytes:
        """The plaintext of a blob, decrypted, decompressed and hashed; other copies are tried when one is bad.

        Raises ``Missing`` when no index names it, ``Damaged`` when every copy is bad, ``LimitExceeded``.
        """

        def open_copy(sealed: bytes, copy: _kernel.Location) -> bytes:
            return _kernel.open_blob(self.key, kind, blob_id, sealed, copy.uncompressed_length)

        return load_verified(self._packs, kind, blob_id, self.locations(kind, blob_id), open_copy)

    def load_tree(self, tree_id: str, *, strict: bool = False) -> _kernel.Tree:
        """A tree, decoded (leniently node by node unless ``strict``); errors as ``load_blob``. Recent ones are kept."""
        kept = self._trees.find(tree_id, strict=strict)
        if kept is not None:
            return kept

        def open_copy(sealed: bytes, copy: _kernel.Location) -> _kernel.Plaintext:
            return _kernel.open_tree(self.key, tree_id, sealed, copy.uncompressed_length)

        plaintext = load_verified(self._packs, "tree", tree_id, self.locations("tree", tree_id), open_copy)
        try:
            tree = _kernel.decode_tree(plaintext, strict)
        except (Damaged, LimitExceeded) as problem:
            problem.subject = problem.subject or f"tree {tree_id}"
            raise
        self._trees.keep(tree_id, tree, len(plaintext), strict=strict)
        return tree

    def read_pack(self, pack: str, offset: int, length: int, *, tree: bool = False) -> bytes:
        """Raw bytes of a pack, unverified: for those who decrypt and verify themselves. ``tree`` goes by the cache."""
        return (self._packs.read_range if tree else self._packs.read_from_store)(pack, offset, length)

    def open_pack(self, pack: str, offset: int, length: int) -> Reader:
        """A range of a pack as the store's reader (with a descriptor where there is one), past the cache."""
        return self.store.read(ObjectName(Kind.DATA, pack), offset, length)

    def locations(self, kind: str, blob_id: str) -> list[_kernel.Location]:
        """Where the copies of a blob lie, by the index."""
        return self.index.lookup(kind, blob_id)

    def read_tree_pack(self, pack: str) -> bytes:
        """The blobs of a pack that holds trees, from wherever they are nearest; what the cache has fits its name."""
        return self._packs.read_trees(pack)

    def remember_tree_pack(self, pack: str, data: bytes) -> None:
        """Keep a pack of trees that was just stored in the cache, if there is one: the next run wants it as parent."""
        if self.cache is not None:
            self.cache.store(Kind.DATA, pack, data)

    def _size_if_trees(self, pack: str) -> int | None:
        entries = self.index.pack_entries(pack)
        if not entries or any(entry.kind != "tree" for entry in entries):
            return None
        return max(entry.offset + entry.length for entry in entries)

    # unpacked files

    def load_unpacked(self, kind: Kind, name: str = CONFIG_NAME, *, cached: bool = True) -> bytes:
        """The plaintext of a snapshot, index or lock file (or the config): hash and MAC checked, within its budget.

        Raises ``Missing``, ``Damaged``, ``LimitExceeded``.
        """
        return self.files.load(kind, name, cached=cached)

    def save_unpacked(self, kind: Kind, plaintext: bytes) -> str:
        """Encrypt and store a snapshot, index or lock file (compressed in version 2); return its name."""
        return self.files.save(kind, plaintext)

    # snapshots

    def snapshot_names(self) -> list[str]:
        """The names of all snapshot files, in order."""
        names = [name for group in self.store.list_groups(Kind.SNAPSHOT) for name, _, _ in group]
        if self.cache is not None:
            self.cache.prune(Kind.SNAPSHOT, names)
        return names

    def snapshots(self, on_error: Callable[[str, Exception], None] | None = None) -> Iterator[tuple[str, Snapshot]]:
        """Every snapshot with its ID, loaded several at once, in the order of their IDs.

        One that cannot be read goes to ``on_error(id, error)`` (by default a warning) and the others go on.
        """
        names = self.snapshot_names()
        load: Iterable[tuple[str, Callable[[], Snapshot]]] = (
            self._near_snapshots(names)
            if self.near  # where threads take longer to take turns than a snapshot takes to read
            else outcomes(self.load_snapshot, names, self.store.connections)
        )
        for name, outcome in load:
            try:
                yield name, outcome()
            except Missing:  # forgotten since it was listed
                continue
            except (Damaged, LimitExceeded) as problem:
                if on_error is None:
                    self.unreadable += not isinstance(problem, NotOurs)  # that was never a snapshot of this repository
                    self.surroundings.warn(f"ignoring {problem}")
                else:
                    on_error(name, problem)

    def _near_snapshots(self, names: Sequence[str]) -> Iterator[tuple[str, Callable[[], Snapshot]]]:
        """Each with what parses it, read many at once; what the kernel makes nothing of is read as any other file."""
        for name, plaintext in self.files.load_small(Kind.SNAPSHOT, names):
            parse = partial(Snapshot.parse, plaintext or b"", f"snapshots/{name}")
            yield name, partial(self.load_snapshot, name) if plaintext is None else parse

    def load_snapshot(self, snapshot_id: str) -> Snapshot:
        """One snapshot by its full ID. Raises ``Missing`` or ``Damaged``."""
        return Snapshot.parse(self.files.load(Kind.SNAPSHOT, snapshot_id), f"snapshots/{snapshot_id}")

    def save_snapshot(self, snapshot: Snapshot) -> str:
        """Store a snapshot and return its ID. Everything it names must be stored and indexed already."""
        return self.save_unpacked(Kind.SNAPSHOT, snapshot.encode())

    # locks and keys

    def lock(self, *, exclusive: bool = False, retry_seconds: float = 0.0, settle: bool = True) -> Lock:
        """Take a lock as restic does; a context manager that refreshes itself and releases at the end.

        Tries again for ``retry_seconds`` (``--retry-lock``). Without ``settle`` the second look at others' locks goes
        on meanwhile (see ``Lock.acquire``). Raises ``Locked``.
        """
        lock = Lock(self.store, self.files, self.surroundings, exclusive=exclusive)
        self._held = lock.acquire(retry_seconds, settle=settle)
        return lock

    def still_locked(self, *, wait: bool = False) -> None:
        """Raise ``Locked`` when our last lock turns out to be refused; ``wait`` for the second look before long work.

        For readers, who work on while it goes on; writers ask the lock itself before each write.
        """
        if self._held is not None:
            self._held.settled(wait=wait)

    def use_key(self, key_id: str) -> None:
        """Remember another key file as the one in use; the master key behind it is the same."""
        self.key_id = key_id

    def admit(self) -> None:
        """Remember it at its place, beside what is known there; it may be written to from now on."""
        self.stranger = None
        if self.state is not None:
            self.state.pin(Pin(pin_url(self.location), self.id, self.polynomial, self.key_id))

    def refuse_unless_writable_by_backup(self) -> None:
        """Raise ``Unsupported`` for what backup must not write: fixed-size chunks, or the hot half, of rustic.

        Raises ``RepositoryError`` for a stranger.
        """
        if self.stranger is not None:
            raise self.stranger
        obstacle = self.config.backup_obstacle
        if obstacle is not None:
            raise Unsupported(
                obstacle, subject=self.location, hint="Back up to a repository of its own, or with rustic."
            )
        if self.config.foreign_chunk_sizes:
            self.surroundings.warn(
                f"{self.location} is cut into chunks of other sizes by rustic; little will be shared"
            )

    def close(self) -> None:
        """Close the store. Idempotent."""
        self.store.close()

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
