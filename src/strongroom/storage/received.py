"""Uploads whose temporary file outlives the commit, for a server that has something to do before it may forget them.

The gateway publishes an object, then commits its receipt, and only then removes the temporary name. When it is killed
in between, the leftover tells the next start what was published without a receipt: its name holds kind, object and
label, and it is the same file as the object. Leftovers of others that are alive are under their flock and stay unseen.
Where the file system has no hard links the name moves at once, and such a gap is found by comparing log and store.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.base.objects import Kind, ObjectName
from strongroom.storage import temporary
from strongroom.storage.durable import rename_new
from strongroom.storage.local_upload import LocalUpload
from strongroom.storage.os_errors import store_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.storage.local import LocalStore

_PREFIX = "received-"
_NAME = re.compile(
    _PREFIX
    + r"(?P<kind>config|keys|snapshots|index|locks|data)-(?P<name>[0-9a-f]{64})-(?P<label>\w{1,64})-[0-9a-f]{16}\Z"
)
_LABEL = re.compile(r"\w{1,64}\Z", re.ASCII)
_NO_LINK = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class ReceivedUpload(LocalUpload):
    """An upload that keeps its temporary name after ``commit``, until ``release``."""

    def release(self) -> None:
        """Remove the temporary name: whatever had to be recorded is. Idempotent."""
        self._file.discard()

    def commit(self) -> None:
        """As the contract says; a refusal removes the temporary name, success leaves it."""
        try:
            self._publish_durably()
        except BaseException:
            self._file.discard()
            raise
        self._committed = True

    def abort(self) -> None:
        """As the contract says."""
        if not self._committed:
            self._file.discard()

    def _give_name(self) -> None:
        assert self._file.path is not None
        try:
            os.link(self._file.path, self._target)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            rename_new(self._file.path, self._target)
            self._file.path = None


def receive(store: LocalStore, name: ObjectName, label: str, size: int | None = None) -> ReceivedUpload:
    """Begin an object as ``store.stage`` does. ``label`` (letters, digits, ``_``) says whose it is.

    Raises ``ValueError`` for another label, and what ``stage`` raises.
    """
    if not _LABEL.match(label):
        raise ValueError(f"not a label: {label!r}")
    target = os.path.join(store.path, name.path)
    stem = f"{_PREFIX}{name.kind.value}-{name.name}-{label}-{secrets.token_hex(8)}"
    try:
        store.make_missing(os.path.dirname(target))
        file = temporary.open_named(store.path, store.modes.folder, stem)
    except OSError as error:
        raise store_error(error, target) from error
    return ReceivedUpload(file, store, target, name, size)


@dataclass(frozen=True, slots=True)
class Leftover:
    """What a writer that is gone left behind. ``published``: the object's name is this very file."""

    path: str
    name: ObjectName
    label: str
    size: int
    published: bool

    def discard(self) -> None:
        """Remove the temporary name. Idempotent."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def leftovers(store: LocalStore) -> Iterator[Leftover]:
    """What dead writers left behind in this repository. Raises nothing for a folder that is not there."""
    folder = os.path.join(store.path, temporary.FOLDER)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for text in names:
        found = _NAME.match(text)
        if found is None:
            continue
        path = os.path.join(folder, text)
        name = ObjectName(Kind(found["kind"]), found["name"])
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                status = os.fstat(descriptor)
                published = _same(status, os.path.join(store.path, name.path))
                yield Leftover(path, name, found["label"], status.st_size, published)
            finally:
                os.close(descriptor)


def _same(status: os.stat_result, path: str) -> bool:
    try:
        other = os.lstat(path)
    except FileNotFoundError:
        return False
    return (status.st_dev, status.st_ino) == (other.st_dev, other.st_ino)
