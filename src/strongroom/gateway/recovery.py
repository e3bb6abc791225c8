"""What an earlier run left: uploads without a receipt, unfinished files, and objects that were there before us.

Run in the background by the worker that holds the lease: the gateway serves at once, however much there is.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import sys
from typing import TYPE_CHECKING, Protocol

from strongroom.base.errors import StrongroomError
from strongroom.base.objects import CONFIG, CONFIG_NAME, NAMED_KINDS, Kind, ObjectName
from strongroom.gateway.intake import PREFIX, is_abandoned, temporary_folder
from strongroom.gateway.quota import ALL
from strongroom.receipts.leaf import LeafType
from strongroom.storage.durable import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.repositories import Repository
    from strongroom.gateway.worker import Services

_LEFTOVER = re.compile(PREFIX + r"-([a-z]+)-([0-9a-f]{64})-([0-9a-f]{32}|nobody)-[0-9a-f]{16}\Z")


def recover(services: Services, stopping: Callable[[], bool]) -> None:
    """Look through every repository once."""
    for repository in services.repositories.all():
        try:
            recover_repository(services, repository)
            if repository.state(fresh=True).adopting:
                adopt(services, repository, stopping)
        except (StrongroomError, OSError) as error:
            print(f"error: {repository.path}: {error}", file=sys.stderr, flush=True)
        if stopping():
            return
    if services.settings.max_size:
        _count(services, stopping)


def recover_repository(services: Services, repository: Repository) -> None:
    """Give objects whose upload was published without a receipt their receipt, and clear away unfinished files.

    A living upload holds the lock of its file; what is not locked was left by a process that has gone.
    """
    folder = temporary_folder(repository)
    for file in _names(folder):
        match = _LEFTOVER.match(file)
        if match is None or match[1] not in {kind.value for kind in Kind}:
            continue
        path = os.path.join(folder, file)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # its upload has just ended
        try:
            if is_abandoned(descriptor):
                name = CONFIG if match[1] == "config" else ObjectName(Kind(match[1]), match[2])
                _settle(services, repository, name, descriptor, path, "" if match[3] == "nobody" else match[3])
        finally:
            os.close(descriptor)


def _settle(
    services: Services, repository: Repository, name: ObjectName, descriptor: int, path: str, principal: str
) -> None:
    status = os.fstat(descriptor)
    with contextlib.suppress(FileNotFoundError):
        target = os.lstat(os.path.join(repository.path, name.path))
        if os.path.samestat(status, target) and name.kind is not Kind.LOCK:
            sync_folder(os.path.dirname(os.path.join(repository.path, name.path)))
            _record(services, repository, name, LeafType.RECOVERED, principal=principal, size=status.st_size)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


class Recorder(Protocol):
    """Whoever has a ledger: a worker's services, an operator's command."""

    ledger: Ledger


def adopt(services: Recorder, repository: Repository, stopping: Callable[[], bool]) -> None:
    """Give every object that has no receipt an ``adopted`` leaf with the store's stamp. Goes on where it ended."""
    lock = os.open(os.path.join(repository.own, "adopting.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # another worker does it
        for kind in (Kind.CONFIG, *NAMED_KINDS):
            if kind is Kind.LOCK:
                continue
            for info in repository.store.list(kind):
                if stopping():
                    return
                _record(services, repository, info.name, LeafType.ADOPTED, size=info.size, time_ns=info.modified_ns)
        repository.mark(adopting=0)
    finally:
        os.close(lock)


def _record(
    services: Recorder,
    repository: Repository,
    name: ObjectName,
    kind: LeafType,
    *,
    principal: str = "",
    size: int,
    time_ns: int | None = None,
) -> None:
    digest = name.name
    if name.name == CONFIG_NAME:
        with open(os.path.join(repository.path, name.path), "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    services.ledger.record(
        kind,
        repository.id,
        name,
        sha256=digest,
        size=size,
        principal=principal,
        time_ns=time_ns,
        unless_present=True,
    )


def _count(services: Services, stopping: Callable[[], bool]) -> None:
    """Count what is stored, for ``--max-size``; until this is done, only what arrived since counts."""
    size = objects = 0
    for repository in services.repositories.all():
        for kind in (Kind.CONFIG, *NAMED_KINDS):
            for info in repository.store.list(kind):
                size, objects = size + info.size, objects + 1
                if stopping():
                    return
    services.quotas.set_used(ALL, size, objects)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
