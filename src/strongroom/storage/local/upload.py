"""An object on its way into a folder: written, synced, given its name, the name synced."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.base.durable import give, set_mode, sync_file, sync_folder
from strongroom.storage.contract import Upload, check_size
from strongroom.storage.local import temporary
from strongroom.storage.local.os_errors import store_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.objects import ObjectName
    from strongroom.storage.local.modes import Modes

_BLOCK = 1 << 20


class LocalUpload(Upload):
    """A file without its name yet, in the repository at ``root``. Takes over ``file``; asks for the permissions late,
    since they follow the config, which may be this very file."""

    def __init__(
        self,
        file: temporary.TemporaryFile,
        root: str,
        modes: Callable[[], Modes],
        target: str,
        name: ObjectName,
        size: int | None,
    ) -> None:
        self._file = file
        self._root = root
        self._modes = modes
        self._target = target
        self._name = name
        self._size = size
        self._written = 0

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        """As the contract says."""
        try:
            temporary.write_all(self._file.descriptor, data)
        except OSError as error:
            self.abort()
            raise store_error(error, self._target) from error
        self._written += memoryview(data).nbytes

    def commit(self) -> None:
        """As the contract says."""
        try:
            check_size(self._name, self._size, self._written)
            self._commit()
        except OSError as error:
            raise store_error(error, self._target) from error
        finally:
            self.abort()

    def _commit(self) -> None:
        descriptor = self._file.descriptor
        modes = self._modes()
        if modes.owner is not None:
            give(descriptor, modes.owner)
        set_mode(descriptor, modes.file)
        sync_file(descriptor)
        try:
            temporary.publish(self._file, self._root, modes.folder, self._target)
        except FileExistsError:
            if not _same_file_bytes(descriptor, self._target):
                raise errors.Exists(
                    "other bytes stand under this name already",
                    subject=str(self._name),
                    hint=f"The file is {self._target}.",
                ) from None
        sync_folder(os.path.dirname(self._target))

    def abort(self) -> None:
        """As the contract says."""
        self._file.discard()


def _same_file_bytes(descriptor: int, path: str) -> bool:
    """Whether the file at ``path`` holds what the open file holds; syncs it when it does. Raises OSError."""
    other = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        if os.fstat(other).st_size != size:
            return False
        for position in range(0, size, _BLOCK):
            if os.pread(descriptor, _BLOCK, position) != os.pread(other, _BLOCK, position):
                return False
        sync_file(other)
        return True
    finally:
        os.close(other)
