"""What the kernel asks of a mounted repository, and the answers. Nothing can be written."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Interrupted, StrongroomError
from strongroom.mount import protocol
from strongroom.mount.listing import Listing
from strongroom.mount.nodes import KernelNode, Nodes
from strongroom.mount.open_file import OpenFile
from strongroom.mount.siblings import Siblings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.format.node import Node
    from strongroom.mount.blob_cache import BlobCache
    from strongroom.mount.session import Pieces
    from strongroom.mount.tree_view import Inode, TreeView
    from strongroom.repository.opened import Repository

    Listed = tuple[bytes, str, Inode]

LASTING_SECONDS = 3600
"""For how long the kernel may believe what stands in a snapshot, which never changes."""
FOLDER_SECONDS = 60
"""For how long it may believe a folder's attributes: its links are counted when it is listed. restic's minute."""
KEPT_FILES = 256
"""Of how many files it is remembered where their blobs begin, and"""
KEPT_BLOBS = 1 << 20
"""how many blobs they may have in all; the latest file is always kept."""
MAX_TARGET = 4095
"""Bytes of a link's target that Linux takes."""
_NOT_KNOWN = OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


class RepositoryOperations:
    """The file system. ``problem(path, reason)`` tells the user of what cannot be read.

    The kernel is told that files need not be opened: it asks for their bytes by their node, and of a small file just
    once. ``answer`` may be called from any thread.
    """

    def __init__(
        self,
        repository: Repository,
        view: TreeView,
        cache: BlobCache,
        problem: Callable[[str, str], None],
        fresh_seconds: int,
    ) -> None:
        """``fresh_seconds``: for how long the kernel may believe names above snapshots."""
        self._repository = repository
        self._view = view
        self._cache = cache
        self._siblings = Siblings(cache)
        self.problem = problem
        self._fresh_seconds = fresh_seconds
        self._nodes = Nodes(view.root())
        self._files: OrderedDict[int, OpenFile] = OrderedDict()
        self._blobs = 0
        self._guard = threading.Lock()
        self._listings: dict[int, Listing[Listed]] = {}
        self._handles = itertools.count(1)
        self._answers: dict[int, Callable[[int, memoryview], Pieces | None]] = {
            protocol.LOOKUP: self._lookup,
            protocol.FORGET: self._forget,
            protocol.BATCH_FORGET: self._forget_many,
            protocol.GETATTR: self._attributes,
            protocol.READLINK: self._read_link,
            protocol.READ: self._read,
            protocol.STATFS: self._file_system,
            protocol.GETXATTR: self._extended_attribute,
            protocol.LISTXATTR: self._extended_attributes,
            protocol.OPENDIR: self._open_folder,
            protocol.READDIR: self._names,
            protocol.READDIRPLUS: self._entries,
            protocol.RELEASEDIR: self._close_folder,
            protocol.INTERRUPT: lambda node, body: None,  # noqa: ARG005 - whoever was asked answers all the same
            protocol.DESTROY: lambda node, body: (),  # noqa: ARG005
        }

    def answer(self, opcode: int, node: int, body: memoryview) -> Pieces | None:
        """Errors of ours as numbers for the kernel, after a word to the user; never anything but an ``OSError``.

        What is not answered here, and OPEN among it, is not known to this file system: the kernel does not ask again.
        """
        question = self._answers.get(opcode)
        if question is None:
            raise _NOT_KNOWN
        try:
            return question(node, body)
        except OSError as error:
            raise _error(error.errno or _number_of(error)) from None
        except Interrupted:
            raise _error(errno.EINTR) from None
        except StrongroomError as error:
            self.problem(error.subject or self._path_of(node), error.what)
            raise _error(errno.EIO) from None
        except Exception as error:  # a traceback in the kernel's thread helps nobody
            self.problem(self._path_of(node), f"cannot be shown: {type(error).__name__}: {error}")
            raise _error(errno.EIO) from None

    # names

    def _lookup(self, node: int, body: memoryview) -> Pieces:
        above = self._nodes.find(node)
        name = bytes(body[:-1]).decode("utf-8", "surrogateescape")
        return (self._entry(above, name, self._view.child(self._folder(above), name)),)

    def _entry(self, above: KernelNode, name: str, inode: Inode) -> bytes:
        attributes = self._view.attributes(inode)
        number = self._nodes.tell(above, name, inode)
        return protocol.entry(number, attributes, self._name_seconds(above), self._attribute_seconds(inode))

    def _name_seconds(self, above: KernelNode) -> int:
        inside = above.inode is None or above.inode.entry is None
        return LASTING_SECONDS if inside else self._fresh_seconds

    def _attribute_seconds(self, inode: Inode) -> int:
        if inode.entry is not None:
            return self._fresh_seconds
        return FOLDER_SECONDS if inode.is_folder else LASTING_SECONDS

    def _folder(self, known: KernelNode) -> Inode:
        """Raises ``NotADirectoryError`` for anything else."""
        if known.inode is None:
            raise NotADirectoryError(known.name)
        return known.inode

    def _inode(self, known: KernelNode) -> Inode:
        """What stands there. Of what is no folder only the name is kept, since trees are."""
        if known.inode is not None or known.above is None:
            return self._folder(known)
        return self._view.child(self._folder(known.above), known.name)

    def _path_of(self, node: int) -> str:
        try:
            known: KernelNode | None = self._nodes.find(node)
        except OSError:
            return ""
        names: list[str] = []
        while known is not None and known.above is not None:
            names.append(known.name)
            known = known.above
        return ("/" + "/".join(reversed(names)))[:200]

    def _forget(self, node: int, body: memoryview) -> None:
        self._forget_one(node, protocol.FORGET_IN.unpack_from(body)[0])

    def _forget_many(self, node: int, body: memoryview) -> None:  # noqa: ARG002
        count, _ = protocol.BATCH_FORGET_IN.unpack_from(body)
        body = body[protocol.BATCH_FORGET_IN.size :][: count * protocol.FORGET_ONE.size]
        for number, times in protocol.FORGET_ONE.iter_unpack(body):
            self._forget_one(number, times)

    def _forget_one(self, number: int, times: int) -> None:
        if self._nodes.forget(number, times):
            with self._guard:
                file = self._files.pop(number, None)
                self._blobs -= file.blobs if file is not None else 0

    # what is known of one

    def _attributes(self, node: int, body: memoryview) -> Pieces:  # noqa: ARG002
        inode = self._inode(self._nodes.find(node))
        return (protocol.attributes_answer(self._view.attributes(inode), self._attribute_seconds(inode)),)

    def _read_link(self, node: int, body: memoryview) -> Pieces:  # noqa: ARG002
        inode = self._inode(self._nodes.find(node))
        if inode.entry is not None and inode.entry.link:
            return (inode.entry.link.encode("utf-8", "surrogateescape"),)
        if inode.node is None or inode.node.type != "symlink":
            raise _error(errno.EINVAL)
        target = inode.node.linktarget
        if len(target) > MAX_TARGET:
            raise _error(errno.ENAMETOOLONG)
        return (target,)

    def _extended_attributes(self, node: int, body: memoryview) -> Pieces:
        held = self._node(node)
        names = [name for name, _ in held.extended_attributes if name and b"\0" not in name] if held else []
        return _bounded(b"".join(name + b"\0" for name in names), body)

    def _extended_attribute(self, node: int, body: memoryview) -> Pieces:
        wanted = bytes(body[protocol.GETXATTR_IN.size : -1])
        held = self._node(node)
        for known, value in held.extended_attributes if held is not None else ():
            if known == wanted:
                return _bounded(value, body)
        raise _error(errno.ENODATA)

    def _node(self, number: int) -> Node | None:
        return self._inode(self._nodes.find(number)).node

    def _file_system(self, node: int, body: memoryview) -> Pieces:  # noqa: ARG002
        return (protocol.STATFS_OUT.pack(0, 0, 0, 0, 0, 512, 255, 0, 0),)

    # folders

    def _open_folder(self, node: int, body: memoryview) -> Pieces:  # noqa: ARG002
        folder = self._folder(self._nodes.find(node))
        handle = next(self._handles)
        self._listings[handle] = Listing(lambda: self._list(folder))
        return (protocol.OPEN_OUT.pack(handle, 0, 0),)

    def _list(self, folder: Inode) -> Iterator[Listed]:
        listed = ((name.encode("utf-8", "surrogateescape"), name, inode) for name, inode in self._view.children(folder))
        return itertools.chain([(b".", "", folder), (b"..", "", self._view.root())], listed)

    def _names(self, node: int, body: memoryview) -> Pieces:
        return self._listed(node, body, plus=False)

    def _entries(self, node: int, body: memoryview) -> Pieces:
        return self._listed(node, body, plus=True)

    def _listed(self, node: int, body: memoryview, *, plus: bool) -> Pieces:
        """As many entries as the kernel has room for; with their attributes it is told of each as by a lookup."""
        handle, offset, room = protocol.READ_IN.unpack_from(body)
        above, listing = self._nodes.find(node), self._listings[handle]
        pieces: list[bytes] = []
        while (found := listing.at(offset)) is not None:
            encoded, name, inode = found
            room -= protocol.name_length(encoded, plus=plus)
            if room < 0:
                break
            offset += 1
            if plus:
                pieces.append(self._entry(above, name, inode) if name else protocol.NO_ENTRY)
            pieces.append(protocol.listed_name(encoded, inode.number, self._view.kind(inode), offset))
        return (b"".join(pieces),)

    def _close_folder(self, node: int, body: memoryview) -> Pieces:  # noqa: ARG002
        self._listings.pop(protocol.RELEASE_IN.unpack_from(body)[0], None)
        return ()

    # files

    def _read(self, node: int, body: memoryview) -> Pieces:
        _, offset, size = protocol.READ_IN.unpack_from(body)
        return (self._files.get(node) or self._open(node)).read(offset, size)

    def _open(self, number: int) -> OpenFile:
        known = self._nodes.find(number)
        if known.above is None or known.inode is not None:
            raise _error(errno.EISDIR)
        folder = self._folder(known.above)
        tree = self._view.tree(folder)
        node = tree.find(known.name.encode("utf-8", "surrogateescape"))
        if node is None or node.type != "file":
            raise _error(errno.EINVAL)
        content, path = node.content, f"{folder.path}/{known.name}"
        if content is None:
            raise Damaged("is a file without content", subject=path)
        file = OpenFile(self._repository, self._cache, content, path)
        if len(content) == 1:
            self._siblings.opened(folder.tree, tree, node.name)
        with self._guard:
            before = self._files.pop(number, None)
            self._files[number] = file
            self._blobs += file.blobs - (before.blobs if before is not None else 0)
            while len(self._files) > KEPT_FILES or (self._blobs > KEPT_BLOBS and len(self._files) > 1):
                _, dropped = self._files.popitem(last=False)
                self._blobs -= dropped.blobs
        return file


def _bounded(value: bytes, body: memoryview) -> Pieces:
    """An extended attribute for who has so much room, or how much it takes."""
    room, _ = protocol.GETXATTR_IN.unpack_from(body)
    if room == 0:
        return (protocol.GETXATTR_OUT.pack(len(value), 0),)
    if len(value) > room:
        raise _error(errno.ERANGE)
    return (value,)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _number_of(error: OSError) -> int:
    if isinstance(error, FileNotFoundError):
        return errno.ENOENT
    return errno.ENOTDIR if isinstance(error, NotADirectoryError) else errno.EIO
