"""The compiled part of Strongroom (crates/kernel-py). IDs are 64 lower-case hexadecimal digits; sizes are bytes.

Every function that works for longer than an instant releases the interpreter lock. Errors are those of
``strongroom.base.errors``: ``Damaged``, ``LimitExceeded``, ``Unsupported``, ``Unavailable``, ``Interrupted``;
``OSError`` from the system, ``RuntimeError`` for a bug of ours, ``ValueError`` for an argument that makes no sense.
A blob's type is ``"data"`` or ``"tree"`` everywhere.
"""

from collections.abc import Iterable, Sequence
from typing import final

from typing_extensions import Buffer

from strongroom.base.errors import Damaged

__version__: str
MAX_DEPTH: int
"""Folders below each other that are saved and read."""
MAX_PATH: int
"""Bytes of a folder's path in a snapshot that is saved and read."""

# Keys, envelopes, codecs

class WrongKey(Damaged):
    """The key does not open this envelope: the MAC of the ciphertext is another one."""

@final
class Key:
    """A key in three parts, of 32, 16 and 16 bytes: a repository's master key, or what a password derives.

    Raises ``ValueError`` for another length, ``Damaged`` for a part of zeros only.
    """

    def __init__(self, encrypt: bytes, mac_k: bytes, mac_r: bytes) -> None: ...
    @staticmethod
    def generate() -> Key:
        """A new random key."""
    def seal(self, data: Buffer) -> bytes:
        """The envelope of ``data``: IV, ciphertext, MAC; 32 bytes longer."""
    def open(self, envelope: Buffer) -> bytes:
        """The plaintext of an envelope. Raises ``WrongKey``, ``Damaged`` for less than 32 bytes or an IV of zeros."""
    def material(self) -> tuple[bytes, bytes, bytes]:
        """The three parts: encrypt, mac_k, mac_r. They are secret."""

def derive_key(password: Buffer, salt: Buffer, n: int, r: int, p: int) -> Key:
    """The key that a password derives with scrypt, whose p lanes run in parallel.

    Raises ``LimitExceeded`` for 128 n r > 256 MiB or n r p > 2**23, ``Damaged`` for parameters that scrypt forbids.
    """

def sha256_hex(data: Buffer) -> str:
    """The SHA-256 of ``data``."""

def compress(data: Buffer, level: int = ...) -> bytes:
    """One zstd frame with its content size and without a checksum, as restic writes it. Level 1 to 22."""

def decompress(frame: Buffer, limit: int, expected: int | None = None) -> bytes:
    """The plaintext of zstd frames, of at most ``limit`` bytes and exactly ``expected`` ones, if given.

    Raises ``LimitExceeded`` beyond ``limit``, ``Damaged`` for anything else that is wrong.
    """

def random_polynomial() -> int:
    """A new random irreducible polynomial of degree 53, bit i for the coefficient of x^i."""

def is_irreducible(p: int) -> bool:
    """Whether a polynomial of at most 64 bits is irreducible over GF(2)."""

def chunk_lengths(data: Buffer, polynomial: int) -> list[int]:
    """The lengths of the chunks of a file that holds ``data``.

    Raises ``Unsupported`` for a polynomial not of degree 53, ``Damaged`` for a reducible one.
    """

# Packs

@final
class BlobEntry:
    """One blob as a pack header or an index describes it."""

    def __init__(self, kind: str, id: str, offset: int, length: int, uncompressed_length: int = 0) -> None: ...
    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def offset(self) -> int:
        """Where the envelope begins in its pack."""
    @property
    def length(self) -> int:
        """Length of the envelope."""
    @property
    def uncompressed_length(self) -> int:
        """Length of the plaintext of a compressed blob; 0 if it is not compressed."""

def open_blob(key: Key, type: str, id: str, ciphertext: Buffer, uncompressed_length: int) -> bytes:
    """The plaintext of a blob: MAC, bounded decompression and SHA-256 are checked.

    Raises ``Damaged`` naming the blob, ``LimitExceeded`` above 64 MiB of data or 512 MiB of tree.
    """

def pack_header_length(tail: Buffer, size: int) -> int:
    """The length of the header envelope from the last bytes (4 or more) of a pack of ``size`` bytes.

    The header and its length are the last ``pack_header_length(...) + 4`` bytes. Raises ``Damaged``, ``LimitExceeded``.
    """

def parse_pack_header(key: Key, tail: Buffer, size: int) -> list[BlobEntry]:
    """The blobs of a pack of ``size`` bytes in order of place, out of its last bytes, which hold the whole header.

    Raises ``Damaged`` if they do not or the header lies, ``WrongKey``, ``LimitExceeded`` above 16 MiB.
    """

@final
class PackBuilder:
    """A pack under construction in memory; from any thread, one call at a time."""

    def __init__(self, key: Key) -> None: ...
    def add(self, kind: str, id: str, data: Buffer, uncompressed_length: int = 0) -> BlobEntry:
        """Seals one blob: plaintext, or a zstd frame of ``uncompressed_length`` bytes. ``id`` is the plaintext's.

        Raises ``LimitExceeded`` if the format cannot hold more.
        """
    def count(self) -> int:
        """The number of blobs."""
    def __len__(self) -> int:
        """Bytes of all envelopes so far, without the header."""
    def finish(self) -> tuple[str, bytes, list[BlobEntry]]:
        """Adds the header: the name of the pack, its bytes, its blobs. The builder is empty and useless afterwards."""

@final
class PackReport:
    """What a pack holds and what is wrong with it."""

    @property
    def size(self) -> int: ...
    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
    @property
    def entries(self) -> list[BlobEntry]:
        """The blobs of its header in order of place; empty if it cannot be read."""
    @property
    def verified(self) -> list[BlobEntry]:
        """The blobs that were proven: MAC, decompression, SHA-256."""
    @property
    def errors(self) -> list[str]:
        """What is wrong with the pack as a whole, a sentence each."""
    @property
    def bad_blobs(self) -> list[tuple[BlobEntry, str]]:
        """The blobs that are not what header or index promises, with the reason."""

def verify_pack(
    key: Key,
    name: str,
    source: Buffer | int,
    expected: Sequence[BlobEntry] | None = None,
    *,
    offset: int = 0,
    size: int | None = None,
) -> PackReport:
    """Verifies a whole pack: SHA-256 against ``name``, header, each blob, and header against ``expected``, the index.

    ``source`` is its bytes, or an open file descriptor that is read from ``offset`` on, ``size`` bytes or to its end;
    each thread keeps the memory of one pack. A wrong pack is no error. Raises ``OSError``, and ``LimitExceeded`` above
    4 GiB.
    """

# Index

@final
class Location:
    """One place where a blob lies."""

    @property
    def pack(self) -> str: ...
    @property
    def offset(self) -> int:
        """Where the envelope begins in the pack."""
    @property
    def length(self) -> int:
        """Length of the envelope."""
    @property
    def uncompressed_length(self) -> int:
        """Length of the plaintext of a compressed blob; 0 if it is not compressed."""

@final
class Index:
    """All blobs that the index files of a repository name, in about 55 bytes of memory each. From any thread."""

    def __init__(self) -> None: ...
    def load(self, plaintext: Buffer) -> list[str]:
        """Adds the JSON of one index file and returns the packs that it names, without ``packs_to_delete``.

        Raises ``Damaged``, ``LimitExceeded`` above 256 MiB, ``Unsupported`` for restic 0.1; nothing is added then.
        """
    def insert_pack(self, pack: str, blobs: Sequence[BlobEntry]) -> None:
        """Adds blobs of one pack; those that are known to lie there change nothing."""
    def contains(self, type: str, id: str) -> bool:
        """Whether any index file names the blob. It need not exist for all that."""
    def lookup(self, type: str, id: str) -> list[Location]:
        """All places of a blob (64 at most), in the order in which they were named."""
    def packs(self) -> list[str]:
        """All packs, in the order in which they were named."""
    def contains_pack(self, pack: str) -> bool:
        """Whether any index file names the pack."""
    def pack_entries(self, pack: str) -> list[BlobEntry]:
        """The blobs of a pack by place; empty for a pack that is not named."""
    def ids(self, type: str, prefix: str = "") -> list[str]:
        """The IDs of the blobs of a type that begin so, sorted, each once. All of them are 110 bytes of memory each."""
    def memory(self) -> int:
        """Bytes of memory that the index holds."""
    def __len__(self) -> int:
        """The number of places, which counts a blob once for each pack that it lies in."""

def encode_index(packs: Sequence[tuple[str, Sequence[BlobEntry]]]) -> bytes:
    """The JSON of one index file, byte for byte as restic writes it."""

def parse_index(plaintext: Buffer) -> list[tuple[str, list[BlobEntry]]]:
    """What one index file says: each pack with its blobs, in the order of the file. Raises as ``Index.load``."""

# Trees and times

@final
class Timestamp:
    """A point in time: whole nanoseconds since 1970-01-01 UTC, and the seconds east of UTC that it is written with.

    Equal only if both are; compare ``ns`` for the instant. ``str`` gives RFC 3339 as Go writes it, years bounded to
    0 to 9999. Raises ``ValueError`` for an offset beyond 25 hours or an instant that no computer has.
    """

    def __init__(self, ns: int, offset: int = 0) -> None: ...
    @staticmethod
    def parse(text: str) -> Timestamp:
        """What an RFC 3339 time says; digits of the second beyond the ninth are dropped. Raises ``Damaged``."""
    @staticmethod
    def local(ns: int) -> Timestamp:
        """An instant with the offset of this process's time zone (``TZ`` by Go's rules, read once)."""
    @property
    def ns(self) -> int: ...
    @property
    def offset(self) -> int: ...
    def __hash__(self) -> int: ...
    def __getnewargs__(self) -> tuple[int, int]: ...

@final
class Node:
    """One entry of a directory. Any field can be given by name, and set later; names and link targets are bytes.

    ``mode`` is Go's file mode. ``content`` is None for everything but files. IDs that are none raise ``Damaged``.
    """

    name: bytes
    type: str
    mode: int
    mtime: Timestamp
    atime: Timestamp
    ctime: Timestamp
    uid: int
    gid: int
    user: str
    group: str
    inode: int
    device_id: int
    size: int
    links: int
    linktarget: bytes
    extended_attributes: list[tuple[bytes, bytes]]
    device: int
    content: list[str] | None
    subtree: str | None
    error: str

    def __init__(self, name: bytes, type: str, **fields: object) -> None: ...
    def copy(self) -> Node:
        """A node of its own with the same fields, those that we do not know included."""
    @property
    def permissions(self) -> int:
        """What ``chmod`` takes: permissions, set-user-ID, set-group-ID and sticky."""
    @property
    def generic_attributes(self) -> bytes | None:
        """Attributes of other systems, as the JSON object that was read."""
    @property
    def json(self) -> bytes:
        """The node as a tree holds it."""

@final
class Tree:
    """A directory's entries in the order of their names' bytes, each name once.

    ``skipped`` has the names and reasons of entries that could not be used; ``reordered`` says that they stood in
    another order. Both are empty and false after strict reading. Each access to a node makes a new object.
    """

    @property
    def nodes(self) -> Sequence[Node]: ...
    @property
    def skipped(self) -> list[tuple[bytes, str]]: ...
    @property
    def reordered(self) -> bool: ...
    def find(self, name: bytes) -> Node | None:
        """The node of this name."""

def read_nodes(path: bytes | str, with_atime: bool = False) -> tuple[list[Node], list[str]]:
    """The nodes of a folder's entries as they are now, in order, without content; and what could not be read of them.

    Raises ``OSError`` when the folder cannot be listed.
    """

def decode_tree(data: bytes, strict: bool = False) -> Tree:
    """Read a tree blob's plaintext. Lenient reading leaves out single bad nodes and goes on.

    Raises ``LimitExceeded`` beyond 512 MiB or with too many nodes, ``Damaged`` for what is no tree; strict also for
    anything that restic would not have written.
    """

def encode_tree(nodes: Iterable[Node]) -> bytes:
    """A tree blob's plaintext, byte for byte as restic writes it. The nodes stand in the order of their names' bytes.

    Raises ``RuntimeError`` if they do not.
    """

# Filters

@final
class Filter:
    """restic's patterns, of the options ``--exclude``, ``--iexclude``, ``--include`` and ``--iinclude``.

    Patterns and paths are bytes, or strings as ``os.fsdecode`` makes them. Raises ``Unsupported`` for malformed ones:
    see ``malformed_patterns``.
    """

    def __init__(
        self,
        excludes: Sequence[bytes | str] = (),
        iexcludes: Sequence[bytes | str] = (),
        includes: Sequence[bytes | str] = (),
        iincludes: Sequence[bytes | str] = (),
    ) -> None: ...
    def excludes(self, path: bytes | str) -> bool:
        """Whether the excludes leave out this absolute path."""
    def select(self, path: bytes | str, is_dir: bool) -> tuple[bool, bool]:
        """Whether this path in a snapshot is taken, and whether something below it may be."""

def malformed_patterns(patterns: Sequence[bytes | str]) -> list[bytes]:
    """Those that are no patterns, such as ``a[``."""

def glob_names(pattern: bytes, names: Sequence[bytes]) -> list[bytes] | None:
    """Those names that a pattern for one component matches (Go's ``filepath.Match``).

    None where one of them shows that the pattern is malformed: it is read only as far as a name goes along.
    """

# -- backup -----------------------------------------------------------------------------------------------------------

class Pack(Buffer):
    """A finished pack; its bytes are read through the buffer protocol, without a copy."""

    @property
    def id(self) -> str: ...
    @property
    def holds_trees(self) -> bool: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

class BackupTarget:
    """A repository of a backup. ``compression``: off, fastest, auto, better, max. ``pack_size`` in bytes.

    ``parent`` is the ID of a root tree to compare with; trees of a repository that is ``near`` are read before
    another's. Raises ``ValueError``, ``Damaged``.
    """

    def __init__(
        self,
        key: Key,
        index: Index,
        *,
        version: int,
        compression: str,
        pack_size: int,
        polynomial: int,
        near: bool = False,
        parent: str | None = None,
    ) -> None: ...

class BackupProgress:
    """Where a run stands, in files and bytes of the source; totals are the scan's so far."""

    @property
    def files_done(self) -> int: ...
    @property
    def bytes_done(self) -> int: ...
    @property
    def files_total(self) -> int: ...
    @property
    def bytes_total(self) -> int: ...
    @property
    def scanned(self) -> bool: ...
    @property
    def failures(self) -> int: ...
    @property
    def current(self) -> list[bytes]: ...

class BackupSummary:
    """What a run has seen of the source."""

    @property
    def files_new(self) -> int: ...
    @property
    def files_changed(self) -> int: ...
    @property
    def files_unmodified(self) -> int: ...
    @property
    def dirs_new(self) -> int: ...
    @property
    def dirs_changed(self) -> int: ...
    @property
    def dirs_unmodified(self) -> int: ...
    @property
    def total_files_processed(self) -> int: ...
    @property
    def total_bytes_processed(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def files_changed_while_read(self) -> int: ...
    @property
    def files_reread(self) -> int: ...
    @property
    def files_differing(self) -> int: ...
    @property
    def bytes_read(self) -> int: ...
    @property
    def blobs_compressed(self) -> int: ...

class BackupTargetSummary:
    """What a run has added to one repository. Bytes: ``data_added`` plain, ``data_added_packed`` as stored.

    ``data_seen``: plain bytes of all data blobs that the repository was given or had already.
    """

    @property
    def data_seen(self) -> int: ...
    @property
    def data_blobs(self) -> int: ...
    @property
    def tree_blobs(self) -> int: ...
    @property
    def data_added(self) -> int: ...
    @property
    def data_added_packed(self) -> int: ...
    @property
    def packs_stored(self) -> int: ...
    @property
    def bytes_stored(self) -> int: ...

class BackupOutcome:
    """How a repository stands: its root tree when the run is over and it still takes part."""

    @property
    def root(self) -> str | None: ...
    @property
    def dropped(self) -> bool: ...
    @property
    def summary(self) -> BackupTargetSummary: ...

class BackupEvent:
    """Something worth a line. ``kind``: failed, warning, content-differs, left-out, or new, changed, unchanged."""

    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> bytes: ...
    @property
    def message(self) -> str: ...
    @property
    def directory(self) -> bool: ...
    @property
    def size(self) -> int: ...

class Backup:
    """A run of the backup pipeline: its workers start at once. Every call waits for a tenth of a second at most."""

    def __init__(
        self,
        targets: Sequence[BackupTarget],
        paths: Sequence[bytes],
        working: bytes,
        *,
        threads: int,
        extra_verify: bool,
        dry_run: bool,
        with_atime: bool,
        ignore_inode: bool,
        ignore_ctime: bool,
        one_file_system: bool,
        excludes: Sequence[bytes | str],
        iexcludes: Sequence[bytes | str],
        exclude_if_present: Sequence[tuple[bytes, bytes | None]],
        exclude_larger_than: int | None,
        own_folders: Sequence[bytes],
        parent_is_own: bool,
        reread: tuple[bytes, int, int] | None,
        spool: tuple[str, int] | None,
        scan: bool,
        verbose: bool,
        stream: tuple[int, bytes, int] | None,
    ) -> None:
        """``reread``: salt, seconds since 1970 of the last run and of this; ``spool``: folder, bytes; ``stream``:
        descriptor, name, nanoseconds since 1970. Raises ``OSError``, ``Unsupported`` for a malformed pattern."""
    def next_pack(self, target: int, patience: float) -> Pack | None:
        """The next pack to store, or None when there is none yet, or none any more (see ``is_drained``)."""
    def is_drained(self, target: int) -> bool: ...
    def stored(self, target: int, pack: str, size: int) -> None: ...
    def failed(self, target: int) -> None:
        """The repository failed: the others go on without it."""
    def take_index(self, target: int, force: bool) -> bytes | None:
        """The JSON of an index over stored packs, when it is time for one or ``force`` says so."""
    def next_request(self, target: int, patience: float) -> tuple[int, str] | None:
        """A pack of the parent that is needed from a repository: number, name. ``Interrupted`` when no more will be."""
    def holds_up(self, target: int) -> bool:
        """Whether the source waits for this repository, while another one has nothing to store."""
    def supply_file(self, number: int, descriptor: int) -> None:
        """Answer with an open file of the whole pack; the descriptor is duplicated."""
    def supply_bytes(self, number: int, data: bytes) -> None: ...
    def deny(self, number: int, why: str) -> None: ...
    def wait(self, patience: float) -> bool:
        """Whether the workers are through, after waiting for them a little."""
    def progress(self) -> BackupProgress: ...
    def events(self) -> list[BackupEvent]: ...
    def cancel(self) -> None: ...
    def summary(self) -> BackupSummary: ...
    def outcome(self, target: int) -> BackupOutcome: ...
    def join(self) -> None:
        """Wait for the workers' end. Raises what ended the run, ``Interrupted`` after ``cancel``."""

# What snapshots need

@final
class BlobTotals:
    """Counts of blobs, and bytes of those that the index names (``indexed``), all and those that are compressed."""

    data_blobs: int
    tree_blobs: int
    indexed: int
    stored: int
    plain: int
    compressed: int
    compressed_stored: int
    compressed_plain: int

@final
class BlobSet:
    """Blobs, each once, in 40 to 75 bytes of memory each. From any thread."""

    def __init__(self) -> None: ...
    def add(self, type: str, id: str) -> bool:
        """Adds a blob; whether it is new."""
    def add_content(self, node: Node) -> None:
        """Adds the blobs of a file."""
    def totals(self, index: Index, without: BlobSet | None = None) -> BlobTotals:
        """Adds up the blobs, or those that the other set does not have."""
    def __len__(self) -> int: ...

@final
class DigestSet:
    """Things that are known by half of their SHA-256, in 20 to 40 bytes of memory each. From any thread."""

    def __init__(self) -> None: ...
    def add(self, thing: bytes) -> bool:
        """Adds a thing; whether it is new."""
    def add_content(self, node: Node) -> bool:
        """Adds the content of an entry by its list of blobs; whether it is new. No content counts as an empty one."""
    def add_uses(self, path: bytes, node: Node, index: Index) -> tuple[int, int]:
        """Adds the use of each blob of a file at a path: how many are new, and the bytes of their plaintext."""

@final
class Reach:
    """The trees and blobs that snapshots reach. From any thread; each tree is to be read once."""

    def __init__(self, remember_data: bool = False) -> None:
        """``remember_data``: data blobs, too, in about 40 bytes of memory each."""
    def root(self, tree: str) -> bool:
        """Marks a root tree; whether it is new."""
    def read(self, index: Index, plaintext: Buffer) -> tuple[list[str], list[tuple[bytes, str]]]:
        """Reads a tree: the trees below it that are new, and what is wrong, as name of the node and half a sentence.

        Raises ``Damaged`` or ``LimitExceeded`` for what is no tree. A hundred faults at most are listed.
        """
    def uses(self, type: str, id: str) -> bool:
        """Whether a blob was reached; always false for data that is not remembered."""
    def unused(self, index: Index) -> list[tuple[str, str]]:
        """Type and ID of the blobs of an index that were not reached, sorted."""
    def __len__(self) -> int:
        """The number of trees that were reached."""

def pack_sizes(index: Index) -> list[tuple[str, int]]:
    """The size that each pack must have by an index: its blobs, its header, the header's length."""

# Restore

@final
class RestoreRequest:
    """A range of a pack that a restore wants; to be answered with ``supply``, ``supply_file`` or ``refuse``."""

    @property
    def ticket(self) -> int:
        """To be given back with the answer."""
    @property
    def pack(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def tree(self) -> bool:
        """Whether it is a directory listing, which a cache may hold."""

@final
class RestoreProgress:
    """How far a restore is. Files are items of every type, as restic counts them."""

    @property
    def files_total(self) -> int:
        """Items found so far that are to be written; all of them once ``walked``."""
    @property
    def bytes_total(self) -> int: ...
    @property
    def files_done(self) -> int: ...
    @property
    def bytes_done(self) -> int: ...
    @property
    def files_skipped(self) -> int:
        """Items that were there already or are left alone; not among ``files_total``."""
    @property
    def bytes_skipped(self) -> int: ...
    @property
    def files_deleted(self) -> int: ...
    @property
    def files_verified(self) -> int: ...
    @property
    def errors(self) -> int: ...
    @property
    def walked(self) -> bool:
        """Whether the totals are final."""
    @property
    def current(self) -> bytes:
        """A file that is being written, as its path in the restored tree."""

@final
class RestoreEvent:
    """What happened to one item."""

    @property
    def kind(self) -> str:
        """``failed``, ``left out``, or with ``report_items`` restic's words restored, updated, unchanged, deleted."""
    @property
    def path(self) -> bytes:
        """In the restored tree: absolute, ``/a/b``."""
    @property
    def text(self) -> str:
        """Why it failed, or what was left out of it, in the plural."""
    @property
    def directory(self) -> bool: ...
    @property
    def size(self) -> int: ...

@final
class Restore:
    """A restore under way in threads of its own. Its owner answers requests until it has finished. From any thread."""

    def __init__(
        self,
        key: Key,
        index: Index,
        root: str,
        target: bytes,
        *,
        includes: Sequence[bytes] = ...,
        iincludes: Sequence[bytes] = ...,
        excludes: Sequence[bytes] = ...,
        iexcludes: Sequence[bytes] = ...,
        overwrite: str = "always",
        delete: bool = False,
        dry_run: bool = False,
        verify: bool = False,
        sparse: bool = False,
        safe: bool = False,
        ownership_by_name: bool = False,
        include_attributes: Sequence[bytes] = ...,
        exclude_attributes: Sequence[bytes] = ...,
        report_items: bool = False,
        workers: int = 0,
    ) -> None:
        """Begins to restore what is below the tree ``root`` into the directory ``target``, made if it is missing.

        ``overwrite`` is one of restic's words: always, if-changed, if-newer, never. Without ``workers`` there is a
        thread for each processor, two at least. Raises ``OSError`` when the target cannot be used, ``Unsupported``
        for malformed patterns.
        """
    def next_request(self, timeout: float) -> RestoreRequest | None:
        """What to fetch next; None after ``timeout`` seconds (0.1 at most), and when nothing more is wanted."""
    def supply(self, ticket: int, data: Buffer) -> None:
        """The bytes that a request asked for."""
    def supply_file(self, ticket: int, descriptor: int, position: int) -> None:
        """An open file that holds them from ``position`` on. It is duplicated; the caller may close it then."""
    def refuse(self, ticket: int, reason: str) -> None:
        """The bytes cannot be had: other copies are tried, and what still lacks a blob is named with this reason."""
    def events(self) -> list[RestoreEvent]:
        """What happened since the last call. When 20,000 wait, the restore waits."""
    def progress(self) -> RestoreProgress: ...
    @property
    def finished(self) -> bool:
        """Whether nothing more will be asked: ``join`` returns soon."""
    def stop(self) -> None:
        """Ends it soon; ``join`` then raises ``Interrupted``."""
    def join(self) -> None:
        """Waits for the end. Items that failed are events, not errors.

        Raises what ended it before its time: ``OSError`` for a full or read-only target, ``Damaged`` when the root
        cannot be read, ``LimitExceeded`` for a snapshot of more than 10^9 paths, ``Interrupted`` after ``stop``.
        """
