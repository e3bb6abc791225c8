"""What uploads to a disk left behind when their process or the database died: without a receipt, or unfinished.

A living upload holds the lock of its file; what is not locked was left by a process that has gone.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from strongroom.base.durable import sync_folder
from strongroom.base.file_lock import try_lock
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.gateway.places.disk import changes
from strongroom.gateway.places.disk.intake import PREFIX
from strongroom.gateway.places.found import record_found
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.disk.folder import RepositoryFolder
    from strongroom.gateway.places.repository import ServedRepository

_LEFTOVER = re.compile(PREFIX + r"-([a-z]+)-([0-9a-f]{64})-([0-9a-f]{32}|nobody)-[0-9a-f]{16}\Z")


def settle_leftovers(ledger: Ledger, repository: ServedRepository, folder: RepositoryFolder) -> None:
    """Give objects whose upload was published without a receipt their receipt, and clear away unfinished files."""
    for file in _names(folder.temporary):
        if file.startswith(changes.PREFIX):
            changes.settle_change(ledger, repository, folder, file)
        match = _LEFTOVER.match(file)
        if match is None or match[1] not in {kind.value for kind in Kind}:
            continue
        path = os.path.join(folder.temporary, file)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # its upload has just ended
        try:
            if try_lock(descriptor):  # no other writer lives
                name = CONFIG if match[1] == "config" else ObjectName(Kind(match[1]), match[2])
                target = os.path.join(folder.path, name.path)
                _settle(ledger, repository, name, target, descriptor, path, "" if match[3] == "nobody" else match[3])
        finally:
            os.close(descriptor)


def _settle(
    ledger: Ledger,
    repository: ServedRepository,
    name: ObjectName,
    target: str,
    descriptor: int,
    path: str,
    principal: str,
) -> None:
    status = os.fstat(descriptor)
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(status, os.lstat(target)) and name.kind is not Kind.LOCK:
            sync_folder(os.path.dirname(target))
            record_found(ledger, repository, name, LeafType.RECOVERED, principal=principal, size=status.st_size)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
