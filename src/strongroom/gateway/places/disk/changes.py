"""Objects that leave their place on a disk, or come back to it: written down before, so that the log hears of it.

A file in ``tmp/`` says by its name what is about to move, and by a lock that its writer lives. One that is left behind
is compared with what lies there, and the log gets the leaf that it lacks.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from typing import TYPE_CHECKING

from strongroom.base.durable import make_folder, sync_folder
from strongroom.base.file_lock import try_lock
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.gateway.places.agreement import agree
from strongroom.storage.local.os_errors import store_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.disk.folder import RepositoryFolder
    from strongroom.gateway.places.repository import ServedRepository

PREFIX = "move"
_FILE = re.compile(PREFIX + r"-([a-z]+)-([0-9a-f]{64})-([0-9a-f]{32}|nobody)-[0-9a-f]{16}\Z")


@contextlib.contextmanager
def change(folder: RepositoryFolder, name: ObjectName, principal: str) -> Iterator[None]:
    """Within this an object is moved and the log told. What fails half-way is settled by a worker."""
    file = f"{PREFIX}-{name.kind.value}-{name.name}-{principal or 'nobody'}-{secrets.token_hex(8)}"
    path = os.path.join(folder.temporary, file)
    try:
        descriptor = _open(folder, path)
        if name.kind is not Kind.DATA:  # as for removal itself: a sync for each pack would cost minutes
            sync_folder(folder.temporary)
    except OSError as error:
        raise store_error(error, path) from error
    try:
        yield
    except BaseException:
        folder.unsettled = True
        raise
    else:
        os.unlink(path)
    finally:
        os.close(descriptor)


def _open(folder: RepositoryFolder, path: str) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            make_folder(folder.own, folder.modes.folder)
            make_folder(folder.temporary, folder.modes.folder)
            continue
        if try_lock(descriptor) and os.fstat(descriptor).st_nlink == 1:
            return descriptor
        os.close(descriptor)  # a recovery took it for a leftover before it was locked


def settle_change(ledger: Ledger, repository: ServedRepository, folder: RepositoryFolder, file: str) -> None:
    """Have the log say what became of a move that nobody is at work on any more. Raises ``Unavailable``."""
    match = _FILE.match(file)
    if match is None or match[1] not in {kind.value for kind in Kind}:
        return
    path = os.path.join(folder.temporary, file)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if try_lock(descriptor):
            name = CONFIG if match[1] == Kind.CONFIG.value else ObjectName(Kind(match[1]), match[2])
            agree(ledger, repository, name, "" if match[3] == "nobody" else match[3])
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    finally:
        os.close(descriptor)
