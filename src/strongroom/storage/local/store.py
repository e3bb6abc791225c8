"""A repository in a folder of this machine, in restic's layout and with its permissions.

Objects are regular files; a symbolic link in an object's place is neither listed nor followed.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.base.durable import give_folder, make_folder, open_folder, sync_folder
from strongroom.base.objects import NAMED_KINDS, Kind, ObjectName, is_object_name
from strongroom.storage.contract import GROUP, Info, Reader, Rows, Store, StoreKind, Upload
from strongroom.storage.local import temporary
from strongroom.storage.local.modes import PRIVATE, Modes, modes_of
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.upload import LocalUpload
from strongroom.storage.names import check_child

if TYPE_CHECKING:
    from collections.abc import Iterator

_TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SHARDS = tuple(f"{number:02x}" for number in range(256))


class LocalStore(Store):
    """A folder. ``modes`` overrides the permissions that restic's rules would give."""

    store_kind = StoreKind.LOCAL
    conditional_create = True
    connections = 2

    def __init__(self, path: str, *, modes: Modes | None = None) -> None:
        self.path = os.path.abspath(path)
        self._modes = modes
        self._fixed_modes = modes is not None
        self._swept = False
        self._anonymous = True

    @property
    def location(self) -> str:
        """The folder's absolute path."""
        return self.path

    @property
    def place(self) -> object:
        """The folder itself, whatever leads to it."""
        try:
            status = os.stat(self.path)
        except OSError:
            return os.path.realpath(self.path)
        return status.st_dev, status.st_ino

    def prepare(self, *, shards: bool = True) -> None:
        """Make the folders that restic's ``init`` makes, parents of the repository included.

        Without ``shards`` the 256 folders of packs are left to be made when they are needed.
        """
        mode = self.modes.folder
        try:
            _make_parents(self.path)
            make_folder(self.path, mode)
            for kind in NAMED_KINDS:
                make_folder(os.path.join(self.path, kind.value), mode)
            data = os.path.join(self.path, Kind.DATA.value)
            made = [_mkdir(os.path.join(data, shard), mode) for shard in _SHARDS if shards]
            if any(made):
                sync_folder(data)
        except OSError as error:
            raise store_error(error, error.filename or self.path) from error

    @property
    def modes(self) -> Modes:
        """The permissions for new files and folders; restic's rule looks at the config, once there is one."""
        if self._modes is None:
            self._modes = modes_of(os.path.join(self.path, "config"))
        return self._modes or PRIVATE

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """As the contract says; memory is that of one folder's names, and packs lie in 256 folders."""
        if kind is Kind.CONFIG:
            yield from self._list_config(after)
            return
        for group in self.list_groups(kind, after):
            for name, size, modified_ns in group:
                yield Info(ObjectName(kind, name), size, modified_ns)

    def list_groups(self, kind: Kind, after: str | None = None) -> Iterator[Rows]:
        """As the contract says."""
        if kind is Kind.CONFIG:
            yield from super().list_groups(kind, after)
            return
        folder = os.path.join(self.path, kind.value)
        if kind is not Kind.DATA:
            yield from _list_folder(folder, after)
            return
        for shard in _SHARDS:
            if after is None or shard >= after[:2]:
                yield from _list_folder(f"{folder}/{shard}", after, shard)

    def has_folder(self, kind: Kind) -> bool:
        """As the contract says."""
        return os.path.isdir(os.path.join(self.path, kind.value))

    def folder_of(self, kind: Kind) -> str | None:
        """As the contract says; packs lie in 256 folders, and the config in none."""
        return None if kind in (Kind.CONFIG, Kind.DATA) else os.path.join(self.path, kind.value)

    def stat(self, name: ObjectName) -> Info:
        """As the contract says."""
        path = f"{self.path}/{name.path}"
        try:
            status = os.lstat(path)
        except OSError as error:
            raise store_error(error, path) from error
        if not stat.S_ISREG(status.st_mode):
            raise errors.Refused("this is no regular file", subject=path)
        return Info(name, status.st_size, status.st_mtime_ns)

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """As the contract says; the reader has a descriptor."""
        path = f"{self.path}/{name.path}"
        try:
            descriptor = os.open(path, _TO_READ)
        except OSError as error:
            raise store_error(error, path) from error
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise errors.Refused("this is no regular file", subject=path)
            end = status.st_size if length is None else offset + length
            if offset > status.st_size or end > status.st_size:
                raise errors.Damaged(
                    f"the object has {status.st_size} bytes, {end} are needed",
                    subject=str(name),
                    hint=f"The file is {path}; it is shorter than the repository's index says.",
                )
            if offset:
                os.lseek(descriptor, offset, os.SEEK_SET)
        except BaseException:
            os.close(descriptor)
            raise
        return _LocalReader(descriptor, end - offset, path)

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """As the contract says: an unfinished file has no name, or a temporary one under flock."""
        if not self._swept:
            self._swept = True
            temporary.sweep(self.path)
        target = self._path(name)
        try:
            file = self._open_temporary(os.path.dirname(target))
            return LocalUpload(file, self.path, lambda: self.modes, target, name, size)
        except OSError as error:
            raise store_error(error, target) from error

    def _open_temporary(self, folder: str) -> temporary.TemporaryFile:
        if self._anonymous:
            try:
                file = temporary.open_anonymous(folder)
            except FileNotFoundError:
                self._make_missing(folder)
                file = temporary.open_anonymous(folder)
            if file is not None:
                return file
            self._anonymous = False
        self._make_missing(folder)
        return temporary.open_named(self.path, self.modes.folder)

    def _make_missing(self, folder: str) -> None:
        """Make an object's folder on demand, but never the repository's own: its disk may be unmounted."""
        if not os.path.isdir(self.path):
            raise errors.Refused("the folder of the repository is gone", subject=self.path, hint="Is its disk mounted?")
        if folder != self.path and not os.path.isdir(folder):
            parent = os.path.dirname(folder)
            if parent != self.path:
                self._make_folder(parent)
            self._make_folder(folder)

    def _make_folder(self, folder: str) -> None:
        modes = self.modes
        if make_folder(folder, modes.folder) and modes.owner is not None:
            give_folder(folder, modes.owner)

    def child(self, name: str) -> LocalStore:
        """The repository in a folder below this one."""
        check_child(name)
        return LocalStore(os.path.join(self.path, name), modes=self._modes if self._fixed_modes else None)

    def release_lock(self, name: str) -> None:
        """As the contract says."""
        path = self._path(ObjectName(Kind.LOCK, name))
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(error, path) from error

    def _path(self, name: ObjectName) -> str:
        return f"{self.path}/{name.path}"


class _LocalReader(Reader):
    """A range of an open file."""

    def __init__(self, descriptor: int, size: int, path: str) -> None:
        self.size = size
        self._left = size
        self._descriptor = descriptor
        self._path = path

    def read(self, limit: int = -1, /) -> bytes:
        """As the contract says."""
        wanted = self._left if limit < 0 else min(limit, self._left)
        parts: list[bytes] = []
        while wanted:
            try:
                part = os.read(self._descriptor, wanted)
            except OSError as error:
                raise store_error(error, self._path) from error
            if not part:
                raise errors.Damaged("the file became shorter while it was read", subject=self._path)
            self._left -= len(part)
            wanted -= len(part)
            if not parts and not wanted:
                return part
            parts.append(part)
        return b"".join(parts)

    def fileno(self) -> int:
        """The file's descriptor, at the range's first byte until something was read."""
        return self._descriptor

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _list_folder(folder: str, after: str | None, prefix: str = "") -> Iterator[Rows]:
    try:
        names = [name for name in os.listdir(folder) if is_object_name(name)]
        if not names:  # so are most folders of a small repository
            return
        with open_folder(folder) as descriptor:  # names are then looked up in it, not from the root each time
            if prefix or after is not None:
                names = [name for name in names if name.startswith(prefix) and (after is None or name > after)]
            names.sort()
            for start in range(0, len(names), GROUP):
                if group := _look_at(descriptor, names[start : start + GROUP]):
                    yield group
    except FileNotFoundError:
        return
    except OSError as error:
        raise store_error(error, folder) from error


def _look_at(folder: int, names: list[str]) -> Rows:
    """Those of the names that are regular files. Short, since it runs for each of millions."""
    found: Rows = []
    look, regular = os.stat, stat.S_IFREG
    for name in names:
        try:
            status = look(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            continue  # deleted since the folder was read
        if status.st_mode & 0o170000 == regular:
            found.append((name, status.st_size, status.st_mtime_ns))
    return found


def _mkdir(path: str, mode: int) -> bool:
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        return False
    return True


def _make_parents(path: str) -> None:
    """Make the folders above a repository, with the user's umask, each name durable."""
    missing: list[str] = []
    parent = os.path.dirname(path)
    while not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    for folder in reversed(missing):
        make_folder(folder, 0o777)
