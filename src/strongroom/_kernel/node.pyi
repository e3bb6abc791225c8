"""One entry of a directory."""

from typing import Self, final

from strongroom._kernel.time import Timestamp

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

    def __new__(cls, name: bytes, type: str, **fields: object) -> Self: ...
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
