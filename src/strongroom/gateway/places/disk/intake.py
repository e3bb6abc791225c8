"""Taking an object in on a disk, in the one order that loses nothing:

write and hash into a file named for kind, name and principal → fsync → ask whether it may be published → link to the
final name, never replacing → fsync the folder → receipt committed → answer. A leftover of that name whose target is
the same file, after a crash or a failure of the database, is an object without a receipt, and gets one
(``leftovers``).

The same bytes again are success and no new receipt, and what is the same is decided by hashing both: a stored copy
that is damaged is an incident and no success.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from typing import TYPE_CHECKING

from strongroom.base.durable import make_folder, sync_file, sync_folder
from strongroom.base.errors import Damaged, Exists, Full, Unavailable
from strongroom.base.file_lock import try_lock
from strongroom.base.objects import Kind
from strongroom.gateway.http.buffers import buffer
from strongroom.gateway.places.arrival import Taken, WrongBytes
from strongroom.storage.local.os_errors import store_error

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.gateway.places.arrival import IncomingObject
    from strongroom.gateway.places.disk.folder import RepositoryFolder
    from strongroom.gateway.places.repository import ServedRepository

PREFIX = "gate"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def receive(repository: ServedRepository, folder: RepositoryFolder, arrival: IncomingObject) -> Taken:
    """As ``ServedRepository.receive``.

    Where the object is published and its receipt failed, what tells of it is left behind.
    """
    name, receipt = arrival.name, arrival.receipt
    target = os.path.join(folder.path, name.path)
    if os.access(target, os.F_OK, follow_symlinks=False):  # what is new, as most are, costs no exception
        taken = _compare_stream(arrival, target)
        with repository.publishing(arrival, None):  # nothing is added, but it may get a receipt
            receipt(taken.sha256, taken.size)
        return taken
    try:
        descriptor, temporary = _open(folder, name, arrival.principal)
    except OSError as error:
        raise store_error(error, target) from error
    unsettled = False
    try:
        digest = _write(descriptor, arrival)
        size = arrival.body.read
        if name.kind is not Kind.CONFIG and digest != name.name:
            raise WrongBytes("these bytes have another SHA-256 than the name says")
        os.fchmod(descriptor, folder.modes.file)
        sync_file(descriptor)
        with repository.publishing(arrival, size):
            try:
                _link(folder, temporary, target)
            except FileExistsError:
                _compare_stored(name, target, digest, size)
                receipt(digest, size)
                return Taken(digest, size, new=False)
            unsettled = True
            sync_folder(os.path.dirname(target))
            receipt(digest, size)
            unsettled = False
            return Taken(digest, size, new=True)
    except OSError as error:
        if error.errno in _FULL:
            raise Full("no space is left on the disk") from error
        raise store_error(error, target) from error
    finally:
        if not unsettled:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        os.close(descriptor)
        if unsettled:  # published, and the database is away: what is left tells who has to get a receipt
            folder.unsettled = True


def _open(folder: RepositoryFolder, name: ObjectName, principal: str) -> tuple[int, str]:
    """A file that says by its name what it will be, and by a lock that its writer lives."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    while True:
        file = f"{PREFIX}-{name.kind.value}-{name.name}-{principal or 'nobody'}-{secrets.token_hex(8)}"
        path = os.path.join(folder.temporary, file)
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileNotFoundError:
            os.stat(folder.path)  # never makes the repository anew: its disk may be unmounted
            make_folder(folder.own, folder.modes.folder)
            make_folder(folder.temporary, folder.modes.folder)
            continue
        if try_lock(descriptor) and os.fstat(descriptor).st_nlink == 1:
            return descriptor, path
        os.close(descriptor)  # a recovery took it for a leftover before we had locked it


def _link(folder: RepositoryFolder, temporary: str, target: str) -> None:
    try:
        os.link(temporary, target, follow_symlinks=False)
    except FileNotFoundError:
        place = os.path.dirname(target)  # rest-server makes a missing shard on demand, too
        if os.path.dirname(place) != folder.path:
            make_folder(os.path.dirname(place), folder.modes.folder)
        make_folder(place, folder.modes.folder)
        os.link(temporary, target, follow_symlinks=False)


def _write(descriptor: int, arrival: IncomingObject) -> str:
    body, view = arrival.body, buffer()
    digest = hashlib.sha256()
    while count := body.readinto(view):
        part = view[:count]
        if body.read > arrival.limit:
            raise Full(f"larger than {arrival.limit} bytes, the most for this kind")
        arrival.piece(count)
        digest.update(part)
        written = os.write(descriptor, part)
        while written < count:
            written += os.write(descriptor, part[written:])
    return digest.hexdigest()


def _compare_stream(arrival: IncomingObject, target: str) -> Taken:
    body, view = arrival.body, buffer()
    digest = hashlib.sha256()
    while count := body.readinto(view):
        if body.read > arrival.limit:
            raise Full(f"larger than {arrival.limit} bytes, the most for this kind")
        digest.update(view[:count])
    _compare_stored(arrival.name, target, digest.hexdigest(), body.read)
    return Taken(digest.hexdigest(), body.read, new=False)


def _compare_stored(name: ObjectName, target: str, digest: str, size: int) -> None:
    """Raise ``Exists`` unless the stored file has this hash; ``Damaged`` when it is not what its own name says."""
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Unavailable("the object went away while it was compared", subject=str(name)) from None
    except OSError as error:
        raise store_error(error, target) from error
    with os.fdopen(descriptor, "rb") as file:
        stored_size = os.fstat(file.fileno()).st_size
        if name.kind is not Kind.CONFIG and digest != name.name:
            raise Exists("other bytes stand under this name", subject=str(name))
        stored = hashlib.file_digest(file, "sha256").hexdigest() if stored_size == size else ""
        if stored == digest:
            sync_file(file.fileno())
            sync_folder(os.path.dirname(target))
            return
    if name.kind is Kind.CONFIG:
        raise Exists("a repository's config is written once", subject=str(name))
    raise Damaged("the stored copy is damaged", subject=str(name), hint="An incident was recorded.")
