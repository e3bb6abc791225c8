"""Files of ours in a folder of this machine."""

from __future__ import annotations

import contextlib
import errno
import os

from strongroom.base.durable import make_folder, sync_folder, write_new
from strongroom.base.errors import Exists, LimitExceeded, Missing
from strongroom.base.own_files import open_own_file
from strongroom.storage.names import OWN_LARGEST, own_path

_NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.ENXIO)
"""There is none of this name, or what has it is no regular file."""


class FolderFiles:
    """Files in a local folder; implements ``OwnFiles``. A file appears whole, by a link that never replaces."""

    def __init__(self, root: str, *, mode: int = 0o700) -> None:
        """``mode``: the permissions of folders that are made."""
        self._root = root
        self._mode = mode

    def write_once(self, path: str, data: bytes) -> None:
        """Make the file exist, durable on return."""
        target = self._at(path)
        with contextlib.suppress(Missing):
            return self._same(path, data)
        parent = os.path.dirname(target)
        self._folders(parent)
        temporary = os.path.join(parent, f".{os.path.basename(target)}.{os.getpid()}.{os.urandom(4).hex()}")
        if not write_new(target, data, temporary):
            try:
                self._same(path, data)
            except Missing:
                raise Exists("there is something of this name that is no file", subject=path) from None
        return None

    def read(self, path: str) -> bytes:
        """The whole file. What is no regular file counts as missing: who may write in the folder may have put a pipe
        there, and whoever opened it would wait for ever. Raises ``LimitExceeded`` too."""
        try:
            with open_own_file(self._at(path)) as file:
                found = file.read(OWN_LARGEST + 1)
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            raise Missing("not in the folder", subject=path) from None
        if len(found) > OWN_LARGEST:
            raise LimitExceeded("is too large for a file of ours", subject=path)
        return found

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder."""
        try:
            with os.scandir(self._at(folder)) as entries:
                return [entry.name for entry in entries if not entry.is_dir() and not entry.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def folders(self, folder: str) -> list[str]:
        """The names of the folders in a folder."""
        try:
            with os.scandir(self._at(folder)) as entries:
                return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _at(self, path: str) -> str:
        return os.path.join(self._root, own_path(path))

    def _same(self, path: str, data: bytes) -> None:
        if self.read(path) != data:
            raise Exists("the folder holds another file here, which is never replaced", subject=path)

    def _folders(self, parent: str) -> None:
        missing = []
        while not os.path.isdir(parent):
            if os.path.lexists(parent) and not os.path.isdir(parent):  # it may be there since
                raise Exists("there is a file where a folder is to be", subject=parent)
            missing.append(parent)
            parent = os.path.dirname(parent)
        for folder in reversed(missing):
            if not make_folder(folder, self._mode):  # another's, whose name may not be durable yet
                sync_folder(os.path.dirname(folder))
