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
from strongroom.gateway.found import record_found
from strongroom.gateway.places.disk import changes
from strongroom.gateway.places.disk.intake import PREFIX, temporary_folder
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.disk.place import DiskRepository

_LEFTOVER = re.compile(PREFIX + r"-([a-z]+)-([0-9a-f]{64})-([0-9a-f]{32}|nobody)-[0-9a-f]{16}\Z")


def settle_leftovers(ledger: Ledger, repository: DiskRepository) -> None:
    """Give objects whose upload was published without a receipt their receipt, and clear away unfinished files."""
    folder = temporary_folder(repository)
    for file in _names(folder):
        if file.startswith(changes.PREFIX):
            changes.settle_change(ledger, repository, file)
        match = _LEFTOVER.match(file)
        if match is None or match[1] not in {kind.value for kind in Kind}:
            continue
        path = os.path.join(folder, file)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # its upload has just ended
        try:
            if try_lock(descriptor):  # no other writer lives
                name = CONFIG if match[1] == "config" else ObjectName(Kind(match[1]), match[2])
                _settle(ledger, repository, name, descriptor, path, "" if match[3] == "nobody" else match[3])
        finally:
            os.close(descriptor)


def _settle(
    ledger: Ledger, repository: DiskRepository, name: ObjectName, descriptor: int, path: str, principal: str
) -> None:
    status = os.fstat(descriptor)
    with contextlib.suppress(FileNotFoundError):
        target = os.lstat(os.path.join(repository.path, name.path))
        if os.path.samestat(status, target) and name.kind is not Kind.LOCK:
            sync_folder(os.path.dirname(os.path.join(repository.path, name.path)))
            record_found(ledger, repository, name, LeafType.RECOVERED, principal=principal, size=status.st_size)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
