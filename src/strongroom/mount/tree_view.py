"""From a name in a folder of the mount to what stands there, as numbers that ``stat`` shows.

Trees may come from an intruder (threats B-2 and B-3): each question costs one tree at most, paths end where those of a
restore do, names and sizes that Linux has not are left out or cut, and the type of an entry, not its mode, says what it
is. Whoever walks through the mount walks at their own expense.
"""

from __future__ import annotations

import stat
import threading
import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.record import mutable, record
from strongroom.mount.folders import MAX_NAME, MountEntry
from strongroom.mount.open_file import MAX_SIZE
from strongroom.repository.tree_paths import is_too_deep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.format.node import Node, Tree
    from strongroom.mount.snapshots import MountedSnapshots
    from strongroom.repository.opened import Repository

_KINDS = {
    "file": stat.S_IFREG,
    "dir": stat.S_IFDIR,
    "symlink": stat.S_IFLNK,
    "dev": stat.S_IFBLK,
    "chardev": stat.S_IFCHR,
    "fifo": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
}
KEPT_NODES = 100_000
"""How many entries the trees have in all that are kept decoded; the latest is always kept."""
SECTOR = 512
"""Bytes of a block as ``du`` counts them."""
READ_SIZE = 128 << 10
"""What ``stat`` says is a good length for a read, in bytes: as much as the kernel asks for at once."""

_PRIME = 11400714785074694791
_WORD = (1 << 64) - 1

Attributes = dict[str, int]


@record
class Owner:
    """Who owns what: ``root`` for everything, or everybody their own, and the folders of snapshots ``uid``, ``gid``."""

    root: bool
    uid: int
    gid: int


@mutable
class Inode:
    """What stands at a path. Exactly one of ``entry`` (above snapshots) and ``node`` is set, or ``tree`` alone."""

    number: int
    path: str
    """From the mount on, beginning with a slash; nothing for the mount itself."""
    entry: MountEntry | None = None
    node: Node | None = None
    tree: str = ""
    """The tree of a folder in a snapshot, or of the snapshot itself."""
    depth: int = 0
    root: int = 0
    """The inode number of the snapshot's own folder."""
    time_ns: int = 0
    identity: str = ""
    """What tells it from another thing of the same name in the same folder: where a link above snapshots leads, which
    snapshot it is."""

    @property
    def is_folder(self) -> bool:
        """Whether there can be something below."""
        if self.node is not None:
            return self.node.type == "dir"
        return self.entry is None or not self.entry.link


class TreeView:
    """Inodes, from the mount's own on. Names are text as ``os.fsdecode`` makes it in UTF-8. From any thread.

    Everything raises ``FileNotFoundError`` for what is not there, ``NotADirectoryError``, and for what cannot be read
    ``Damaged``, ``Missing``, ``LimitExceeded`` and what the store says.
    """

    def __init__(
        self, repository: Repository, snapshots: MountedSnapshots, owner: Owner, problem: Callable[[str, str], None]
    ) -> None:
        """``problem(path, reason)`` hears of entries that cannot be shown."""
        self._repository = repository
        self._snapshots = snapshots
        self._owner = owner
        self._problem = problem
        self._trees: OrderedDict[str, Tree] = OrderedDict()
        self._subfolders: dict[str, int] = {}
        self._nodes = 0
        self._guard = threading.Lock()

    def root(self) -> Inode:
        """The mount itself."""
        return Inode(1, "", entry=self._snapshots.current().entries[""], time_ns=self._snapshots.begun_ns)

    def child(self, above: Inode, name: str) -> Inode:
        """What stands at a name in a folder."""
        if above.entry is not None:
            found = self._names(above).get(name)
            if found is None:
                raise FileNotFoundError(f"{above.path}/{name}")
            return self._listed(above, name, found)
        node = self.tree(above).find(name.encode("utf-8", "surrogateescape"))
        if node is None or not _can_be_shown(node):
            raise FileNotFoundError(f"{above.path}/{name}")
        return self._place(above, node, name)

    def _names(self, folder: Inode) -> dict[str, MountEntry]:
        """What stands in a folder above snapshots now."""
        if folder.entry is None or folder.entry.link:
            raise NotADirectoryError(folder.path)
        found = self._snapshots.current().entries.get(folder.path)
        if found is None:
            raise FileNotFoundError(folder.path)
        return found.names

    def _listed(self, above: Inode, name: str, found: MountEntry) -> Inode:
        number = _number(above.number, name.encode("utf-8", "surrogateescape"))
        path = f"{above.path}/{name}"
        if found.snapshot is None:
            return Inode(number, path, entry=found, time_ns=self._snapshots.begun_ns)
        snapshot_id, snapshot = found.snapshot
        if found.link:
            return Inode(number, path, entry=found, time_ns=snapshot.time_ns, identity=found.link)
        return Inode(number, path, tree=snapshot.tree, root=number, time_ns=snapshot.time_ns, identity=snapshot_id)

    def _place(self, above: Inode, node: Node, name: str) -> Inode:
        tree = (node.subtree or "") if node.type == "dir" else ""
        path = f"{above.path}/{name}"
        return Inode(_inode(above, node), path, node=node, tree=tree, depth=above.depth + 1, root=above.root)

    def tree(self, folder: Inode) -> Tree:
        """The decoded tree of a folder in a snapshot."""
        if not folder.is_folder:
            raise NotADirectoryError(folder.path)
        if not folder.tree:
            raise Damaged("is a folder without a tree", subject=folder.path)
        if is_too_deep(folder.path.encode("utf-8", "surrogateescape"), folder.depth):
            raise LimitExceeded("lies deeper than any folder that is read", subject=folder.path[:200])
        with self._guard:
            tree = self._trees.get(folder.tree)
            if tree is not None:
                self._trees.move_to_end(folder.tree)
                return tree
        tree = self._repository.load_tree(folder.tree)
        for name, reason in tree.skipped:
            self._problem(f"{folder.path}/{name.decode('utf-8', 'backslashreplace')}", reason)
        with self._guard:
            if folder.tree not in self._trees:
                self._trees[folder.tree] = tree
                self._nodes += len(tree.nodes)
            while self._nodes > KEPT_NODES and len(self._trees) > 1:
                name_of, dropped = self._trees.popitem(last=False)
                self._subfolders.pop(name_of, None)
                self._nodes -= len(dropped.nodes)
        return tree

    def children(self, folder: Inode) -> Iterator[tuple[str, Inode]]:
        """The names in a folder, each with what stands there; none that cannot be shown.

        Whatever can fail has been done when this returns.
        """
        if folder.entry is not None:
            return iter([(name, self._listed(folder, name, found)) for name, found in self._names(folder).items()])
        return self._shown(folder, self.tree(folder))

    def _shown(self, folder: Inode, tree: Tree) -> Iterator[tuple[str, Inode]]:
        subfolders = 0
        for node in tree.nodes:
            name = node.name.decode("utf-8", "surrogateescape")
            if not _can_be_shown(node):
                self._problem(f"{folder.path}/{name[:200]}", "cannot be shown by this system")
                continue
            subfolders += node.type == "dir"
            yield name, self._place(folder, node, name)
        with self._guard:
            if folder.tree in self._trees:
                self._subfolders[folder.tree] = subfolders

    def kind(self, place: Inode) -> int:
        """The type in its mode."""
        if place.node is not None:
            return _KINDS[place.node.type]
        return stat.S_IFDIR if place.is_folder else stat.S_IFLNK

    def attributes(self, place: Inode) -> Attributes:
        """What ``stat`` shows of a place; times are in nanoseconds."""
        node = place.node
        if node is None:
            return self._of_snapshot(place)
        size = 0
        if node.type == "file":
            size = min(node.size, MAX_SIZE)
        elif node.type == "symlink":
            size = len(node.linktarget)
        found = {
            "st_ino": place.number,
            "st_mode": _KINDS[node.type] | node.permissions,
            "st_nlink": self._links(place) if node.type == "dir" else node.links or 1,
            "st_size": size,
            "st_blocks": min(-(-size // SECTOR), MAX_SIZE // SECTOR),
            "st_blksize": READ_SIZE,
            "st_mtime": node.mtime.ns,
            "st_atime": node.atime.ns,
            "st_ctime": node.ctime.ns,
        }
        if not self._owner.root:
            found["st_uid"], found["st_gid"] = node.uid, node.gid
        if node.type in ("dev", "chardev"):
            found["st_rdev"] = node.device
        return found

    def _of_snapshot(self, place: Inode) -> Attributes:
        """restic's attributes for the folders above snapshots, the links beside them, and a snapshot's own folder."""
        found = {
            "st_ino": place.number,
            "st_mtime": place.time_ns,
            "st_atime": place.time_ns,
            "st_ctime": place.time_ns,
        }
        if place.entry is None:
            return found | {"st_mode": stat.S_IFDIR | 0o555, "st_nlink": self._links(place)}
        if not self._owner.root:
            found |= {"st_uid": self._owner.uid, "st_gid": self._owner.gid}
        if place.entry.link:
            size = len(place.entry.link.encode("utf-8", "surrogateescape"))
            link = {"st_mode": stat.S_IFLNK | 0o777, "st_nlink": 1, "st_size": size, "st_blocks": -(-size // SECTOR)}
            return found | link
        return found | {"st_mode": stat.S_IFDIR | 0o555, "st_nlink": 1}

    def _links(self, place: Inode) -> int:
        """A folder's links: 2, and one for each folder in it as soon as it was listed; restic's rule."""
        return 2 + self._subfolders.get(place.tree, 0)


def _can_be_shown(node: Node) -> bool:
    return node.type in _KINDS and 0 < len(node.name) <= MAX_NAME


def _inode(above: Inode, node: Node) -> int:
    """A number that is the same for the hard links of a file in one snapshot, and for nothing that differs."""
    if node.links > 1 and node.type != "dir":
        same = (node.device_id, node.inode, node.size, node.mtime.ns, *(node.content or ())[:1])
        return _number(above.root, repr(same).encode())
    return _number(above.number, node.name)


def _number(above: int, name: bytes) -> int:
    """64 bits that hang on all names of a path; 0 is none, and 1 is the mount itself. The same in each mount."""
    own = zlib.crc32(name) << 32 | zlib.adler32(name)
    return max(2, (above * _PRIME ^ own) & _WORD)
