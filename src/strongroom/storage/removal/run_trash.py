"""What maintenance removes from a folder, kept for a while: moved out of the repository's sight, by the run.

``.strongroom/trash/<time>Z-<verb>/<kind>/<name>``, beside the dated folders of a gateway's trash, which looks at those
alone. A move is a rename within one file system: it costs nothing and frees nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from strongroom.base.durable import make_folder, rename_new, sync_folder
from strongroom.base.errors import Damaged, Exists
from strongroom.base.objects import Kind, ObjectName, is_object_name
from strongroom.base.own_files import open_own_file
from strongroom.base.record import record
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.trash import TRASH, names_in
from strongroom.storage.removal.contract import Removal
from strongroom.storage.removal.local import sync_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.storage.local.store import LocalStore

_RUN = re.compile(r"(\d{8}T\d{6})\.(\d{9})Z-([a-z]+)\Z", re.ASCII)
_ORDER = (Kind.DATA, Kind.INDEX, Kind.SNAPSHOT)
"""What names others comes back after them."""
_LONGEST = 300 << 20
"""Bytes; no index file is longer than 256 MiB."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@record
class KeptRun:
    """What one run removed: its folder's name, when it was (ns since 1970), the verb, objects and bytes by kind."""

    name: str
    time_ns: int
    verb: str
    objects: dict[Kind, int]
    bytes: int


def run_name(time_ns: int, verb: str) -> str:
    """The folder of a run; later ones sort behind."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y%m%dT%H%M%S}.{nanoseconds:09d}Z-{verb}"


class KeepingRemoval(Removal):
    """Moves objects of one folder into the trash. Safe to use from many threads."""

    def __init__(self, store: LocalStore, run: str) -> None:
        if _RUN.match(run) is None:
            raise ValueError("this is no name of a run")
        self._store = store
        self._folder = os.path.join(store.path, TRASH, run)
        self._guard = threading.Lock()
        self._made: set[Kind] = set()
        self._unsettled: set[str] = set()
        self.objects = 0
        """How many were moved."""
        self.bytes = 0
        """Their sizes in all."""

    def remove(self, name: ObjectName) -> None:
        """As the contract says, but that the object can be brought back. Not for keys and locks."""
        self.remove_unsettled(name)
        self.settle()

    def remove_unsettled(self, name: ObjectName) -> None:
        """As the contract says."""
        source = os.path.join(self._store.path, name.path)
        target = os.path.join(self._folder, name.kind.value, name.name)
        try:
            size = os.lstat(source).st_size
            self._make(name.kind)
            rename_new(source, target)
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(error, source) from error
        with self._guard:
            self.objects += 1
            self.bytes += size
        if name.kind is not Kind.DATA:
            self._unsettled |= {os.path.dirname(target), os.path.dirname(source)}

    def settle(self) -> None:
        """As the contract says."""
        sync_folders(self._unsettled)

    def _make(self, kind: Kind) -> None:
        with self._guard:
            if kind not in self._made:
                path = self._store.path
                for part in (*TRASH.split(os.sep), os.path.basename(self._folder), kind.value):
                    path = os.path.join(path, part)
                    make_folder(path, self._store.modes.folder)
                self._made.add(kind)


def kept_runs(store: LocalStore) -> list[KeptRun]:
    """What is in the trash, the oldest run first."""
    found = []
    for name in sorted(names_in(os.path.join(store.path, TRASH))):
        match = _RUN.match(name)
        if match is None:
            continue
        moment = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) - _EPOCH
        time_ns = (moment.days * 86400 + moment.seconds) * 1_000_000_000 + int(match[2])
        objects = dict.fromkeys(_ORDER, 0)
        size = 0
        for one, path in _objects(store, name):
            with contextlib.suppress(FileNotFoundError):
                size += os.lstat(path).st_size
                objects[one.kind] += 1
        found.append(KeptRun(name, time_ns, match[3], objects, size))
    return found


def bring_back(store: LocalStore, run: str, admits: Callable[[ObjectName, bytes], bool] = lambda *_: True) -> None:
    """Move all that a run removed to its place again, what names others last; the run is gone from the trash then.

    Idempotent: one that broke off is finished. An object that is there already with the same size stays, and its kept
    copy goes. ``admits(name, bytes)`` is asked of each index file once all packs are back: one that it refuses goes for
    good. Raises ``Exists`` for an object of another size, ``Full`` and the like.
    """
    unsynced = {os.path.join(store.path, Kind.DATA.value, shard) for shard in _shards(store)}
    for name, path in _objects(store, run):
        target = os.path.join(store.path, name.path)
        try:
            if name.kind is not Kind.DATA:
                sync_folders(unsynced)  # packs are durably back before anything names them
            if name.kind is Kind.INDEX and not admits(name, _read(path)):
                os.unlink(path)
                continue
            make_folder(os.path.dirname(target), store.modes.folder)
            _back(path, target, name)
            unsynced.add(os.path.dirname(target))
        except OSError as error:
            raise store_error(error, target) from error
    sync_folders(unsynced)
    _remove_folders(store, run)


def _read(path: str) -> bytes:
    """An index file's bytes, or more than any has; not those of a pipe that stands in its place."""
    try:
        with open_own_file(path) as file:
            return file.read(_LONGEST)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EISDIR):
            raise Damaged("is no regular file", subject=path, hint="Remove it: the rest comes back then.") from None
        raise store_error(error, path) from error


def _back(path: str, target: str, name: ObjectName) -> None:
    try:
        rename_new(path, target)
    except FileExistsError:
        if os.lstat(path).st_size != os.lstat(target).st_size:
            raise Exists(
                "another object of this name is there", subject=str(name), hint=f"The kept one is {path}."
            ) from None
        os.unlink(path)


def purge_run(store: LocalStore, run: str) -> None:
    """Remove for good what a run has put into the trash. Raises ``Refused`` and the like.

    What names others goes before them, so that what a killed purge leaves can still be brought back.
    """
    for _, path in reversed(list(_objects(store, run))):
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise store_error(error, path) from error
    _remove_folders(store, run)


def _objects(store: LocalStore, run: str) -> Iterator[tuple[ObjectName, str]]:
    """The objects of a run with their paths, packs first and snapshots last."""
    if _RUN.match(run) is None:
        raise ValueError("this is no name of a run")
    for kind in _ORDER:
        folder = os.path.join(store.path, TRASH, run, kind.value)
        for name in sorted(names_in(folder)):
            if is_object_name(name):
                yield ObjectName(kind, name), os.path.join(folder, name)


def _remove_folders(store: LocalStore, run: str) -> None:
    """Empty ones only: what somebody else put there stays."""
    top = os.path.join(store.path, TRASH, run)
    for path in (*(os.path.join(top, kind.value) for kind in _ORDER), top):
        with contextlib.suppress(OSError):
            os.rmdir(path)
    with contextlib.suppress(OSError):
        sync_folder(os.path.dirname(top))


def _shards(store: LocalStore) -> list[str]:
    return [name for name in names_in(os.path.join(store.path, Kind.DATA.value)) if len(name) == 2]
