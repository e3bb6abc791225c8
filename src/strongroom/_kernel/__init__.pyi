"""The compiled part of Strongroom (crates/kernel-py). IDs are 64 lower-case hexadecimal digits; sizes are bytes.

Every function that works for longer than an instant releases the interpreter lock. Errors are those of
``strongroom.base.errors``: ``Damaged``, ``LimitExceeded``, ``Unsupported``, ``Unavailable``, ``Interrupted``;
``OSError`` from the system, ``RuntimeError`` for a bug of ours, ``ValueError`` for an argument that makes no sense.
A blob's type is ``"data"`` or ``"tree"`` everywhere.

A stub file of this folder says what the file of its name in crates/kernel-py offers. While the program runs there is
one module, ``strongroom._kernel``, and no others below it: import everything from there.
"""

from strongroom._kernel.archive import (
    Backup,
    BackupEvent,
    BackupOutcome,
    BackupProgress,
    BackupSummary,
    BackupTarget,
    BackupTargetSummary,
)
from strongroom._kernel.codec import chunk_lengths, compress, decompress, is_irreducible, random_polynomial, sha256_hex
from strongroom._kernel.error import WrongKey
from strongroom._kernel.filter import Filter, glob_names, malformed_patterns
from strongroom._kernel.index import (
    Index,
    Location,
    decode_rows,
    encode_index,
    encode_rows,
    index_packs,
    parse_index,
    unproven,
)
from strongroom._kernel.key import Key, derive_key
from strongroom._kernel.memory import reuse_memory
from strongroom._kernel.node import Node
from strongroom._kernel.pack import (
    BlobEntry,
    PackBuilder,
    Plaintext,
    open_blob,
    open_together,
    open_tree,
    pack_header_length,
    parse_pack_header,
)
from strongroom._kernel.pack_buffer import Pack
from strongroom._kernel.reach import Reach, measure_tree, pack_sizes
from strongroom._kernel.restore import Restore, RestoreEvent, RestoreProgress, RestoreRequest
from strongroom._kernel.sets import BlobSet, BlobTotals, DigestSet
from strongroom._kernel.time import Timestamp
from strongroom._kernel.transfer import PackWriter, transfer_blobs
from strongroom._kernel.transfer_plan import TransferPlan
from strongroom._kernel.tree import MAX_DEPTH, MAX_PATH, Nodes, Tree, decode_tree, encode_tree, read_nodes
from strongroom._kernel.usage import PackShare, PackUse, Usage, UsageTotals
from strongroom._kernel.verify import PackReport, verify_pack

__all__ = [
    "MAX_DEPTH",
    "MAX_PATH",
    "Backup",
    "BackupEvent",
    "BackupOutcome",
    "BackupProgress",
    "BackupSummary",
    "BackupTarget",
    "BackupTargetSummary",
    "BlobEntry",
    "BlobSet",
    "BlobTotals",
    "DigestSet",
    "Filter",
    "Index",
    "Key",
    "Location",
    "Node",
    "Nodes",
    "Pack",
    "PackBuilder",
    "PackReport",
    "PackShare",
    "PackUse",
    "PackWriter",
    "Plaintext",
    "Reach",
    "Restore",
    "RestoreEvent",
    "RestoreProgress",
    "RestoreRequest",
    "Timestamp",
    "TransferPlan",
    "Tree",
    "Usage",
    "UsageTotals",
    "WrongKey",
    "__version__",
    "chunk_lengths",
    "compress",
    "decode_rows",
    "decode_tree",
    "decompress",
    "derive_key",
    "encode_index",
    "encode_rows",
    "encode_tree",
    "glob_names",
    "index_packs",
    "is_irreducible",
    "malformed_patterns",
    "measure_tree",
    "open_blob",
    "open_together",
    "open_tree",
    "pack_header_length",
    "pack_sizes",
    "parse_index",
    "parse_pack_header",
    "random_polynomial",
    "read_nodes",
    "reuse_memory",
    "sha256_hex",
    "transfer_blobs",
    "unproven",
    "verify_pack",
]

__version__: str
