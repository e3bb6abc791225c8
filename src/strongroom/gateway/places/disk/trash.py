"""The trash: a custodian's delete moves an object to a dated folder, from which it can be brought back.

``<repository>/.strongroom/trash/<UTC date>/<kind>/<name>.<n>``. Nothing here unlinks: emptying an expired trash is a
command of its own.
"""

from __future__ import annotations

import datetime
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.base.durable import make_folder, rename_new, sync_folder
from strongroom.base.errors import Exists, Missing
from strongroom.base.objects import CONFIG_NAME, Kind, ObjectName
from strongroom.gateway.places.agreement import agree
from strongroom.receipts.log.leaf import LeafType
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.trash import dated_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.disk.folder import RepositoryFolder
    from strongroom.gateway.places.repository import ServedRepository


@dataclass(frozen=True, slots=True)
class Trashed:
    """An object in the trash."""

    date: str
    name: ObjectName
    generation: int
    path: str
    size: int


def utc_date(time_ns: int) -> datetime.date:
    """The date in UTC of nanoseconds since 1970."""
    return datetime.datetime.fromtimestamp(time_ns // 10**9, datetime.UTC).date()


def put_away(
    repository: ServedRepository, folder: RepositoryFolder, name: ObjectName, principal: str, ledger: Ledger
) -> None:
    """Move an object to the trash, and log it. What is not there is there no more already."""
    source = os.path.join(folder.path, name.path)
    try:
        size = os.lstat(source).st_size
    except FileNotFoundError:
        return
    date = utc_date(ledger.database.clock_ns()).isoformat()
    with repository.change(name, principal):
        try:
            generation = _move(folder, source, date, name)
        except FileNotFoundError:
            return  # a second request of the same kind was faster
        except OSError as error:
            raise store_error(error, source) from error
        detail = f"{date} generation {generation}"
        ledger.record(LeafType.TRASH, repository.id, name, size=size, principal=principal, detail=detail)
        agree(ledger, repository, name, principal)  # another request may have stored it meanwhile


def _move(folder: RepositoryFolder, source: str, date: str, name: ObjectName) -> int:
    target = os.path.join(folder.trash, date, name.kind.value)
    for one in (folder.own, folder.trash, os.path.dirname(target), target):
        make_folder(one, folder.modes.folder)
    generation = 0
    while True:
        try:
            rename_new(source, os.path.join(target, f"{name.name}.{generation}"))
            break
        except FileExistsError:
            generation += 1
    sync_folder(target)
    sync_folder(os.path.dirname(source))
    return generation


def entries(folder: RepositoryFolder, only: Kind | None = None) -> Iterator[Trashed]:
    """What is in the trash, the oldest date first; of one kind, where that is given."""
    for one in dated_files(folder.trash, Kind if only is None else (only,)):
        yield Trashed(one.date, one.name, one.generation, one.path, os.lstat(one.path).st_size)


def restore(
    repository: ServedRepository, folder: RepositoryFolder, one: Trashed, ledger: Ledger, principal: str = ""
) -> None:
    """Bring an object back to its place, and log it. Raises ``Exists`` when something stands there."""
    target = os.path.join(folder.path, one.name.path)
    digest = _digest(one)
    with repository.change(one.name, principal):
        try:
            make_folder(os.path.dirname(target), folder.modes.folder)
            rename_new(one.path, target)
            sync_folder(os.path.dirname(target))
            sync_folder(os.path.dirname(one.path))
        except FileExistsError:
            raise Exists("an object of this name is there", subject=str(one.name)) from None
        except OSError as error:
            raise store_error(error, target) from error
        detail = f"from {one.date}"
        ledger.record(
            LeafType.RESTORE,
            repository.id,
            one.name,
            sha256=digest,
            size=one.size,
            detail=detail,
            principal=principal,
        )
        agree(ledger, repository, one.name, principal)


def find(folder: RepositoryFolder, name: str) -> Trashed:
    """The newest generation of an object in the trash, by its name or ``config``. Raises ``Missing``."""
    wanted = CONFIG_NAME if name == "config" else name
    found = [one for one in entries(folder) if one.name.name == wanted]
    if not found:
        raise Missing("nothing of this name is in the trash", subject=name)
    return found[-1]


def find_sound(folder: RepositoryFolder, name: ObjectName) -> Trashed:
    """The newest generation that has the bytes that the name promises. Raises ``Missing``."""
    for one in reversed([one for one in entries(folder, name.kind) if one.name == name]):
        if _digest(one) == name.name:
            return one
    raise Missing("nothing in the trash has these bytes", subject=str(name))


def _digest(one: Trashed) -> str:
    with open(one.path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
