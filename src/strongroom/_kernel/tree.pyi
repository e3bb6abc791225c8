"""Trees: a directory's nodes, read and written."""

from collections.abc import Iterable, Sequence
from typing import final, overload

from typing_extensions import Buffer

from strongroom._kernel.node import Node
from strongroom._kernel.pack import Plaintext

MAX_DEPTH: int
"""Folders below each other that are saved and read."""

MAX_PATH: int
"""Bytes of a folder's path in a snapshot that is saved and read."""

@final
class Tree:
    """A directory's entries in the order of their names' bytes, each name once.

    ``skipped`` has the names and reasons of entries that could not be used; ``reordered`` says that they stood in
    another order. Both are empty and false after strict reading. The plaintext is kept, and each access to a node reads
    it anew there: in memory a folder takes its text and four bytes for each node.
    """

    @property
    def nodes(self) -> Nodes: ...
    @property
    def skipped(self) -> list[tuple[bytes, str]]: ...
    @property
    def reordered(self) -> bool: ...
    def find(self, name: bytes) -> Node | None:
        """The node of this name."""
    def differences(self, other: Tree) -> list[tuple[Node | None, Node | None]]:
        """Entries of both by name that are not alike, in the order of their names, None where one has no such entry.

        Files are alike whose content is, folders whose tree is; what is neither counts as nothing.
        """
    def file_names(self) -> list[bytes]:
        """The names of the files."""
    def subtrees(self) -> list[str]:
        """The trees of the folders; of a folder without one nothing."""

@final
class Nodes(Sequence[Node]):
    """The nodes of a tree, each read and made into an object when it is asked for: a folder may have millions."""

    @overload
    def __getitem__(self, index: int, /) -> Node: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Node]: ...
    def __len__(self) -> int: ...

def read_nodes(path: bytes | str, with_atime: bool = False) -> tuple[list[Node], list[str]]:
    """The nodes of a folder's entries as they are now, in order, without content; and what could not be read of them.

    Raises ``OSError`` when the folder cannot be listed.
    """

def decode_tree(data: Buffer | Plaintext, strict: bool = False) -> Tree:
    """Read a tree blob's plaintext. Lenient reading leaves out single bad nodes and goes on.

    Raises ``LimitExceeded`` beyond 512 MiB or with too many nodes, ``Damaged`` for what is no tree; strict also for
    anything that restic would not have written.
    """

def encode_tree(nodes: Iterable[Node]) -> bytes:
    """A tree blob's plaintext, byte for byte as restic writes it. The nodes stand in the order of their names' bytes.

    Raises ``RuntimeError`` if they do not.
    """
