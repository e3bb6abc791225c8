"""What the kernel asks of a mounted repository, answered by way of mfusepy. Nothing can be written."""

from __future__ import annotations

import errno
import functools
import itertools
import os
from typing import TYPE_CHECKING, Any, TypeVar

from strongroom.base.errors import Damaged, Interrupted, LimitExceeded, Missing, StrongroomError
from strongroom.mount.listing import Listing
from strongroom.mount.open_file import OpenFile
from strongroom.mount.siblings import Siblings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.mount.blob_cache import BlobCache
    from strongroom.mount.tree_view import Attributes, TreeView
    from strongroom.repository.opened import Repository

Answer = TypeVar("Answer")
VALID_SECONDS = 60.0
"""For how long the kernel may believe names and attributes without asking again; restic's minute."""


def _answering(method: Callable[..., Answer]) -> Callable[..., Answer]:
    """Errors of ours as numbers for the kernel, after a word to the user; never anything else."""

    @functools.wraps(method)
    def answer(self: RepositoryOperations, *arguments: Any) -> Answer:
        try:
            return method(self, *arguments)
        except OSError as error:
            raise _error(error.errno or _number_of(error)) from None
        except Interrupted:
            raise _error(errno.EINTR) from None
        except (Damaged, LimitExceeded, Missing, StrongroomError) as error:
            self.problem(error.subject or str(arguments[0] or ""), error.what)
            raise _error(errno.EIO) from None
        except Exception as error:  # a traceback in the kernel's thread helps nobody
            self.problem(str(arguments[0] or "")[:200], f"cannot be shown: {type(error).__name__}: {error}")
            raise _error(errno.EIO) from None

    return answer


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _number_of(error: OSError) -> int:
    if isinstance(error, FileNotFoundError):
        return errno.ENOENT
    return errno.ENOTDIR if isinstance(error, NotADirectoryError) else errno.EIO


class RepositoryOperations:
    """The file system. ``problem(path, reason)`` tells the user of what cannot be read; ``mounted()`` is called once.

    mfusepy gives paths as text, decoded as UTF-8 with ``surrogateescape``; a path is None where a handle says enough.
    """

    use_ns = True
    flag_nopath = True
    flag_nullpath_ok = True

    def __init__(
        self,
        repository: Repository,
        view: TreeView,
        cache: BlobCache,
        problem: Callable[[str, str], None],
        mounted: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._view = view
        self._cache = cache
        self._siblings = Siblings(cache)
        self.problem = problem
        self._mounted = mounted
        self._files: dict[int, OpenFile] = {}
        self._listings: dict[int, Listing[tuple[str, Attributes]]] = {}
        self._paths: dict[int, str] = {}
        self._handles = itertools.count(1)
        self._here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def init_with_config(self, conn_info: Any, config_3: Any) -> None:  # noqa: ARG002 - mfusepy calls it so
        """The kernel is there: names and attributes hold for a while, inode numbers are ours."""
        os.fchdir(self._here)  # libfuse has gone to /
        if config_3 is not None:
            config_3.use_ino = 1
            config_3.readdir_ino = 1
            config_3.nullpath_ok = 1
            config_3.attr_timeout = VALID_SECONDS
            config_3.entry_timeout = VALID_SECONDS
        self._mounted()

    @_answering
    def getattr(self, path: str | None, fh: int | None = None) -> Attributes:
        """What ``stat`` shows."""
        return self._view.attributes(self._view.find(path if path is not None else self._paths[fh or 0]))

    @_answering
    def readlink(self, path: str) -> str:
        """Where a link leads."""
        place = self._view.find(path)
        if place.entry is not None and place.entry.link:
            return place.entry.link
        if place.node is not None and place.node.type == "symlink":
            return place.node.linktarget.decode("utf-8", "surrogateescape")
        raise OSError(errno.EINVAL, "")

    @_answering
    def opendir(self, path: str) -> int:
        """A handle for a folder."""
        self._view.folder(path)
        handle = self._handle(path)
        self._listings[handle] = Listing(lambda: self.readdir(path))
        return handle

    @_answering
    def readdir(self, path: str) -> Iterator[tuple[str, Attributes]]:
        """The names in a folder, with what ``stat`` shows of each: the kernel need not ask again."""
        view = self._view
        own = view.attributes(view.folder(path))
        listed = ((name, view.attributes(place)) for name, place in view.children(path))
        return itertools.chain([(".", own), ("..", own | {"st_ino": 1})], listed)

    def listing(self, fh: int) -> Listing[tuple[str, Attributes]]:
        """The same of an open folder, from any entry on."""
        return self._listings[fh]

    @_answering
    def releasedir(self, path: str | None, fh: int) -> int:  # noqa: ARG002
        """A folder's handle is given back."""
        self._listings.pop(fh, None)
        self._paths.pop(fh, None)
        return 0

    @_answering
    def open(self, path: str, flags: int) -> int:
        """A handle for a file that is read."""
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "")
        folder, place = self._view.find_with_folder(path)
        node = place.node
        if node is None or node.type != "file":
            raise OSError(errno.EINVAL, "")
        content = node.content
        if content is None:
            raise Damaged("is a file without content", subject=path)
        file = OpenFile(self._repository, self._cache, content, path)
        if len(content) == 1:
            self._siblings.opened(folder.tree, self._view.tree(folder, path), node.name)
        handle = self._handle(path)
        self._files[handle] = file
        return handle

    @_answering
    def read(self, path: str | None, size: int, offset: int, fh: int) -> list[memoryview]:  # noqa: ARG002
        """Bytes of an open file, in pieces."""
        return self._files[fh].read(offset, size)

    @_answering
    def release(self, path: str | None, fh: int) -> int:  # noqa: ARG002
        """A file's handle is given back."""
        self._files.pop(fh, None)
        self._paths.pop(fh, None)
        return 0

    @_answering
    def listxattr(self, path: str) -> list[str]:
        """The names of extended attributes."""
        node = self._view.find(path).node
        names = [] if node is None else [name for name, _ in node.extended_attributes if name and b"\0" not in name]
        return [name.decode("utf-8", "surrogateescape") for name in names]

    @_answering
    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:  # noqa: ARG002
        """An extended attribute."""
        node = self._view.find(path).node
        wanted = name.encode("utf-8", "surrogateescape")
        for known, value in node.extended_attributes if node is not None else ():
            if known == wanted:
                return value
        raise OSError(errno.ENODATA, "")

    def _handle(self, path: str) -> int:
        handle = next(self._handles)
        self._paths[handle] = path
        return handle
